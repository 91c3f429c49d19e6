//! Conditions that statuses of ours carry, and their types. What makes a condition true is decided in `rules`.

use std::{
    borrow::{Borrow, Cow},
    fmt,
    ops::Deref,
    sync::Arc,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition as MetaCondition, Time};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize, Serializer};

/// A `metav1.Condition`, with texts that many objects can share: most of them say the same.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Since when it has this status.
    pub last_transition_time: Time,
    /// A sentence for people.
    pub message: Text,
    /// The generation of the spec that it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Why, in CamelCase; several joined by commas where several hold.
    pub reason: Text,
    /// `True`, `False` or `Unknown`.
    pub status: Text,
    /// What it is about: one of [`condition_type`], or another writer's.
    #[serde(rename = "type")]
    pub type_: Text,
}

/// To whoever reads the schema it is what it is everywhere.
impl JsonSchema for Condition {
    fn schema_name() -> Cow<'static, str> {
        MetaCondition::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        MetaCondition::json_schema(generator)
    }
}

/// Text of which copies are one.
#[derive(Deserialize, Clone, PartialEq, Eq, Hash)]
#[serde(from = "String")]
pub struct Text(Arc<str>);

impl Text {
    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What copies share.
    pub fn shared(&mut self) -> &mut Arc<str> {
        &mut self.0
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

/// Values of `Condition.type`. The first three are the ones that kstatus, Argo CD and Flux read.
pub mod condition_type {
    /// What the manifest asks of the operator is done.
    pub const READY: &str = "Ready";
    /// The operator is at work on it and nobody else needs to do anything.
    pub const RECONCILING: &str = "Reconciling";
    /// It cannot go on until something outside changes; the reasons say what.
    pub const STALLED: &str = "Stalled";
    /// The instance qualifies for service numbers.
    pub const ELIGIBLE: &str = "Eligible";
    /// A number is bound to the filing.
    pub const BOUND: &str = "Bound";
    /// The submission of the filing is recorded in the ledger.
    pub const SUBMITTED: &str = "Submitted";
    /// The filing is through and its number is consumed.
    pub const COMPLETED: &str = "Completed";
}
