//! The watches: one for each kind, feeding the world and adding what each observation affects to the queue.
//! Nothing is decided here.

use futures::{Stream, StreamExt};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, Client, Resource,
    runtime::{
        WatchStreamExt,
        utils::Backoff,
        watcher::{self, ListSemantic, watcher},
    },
};
use serde::de::DeserializeOwned;
use std::{fmt::Debug, pin::pin, sync::Arc, time::Duration};

use super::{
    Context,
    api_error::with_sources,
    pages,
    queue::Adder,
    readable::Readable,
    sharing::{Conditioned, Pool},
    store::{self, Doubt},
};
use crate::{
    api::{Filing, Instance, InstanceClass, ServiceNumber, ServiceNumberRequest},
    planted::{self, Bug},
    rules::{
        kept::Kept,
        ledger::WentBack,
        world::{ObjectKey, Observation, Seen, Work},
    },
};

const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why a watch ends the process: going on would issue from a ledger that is not the whole one.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fatal {
    /// The store is older than what was seen of it.
    #[error("{0}. Was etcd restored from a backup? Keep the operators stopped and follow docs/restore.md")]
    StoreWentBack(WentBack),
    /// A record that this version does not understand.
    #[error(
        "record {record} cannot be read: {error}. Is it from a newer version of the operator? Run that version: \
         without every record nothing may be issued"
    )]
    UnreadableRecord {
        /// Its name.
        record: String,
        /// What is wrong with it.
        error: String,
    },
}

impl From<WentBack> for Fatal {
    fn from(back: WentBack) -> Self {
        Self::StoreWentBack(back)
    }
}

/// Watches every kind, the namespaced ones in one namespace or in all, for ever.
pub async fn watch_all(context: Arc<Context>, adder: Adder, namespace: Option<String>) -> Fatal {
    let client = context.client.clone();
    let pump = |result: Result<std::convert::Infallible, Fatal>| match result {
        Err(fatal) => fatal,
    };
    let (c, a, n) = (&context, &adder, namespace.as_deref());
    // Boxed: what is large is not moved about on the stack, whose pages are kept.
    tokio::select! {
        back = store::guard(c) => Fatal::StoreWentBack(back),
        end = Box::pin(watch::<InstanceClass>(c, a, Api::all(client.clone()), Observation::Class, skip)) => pump(end),
        end = Box::pin(watch::<Instance>(c, a, scoped(&client, n), Observation::Instance, skip)) => pump(end),
        end = Box::pin(watch::<ServiceNumberRequest>(c, a, scoped(&client, n), Observation::Request, skip)) => pump(end),
        end = Box::pin(watch::<Filing>(c, a, scoped(&client, n), Observation::Filing, skip)) => pump(end),
        end = Box::pin(watch::<ServiceNumber>(c, a, Api::all(client.clone()), Observation::Record, refuse)) => pump(end),
    }
}

fn scoped<K>(client: &Client, namespace: Option<&str>) -> Api<Readable<K>>
where
    K: Resource<Scope = kube::core::NamespaceResourceScope>,
    K::DynamicType: Default,
{
    namespace.map_or_else(|| Api::all(client.clone()), |n| Api::namespaced(client.clone(), n))
}

/// What to do about an object that cannot be read.
type Unreadable = fn(&ObjectKey, &str) -> Result<(), Fatal>;

/// One object of a user that cannot be read must not keep the others from being served.
#[expect(clippy::unnecessary_wraps, reason = "the other choice fails")]
fn skip(object: &ObjectKey, error: &str) -> Result<(), Fatal> {
    tracing::error!(%object, error, "an object cannot be read and is left alone; correct it, or run a newer operator");
    Ok(())
}

fn refuse(record: &ObjectKey, error: &str) -> Result<(), Fatal> {
    Err(Fatal::UnreadableRecord { record: record.name.to_string(), error: error.to_owned() })
}

async fn watch<K>(
    context: &Arc<Context>,
    adder: &Adder,
    api: Api<Readable<K>>,
    observation: fn(Seen<K>) -> Observation,
    unreadable: Unreadable,
) -> Result<std::convert::Infallible, Fatal>
where
    K: Conditioned + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let kind = K::plural(&()).into_owned();
    loop {
        // A list as of now, not what an API server that lags has in its cache: what is old may lack a record.
        let config = watcher::Config {
            list_semantic: ListSemantic::MostRecent,
            page_size: Some(pages::size(pages::objects(&api).await)),
            ..watcher::Config::default()
        };
        let events = watcher(api.clone(), config).backoff(Pauses::default());
        follow(context, adder, events, observation, unreadable, &kind).await?;
        // A list that could not be confirmed is not taken: it begins anew.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// The library's pauses between tries, but none in which a server that is back goes unnoticed for long.
#[derive(Default)]
struct Pauses(watcher::DefaultBackoff);

impl Iterator for Pauses {
    type Item = Duration;
    fn next(&mut self) -> Option<Duration> {
        self.0.next().map(|pause| pause.min(LONGEST_PAUSE))
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.0.reset();
    }
}

async fn follow<K: Conditioned + Clone>(
    context: &Arc<Context>,
    adder: &Adder,
    events: impl Stream<Item = watcher::Result<watcher::Event<Readable<K>>>>,
    observation: fn(Seen<K>) -> Observation,
    unreadable: Unreadable,
    kind: &str,
) -> Result<(), Fatal> {
    let mut events = pin!(events);
    let mut listed: Vec<Arc<Kept<K>>> = Vec::new();
    let mut last_error = None;
    let mut texts = Pool::default();
    let mut read = |object: Readable<K>| match object.read() {
        Ok(object) => {
            let mut object = Kept::from(object);
            texts.share(&mut object);
            Ok(Ok(Arc::new(object)))
        }
        Err((key, error)) => unreadable(&key, &error).map(|()| Err(key)),
    };
    while let Some(event) = events.next().await {
        let seen = match event {
            Ok(watcher::Event::Init) => {
                listed.clear();
                continue;
            }
            Ok(watcher::Event::InitApply(object)) => {
                listed.extend(read(object)?.ok());
                continue;
            }
            Ok(watcher::Event::InitDone) => {
                // Whatever made a kind be listed anew may have been a restore.
                if !context.missing().contains(&kind) {
                    match store::confirm(context).await {
                        Ok(()) => {}
                        Err(Doubt::WentBack(back)) => return Err(back.into()),
                        Err(Doubt::Unanswered(failure)) => {
                            tracing::warn!(kind, %failure, "a list is not taken: the store did not say how far it is");
                            return Ok(());
                        }
                    }
                }
                tracing::info!(kind, count = listed.len(), "listed");
                Seen::Listed(std::mem::take(&mut listed))
            }
            Ok(watcher::Event::Apply(object)) => read(object)?.map_or_else(Seen::Unreadable, Seen::Applied),
            Ok(watcher::Event::Delete(object)) => read(object)?.map_or_else(Seen::Unreadable, Seen::Deleted),
            Err(error) => {
                context.meter.watch_failed(kind);
                context.watches.failed(kind);
                store::doubt(context);
                let text = explain(kind, &error);
                // Said once, not at every try.
                if last_error.as_ref() != Some(&text) {
                    tracing::warn!(kind, "{text}");
                    last_error = Some(text);
                }
                if planted::is_on(Bug::WatchNotBegunAnew) {
                    std::future::pending::<()>().await;
                }
                continue;
            }
        };
        last_error = None;
        if let (Seen::Deleted(object), "servicenumbers") = (&seen, kind) {
            tracing::error!(
                record = object.name(),
                "a record of the ledger was deleted; nothing is issued on its key until it is restored"
            );
            context.meter.record_lost();
        }
        let listed_first = matches!(seen, Seen::Listed(_)) && context.missing().contains(&kind);
        let (said, work) = context.learn(|world| {
            let observation = observation(seen);
            let said = world.only_said(&observation);
            (said, world.observe(observation).map(|work| world.unanswered_first(work)))
        });
        let work = work?;
        if listed_first && kind == "servicenumbers" {
            for record in context.decide(|world, _| world.ledger.holes()) {
                tracing::error!(
                    record,
                    "a record of the ledger is missing; nothing is issued on its key until it is restored"
                );
                context.meter.record_lost();
            }
        }
        match said.filter(|said| work.iter().all(|work| work == said)) {
            Some(said) => adder.hear(said),
            None => adder.add(work),
        }
    }
    Ok(())
}

fn explain(kind: &str, error: &watcher::Error) -> String {
    let (watcher::Error::InitialListFailed(kube::Error::Api(status))
    | watcher::Error::WatchStartFailed(kube::Error::Api(status))
    | watcher::Error::WatchError(status)) = error
    else {
        return format!("watching {kind} failed; trying again. {}", with_sources(error));
    };
    let text = with_sources(error);
    match status.code {
        404 => format!(
            "{kind} are not served: apply the CRDs (`kubectl apply -k deploy/`); trying again. {text}"
        ),
        403 => format!(
            "not allowed to read {kind}: bind the ClusterRole icp-filing-operator (`kubectl apply -k deploy/`); trying again. {text}"
        ),
        401 => {
            format!("the API server does not know who the operator is: check its token; trying again. {text}")
        }
        _ => format!("watching {kind} failed; trying again. {text}"),
    }
}

/// All work there is, from time to time: a deletion that no watch showed is found this way.
pub async fn resync(context: Arc<Context>, adder: Adder, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        adder.add(everything(&context));
    }
}

/// All work there is, once every kind was listed.
pub fn everything(context: &Context) -> Vec<Work> {
    let work = context.decide(|world, _: Timestamp| {
        world.is_complete().then(|| world.unanswered_first(world.everything()))
    });
    work.unwrap_or_default()
}
