//! The life of a number: issued → in use → submitted → consumed or cancelled. Every change that a record can
//! go through, which of them are legal, and what they leave behind. Nothing is written here.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use crate::api::{BoundFiling, NumberState, ServiceNumberSpec};
use crate::planted::{self, Bug};

/// One step of a record. Each is a write of its own; none may be joined with another (design §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A free number is bound to a draft.
    Bind(BoundFiling),
    /// A re-created filing takes over the draft's binding of its name and domain: only the uid changes.
    TakeOver(String),
    /// A draft's binding is cleared; the number stays with its claim.
    GiveBack,
    /// The filing is submitted. From here on the binding is for ever.
    Submit(Time),
    /// The filing was approved.
    Consume(Time, String),
    /// The filing was cancelled; the number is spent all the same.
    Cancel(Time),
}

/// Where a record stands, from its facts.
#[must_use]
pub fn state_of(spec: &ServiceNumberSpec) -> NumberState {
    if spec.consumed_time.is_some() {
        NumberState::Consumed
    } else if spec.cancelled_time.is_some() {
        NumberState::Cancelled
    } else if spec.submitted_time.is_some() {
        NumberState::Submitted
    } else if spec.filing.is_some() {
        NumberState::InUse
    } else {
        NumberState::Issued
    }
}

impl Change {
    /// The record after this change, or `None` where the life of a number has no such step.
    #[must_use]
    pub fn apply(&self, spec: &ServiceNumberSpec) -> Option<ServiceNumberSpec> {
        let mut next = spec.clone();
        match (self, state_of(spec)) {
            (Self::Bind(filing), NumberState::Issued) => next.filing = Some(Box::new(filing.clone())),
            (Self::TakeOver(uid), NumberState::InUse) => next.filing.as_mut()?.uid.clone_from(uid),
            (Self::GiveBack, NumberState::InUse) => next.filing = None,
            (Self::Submit(time), NumberState::InUse) => next.submitted_time = Some(time.clone()),
            (Self::Consume(time, icp_number), NumberState::Submitted) => {
                next.consumed_time = Some(time.clone());
                next.icp_number = Some(icp_number.clone());
            }
            (Self::Cancel(time), NumberState::Submitted) => next.cancelled_time = Some(time.clone()),
            _ => return None,
        }
        next.state = state_of(&next);
        Some(next)
    }

    /// The change as a merge patch of the spec: only what changes, so that an older operator keeps what a
    /// newer one wrote beside it.
    #[must_use]
    pub fn patch(&self) -> Value {
        match self {
            Self::Bind(filing) if planted::is_on(Bug::BindAndSeal) => {
                json!({"filing": filing, "submittedTime": "2026-01-01T00:00:00Z", "state": NumberState::Submitted})
            }
            Self::Bind(filing) => json!({"filing": filing, "state": NumberState::InUse}),
            Self::TakeOver(uid) => json!({"filing": {"uid": uid}}),
            Self::GiveBack => json!({"filing": null, "state": NumberState::Issued}),
            Self::Submit(time) => json!({"submittedTime": time, "state": NumberState::Submitted}),
            Self::Consume(time, icp_number) => {
                json!({"consumedTime": time, "icpNumber": icp_number, "state": NumberState::Consumed})
            }
            Self::Cancel(time) => json!({"cancelledTime": time, "state": NumberState::Cancelled}),
        }
    }

    /// The change in a word, for logs and metrics.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Bind(_) => "bind",
            Self::TakeOver(_) => "take-over",
            Self::GiveBack => "give-back",
            Self::Submit(_) => "submit",
            Self::Consume(..) => "consume",
            Self::Cancel(_) => "cancel",
        }
    }
}
