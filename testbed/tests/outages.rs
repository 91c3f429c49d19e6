//! What an outage needs of the testbed, on real servers: snapshots that are put back, a past that is dropped, and
//! API servers beside the first.

use std::error::Error;
use std::time::{Duration, Instant};

use testbed::{ControlPlane, Kubectl, Options};

type Outcome = Result<(), Box<dyn Error>>;

/// More than are made between a snapshot and its return.
const BUMP: u64 = 1_000_000;

#[tokio::test]
async fn a_snapshot_is_put_back_with_a_bump_and_without() -> Outcome {
    let control_plane = ControlPlane::start(Options::default().fsync(true)).await?;
    let admin = control_plane.kubectl()?;
    create(&admin, "before").await?;
    let snapshot = control_plane.dir().join("snapshot.db");
    control_plane.save_snapshot(&snapshot).await?;
    let saved = newest(&admin).await?;
    create(&admin, "after").await?;
    let refused = control_plane.restore_snapshot(&snapshot, None).await.expect_err("servers run");
    assert!(refused.to_string().contains("stop_servers"), "{refused}");

    control_plane.stop_servers().await?;
    assert!(control_plane.pids().iter().all(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists()));
    control_plane.restore_snapshot(&snapshot, None).await?;
    control_plane.start_servers().await?;
    assert_eq!(config_maps(&admin).await?, ["before"]);
    let again = newest(&admin).await?;
    assert!(again < saved + 1000, "the revisions go on from the snapshot: {saved} and then {again}");

    control_plane.stop_servers().await?;
    control_plane.restore_snapshot(&snapshot, Some(BUMP)).await?;
    control_plane.start_servers().await?;
    assert_eq!(config_maps(&admin).await?, ["before"]);
    let bumped = newest(&admin).await?;
    assert!(bumped >= saved + BUMP, "the revisions go on later: {saved} and then {bumped}");

    let dropped = control_plane.compact().await?;
    assert!(dropped >= bumped, "{dropped} and {bumped}");
    let watch = format!("/api/v1/configmaps?watch=true&timeoutSeconds=1&resourceVersion={saved}");
    let answer = admin.run(&["get", "--raw", &watch]).await?;
    assert!((answer.stdout.clone() + &answer.stderr).contains("too old"), "{answer:?}");
    Ok(control_plane.stop().await?)
}

#[tokio::test]
async fn api_servers_beside_the_first_share_its_store_and_its_users() -> Outcome {
    let control_plane = ControlPlane::start(Options::default().audit(true)).await?;
    let first = control_plane.kubectl()?;
    let second = control_plane.add_apiserver(None).await?;
    let third = control_plane.add_apiserver(None).await?;
    let of_second = control_plane.kubectl_with(&second.kubeconfig(control_plane.admin_kubeconfig())?)?;
    let of_third = control_plane.kubectl_with(&third.kubeconfig(control_plane.admin_kubeconfig())?)?;
    create(&of_second, "seen").await?;
    assert_eq!(
        (config_maps(&first).await?, config_maps(&of_third).await?),
        (vec!["seen".to_owned()], vec!["seen".to_owned()])
    );

    second.kill().await?;
    assert!(!of_second.run(&["get", "configmaps"]).await?.status.success());
    create(&first, "meanwhile").await?;
    second.restart().await?;
    assert_eq!(config_maps(&of_second).await?, ["meanwhile", "seen"]);

    // Frozen it answers nobody; it goes on as if nothing had been.
    third.process().stop()?;
    let asked = of_third.run(&["get", "configmaps", "--request-timeout=1s"]).await?;
    assert!(!asked.status.success(), "{asked:?}");
    third.process().cont()?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while !of_third.run(&["get", "configmaps"]).await?.status.success() {
        assert!(Instant::now() < deadline, "the API server did not go on");
    }

    let pids = control_plane.pids();
    assert_eq!(pids.len(), 4);
    control_plane.stop_servers().await?;
    control_plane.start_servers().await?;
    assert_eq!(config_maps(&of_third).await?, ["meanwhile", "seen"]);
    Ok(control_plane.stop().await?)
}

async fn create(kubectl: &Kubectl, name: &str) -> Result<(), testbed::Error> {
    kubectl.ok(&["create", "configmap", name]).await.map(drop)
}

/// The names of the config maps that somebody made.
async fn config_maps(kubectl: &Kubectl) -> Result<Vec<String>, testbed::Error> {
    let names = kubectl.ok(&["get", "configmaps", "-o", "name"]).await?;
    let names = names.lines().filter_map(|line| line.strip_prefix("configmap/")).map(str::to_owned);
    Ok(names.filter(|name| name != "kube-root-ca.crt").collect())
}

/// The newest revision of the store.
async fn newest(kubectl: &Kubectl) -> Result<u64, Box<dyn Error>> {
    let list = kubectl.ok(&["get", "--raw", "/api/v1/configmaps?limit=1"]).await?;
    let list: serde_json::Value = serde_json::from_str(&list)?;
    Ok(list["metadata"]["resourceVersion"].as_str().ok_or("no revision")?.parse()?)
}
