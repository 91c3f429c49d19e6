//! Whether the store is still the one that was seen: asked of the store itself, from time to time and whenever a kind
//! is listed anew. A watch does not show it: on a store that went back it waits, silently, for a revision that was
//! there already.
//!
//! The question is a list without a revision, which an API server answers as of now however far its own caches lag:
//! late, perhaps, but not old. So an API server that lags is not taken for a store that was restored.
//!
//! Nobody restores a store that serves. So after a write or a watch failed, and after a time without an answer, it is
//! asked before the ledger is written to again: what the operator had begun would otherwise be the first to be written
//! to a store that was put back, and would then look like its newest change.

use kube::{Api, Client, ResourceExt, api::ListParams};
use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;

use super::{
    Context,
    api_error::{CALL_TIMEOUT, Failure, bounded},
};
use crate::{
    api::ServiceNumber,
    rules::{
        high_water::{HighWater, Shown},
        ledger::{WentBack, revision_of},
    },
};

/// How often the store is asked although nothing happened.
const EVERY: Duration = Duration::from_secs(10);
/// How long an answer holds: two rounds, so that one that is late costs nothing.
const HOLDS: Duration = Duration::from_secs(20);

/// What is remembered of the store beside its records.
#[derive(Debug, Default)]
pub struct Seen {
    revision: AtomicU64,
    doubt: Notify,
    trust: Mutex<Trust>,
    /// One asks for all.
    asking: tokio::sync::Mutex<()>,
}

/// Whether the store may be written to without asking it first.
#[derive(Debug)]
struct Trust {
    /// When it was asked last, where nothing spoke against it since.
    since: Option<Instant>,
    /// How far it was seen to be when it was doubted first: what it shows later may be of another one.
    before: Option<HighWater>,
    /// Counts what spoke against it, so that an answer settles only what was before the question.
    doubts: u64,
}

impl Default for Trust {
    /// What a process begins with it has just listed.
    fn default() -> Self {
        Self { since: Some(Instant::now()), before: None, doubts: 0 }
    }
}

impl Seen {
    /// The store was seen at a revision.
    pub fn at(&self, revision: u64) {
        self.revision.fetch_max(revision, Ordering::Relaxed);
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision.load(Ordering::Relaxed)
    }

    /// What was created after the store was at `before` came out at `revision`.
    pub(super) fn created(&self, before: u64, revision: u64) {
        if revision <= before {
            self.doubt.notify_one();
        }
    }

    fn trust(&self) -> MutexGuard<'_, Trust> {
        self.trust.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_trusted(&self) -> bool {
        self.trust().since.is_some_and(|since| since.elapsed() < HOLDS)
    }
}

/// What stands against going on.
#[derive(Debug)]
pub enum Doubt {
    /// The store went back.
    WentBack(WentBack),
    /// The store did not answer.
    Unanswered(Failure),
}

/// Asks the store how far it is, and for a record.
pub async fn ask(client: &Client, record: Option<&str>) -> Result<Shown, Failure> {
    let api: Api<ServiceNumber> = Api::all(client.clone());
    // No revision: as of now.
    let params = match record {
        Some(name) => ListParams::default().fields(&format!("metadata.name={name}")),
        None => ListParams::default().limit(1),
    };
    let list = bounded(api.list_metadata(&params)).await?;
    let revision = list.metadata.resource_version.as_deref().and_then(|v| v.parse().ok());
    let revision = revision.ok_or_else(|| Failure::Unknown("a list without a revision".to_owned()))?;
    let found = list.items.iter().find(|r| Some(r.name_any().as_str()) == record);
    Ok(Shown { revision, record: found.map(|r| revision_of(&r.metadata)) })
}

/// How far the store was seen to be.
#[must_use]
pub fn high_water(context: &Context) -> HighWater {
    let newest = context.decide(|world, _| world.ledger.newest());
    HighWater { revision: context.store.revision(), newest }
}

/// A write or a watch failed: who answers next may have another store.
pub fn doubt(context: &Context) {
    let known = context.store.trust().before.is_some();
    let before = (!known).then(|| high_water(context));
    let mut trust = context.store.trust();
    trust.since = None;
    trust.before = trust.before.take().or(before);
    trust.doubts += 1;
}

/// A write failed: it speaks against the store where nobody knows what became of it.
pub(super) fn doubted_by(context: &Context, failure: &Failure) {
    if matches!(failure, Failure::Unknown(_)) {
        doubt(context);
    }
}

/// That the ledger may be written to: the store was asked since anything spoke against it, or is now.
pub async fn trusted(context: &Context) -> Result<(), Failure> {
    let unknown = |why: &str| Failure::Unknown(format!("nothing is written yet: {why}"));
    if context.store.is_trusted() {
        return Ok(());
    }
    let asking = tokio::time::timeout(CALL_TIMEOUT, context.store.asking.lock()).await;
    let _asking = asking.map_err(|_| unknown("the store did not say how far it is"))?;
    if context.store.is_trusted() {
        return Ok(());
    }
    match confirm(context).await {
        Ok(()) if context.store.is_trusted() => Ok(()),
        Ok(()) => Err(unknown("the API server went away again")),
        Err(Doubt::Unanswered(failure)) => Err(failure),
        Err(Doubt::WentBack(back)) => {
            context.store.doubt.notify_one();
            Err(Failure::Refused(back.to_string()))
        }
    }
}

/// That the store still has what was seen of it.
pub async fn confirm(context: &Context) -> Result<(), Doubt> {
    let mut again = false;
    loop {
        let asked = Instant::now();
        let (doubts, before) = {
            let trust = context.store.trust();
            (trust.doubts, trust.before.clone())
        };
        // A record that a watch showed to be deleted says nothing any more.
        let is_there = |record: &str| context.decide(|world, _| world.ledger.record(record).is_some());
        let before = before.filter(|seen| seen.newest.as_ref().is_none_or(|n| is_there(&n.record)));
        let seen = before.unwrap_or_else(|| high_water(context));
        let record = seen.newest.as_ref().map(|n| n.record.as_str());
        let shown = ask(&context.client, record).await.map_err(Doubt::Unanswered)?;
        match seen.check(&shown) {
            Ok(()) => {
                context.store.at(shown.revision);
                let mut trust = context.store.trust();
                if trust.doubts == doubts {
                    (trust.since, trust.before) = (Some(asked), None);
                }
                return Ok(());
            }
            // Whoever breaks the glass may have taken away the very record; the watch shows that within a moment.
            Err(WentBack::Record { .. }) if !again => {
                again = true;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(back) => return Err(Doubt::WentBack(back)),
        }
    }
}

/// Asks from time to time, and at every doubt, until the store went back.
pub async fn guard(context: &Context) -> WentBack {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = context.store.doubt.notified() => {}
        }
        match confirm(context).await {
            Ok(()) => {}
            Err(Doubt::WentBack(back)) => return back,
            Err(Doubt::Unanswered(failure)) => {
                tracing::debug!(%failure, "the store did not say how far it is");
            }
        }
    }
}
