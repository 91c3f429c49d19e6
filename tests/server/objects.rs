//! One valid object of each kind, to be changed by a test. Nothing here talks to a server.

use std::collections::HashMap;
use std::sync::LazyLock;

use icp_filing_operator::api::crds;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use uuid::Uuid;

/// The API version of everything of ours.
pub const API_VERSION: &str = "icp-filing.dev/v1alpha1";

/// A valid object of a kind, with `{u}` where a name of its own belongs; see [`fill`].
pub fn valid(kind: &str) -> Value {
    match kind {
        "InstanceClass" => instance_class(),
        "Instance" => instance(),
        "ServiceNumberRequest" => request(),
        "Filing" => filing(),
        "ServiceNumber" => record("{u}", 0),
        _ => panic!("no kind {kind}"),
    }
}

/// A class without requirements.
pub fn instance_class() -> Value {
    json!({
        "apiVersion": API_VERSION, "kind": "InstanceClass", "metadata": {"name": "{u}"},
        "spec": {"title": "Test", "provider": "AlibabaCloud", "quota": 5, "quotaScope": "Instance"},
    })
}

/// An instance that the shipped class `ecs` finds eligible.
pub fn instance() -> Value {
    json!({
        "apiVersion": API_VERSION, "kind": "Instance", "metadata": {"name": "{u}"},
        "spec": {
            "className": "ecs", "provider": "AlibabaCloud", "accountID": "1001", "region": "cn-hangzhou",
            "billingMethod": "Subscription",
            "subscription": {"startTime": "2026-01-01T00:00:00Z", "expirationTime": "2099-01-01T00:00:00Z"},
            "publicNetwork": {"bandwidthMbps": 5, "addresses": ["203.0.113.7"]},
        },
    })
}

/// A request.
pub fn request() -> Value {
    json!({
        "apiVersion": API_VERSION, "kind": "ServiceNumberRequest", "metadata": {"name": "{u}"},
        "spec": {"instanceRef": {"name": "{u}"}, "accountID": "1001"},
    })
}

/// A draft of a filing, by request.
pub fn filing() -> Value {
    json!({
        "apiVersion": API_VERSION, "kind": "Filing", "metadata": {"name": "{u}"},
        "spec": {
            "type": "FirstFiling", "accountID": "1001", "entityName": "Example Ltd.",
            "website": {"name": "Example", "domain": "shop.example.cn"},
            "source": {"requestRef": {"name": "shop"}},
        },
    })
}

/// A record of a number that was just issued.
pub fn record(instance: &str, slot: i32) -> Value {
    json!({
        "apiVersion": API_VERSION, "kind": "ServiceNumber",
        "metadata": {"name": format!("instance.{instance}-{slot}")},
        "spec": {
            "number": Uuid::new_v4().to_string(), "state": "Issued",
            "slot": slot, "quota": 5, "quotaScope": "Instance", "className": "ecs",
            "instanceName": instance, "accountID": "1001",
            "claim": {"kind": "ServiceNumberRequest", "namespace": "nowhere", "name": format!("{instance}-{slot}")},
            "issuedTime": "2026-01-02T00:00:00Z",
        },
    })
}

/// The filing that a record may be bound to, with `{u}` in it.
pub fn bound() -> Value {
    json!({"namespace": "nowhere", "name": "{u}", "uid": "uid-{u}", "domain": "shop.example.cn"})
}

/// A change of the spec.
pub fn spec(fields: Value) -> Value {
    Value::Object([("spec".to_owned(), fields)].into_iter().collect())
}

/// A JSON merge patch: null takes away.
pub fn merge(object: &mut Value, change: &Value) {
    let Value::Object(changes) = change else {
        *object = change.clone();
        return;
    };
    if !object.is_object() {
        *object = json!({});
    }
    for (key, change) in changes {
        if change.is_null() {
            object.as_object_mut().and_then(|object| object.remove(key));
        } else {
            merge(&mut object[key], change);
        }
    }
}

/// Puts a name in the place of every `{u}`, and padded to a length in that of `{u:63}`.
pub fn fill(object: &Value, name: &str) -> Value {
    match object {
        Value::String(text) => match text.strip_prefix("{u:").and_then(|rest| rest.strip_suffix('}')) {
            Some(length) => json!(format!("{name:x<0$}", length.parse().expect("a length"))),
            None => json!(text.replace("{u}", name)),
        },
        Value::Array(items) => items.iter().map(|item| fill(item, name)).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), fill(value, name))).collect(),
        other => other.clone(),
    }
}

/// A valid object of a kind with a change made to it and a name of its own.
pub fn changed(kind: &str, change: &Value) -> Value {
    let mut object = valid(kind);
    merge(&mut object, change);
    fill(&object, &crate::fixture::instance_id())
}

/// What a client calls a kind, and whether it lives in namespaces.
pub fn resource(kind: &str) -> (ApiResource, bool) {
    // To make the schemas takes longer than to create an object, and crowds of objects are created.
    static KINDS: LazyLock<HashMap<String, (ApiResource, bool)>> = LazyLock::new(|| {
        crds().into_iter().map(|crd| (crd.spec.names.kind.clone(), resource_of(&crd))).collect()
    });
    KINDS.get(kind).expect("a kind of ours").clone()
}

fn resource_of(crd: &CustomResourceDefinition) -> (ApiResource, bool) {
    let gvk = GroupVersionKind::gvk(&crd.spec.group, &crd.spec.versions[0].name, &crd.spec.names.kind);
    (ApiResource::from_gvk_with_plural(&gvk, &crd.spec.names.plural), crd.spec.scope == "Namespaced")
}
