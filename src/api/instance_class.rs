//! `InstanceClass`: one row of the "supported instances" table, as data. No rule is applied here.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::instance::BillingMethod;
use super::text;

/// What instances of one type need to qualify, and how many service numbers they get.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[kube(
    group = "icp-filing.dev",
    version = "v1alpha1",
    kind = "InstanceClass",
    plural = "instanceclasses",
    shortname = "icpclass",
    category = "icp",
    derive = "PartialEq",
    doc = "InstanceClass is one row of a provider's table of supported instances: what an instance of this type needs to qualify, and how many service numbers it gets.",
    printcolumn(name = "Quota", type_ = "integer", json_path = ".spec.quota"),
    printcolumn(name = "Per", type_ = "string", json_path = ".spec.quotaScope"),
    printcolumn(name = "Months", type_ = "integer", json_path = ".spec.requirements.minMonthsPurchased"),
    printcolumn(name = "Suspended", type_ = "boolean", json_path = ".spec.suspend"),
    printcolumn(name = "Title", type_ = "string", json_path = ".spec.title"),
    printcolumn(name = "Provider", type_ = "string", json_path = ".spec.provider", priority = 1),
    printcolumn(name = "Regions", type_ = "string", json_path = ".spec.requirements.regions.allowed", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("size(self.metadata.name) <= 63").message("use a class name of at most 63 characters: it is part of the names of ledger records").field_path(".metadata.name"),
    validation = Rule::new("self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message("use lower-case letters, digits and dashes in a class name: it is part of the names of ledger records").field_path(".metadata.name")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.quotaScope == oldSelf.quotaScope").message("quotaScope is immutable: numbers already issued are counted by it; create a class of another name").field_path(".quotaScope"))]
pub struct InstanceClassSpec {
    /// What the type is called in the provider's documents.
    #[schemars(length(min = 1, max = 128))]
    pub title: String,
    /// The provider whose instances this class covers.
    #[schemars(length(max = 63), regex(pattern = text::PROVIDER))]
    pub provider: String,
    /// How many service numbers there are in all. Lowering it takes nothing back.
    #[schemars(range(min = 1, max = 1000))]
    pub quota: i32,
    /// What the quota is counted for. Immutable.
    pub quota_scope: QuotaScope,
    /// Holds the issuing of numbers and says so on every waiting claim. What was issued stays issued.
    #[serde(default)]
    pub suspend: bool,
    /// What an instance needs to qualify. What is absent is not asked for.
    #[serde(default)]
    pub requirements: Requirements,
}

/// What a quota is counted for.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuotaScope {
    /// Each instance has the quota for itself.
    Instance,
    /// All instances of this class that one account bought share the quota, in every namespace.
    Account,
}

/// What an instance needs to qualify.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Requirements {
    /// Where the instance may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regions: Option<Regions>,
    /// How the instance may be paid for. Empty: any way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub billing_methods: Vec<BillingMethod>,
    /// Calendar months of the whole subscription, renewals included, at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 120))]
    pub min_months_purchased: Option<i32>,
    /// Calendar months from now to the end of the subscription, at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 120))]
    pub min_months_remaining: Option<i32>,
    /// Public bandwidth in Mbit/s, at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub min_bandwidth_mbps: Option<i32>,
    /// Whether a public address is needed.
    #[serde(default)]
    pub public_address: bool,
    /// Calendar months of the first order, renewals not counted, at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 120))]
    pub min_first_order_months: Option<i32>,
    /// Amount of the first order in yuan (RMB), at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_000))]
    pub min_first_order_yuan: Option<i32>,
}

/// Regions by name, or by their beginning followed by `*`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Regions {
    /// Regions that qualify, such as `cn-*`. Empty: every region that is not denied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 64), regex(pattern = text::REGION_PATTERN)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allowed: Vec<String>,
    /// Regions that do not qualify although they are allowed, such as `cn-hongkong`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 64), regex(pattern = text::REGION_PATTERN)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub denied: Vec<String>,
}
