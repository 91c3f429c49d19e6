//! Who may ask for what: the roles of `deploy/rbac` and the admission policies of `deploy/policies`, written down
//! a second time as predicates. They are tested on a real API server elsewhere.

use icp_filing_operator::api::{
    Filing, FilingStatus, Instance, InstanceClass, ReviewState, ServiceNumber, ServiceNumberRequest,
};
use kube::ResourceExt;

use super::caller::Refused;

/// A user, by the role that `deploy/rbac` gives such a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A cluster administrator.
    Admin,
    PlatformAdmin,
    Registrar,
    Applicant,
    /// Was granted to write statuses, as by a careless wildcard, and nothing else.
    StatusWriter,
    Operator,
}

/// What a role grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Create,
    Patch,
    PatchStatus,
    Delete,
}

pub const ONLY_OPERATOR: &str = "only the operator writes service numbers";
pub const NEVER_DELETED: &str = "a service number is never deleted";
pub const OF_ITS_OWN: &str = "a number is submitted, consumed or cancelled in a write of its own";
pub const NO_OWNER: &str = "a record has no owner and no finalizer";
pub const OPERATORS_STATUS: &str = "only the operator writes this status";
pub const NO_REVIEW_OF_OPERATOR: &str = "the operator does not write reviews";
pub const REGISTRARS_WORD: &str = "status.review is the registrar's word";
pub const FINAL_REVIEW: &str = "an approved or cancelled review is final and is not taken away";
pub const CLASS_IS_MEANT: &str = "every instance of this class would stop qualifying";

pub const HELD: &str = "the ledger is being restored and the operator is held";

/// The annotation that says that the deletion of a class is meant.
pub const ALLOW_DELETION: &str = "icp-filing.dev/allow-deletion";

pub fn granted(who: Who, verb: Verb, plural: &str) -> bool {
    use Verb::{Create, Delete, Patch, PatchStatus};
    match who {
        Who::Admin => true,
        Who::PlatformAdmin => {
            matches!((plural, verb), ("instances" | "instanceclasses", Create | Patch | Delete))
        }
        Who::Applicant => {
            matches!((plural, verb), ("servicenumberrequests" | "filings", Create | Patch | Delete))
        }
        Who::Registrar => (plural, verb) == ("filings", PatchStatus),
        Who::StatusWriter => has_own_status(plural) && verb == PatchStatus,
        Who::Operator => {
            matches!((plural, verb), ("servicenumbers", Create | Patch))
                || (has_own_status(plural) && verb == PatchStatus)
        }
    }
}

fn has_own_status(plural: &str) -> bool {
    matches!(plural, "instances" | "servicenumberrequests" | "filings")
}

type Allowed = Result<(), Refused>;

fn forbid(denied: Vec<&'static str>) -> Allowed {
    if denied.is_empty() { Ok(()) } else { Err(Refused::Forbidden(denied)) }
}

pub fn classes(_: Who, old: Option<&InstanceClass>, new: Option<&InstanceClass>) -> Allowed {
    let meant = |c: &InstanceClass| c.annotations().get(ALLOW_DELETION).is_some_and(|v| v == "true");
    match (old, new) {
        (Some(old), None) if !meant(old) => forbid(vec![CLASS_IS_MEANT]),
        _ => Ok(()),
    }
}

/// What `deploy/hold` adds while an administrator restores records.
pub fn hold(who: Who, plural: &str) -> Allowed {
    if who == Who::Operator && plural == "servicenumbers" { forbid(vec![HELD]) } else { Ok(()) }
}

/// May wipe statuses, and take reviews away.
fn repairs(who: Who) -> bool {
    who == Who::Admin
}

fn status<S: PartialEq>(who: Who, old: Option<&S>, new: Option<&S>) -> Vec<&'static str> {
    let changed = old.is_some() && new.is_some() && old != new;
    if changed && who != Who::Operator && !repairs(who) { vec![OPERATORS_STATUS] } else { Vec::new() }
}

pub fn instances(who: Who, old: Option<&Instance>, new: Option<&Instance>) -> Allowed {
    forbid(status(who, old.map(|i| &i.status), new.map(|i| &i.status)))
}

pub fn requests(who: Who, old: Option<&ServiceNumberRequest>, new: Option<&ServiceNumberRequest>) -> Allowed {
    forbid(status(who, old.map(|r| &r.status), new.map(|r| &r.status)))
}

pub fn filings(who: Who, old: Option<&Filing>, new: Option<&Filing>) -> Allowed {
    let own = |f: &Filing| f.status.clone().map(|s| FilingStatus { review: None, ..s });
    let mut denied = status(who, old.map(own).as_ref(), new.map(own).as_ref());
    let review = |f: &Filing| f.status.as_ref().and_then(|s| s.review.clone());
    let (before, after) = (old.and_then(review), new.and_then(review));
    if old.is_some() && new.is_some() && before != after {
        if who == Who::Operator {
            denied.push(NO_REVIEW_OF_OPERATOR);
        }
        if !matches!(who, Who::Registrar | Who::Admin) {
            denied.push(REGISTRARS_WORD);
        }
        let final_ =
            before.is_some_and(|r| matches!(r.state, ReviewState::Approved | ReviewState::Cancelled));
        if after.is_none() && final_ && !repairs(who) {
            denied.push(FINAL_REVIEW);
        }
    }
    forbid(denied)
}

pub fn records(who: Who, old: Option<&ServiceNumber>, new: Option<&ServiceNumber>) -> Allowed {
    let Some(new) = new else { return forbid(vec![NEVER_DELETED]) };
    if who != Who::Operator {
        return forbid(vec![ONLY_OPERATOR]);
    }
    let s = &new.spec;
    let begun = s.submitted_time.is_some() || s.consumed_time.is_some() || s.cancelled_time.is_some();
    if old.is_none() && begun {
        return Err(Refused::Invalid(vec![OF_ITS_OWN]));
    }
    if !new.owner_references().is_empty() || !new.finalizers().is_empty() {
        return Err(Refused::Invalid(vec![NO_OWNER]));
    }
    Ok(())
}
