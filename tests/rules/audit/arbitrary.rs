//! Audits of arbitrary worlds: total, in no need of an order, silent about numbers, and sound in what they miss.

use std::{collections::HashSet, sync::Arc};

use icp_filing_operator::{
    api::{
        BoundFiling, Claim, ClaimKind, Filing, FilingStatus, Instance, InstanceClass, NumberState,
        QuotaScope, Review, ReviewState, ServiceNumber, ServiceNumberRequest, ServiceNumberRequestStatus,
        ServiceNumberSpec,
    },
    rules::{
        audit,
        kept::Kept,
        kind::{Kind, Ours},
        snapshot::{Snapshot, Unreadable},
        world::ObjectKey,
    },
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use kube::Resource;
use proptest::prelude::*;

use crate::things;

/// Few names, so that objects meet; nothing that a schema would refuse is left out.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "i-1", "ecs", "instance.i-1-0", "instance.i-1-1", "account.ecs.a-0"]).prop_map(str::to_owned),
        1 => Just(String::new()),
        1 => ".{0,8}",
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![4 => (0..6_u64).prop_map(things::number), 1 => (0..6_u64).prop_map(|n| things::number(n).to_uppercase()), 1 => ".{0,40}"]
}

fn at() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        Just(Timestamp::MIN),
        Just(Timestamp::MAX),
        (-377_705_023_201_i64..253_402_207_200).prop_map(|s| Timestamp::from_second(s).expect("in range")),
    ]
}

fn time() -> impl Strategy<Value = Time> {
    at().prop_map(Time)
}

fn integer() -> impl Strategy<Value = i32> {
    prop_oneof![4 => -1..6_i32, 1 => Just(i32::MAX), 1 => Just(i32::MIN), 1 => any::<i32>()]
}

fn meta<K: Resource>(
    mut object: K,
    (namespace, uid, born, leaving): (Option<String>, Option<String>, Option<Time>, Option<Time>),
) -> K {
    let meta = object.meta_mut();
    (meta.namespace, meta.uid, meta.creation_timestamp, meta.deletion_timestamp) =
        (namespace, uid, born, leaving);
    meta.resource_version = Some("1".to_owned());
    object
}

fn metas() -> impl Strategy<Value = (Option<String>, Option<String>, Option<Time>, Option<Time>)> {
    let rare = |s| prop::option::weighted(0.2, s);
    (prop::option::of(name()), prop::option::of(name()), prop::option::of(time()), rare(time()))
}

fn state() -> impl Strategy<Value = NumberState> {
    use NumberState::{Cancelled, Consumed, InUse, Issued, Submitted};
    prop::sample::select(vec![Issued, InUse, Submitted, Consumed, Cancelled])
}

fn scope() -> impl Strategy<Value = QuotaScope> {
    prop::sample::select(vec![QuotaScope::Instance, QuotaScope::Account])
}

fn bound() -> impl Strategy<Value = BoundFiling> {
    (name(), name(), name(), name()).prop_map(|(namespace, name, uid, domain)| BoundFiling {
        namespace,
        name,
        uid,
        domain,
    })
}

fn records() -> impl Strategy<Value = Arc<Kept<ServiceNumber>>> {
    let kind = prop::sample::select(vec![ClaimKind::ServiceNumberRequest, ClaimKind::Filing]);
    let facts = (name(), number(), state(), integer(), integer(), scope(), name(), name(), name());
    let life = (
        (kind, name(), name()),
        prop::option::of(bound()),
        prop::option::of(time()),
        prop::option::of(time()),
        prop::option::of(name()),
        prop::option::of(time()),
        metas(),
        any::<bool>(),
    );
    (facts, life).prop_map(
        |((named, number, state, slot, quota, quota_scope, class, instance, account), life)| {
            let (
                (kind, namespace, claimant),
                filing,
                submitted_time,
                consumed_time,
                icp_number,
                cancelled_time,
                metas,
                right,
            ) = life;
            let spec = ServiceNumberSpec {
                number,
                state,
                slot,
                quota,
                quota_scope,
                class_name: class,
                instance_name: instance,
                account_id: account,
                claim: Claim { kind, namespace, name: claimant },
                filing_account_id: None,
                issued_time: Time(Timestamp::MIN),
                filing: filing.map(Box::new),
                submitted_time,
                consumed_time,
                icp_number,
                cancelled_time,
            };
            let named = if right { things::record(spec.clone(), 1).name().to_owned() } else { named };
            // Records are in no namespace; whoever reads a dump takes care of that.
            let (_, uid, born, leaving) = metas;
            things::kept(meta(ServiceNumber::new(&named, spec), (None, uid, born, leaving)))
        },
    )
}

fn requests() -> impl Strategy<Value = Arc<Kept<ServiceNumberRequest>>> {
    let status = (prop::option::of(number()), prop::option::of(name()), prop::option::of(state())).prop_map(
        |(service_number, record_name, state)| ServiceNumberRequestStatus {
            service_number,
            record_name,
            state,
            ..Default::default()
        },
    );
    (name(), name(), prop::option::of(status), metas()).prop_map(|(named, instance, status, metas)| {
        let mut request = meta(things::request(&named, &instance), metas);
        request.status = status;
        things::kept(request)
    })
}

fn filings() -> impl Strategy<Value = Arc<Kept<Filing>>> {
    use ReviewState::{Approved, Cancelled, InReview, Rejected};
    let review = (
        name(),
        prop::sample::select(vec![InReview, Rejected, Approved, Cancelled]),
        prop::option::of(name()),
    )
        .prop_map(|(record_name, state, icp_number)| Review {
            record_name,
            state,
            icp_number,
            message: None,
        });
    let status = (
        prop::option::of(review),
        prop::option::of(name()),
        prop::option::of(number()),
        prop::option::of(time()),
    )
        .prop_map(|(review, record_name, service_number, submitted_time)| FilingStatus {
            review,
            record_name,
            service_number,
            submitted_time,
            ..Default::default()
        });
    (name(), name(), prop::option::of(status), metas()).prop_map(|(named, domain, status, metas)| {
        let mut filing = meta(things::filing(&named, things::by_instance("i-1")), metas);
        filing.spec.website.domain = domain;
        filing.status = status;
        things::kept(filing)
    })
}

fn instances() -> impl Strategy<Value = Arc<Kept<Instance>>> {
    (name(), name(), name(), metas()).prop_map(|(named, class, account, metas)| {
        let mut instance = meta(things::instance(&named, things::server(&class)), metas);
        instance.spec.account_id = account;
        things::kept(instance)
    })
}

fn classes() -> impl Strategy<Value = Arc<Kept<InstanceClass>>> {
    (name(), integer(), scope()).prop_map(|(named, quota, quota_scope)| {
        let spec = icp_filing_operator::api::InstanceClassSpec { quota, quota_scope, ..things::ecs() };
        things::kept(things::class(&named, spec))
    })
}

fn list<T: std::fmt::Debug>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Option<Vec<T>>> {
    prop::option::weighted(0.9, prop::collection::vec(of, 0..8))
}

fn snapshots() -> impl Strategy<Value = Snapshot> {
    let unreadable =
        (prop::sample::select(Kind::ALL.to_vec()), name(), name()).prop_map(|(kind, namespace, name)| {
            Unreadable { kind, key: ObjectKey::new(namespace, name), error: "no".to_owned() }
        });
    (
        (list(classes()), list(instances()), list(requests()), list(filings()), list(records())),
        prop::option::weighted(0.2, name()),
        prop::collection::vec(unreadable, 0..2),
        prop::collection::vec(name(), 0..2),
    )
        .prop_map(|((classes, instances, requests, filings, records), namespace, unreadable, lost)| {
            Snapshot {
                classes: classes.map(once),
                instances: instances.map(once),
                requests: requests.map(once),
                filings: filings.map(once),
                records: records.map(once),
                namespace,
                unreadable,
                lost,
            }
        })
}

/// No two objects of a kind share a name.
fn once<K: Ours>(mut objects: Vec<Arc<Kept<K>>>) -> Vec<Arc<Kept<K>>> {
    let mut seen = HashSet::new();
    objects.retain(|object| seen.insert(object.key.clone()));
    objects
}

fn reversed(snapshot: &Snapshot) -> Snapshot {
    fn back<T: Clone>(list: Option<&Vec<T>>) -> Option<Vec<T>> {
        list.map(|list| list.iter().rev().cloned().collect())
    }
    Snapshot {
        classes: back(snapshot.classes.as_ref()),
        instances: back(snapshot.instances.as_ref()),
        requests: back(snapshot.requests.as_ref()),
        filings: back(snapshot.filings.as_ref()),
        records: back(snapshot.records.as_ref()),
        ..snapshot.clone()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn every_world_is_judged_alike_in_any_order_and_no_number_is_told(snapshot in snapshots(), now in at()) {
        let found = audit::findings(&snapshot, now);
        prop_assert_eq!(&found, &audit::findings(&reversed(&snapshot), now));
        prop_assert_eq!(audit::holdings(&snapshot), audit::holdings(&reversed(&snapshot)));
        prop_assert!(found.is_sorted());
        let said = format!("{found:?}").to_lowercase();
        for which in 0..6 {
            prop_assert!(!said.contains(&things::number(which)), "{}", said);
        }
    }

    /// What one list of the records proves needs no other kind.
    #[test]
    fn what_the_records_prove_they_prove_alone(snapshot in snapshots(), now in at()) {
        let alone = Snapshot { records: snapshot.records.clone(), unreadable: snapshot.unreadable.clone(), ..Snapshot::default() };
        let proven = |snapshot: &Snapshot| {
            let mut found = audit::findings(snapshot, now);
            found.retain(|f| f.code.proof() == audit::Proof::Records);
            found
        };
        prop_assert_eq!(proven(&snapshot), proven(&alone));
    }

    /// A judge written from the promises alone finds nothing in a ledger in which no invariant is found broken.
    #[test]
    fn a_ledger_in_which_nothing_is_broken_keeps_the_promises(snapshot in snapshots()) {
        let snapshot = Snapshot { lost: Vec::new(), unreadable: Vec::new(), ..snapshot };
        if audit::findings(&snapshot, Timestamp::MIN).iter().any(|f| f.breaks().is_some()) {
            return Ok(());
        }
        let records: Vec<_> = snapshot.records.iter().flatten().collect();
        let mut seen = HashSet::new();
        for record in &records {
            let s = &record.spec;
            prop_assert!(seen.insert(format!("number {}", s.number.to_lowercase())), "a number is on two records");
            prop_assert!(seen.insert(format!("claim {:?} {}", s.claim, s.instance_name)), "a claim has two records");
            let named = record.name().ends_with(&format!("-{}", s.slot));
            prop_assert!((0..s.quota).contains(&s.slot) && named, "a slot is not within its quota");
            if s.submitted_time.is_some() {
                let f = s.filing.as_ref().expect("a submitted number is bound");
                prop_assert!(seen.insert(format!("site {:?}", (&f.namespace, &f.name, &f.domain))), "a filing is submitted twice");
            }
            prop_assert!(s.consumed_time.is_none() || (s.submitted_time.is_some() && s.cancelled_time.is_none()));
        }
    }
}
