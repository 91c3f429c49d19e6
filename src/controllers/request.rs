//! Requests: take a slot where the rules say so, then say what became of it.

use std::sync::Arc;

use super::{
    Context,
    api_error::Failure,
    queue::Outcome,
    records,
    status::{self, Written},
    wake,
};
use crate::{
    api::{ClaimKind, ServiceNumberRequest, ServiceNumberRequestStatus},
    planted::{self, Bug},
    rules::{
        kept::Kept,
        request::{self, Step},
        world::ObjectKey,
    },
};

/// Looks at a request. Two writes and no read where a number is issued and nobody interferes.
pub async fn reconcile(context: &Context, key: &ObjectKey) -> Result<Outcome, Failure> {
    // Each turn takes a slot or learns that it is taken, so the turns end with the slots.
    loop {
        // The object and what is decided of it are of one snapshot: a status carries the revision it was decided from.
        let (observed, step) =
            context.decide(|world, now| (world.requests.get(key).cloned(), request::decide(world, key, now)));
        match step {
            Step::Leave => {
                if planted::is_on(Bug::RecordDeleted) {
                    records::delete(context, &key.claim(ClaimKind::ServiceNumberRequest)).await?;
                }
                return Ok(Outcome::Done);
            }
            Step::Issue(order) => {
                let _turn = context.turn(&order.key).await;
                // Whoever had the turn before may have taken the slot.
                if let Step::Issue(order) = context.decide(|world, now| request::decide(world, key, now))
                    && let Err(failure) = records::create(context, &order).await
                {
                    return match failure {
                        Failure::Refused(message) => unavailable(context, key, &message).await,
                        failure => Err(failure),
                    };
                }
            }
            Step::Settle(wanted, at) => {
                settle(context, observed, &wanted).await?;
                return Ok(wake(context, at));
            }
        }
    }
}

/// A ledger that cannot be written to is said on the claim, and tried again.
async fn unavailable(context: &Context, key: &ObjectKey, message: &str) -> Result<Outcome, Failure> {
    let (observed, status) = context.decide(|world, now| {
        (world.requests.get(key).cloned(), request::unavailable(world, key, message, now))
    });
    // The cause is what is reported, although saying it may be refused too.
    if let Some(status) = status
        && let Err(failure) = settle(context, observed, &status).await
    {
        tracing::warn!(request = %key, %failure, "cannot say in the status that the ledger is not available");
    }
    Err(Failure::Refused(message.to_owned()))
}

async fn settle(
    context: &Context,
    observed: Option<Arc<Kept<ServiceNumberRequest>>>,
    wanted: &ServiceNumberRequestStatus,
) -> Result<(), Failure> {
    let Some(observed) = observed else { return Ok(()) };
    let current = observed.status.as_ref();
    if let Written::New(written) = status::write(context, &observed, current, wanted).await? {
        status::report(context, &observed, current, wanted);
        context.meter.settled_request(&observed, wanted, context.clock.now());
        context.learn(|world| world.requests.echo(&observed, written));
    }
    Ok(())
}
