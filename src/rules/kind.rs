//! The kinds of ours, and what they have in common. Nothing is known of any single object here.

use std::fmt;

use kube::{Resource, core::ObjectMeta};

use crate::api::{
    Filing, FilingSpec, FilingStatus, Instance, InstanceClass, InstanceClassSpec, InstanceSpec,
    InstanceStatus, ServiceNumber, ServiceNumberRequest, ServiceNumberRequestSpec,
    ServiceNumberRequestStatus, ServiceNumberSpec,
};

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

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A kind that has no status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoStatus {}

/// A type of ours.
pub trait Ours: Resource<DynamicType = ()> {
    /// Its kind.
    const KIND: Kind;
    /// What is asked for.
    type Spec: Clone + fmt::Debug + PartialEq;
    /// What became of it.
    type Status: Clone + fmt::Debug + PartialEq;

    /// Its parts.
    fn into_parts(self) -> (ObjectMeta, Self::Spec, Option<Self::Status>);
}

macro_rules! ours {
    ($kind:ident, $spec:ident, NoStatus) => {
        ours!(@ $kind, $spec, NoStatus, |object: Self| (object.metadata, object.spec, None));
    };
    ($kind:ident, $spec:ident, $status:ident) => {
        ours!(@ $kind, $spec, $status, |object: Self| (object.metadata, object.spec, object.status));
    };
    (@ $kind:ident, $spec:ident, $status:ident, $parts:expr) => {
        impl Ours for $kind {
            const KIND: Kind = Kind::$kind;
            type Spec = $spec;
            type Status = $status;

            fn into_parts(self) -> (ObjectMeta, $spec, Option<$status>) {
                $parts(self)
            }
        }
    };
}
ours!(InstanceClass, InstanceClassSpec, NoStatus);
ours!(Instance, InstanceSpec, InstanceStatus);
ours!(ServiceNumberRequest, ServiceNumberRequestSpec, ServiceNumberRequestStatus);
ours!(Filing, FilingSpec, FilingStatus);
ours!(ServiceNumber, ServiceNumberSpec, NoStatus);
