//! Malformed manifests, as people write them, applied by kubectl: each is refused by the server with a
//! message that says what is wrong, and nothing of them is stored. What only the operator can find out is
//! not here, and neither is who may write what.

mod filings;
mod instances;

use serde_json::{Value, json};

use crate::fixture::{Who, tenant};
use crate::objects::{changed, spec};

/// What is wrong, a change of a valid object (null takes away), and what the server has to say.
type Case = (&'static str, Value, &'static str);

async fn all_refused(who: Who, kind: &str, cases: Vec<Case>) {
    let tenant = tenant().await;
    let kubectl = tenant.kubectl(who);
    let mut wrong = Vec::new();
    for (what, change, expected) in &cases {
        let manifest = changed(kind, change);
        let output = kubectl.run_with_input(&["create", "-f", "-"], &manifest.to_string()).await;
        if output.status.success() {
            wrong.push(format!("{what}: not refused"));
        } else if !output.stderr.contains(expected) {
            wrong.push(format!("{what}: refused otherwise: {}", output.stderr.trim()));
        }
    }
    assert!(wrong.is_empty(), "{} of {} {kind}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    if matches!(kind, "Instance" | "ServiceNumberRequest" | "Filing") {
        assert_eq!(kubectl.ok(&["get", kind, "-o", "name"]).await, "", "nothing is stored");
    }
    let valid = changed(kind, &json!({})).to_string();
    let output = kubectl.run_with_input(&["create", "-f", "-"], &valid).await;
    assert!(output.status.success(), "the valid object that the others are made from: {}", output.stderr);
}

#[tokio::test]
async fn malformed_classes_are_refused() {
    let many: Vec<String> = (0..65).map(|n| format!("cn-{n}")).collect();
    let requirements = |fields: Value| spec(json!({"requirements": fields}));
    let regions = |regions: Value| spec(json!({"requirements": {"regions": {"allowed": regions}}}));
    let cases = vec![
        ("no quota", spec(json!({"quota": null})), "spec.quota: Required value"),
        ("a quota of none", spec(json!({"quota": 0})), "should be greater than or equal to 1"),
        ("a negative quota", spec(json!({"quota": -5})), "should be greater than or equal to 1"),
        ("a quota without end", spec(json!({"quota": 1001})), "should be less than or equal to 1000"),
        ("a quota in quotes", spec(json!({"quota": "5"})), "must be of type integer"),
        ("half a number", spec(json!({"quota": 2.5})), "must be of type integer"),
        ("no scope", spec(json!({"quotaScope": null})), "spec.quotaScope: Required value"),
        (
            "an unknown scope",
            spec(json!({"quotaScope": "Region"})),
            r#"supported values: "Instance", "Account""#,
        ),
        ("a scope in lower case", spec(json!({"quotaScope": "account"})), "Unsupported value"),
        ("no title", spec(json!({"title": ""})), "should be at least 1 chars long"),
        ("a title too long", spec(json!({"title": "x".repeat(129)})), "may not be more than 128 bytes"),
        (
            "a provider in two words",
            spec(json!({"provider": "Alibaba Cloud"})),
            "spec.provider in body should match",
        ),
        ("suspend in quotes", spec(json!({"suspend": "false"})), "must be of type boolean"),
        (
            "an unknown billing method",
            requirements(json!({"billingMethods": ["Prepaid"]})),
            "Unsupported value",
        ),
        (
            "the same method twice",
            requirements(json!({"billingMethods": ["Trial", "Trial"]})),
            "Duplicate value",
        ),
        ("every region at once", regions(json!(["*"])), "should match"),
        ("regions in upper case", regions(json!(["CN-*"])), "should match"),
        ("a star in the middle", regions(json!(["cn-*-b"])), "should match"),
        ("regions not as a list", regions(json!("cn-*")), "must be of type array"),
        ("too many regions", regions(json!(many)), "must have at most 64 items"),
        ("no months", requirements(json!({"minMonthsPurchased": 0})), "should be greater than or equal to 1"),
        (
            "too many months",
            requirements(json!({"minMonthsRemaining": 121})),
            "should be less than or equal to 120",
        ),
        (
            "less than no bandwidth",
            requirements(json!({"minBandwidthMbps": -1})),
            "greater than or equal to 1",
        ),
        ("a word for a yes", requirements(json!({"publicAddress": "yes"})), "must be of type boolean"),
        ("an order for nothing", requirements(json!({"minFirstOrderYuan": 0})), "greater than or equal to 1"),
        ("a misspelt field", spec(json!({"quotas": 5})), r#"unknown field "spec.quotas""#),
        (
            "a misspelt requirement",
            requirements(json!({"minMonths": 3})),
            r#"unknown field "spec.requirements.minMonths""#,
        ),
        (
            "a name with a dot",
            json!({"metadata": {"name": "{u}.v2"}}),
            "use lower-case letters, digits and dashes",
        ),
    ];
    all_refused(Who::PlatformAdmin, "InstanceClass", cases).await;
}

#[tokio::test]
async fn malformed_requests_are_refused() {
    let instance = |fields: Value| spec(json!({"instanceRef": fields}));
    let cases = vec![
        ("no instance", instance(Value::Null), "spec.instanceRef: Required value"),
        ("an instance by its bare name", instance(json!("i-1")), "must be of type object"),
        ("an empty name", instance(json!({"name": ""})), "should be at least 1 chars long"),
        ("a name that no object has", instance(json!({"name": "I_1"})), "should match"),
        ("a name too long", instance(json!({"name": "i".repeat(254)})), "may not be more than 253 bytes"),
        (
            "an instance of another namespace",
            instance(json!({"namespace": "other"})),
            r#"unknown field "spec.instanceRef.namespace""#,
        ),
        ("no account", spec(json!({"accountID": null})), "spec.accountID: Required value"),
        ("an account without quotes", spec(json!({"accountID": 1001})), "must be of type string"),
        ("an empty grant", spec(json!({"filingAccountID": ""})), "spec.filingAccountID in body should match"),
        ("a grant to itself", spec(json!({"filingAccountID": "1001"})), "leave filingAccountID out"),
        ("a grant to several", spec(json!({"filingAccountID": ["2002", "2003"]})), "must be of type string"),
        ("several numbers at once", spec(json!({"count": 5})), r#"unknown field "spec.count""#),
        (
            "a name with an underscore",
            json!({"metadata": {"name": "my_shop"}}),
            "a lowercase RFC 1123 subdomain",
        ),
        (
            "a label with a slash too many",
            json!({"metadata": {"labels": {"a/b/c": "d"}}}),
            "metadata.labels: Invalid value",
        ),
    ];
    all_refused(Who::Alice, "ServiceNumberRequest", cases).await;
}

#[tokio::test]
async fn malformed_reviews_are_refused() {
    let tenant = tenant().await;
    let filing = changed("Filing", &json!({"spec": {"submit": true}}));
    let name = filing["metadata"]["name"].as_str().expect("a name");
    let admin = tenant.kubectl(Who::Admin);
    admin.apply(&filing).await;
    let patch = |status: Value| json!({"status": status}).to_string();
    let args = ["patch", "filing", name, "--subresource=status", "--type=merge", "-p"];
    let status = patch(json!({"recordName": "r", "submittedTime": "2026-01-02T00:00:00Z"}));
    admin.ok(&[&args[..], &[&status]].concat()).await;
    let registrar = tenant.kubectl(Who::Registrar);
    for (review, expected) in [
        (json!({"state": "InReview"}), "recordName: Required value"),
        (json!({"recordName": "r"}), "state: Required value"),
        (json!({"recordName": "r", "state": "Done"}), r#""InReview", "Rejected", "Approved", "Cancelled""#),
        (
            json!({"recordName": "r", "state": "Rejected", "message": "x".repeat(1025)}),
            "not be more than 1024 bytes",
        ),
        (
            json!({"recordName": "r", "state": "Approved", "icpNumber": "11012345"}),
            "give the ICP number without spaces",
        ),
        (json!({"recordName": "r", "state": "Approved", "icpNumber": ""}), "at least 1 chars long"),
        (
            json!({"recordName": "r", "state": "InReview", "icpNumber": "浙ICP备11012345号-1"}),
            "and only then",
        ),
        (json!("Approved"), "must be of type object"),
    ] {
        let refused = registrar.refused(&[&args[..], &[&patch(json!({"review": review}))]].concat()).await;
        assert!(refused.contains(expected), "{review}: {refused}");
    }
    assert_eq!(admin.json("filing", name).await["status"]["review"], Value::Null);
}

#[tokio::test]
async fn manifests_that_are_no_objects_of_ours_are_refused() {
    let tenant = tenant().await;
    // For an unknown kind kubectl asks for the list of CRDs before it says so.
    let admin = tenant.kubectl(Who::Admin);
    let filing = changed("Filing", &json!({}));
    let with = |field: &str, value: Value| {
        let mut manifest = filing.clone();
        manifest[field] = value;
        manifest.to_string()
    };
    let mut wrong = Vec::new();
    for (manifest, expected) in [
        (with("apiVersion", json!("icp-filing.dev/v1")), "no matches for kind"),
        (with("kind", json!("Filling")), "no matches for kind"),
        (with("kind", Value::Null), "kind not set"),
        (with("metadata", json!({})), "metadata.name: Required value: name or generateName is required"),
        (with("metadata", json!({"name": "x", "namespace": "other"})), "does not match the namespace"),
        (with("spec", json!([])), "must be of type object"),
        (with("spec", json!(null)), "spec: Required value"),
        ("apiVersion: icp-filing.dev/v1alpha1\nkind: Filing\n  metadata: {}".to_owned(), "error parsing"),
        ("just a text".to_owned(), "invalid object to validate"),
        ("{}".to_owned(), "apiVersion not set, kind not set"),
    ] {
        let refused = admin.create_refused(&manifest).await;
        if !refused.contains(expected) {
            wrong.push(format!("{manifest}: {refused}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let large = changed("Filing", &json!({"metadata": {"annotations": {"large": "x".repeat(262_145)}}}));
    assert!(admin.create_refused(&large).await.contains("may not be more than 262144 bytes"));
    assert_eq!(admin.ok(&["get", "filings", "-o", "name"]).await, "", "nothing is stored");
}
