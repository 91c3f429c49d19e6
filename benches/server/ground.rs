//! What a measure stands on: a control plane of its own, a tenant, and operators run as they are shipped, with an
//! election. What is stored on it beforehand is in `stored`.

use std::time::Duration;

use serde_json::{Value, json};
use testbed::ControlPlane;

use crate::calls::Calls;
use crate::fixture::{self, Cluster, Who, eventually, must};
use crate::operator_process::Operator;
use crate::scene::{INSTANCE, REQUEST, Scene, holds, instance, request};
use crate::settings::Settings;
use crate::stored::{INSTANCE_NAME, Mould, REQUESTS, Stored, request_name};
use crate::vitals;

/// How long it may take until an operator on a large store is ready, or until nothing is written any more.
const LONG: Duration = Duration::from_mins(5);

/// A control plane.
pub struct Ground {
    /// The servers.
    pub cluster: Cluster,
    /// The namespace in which everything is.
    pub namespace: String,
    /// What is put into the store without the API server.
    pub stored: Stored,
}

impl Ground {
    /// Starts the servers, and learns what objects look like in the store.
    pub async fn start(settings: Settings) -> Self {
        let options = Cluster::options().fsync(settings.fsync);
        let control_plane = must("start a control plane", ControlPlane::start(options).await);
        let kubeconfig = must("install the operator", fixture::install(&control_plane).await);
        let cluster = Cluster::bare(control_plane, kubeconfig);
        let etcd = must("find etcd", cluster.control_plane().etcd_endpoint());
        let (namespace, mould) = mould(&cluster, &etcd).await;
        let stored = Stored::new(&etcd, mould);
        Self { cluster, namespace, stored }
    }

    /// Starts an operator as it is shipped, and waits until it is ready.
    pub async fn operator(&self) -> Operator {
        let operator = self.spawn();
        operator.ready_within(LONG).await;
        operator
    }

    /// Starts an operator as it is shipped, and waits for nothing.
    pub fn spawn(&self) -> Operator {
        Operator::spawn(&self.cluster, &["--leader-elect"])
    }

    /// Waits until nobody writes any more, events aside, and gives what was called until then.
    pub async fn quiet(&self) -> Calls {
        Calls::until_quiet(&self.cluster, LONG, |new| new.writes().count(|_| true)).await
    }

    /// Waits until the API server has seen all that was put into the store behind its back.
    pub async fn caught_up(&self) {
        // A first page is answered from the store where the cache lags; a second one, of the same revision, is not.
        for resource in ["servicenumbers", "servicenumberrequests", "instances"] {
            let path = format!("/apis/icp-filing.dev/v1alpha1/{resource}?limit=1");
            eventually("API server that has caught up", LONG, async || {
                let kubectl = self.cluster.kubectl(Who::Admin);
                let first = kubectl.ok(&["get", "--raw", &path]).await?;
                let first: Value = must("read a list", serde_json::from_str(&first));
                match first["metadata"]["continue"].as_str() {
                    Some(rest) => {
                        kubectl.ok(&["get", "--raw", &format!("{path}&continue={rest}")]).await.map(drop)
                    }
                    None => Ok(()),
                }
            })
            .await;
        }
    }

    /// How long the API server has computed.
    pub fn server_cpu(&self) -> Duration {
        let apiserver = must("find the API server", self.cluster.control_plane().apiserver());
        vitals::cpu(&apiserver)
    }

    /// Ends everything.
    pub async fn stop(self) {
        self.cluster.stop().await;
    }
}

/// Has an operator serve a few requests on one instance, and takes what is then in the store.
async fn mould(cluster: &Cluster, etcd: &str) -> (String, Mould) {
    let scene = Scene::on(cluster, Who::Alice).await;
    let namespace = scene.namespace().to_owned();
    let operator = Operator::start(cluster, &["--leader-elect"]).await;
    scene.put(&instance(INSTANCE_NAME)).await;
    scene.ready(INSTANCE, INSTANCE_NAME).await;
    let declared = Mould::declared(etcd, &namespace).await;
    let requests: Vec<_> = (0..REQUESTS).map(|k| request(&request_name(k), INSTANCE_NAME)).collect();
    crate::load::create(&scene, Who::Alice, &requests).await;
    for k in 0..REQUESTS {
        scene.until(REQUEST, &request_name(k), "served", |request| holds(request, "Ready")).await;
    }
    let issued = json!(REQUESTS);
    scene.until(INSTANCE, INSTANCE_NAME, "counted", |i| i["status"]["quota"]["issued"] == issued).await;
    operator.finish().await;
    (namespace.clone(), Mould::take(etcd, &namespace, declared).await)
}
