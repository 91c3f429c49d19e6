//! The resources of `icp-filing.dev/v1alpha1`: schema, docs, printer columns and CEL, one file per kind.
//! No logic lives here: what the documents say is in `rules`, what talks to a server is in `controllers`.

mod condition;
mod crd;
mod filing;
mod instance;
mod instance_class;
mod reason;
mod service_number;
mod service_number_request;
mod text;

pub use condition::{Condition, Text, condition_type};
pub use crd::crds;
pub use filing::{Filing, FilingSource, FilingSpec, FilingStatus, FilingType, Review, ReviewState, Website};
pub use instance::{
    BillingMethod, FirstOrder, Instance, InstanceSpec, InstanceState, InstanceStatus, PublicNetwork,
    QuotaStatus, Subscription, UnusedNumber,
};
pub use instance_class::{InstanceClass, InstanceClassSpec, QuotaScope, Regions, Requirements};
pub use reason::{Reason, Refusal};
pub use service_number::{BoundFiling, Claim, ClaimKind, NumberState, ServiceNumber, ServiceNumberSpec};
pub use service_number_request::{
    NameRef, ServiceNumberRequest, ServiceNumberRequestSpec, ServiceNumberRequestStatus,
};

/// The API group of every resource of ours.
pub const GROUP: &str = "icp-filing.dev";
/// The one version that is served.
pub const VERSION: &str = "v1alpha1";
