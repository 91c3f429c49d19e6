//! `Instance`: a server as bought, and what the operator found out about it. No rule is applied here.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{condition::Condition, reason::Refusal, text};

/// A server as it was bought. The object's name is the provider's instance ID.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[kube(
    group = "icp-filing.dev",
    version = "v1alpha1",
    kind = "Instance",
    plural = "instances",
    shortname = "icpi",
    category = "icp",
    namespaced,
    status = "InstanceStatus",
    derive = "PartialEq",
    doc = "Instance is a server as it was bought; its name is the provider's instance ID. Its status says whether it qualifies for service numbers, with every reason when it does not, and how many it has.",
    selectable = ".spec.className",
    selectable = ".spec.accountID",
    selectable = ".spec.region",
    printcolumn(name = "Class", type_ = "string", json_path = ".spec.className"),
    printcolumn(name = "Eligible", type_ = "string", json_path = r#".status.conditions[?(@.type=="Eligible")].status"#),
    printcolumn(name = "Limit", type_ = "integer", json_path = ".status.quota.limit"),
    printcolumn(name = "Issued", type_ = "integer", json_path = ".status.quota.issued"),
    printcolumn(name = "Available", type_ = "integer", json_path = ".status.quota.available"),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Account", type_ = "string", json_path = ".spec.accountID", priority = 1),
    printcolumn(name = "Region", type_ = "string", json_path = ".spec.region", priority = 1),
    printcolumn(name = "Expires", type_ = "string", json_path = ".spec.subscription.expirationTime", priority = 1),
    printcolumn(name = "In-Use", type_ = "integer", json_path = ".status.quota.inUse", priority = 1),
    printcolumn(name = "Consumed", type_ = "integer", json_path = ".status.quota.consumed", priority = 1),
    printcolumn(name = "Changes", type_ = "string", json_path = ".status.nextChangeTime", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("size(self.metadata.name) <= 200").message("use the provider's instance ID as the name, at most 200 characters: it is part of the names of ledger records").field_path(".metadata.name")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.className == oldSelf.className").message("className is immutable: numbers already issued are counted by it; a server of another type has another ID").field_path(".className"))]
#[x_kube(validation = Rule::new("self.accountID == oldSelf.accountID").message("accountID is immutable: it is the account that bought the server").field_path(".accountID"))]
#[x_kube(validation = Rule::new("self.billingMethod != 'Subscription' || has(self.subscription)").message("give subscription.startTime and subscription.expirationTime for billingMethod Subscription").field_path(".subscription"))]
pub struct InstanceSpec {
    /// The InstanceClass that says what is asked of this type of server. Immutable.
    #[schemars(length(min = 1, max = 63), regex(pattern = text::OBJECT_NAME))]
    pub class_name: String,
    /// The provider that runs the server, such as `AlibabaCloud`.
    #[schemars(length(max = 63), regex(pattern = text::PROVIDER))]
    pub provider: String,
    /// The account that bought the server; numbers are applied for with this one. Immutable.
    #[serde(rename = "accountID")]
    #[schemars(length(max = 63), regex(pattern = text::ACCOUNT))]
    pub account_id: String,
    /// The region as the provider names it, such as `cn-hangzhou`.
    #[schemars(length(max = 63), regex(pattern = text::REGION))]
    pub region: String,
    /// How the server is paid for.
    pub billing_method: BillingMethod,
    /// When the subscription began and ends, renewals included. Needed for billing method Subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<Subscription>,
    /// The first order, where the class asks about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_order: Option<FirstOrder>,
    /// How the server is reached from the internet. Absent: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_network: Option<PublicNetwork>,
    /// What the provider says of the server. Running by default.
    #[serde(default)]
    pub state: InstanceState,
}

/// How an instance is paid for.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BillingMethod {
    /// Paid in advance for whole months.
    Subscription,
    /// Paid for by use.
    PayAsYouGo,
    /// Not paid for.
    Trial,
}

impl BillingMethod {
    /// The method as it stands in a manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subscription => "Subscription",
            Self::PayAsYouGo => "PayAsYouGo",
            Self::Trial => "Trial",
        }
    }
}

/// What a provider says of an instance.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstanceState {
    /// It runs.
    #[default]
    Running,
    /// It is stopped.
    Stopped,
    /// Its subscription has run out.
    Expired,
    /// It was given back.
    Released,
}

/// The paid time of an instance.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.startTime < self.expirationTime").message("expirationTime must be later than startTime").field_path(".expirationTime"))]
#[x_kube(validation = Rule::new("self.expirationTime < timestamp('9999-01-01T00:00:00Z')").message("expirationTime must be before the year 9999: give a time such as 2099-01-01T00:00:00+08:00 for a subscription without an end").field_path(".expirationTime"))]
pub struct Subscription {
    /// When the first subscription began.
    #[schemars(regex(pattern = text::TIME))]
    pub start_time: Time,
    /// When it ends, renewals included.
    #[schemars(regex(pattern = text::TIME))]
    pub expiration_time: Time,
}

/// The first order of an instance, renewals not counted.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct FirstOrder {
    /// Calendar months that were bought.
    #[schemars(range(min = 0, max = 120))]
    pub months: i32,
    /// Amount in yuan (RMB), rounded down.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub amount_yuan: i32,
}

/// How an instance is reached from the internet.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PublicNetwork {
    /// Purchased public bandwidth in Mbit/s.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub bandwidth_mbps: i32,
    /// Public addresses, IPv4 or IPv6.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 45)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new("self.all(a, isIP(a))").message("addresses are IPv4 or IPv6 addresses, without a port or a prefix length"))]
    pub addresses: Vec<String>,
}

/// What the operator found out about an instance.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct InstanceStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling, Stalled and Eligible.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Every unmet requirement, with its remedy. Absent when the instance qualifies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["reason".into()]))]
    pub refusals: Vec<Refusal>,
    /// How many numbers there are, and what became of them. Absent while the class is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaStatus>,
    /// Numbers issued to this namespace for this instance that no filing uses, the oldest first, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["recordName".into()]))]
    pub unused_numbers: Vec<UnusedNumber>,
    /// When the answer changes by itself: a subscription begins, runs short or ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_change_time: Option<Time>,
}

/// Counts of numbers. Where the class counts per account, of all the account's instances of that class.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct QuotaStatus {
    /// How many there may be.
    #[schemars(range(min = 0))]
    pub limit: i32,
    /// How many were ever issued. None comes back.
    #[schemars(range(min = 0))]
    pub issued: i32,
    /// How many can still be issued.
    #[schemars(range(min = 0))]
    pub available: i32,
    /// How many of the issued ones a filing holds that is not through.
    #[schemars(range(min = 0))]
    pub in_use: i32,
    /// How many of the issued ones are spent: consumed by a completed filing, or cancelled.
    #[schemars(range(min = 0))]
    pub consumed: i32,
}

/// A number that was issued and that no filing uses.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct UnusedNumber {
    /// The ledger record.
    #[schemars(length(max = 253))]
    pub record_name: String,
    /// The number.
    #[schemars(length(max = 36))]
    pub service_number: String,
    /// The request or filing that it was issued to, as `Kind/name`.
    #[schemars(length(max = 280))]
    pub claimed_by: String,
}
