//! When requests were answered, as a watch shows it to a user. It reads no more of an object than it needs, so that
//! measuring takes little of what is measured.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use kube::Client;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::core::Request;
use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::fixture::{Cluster, Who, eventually, must};
use crate::stored::Batch;

/// How long a watch that failed is left alone.
const PAUSE: Duration = Duration::from_millis(50);
/// How long an API server may take until it answers a list.
const LONG: Duration = Duration::from_mins(1);

/// What was said to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its number.
    Number,
    /// That it is stalled.
    Stalled,
}

/// The answers to the requests of a namespace.
#[derive(Debug)]
pub struct Answers {
    times: Arc<Mutex<HashMap<String, (Answer, Instant)>>>,
    count: watch::Receiver<usize>,
    _stop: DropGuard,
}

#[derive(Clone, Debug, Deserialize)]
struct Seen {
    metadata: Metadata,
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    resource_version: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    service_number: Option<String>,
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
}

#[derive(Debug, Deserialize)]
struct List {
    metadata: ListMetadata,
    items: Vec<Seen>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMetadata {
    resource_version: String,
}

impl Seen {
    fn answer(&self) -> Option<Answer> {
        if self.status.service_number.is_some() {
            return Some(Answer::Number);
        }
        let stalled = self.status.conditions.iter().any(|c| c.type_ == "Stalled" && c.status == "True");
        stalled.then_some(Answer::Stalled)
    }
}

impl Answers {
    /// Follows the requests of a batch from now on.
    pub async fn follow(cluster: &Cluster, batch: &Batch) -> Self {
        // The list is for its revision.
        Self::begin(cluster, batch, ListParams::default().limit(1)).await
    }

    /// The same, where what is answered already counts too.
    pub async fn follow_all(cluster: &Cluster, batch: &Batch) -> Self {
        Self::begin(cluster, batch, ListParams::default()).await
    }

    async fn begin(cluster: &Cluster, batch: &Batch, which: ListParams) -> Self {
        let (namespace, prefix) = (&batch.namespace, format!("{}-", batch.name));
        let client = cluster.client(Who::PlatformAdmin).await;
        let path = format!("/apis/icp-filing.dev/v1alpha1/namespaces/{namespace}/servicenumberrequests");
        let requests = Request::new(path);
        // An API server that has just started asks for patience.
        let list: List = eventually("list of requests", LONG, async || {
            let list = must("list requests", requests.list(&which));
            client.request(list).await.map_err(|error| error.to_string())
        })
        .await;
        let times = Arc::new(Mutex::new(HashMap::new()));
        let (said, count) = watch::channel(0);
        let (stop, known) = (CancellationToken::new(), Arc::clone(&times));
        let take = move |seen: &Seen| {
            let Some(answer) = seen.answer().filter(|_| seen.metadata.name.starts_with(&prefix)) else {
                return;
            };
            let mut times = known.lock().unwrap_or_else(PoisonError::into_inner);
            // The first answer counts, as for somebody who waits for it.
            times.entry(seen.metadata.name.clone()).or_insert_with(|| (answer, Instant::now()));
            said.send_replace(times.len());
        };
        list.items.iter().for_each(&take);
        let stopped = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                () = watch_from(client, requests, list.metadata.resource_version, take) => {}
            }
        });
        Self { times, count, _stop: stop.drop_guard() }
    }

    /// Waits until so many were answered.
    pub async fn until(&self, count: usize, within: Duration) {
        let mut counted = self.count.clone();
        let reached = tokio::time::timeout(within, counted.wait_for(|now| *now >= count)).await;
        let now = *self.count.borrow();
        assert!(matches!(reached, Ok(Ok(_))), "after {} s {now} of {count} are answered", within.as_secs());
    }

    /// When each request was answered, and how.
    pub fn times(&self) -> HashMap<String, (Answer, Instant)> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many a second, between the first answer and the last.
    pub fn rate(&self) -> f64 {
        let times = self.times();
        let all = || times.values().map(|(_, time)| *time);
        let (Some(first), Some(last)) = (all().min(), all().max()) else { return f64::NAN };
        crate::report::number(times.len() - 1) / (last - first).as_secs_f64()
    }
}

/// Watches for ever, from a revision on. The API server ends the watch of somebody who is behind, and it may be away
/// for a while.
async fn watch_from(client: Client, requests: Request, mut since: String, take: impl Fn(&Seen)) {
    loop {
        let ended = watch_once(&client, &requests, &mut since, &take).await;
        if let Err(kube::Error::Api(status)) = &ended {
            assert!(status.code != 410, "the past that a watch asks for is gone: {status}");
        }
        if ended.is_err() {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Watches until the API server ends it, and keeps the revision that was seen last.
async fn watch_once(
    client: &Client,
    requests: &Request,
    since: &mut String,
    take: &impl Fn(&Seen),
) -> kube::Result<()> {
    let parameters = WatchParams::default().disable_bookmarks();
    let watch = must("watch requests", requests.watch(&parameters, since));
    let mut events = std::pin::pin!(client.request_events::<Seen>(watch).await?);
    while let Some(event) = events.try_next().await? {
        match event {
            WatchEvent::Added(seen) | WatchEvent::Modified(seen) => {
                take(&seen);
                *since = seen.metadata.resource_version;
            }
            WatchEvent::Deleted(seen) => *since = seen.metadata.resource_version,
            WatchEvent::Bookmark(_) => {}
            WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
        }
    }
    Ok(())
}
