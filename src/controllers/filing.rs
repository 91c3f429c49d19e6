//! Filings: one step of the protocol at a time, the ledger before the status; the watch brings each step back.

use kube::Api;
use std::{sync::Arc, time::Duration};

use super::{
    Context,
    api_error::{Failure, bounded},
    queue::Outcome,
    records,
    status::{self, Written},
    wake,
};
use crate::{
    api::{Filing, FilingStatus},
    rules::{
        filing::{self, Step},
        kept::Kept,
        life::Change,
        world::ObjectKey,
    },
};

/// How long the watch may take to bring a write back before the filing is looked at all the same.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at a filing.
pub async fn reconcile(context: &Context, key: &ObjectKey) -> Result<Outcome, Failure> {
    // The object and what is decided of it are of one snapshot: a status carries the revision it was decided from.
    let (observed, step) =
        context.decide(|world, now| (world.filings.get(key).cloned(), filing::decide(world, key, now)));
    let written = match step {
        Step::Leave => return Ok(Outcome::Done),
        Step::Issue(order) => {
            let _turn = context.turn(&order.key).await;
            match context.decide(|world, now| filing::decide(world, key, now)) {
                Step::Issue(order) => records::create(context, &order).await,
                // Decided anew after the turn; looked at again at once.
                _ => return Ok(Outcome::After(Duration::from_millis(1))),
            }
        }
        Step::Change(record, change) => {
            confirm(context, key, observed.as_deref(), &change).await?;
            records::change(context, &record, &change).await
        }
        Step::Settle(wanted, at) => {
            settle(context, observed, &wanted).await?;
            return Ok(wake(context, at));
        }
    };
    match written {
        Ok(()) => Ok(Outcome::After(PATIENCE)),
        Err(Failure::Refused(message)) => {
            let (observed, status) = context.decide(|world, now| {
                (world.filings.get(key).cloned(), filing::unavailable(world, key, &message, now))
            });
            // The cause is what is reported, although saying it may be refused too.
            if let Some(status) = status
                && let Err(failure) = settle(context, observed, &status).await
            {
                tracing::warn!(filing = %key, %failure, "cannot say in the status that the ledger is not available");
            }
            Err(Failure::Refused(message))
        }
        Err(failure) => Err(failure),
    }
}

/// What moves a binding is done for a filing that is there, not for one that an old view still shows: the number may
/// have gone to its successor by now. A uid that is gone stays gone, so whom the number is taken from has lost it.
async fn confirm(
    context: &Context,
    key: &ObjectKey,
    observed: Option<&Kept<Filing>>,
    change: &Change,
) -> Result<(), Failure> {
    match change {
        Change::Bind(_) | Change::TakeOver(_) | Change::GiveBack => {}
        Change::Submit(_) | Change::Consume(..) | Change::Cancel(_) => return Ok(()),
    }
    let api: Api<Filing> = Api::namespaced(context.client.clone(), &key.namespace);
    let live = bounded(api.get_metadata_opt(&key.name)).await?;
    let live = live.and_then(|filing| filing.metadata.uid);
    let is_live = live.zip(observed).is_some_and(|(live, observed)| observed.is(&live));
    if is_live { Ok(()) } else { Err(Failure::Gone) }
}

async fn settle(
    context: &Context,
    observed: Option<Arc<Kept<Filing>>>,
    wanted: &FilingStatus,
) -> Result<(), Failure> {
    let Some(observed) = observed else { return Ok(()) };
    // The review is the registrar's: it is neither compared nor written.
    let current = observed.status.clone().map(|s| FilingStatus { review: None, ..s });
    if let Written::New(written) = status::write(context, &observed, current.as_ref(), wanted).await? {
        status::report(context, &observed, current.as_ref(), wanted);
        context.meter.refused("Filing", &wanted.refusals);
        context.learn(|world| world.filings.echo(&observed, written));
    }
    Ok(())
}
