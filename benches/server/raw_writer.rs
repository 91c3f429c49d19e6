//! What the operator is measured against: a client that makes the same writes, prepared beforehand, as fast as the
//! server takes them. It decides nothing, reads nothing and does not even look at the answers.

use std::sync::{Arc, Mutex, PoisonError};

use http::Request as Call;
use icp_filing_operator::api::{ServiceNumber, ServiceNumberRequestStatus, ServiceNumberSpec};
use icp_filing_operator::controllers::MANAGER;
use kube::Client;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::Request;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::fixture::{Cluster, Who, must};
use crate::stored::Waiting;

/// The calls for one number, in order.
#[derive(Clone, Debug)]
pub struct Calls {
    /// The create of the request, as a user, where it is not stored already.
    pub asked: Option<Call<Vec<u8>>>,
    /// The writes of the operator.
    pub writes: [Call<Vec<u8>>; 2],
}

/// A writer with the operator's own token.
#[derive(Clone)]
pub struct RawWriter {
    user: Client,
    operator: Client,
}

impl RawWriter {
    /// One that connects as the operator does.
    pub async fn new(cluster: &Cluster) -> Self {
        Self { user: cluster.client(Who::Alice).await, operator: cluster.client(Who::Operator).await }
    }

    /// Makes the calls of many numbers, so many numbers at a time.
    pub async fn write(&self, numbers: Vec<Calls>, at_once: usize) {
        let left = Arc::new(Mutex::new(numbers.into_iter()));
        let mut writers = JoinSet::new();
        for _ in 0..at_once {
            let (left, Self { user, operator }) = (Arc::clone(&left), self.clone());
            writers.spawn(async move {
                loop {
                    let next = left.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(Calls { asked, writes }) = next else { return };
                    if let Some(asked) = asked {
                        must("ask for a number", user.request_text(asked).await);
                    }
                    for call in writes {
                        must("write", operator.request_text(call).await);
                    }
                }
            });
        }
        while let Some(ended) = writers.join_next().await {
            must("write", ended);
        }
    }
}

/// The two writes for a request that waits: the create of its record, and the apply of its status.
pub fn writes(namespace: &str, waiting: &Waiting) -> Calls {
    Calls { asked: None, writes: [create(&waiting.record), apply(namespace, waiting)] }
}

/// As `controllers/records` does it.
fn create(record: &Value) -> Call<Vec<u8>> {
    let name = record["metadata"]["name"].as_str().unwrap_or_default();
    let spec: ServiceNumberSpec = must("read a record", serde_json::from_value(record["spec"].clone()));
    let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    let body = must("write a record", serde_json::to_vec(&ServiceNumber::new(name, spec)));
    let records = Request::new("/apis/icp-filing.dev/v1alpha1/servicenumbers");
    must("prepare a create", records.create(&params, body))
}

/// As `controllers/status` does it.
fn apply(namespace: &str, waiting: &Waiting) -> Call<Vec<u8>> {
    let status: ServiceNumberRequestStatus =
        must("read a status", serde_json::from_value(waiting.served["status"].clone()));
    let name = &waiting.name;
    let mut change = json!({
        "apiVersion": "icp-filing.dev/v1alpha1", "kind": "ServiceNumberRequest",
        "metadata": {"name": name, "namespace": namespace},
        "status": status,
    });
    // Of a request that is created on the way the revision is not known beforehand.
    if let Some(revision) = &waiting.revision {
        change["metadata"]["resourceVersion"] = json!(revision);
    }
    let params = PatchParams::apply(MANAGER).force();
    let requests =
        Request::new(format!("/apis/icp-filing.dev/v1alpha1/namespaces/{namespace}/servicenumberrequests"));
    must("prepare an apply", requests.patch_subresource("status", name, &params, &Patch::Apply(&change)))
}
