//! The one place that writes statuses. Every write carries the revision that it was decided from and only the
//! operator's own fields; what would change nothing is not written.

use kube::{
    Api, Resource, ResourceExt,
    api::{Patch, PatchParams},
    core::object::HasStatus,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use std::{fmt::Debug, sync::Arc};

use super::{
    Context, MANAGER,
    api_error::{Failure, bounded},
    events::reference,
    readable::leave_out,
};
use crate::api::{Condition, condition_type::READY};
use crate::planted::{self, Bug};
use crate::rules::{kept::Kept, kind::Ours};

/// A status of ours, as far as it is the operator's.
pub trait OwnStatus: Serialize + PartialEq {
    /// Its conditions.
    fn conditions(&self) -> &[Condition];
    /// The field names that are the operator's.
    const FIELDS: &'static [&'static str];
}

macro_rules! own_status {
    ($status:ident, $($field:literal),+) => {
        impl OwnStatus for crate::api::$status {
            fn conditions(&self) -> &[Condition] { &self.conditions }
            const FIELDS: &'static [&'static str] = &[$($field),+];
        }
    };
}
own_status!(
    InstanceStatus,
    "observedGeneration",
    "conditions",
    "refusals",
    "quota",
    "unusedNumbers",
    "nextChangeTime"
);
own_status!(
    ServiceNumberRequestStatus,
    "observedGeneration",
    "conditions",
    "refusals",
    "serviceNumber",
    "recordName",
    "issuedTime",
    "state",
    "usedBy"
);
own_status!(
    FilingStatus,
    "observedGeneration",
    "conditions",
    "refusals",
    "recordName",
    "serviceNumber",
    "submittedTime",
    "completedTime",
    "icpNumber"
);

/// What a write of a status came to.
#[derive(Debug)]
pub enum Written<K: Ours> {
    /// It said the same already.
    Same,
    /// It was written; this is the object as it stands.
    New(Arc<Kept<K>>),
}

/// Writes a status where it differs from the one that was observed.
pub async fn write<K, S>(
    context: &Context,
    observed: &Kept<K>,
    current: Option<&S>,
    wanted: &S,
) -> Result<Written<K>, Failure>
where
    K: Ours
        + Resource<Scope = kube::core::NamespaceResourceScope>
        + HasStatus<Status = S>
        + Clone
        + DeserializeOwned
        + Debug,
    S: OwnStatus,
{
    if current == Some(wanted) {
        return Ok(Written::Same);
    }
    let (namespace, name) = (observed.namespace(), observed.name());
    let api: Api<K> = Api::namespaced(context.client.clone(), namespace);
    let wanted = json!(wanted);
    let patch = |status: &Value, revision: Option<String>| {
        json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": {"name": name, "namespace": namespace, "resourceVersion": revision},
            "status": status,
        })
    };
    let params = PatchParams::apply(MANAGER).force();
    let revision = observed.resource_version().filter(|_| !planted::is_on(Bug::StatusWithoutRevision));
    let apply = Patch::Apply(patch(&wanted, revision));
    let written = bounded(api.patch_status(name, &params, &apply)).await?;
    // What somebody else put into a field of ours outlives an apply that does not name it: it is taken out.
    let strays = strays::<S>(&json!(written.status()), &wanted);
    let mut written = if strays.is_empty() {
        written
    } else {
        let clear = Patch::Merge(patch(&Value::Object(strays), written.resource_version()));
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        bounded(api.patch_status(name, &params, &clear)).await?
    };
    // As in every object of the world.
    leave_out(written.meta_mut());
    Ok(Written::New(Arc::new(written.into())))
}

/// Fields of the operator's that hold what it did not say, as a merge patch that mends them.
fn strays<S: OwnStatus>(written: &Value, wanted: &Value) -> Map<String, Value> {
    S::FIELDS
        .iter()
        .filter(|field| written.get(**field) != wanted.get(**field))
        .map(|field| ((*field).to_owned(), wanted.get(*field).cloned().unwrap_or(Value::Null)))
        .collect()
}

/// Reports that what a person reads first has changed.
pub fn report<K: Ours, S: OwnStatus>(context: &Context, observed: &Kept<K>, before: Option<&S>, after: &S) {
    fn ready<S: OwnStatus>(status: &S) -> Option<&Condition> {
        status.conditions().iter().find(|c| c.type_ == READY)
    }
    let Some(now) = ready(after) else { return };
    let was = before.and_then(ready);
    if was.is_some_and(|w| w.status == now.status && w.reason == now.reason) {
        return;
    }
    tracing::info!(
        kind = K::KIND.as_str(),
        namespace = observed.namespace(),
        name = observed.name(),
        ready = now.status.as_str(),
        reason = now.reason.as_str(),
        "status changed"
    );
    context.events.send(reference(observed), now);
}
