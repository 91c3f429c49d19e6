//! Every CEL rule of the CRDs: one object that it accepts and one that it refuses, on the real server, and
//! a check that no rule is missing here. Plain schema limits are in `bad_input`.

mod filings;
mod platform;
mod records;

use icp_filing_operator::api::crds;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::fixture::{Tenant, Who, instance_id, tenant};
use crate::objects::{fill, merge, resource, valid};

/// One write of a case. The first one creates the object.
enum Write {
    /// The valid object of its kind, with a change.
    Create(Value),
    /// A merge patch.
    Patch(Value),
    /// A merge patch of the status, by an administrator: who may write it is not the matter here.
    Status(Value),
}
use Write::{Create, Patch as Change, Status};

/// A rule, by its message, with writes that all go well and writes of which the last is refused.
struct Rule {
    kind: &'static str,
    message: &'static str,
    accepts: Vec<Write>,
    refuses: Vec<Write>,
}

impl Rule {
    fn new(kind: &'static str, message: &'static str, accepts: Vec<Write>, refuses: Vec<Write>) -> Self {
        Self { kind, message, accepts, refuses }
    }
}

/// A rule about an object as it is, without history.
fn on_create(kind: &'static str, message: &'static str, accepted: Value, refused: Value) -> Rule {
    Rule::new(kind, message, vec![Create(accepted)], vec![Create(refused)])
}

/// A rule about a change of an object.
fn on_change(
    kind: &'static str,
    message: &'static str,
    first: &Value,
    accepted: Value,
    refused: Value,
) -> Rule {
    let then = |change| vec![Create(first.clone()), Change(change)];
    Rule::new(kind, message, then(accepted), then(refused))
}

async fn check(rules: Vec<Rule>) {
    let tenant = tenant().await;
    let mut wrong = Vec::new();
    for rule in rules {
        if let Some(refusal) = last_refusal(&tenant, rule.kind, &rule.accepts).await {
            wrong.push(format!("«{}» is not accepted: {refusal}", rule.message));
        }
        match last_refusal(&tenant, rule.kind, &rule.refuses).await {
            Some(refusal) if refusal.contains(rule.message) => {}
            Some(refusal) => wrong.push(format!("«{}» is refused otherwise: {refusal}", rule.message)),
            None => wrong.push(format!("«{}» is not refused", rule.message)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Makes the writes to one new object; why the last one was refused. Those before have to go well.
async fn last_refusal(tenant: &Tenant<'_>, kind: &str, writes: &[Write]) -> Option<String> {
    let (resource, namespaced) = resource(kind);
    let api = async |who| -> Api<DynamicObject> {
        let client = tenant.client(who).await;
        if namespaced {
            Api::namespaced_with(client, &tenant.namespace, &resource)
        } else {
            Api::all_with(client, &resource)
        }
    };
    let owner = api(match kind {
        "ServiceNumber" => Who::Operator,
        "Filing" | "ServiceNumberRequest" => Who::Alice,
        _ => Who::PlatformAdmin,
    })
    .await;
    let admin = api(Who::Admin).await;
    let unique = instance_id();
    let mut name = String::new();
    for (at, write) in writes.iter().enumerate() {
        let patch = |change: &Value| Patch::Merge(fill(change, &unique));
        let result = match write {
            Create(change) => {
                let mut object = valid(kind);
                merge(&mut object, change);
                let object: DynamicObject =
                    serde_json::from_value(fill(&object, &unique)).expect("an object");
                name = object.metadata.name.clone().expect("a name");
                owner.create(&PostParams::default(), &object).await
            }
            Change(change) => owner.patch(&name, &PatchParams::default(), &patch(change)).await,
            Status(change) => {
                let change = json!({"status": change});
                admin.patch_status(&name, &PatchParams::default(), &patch(&change)).await
            }
        };
        match result {
            Ok(_) => {}
            Err(error) if at + 1 == writes.len() => return Some(error.to_string()),
            Err(error) => panic!("write {at} of {name} ({kind}) has to go well: {error}"),
        }
    }
    None
}

#[test]
fn every_cel_rule_of_the_crds_is_tested_here_once() {
    fn messages(schema: &JSONSchemaProps, found: &mut Vec<String>) {
        for rule in schema.x_kubernetes_validations.iter().flatten() {
            found.push(rule.message.clone().unwrap_or_else(|| format!("no message: {}", rule.rule)));
        }
        for property in schema.properties.iter().flat_map(|properties| properties.values()) {
            messages(property, found);
        }
        if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
            messages(items, found);
        }
    }
    let mut in_crds = Vec::new();
    for crd in crds() {
        for version in &crd.spec.versions {
            let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
            messages(schema.expect("a schema"), &mut in_crds);
        }
    }
    let tested = [platform::rules(), filings::rules(), filings::review_rules(), records::rules()];
    let mut tested: Vec<String> = tested.into_iter().flatten().map(|rule| rule.message.to_owned()).collect();
    in_crds.sort();
    tested.sort();
    assert_eq!(in_crds, tested);
}

#[tokio::test]
async fn rules_of_classes_instances_and_requests_accept_and_refuse() {
    check(platform::rules()).await;
}

#[tokio::test]
async fn rules_of_filings_accept_and_refuse() {
    check(filings::rules()).await;
}

#[tokio::test]
async fn rules_of_reviews_accept_and_refuse() {
    check(filings::review_rules()).await;
}

#[tokio::test]
async fn rules_of_records_accept_and_refuse_what_the_operator_itself_writes() {
    check(records::rules()).await;
}
