//! What a copy of the ledger and the ledger itself make together: what a copy keeps when it is made anew, what an
//! import adds, and where the two contradict each other. Nothing is read or written here; the copy as a file is
//! in `book`.
//!
//! Two records of one name are compared by what cannot be taken back: that a number was issued and on which terms,
//! that it was submitted and to which filing, and how that ended. A draft's binding comes and goes, so there the
//! store is right, whatever the copy says.

mod book;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

pub use book::{Book, Header, Place, Unreadable};

use super::life::Change;
use crate::api::{BoundFiling, NumberState, ServiceNumberSpec};

/// Two accounts of the ledger that cannot both be true. No text of it holds a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Contradiction {
    /// The record.
    pub record: String,
    /// What is wrong.
    pub what: Clash,
}

/// Why two accounts cannot both be true.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clash {
    /// What was issued is another thing: these facts differ.
    Issued(Vec<&'static str>),
    /// It was submitted to one filing here and to another there.
    Submitted,
    /// It was consumed here and cancelled there, or consumed with two ICP numbers.
    Ended,
    /// Another record has the same number.
    Number(String),
    /// Another record was issued to the same claim on the same instance.
    Claim(String),
    /// Another record was submitted to the same filing.
    Filing(String),
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { record, what } = self;
        match what {
            Clash::Issued(facts) => {
                write!(f, "{record}: the slot was issued twice, with another {}", facts.join(", "))
            }
            Clash::Submitted => write!(f, "{record}: it was submitted to two filings"),
            Clash::Ended => write!(f, "{record}: its filing ended in two ways"),
            Clash::Number(other) => write!(f, "{record}: {other} has the same number"),
            Clash::Claim(other) => write!(f, "{record}: {other} was issued to the same claim"),
            Clash::Filing(other) => write!(f, "{record}: {other} was submitted to the same filing"),
        }
    }
}

/// How a record of the store stands to the same record of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    /// As far as the copy, or further.
    Ahead,
    /// As far as the copy or further, but it was submitted at another time or by another object: it was done twice.
    Redone,
    /// Behind: these steps bring it to where the copy is.
    Behind(Vec<Change>),
}

fn standing(copy: &ServiceNumberSpec, store: &ServiceNumberSpec) -> Result<Standing, Clash> {
    let differing = issued_otherwise(copy, store);
    if !differing.is_empty() {
        return Err(Clash::Issued(differing));
    }
    let Some((filing, submitted)) = submission(copy) else { return Ok(Standing::Ahead) };
    let mut steps = Vec::new();
    let mut redone = false;
    match (submission(store), &store.filing) {
        (Some((theirs, at)), _) => {
            if !same_filing(filing, theirs) {
                return Err(Clash::Submitted);
            }
            redone = filing.uid != theirs.uid || submitted != at;
        }
        (None, Some(draft)) if same_filing(filing, draft) => {
            if draft.uid != filing.uid {
                steps.push(Change::TakeOver(filing.uid.clone()));
            }
        }
        (None, draft) => {
            // What a draft holds was not submitted, and this number was, to another filing.
            steps.extend(draft.is_some().then_some(Change::GiveBack));
            steps.push(Change::Bind(filing.clone()));
        }
    }
    if store.submitted_time.is_none() {
        steps.push(Change::Submit(submitted.clone()));
    }
    match (end(copy), end(store)) {
        (Some(end), None) => steps.push(end),
        (Some(Change::Consume(_, a)), Some(Change::Consume(_, b))) if a == b => {}
        (Some(Change::Cancel(_)), Some(Change::Cancel(_))) | (None, _) => {}
        (Some(_), Some(_)) => return Err(Clash::Ended),
    }
    Ok(match (steps.is_empty(), redone) {
        (false, _) => Standing::Behind(steps),
        (true, true) => Standing::Redone,
        (true, false) => Standing::Ahead,
    })
}

/// The facts of an issue that differ. They never change, so any is a contradiction.
fn issued_otherwise(a: &ServiceNumberSpec, b: &ServiceNumberSpec) -> Vec<&'static str> {
    let ServiceNumberSpec {
        number,
        slot,
        quota,
        quota_scope,
        class_name,
        instance_name,
        account_id,
        claim,
        filing_account_id,
        issued_time,
        // What became of it is not what was issued.
        state: _,
        filing: _,
        submitted_time: _,
        consumed_time: _,
        icp_number: _,
        cancelled_time: _,
    } = a;
    [
        ("number", *number != b.number),
        ("slot", *slot != b.slot),
        ("quota", *quota != b.quota),
        ("quotaScope", *quota_scope != b.quota_scope),
        ("className", *class_name != b.class_name),
        ("instanceName", *instance_name != b.instance_name),
        ("accountID", *account_id != b.account_id),
        ("claim", *claim != b.claim),
        ("filingAccountID", *filing_account_id != b.filing_account_id),
        ("issuedTime", *issued_time != b.issued_time),
    ]
    .into_iter()
    .filter_map(|(fact, differs)| differs.then_some(fact))
    .collect()
}

type Time = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

fn submission(spec: &ServiceNumberSpec) -> Option<(&BoundFiling, &Time)> {
    spec.filing.as_deref().zip(spec.submitted_time.as_ref())
}

/// A submission is to a namespace, name and domain; the object's uid changes when it is applied again.
fn same_filing(a: &BoundFiling, b: &BoundFiling) -> bool {
    (&a.namespace, &a.name, &a.domain) == (&b.namespace, &b.name, &b.domain)
}

fn end(spec: &ServiceNumberSpec) -> Option<Change> {
    match (&spec.consumed_time, &spec.icp_number, &spec.cancelled_time) {
        (Some(time), Some(icp_number), _) => Some(Change::Consume(time.clone(), icp_number.clone())),
        (_, _, Some(time)) => Some(Change::Cancel(time.clone())),
        _ => None,
    }
}

/// A copy made anew over an older one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Everything that either has, each record as far as it ever came.
    pub book: Book,
    /// What the store should have and has not: it was restored from an older copy.
    pub signs: Vec<Sign>,
}

/// One sign that the store is older than the copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The store lacks this record.
    Lost(String),
    /// The store has this record, in a state that it had left.
    Behind(String),
    /// The store has this record, submitted once more.
    Redone(String),
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(record) => write!(f, "{record}: the cluster lacks it"),
            Self::Behind(record) => write!(f, "{record}: the cluster has it in a state that it had left"),
            Self::Redone(record) => write!(f, "{record}: it was submitted once more"),
        }
    }
}

/// Makes a copy of the store anew over an older copy, and loses nothing that the older one has.
pub fn merge(copy: &Book, store: &Book) -> Result<Merged, Vec<Contradiction>> {
    let mut merged = Merged { book: store.clone(), signs: Vec::new() };
    let mut contradictions = Vec::new();
    for (place, old) in copy.records() {
        let record = place.to_string();
        let sign = match store.get(place).map(|now| standing(old, now)) {
            None => Sign::Lost(record),
            Some(Ok(Standing::Ahead)) => continue,
            Some(Ok(Standing::Redone)) => {
                merged.signs.push(Sign::Redone(record));
                continue;
            }
            Some(Ok(Standing::Behind(_))) => Sign::Behind(record),
            Some(Err(what)) => {
                contradictions.push(Contradiction { record, what });
                continue;
            }
        };
        merged.signs.push(sign);
        merged.book.put(old.clone());
    }
    if contradictions.is_empty() { Ok(merged) } else { Err(contradictions) }
}

/// What an import does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Records that the store lacks, in the order in which their slots were taken.
    pub create: Vec<ServiceNumberSpec>,
    /// Records that the store has in a state that they had left, and the steps that bring them forward.
    pub forward: Vec<(Place, Vec<Change>)>,
    /// Records that were submitted once more since; the store's account of it stays.
    pub redone: Vec<Place>,
}

impl Plan {
    /// Whether the store has everything that the copy has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.create.is_empty() && self.forward.is_empty()
    }
}

/// Decides what to write so that the store has everything that the copy has, or says every contradiction.
pub fn plan(copy: &Book, store: &Book) -> Result<Plan, Vec<Contradiction>> {
    let mut plan = Plan::default();
    let mut contradictions = Vec::new();
    let mut after = store.clone();
    for (place, old) in copy.records() {
        match store.get(place).map(|now| standing(old, now)) {
            None => {
                plan.create.push(old.clone());
                after.put(old.clone());
            }
            Some(Ok(Standing::Ahead)) => {}
            Some(Ok(Standing::Redone)) => plan.redone.push(place.clone()),
            Some(Ok(Standing::Behind(steps))) => {
                plan.forward.push((place.clone(), steps));
                after.put(old.clone());
            }
            Some(Err(what)) => contradictions.push(Contradiction { record: place.to_string(), what }),
        }
    }
    contradictions.extend(clashes(&after));
    contradictions.sort();
    if contradictions.is_empty() { Ok(plan) } else { Err(contradictions) }
}

/// What no ledger may hold: one number twice, a claim with two numbers, a filing with two submissions.
fn clashes(book: &Book) -> Vec<Contradiction> {
    let mut numbers = HashMap::new();
    let mut claims = HashMap::new();
    let mut filings = BTreeMap::new();
    let mut found = Vec::new();
    for (place, spec) in book.records() {
        let mut report = |first: Option<&Place>, clash: fn(String) -> Clash| {
            if let Some(other) = first {
                let what = clash(other.to_string());
                found.push(Contradiction { record: place.to_string(), what });
            }
        };
        report(numbers.insert(&spec.number, place), Clash::Number);
        report(claims.insert((&spec.claim, &spec.instance_name), place), Clash::Claim);
        if spec.state >= NumberState::Submitted
            && let Some(filing) = &spec.filing
        {
            report(filings.insert((&filing.namespace, &filing.name, &filing.domain), place), Clash::Filing);
        }
    }
    found
}
