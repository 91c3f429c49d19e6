//! Names of ledger records. The name is the quota: a key and a slot, and nothing else may be a name.

use std::fmt;

use crate::api::{QuotaScope, ServiceNumberSpec};

/// What a quota is counted for: one server, or one account's servers of a class.
///
/// The prefixes keep the two apart, and an account has no dot, so no two keys share a record's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// The key of an instance under a class.
    #[must_use]
    pub fn of(scope: QuotaScope, class: &str, account: &str, instance: &str) -> Self {
        Self(match scope {
            QuotaScope::Instance => format!("instance.{instance}"),
            QuotaScope::Account => format!("account.{class}.{account}"),
        })
    }

    /// The key of a record, from its facts.
    #[must_use]
    pub fn of_record(spec: &ServiceNumberSpec) -> Self {
        Self::of(spec.quota_scope, &spec.class_name, &spec.account_id, &spec.instance_name)
    }

    /// What the key of a record is made of, to compare records by: equal where the keys are.
    #[must_use]
    pub fn facts_of(spec: &ServiceNumberSpec) -> (QuotaScope, &str, &str) {
        match spec.quota_scope {
            QuotaScope::Instance => (QuotaScope::Instance, &spec.instance_name, ""),
            QuotaScope::Account => (QuotaScope::Account, &spec.class_name, &spec.account_id),
        }
    }

    /// The name of the record in a slot.
    #[must_use]
    pub fn record(&self, slot: i32) -> String {
        format!("{}-{slot}", self.0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
