//! Records that are bound to a draft: give the number back once the server itself shows that the draft is gone.

use kube::Api;

use super::{
    Context,
    api_error::{Failure, bounded},
    queue::Outcome,
    records,
};
use crate::{
    api::Filing,
    rules::{life::Change, release},
};

/// Looks at a record.
pub async fn reconcile(context: &Context, name: &str) -> Result<Outcome, Failure> {
    let suspect = context.decide(|world, _| {
        let record = world.ledger.record(name)?.clone();
        release::suspect(world, &record).cloned().map(|bound| (record, bound))
    });
    let Some((record, bound)) = suspect else { return Ok(Outcome::Done) };
    let api: Api<Filing> = Api::namespaced(context.client.clone(), &bound.namespace);
    let live = bounded(api.get_metadata_opt(&bound.name)).await?;
    if release::is_gone(&bound, live.as_ref().and_then(|f| f.metadata.uid.as_deref())) {
        records::change(context, &record, &Change::GiveBack).await?;
    }
    Ok(Outcome::Done)
}
