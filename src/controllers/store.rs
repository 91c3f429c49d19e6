//! Whether the store is still the one that was seen: asked of the store itself, from time to time and whenever a kind
//! is listed anew. A watch does not show it: on a store that went back it waits, silently, for a revision that was
//! there already.
//!
//! The question is a list without a revision, which an API server answers as of now however far its own caches lag:
//! late, perhaps, but not old. So an API server that lags is not taken for a store that was restored.

use kube::{Api, Client, ResourceExt, api::ListParams};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::sync::Notify;

use super::{
    Context,
    api_error::{Failure, bounded},
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

/// What is remembered of the store beside its records.
#[derive(Debug, Default)]
pub struct Seen {
    revision: AtomicU64,
    doubt: Notify,
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

/// That the store still has what was seen of it.
pub async fn confirm(context: &Context) -> Result<(), Doubt> {
    let mut again = false;
    loop {
        let seen = high_water(context);
        let record = seen.newest.as_ref().map(|n| n.record.as_str());
        let shown = ask(&context.client, record).await.map_err(Doubt::Unanswered)?;
        match seen.check(&shown) {
            Ok(()) => {
                context.store.at(shown.revision);
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
