//! Everything of ours at one time, in plain lists, and what of it was not looked at. Where it was read from is not
//! known here, and nothing is decided.

use std::sync::Arc;

use super::{
    kept::{Kept, ObjectKey},
    kind::Kind,
};
use crate::api::{Filing, Instance, InstanceClass, ServiceNumber, ServiceNumberRequest};

/// An object of ours that this version does not understand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace and name.
    pub key: ObjectKey,
    /// What is wrong with it.
    pub error: String,
}

/// Everything at one time. A kind that was not looked at is absent, which says something else than that there are
/// none of it.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The classes.
    pub classes: Option<Vec<Arc<Kept<InstanceClass>>>>,
    /// The instances.
    pub instances: Option<Vec<Arc<Kept<Instance>>>>,
    /// The requests.
    pub requests: Option<Vec<Arc<Kept<ServiceNumberRequest>>>>,
    /// The filings.
    pub filings: Option<Vec<Arc<Kept<Filing>>>>,
    /// The records.
    pub records: Option<Vec<Arc<Kept<ServiceNumber>>>>,
    /// The one namespace of which instances, requests and filings were looked at, where it is not all of them.
    pub namespace: Option<String>,
    /// Objects that could not be read; they are in none of the lists.
    pub unreadable: Vec<Unreadable>,
    /// Records that were seen before and are gone.
    pub lost: Vec<String>,
}

impl Snapshot {
    /// The kinds that were not looked at.
    #[must_use]
    pub fn missing(&self) -> Vec<Kind> {
        [
            (Kind::InstanceClass, self.classes.is_none()),
            (Kind::Instance, self.instances.is_none()),
            (Kind::ServiceNumberRequest, self.requests.is_none()),
            (Kind::Filing, self.filings.is_none()),
            (Kind::ServiceNumber, self.records.is_none()),
        ]
        .into_iter()
        .filter_map(|(kind, missing)| missing.then_some(kind))
        .collect()
    }
}
