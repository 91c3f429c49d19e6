//! Who may write the ledger.

use serde_json::{Value, json};

use crate::fixture::{
    BREAK_GLASS, Cluster, Here, OPERATOR, SOON, Who, eventually, instance_id, repository, tenant,
};
use crate::objects::{bound, fill, merge, record};

const ONLY_THE_OPERATOR: &str = "only the operator writes service numbers";
const NEVER_DELETED: &str = "a service number is never deleted";

fn name(record: &Value) -> &str {
    record["metadata"]["name"].as_str().expect("a name")
}

async fn create(operator: &Here, record: &Value) {
    let output = operator.run_with_input(&["create", "-f", "-"], &record.to_string()).await;
    assert!(output.status.success(), "{}", output.stderr);
}

#[tokio::test]
async fn not_even_system_masters_writes_or_deletes_a_record() {
    let tenant = tenant().await;
    let admin = tenant.kubectl(Who::Admin);
    let record = record(&instance_id(), 0);
    assert!(admin.create_refused(&record).await.contains(ONLY_THE_OPERATOR));
    create(&tenant.kubectl(Who::Operator), &record).await;
    let bind = fill(&json!({"spec": {"state": "InUse", "filing": bound()}}), "x").to_string();
    for (args, why) in [
        (vec!["patch", "sn", name(&record), "--type=merge", "-p", &bind], ONLY_THE_OPERATOR),
        (vec!["label", "sn", name(&record), "team=shop"], ONLY_THE_OPERATOR),
        (vec!["delete", "sn", name(&record)], NEVER_DELETED),
        (vec!["delete", "sn", "--field-selector", "spec.state=Issued"], NEVER_DELETED),
        // By one request for all of them, as a careless script would.
        (vec!["delete", "--raw", "/apis/icp-filing.dev/v1alpha1/servicenumbers"], NEVER_DELETED),
    ] {
        let refused = admin.refused(&args).await;
        assert!(refused.contains(why), "kubectl {}: {refused}", args.join(" "));
    }
    admin.ok(&["get", "sn", name(&record)]).await;
}

#[tokio::test]
async fn people_with_roles_of_ours_are_not_even_asked_by_the_policy() {
    let tenant = tenant().await;
    for who in [Who::PlatformAdmin, Who::Registrar, Who::Alice, Who::Viewer] {
        let refused = tenant.kubectl(who).create_refused(&record(&instance_id(), 0)).await;
        assert!(refused.contains("cannot create resource \"servicenumbers\""), "{who:?}: {refused}");
    }
}

#[tokio::test]
async fn the_operator_issues_and_binds_and_cannot_delete() {
    let tenant = tenant().await;
    let operator = tenant.kubectl(Who::Operator);
    let record = record(&instance_id(), 0);
    create(&operator, &record).await;
    let bind = fill(&json!({"spec": {"state": "InUse", "filing": bound()}}), "x").to_string();
    operator.ok(&["patch", "sn", name(&record), "--type=merge", "-p", &bind]).await;
    let refused = operator.refused(&["delete", "sn", name(&record)]).await;
    assert!(refused.contains("cannot delete resource"), "{refused}");
    // And if a role let it: the policy would not.
    let identity = format!("--as={OPERATOR}");
    let masters = ["delete", "sn", name(&record), &identity, "--as-group=system:masters"];
    assert!(tenant.kubectl(Who::Admin).refused(&masters).await.contains(NEVER_DELETED));
}

#[tokio::test]
async fn a_number_is_never_submitted_consumed_or_cancelled_when_it_is_issued() {
    let tenant = tenant().await;
    let operator = tenant.kubectl(Who::Operator);
    let submitted = json!({"state": "Submitted", "filing": bound(), "submittedTime": "2026-01-03T00:00:00Z"});
    let mut consumed = submitted.clone();
    merge(
        &mut consumed,
        &json!({"state": "Consumed", "consumedTime": "2026-01-04T00:00:00Z", "icpNumber": "浙ICP备11012345号-1"}),
    );
    let mut cancelled = submitted.clone();
    merge(&mut cancelled, &json!({"state": "Cancelled", "cancelledTime": "2026-01-04T00:00:00Z"}));
    for spec in [submitted, consumed, cancelled] {
        let mut record = record(&instance_id(), 0);
        merge(&mut record["spec"], &fill(&spec, "x"));
        let refused = operator.create_refused(&record).await;
        assert!(refused.contains("in a write of its own, never when it is issued"), "{refused}");
    }
    let mut in_use = record(&instance_id(), 0);
    merge(&mut in_use["spec"], &fill(&json!({"state": "InUse", "filing": bound()}), "x"));
    create(&operator, &in_use).await;
}

#[tokio::test]
async fn a_record_has_no_owner_and_no_finalizer() {
    let tenant = tenant().await;
    let operator = tenant.kubectl(Who::Operator);
    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "u"});
    let with = [json!({"ownerReferences": [owner]}), json!({"finalizers": ["example.com/hold"]})];
    for metadata in &with {
        let mut record = record(&instance_id(), 0);
        merge(&mut record["metadata"], metadata);
        let refused = operator.create_refused(&record).await;
        assert!(refused.contains("a record has no owner and no finalizer"), "{refused}");
    }
    let record = record(&instance_id(), 0);
    create(&operator, &record).await;
    for metadata in &with {
        let patch = json!({"metadata": metadata}).to_string();
        let refused = operator.refused(&["patch", "sn", name(&record), "--type=merge", "-p", &patch]).await;
        assert!(refused.contains("a record has no owner and no finalizer"), "{refused}");
    }
}

#[tokio::test]
async fn break_glass_restores_mends_and_removes_records() {
    let tenant = tenant().await;
    let admin = tenant.kubectl(Who::Admin);
    let group = format!("--as-group={BREAK_GLASS}");
    let mut record = record(&instance_id(), 0);
    let spec = json!({
        "state": "Consumed", "filing": bound(), "submittedTime": "2026-01-03T00:00:00Z",
        "consumedTime": "2026-01-04T00:00:00Z", "icpNumber": "浙ICP备11012345号-1",
    });
    merge(&mut record["spec"], &fill(&spec, "x"));
    let restore = ["apply", "--server-side", "-f", "-", "--as=admin", &group];
    let restored = admin.run_with_input(&restore, &record.to_string()).await;
    assert!(restored.status.success(), "{}", restored.stderr);
    admin.ok(&["label", "sn", name(&record), "restored=yes", "--as=admin", &group]).await;
    // Impersonation alone is not enough, and neither is what the group's role lets it do elsewhere.
    let deletion = ["delete", "sn", name(&record), "--as=admin", "--as-group=system:masters"];
    assert!(admin.refused(&deletion).await.contains(NEVER_DELETED));
    let elsewhere = admin.refused(&["get", "secrets", "--as=admin", &group]).await;
    assert!(elsewhere.contains("cannot list resource \"secrets\""), "{elsewhere}");
    admin.ok(&["delete", "sn", name(&record), "--as=admin", &group]).await;
}

#[tokio::test]
async fn what_kubectl_get_printed_restores_a_lost_record_and_one_that_went_back_in_time() {
    let tenant = tenant().await;
    let (admin, operator) = (tenant.kubectl(Who::Admin), tenant.kubectl(Who::Operator));
    let group = format!("--as-group={BREAK_GLASS}");
    let record = record(&instance_id(), 0);
    let dump = async || admin.ok(&["get", "sn", name(&record), "-o", "yaml"]).await;
    create(&operator, &record).await;
    let older = dump().await;
    let bind = fill(&json!({"spec": {"state": "InUse", "filing": bound()}}), "x").to_string();
    let submit = json!({"spec": {"state": "Submitted", "submittedTime": "2026-01-03T00:00:00Z"}}).to_string();
    for patch in [bind, submit] {
        operator.ok(&["patch", "sn", name(&record), "--type=merge", "-p", &patch]).await;
    }
    let newer = dump().await;
    for back_to in ["", &older] {
        admin.ok(&["delete", "sn", name(&record), "--as=admin", &group]).await;
        for dump in [back_to, &newer] {
            let restore = ["replace", "--force", "-f", "-", "--as=admin", &group];
            let output = admin.run_with_input(&restore, dump).await;
            assert!(output.status.success() || dump.is_empty(), "{}", output.stderr);
        }
        let restored = admin.json("sn", name(&record)).await["spec"]["state"].take();
        assert_eq!(restored, "Submitted");
    }
}

#[tokio::test]
async fn nobody_takes_on_break_glass_who_may_not_impersonate() {
    let tenant = tenant().await;
    let group = format!("--as-group={BREAK_GLASS}");
    for who in [Who::PlatformAdmin, Who::Registrar, Who::Alice, Who::Operator] {
        let refused = tenant.kubectl(who).refused(&["get", "sn", "--as=admin", &group]).await;
        assert!(refused.contains("cannot impersonate"), "{who:?}: {refused}");
    }
}

#[tokio::test]
async fn while_the_hold_is_applied_the_operator_writes_no_record_and_break_glass_does() {
    if !crate::fixture::cluster().await.control_plane().is_ours() {
        eprintln!("skipped: the hold would stop the operator of a cluster that is not ours");
        return;
    }
    // A control plane of its own, since the hold is everybody's.
    let cluster = Cluster::start().await.expect("a cluster");
    let tenant = cluster.tenant(Who::Alice).await;
    let (admin, operator) = (tenant.kubectl(Who::Admin), tenant.kubectl(Who::Operator));
    let first = record(&instance_id(), 0);
    create(&operator, &first).await;
    let hold = repository("deploy/hold");
    let hold = hold.to_str().expect("a path");
    admin.ok(&["apply", "-k", hold]).await;
    let refusal = "the ledger is being restored and the operator is held";
    let next = record(&instance_id(), 0).to_string();
    eventually("hold", SOON, async || {
        let output = operator.run_with_input(&["create", "--dry-run=server", "-f", "-"], &next).await;
        if output.stderr.contains(refusal) { Ok(()) } else { Err(output.stdout + &output.stderr) }
    })
    .await;
    let bind = fill(&json!({"spec": {"state": "InUse", "filing": bound()}}), "x").to_string();
    let bind = ["patch", "sn", name(&first), "--type=merge", "-p", &bind];
    assert!(operator.refused(&bind).await.contains(refusal));
    let group = format!("--as-group={BREAK_GLASS}");
    let restore = ["create", "-f", "-", "--as=admin", &group];
    let restored = admin.run_with_input(&restore, &next).await;
    assert!(restored.status.success(), "{}", restored.stderr);
    admin.ok(&["delete", "-k", hold]).await;
    eventually("end of the hold", SOON, async || {
        let output = operator.run(&bind).await;
        if output.status.success() { Ok(()) } else { Err(output.stderr) }
    })
    .await;
    cluster.stop().await;
}
