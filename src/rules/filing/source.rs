//! Where a filing's number comes from, and whether it may be used: by request, by value, or by instance.

use k8s_openapi::jiff::Timestamp;
use std::sync::Arc;

use crate::api::{BoundFiling, ClaimKind, Filing, FilingSource, NumberState, Reason, Refusal, ServiceNumber};
use crate::rules::{
    eligibility::refusal,
    issue::{Allocation, Asking, Order, allocate},
    kept::Kept,
    life, number,
    world::{ObjectKey, World},
};

/// What a source resolves to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    /// A record, and every reason why this filing may not use it.
    Found { record: Arc<Kept<ServiceNumber>>, refusals: Vec<Refusal> },
    /// A number to be issued for this filing.
    Issue(Box<Order>),
    /// Nothing, for these reasons.
    Missing { refusals: Vec<Refusal>, wake: Option<Timestamp> },
    /// A record that an earlier filing of this name is about to give back.
    Releasing(Arc<Kept<ServiceNumber>>),
}

impl Source {
    /// The record that it resolves to, free or not.
    pub(super) fn record(&self) -> Option<&Arc<Kept<ServiceNumber>>> {
        match self {
            Self::Found { record, .. } | Self::Releasing(record) => Some(record),
            Self::Issue(_) | Self::Missing { .. } => None,
        }
    }

    /// Why the record may not be used.
    pub(super) fn refusals(&self) -> &[Refusal] {
        match self {
            Self::Found { refusals, .. } | Self::Missing { refusals, .. } => refusals,
            Self::Issue(_) | Self::Releasing(_) => &[],
        }
    }
}

/// Who may file with a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// The account that bought the instance, or the one that the request grants.
    OwnerOrGranted,
    /// Whoever was told the number, unless the request grants it to one account.
    BearerUnlessGranted,
    /// The account that bought the instance.
    Owner,
}

/// Resolves the source of a filing.
pub(super) fn resolve(world: &World, key: &ObjectKey, filing: &Kept<Filing>, now: Timestamp) -> Source {
    let FilingSource { service_number, request_ref, instance_ref } = &filing.spec.source;
    match (service_number, request_ref, instance_ref) {
        (Some(value), None, None) => by_number(world, key, filing, value),
        (None, Some(reference), None) => by_request(world, key, filing, &reference.name),
        (None, None, Some(reference)) => by_instance(world, key, filing, &reference.name, now),
        // The schema lets exactly one through; an object from before the schema is told so.
        _ => missing(refusal(
            Reason::NumberNotFound,
            "no source, or several",
            "exactly one of instanceRef, requestRef and serviceNumber",
            "Delete this filing and apply it with one source.",
        )),
    }
}

fn missing(refusal: Refusal) -> Source {
    Source::Missing { refusals: vec![refusal], wake: None }
}

fn by_number(world: &World, key: &ObjectKey, filing: &Kept<Filing>, value: &str) -> Source {
    match number::normalize(value).and_then(|n| world.ledger.numbered(&n).cloned()) {
        Some(record) => check(key, filing, record, Rule::BearerUnlessGranted),
        None => missing(refusal(
            Reason::NumberNotFound,
            "nobody was issued this number",
            "a number that was issued",
            "Compare it with the status of the request that it was issued to; numbers of other providers are used on their platforms.",
        )),
    }
}

fn by_request(world: &World, key: &ObjectKey, filing: &Kept<Filing>, name: &str) -> Source {
    let claimant = ObjectKey::new(&key.namespace, name);
    let Some(found) = world.requests.get(&claimant) else {
        return missing(refusal(
            Reason::RequestNotFound,
            format!("no ServiceNumberRequest {name} in this namespace"),
            "a request of that name",
            "Apply the request, or correct requestRef in a filing of another name.",
        ));
    };
    match world
        .ledger
        .claimed(&claimant.claim(ClaimKind::ServiceNumberRequest), &found.spec.instance_ref.name)
    {
        // Learned records show who holds a slot, but only the snapshot shows what it is bound to.
        Some(record) if world.ledger.record(record.name()).is_some() => {
            check(key, filing, record.clone(), Rule::OwnerOrGranted)
        }
        _ => missing(refusal(
            Reason::RequestNotReady,
            format!("ServiceNumberRequest {name} has no number yet"),
            "a request with a number",
            "Look at the reasons in the status of the request.",
        )),
    }
}

fn by_instance(world: &World, key: &ObjectKey, filing: &Kept<Filing>, name: &str, now: Timestamp) -> Source {
    let asking = Asking {
        claim: key.claim(ClaimKind::Filing),
        instance: name,
        account: &filing.spec.account_id,
        grant: None,
        filing: Some(BoundFiling {
            namespace: key.namespace.to_string(),
            name: key.name.to_string(),
            uid: filing.uid().unwrap_or_default(),
            domain: filing.spec.website.domain.clone(),
        }),
    };
    match allocate(world, &asking, now) {
        Allocation::Have(record) => match world.ledger.record(record.name()) {
            Some(record) => check(key, filing, record.clone(), Rule::Owner),
            None => Source::Releasing(record),
        },
        Allocation::Issue(order) => Source::Issue(order),
        Allocation::Refused(refusals, wake) => Source::Missing { refusals, wake },
    }
}

/// Whether a filing may use a record that it is not bound to yet.
fn check(key: &ObjectKey, filing: &Kept<Filing>, record: Arc<Kept<ServiceNumber>>, rule: Rule) -> Source {
    let mut refusals = Vec::new();
    if let Some(refused) = account(filing, &record, rule) {
        refusals.push(refused);
    }
    if let Some(holder) = &record.spec.filing {
        let same_name = *holder.namespace == *key.namespace && *holder.name == *key.name;
        let same = same_name && holder.domain == filing.spec.website.domain;
        let submitted = record.spec.submitted_time.is_some();
        if same {
            // Its own binding, perhaps of an earlier uid: nothing stands against it.
        } else if same_name && submitted {
            refusals.push(refusal(
                Reason::DomainDiffers,
                format!("this name was submitted for {}", holder.domain),
                filing.spec.website.domain.clone(),
                "Use a filing of another name, with another number, for another domain.",
            ));
        } else if same_name && refusals.is_empty() {
            return Source::Releasing(record);
        } else if !same_name {
            refusals.push(taken(key, &record, holder));
        }
    }
    Source::Found { record, refusals }
}

fn account(filing: &Kept<Filing>, record: &Kept<ServiceNumber>, rule: Rule) -> Option<Refusal> {
    let files = &filing.spec.account_id;
    let owner = *files == record.spec.account_id;
    let granted = record.spec.filing_account_id.as_ref();
    let (allowed, required) = match (rule, granted) {
        (Rule::OwnerOrGranted | Rule::BearerUnlessGranted, Some(account)) => (
            owner || account == files,
            "the account that bought the instance, or the one that the request grants",
        ),
        (Rule::BearerUnlessGranted, None) => (true, ""),
        (Rule::OwnerOrGranted | Rule::Owner, _) => (owner, "the account that bought the instance"),
    };
    (!allowed).then(|| {
        refusal(
            Reason::WrongAccount,
            format!("account {files}"),
            required,
            "File with that account, or have the number granted: apply a request of another name with filingAccountID.",
        )
    })
}

/// Says who holds a number, as far as the reader of this namespace may see it.
fn taken(key: &ObjectKey, record: &Kept<ServiceNumber>, holder: &BoundFiling) -> Refusal {
    let who = if *holder.namespace == *key.namespace {
        format!("Filing {}", holder.name)
    } else {
        "a filing of another namespace".to_owned()
    };
    match life::state_of(&record.spec) {
        NumberState::Issued | NumberState::InUse => refusal(
            Reason::NumberInUse,
            format!("{who} holds the number as a draft"),
            "a number that no filing holds",
            "Delete that draft to give the number back, or use another number.",
        ),
        NumberState::Submitted | NumberState::Consumed | NumberState::Cancelled => refusal(
            Reason::NumberSpent,
            format!("{who} was submitted with the number"),
            "a number that was never submitted",
            "Use another number: each one works for one filing, once, for ever.",
        ),
    }
}
