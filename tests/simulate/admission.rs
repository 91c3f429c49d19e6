//! What the schema and the CEL rules of the CRDs let through, written down a second time as predicates, each with
//! the rule's own message. The rules themselves are in `src/api`; `tests/model` compares the two.

use icp_filing_operator::api::{
    BillingMethod, Condition, Filing, Instance, InstanceClass, NumberState, QuotaScope, Review, ReviewState,
    ServiceNumber, ServiceNumberRequest, ServiceNumberSpec,
};
use icp_filing_operator::planted::{self, Bug};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use kube::ResourceExt;

/// Every rule that a write breaks.
#[derive(Default)]
struct Broken(Vec<&'static str>);

impl Broken {
    fn within(&mut self, number: i32, least: i32, most: i32) {
        self.unless(number >= least, "should be greater than or equal to");
        self.unless(number <= most, "should be less than or equal to");
    }

    fn unless(&mut self, holds: bool, message: &'static str) {
        if !holds {
            self.0.push(message);
        }
    }
}

/// The conditions of an object that nobody has looked at.
pub fn untouched() -> Vec<Condition> {
    vec![Condition {
        type_: "Ready".into(),
        status: "Unknown".into(),
        reason: "Pending".into(),
        message: "Waiting for the operator".into(),
        observed_generation: None,
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
    }]
}

pub fn classes(old: Option<&InstanceClass>, new: &InstanceClass) -> Vec<&'static str> {
    let mut broken = Broken::default();
    broken.within(new.spec.quota, 1, 1000);
    let name = new.name_any();
    broken.unless(
        name.len() <= 63,
        "use a class name of at most 63 characters: it is part of the names of ledger records",
    );
    broken.unless(
        !name.contains('.'),
        "use lower-case letters, digits and dashes in a class name: it is part of the names of ledger records",
    );
    broken.unless(
        old.is_none_or(|o| o.spec.quota_scope == new.spec.quota_scope),
        "quotaScope is immutable: numbers already issued are counted by it; create a class of another name",
    );
    broken.0
}

pub fn instances(old: Option<&Instance>, new: &Instance) -> Vec<&'static str> {
    let mut broken = Broken::default();
    let spec = &new.spec;
    broken.unless(
        new.name_any().len() <= 200,
        "use the provider's instance ID as the name, at most 200 characters: it is part of the names of ledger records",
    );
    broken.unless(
        old.is_none_or(|o| o.spec.class_name == spec.class_name),
        "className is immutable: numbers already issued are counted by it; a server of another type has another ID",
    );
    broken.unless(
        old.is_none_or(|o| o.spec.account_id == spec.account_id),
        "accountID is immutable: it is the account that bought the server",
    );
    broken.unless(
        spec.billing_method != BillingMethod::Subscription || spec.subscription.is_some(),
        "give subscription.startTime and subscription.expirationTime for billingMethod Subscription",
    );
    broken.unless(
        spec.subscription.as_ref().is_none_or(|s| s.start_time < s.expiration_time),
        "expirationTime must be later than startTime",
    );
    let mut addresses = spec.public_network.iter().flat_map(|n| &n.addresses);
    broken.unless(
        addresses.all(|a| a.parse::<std::net::IpAddr>().is_ok()),
        "addresses are IPv4 or IPv6 addresses, without a port or a prefix length",
    );
    broken.0
}

pub fn requests(old: Option<&ServiceNumberRequest>, new: &ServiceNumberRequest) -> Vec<&'static str> {
    let mut broken = Broken::default();
    broken.unless(
        old.is_none_or(|o| o.spec == new.spec),
        "the spec of a request is immutable: create a request of another name",
    );
    broken.unless(
        new.spec.filing_account_id.as_ref() != Some(&new.spec.account_id),
        "leave filingAccountID out: the account that bought the instance may always file",
    );
    broken.0
}

pub fn filings(old: Option<&Filing>, new: &Filing) -> Vec<&'static str> {
    let mut broken = Broken::default();
    let spec = &new.spec;
    let source = &spec.source;
    let sources =
        [source.service_number.is_some(), source.request_ref.is_some(), source.instance_ref.is_some()];
    broken.unless(
        sources.into_iter().filter(|s| *s).count() == 1,
        "give exactly one of instanceRef (a number is issued for this filing), requestRef (a request of this namespace) and serviceNumber (a number that you were told)",
    );
    broken.unless(
        source.service_number.as_deref().is_none_or(is_uuid),
        "a service number is a UUID such as 32a43232-a888-88e8-b9ec-00888be80000; an ICP number is what the filing ends with",
    );
    broken.unless(
        is_domain(&spec.website.domain),
        "give a domain such as shop.example.cn: lower case, without scheme, port, path or final dot, an internationalised one in its xn-- form",
    );
    if let Some(old) = old.map(|o| &o.spec) {
        broken.unless(
            old.account_id == spec.account_id,
            "accountID is immutable: create a filing of another name",
        );
        broken.unless(old.source == spec.source, "source is immutable: create a filing of another name");
        broken.unless(
            old.website.domain == spec.website.domain,
            "domain is immutable: a number is bound to it; create a filing of another name",
        );
        broken.unless(
            !old.submit || spec.submit,
            "submit never goes back: a submission is irreversible; ask the registrar to cancel the filing",
        );
    }
    let Some((status, review)) = new.status.as_ref().and_then(|s| Some((s, s.review.as_ref()?))) else {
        return broken.0;
    };
    broken.unless(spec.submit, "set spec.submit to true before a review: a draft has nothing to review");
    broken.unless(
        status.submitted_time.is_some(),
        "wait for status.submittedTime before a review: the submission is not recorded yet",
    );
    broken.unless(
        planted::is_on(Bug::ReviewOfAnyRecord) || status.record_name.as_ref() == Some(&review.record_name),
        "review.recordName must be the filing's own status.recordName: this review is about another filing",
    );
    broken.unless(
        (review.state == ReviewState::Approved) == review.icp_number.is_some(),
        "give icpNumber with state Approved, and only then",
    );
    broken.unless(
        review.icp_number.as_deref().is_none_or(is_icp_number),
        "give the ICP number without spaces, such as 浙ICP备11012345号-1",
    );
    if let Some(before) = old.and_then(|o| o.status.as_ref()).and_then(|s| s.review.as_ref()) {
        edge(&mut broken, before, review);
    }
    broken.0
}

fn edge(broken: &mut Broken, old: &Review, new: &Review) {
    let closed = matches!(old.state, ReviewState::Approved | ReviewState::Cancelled);
    let same =
        (old.state, &old.icp_number, &old.record_name) == (new.state, &new.icp_number, &new.record_name);
    broken.unless(!closed || same, "an approved or cancelled review is final");
    broken.unless(
        !(old.state == ReviewState::Rejected && new.state == ReviewState::Approved),
        "a rejected filing is reviewed again first: set state to InReview",
    );
}

fn is_uuid(text: &str) -> bool {
    let dashes = [8, 13, 18, 23];
    text.len() == 36
        && text
            .char_indices()
            .all(|(at, c)| if dashes.contains(&at) { c == '-' } else { c.is_ascii_hexdigit() })
}

fn is_domain(text: &str) -> bool {
    let letters = |l: &str| l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let label =
        |l: &str| (1..=63).contains(&l.len()) && letters(l) && !l.starts_with('-') && !l.ends_with('-');
    let top = |l: &str| {
        let plain = (2..=63).contains(&l.len()) && l.bytes().all(|b| b.is_ascii_lowercase());
        plain || l.strip_prefix("xn--").is_some_and(|l| (1..=59).contains(&l.len()) && letters(l))
    };
    text.rsplit_once('.').is_some_and(|(labels, last)| labels.split('.').all(label) && top(last))
}

fn is_icp_number(text: &str) -> bool {
    let parse = || {
        let rest =
            text.strip_prefix(|c: char| ('\u{4e00}'..='\u{9fff}').contains(&c))?.strip_prefix("ICP")?;
        let (digits, rest) = rest.strip_prefix(['备', '证'])?.split_once('号')?;
        let is_number =
            |d: &str, longest| (1..=longest).contains(&d.len()) && d.bytes().all(|b| b.is_ascii_digit());
        let website =
            rest.strip_prefix('-').map(|w| w.strip_suffix(|c: char| c.is_ascii_uppercase()).unwrap_or(w));
        let rest_fits = rest.is_empty() || website.is_some_and(|w| is_number(w, 4));
        (digits.len() >= 6 && is_number(digits, 12) && rest_fits).then_some(())
    };
    parse().is_some()
}

pub fn records(old: Option<&ServiceNumber>, new: &ServiceNumber) -> Vec<&'static str> {
    let s = &new.spec;
    let mut broken = Broken::default();
    broken.within(s.slot, 0, 999);
    broken.within(s.quota, 1, 1000);
    let name = match s.quota_scope {
        QuotaScope::Instance => format!("instance.{}-{}", s.instance_name, s.slot),
        QuotaScope::Account => format!("account.{}.{}-{}", s.class_name, s.account_id, s.slot),
    };
    broken.unless(
        new.metadata.name.as_ref() == Some(&name),
        "the name of a record is its key and slot: instance.<instance>-<slot> or account.<class>.<account>-<slot>",
    );
    broken.unless(
        s.slot < s.quota,
        "the slot of a number is below the quota that was in force when it was issued",
    );
    broken.unless(
        s.submitted_time.is_none() || s.filing.is_some(),
        "only a number that is bound to a filing is submitted",
    );
    broken.unless(
        s.consumed_time.is_some() == s.icp_number.is_some(),
        "consumedTime and icpNumber go together",
    );
    let over = s.consumed_time.is_some() || s.cancelled_time.is_some();
    broken.unless(
        !(s.consumed_time.is_some() && s.cancelled_time.is_some()) && (s.submitted_time.is_some() || !over),
        "a submitted number is consumed or cancelled, never both",
    );
    broken.unless(s.state == state(s), "state says what the other fields say");
    if let Some(old) = old {
        transition(&mut broken, &old.spec, s);
    }
    broken.0
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

fn transition(broken: &mut Broken, o: &ServiceNumberSpec, n: &ServiceNumberSpec) {
    let issued = |s: &ServiceNumberSpec| {
        let text = (s.number.clone(), s.class_name.clone(), s.instance_name.clone(), s.account_id.clone());
        let counted = (s.slot, s.quota, s.quota_scope, s.claim.clone(), s.issued_time.clone());
        (text, counted, s.filing_account_id.clone())
    };
    broken.unless(issued(o) == issued(n), "what was issued is immutable");
    broken.unless(
        o.submitted_time.is_none() || (n.submitted_time == o.submitted_time && n.filing == o.filing),
        "a submitted number stays with its filing for ever",
    );
    broken.unless(
        o.submitted_time.is_some()
            || n.submitted_time.is_none()
            || (o.filing.is_some() && n.filing == o.filing),
        "a number is submitted in a write of its own, after it was bound",
    );
    broken.unless(
        o.submitted_time.is_some() || !(n.consumed_time.is_some() || n.cancelled_time.is_some()),
        "a number is submitted before it is consumed or cancelled",
    );
    if let (Some(a), Some(b)) = (&o.filing, &n.filing) {
        broken.unless(
            (&a.namespace, &a.name, &a.domain) == (&b.namespace, &b.name, &b.domain),
            "a bound number is given back before another filing gets it",
        );
    }
    broken.unless(
        o.consumed_time.is_none() || (n.consumed_time == o.consumed_time && n.icp_number == o.icp_number),
        "a consumed number stays consumed",
    );
    broken.unless(
        o.cancelled_time.is_none() || n.cancelled_time == o.cancelled_time,
        "a cancelled number stays cancelled",
    );
}
