//! `ServiceNumber`: the ledger, one record per number ever issued. No rule is applied here.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{instance_class::QuotaScope, text};

/// One number that was issued. Written by the operator alone, deleted by nobody.
///
/// All facts are in the spec, since backups and GitOps restore specs and drop statuses.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[kube(
    group = "icp-filing.dev",
    version = "v1alpha1",
    kind = "ServiceNumber",
    plural = "servicenumbers",
    shortname = "sn",
    category = "icp",
    derive = "PartialEq",
    doc = "ServiceNumber is one record of the ledger: a number that was issued, to whom, and what became of it. The operator alone writes records, and nobody deletes them.",
    selectable = ".spec.state",
    selectable = ".spec.instanceName",
    selectable = ".spec.accountID",
    selectable = ".spec.claim.namespace",
    selectable = ".spec.filing.namespace",
    selectable = ".spec.filing.domain",
    printcolumn(name = "Number", type_ = "string", json_path = ".spec.number"),
    printcolumn(name = "State", type_ = "string", json_path = ".spec.state"),
    printcolumn(name = "Instance", type_ = "string", json_path = ".spec.instanceName"),
    printcolumn(name = "Domain", type_ = "string", json_path = ".spec.filing.domain"),
    printcolumn(name = "ICP-Number", type_ = "string", json_path = ".spec.icpNumber"),
    printcolumn(name = "Account", type_ = "string", json_path = ".spec.accountID", priority = 1),
    printcolumn(name = "Claim-Kind", type_ = "string", json_path = ".spec.claim.kind", priority = 1),
    printcolumn(name = "Claim-Namespace", type_ = "string", json_path = ".spec.claim.namespace", priority = 1),
    printcolumn(name = "Claim", type_ = "string", json_path = ".spec.claim.name", priority = 1),
    printcolumn(name = "Filing-Namespace", type_ = "string", json_path = ".spec.filing.namespace", priority = 1),
    printcolumn(name = "Filing", type_ = "string", json_path = ".spec.filing.name", priority = 1),
    printcolumn(name = "Issued", type_ = "date", json_path = ".spec.issuedTime"),
    validation = Rule::new("[self.spec.quotaScope == 'Instance' ? 'instance.' + self.spec.instanceName + '-' : 'account.' + self.spec.className + '.' + self.spec.accountID + '-'].all(key, self.metadata.name.startsWith(key) && self.metadata.name.substring(size(key)) == string(self.spec.slot))").message("the name of a record is its key and slot: instance.<instance>-<slot> or account.<class>.<account>-<slot>").field_path(".metadata.name")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.slot < self.quota").message("the slot of a number is below the quota that was in force when it was issued").field_path(".slot"))]
#[x_kube(validation = Rule::new("self.number == oldSelf.number && self.slot == oldSelf.slot && self.quota == oldSelf.quota && self.quotaScope == oldSelf.quotaScope && self.className == oldSelf.className && self.instanceName == oldSelf.instanceName && self.accountID == oldSelf.accountID && self.claim == oldSelf.claim && self.issuedTime == oldSelf.issuedTime && has(self.filingAccountID) == has(oldSelf.filingAccountID) && (!has(self.filingAccountID) || self.filingAccountID == oldSelf.filingAccountID)").message("what was issued is immutable"))]
#[x_kube(validation = Rule::new("!has(self.submittedTime) || has(self.filing)").message("only a number that is bound to a filing is submitted"))]
#[x_kube(validation = Rule::new("has(self.consumedTime) == has(self.icpNumber)").message("consumedTime and icpNumber go together"))]
#[x_kube(validation = Rule::new("!(has(self.consumedTime) && has(self.cancelledTime)) && (has(self.submittedTime) || !(has(self.consumedTime) || has(self.cancelledTime)))").message("a submitted number is consumed or cancelled, never both"))]
#[x_kube(validation = Rule::new("self.state == (has(self.consumedTime) ? 'Consumed' : has(self.cancelledTime) ? 'Cancelled' : has(self.submittedTime) ? 'Submitted' : has(self.filing) ? 'InUse' : 'Issued')").message("state says what the other fields say"))]
#[x_kube(validation = Rule::new("!has(oldSelf.submittedTime) || (has(self.submittedTime) && self.submittedTime == oldSelf.submittedTime && self.filing == oldSelf.filing)").message("a submitted number stays with its filing for ever"))]
#[x_kube(validation = Rule::new("has(oldSelf.submittedTime) || !has(self.submittedTime) || (has(oldSelf.filing) && self.filing == oldSelf.filing)").message("a number is submitted in a write of its own, after it was bound"))]
#[x_kube(validation = Rule::new("has(oldSelf.submittedTime) || !(has(self.consumedTime) || has(self.cancelledTime))").message("a number is submitted before it is consumed or cancelled"))]
#[x_kube(validation = Rule::new("!has(oldSelf.filing) || !has(self.filing) || (self.filing.__namespace__ == oldSelf.filing.__namespace__ && self.filing.name == oldSelf.filing.name && self.filing.domain == oldSelf.filing.domain)").message("a bound number is given back before another filing gets it"))]
#[x_kube(validation = Rule::new("!has(oldSelf.consumedTime) || (has(self.consumedTime) && self.consumedTime == oldSelf.consumedTime && self.icpNumber == oldSelf.icpNumber)").message("a consumed number stays consumed"))]
#[x_kube(validation = Rule::new("!has(oldSelf.cancelledTime) || (has(self.cancelledTime) && self.cancelledTime == oldSelf.cancelledTime)").message("a cancelled number stays cancelled"))]
pub struct ServiceNumberSpec {
    /// The number: a UUID in lower case. Holding it is the right to file with it.
    #[schemars(length(max = 36), regex(pattern = text::UUID))]
    pub number: String,
    /// What became of the number; follows from the fields below, for columns and selectors.
    pub state: NumberState,
    /// Which of the quota's numbers this is, from 0.
    #[schemars(range(min = 0, max = 999))]
    pub slot: i32,
    /// The quota in force when the number was issued.
    #[schemars(range(min = 1, max = 1000))]
    pub quota: i32,
    /// What the quota was counted for.
    pub quota_scope: QuotaScope,
    /// The class of the instance.
    #[schemars(length(min = 1, max = 63), regex(pattern = text::OBJECT_NAME))]
    pub class_name: String,
    /// The instance that the number belongs to: the provider's ID.
    #[schemars(length(min = 1, max = 200), regex(pattern = text::OBJECT_NAME))]
    pub instance_name: String,
    /// The account that bought the instance.
    #[serde(rename = "accountID")]
    #[schemars(length(max = 63), regex(pattern = text::ACCOUNT))]
    pub account_id: String,
    /// Who asked for it.
    pub claim: Claim,
    /// The one other account that may file with it. Absent: whoever is told the number may.
    #[serde(rename = "filingAccountID", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63), regex(pattern = text::ACCOUNT))]
    pub filing_account_id: Option<String>,
    /// When it was issued.
    pub issued_time: Time,
    /// The filing that it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filing: Option<Box<BoundFiling>>,
    /// When that filing was submitted. From then on the binding is for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_time: Option<Time>,
    /// When that filing was approved and the number consumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumed_time: Option<Time>,
    /// The ICP number that the filing ended with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub icp_number: Option<String>,
    /// When that filing was cancelled and the number spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_time: Option<Time>,
}

/// What became of a number. It only ever moves down this list, but for a draft that is given up.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NumberState {
    /// No filing uses it.
    Issued,
    /// A draft holds it.
    InUse,
    /// A submitted filing holds it for ever.
    Submitted,
    /// Its filing was approved.
    Consumed,
    /// Its filing was cancelled.
    Cancelled,
}

/// Who asked for a number: a claim gets one number on one instance, ever.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Whether a request or a filing asked.
    pub kind: ClaimKind,
    /// Its namespace.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// The kinds that ask for numbers.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClaimKind {
    /// A `ServiceNumberRequest`.
    ServiceNumberRequest,
    /// A `Filing` that names an instance.
    Filing,
}

/// The filing that a number is bound to.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct BoundFiling {
    /// Its namespace.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its uid. A re-created filing has another.
    #[schemars(length(min = 1, max = 64))]
    pub uid: String,
    /// The domain that it files.
    #[schemars(length(min = 1, max = 253))]
    pub domain: String,
}
