//! `Filing`: a website to be filed, and the review of whoever runs the real filing. No rule is applied here.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{condition::Condition, reason::Refusal, service_number_request::NameRef, text};

/// A website to be filed with one service number.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[kube(
    group = "icp-filing.dev",
    version = "v1alpha1",
    kind = "Filing",
    plural = "filings",
    shortname = "icpf",
    category = "icp",
    namespaced,
    status = "FilingStatus",
    derive = "PartialEq",
    doc = "Filing is a website to be filed. It finds its service number by request, by value or by instance, holds it as a draft, and uses it up for ever once it is submitted.",
    selectable = ".spec.website.domain",
    selectable = ".spec.accountID",
    printcolumn(name = "Domain", type_ = "string", json_path = ".spec.website.domain"),
    printcolumn(name = "Number", type_ = "string", json_path = ".status.serviceNumber"),
    printcolumn(name = "Submitted", type_ = "date", json_path = ".status.submittedTime"),
    printcolumn(name = "Review", type_ = "string", json_path = ".status.review.state"),
    printcolumn(name = "ICP-Number", type_ = "string", json_path = ".status.icpNumber"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Type", type_ = "string", json_path = ".spec.type", priority = 1),
    printcolumn(name = "Account", type_ = "string", json_path = ".spec.accountID", priority = 1),
    printcolumn(name = "Record", type_ = "string", json_path = ".status.recordName", priority = 1),
    printcolumn(name = "Entity", type_ = "string", json_path = ".spec.entityName", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("!has(self.status) || !has(self.status.review) || self.spec.submit").message("set spec.submit to true before a review: a draft has nothing to review").field_path(".status"),
    validation = Rule::new("!has(self.status) || !has(self.status.review) || has(self.status.submittedTime)").message("wait for status.submittedTime before a review: the submission is not recorded yet").field_path(".status"),
    validation = Rule::new("!has(self.status) || !has(self.status.review) || (has(self.status.recordName) && self.status.review.recordName == self.status.recordName)").message("review.recordName must be the filing's own status.recordName: this review is about another filing").field_path(".status")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.accountID == oldSelf.accountID").message("accountID is immutable: create a filing of another name").field_path(".accountID"))]
#[x_kube(validation = Rule::new("self.source == oldSelf.source").message("source is immutable: create a filing of another name").field_path(".source"))]
#[x_kube(validation = Rule::new("!oldSelf.submit || self.submit").message("submit never goes back: a submission is irreversible; ask the registrar to cancel the filing").field_path(".submit"))]
pub struct FilingSpec {
    /// What is filed. Each of these needs a service number; changes and cancellations need none.
    #[serde(rename = "type")]
    pub type_: FilingType,
    /// The account that files. Immutable.
    #[serde(rename = "accountID")]
    #[schemars(length(max = 63), regex(pattern = text::ACCOUNT))]
    pub account_id: String,
    /// The company or person that the website belongs to.
    #[schemars(length(min = 1, max = 256))]
    pub entity_name: String,
    /// The website.
    pub website: Website,
    /// Where the service number comes from. Immutable.
    pub source: FilingSource,
    /// Submits the filing. Irreversible; false is a draft.
    #[serde(default)]
    pub submit: bool,
}

/// What is filed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilingType {
    /// Neither the entity nor the domain was filed before.
    FirstFiling,
    /// The entity was filed before, the website was not.
    AddWebsite,
    /// Entity and domain were filed with another provider.
    AddAccess,
}

/// A website with its one domain.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Website {
    /// What the website is called.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// Its domain in lower case, an internationalised one in its `xn--` form. Immutable.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("domain is immutable: a number is bound to it; create a filing of another name"))]
    #[x_kube(validation = Rule::new("self.matches('^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])+([a-z]{2,63}|xn--[a-z0-9-]{1,59})$')").message("give a domain such as shop.example.cn: lower case, without scheme, port, path or final dot, an internationalised one in its xn-- form"))]
    pub domain: String,
}

/// Exactly one source of a number.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(has(self.serviceNumber) ? 1 : 0) + (has(self.requestRef) ? 1 : 0) + (has(self.instanceRef) ? 1 : 0) == 1").message("give exactly one of instanceRef (a number is issued for this filing), requestRef (a request of this namespace) and serviceNumber (a number that you were told)"))]
pub struct FilingSource {
    /// A number obtained elsewhere, for example by another account: a UUID in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$')").message("a service number is a UUID such as 32a43232-a888-88e8-b9ec-00888be80000; an ICP number is what the filing ends with"))]
    pub service_number: Option<String>,
    /// A request of the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_ref: Option<NameRef>,
    /// An instance of the same namespace: a number is issued for this filing and counts against the same quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_ref: Option<NameRef>,
}

/// What became of a filing. The operator writes all of it but `review`, which is the registrar's.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct FilingStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling, Stalled, Bound, Submitted and Completed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Every reason why the filing cannot go on, with its remedy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["reason".into()]))]
    pub refusals: Vec<Refusal>,
    /// The record in the ledger (a ServiceNumber) that is bound to this filing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub record_name: Option<String>,
    /// The number that is bound to this filing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36), regex(pattern = text::UUID))]
    pub service_number: Option<String>,
    /// When the submission was recorded in the ledger. Reviews are accepted from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_time: Option<Time>,
    /// When the number was consumed by this filing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_time: Option<Time>,
    /// The ICP number that the filing ended with, as the ledger has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub icp_number: Option<String>,
    /// The registrar's word on the filing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

/// The word of whoever runs the real filing.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.state == 'Approved') == has(self.icpNumber)").message("give icpNumber with state Approved, and only then").field_path(".icpNumber"))]
#[x_kube(validation = Rule::new("!(oldSelf.state in ['Approved', 'Cancelled']) || (self.state == oldSelf.state && (self.state != 'Approved' || self.icpNumber == oldSelf.icpNumber) && self.recordName == oldSelf.recordName)").message("an approved or cancelled review is final").field_path(".state"))]
#[x_kube(validation = Rule::new("!(oldSelf.state == 'Rejected' && self.state == 'Approved')").message("a rejected filing is reviewed again first: set state to InReview").field_path(".state"))]
pub struct Review {
    /// The record that the review is about: `status.recordName` as the registrar saw it.
    #[schemars(length(min = 1, max = 253))]
    pub record_name: String,
    /// Where the review stands.
    pub state: ReviewState,
    /// The ICP number, such as `浙ICP备11012345号-1`. With state Approved only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^\\\\p{Han}ICP[备证][0-9]{6,12}号(-[0-9]{1,4}[A-Z]?)?$')").message("give the ICP number without spaces, such as 浙ICP备11012345号-1"))]
    pub icp_number: Option<String>,
    /// For people: why it was rejected, what is still needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
}

/// Where a review stands.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewState {
    /// It is being looked at.
    InReview,
    /// It has to be mended; it is reviewed again with the same number.
    Rejected,
    /// It is through; the number is consumed.
    Approved,
    /// It was given up; the number is spent.
    Cancelled,
}
