//! Instances: say whether they qualify and what became of their numbers.

use super::{
    Context,
    api_error::Failure,
    queue::Outcome,
    status::{self, Written},
    wake,
};
use crate::rules::{instance, world::ObjectKey};

/// Looks at an instance.
pub async fn reconcile(context: &Context, key: &ObjectKey) -> Result<Outcome, Failure> {
    let decided = context.decide(|world, now| {
        let observed = world.instances.get(key)?.clone();
        instance::decide(world, key, now).map(|(status, at)| (observed, status, at))
    });
    let Some((observed, wanted, at)) = decided else { return Ok(Outcome::Done) };
    let current = observed.status.as_ref();
    if let Written::New(written) = status::write(context, &observed, current, &wanted).await? {
        status::report(context, &observed, current, &wanted);
        context.meter.refused("Instance", &wanted.refusals);
        context.learn(|world| world.instances.echo(&observed, written));
    }
    Ok(wake(context, at))
}
