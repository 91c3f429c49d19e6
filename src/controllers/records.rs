//! The one place that writes records. Every write is one create of a name, or one change that carries the
//! revision it was decided from.
//!
//! If the process dies before a write, the next look decides the same; after it, the next look finds it. If the
//! answer is lost, a create is looked up by its name and a change is seen, or not, by the watch. If the cache is
//! old or somebody else writes, a create meets the name and a change meets the revision. None of it needs luck.

use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use std::sync::Arc;

use super::{
    Context, MANAGER,
    api_error::{Failure, bounded},
    store,
};
use crate::{
    api::{Claim, ServiceNumber, ServiceNumberSpec},
    planted::{self, Bug},
    rules::{issue::Order, kept::Kept, ledger::revision_of, life::Change},
};

/// Takes the slot of an order, or learns who has it. Either way the world knows it afterwards.
pub async fn create(context: &Context, order: &Order) -> Result<(), Failure> {
    let api: Api<ServiceNumber> = Api::all(context.client.clone());
    let record = order.record(uuid::Uuid::new_v4().to_string());
    let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    if planted::is_on(Bug::SlotWithoutCreate) {
        context.learn(|world| world.ledger.learn(Arc::new(record.into())));
        return Ok(());
    }
    store::trusted(context).await?;
    let before = context.store.revision();
    let live = match bounded(api.create(&params, &record)).await {
        Ok(created) => {
            context.store.created(before, revision_of(&created.metadata));
            tracing::info!(record = created.name_any(), claim = ?order.claim(), "issued a number");
            context.meter.issued(&created.spec);
            created
        }
        Err(Failure::Conflict) if planted::is_on(Bug::TakenIsMine) => record,
        Err(Failure::Conflict) if planted::is_on(Bug::TakenIsAnError) => {
            return Err(Failure::Refused("it exists already".to_owned()));
        }
        Err(Failure::Unknown(_)) if planted::is_on(Bug::FreshName) => {
            let (slot, number) = (record.spec.slot + 1, uuid::Uuid::new_v4().to_string());
            let fresh = ServiceNumberSpec { number, slot, ..record.spec };
            bounded(api.create(&params, &ServiceNumber::new(&order.key.record(slot), fresh))).await?
        }
        // The name is taken, perhaps by a create of ours whose answer was lost: the live record says by whom.
        Err(failure @ (Failure::Conflict | Failure::Unknown(_))) => {
            store::doubted_by(context, &failure);
            match bounded(api.get_opt(&order.record_name())).await? {
                Some(live) => {
                    if live.spec.claim == *order.claim() {
                        tracing::info!(record = live.name_any(), claim = ?order.claim(), "found the number that an earlier try issued");
                    } else {
                        context.meter.slot_taken();
                    }
                    live
                }
                None => return Err(failure),
            }
        }
        Err(failure) => return Err(failure),
    };
    context.learn(|world| world.ledger.learn(Arc::new(live.into())));
    Ok(())
}

/// Changes a record as it was seen. The watch brings what became of it.
pub async fn change(context: &Context, record: &Kept<ServiceNumber>, change: &Change) -> Result<(), Failure> {
    let name = record.name();
    let Some(changed) = change.apply(&record.spec) else {
        // The rules decided it from this very record, so this is a defect of theirs; nothing is written.
        return Err(Failure::Refused(format!(
            "{} is no step of a record that is {:?}",
            change.verb(),
            record.spec.state
        )));
    };
    store::trusted(context).await?;
    let api: Api<ServiceNumber> = Api::all(context.client.clone());
    let patch = json!({"metadata": {"resourceVersion": record.resource_version()}, "spec": change.patch()});
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    if planted::is_on(Bug::WholeRecordWritten) {
        let mut whole = ServiceNumber::new(name, changed);
        whole.metadata.resource_version = record.resource_version();
        bounded(api.replace(name, &PostParams::default(), &whole)).await?;
    } else {
        let written = bounded(api.patch(name, &params, &Patch::Merge(&patch))).await;
        written.inspect_err(|failure| store::doubted_by(context, failure))?;
    }
    tracing::info!(record = name, change = change.verb(), filing = ?bound_to(record, change), "changed a record");
    context.meter.changed(change);
    Ok(())
}

/// Nobody deletes records: this is a bug to be found.
pub(super) async fn delete(context: &Context, claim: &Claim) -> Result<(), Failure> {
    let of_claim = context.decide(|world, _| {
        world.ledger.records().find(|r| r.spec.claim == *claim).map(|r| r.name().to_owned())
    });
    let api: Api<ServiceNumber> = Api::all(context.client.clone());
    match of_claim {
        Some(name) => bounded(api.delete(&name, &DeleteParams::default())).await.map(drop),
        None => Ok(()),
    }
}

fn bound_to(record: &Kept<ServiceNumber>, change: &Change) -> Option<String> {
    let bound = match change {
        Change::Bind(filing) => Some(filing),
        _ => record.spec.filing.as_deref(),
    };
    bound.map(|f| format!("{}/{}", f.namespace, f.name))
}
