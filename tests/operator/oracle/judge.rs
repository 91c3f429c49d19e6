//! The five invariants of the ledger, and that nobody is told a number of another, judged change by change in
//! the order of the store. Written from what is
//! promised, not from the operator's rules: of the product only the schema is used. Nothing is read here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use icp_filing_operator::api::{BoundFiling, Claim, ClaimKind, NumberState, QuotaScope, ServiceNumberSpec};
use serde::Deserialize;
use serde_json::Value;

use crate::history::Change;

/// Namespace, name and domain of a filing.
type Site = (String, String, String);

/// What has to be remembered of a history to judge what comes next.
#[derive(Debug, Default)]
pub struct Judge {
    /// What was wrong, each with its revision.
    pub violations: Vec<String>,
    /// How often records were written.
    pub writes: usize,
    records: BTreeMap<String, ServiceNumberSpec>,
    /// Number to record. Nothing is ever taken out.
    numbers: HashMap<String, String>,
    /// Claim and instance to record.
    claims: HashMap<(Claim, String), String>,
    /// Namespace, name and domain of a submitted filing to record.
    submitted: HashMap<Site, String>,
    /// Key and slot to record.
    slots: HashMap<(String, i32), String>,
    /// Every record with every filing that it was ever bound to.
    bound: HashSet<(String, Site)>,
    /// Class to every quota that it ever declared.
    quotas: HashMap<String, BTreeSet<i64>>,
}

impl Judge {
    /// Judges the next change.
    pub fn take(&mut self, change: &Change) {
        self.writes += usize::from(change.resource == "servicenumbers");
        let mut wrong = match change.resource.as_str() {
            "servicenumbers" => self.record(&change.name, change.object.as_ref()),
            "instanceclasses" => self.class(&change.name, change.object.as_ref()),
            "servicenumberrequests" => self.request(&change.name, change.object.as_ref()),
            "filings" => self.filing(&change.name, change.object.as_ref()),
            "instances" => self.instance(&change.name, change.object.as_ref()),
            _ => Vec::new(),
        };
        for wrong in &mut wrong {
            *wrong = format!("revision {}: {} {}: {wrong}", change.revision, change.resource, change.name);
        }
        self.violations.append(&mut wrong);
    }

    /// Every number that was ever issued.
    pub fn numbers(&self) -> impl Iterator<Item = &String> {
        self.numbers.keys()
    }

    /// The records by name.
    pub fn records(&self) -> impl Iterator<Item = (&String, &ServiceNumberSpec)> {
        self.records.iter()
    }

    fn class(&mut self, name: &str, object: Option<&Value>) -> Vec<String> {
        let quota = object.and_then(|class| class["spec"]["quota"].as_i64());
        self.quotas.entry(name.to_owned()).or_default().extend(quota);
        Vec::new()
    }

    fn record(&mut self, name: &str, object: Option<&Value>) -> Vec<String> {
        let Some(object) = object else {
            // It is remembered as it was, so that a successor is judged against it.
            return vec!["a record was deleted".to_owned()];
        };
        let new = match ServiceNumberSpec::deserialize(&object["spec"]) {
            Ok(new) => new,
            Err(error) => return vec![format!("no record: {error}")],
        };
        let mut wrong = match self.records.get(name) {
            None => self.issued(name, &new),
            Some(old) => changed(old, &new),
        };
        // Whatever was issued under one name, a number stands on no other.
        let owner = self.numbers.entry(new.number.clone()).or_insert_with(|| name.to_owned());
        if owner != name {
            wrong.push(format!("the number is that of {owner}"));
        }
        let claim = (new.claim.clone(), new.instance_name.clone());
        let owner = self.claims.entry(claim).or_insert_with(|| name.to_owned());
        if owner != name {
            wrong.push(format!("the claim has {owner} already"));
        }
        let owner = self.slots.entry((key(&new), new.slot)).or_insert_with(|| name.to_owned());
        if owner != name {
            wrong.push(format!("the slot is that of {owner}"));
        }
        self.bound.extend(new.filing.as_ref().map(|filing| (name.to_owned(), site(filing))));
        if let (Some(filing), Some(_)) = (&new.filing, &new.submitted_time) {
            let owner = self.submitted.entry(site(filing)).or_insert_with(|| name.to_owned());
            if owner != name {
                wrong.push(format!("the filing was submitted with {owner} already"));
            }
        }
        if new.state != state(&new) {
            wrong.push(format!("the state is {:?} and the facts say {:?}", new.state, state(&new)));
        }
        self.records.insert(name.to_owned(), new);
        wrong
    }

    /// A number is issued: its slot is in the name, so that no two can have it, and within the quota.
    fn issued(&self, name: &str, new: &ServiceNumberSpec) -> Vec<String> {
        let mut wrong = Vec::new();
        if name != format!("{}-{}", key(new), new.slot) {
            wrong.push(format!("it is in slot {} of {}", new.slot, key(new)));
        }
        if !(0..new.quota).contains(&new.slot) {
            wrong.push(format!("slot {} is not within the quota of {}", new.slot, new.quota));
        }
        if !self.quotas.get(&new.class_name).is_some_and(|quotas| quotas.contains(&i64::from(new.quota))) {
            wrong.push(format!("class {} never declared a quota of {}", new.class_name, new.quota));
        }
        if state(new) > NumberState::InUse {
            wrong.push(format!("it was issued {:?}", state(new)));
        }
        wrong
    }

    /// The record of a number that a status tells. One that nobody was issued tells nothing.
    fn told<'a>(&'a self, number: &Value) -> Option<(&'a String, &'a ServiceNumberSpec)> {
        let record = self.numbers.get(number.as_str()?)?;
        Some((record, self.records.get(record)?))
    }

    /// A request is told its own number and no other, for a number is a right to whoever reads it.
    fn request(&self, name: &str, object: Option<&Value>) -> Vec<String> {
        let status = object.map_or(&Value::Null, |object| &object["status"]);
        match self.told(&status["serviceNumber"]) {
            Some((record, spec)) if !is_claim(&spec.claim, ClaimKind::ServiceNumberRequest, name) => {
                vec![format!("it is told the number of {record}, which is another claim's")]
            }
            _ => Vec::new(),
        }
    }

    /// An instance tells the numbers of its namespace's claims and no others.
    fn instance(&self, name: &str, object: Option<&Value>) -> Vec<String> {
        let namespace = name.split('/').next().unwrap_or_default();
        let unused = object.and_then(|object| object["status"]["unusedNumbers"].as_array());
        let told = unused.into_iter().flatten().filter_map(|unused| self.told(&unused["serviceNumber"]));
        let others = told.filter(|(_, spec)| spec.claim.namespace != namespace);
        others
            .map(|(record, _)| format!("it tells the number of {record}, which is another namespace's"))
            .collect()
    }

    /// A filing is told a number that was bound to it, and a review stands only on one that is submitted to it.
    fn filing(&self, name: &str, object: Option<&Value>) -> Vec<String> {
        let Some(object) = object else { return Vec::new() };
        let (namespace, own) = name.split_once('/').unwrap_or_default();
        let domain = object["spec"]["website"]["domain"].as_str().unwrap_or_default();
        let site = (namespace.to_owned(), own.to_owned(), domain.to_owned());
        let mut wrong = Vec::new();
        let told = self.told(&object["status"]["serviceNumber"]);
        if let Some((record, _)) =
            told.filter(|(record, _)| !self.bound.contains(&((*record).clone(), site.clone())))
        {
            wrong.push(format!("it is told the number of {record}, which was never bound to it"));
        }
        let review = &object["status"]["review"];
        let reviewed = review["recordName"].as_str().map(str::to_owned);
        if !review.is_null() && reviewed.is_none_or(|record| self.submitted.get(&site) != Some(&record)) {
            wrong.push("it is reviewed and its record is not submitted to it".to_owned());
        }
        wrong
    }
}

/// A record changes: what was issued stays, and the life of a number goes one way.
fn changed(old: &ServiceNumberSpec, new: &ServiceNumberSpec) -> Vec<String> {
    let mut wrong = Vec::new();
    // What is left of a record without its life is immutable, also what is added to the schema later.
    let issued = |spec: &ServiceNumberSpec| ServiceNumberSpec {
        state: NumberState::Issued,
        filing: None,
        submitted_time: None,
        consumed_time: None,
        icp_number: None,
        cancelled_time: None,
        ..spec.clone()
    };
    if issued(old) != issued(new) {
        wrong.push("what was issued changed".to_owned());
    }
    let (before, after) = (state(old), state(new));
    let legal = match (before, after) {
        (NumberState::Issued, NumberState::InUse)
        | (NumberState::InUse, NumberState::Issued | NumberState::Submitted)
        | (NumberState::Submitted, NumberState::Consumed | NumberState::Cancelled) => true,
        (before, after) => before == after,
    };
    if !legal {
        wrong.push(format!("it went from {before:?} to {after:?}"));
    }
    match (&old.filing, &new.filing) {
        (Some(was), Some(is)) if site(was) != site(is) => {
            wrong.push("it went from one filing to another without being given back".to_owned());
        }
        _ => {}
    }
    if old.submitted_time.is_some() && (old.filing != new.filing || old.submitted_time != new.submitted_time)
    {
        wrong.push("its submission changed".to_owned());
    }
    if old.submitted_time.is_none() && new.submitted_time.is_some() && old.filing != new.filing {
        wrong.push("it was bound and submitted in one write".to_owned());
    }
    let end = |spec: &ServiceNumberSpec| {
        (spec.consumed_time.clone(), spec.icp_number.clone(), spec.cancelled_time.clone())
    };
    if before > NumberState::Submitted && end(old) != end(new) {
        wrong.push("its end changed".to_owned());
    }
    wrong
}

/// What a quota is counted for.
fn key(spec: &ServiceNumberSpec) -> String {
    match spec.quota_scope {
        QuotaScope::Instance => format!("instance.{}", spec.instance_name),
        QuotaScope::Account => format!("account.{}.{}", spec.class_name, spec.account_id),
    }
}

fn is_claim(claim: &Claim, kind: ClaimKind, name: &str) -> bool {
    claim.kind == kind && format!("{}/{}", claim.namespace, claim.name) == name
}

fn site(filing: &BoundFiling) -> Site {
    (filing.namespace.clone(), filing.name.clone(), filing.domain.clone())
}

/// What the facts of a record say.
fn state(spec: &ServiceNumberSpec) -> NumberState {
    match (&spec.consumed_time, &spec.cancelled_time, &spec.submitted_time, &spec.filing) {
        (Some(_), ..) => NumberState::Consumed,
        (_, Some(_), ..) => NumberState::Cancelled,
        (_, _, Some(_), _) => NumberState::Submitted,
        (_, _, _, Some(_)) => NumberState::InUse,
        _ => NumberState::Issued,
    }
}
