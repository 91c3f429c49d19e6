//! Who may write a status, and who the review in that of a filing.

use serde_json::{Value, json};

use super::{assert_refused, write_status};
use crate::fixture::{Tenant, Who, tenant};
use crate::objects::changed;

const NOT_YOURS: &str = "status.review is the registrar's word";
const OPERATORS: &str = "only the operator writes this status";
const FINAL: &str = "an approved or cancelled review is final and is not taken away";

/// A filing that is submitted as far as its status says.
async fn submitted(tenant: &Tenant<'_>) -> String {
    let filing = changed("Filing", &json!({"spec": {"submit": true}}));
    tenant.kubectl(Who::Alice).apply(&filing).await;
    let name = filing["metadata"]["name"].as_str().expect("a name").to_owned();
    let status = json!({"recordName": "r", "submittedTime": "2026-01-02T00:00:00Z"});
    write_status(tenant, Who::Operator, "Filing", &name, &status).await.expect("the operator's status");
    name
}

fn review(state: &str) -> Value {
    let icp_number = (state == "Approved").then_some("浙ICP备11012345号-1");
    json!({"review": {"recordName": "r", "state": state, "icpNumber": icp_number}})
}

#[tokio::test]
async fn a_registrar_writes_reviews_by_kubectl_from_the_first_to_the_last() {
    let tenant = tenant().await;
    let name = submitted(&tenant).await;
    let registrar = tenant.kubectl(Who::Registrar);
    for state in ["InReview", "Rejected", "InReview", "Approved"] {
        let patch = json!({"status": review(state)}).to_string();
        registrar.ok(&["patch", "filing", &name, "--subresource=status", "--type=merge", "-p", &patch]).await;
        assert_eq!(registrar.json("filing", &name).await["status"]["review"]["state"], state);
    }
}

#[tokio::test]
async fn a_registrar_reviews_by_server_side_apply_without_taking_the_operators_fields() {
    let tenant = tenant().await;
    let name = submitted(&tenant).await;
    let applied = json!({
        "apiVersion": "icp-filing.dev/v1alpha1", "kind": "Filing", "metadata": {"name": name},
        "status": review("InReview"),
    });
    let apply = ["apply", "--server-side", "--subresource=status", "--field-manager=registrar", "-f", "-"];
    let mut applied = applied;
    applied["status"]["review"].as_object_mut().and_then(|review| review.remove("icpNumber"));
    let output = tenant.kubectl(Who::Registrar).run_with_input(&apply, &applied.to_string()).await;
    assert!(output.status.success(), "{}", output.stderr);
    assert_eq!(tenant.kubectl(Who::Alice).json("filing", &name).await["status"]["recordName"], "r");
}

#[tokio::test]
async fn a_registrar_writes_nothing_of_a_status_but_the_review() {
    let tenant = tenant().await;
    let name = submitted(&tenant).await;
    for status in [
        json!({"recordName": "other"}),
        json!({"icpNumber": "浙ICP备11012345号-1"}),
        json!({"submittedTime": null}),
        json!({"conditions": []}),
    ] {
        assert_refused(write_status(&tenant, Who::Registrar, "Filing", &name, &status).await, OPERATORS);
        let mut both = review("InReview");
        crate::objects::merge(&mut both, &json!({"review": {"icpNumber": null}}));
        for (field, value) in status.as_object().into_iter().flatten() {
            both[field] = value.clone();
        }
        let refused = write_status(&tenant, Who::Registrar, "Filing", &name, &both).await;
        assert!(refused.is_err(), "{both}");
    }
    let refused = tenant.kubectl(Who::Registrar).refused(&["label", "filing", &name, "seen=yes"]).await;
    assert!(refused.contains("cannot patch resource \"filings\""), "{refused}");
}

#[tokio::test]
async fn a_review_of_a_filing_that_nobody_looked_at_is_refused_by_the_schema_and_not_by_the_policy() {
    let tenant = tenant().await;
    let filing = changed("Filing", &json!({"spec": {"submit": true}}));
    tenant.kubectl(Who::Alice).apply(&filing).await;
    let name = filing["metadata"]["name"].as_str().expect("a name");
    let refused = write_status(&tenant, Who::Registrar, "Filing", name, &review("InReview")).await;
    assert_refused(refused, "wait for status.submittedTime before a review");
}

#[tokio::test]
async fn whoever_may_write_the_status_but_is_no_registrar_writes_neither_review_nor_the_rest() {
    let tenant = tenant().await;
    let name = submitted(&tenant).await;
    let careless = Who::StatusWriter;
    for state in ["InReview", "Approved", "Cancelled"] {
        assert_refused(write_status(&tenant, careless, "Filing", &name, &review(state)).await, NOT_YOURS);
    }
    write_status(&tenant, Who::Registrar, "Filing", &name, &review("InReview")).await.expect("a review");
    let message = json!({"review": {"message": "Approved, really."}});
    assert_refused(write_status(&tenant, careless, "Filing", &name, &message).await, NOT_YOURS);
    let taken_away = json!({"review": null});
    assert_refused(write_status(&tenant, careless, "Filing", &name, &taken_away).await, NOT_YOURS);
    let rest = json!({"serviceNumber": "32a43232-a888-48e8-b9ec-00888be80000"});
    assert_refused(write_status(&tenant, careless, "Filing", &name, &rest).await, OPERATORS);
}

#[tokio::test]
async fn an_applicant_writes_no_status_at_all() {
    let tenant = tenant().await;
    let name = submitted(&tenant).await;
    for (kind, status) in
        [("Filing", review("Approved")), ("ServiceNumberRequest", json!({"recordName": "r"}))]
    {
        let refused = write_status(&tenant, Who::Alice, kind, &name, &status).await;
        assert_refused(refused, "cannot patch resource");
    }
}

#[tokio::test]
async fn the_operator_writes_the_status_and_never_the_review() {
    let tenant = tenant().await;
    let name = submitted(&tenant).await;
    let refused = write_status(&tenant, Who::Operator, "Filing", &name, &review("InReview")).await;
    assert_refused(refused, "the operator does not write reviews");
    write_status(&tenant, Who::Registrar, "Filing", &name, &review("Approved")).await.expect("a review");
    let taken_away = json!({"review": null});
    let refused = write_status(&tenant, Who::Operator, "Filing", &name, &taken_away).await;
    assert_refused(refused, "the operator does not write reviews");
    let outcome = json!({"icpNumber": "浙ICP备11012345号-1", "completedTime": "2026-01-04T00:00:00Z"});
    write_status(&tenant, Who::Operator, "Filing", &name, &outcome).await.expect("the outcome");
}

#[tokio::test]
async fn a_final_review_is_taken_away_by_an_administrator_alone() {
    let tenant = tenant().await;
    let taken_away = json!({"review": null});
    for state in ["Approved", "Cancelled"] {
        let name = submitted(&tenant).await;
        write_status(&tenant, Who::Registrar, "Filing", &name, &review(state)).await.expect("a review");
        assert_refused(write_status(&tenant, Who::Registrar, "Filing", &name, &taken_away).await, FINAL);
        write_status(&tenant, Who::Admin, "Filing", &name, &taken_away).await.expect("a repair");
        let again = write_status(&tenant, Who::Registrar, "Filing", &name, &review(state)).await;
        again.expect("the same review, written again");
    }
    let name = submitted(&tenant).await;
    write_status(&tenant, Who::Registrar, "Filing", &name, &review("Rejected")).await.expect("a review");
    write_status(&tenant, Who::Registrar, "Filing", &name, &taken_away).await.expect("a withdrawn review");
}

#[tokio::test]
async fn an_administrator_wipes_every_status_in_one_write() {
    let tenant = tenant().await;
    let name = submitted(&tenant).await;
    write_status(&tenant, Who::Registrar, "Filing", &name, &review("Approved")).await.expect("a review");
    let admin = tenant.kubectl(Who::Admin);
    for kind in ["Instance", "ServiceNumberRequest", "Filing"] {
        let name = if kind == "Filing" { name.clone() } else { filled(&tenant, kind).await };
        let wipe = r#"[{"op": "remove", "path": "/status"}]"#;
        admin.ok(&["patch", kind, &name, "--subresource=status", "--type=json", "-p", wipe]).await;
        let status = admin.json(kind, &name).await["status"].take();
        assert_eq!(status["conditions"][0]["reason"], "Pending", "{kind}: {status}");
        assert_eq!(status.as_object().map(serde_json::Map::len), Some(1), "{kind}: {status}");
    }
}

/// An instance or a request with a status that the operator wrote.
async fn filled(tenant: &Tenant<'_>, kind: &str) -> String {
    let object = changed(kind, &json!({}));
    tenant.kubectl(Who::Admin).apply(&object).await;
    let name = object["metadata"]["name"].as_str().expect("a name").to_owned();
    let status = json!({"observedGeneration": 1});
    write_status(tenant, Who::Operator, kind, &name, &status).await.expect("the operator's status");
    name
}

#[tokio::test]
async fn statuses_of_instances_and_requests_are_the_operators_and_repair_lets_others() {
    let tenant = tenant().await;
    let wrong = [
        ("Instance", json!({"quota": {"limit": 9, "issued": 0, "available": 9, "inUse": 0, "consumed": 0}})),
        ("ServiceNumberRequest", json!({"serviceNumber": "32a43232-a888-48e8-b9ec-00888be80000"})),
    ];
    for (kind, status) in &wrong {
        let name = filled(&tenant, kind).await;
        assert_refused(write_status(&tenant, Who::StatusWriter, kind, &name, status).await, OPERATORS);
        write_status(&tenant, Who::StatusWriter, kind, &name, &json!({})).await.expect("no change at all");
        write_status(&tenant, Who::Admin, kind, &name, status).await.expect("an administrator's repair");
    }
    // The permission alone makes the difference, for this one resource.
    let admin = tenant.kubectl(Who::Admin);
    let role = ["create", "role", "repair", "--verb=update", "--resource=instances.icp-filing.dev/repair"];
    admin.ok(&role).await;
    let user = format!("--user={}", Who::StatusWriter.name());
    admin.ok(&["create", "rolebinding", "repair", "--role=repair", &user]).await;
    let (kind, status) = &wrong[0];
    let name = filled(&tenant, kind).await;
    crate::fixture::eventually("right to repair", crate::fixture::SOON, async || {
        write_status(&tenant, Who::StatusWriter, kind, &name, status).await
    })
    .await;
    let (kind, status) = &wrong[1];
    let name = filled(&tenant, kind).await;
    assert_refused(write_status(&tenant, Who::StatusWriter, kind, &name, status).await, OPERATORS);
}
