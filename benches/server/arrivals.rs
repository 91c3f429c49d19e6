//! Requests that arrive by the clock, whether or not those before were served, and how long each waits for its number.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Request as Call;
use kube::Client;
use kube::api::PostParams;
use kube::core::Request;
use serde_json::to_vec;
use tokio::task::JoinSet;

use crate::answered::{Answer, Answers};
use crate::fixture::{Cluster, Who, must};
use crate::report::{millis, percentile};
use crate::scene::request;
use crate::stored::Batch;

/// How long the last of them may wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// How requests arrive.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The time from one burst to the next.
    pub every: Duration,
    /// How many come at once.
    pub burst: usize,
    /// How many bursts there are.
    pub bursts: usize,
}

impl Pace {
    /// So many a second, in bursts of a size, for a time.
    pub fn new(rate: f64, burst: u32, time: Duration) -> Self {
        let every = Duration::from_secs_f64(f64::from(burst) / rate);
        let bursts = usize::try_from(time.as_nanos() / every.as_nanos().max(1)).unwrap_or(1).max(1);
        Self { every, burst: usize::try_from(burst).unwrap_or(1), bursts }
    }

    /// How many there are in all.
    pub fn count(self) -> usize {
        self.burst * self.bursts
    }
}

/// When requests were sent, and how long they waited, in milliseconds.
#[derive(Clone, Debug)]
pub struct Waits(Vec<(Instant, f64)>);

impl Waits {
    /// The time that half of them did not wait.
    pub fn p50(&self) -> f64 {
        percentile(&self.waits(), 50)
    }

    /// The time that 99 of a hundred did not wait.
    pub fn p99(&self) -> f64 {
        percentile(&self.waits(), 99)
    }

    /// The longest.
    pub fn longest(&self) -> f64 {
        percentile(&self.waits(), 100)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Those of requests that were sent before a moment.
    pub fn before(&self, moment: Instant) -> Self {
        Self(self.0.iter().filter(|(sent, _)| *sent < moment).copied().collect())
    }

    fn waits(&self) -> Vec<f64> {
        self.0.iter().map(|(_, wait)| *wait).collect()
    }
}

/// Creates the requests of a batch, whose instances are declared, and waits for their numbers.
pub async fn arrive(cluster: &Cluster, batch: &Batch, pace: Pace) -> Waits {
    let client = cluster.client(Who::Alice).await;
    let answers = Answers::follow(cluster, batch).await;
    // Each on another instance than the one before it, as far as there are enough.
    let names = (0..batch.requests).flat_map(|k| (0..batch.instances).map(move |at| (at, k)));
    let mut calls = names.map(|(at, k)| (batch.request(at, k), creation(batch, at, k)));
    let calls: Vec<_> = calls.by_ref().take(pace.count()).collect();
    assert_eq!(calls.len(), pace.count(), "a batch is large enough for its requests");
    let sent: Arc<Mutex<HashMap<String, Instant>>> = Arc::default();
    let mut creations = JoinSet::new();
    let mut clock = tokio::time::interval(pace.every);
    let mut left = calls.into_iter();
    for _ in 0..pace.bursts {
        clock.tick().await;
        for (name, call) in left.by_ref().take(pace.burst) {
            creations.spawn(create(client.clone(), name, call, Arc::clone(&sent)));
        }
    }
    while let Some(ended) = creations.join_next().await {
        must("create a request", ended);
    }
    answers.until(pace.count(), PATIENCE).await;
    let sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
    let waits = answers.times().into_iter().map(|(name, (answer, time))| {
        assert_eq!(answer, Answer::Number, "{name}");
        (sent[&name], millis(time.saturating_duration_since(sent[&name])))
    });
    Waits(waits.collect())
}

/// The create of a request, as a user sends it.
pub fn creation(batch: &Batch, at: usize, k: usize) -> Call<Vec<u8>> {
    let mut manifest = request(&batch.request(at, k), &batch.instance(at));
    manifest["metadata"]["namespace"] = batch.namespace.clone().into();
    let path = format!("/apis/icp-filing.dev/v1alpha1/namespaces/{}/servicenumberrequests", batch.namespace);
    let body = must("write a request", to_vec(&manifest));
    must("prepare a create", Request::new(path).create(&PostParams::default(), body))
}

async fn create(
    client: Client,
    name: String,
    call: Call<Vec<u8>>,
    sent: Arc<Mutex<HashMap<String, Instant>>>,
) {
    sent.lock().unwrap_or_else(PoisonError::into_inner).insert(name, Instant::now());
    must("create a request", client.request_text(call).await);
}
