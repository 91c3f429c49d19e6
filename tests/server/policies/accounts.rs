//! The optional policy that binds namespaces to accounts, as `deploy/tenancy` ships it, but for one namespace of a
//! test and not for those of the others.

use serde_json::{Value, json};

use crate::fixture::{Here, SOON, Tenant, Who, eventually, must, repository, tenant};
use crate::objects::changed;

/// Applies what ships, bound to one namespace.
async fn install(tenant: &Tenant<'_>) {
    let text = must("read the policy", std::fs::read_to_string(repository("deploy/tenancy/accounts.yaml")));
    for document in text.split("\n---\n") {
        let mut object: Value = must("read a manifest", serde_saphyr::from_str(document));
        if object["kind"] == "ValidatingAdmissionPolicyBinding" {
            object["spec"]["matchResources"] = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": tenant.namespace}}});
        }
        tenant.kubectl(Who::Admin).apply(&object).await;
    }
}

/// The policy, and what it reads of a namespace, reach the API server's admission a moment later.
async fn until_refused(who: &Here, object: &Value, why: &str) {
    eventually("a refusal", SOON, async || {
        let tried = who.run_with_input(&["create", "--dry-run=server", "-f", "-"], &object.to_string()).await;
        if tried.stderr.contains(why) { Ok(()) } else { Err(tried.stdout + &tried.stderr) }
    })
    .await;
}

async fn until_taken(who: &Here, object: &Value) {
    eventually("no refusal", SOON, async || {
        let tried = who.run_with_input(&["apply", "-f", "-"], &object.to_string()).await;
        if tried.status.success() { Ok(()) } else { Err(tried.stdout + &tried.stderr) }
    })
    .await;
}

async fn annotate(tenant: &Tenant<'_>, accounts: &str) {
    let annotation = format!("icp-filing.dev/accounts={accounts}");
    let admin = tenant.kubectl(Who::Admin);
    admin.ok(&["annotate", "--overwrite", "namespace", &tenant.namespace, &annotation]).await;
}

#[tokio::test]
async fn a_namespace_uses_the_accounts_that_its_annotation_names_and_keeps_what_it_has() {
    let tenant = tenant().await;
    let alice = tenant.kubectl(Who::Alice);
    install(&tenant).await;
    let of = |kind: &str, account: &str| changed(kind, &json!({"spec": {"accountID": account}}));
    let why = |account: &str| format!("namespace {} may not use account {account}", tenant.namespace);
    for kind in ["ServiceNumberRequest", "Filing"] {
        until_refused(&alice, &of(kind, "1001"), &why("1001")).await;
    }
    annotate(&tenant, "2002, 1001").await;
    let (request, filing) = (of("ServiceNumberRequest", "1001"), of("Filing", "2002"));
    until_taken(&alice, &request).await;
    until_taken(&alice, &filing).await;
    for kind in ["ServiceNumberRequest", "Filing"] {
        // Neither a stranger nor a part of a name.
        for account in ["3003", "100"] {
            assert!(alice.create_refused(of(kind, account)).await.contains(&why(account)));
        }
    }
    annotate(&tenant, "3003").await;
    until_refused(&alice, &of("Filing", "1001"), &why("1001")).await;
    let named = |object: &Value| object["metadata"]["name"].as_str().expect("a name").to_owned();
    for (kind, name) in [("servicenumberrequest", named(&request)), ("filing", named(&filing))] {
        alice.ok(&["label", kind, &name, "still=mine"]).await;
    }
    let mut other = filing.clone();
    other["spec"]["website"]["name"] = json!("Another");
    alice.apply(&other).await;
    for (kind, name) in [("servicenumberrequest", named(&request)), ("filing", named(&filing))] {
        alice.ok(&["delete", "--wait=false", kind, &name]).await;
    }
}
