//! What ships in `deploy/`: the classes, the samples and the pod, as the API server takes them.
//! Roles and policies have tests of their own.

use serde_json::{Value, json};

use crate::fixture::{Who, cluster, repository, tenant, unique};

/// The samples with namespaces and instances of a test's own, and without the Namespaces themselves.
async fn samples(shop_team: &str, agency: &str) -> String {
    let kubectl = cluster().await.kubectl(Who::Admin);
    let folder = repository("deploy/samples");
    let rendered = kubectl.ok(&["kustomize".as_ref(), folder.as_os_str()]).await.expect("the samples");
    let rendered = rendered
        .split("---\n")
        .filter(|document| !document.contains("kind: Namespace\n"))
        .collect::<Vec<_>>()
        .join("---\n");
    let own = unique();
    ["i-bp67acfmxazb4ph4a1", "i-j6c4hkmpayg0f1x2y3", "ewh-3kq8d2n1", "ewh-9vt5b7w4"]
        .iter()
        .fold(rendered, |text, id| text.replace(id, &format!("{id}-{own}")))
        .replace("namespace: shop-team", &format!("namespace: {shop_team}"))
        .replace("namespace: agency", &format!("namespace: {agency}"))
}

#[tokio::test]
async fn the_samples_are_accepted_and_a_second_apply_changes_nothing() {
    let cluster = cluster().await;
    let (shop_team, agency) = (cluster.tenant(Who::Alice).await, cluster.tenant(Who::Bob).await);
    let samples = samples(&shop_team.namespace, &agency.namespace).await;
    let admin = cluster.kubectl(Who::Admin);
    let created = admin.apply(&samples).await.expect("the samples apply");
    assert_eq!(created.lines().filter(|line| line.ends_with(" created")).count(), 11, "{created}");
    let again = admin.apply(&samples).await.expect("the samples apply again");
    assert!(again.lines().all(|line| line.ends_with(" unchanged")), "{again}");
    let difference = admin.run_with_input(&["diff", "-f", "-"], &samples).await.expect("kubectl diff");
    assert_eq!(
        (difference.status.code(), difference.stdout.as_str()),
        (Some(0), ""),
        "{}",
        difference.stderr
    );
}

#[tokio::test]
async fn the_template_by_number_is_refused_until_the_number_is_put_in() {
    let agency = cluster().await.tenant(Who::Bob).await;
    let bob = agency.kubectl(Who::Bob);
    let template = repository("deploy/samples/by-number/filing.yaml");
    let template = std::fs::read_to_string(template).expect("the template");
    let template = template.replace("namespace: agency", &format!("namespace: {}", agency.namespace));
    assert!(bob.create_refused(&template).await.contains("a service number is a UUID such as"));
    bob.apply(template.replace("SERVICE_NUMBER", "32a43232-a888-88e8-b9ec-00888be80000")).await;
}

#[tokio::test]
async fn the_shipped_classes_say_what_the_tables_of_the_documents_say() {
    let admin = cluster().await.kubectl(Who::Admin);
    // Name, quota, what it counts for, months bought, months left, bandwidth, first order.
    let rows = [
        ("ecs", 5, "Instance", Some(3), Some(3), Some(1), None),
        ("web-hosting", 5, "Instance", Some(3), None, None, None),
        ("simple-application-server", 5, "Instance", Some(3), None, None, None),
        ("elastic-web-hosting", 5, "Account", Some(6), None, None, None),
        ("marketplace-site", 1, "Instance", None, None, None, Some((12, 99))),
        ("nat-gateway", 2, "Instance", Some(1), None, None, None),
        ("ipv6-translation", 2, "Instance", Some(1), None, None, None),
        ("ens", 5, "Instance", Some(3), None, None, None),
    ];
    for (name, quota, scope, bought, left, bandwidth, first_order) in rows {
        let text = admin.ok(&["get", "instanceclass", name, "-o", "json"]).await.expect("a class");
        let spec = serde_json::from_str::<Value>(&text).expect("JSON")["spec"].take();
        assert_eq!((&spec["quota"], &spec["quotaScope"]), (&json!(quota), &json!(scope)), "{name}");
        assert_eq!((&spec["provider"], &spec["suspend"]), (&json!("AlibabaCloud"), &json!(false)), "{name}");
        let asked = &spec["requirements"];
        assert_eq!(asked["minMonthsPurchased"], json!(bought), "{name}");
        assert_eq!(asked["minMonthsRemaining"], json!(left), "{name}");
        assert_eq!(asked["minBandwidthMbps"], json!(bandwidth), "{name}");
        assert_eq!(asked["minFirstOrderMonths"], json!(first_order.map(|order| order.0)), "{name}");
        assert_eq!(asked["minFirstOrderYuan"], json!(first_order.map(|order| order.1)), "{name}");
        assert_eq!(asked["regions"], json!({"allowed": ["cn-*"], "denied": ["cn-hongkong"]}), "{name}");
        assert_eq!(asked["billingMethods"], json!(["Subscription"]), "{name}");
    }
    let listed = admin.ok(&[
        "get",
        "instanceclass",
        "-l",
        "app.kubernetes.io/part-of=icp-filing-operator",
        "-o",
        "name",
    ]);
    assert_eq!(listed.await.expect("a list").lines().count(), rows.len());
}

#[tokio::test]
async fn the_pod_of_the_operator_passes_the_restricted_profile_and_a_careless_one_does_not() {
    let admin = cluster().await.kubectl(Who::Admin);
    let system = "icp-filing-system";
    let text = admin.ok(&["get", "deployment", "icp-filing-operator", "-n", system, "-o", "json"]).await;
    let mut template =
        serde_json::from_str::<Value>(&text.expect("the Deployment")).expect("JSON")["spec"]["template"]
            .take();
    template["apiVersion"] = json!("v1");
    template["kind"] = json!("Pod");
    template["metadata"]["name"] = json!("probe");
    let create = ["create", "-n", system, "--dry-run=server", "-f", "-"];
    admin.ok_with_input(&create, &template.to_string()).await.expect("the pod is admitted");
    template["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(true);
    let careless = admin.run_with_input(&create, &template.to_string()).await.expect("kubectl");
    assert!(careless.stderr.contains("violates PodSecurity \"restricted"), "{}", careless.stderr);
}

#[tokio::test]
async fn an_applicant_reads_the_classes_and_sees_what_is_asked() {
    let tenant = tenant().await;
    let listed = tenant.kubectl(Who::Alice).ok(&["get", "instanceclasses", "-o", "wide"]).await;
    assert!(listed.contains("Elastic Web Hosting"), "{listed}");
}
