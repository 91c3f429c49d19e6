//! Each admission policy, as the users it is about, in both directions. RBAC alone is in `roles`, rules of
//! the schema are in `cel`.

mod accounts;
mod ledger;
mod reviews;

use serde_json::Value;

use crate::fixture::{Tenant, Who, cluster};
use crate::objects::{changed, resource};

/// Writes a status as the operator and registrars do, without reading it before; why it was refused.
async fn write_status(
    tenant: &Tenant<'_>,
    who: Who,
    kind: &str,
    name: &str,
    status: &Value,
) -> Result<(), String> {
    use kube::api::{DynamicObject, Patch, PatchParams};
    let api: kube::Api<DynamicObject> =
        kube::Api::namespaced_with(tenant.client(who).await, &tenant.namespace, &resource(kind).0);
    let patch = Patch::Merge(serde_json::json!({"status": status}));
    let written = api.patch_status(name, &PatchParams::default(), &patch).await;
    written.map(drop).map_err(|error| error.to_string())
}

#[track_caller]
fn assert_refused(result: Result<(), String>, why: &str) {
    match result {
        Ok(()) => panic!("this was not refused: {why}"),
        Err(message) => assert!(message.contains(why), "refused otherwise: {message}"),
    }
}

#[tokio::test]
async fn a_class_is_deleted_only_when_its_annotation_says_that_it_is_meant() {
    let cluster = cluster().await;
    let tenant = cluster.tenant(Who::Alice).await;
    let class = changed("InstanceClass", &serde_json::json!({}));
    let name = class["metadata"]["name"].as_str().expect("a name");
    let platform_admin = tenant.kubectl(Who::PlatformAdmin);
    platform_admin.apply(&class).await;
    let hint = format!("kubectl annotate instanceclass {name} icp-filing.dev/allow-deletion=true");
    for who in [Who::PlatformAdmin, Who::Admin] {
        let refused = tenant.kubectl(who).refused(&["delete", "instanceclass", name]).await;
        assert!(refused.contains(&hint), "{who:?}: {refused}");
    }
    platform_admin.ok(&["annotate", "instanceclass", name, "icp-filing.dev/allow-deletion=yes"]).await;
    assert!(platform_admin.refused(&["delete", "instanceclass", name]).await.contains(&hint));
    platform_admin
        .ok(&["annotate", "--overwrite", "instanceclass", name, "icp-filing.dev/allow-deletion=true"])
        .await;
    platform_admin.ok(&["delete", "instanceclass", name]).await;
}

#[tokio::test]
async fn our_crds_are_deleted_by_break_glass_alone_and_other_crds_by_any_administrator() {
    let tenant = crate::fixture::tenant().await;
    let admin = tenant.kubectl(Who::Admin);
    let as_break_glass = format!("--as-group={}", crate::fixture::BREAK_GLASS);
    for crd in icp_filing_operator::api::crds() {
        let name = crd.metadata.name.expect("a name");
        // Should the policy ever fail, a dry run leaves the other tests their CRDs.
        let refused = admin.refused(&["delete", "crd", &name, "--dry-run=server"]).await;
        assert!(refused.contains("deleting this CRD deletes every object of its kind"), "{refused}");
        admin.ok(&["delete", "crd", &name, "--dry-run=server", "--as=admin", &as_break_glass]).await;
    }
    let group = format!("{}.example.com", crate::fixture::unique());
    let other = serde_json::json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("things.{group}")},
        "spec": {
            "group": group, "scope": "Cluster", "names": {"kind": "Thing", "plural": "things"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}},
            }],
        },
    });
    admin.apply(&other).await;
    admin.ok(&["delete", "--wait=false", "crd", &format!("things.{group}")]).await;
}
