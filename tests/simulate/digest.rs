//! What makes two states of a search the same one: contents, not revisions, and not which operator is which.

use std::{
    collections::{BTreeMap, BTreeSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::Arc,
};

use icp_filing_operator::{
    api::{Filing, FilingStatus, ServiceNumber, ServiceNumberRequest},
    rules::{kind::Ours, world::ObjectKey},
};
use kube::ResourceExt;

use super::{
    exhaust::State,
    store::{Store, Table},
};

fn hashed(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// What anybody reads of a status.
fn of_status(status: Option<&FilingStatus>) -> u64 {
    let review =
        |s: &FilingStatus| s.review.as_ref().map(|r| (r.record_name.clone(), format!("{:?}", r.state)));
    hashed(&status.map(|s| (s.record_name.clone(), s.submitted_time.is_some(), review(s))))
}

/// Uids by their order, so that it does not matter how many objects there were before.
struct Uids(Vec<u64>);

impl Uids {
    fn rank(&self, uid: Option<&str>) -> Option<usize> {
        let uid = number(uid?);
        self.0.iter().position(|u| *u == uid)
    }
}

fn number(uid: &str) -> u64 {
    uid.trim_start_matches("uid-").parse().expect("a uid of the store")
}

fn uids<'a>(
    filings: impl Iterator<Item = &'a Arc<Filing>>,
    records: impl Iterator<Item = &'a Arc<ServiceNumber>>,
) -> Uids {
    let own = filings.filter_map(|f| f.uid()).map(|u| number(&u));
    let bound = records.filter_map(|r| r.spec.filing.as_ref().map(|f| number(&f.uid)));
    Uids(own.chain(bound).collect::<BTreeSet<_>>().into_iter().collect())
}

fn of_filing(f: &Filing, uids: &Uids) -> u64 {
    let meta = (uids.rank(f.uid().as_deref()), f.metadata.deletion_timestamp.is_some(), f.finalizers().len());
    let s = &f.spec;
    let source = (&s.source.service_number, &s.source.request_ref.as_ref().map(|r| &r.name));
    let spec =
        (&s.account_id, &s.website.domain, s.submit, source, s.source.instance_ref.as_ref().map(|r| &r.name));
    hashed(&(f.name_any(), meta, spec, of_status(f.status.as_ref())))
}

fn of_record(r: &ServiceNumber, uids: &Uids) -> u64 {
    let s = &r.spec;
    let bound = s.filing.as_ref().map(|b| (&b.name, &b.domain, uids.rank(Some(&b.uid))));
    hashed(&(r.name_any(), bound, s.state, &s.claim))
}

fn of_request(r: &ServiceNumberRequest) -> u64 {
    hashed(&(ObjectKey::of(r), &r.spec.instance_ref.name, &r.spec.filing_account_id))
}

fn of_table<K: Ours>(table: &Table<K>, hash: impl Fn(&K) -> u64) -> Vec<u64> {
    table.live.values().map(|o| hash(o)).collect()
}

fn of_live(store: &Store, uids: &Uids) -> u64 {
    hashed(&(
        of_table(&store.requests, of_request),
        of_table(&store.filings, |f| of_filing(f, uids)),
        of_table(&store.records, |r| of_record(r, uids)),
    ))
}

/// A store, whatever anybody has seen of it.
pub fn live_digest(store: &Store) -> u64 {
    of_live(store, &uids(store.filings.live.values(), store.records.live.values()))
}

/// What was seen of one kind: an object as it still is, or as it was.
fn of_seen<K: Ours>(
    seen: &BTreeMap<ObjectKey, Arc<K>>,
    live: &Table<K>,
    hash: impl Fn(&K) -> u64,
) -> Vec<(ObjectKey, u64)> {
    let mark = |(key, object): (&ObjectKey, &Arc<K>)| {
        let current = live.live.get(key).is_some_and(|l| Arc::ptr_eq(l, object));
        (key.clone(), if current { 1 } else { hash(object) })
    };
    seen.iter().map(mark).collect()
}

/// A state of a search.
pub fn digest(state: &State) -> u64 {
    let store = &state.store;
    let filings = state.views.iter().flat_map(|v| v.filings.values()).chain(store.filings.live.values());
    let records = state.views.iter().flat_map(|v| v.records.values()).chain(store.records.live.values());
    let uids = uids(filings, records);
    // Operators are alike: who is who does not matter.
    let mut views: Vec<u64> = state
        .views
        .iter()
        .map(|v| {
            hashed(&(
                of_seen(&v.requests, &store.requests, of_request),
                of_seen(&v.filings, &store.filings, |f| of_filing(f, &uids)),
                of_seen(&v.records, &store.records, |r| of_record(r, &uids)),
                v.learned.keys().collect::<Vec<_>>(),
            ))
        })
        .collect();
    views.sort_unstable();
    let late = state.late.as_ref().map(|(key, review)| (key.clone(), review.record_name.clone()));
    hashed(&(of_live(store, &uids), views, &state.budget, late, &store.violation))
}
