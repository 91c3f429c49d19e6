//! What the operator and the API server prove themselves by ends while it runs: a token that is taken no more, a CA that
//! is replaced, and the next one of either in the same file, as a kubelet writes them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::fixture::{Cluster, Who, eventually, must};
use crate::operator_process::Operator;
use crate::scene::{REQUEST, Scene, request};

/// Either file is read once a minute.
const PATIENCE: Duration = Duration::from_mins(3);
const ACCOUNT: [&str; 4] = ["serviceaccount", "icp-filing-operator", "-n", "icp-filing-system"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_ends_is_followed_by_the_next_one_of_its_file() {
    let cluster = must("start a control plane", Cluster::start().await);
    let scene = Scene::on(&cluster, Who::Alice).await;
    let admin = cluster.kubectl(Who::Admin);
    let control_plane = cluster.control_plane();
    let file = control_plane.dir().join("operator-token");
    let next_token = async || {
        let [_, name, namespace @ ..] = ACCOUNT;
        let of_account = [&["create", "token", name][..], &namespace].concat();
        let token = must("make a token", admin.ok(&of_account).await);
        must("write the token", std::fs::write(&file, token.trim()));
    };
    next_token().await;
    // Like that of a pod: it names the file of the token.
    let kubeconfig = must("write a kubeconfig", control_plane.kubeconfig_for_token("of-a-file", "none"));
    let text = must("read the kubeconfig", std::fs::read_to_string(&kubeconfig));
    let mut config: Value = must("parse the kubeconfig", serde_json::from_str(&text));
    config["users"][0]["user"] = json!({ "tokenFile": file });
    must("write the kubeconfig", std::fs::write(&kubeconfig, config.to_string()));
    let operator = Operator::with(control_plane.dir(), &kubeconfig, &[]);
    operator.ready().await;
    let server = scene.server(json!({})).await;
    scene.apply(&request("before", &server)).await;
    scene.ready(REQUEST, "before").await;

    // An account that is made anew is another one, so its tokens of before are nobody's.
    must("delete the account", admin.ok(&[&["delete"][..], &ACCOUNT].concat()).await);
    must("make it anew", admin.ok(&[&["create"][..], &ACCOUNT].concat()).await);
    // What API servers remember of a token is forgotten with them.
    must("restart the API server", control_plane.restart_apiserver().await);
    scene.apply(&request("meanwhile", &server)).await;
    operator.says("WARN", &["the API server does not know who the operator is", "check its token"]).await;
    let readiness = async |wanted: u16| {
        eventually("operator of that readiness", PATIENCE, async || match operator.get("/readyz").await {
            Ok((code, _)) if code == wanted => Ok(()),
            Ok((_, why)) | Err(why) => Err(why),
        })
        .await;
    };
    readiness(503).await;
    next_token().await;
    readiness(200).await;
    scene.ready(REQUEST, "meanwhile").await;
    operator.finish().await;
    drop(scene);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ca_that_is_replaced_is_followed_by_the_next_one_of_its_file() {
    let cluster = must("start a control plane", Cluster::start().await);
    let operator = Operator::start(&cluster, &[]).await;
    must("replace the CA", cluster.control_plane().replace_ca().await);
    // Clients of before trust the API server no more, so this one's are new.
    let scene = Scene::on(&cluster, Who::Alice).await;
    let server = scene.server(json!({})).await;
    scene.apply(&request("shop", &server)).await;
    eventually("number", PATIENCE, async || {
        let shop = scene.get(REQUEST, "shop").await;
        shop["status"]["serviceNumber"].as_str().map(drop).ok_or_else(|| operator.process().log_tail())
    })
    .await;
    operator.ready().await;
    operator.finish().await;
    drop(scene);
    cluster.stop().await;
}
