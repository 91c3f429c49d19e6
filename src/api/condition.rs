//! Condition types that statuses of ours carry. What makes a condition true is decided in `rules`.

pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

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
