//! What the schema and the CEL rules of the CRDs let through, written down a second time as predicates.
//! The rules themselves are in `src/api`; they are tested on a real API server elsewhere.

use icp_filing_operator::api::{
    Condition, Filing, Instance, InstanceClass, NumberState, QuotaScope, Review, ReviewState, ServiceNumber,
    ServiceNumberRequest, ServiceNumberSpec,
};
use icp_filing_operator::planted::{self, Bug};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

type Admitted = Result<(), &'static str>;

fn rule(holds: bool, message: &'static str) -> Admitted {
    if holds { Ok(()) } else { Err(message) }
}

/// The conditions of an object that nobody has looked at.
pub fn untouched() -> Vec<Condition> {
    vec![Condition {
        type_: "Ready".to_owned(),
        status: "Unknown".to_owned(),
        reason: "Pending".to_owned(),
        message: "Waiting for the operator".to_owned(),
        observed_generation: None,
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
    }]
}

pub fn classes(old: Option<&InstanceClass>, new: &InstanceClass) -> Admitted {
    rule((1..=1000).contains(&new.spec.quota), "quota is out of bounds")?;
    rule(old.is_none_or(|o| o.spec.quota_scope == new.spec.quota_scope), "quotaScope is immutable")
}

pub fn instances(old: Option<&Instance>, new: &Instance) -> Admitted {
    let same =
        |o: &Instance| o.spec.class_name == new.spec.class_name && o.spec.account_id == new.spec.account_id;
    rule(old.is_none_or(same), "className and accountID are immutable")?;
    rule(
        new.spec.subscription.as_ref().is_none_or(|s| s.start_time < s.expiration_time),
        "expirationTime must be later than startTime",
    )
}

pub fn requests(old: Option<&ServiceNumberRequest>, new: &ServiceNumberRequest) -> Admitted {
    rule(old.is_none_or(|o| o.spec == new.spec), "the spec of a request is immutable")?;
    rule(
        new.spec.filing_account_id.as_ref() != Some(&new.spec.account_id),
        "leave filingAccountID out: the account that bought the instance may always file",
    )
}

pub fn filings(old: Option<&Filing>, new: &Filing) -> Admitted {
    let source = &new.spec.source;
    let sources =
        [source.service_number.is_some(), source.request_ref.is_some(), source.instance_ref.is_some()];
    rule(sources.into_iter().filter(|s| *s).count() == 1, "give exactly one source")?;
    if let Some(old) = old {
        rule(old.spec.account_id == new.spec.account_id, "accountID is immutable")?;
        rule(old.spec.source == new.spec.source, "source is immutable")?;
        rule(old.spec.website.domain == new.spec.website.domain, "domain is immutable")?;
        rule(!old.spec.submit || new.spec.submit, "submit never goes back")?;
    }
    let Some(status) = &new.status else { return Ok(()) };
    let Some(review) = &status.review else { return Ok(()) };
    rule(new.spec.submit, "set spec.submit to true before a review")?;
    rule(status.submitted_time.is_some(), "wait for status.submittedTime before a review")?;
    rule(
        planted::is_on(Bug::ReviewOfAnyRecord) || status.record_name.as_ref() == Some(&review.record_name),
        "review.recordName must be the filing's own status.recordName",
    )?;
    rule(
        (review.state == ReviewState::Approved) == review.icp_number.is_some(),
        "give icpNumber with state Approved, and only then",
    )?;
    let before = old.and_then(|o| o.status.as_ref()).and_then(|s| s.review.as_ref());
    before.map_or(Ok(()), |before| edge(before, review))
}

fn edge(old: &Review, new: &Review) -> Admitted {
    let closed = matches!(old.state, ReviewState::Approved | ReviewState::Cancelled);
    let same =
        (old.state, &old.icp_number, &old.record_name) == (new.state, &new.icp_number, &new.record_name);
    rule(!closed || same, "an approved or cancelled review is final")?;
    rule(
        !(old.state == ReviewState::Rejected && new.state == ReviewState::Approved),
        "a rejected filing is reviewed again first",
    )
}

pub fn records(old: Option<&ServiceNumber>, new: &ServiceNumber) -> Admitted {
    let s = &new.spec;
    let name = match s.quota_scope {
        QuotaScope::Instance => format!("instance.{}-{}", s.instance_name, s.slot),
        QuotaScope::Account => format!("account.{}.{}-{}", s.class_name, s.account_id, s.slot),
    };
    rule(new.metadata.name.as_ref() == Some(&name), "the name of a record is its key and slot")?;
    rule(s.slot >= 0 && s.slot < s.quota, "the slot of a number is below the quota")?;
    rule(s.submitted_time.is_none() || s.filing.is_some(), "only a bound number is submitted")?;
    rule(s.consumed_time.is_some() == s.icp_number.is_some(), "consumedTime and icpNumber go together")?;
    let over = s.consumed_time.is_some() || s.cancelled_time.is_some();
    rule(
        !(s.consumed_time.is_some() && s.cancelled_time.is_some()) && (s.submitted_time.is_some() || !over),
        "a submitted number is consumed or cancelled, never both",
    )?;
    rule(s.state == state(s), "state says what the other fields say")?;
    old.map_or(Ok(()), |old| transition(&old.spec, s))
}

fn state(s: &ServiceNumberSpec) -> NumberState {
    if s.consumed_time.is_some() {
        NumberState::Consumed
    } else if s.cancelled_time.is_some() {
        NumberState::Cancelled
    } else if s.submitted_time.is_some() {
        NumberState::Submitted
    } else if s.filing.is_some() {
        NumberState::InUse
    } else {
        NumberState::Issued
    }
}

fn transition(o: &ServiceNumberSpec, n: &ServiceNumberSpec) -> Admitted {
    let issued = |s: &ServiceNumberSpec| {
        let text = (s.number.clone(), s.class_name.clone(), s.instance_name.clone(), s.account_id.clone());
        let counted = (s.slot, s.quota, s.quota_scope, s.claim.clone(), s.issued_time.clone());
        (text, counted, s.filing_account_id.clone())
    };
    rule(issued(o) == issued(n), "what was issued is immutable")?;
    rule(
        o.submitted_time.is_none() || (n.submitted_time == o.submitted_time && n.filing == o.filing),
        "a submitted number stays with its filing for ever",
    )?;
    rule(
        o.submitted_time.is_some()
            || n.submitted_time.is_none()
            || (o.filing.is_some() && n.filing == o.filing),
        "a number is submitted in a write of its own, after it was bound",
    )?;
    rule(
        o.submitted_time.is_some() || !(n.consumed_time.is_some() || n.cancelled_time.is_some()),
        "a number is submitted before it is consumed or cancelled",
    )?;
    if let (Some(a), Some(b)) = (&o.filing, &n.filing) {
        rule(
            (&a.namespace, &a.name, &a.domain) == (&b.namespace, &b.name, &b.domain),
            "a bound number is given back before another filing gets it",
        )?;
    }
    rule(
        o.consumed_time.is_none() || (n.consumed_time == o.consumed_time && n.icp_number == o.icp_number),
        "a consumed number stays consumed",
    )?;
    rule(
        o.cancelled_time.is_none() || n.cancelled_time == o.cancelled_time,
        "a cancelled number stays cancelled",
    )
}
