//! Everything of ours at one time, in plain lists, and what of it was not looked at. Where it was read from is not
//! known here, and nothing is decided.

use std::{fmt, sync::Arc};

use kube::Resource;

use super::world::ObjectKey;
use crate::api::{Filing, Instance, InstanceClass, ServiceNumber, ServiceNumberRequest};

/// The kinds of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A type of server.
    InstanceClass,
    /// A server.
    Instance,
    /// A claim.
    ServiceNumberRequest,
    /// A website to be filed.
    Filing,
    /// A record of the ledger.
    ServiceNumber,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::InstanceClass, Self::Instance, Self::ServiceNumberRequest, Self::Filing, Self::ServiceNumber];

    /// The kind as manifests write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InstanceClass => "InstanceClass",
            Self::Instance => "Instance",
            Self::ServiceNumberRequest => "ServiceNumberRequest",
            Self::Filing => "Filing",
            Self::ServiceNumber => "ServiceNumber",
        }
    }

    /// Whether its objects are in namespaces.
    #[must_use]
    pub const fn is_namespaced(self) -> bool {
        !matches!(self, Self::InstanceClass | Self::ServiceNumber)
    }
}

/// A type of ours.
pub trait Ours: Resource<DynamicType = ()> {
    /// Its kind.
    const KIND: Kind;
}

macro_rules! ours {
    ($($kind:ident),+) => { $(impl Ours for $kind { const KIND: Kind = Kind::$kind; })+ };
}
ours!(InstanceClass, Instance, ServiceNumberRequest, Filing, ServiceNumber);

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

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
    pub classes: Option<Vec<Arc<InstanceClass>>>,
    /// The instances.
    pub instances: Option<Vec<Arc<Instance>>>,
    /// The requests.
    pub requests: Option<Vec<Arc<ServiceNumberRequest>>>,
    /// The filings.
    pub filings: Option<Vec<Arc<Filing>>>,
    /// The records.
    pub records: Option<Vec<Arc<ServiceNumber>>>,
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
