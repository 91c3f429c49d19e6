//! A kind that cannot be watched any more: the operator is not ready, names it, and is ready again by itself once it can.

use std::time::Duration;

use crate::fixture::{Cluster, Who, eventually, must, repository};
use crate::operator_process::Operator;
use crate::scene::{REQUEST, Scene, request};

/// Longer than it is patient with an API server that restarts.
const PATIENCE: Duration = Duration::from_mins(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_cannot_watch_is_not_ready_and_says_which_kinds() {
    let cluster = must("start a control plane", Cluster::start().await);
    let scene = Scene::on(&cluster, Who::Alice).await;
    let operator = Operator::start(&cluster, &[]).await;
    let admin = cluster.kubectl(Who::Admin);

    // A watch that stands is not ended by rights that go; that the API server restarts ends it.
    must("take the rights", admin.ok(&["delete", "clusterrolebinding", "icp-filing-operator"]).await);
    must("restart the API server", cluster.control_plane().restart_apiserver().await);
    let kinds = ["instanceclasses", "instances", "servicenumberrequests", "filings", "servicenumbers"];
    eventually("operator that names every kind", PATIENCE, async || match operator.get("/readyz").await {
        Ok((503, why)) if why.contains("watches of") && kinds.iter().all(|kind| why.contains(kind)) => Ok(()),
        Ok((_, why)) | Err(why) => Err(why),
    })
    .await;
    let healthz = operator.get("/healthz").await;
    assert_eq!(healthz, Ok((200, "ok\n".to_owned())), "a restart would not help");

    let rights = repository("deploy/rbac/operator.yaml").display().to_string();
    must("give the rights back", admin.ok(&["apply", "--server-side", "-f", &rights]).await);
    operator.ready().await;
    let server = scene.server(serde_json::json!({})).await;
    scene.apply(&request("shop", &server)).await;
    scene.ready(REQUEST, "shop").await;
    operator.finish().await;
    drop(scene);
    cluster.stop().await;
}
