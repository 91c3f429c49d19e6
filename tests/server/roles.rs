//! Who may do what: every verb on every resource of ours, for every user, asked of the real authorizer.

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::Api;
use kube::api::PostParams;

use crate::fixture::{Tenant, Who, cluster};

const VERBS: [&str; 8] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &VERBS;

/// Resources with their subresources, and whether they live in namespaces.
const RESOURCES: [(&str, &str, bool); 12] = [
    ("instanceclasses", "", false),
    ("instances", "", true),
    ("instances", "status", true),
    ("instances", "repair", true),
    ("servicenumberrequests", "", true),
    ("servicenumberrequests", "status", true),
    ("servicenumberrequests", "repair", true),
    ("filings", "", true),
    ("filings", "status", true),
    ("filings", "review", true),
    ("filings", "repair", true),
    ("servicenumbers", "", false),
];

/// Everything that a user may do, as `resource/subresource verb`, of what is asked in `RESOURCES`.
async fn granted(tenant: &Tenant<'_>, who: Who) -> Vec<String> {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(tenant.client(who).await);
    let mut granted = Vec::new();
    for (resource, subresource, namespaced) in RESOURCES {
        for verb in VERBS {
            let attributes = ResourceAttributes {
                group: Some("icp-filing.dev".to_owned()),
                resource: Some(resource.to_owned()),
                subresource: Some(subresource.to_owned()).filter(|name| !name.is_empty()),
                namespace: namespaced.then(|| tenant.namespace.clone()),
                verb: Some(verb.to_owned()),
                ..Default::default()
            };
            let spec =
                SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
            let review = SelfSubjectAccessReview { spec, ..Default::default() };
            let answer = reviews.create(&PostParams::default(), &review).await.expect("an answer");
            if answer.status.is_some_and(|status| status.allowed) {
                granted.push(line(resource, subresource, verb));
            }
        }
    }
    granted
}

fn line(resource: &str, subresource: &str, verb: &str) -> String {
    let slash = if subresource.is_empty() { "" } else { "/" };
    format!("{resource}{slash}{subresource} {verb}")
}

/// Asserts that in a tenant of Alice's `who` may do exactly this. Everybody reads classes.
async fn may_exactly(who: Who, rights: &[(&str, &[&str])]) {
    let tenant = cluster().await.tenant(Who::Alice).await;
    let mut expected: Vec<String> = rights
        .iter()
        .flat_map(|(resource, verbs)| verbs.iter().map(move |verb| line(resource, "", verb)))
        .collect();
    if !rights.iter().any(|(resource, _)| *resource == "instanceclasses") {
        expected.extend(READ.iter().map(|verb| line("instanceclasses", "", verb)));
    }
    let mut granted = granted(&tenant, who).await;
    expected.sort();
    granted.sort();
    assert_eq!(granted, expected);
}

#[tokio::test]
async fn an_applicant_owns_requests_and_filings_and_reads_instances() {
    may_exactly(Who::Alice, &[("servicenumberrequests", WRITE), ("filings", WRITE), ("instances", READ)])
        .await;
}

#[tokio::test]
async fn an_applicant_of_another_namespace_may_do_nothing() {
    may_exactly(Who::Bob, &[]).await;
}

#[tokio::test]
async fn a_registrar_reads_filings_and_writes_reviews() {
    let rights: &[(&str, &[&str])] = &[
        ("filings", READ),
        ("filings/status", &["get", "update", "patch"]),
        ("filings/review", &["update"]),
    ];
    may_exactly(Who::Registrar, rights).await;
}

#[tokio::test]
async fn a_viewer_reads_a_namespace_and_not_the_ledger() {
    may_exactly(Who::Viewer, &[("instances", READ), ("servicenumberrequests", READ), ("filings", READ)])
        .await;
}

#[tokio::test]
async fn a_platform_admin_owns_instances_and_classes_and_reads_the_rest() {
    let rights: &[(&str, &[&str])] = &[
        ("instances", WRITE),
        ("instanceclasses", WRITE),
        ("servicenumberrequests", READ),
        ("filings", READ),
        ("servicenumbers", READ),
    ];
    may_exactly(Who::PlatformAdmin, rights).await;
}

#[tokio::test]
async fn the_operator_reads_everything_and_writes_records_and_statuses() {
    let rights: &[(&str, &[&str])] = &[
        ("instanceclasses", READ),
        ("instances", &["list", "watch"]),
        ("servicenumberrequests", &["list", "watch"]),
        ("filings", READ),
        ("servicenumbers", &["get", "list", "watch", "create", "patch"]),
        ("instances/status", &["patch"]),
        ("servicenumberrequests/status", &["patch"]),
        ("filings/status", &["patch"]),
    ];
    may_exactly(Who::Operator, rights).await;
}

#[tokio::test]
async fn no_role_that_shows_a_number_is_aggregated_to_view() {
    let kubectl = cluster().await.kubectl(Who::Admin);
    let labelled = async |label: &str| {
        let label = format!("rbac.authorization.k8s.io/aggregate-to-{label}=true");
        let args = ["get", "clusterroles", "-l", &label, "-o", "name"];
        let names = kubectl.ok(&args).await.expect("a list");
        let ours = names.lines().filter_map(|name| name.split_once("/icp-filing-"));
        ours.map(|(_, name)| name.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(labelled("view").await, ["class-viewer"]);
    assert_eq!(labelled("edit").await, ["applicant"]);
    assert_eq!(labelled("admin").await, ["applicant"]);
}

/// A role is bound in a namespace today and cluster-wide tomorrow, so what it names counts, not where it is bound.
#[tokio::test]
async fn only_who_may_see_every_tenants_numbers_has_a_role_that_names_the_ledger() {
    let kubectl = cluster().await.kubectl(Who::Admin);
    let roles = kubectl.ok(&["get", "clusterroles", "-o", "json"]).await.expect("a list");
    let roles: serde_json::Value = serde_json::from_str(&roles).expect("JSON");
    let names = |rule: &serde_json::Value, field: &str, wanted: &[&str]| {
        let values = rule[field].as_array().into_iter().flatten();
        values.filter_map(serde_json::Value::as_str).any(|value| wanted.contains(&value))
    };
    let mut with_ledger: Vec<&str> = Vec::new();
    for role in roles["items"].as_array().into_iter().flatten() {
        let Some(name) = role["metadata"]["name"].as_str().and_then(|n| n.strip_prefix("icp-filing-")) else {
            continue;
        };
        let mut granted = role["rules"].as_array().into_iter().flatten();
        if granted.any(|rule| {
            names(rule, "apiGroups", &["icp-filing.dev", "*"])
                && names(rule, "resources", &["servicenumbers", "*"])
        }) {
            with_ledger.push(name);
        }
    }
    with_ledger.sort_unstable();
    assert_eq!(with_ledger, ["auditor", "break-glass", "operator", "platform-admin"]);
}
