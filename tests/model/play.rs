//! Plays requests to the model. What it answers is compared elsewhere.

use icp_filing_operator::{
    api::{Filing, Instance, InstanceClass, ServiceNumber, ServiceNumberRequest},
    rules::world::ObjectKey,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    ask::What,
    caller::Refused,
    objects::merge,
    policies::Who,
    reply::{MALFORMED, Reply, plain},
    store::{Event, Kind, Store},
};

/// What the model does with a kind, by the kind's name.
pub trait Played: Kind + Serialize + DeserializeOwned {}
impl<K: Kind + Serialize + DeserializeOwned> Played for K {}

/// Calls something for the type of a kind.
macro_rules! for_kind {
    ($kind:expr, $call:ident ($($argument:expr),*)) => {
        match $kind {
            "InstanceClass" => $call::<InstanceClass>($($argument),*),
            "Instance" => $call::<Instance>($($argument),*),
            "ServiceNumberRequest" => $call::<ServiceNumberRequest>($($argument),*),
            "Filing" => $call::<Filing>($($argument),*),
            _ => $call::<ServiceNumber>($($argument),*),
        }
    };
}

/// Asks the model, with the revision that the request carries.
pub fn ask(
    store: &mut Store,
    who: Who,
    kind: &str,
    key: &ObjectKey,
    what: &What,
    revision: Option<&str>,
) -> Reply {
    for_kind!(kind, ask_of(store, who, key, what, revision))
}

/// The revision of an object that is there.
pub fn current(store: &Store, kind: &str, key: &ObjectKey) -> Option<String> {
    fn of<K: Played>(store: &Store, key: &ObjectKey) -> Option<String> {
        store.get::<K>(key)?.meta().resource_version.clone()
    }
    for_kind!(kind, of(store, key))
}

/// What a watch of a kind showed: what happened, and the object.
pub fn watched(store: &Store, kind: &str) -> Vec<(&'static str, Value)> {
    fn of<K: Played>(store: &Store) -> Vec<(&'static str, Value)> {
        let mut there = std::collections::BTreeSet::new();
        let tell = |event: &Event<K>| match event {
            Event::Applied(object) => {
                let new = there.insert(ObjectKey::of(&**object));
                (if new { "ADDED" } else { "MODIFIED" }, told(&**object))
            }
            Event::Deleted(object) => {
                there.remove(&ObjectKey::of(&**object));
                ("DELETED", told(&**object))
            }
        };
        K::table(store).log.iter().map(tell).collect()
    }
    for_kind!(kind, of(store))
}

/// Everything of a kind.
pub fn listed(store: &Store, kind: &str) -> Vec<Value> {
    fn of<K: Played>(store: &Store) -> Vec<Value> {
        K::table(store).live.values().map(|o| told(&**o)).collect()
    }
    for_kind!(kind, of(store))
}

/// Reads what a real server said as the kind's own type has it, so that both are written alike.
pub fn retold(kind: &str, object: Value) -> Value {
    fn of<K: Played>(object: Value) -> Value {
        told(&serde_json::from_value::<K>(object).expect("an object of its kind"))
    }
    for_kind!(kind, of(object))
}

fn told<K: Serialize>(object: &K) -> Value {
    plain(json!(object))
}

fn ask_of<K: Played>(
    store: &mut Store,
    who: Who,
    key: &ObjectKey,
    what: &What,
    revision: Option<&str>,
) -> Reply {
    // What the types of the model cannot hold, no schema lets through.
    let (before, mut malformed) = (store.clone(), false);
    let mut patched = |live: &mut K, patch: &Value| {
        let mut value = json!(live);
        merge(&mut value, patch);
        match serde_json::from_value(value) {
            Ok(patched) => *live = patched,
            Err(_) => malformed = true,
        }
    };
    let done = match what {
        What::Create(object) => {
            let mut object: K = serde_json::from_value(object.clone()).expect("an object");
            object.meta_mut().namespace = Some(key.namespace.to_string()).filter(|n| !n.is_empty());
            store.by(who).create(object)
        }
        What::Patch(_, patch) => store.by(who).patch::<K>(key, revision, |live| patched(live, patch)),
        What::PatchStatus(_, patch) => {
            store.by(who).patch_status::<K>(key, revision, |live| patched(live, patch))
        }
        What::WriteStatus(_, status) => store.by(who).patch_status::<K>(key, revision, |live| {
            let mut value = json!(live);
            let mut status = status.clone();
            if let Some(review) = value["status"].get("review") {
                status["review"] = review.clone();
            }
            value["status"] = status;
            *live = serde_json::from_value(value).expect("an object with a status");
        }),
        What::Delete => {
            return store
                .by(who)
                .delete::<K>(key)
                .map_or_else(Reply::from, |held| Reply::Done(held.map(|o| told(&*o))));
        }
        What::Get => store.get::<K>(key).cloned().ok_or(Refused::NotFound),
    };
    if malformed {
        *store = before;
        return Reply::Invalid(vec![MALFORMED.to_owned()]);
    }
    done.map_or_else(Reply::from, |object| Reply::Done(Some(told(&*object))))
}
