//! Calls on their way: sent, carried out, answered, and everything that can go wrong in between.

use std::sync::Arc;

use icp_filing_operator::{
    api::{Filing, Instance, ServiceNumber, ServiceNumberRequest},
    planted::{self, Bug},
    rules::{
        kept::Kept,
        world::{ObjectKey, Work},
    },
};
use kube::ResourceExt;
use serde_json::{Value, json};

use super::{
    caller::Refused,
    operator::{Answer, Call},
    policies::Who,
    store::{Kind, Store},
};

/// A call and how far it came.
#[derive(Clone, Debug)]
pub struct Flight {
    pub operator: usize,
    pub work: Work,
    pub call: Call,
    /// What the API server said, once it did.
    pub answer: Option<Answer>,
    /// Nobody waits for the answer any more.
    pub forgotten: bool,
}

/// Carries a call out. A number is made for a record of this name, should one be created.
pub fn carry_out(store: &mut Store, number: impl FnOnce(&str) -> String, call: &Call) -> Answer {
    match call {
        Call::Create(order) => {
            let record = order.record(number(&order.record_name()));
            answer(store.by(Who::Operator).create(record), |r| Answer::Record(Some(r)))
        }
        Call::GetRecord(name) => {
            Answer::Record(store.get::<ServiceNumber>(&ObjectKey::new("", name)).cloned())
        }
        Call::GetFiling(_, key) => Answer::Uid(store.get::<Filing>(key).and_then(|f| f.uid())),
        Call::Change(record, change) => {
            let patch = json!({"spec": change.patch()});
            let revision = record.resource_version();
            let done =
                store.by(Who::Operator).patch::<ServiceNumber>(&record.key, revision.as_deref(), |live| {
                    let mut value = serde_json::to_value(&live.spec).expect("a spec is JSON");
                    merge(&mut value, &patch["spec"]);
                    live.spec = serde_json::from_value(value).expect("a patched spec is a spec");
                });
            answer(done, |r| Answer::Record(Some(r)))
        }
        Call::SayOfRequest(observed, status) => {
            let done = say(store, observed, |live: &mut ServiceNumberRequest| {
                live.status = Some((**status).clone());
            });
            answer(done, Answer::Request)
        }
        Call::SayOfFiling(observed, status) => {
            let done = say(store, observed, |live: &mut Filing| {
                let review = live.status.take().and_then(|s| s.review);
                live.status = Some((**status).clone());
                // Its own fields only: the review is another writer's.
                live.status.get_or_insert_default().review = review;
            });
            answer(done, Answer::Filing)
        }
        Call::SayOfInstance(observed, status) => {
            let done = say(store, observed, |live: &mut Instance| live.status = Some((**status).clone()));
            answer(done, Answer::Instance)
        }
    }
}

/// Writes a status, with the revision that it was decided from.
fn say<K: Kind>(
    store: &mut Store,
    observed: &Kept<K>,
    change: impl FnOnce(&mut K),
) -> Result<Arc<K>, Refused> {
    let revision = observed.resource_version().filter(|_| !planted::is_on(Bug::StatusWithoutRevision));
    store.by(Who::Operator).patch_status(&observed.key, revision.as_deref(), change)
}

fn answer<T>(result: Result<T, Refused>, done: impl FnOnce(T) -> Answer) -> Answer {
    match result {
        Ok(object) => done(object),
        Err(Refused::Conflict) => Answer::Conflict,
        Err(Refused::NotFound) => Answer::NotFound,
        Err(Refused::AlreadyExists) => Answer::AlreadyExists,
        Err(Refused::Invalid(broken)) => Answer::Invalid(broken.join("; ")),
        Err(Refused::Forbidden(denied)) => Answer::Forbidden(denied.join("; ")),
    }
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Some(target) = target.as_object_mut() else { return };
    for (field, value) in patch {
        if value.is_null() {
            target.remove(field);
        } else {
            merge(target.entry(field).or_insert(Value::Null), value);
        }
    }
}
