//! Whether a tenant has come to rest: every request and filing is answered, and everything that is said agrees with
//! the ledger. What the answers should be is said by the scenarios, for each of them.

use serde_json::Value;

use crate::mirror::Objects;
use crate::plan::Kind;
use crate::tenant::{Outcome, Tenant, as_expected, condition, is_settled, text};

/// Waits until a tenant has come to rest.
pub async fn settled(tenant: &Tenant<'_>) -> Outcome {
    tenant.until(|objects| at_rest(tenant, objects)).await.map_err(|why| format!("no rest: {why}"))
}

fn at_rest(tenant: &Tenant<'_>, objects: &Objects) -> Outcome {
    let prefix = format!("{}/", tenant.namespace());
    for kind in [Kind::Instance, Kind::Request, Kind::Filing] {
        for (name, object) in objects.all(kind, &prefix) {
            let holds = |type_| condition(object, type_)["status"] == "True";
            let is = is_settled(object) && (holds("Ready") ^ holds("Stalled")) && !holds("Reconciling");
            let agrees = match kind {
                Kind::Instance => counted(tenant, objects, object),
                Kind::Request => request(objects, object),
                _ => filing(objects, object),
            };
            if !is || !agrees {
                return Err(format!("{kind:?} {name} says {}", object["status"]));
            }
            match tenant.expected(kind, name) {
                Some(expected) => {
                    as_expected(object, &expected).map_err(|why| format!("{kind:?} {name} {why}"))?;
                }
                None => return Err(format!("nobody says what has to come of {kind:?} {name}")),
            }
        }
    }
    // A draft that is gone holds no number.
    for (name, record) in tenant.records(objects) {
        let holder = &record["spec"]["filing"];
        if record["spec"]["state"] == "InUse" {
            let key = format!("{}/{}", text(holder, "/namespace"), text(holder, "/name"));
            let is = objects.get(Kind::Filing, &key).is_some_and(|f| f["metadata"]["uid"] == holder["uid"]);
            if !is {
                return Err(format!("{name} is held by {key}, which is gone"));
            }
        }
    }
    Ok(())
}

/// A request shows its record as it is.
fn request(objects: &Objects, request: &Value) -> bool {
    let Some(name) = request["status"]["recordName"].as_str() else { return true };
    let record = objects.get(Kind::Record, name);
    record.is_some_and(|record| {
        let user = &record["spec"]["filing"]["name"];
        request["status"]["state"] == record["spec"]["state"] && request["status"]["usedBy"] == *user
    })
}

/// A filing shows its record as it is.
fn filing(objects: &Objects, filing: &Value) -> bool {
    let status = &filing["status"];
    let Some(name) = status["recordName"].as_str() else { return true };
    objects.get(Kind::Record, name).is_some_and(|record| {
        let spec = &record["spec"];
        status["submittedTime"] == spec["submittedTime"] && status["completedTime"] == spec["consumedTime"]
    })
}

/// An instance counts the records of its key.
fn counted(tenant: &Tenant<'_>, objects: &Objects, instance: &Value) -> bool {
    let class = text(instance, "/spec/className");
    let Some(class_object) = objects.get(Kind::Class, class) else { return false };
    let key = if class_object["spec"]["quotaScope"] == "Account" {
        format!("account.{class}.{}-", text(instance, "/spec/accountID"))
    } else {
        format!("instance.{}-", text(instance, "/metadata/name"))
    };
    let states: Vec<_> = tenant
        .records(objects)
        .filter(|(name, _)| name.starts_with(&key))
        .map(|(_, r)| text(r, "/spec/state"))
        .collect();
    let count = |of: &[&str]| states.iter().filter(|state| of.contains(state)).count();
    let quota = &instance["status"]["quota"];
    quota["limit"] == class_object["spec"]["quota"]
        && quota["issued"] == states.len()
        && quota["inUse"] == count(&["InUse", "Submitted"])
        && quota["consumed"] == count(&["Consumed", "Cancelled"])
}
