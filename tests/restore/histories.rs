//! Ledgers that can come to be: random lives of numbers, step by step as `rules` allows them. No expectation of a
//! single test lives here.

use std::collections::BTreeMap;

use icp_filing_operator::{
    api::{BoundFiling, Claim, ClaimKind, NumberState, QuotaScope, ServiceNumberSpec},
    rules::{key::Key, life::Change, restore::Book},
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use proptest::prelude::*;

/// One thing that happens: to a key where a number is issued, to a record otherwise.
#[derive(Clone, Debug)]
pub struct Event {
    what: u8,
    whom: prop::sample::Index,
    detail: u8,
}

/// What may happen.
pub fn events(count: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<Event>> {
    let event = (0..10_u8, any::<prop::sample::Index>(), any::<u8>());
    prop::collection::vec(event.prop_map(|(what, whom, detail)| Event { what, whom, detail }), count)
}

/// The ledger after every event, the first one empty.
pub fn history(events: &[Event]) -> Vec<Vec<ServiceNumberSpec>> {
    let mut ledger: Vec<ServiceNumberSpec> = Vec::new();
    let mut snapshots = vec![ledger.clone()];
    for (at, event) in events.iter().enumerate() {
        happen(&mut ledger, at, event);
        snapshots.push(ledger.clone());
    }
    snapshots
}

/// A ledger as a book.
pub fn book(ledger: &[ServiceNumberSpec]) -> Book {
    let mut book = Book::default();
    for spec in ledger {
        let name = name(spec);
        book.add(&name, spec.clone()).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    book
}

pub fn name(spec: &ServiceNumberSpec) -> String {
    Key::of_record(spec).record(spec.slot)
}

/// How far a record is on the one way.
pub fn rank(spec: &ServiceNumberSpec) -> u8 {
    match spec.state {
        NumberState::Issued | NumberState::InUse => 0,
        NumberState::Submitted => 1,
        NumberState::Consumed | NumberState::Cancelled => 2,
    }
}

pub fn time(at: usize) -> Time {
    let second = i64::try_from(at).expect("few events");
    Time(Timestamp::from_second(1_780_000_000 + second).expect("a time"))
}

fn happen(ledger: &mut Vec<ServiceNumberSpec>, at: usize, event: &Event) {
    let Event { what, whom, detail } = event;
    if *what < 4 || ledger.is_empty() {
        issue(ledger, at, *detail);
        return;
    }
    let at_record = whom.index(ledger.len());
    let filing = BoundFiling {
        namespace: format!("n{}", detail % 2),
        name: format!("f{}", detail % 5),
        uid: format!("uid-{at}"),
        domain: "shop.example.cn".to_owned(),
    };
    let change = match what {
        4 | 5 => Change::Bind(filing),
        6 => Change::GiveBack,
        7 => Change::Submit(time(at)),
        8 => Change::Consume(time(at), format!("浙ICP备{at:08}号-1")),
        _ if detail.is_multiple_of(2) => Change::Cancel(time(at)),
        _ => Change::TakeOver(format!("uid-{at}")),
    };
    // Submission is refused while another record is bound to the filing, as the operator refuses it.
    let bound = ledger[at_record].filing.clone();
    let alone = bound.is_none_or(|bound| {
        let same = |f: &BoundFiling| (&f.namespace, &f.name) == (&bound.namespace, &bound.name);
        ledger.iter().filter_map(|r| r.filing.as_ref()).filter(|f| same(f)).count() == 1
    });
    if matches!(change, Change::Submit(_)) && !alone {
        return;
    }
    if let Some(next) = change.apply(&ledger[at_record]) {
        ledger[at_record] = next;
    }
}

/// The first free slot of a key, for a claim of its own.
fn issue(ledger: &mut Vec<ServiceNumberSpec>, at: usize, detail: u8) {
    let mut spec = ServiceNumberSpec {
        number: format!("{at:08x}-0000-4000-a000-000000000000"),
        state: NumberState::Issued,
        slot: 0,
        quota: 12,
        quota_scope: if detail.is_multiple_of(3) { QuotaScope::Account } else { QuotaScope::Instance },
        class_name: "ecs".to_owned(),
        instance_name: format!("i-{}", detail % 4),
        account_id: "1001".to_owned(),
        claim: Claim {
            kind: if detail.is_multiple_of(5) { ClaimKind::Filing } else { ClaimKind::ServiceNumberRequest },
            namespace: "shop".to_owned(),
            name: format!("claim-{at}"),
        },
        filing_account_id: detail.is_multiple_of(7).then(|| "2002".to_owned()),
        issued_time: time(at),
        filing: None,
        submitted_time: None,
        consumed_time: None,
        icp_number: None,
        cancelled_time: None,
    };
    let mut taken: BTreeMap<Key, i32> = BTreeMap::new();
    for record in ledger.iter() {
        *taken.entry(Key::of_record(record)).or_default() += 1;
    }
    spec.slot = taken.get(&Key::of_record(&spec)).copied().unwrap_or_default();
    if spec.slot < spec.quota {
        ledger.push(spec);
    }
}
