//! `ServiceNumberRequest`: a claim for one number on an instance. No rule is applied here.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{condition::Condition, reason::Refusal, service_number::NumberState, text};

/// A claim for one service number on an instance of the same namespace.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[kube(
    group = "icp-filing.dev",
    version = "v1alpha1",
    kind = "ServiceNumberRequest",
    plural = "servicenumberrequests",
    shortname = "snr",
    category = "icp",
    namespaced,
    status = "ServiceNumberRequestStatus",
    derive = "PartialEq",
    doc = "ServiceNumberRequest is a claim for one service number on an instance of the same namespace. The number appears in its status, or every reason why there is none. Deleting it frees nothing; the same manifest applied again gets the same number back.",
    selectable = ".spec.instanceRef.name",
    selectable = ".spec.accountID",
    printcolumn(name = "Number", type_ = "string", json_path = ".status.serviceNumber"),
    printcolumn(name = "Instance", type_ = "string", json_path = ".spec.instanceRef.name"),
    printcolumn(name = "Used-By", type_ = "string", json_path = ".status.usedBy"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state", priority = 1),
    printcolumn(name = "Account", type_ = "string", json_path = ".spec.accountID", priority = 1),
    printcolumn(name = "Granted", type_ = "string", json_path = ".spec.filingAccountID", priority = 1),
    printcolumn(name = "Record", type_ = "string", json_path = ".status.recordName", priority = 1),
    printcolumn(name = "Issued", type_ = "date", json_path = ".status.issuedTime", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.spec == oldSelf.spec").message("the spec of a request is immutable: create a request of another name").field_path(".spec")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.filingAccountID) || self.filingAccountID != self.accountID").message("leave filingAccountID out: the account that bought the instance may always file").field_path(".filingAccountID"))]
pub struct ServiceNumberRequestSpec {
    /// The instance, in the same namespace.
    pub instance_ref: NameRef,
    /// The account that applies: the one that bought the instance.
    #[serde(rename = "accountID")]
    #[schemars(length(max = 63), regex(pattern = text::ACCOUNT))]
    pub account_id: String,
    /// The one other account that may file with the number. Absent: whoever is told the number may.
    #[serde(rename = "filingAccountID", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63), regex(pattern = text::ACCOUNT))]
    pub filing_account_id: Option<String>,
}

/// An object of the same namespace, by name.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct NameRef {
    /// Its name.
    #[schemars(length(min = 1, max = 253), regex(pattern = text::OBJECT_NAME))]
    pub name: String,
}

/// What became of a claim.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ServiceNumberRequestStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling and Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Every reason why there is no number, with its remedy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["reason".into()]))]
    pub refusals: Vec<Refusal>,
    /// The number. Holding it is the right to file with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36), regex(pattern = text::UUID))]
    pub service_number: Option<String>,
    /// The record in the ledger (a ServiceNumber).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub record_name: Option<String>,
    /// When the number was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_time: Option<Time>,
    /// What became of the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<NumberState>,
    /// The Filing of this namespace that uses the number, or `(another namespace)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub used_by: Option<String>,
}
