//! The rules of copies: a file is read as it was written, byte for byte; a copy that is made anew loses nothing; an
//! import adds what is missing, takes nothing back, can be run twice, and says every contradiction.

use std::collections::{BTreeMap, BTreeSet};

use icp_filing_operator::{
    api::{BoundFiling, NumberState, ServiceNumberSpec},
    rules::{
        life::{Change, state_of},
        restore::{Book, Clash, Contradiction, Merged, Plan, Sign, Unreadable, merge, plan},
    },
};
use proptest::prelude::*;

use crate::histories::{book, events, history, name, rank, time};

type Ledger = BTreeMap<String, ServiceNumberSpec>;

fn ledger(book: &Book) -> Ledger {
    book.records().map(|(place, spec)| (place.to_string(), spec.clone())).collect()
}

/// The store after an import: creates, then one legal step after the other.
fn imported(store: &Book, plan: &Plan) -> Book {
    let mut after = ledger(store);
    for spec in &plan.create {
        assert!(after.insert(name(spec), spec.clone()).is_none(), "{} was there", name(spec));
    }
    for (place, steps) in &plan.forward {
        let record = after.get_mut(&place.to_string()).expect("a record that is there");
        for step in steps {
            *record = step.apply(record).unwrap_or_else(|| panic!("{place}: no step {step:?}"));
        }
    }
    book(&after.into_values().collect::<Vec<_>>())
}

fn text(book: &Book, revision: usize) -> String {
    book.text("store-1", &revision.to_string()).expect("text")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_ledger_is_read_as_it_was_written_byte_for_byte(events in events(0..60)) {
        let here = book(history(&events).last().expect("a ledger"));
        let file = text(&here, 7);
        let (header, read) = Book::parse(&file).expect("a file of ours");
        prop_assert_eq!((header.store.as_str(), header.resource_version.as_str()), ("store-1", "7"));
        prop_assert_eq!(&read, &here);
        prop_assert_eq!(text(&read, 7), file);
    }

    #[test]
    fn two_copies_of_a_growing_ledger_differ_by_lines_added_and_lines_gone_forward(events in events(1..60), early: prop::sample::Index) {
        let snapshots = history(&events);
        let (old, new) = (book(&snapshots[early.index(snapshots.len())]), book(snapshots.last().expect("a ledger")));
        let merged = merge(&old, &new).expect("no contradiction");
        prop_assert_eq!(&merged, &Merged { book: new.clone(), signs: Vec::new() });
        // Lines in the order of the old file stay in that order.
        let names = |book: &Book| book.records().map(|(place, _)| place.to_string()).collect::<Vec<_>>();
        let kept: Vec<_> = names(&new).into_iter().filter(|name| ledger(&old).contains_key(name)).collect();
        prop_assert_eq!(kept, names(&old));
        for (name, before) in ledger(&old) {
            prop_assert!(rank(&ledger(&new)[&name]) >= rank(&before));
        }
    }

    #[test]
    fn a_copy_over_a_restored_store_loses_nothing_and_says_what_the_store_lost(events in events(1..60), early: prop::sample::Index) {
        let snapshots = history(&events);
        let restored = book(&snapshots[early.index(snapshots.len())]);
        let copy = book(snapshots.last().expect("a ledger"));
        let merged = merge(&copy, &restored).expect("no contradiction");
        let (before, after) = (ledger(&copy), ledger(&merged.book));
        let mut signs = BTreeSet::new();
        for (name, known) in &before {
            let sign = match ledger(&restored).get(name) {
                None => Some(Sign::Lost(name.clone())),
                Some(now) => (rank(now) < rank(known)).then(|| Sign::Behind(name.clone())),
            };
            let lost = sign.is_some();
            signs.extend(sign.map(|s| s.to_string()));
            prop_assert_eq!(rank(&after[name]), rank(known));
            if lost || rank(known) > 0 {
                prop_assert_eq!(&after[name], known);
            }
        }
        prop_assert_eq!(merged.signs.iter().map(ToString::to_string).collect::<BTreeSet<_>>(), signs);
    }

    #[test]
    fn an_import_into_a_restored_store_brings_back_everything_and_can_be_run_twice(
        events in events(1..60), early: prop::sample::Index, copied: prop::sample::Index,
    ) {
        let snapshots = history(&events);
        // The copy may be of any time, before the store's or after it.
        let (store, copy) = (book(&snapshots[early.index(snapshots.len())]), book(&snapshots[copied.index(snapshots.len())]));
        let decided = plan(&copy, &store).expect("no contradiction");
        let after = imported(&store, &decided);
        let second = plan(&copy, &after).expect("no contradiction");
        prop_assert!(second.is_empty() && second.redone.is_empty(), "{second:?}");
        let (store, copy, after) = (ledger(&store), ledger(&copy), ledger(&after));
        let names: BTreeSet<_> = store.keys().chain(copy.keys()).collect();
        prop_assert_eq!(after.keys().collect::<BTreeSet<_>>(), names);
        for (name, now) in &after {
            let (stored, copied) = (store.get(name), copy.get(name));
            let rank_of = |r: Option<&ServiceNumberSpec>| r.map_or(0, rank);
            prop_assert_eq!(rank(now), rank_of(stored).max(rank_of(copied)));
            // A record that the store has as far as the copy is not touched; any other is as in the copy.
            match stored {
                Some(stored) if rank(stored) >= rank_of(copied) => prop_assert_eq!(now, stored),
                _ => prop_assert_eq!(Some(now), copied),
            }
        }
    }

    #[test]
    fn a_store_that_issued_since_is_refused_and_every_contradiction_is_said(
        events in events(1..40), early: prop::sample::Index, since in events(1..20),
    ) {
        let snapshots = history(&events);
        let early = early.index(snapshots.len());
        let copy = ledger(&book(snapshots.last().expect("a ledger")));
        // The same beginning, and then another life: later numbers and times are others.
        let mut other: Vec<_> = events[..early].to_vec();
        other.extend(since);
        let kept = snapshots[early].len();
        let mut store = history(&other).pop().expect("a ledger");
        for (at, spec) in store.iter_mut().enumerate() {
            if at >= kept {
                spec.number = format!("ffff{at:04x}-0000-4000-a000-000000000000");
            }
        }
        let store = book(&store);
        let reissued: BTreeSet<String> = ledger(&store).iter()
            .filter(|(name, spec)| copy.get(*name).is_some_and(|known| known.number != spec.number))
            .map(|(name, _)| name.clone())
            .collect();
        let copy = book(&copy.into_values().collect::<Vec<_>>());
        match plan(&copy, &store) {
            Ok(decided) => {
                prop_assert!(reissued.is_empty());
                // Whatever is not refused leaves a ledger that is none twice.
                let after = imported(&store, &decided);
                prop_assert!(plan(&copy, &after).expect("no contradiction").is_empty());
            }
            Err(said) => {
                let said: BTreeSet<String> = said.into_iter()
                    .filter(|c| matches!(c.what, Clash::Issued(_))).map(|c| c.record).collect();
                prop_assert_eq!(&said, &reissued);
                let all = merge(&copy, &store);
                prop_assert!(reissued.is_empty() || all.is_err());
            }
        }
    }
}

/// One record, submitted.
fn submitted() -> ServiceNumberSpec {
    let mut spec = history(&[]).pop().map(|_| first()).expect("a record");
    spec = Change::Bind(filing("f", "uid-1")).apply(&spec).expect("a step");
    Change::Submit(time(5)).apply(&spec).expect("a step")
}

fn first() -> ServiceNumberSpec {
    ServiceNumberSpec {
        number: "00000001-0000-4000-a000-000000000000".to_owned(),
        state: NumberState::Issued,
        slot: 0,
        quota: 5,
        quota_scope: icp_filing_operator::api::QuotaScope::Instance,
        class_name: "ecs".to_owned(),
        instance_name: "i-1".to_owned(),
        account_id: "1001".to_owned(),
        claim: icp_filing_operator::api::Claim {
            kind: icp_filing_operator::api::ClaimKind::ServiceNumberRequest,
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
        },
        filing_account_id: None,
        issued_time: time(1),
        filing: None,
        submitted_time: None,
        consumed_time: None,
        icp_number: None,
        cancelled_time: None,
    }
}

fn filing(name: &str, uid: &str) -> BoundFiling {
    BoundFiling {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        domain: "shop.example.cn".to_owned(),
    }
}

fn with(mut spec: ServiceNumberSpec, change: impl FnOnce(&mut ServiceNumberSpec)) -> ServiceNumberSpec {
    change(&mut spec);
    spec.state = state_of(&spec);
    spec
}

fn one(spec: &ServiceNumberSpec) -> Book {
    book(std::slice::from_ref(spec))
}

#[test]
fn each_fact_of_an_issue_that_differs_is_a_contradiction_by_name() {
    type Spoil = fn(&mut ServiceNumberSpec);
    let spoilt: [(&str, Spoil); 7] = [
        ("number", |s| s.number = "00000002-0000-4000-a000-000000000000".to_owned()),
        ("quota", |s| s.quota = 6),
        ("className", |s| s.class_name = "ens".to_owned()),
        ("accountID", |s| s.account_id = "1002".to_owned()),
        ("claim", |s| s.claim.name = "other".to_owned()),
        ("filingAccountID", |s| s.filing_account_id = Some("2002".to_owned())),
        ("issuedTime", |s| s.issued_time = time(2)),
    ];
    for (fact, spoil) in spoilt {
        let other = with(first(), spoil);
        let expected =
            vec![Contradiction { record: "instance.i-1-0".to_owned(), what: Clash::Issued(vec![fact]) }];
        assert_eq!(plan(&one(&other), &one(&first())), Err(expected.clone()), "{fact}");
        assert_eq!(merge(&one(&other), &one(&first())), Err(expected), "{fact}");
    }
    // Under an account's quota the instance is no part of the name.
    let by_account = |instance: &str| {
        with(first(), |s| {
            s.quota_scope = icp_filing_operator::api::QuotaScope::Account;
            s.instance_name = instance.to_owned();
        })
    };
    let said = plan(&one(&by_account("i-1")), &one(&by_account("i-2"))).expect_err("another instance");
    assert_eq!(said[0].what, Clash::Issued(vec!["instanceName"]));
}

#[test]
fn what_cannot_be_taken_back_contradicts_and_no_message_holds_a_number() {
    let consumed = Change::Consume(time(9), "浙ICP备1号".to_owned()).apply(&submitted()).expect("a step");
    let cancelled = Change::Cancel(time(9)).apply(&submitted()).expect("a step");
    let to_another = with(submitted(), |s| s.filing = Some(Box::new(filing("g", "uid-2"))));
    let other_icp = with(consumed.clone(), |s| s.icp_number = Some("浙ICP备2号".to_owned()));
    for (copy, store, what) in [
        (&submitted(), &to_another, Clash::Submitted),
        (&consumed, &to_another, Clash::Submitted),
        (&consumed, &cancelled, Clash::Ended),
        (&cancelled, &consumed, Clash::Ended),
        (&consumed, &other_icp, Clash::Ended),
    ] {
        let said = plan(&one(copy), &one(store)).expect_err("a contradiction");
        assert_eq!(said, vec![Contradiction { record: "instance.i-1-0".to_owned(), what }]);
        assert!(!said[0].to_string().contains("00000001-"), "{}", said[0]);
    }
}

#[test]
fn what_contradicts_in_another_slot_is_found() {
    let second = |change: fn(&mut ServiceNumberSpec)| {
        with(first(), |s| {
            s.slot = 1;
            s.number = "00000002-0000-4000-a000-000000000000".to_owned();
            s.claim.name = "other".to_owned();
            change(s);
        })
    };
    let first_name = "instance.i-1-0".to_owned();
    let sealed = |s: &mut ServiceNumberSpec| {
        s.filing = Some(Box::new(filing("f", "uid-2")));
        s.submitted_time = Some(time(6));
    };
    for (copy, what) in [
        (second(|s| s.number = first().number), Clash::Number(first_name.clone())),
        (second(|s| s.claim = first().claim), Clash::Claim(first_name.clone())),
        (second(sealed), Clash::Filing(first_name)),
    ] {
        let said = plan(&one(&copy), &one(&submitted())).expect_err("a contradiction");
        assert_eq!(said, vec![Contradiction { record: "instance.i-1-1".to_owned(), what }]);
    }
}

#[test]
fn a_record_that_is_behind_comes_forward_over_whatever_draft_holds_it() {
    let consumed = Change::Consume(time(9), "浙ICP备1号".to_owned()).apply(&submitted()).expect("a step");
    let bound = |filing| Change::Bind(filing).apply(&first()).expect("a step");
    let verbs = |plan: Plan| plan.forward[0].1.iter().map(Change::verb).collect::<Vec<_>>();
    for (store, expected) in [
        (first(), vec!["bind", "submit", "consume"]),
        (bound(filing("f", "uid-1")), vec!["submit", "consume"]),
        (bound(filing("f", "uid-2")), vec!["take-over", "submit", "consume"]),
        (bound(filing("g", "uid-1")), vec!["give-back", "bind", "submit", "consume"]),
        (submitted(), vec!["consume"]),
        // Submitted once more, at another time: the store's account stays, and goes on.
        (with(submitted(), |s| s.submitted_time = Some(time(7))), vec!["consume"]),
    ] {
        let decided = plan(&one(&consumed), &one(&store)).expect("no contradiction");
        assert_eq!(verbs(decided.clone()), expected);
        let after = imported(&one(&store), &decided);
        assert!(plan(&one(&consumed), &after).expect("no contradiction").is_empty());
    }
    // A draft of the copy is no reason to touch what the store has.
    let draft = plan(&one(&bound(filing("f", "uid-1"))), &one(&first())).expect("no contradiction");
    assert!(draft.is_empty());
}

#[test]
fn a_number_that_was_submitted_once_more_stays_as_the_store_has_it_and_is_said() {
    let again = with(submitted(), |s| s.filing = Some(Box::new(filing("f", "uid-2"))));
    let decided = plan(&one(&submitted()), &one(&again)).expect("no contradiction");
    assert!(decided.is_empty() && decided.redone.len() == 1, "{decided:?}");
    let merged = merge(&one(&submitted()), &one(&again)).expect("no contradiction");
    assert_eq!(merged, Merged { book: one(&again), signs: vec![Sign::Redone("instance.i-1-0".to_owned())] });
}

#[test]
fn a_file_that_is_not_as_it_was_written_is_refused_by_line() {
    let file = text(
        &book(&[
            first(),
            with(first(), |s| {
                s.slot = 1;
                s.claim.name = "b".to_owned();
                s.number = "00000002-0000-4000-a000-000000000000".to_owned();
            }),
        ]),
        3,
    );
    let (header, records) = file.split_once('\n').expect("lines");
    let (one, two) = records.split_once('\n').expect("lines");
    let refused = |text: &str| Book::parse(text).expect_err("no file of ours").to_string();
    for (text, said) in [
        (String::new(), "the file is empty"),
        ("{}\n".to_owned(), "line 1 is no header"),
        (file.replacen("\"icpFilingLedger\":1", "\"icpFilingLedger\":2", 1), "format 2"),
        (file.replacen("\"store\"", "\"shop\"", 1), "line 1"),
        (format!("{header}\n{one}\n"), "2 records and 1 follow"),
        (
            format!("{header}\n{one}\n{one}\n"),
            "line 3 is no record as `ledger export` writes it: instance.i-1-0 is there twice",
        ),
        (format!("{header}\n{two}{one}\n<<<<<<<\n"), "line 4"),
        (format!("{header}\n{one}\n\n{two}"), "line 3"),
        (
            file.replacen("\"quota\":5", "\"quota\": 5", 1),
            "line 2 is no record as `ledger export` writes it: it was edited",
        ),
        (file.replacen("\"quota\":5", "\"quota\":5,\"colour\":1", 1), "a newer version"),
        (file.replacen("\"quota\":5", "\"quota\":0", 1), "its slot is not below its quota"),
        (file.replacen("\"slot\":0", "\"slot\":3", 1), "its facts are those of instance.i-1-3"),
        (file.replacen("\"Issued\"", "\"Submitted\"", 1), "its state is not what its other fields say"),
        (file.replacen("\"Issued\"", "\"Lost\"", 1), "unknown variant"),
        (file.replacen("00000001-0000", "0000000A-0000", 1), "no UUID in lower case"),
    ] {
        let message = refused(&text);
        assert!(message.contains(said), "{said}: {message}");
    }
    assert!(matches!(Book::parse("\n"), Err(Unreadable::Header(_))));
    // A checkout on another system ends lines otherwise, which changes no record.
    assert_eq!(Book::parse(&file.replace('\n', "\r\n")), Book::parse(&file));
}

#[test]
fn what_contradicts_and_what_was_lost_is_told_by_record() {
    let record = || "instance.i-1-0".to_owned();
    for (what, text) in [
        (Clash::Issued(vec!["number"]), "instance.i-1-0: the slot was issued twice, with another number"),
        (Clash::Submitted, "instance.i-1-0: it was submitted to two filings"),
        (Clash::Ended, "instance.i-1-0: its filing ended in two ways"),
        (Clash::Number("a-1".to_owned()), "instance.i-1-0: a-1 has the same number"),
        (Clash::Claim("a-1".to_owned()), "instance.i-1-0: a-1 was issued to the same claim"),
        (Clash::Filing("a-1".to_owned()), "instance.i-1-0: a-1 was submitted to the same filing"),
    ] {
        assert_eq!(Contradiction { record: record(), what }.to_string(), text);
    }
    let signs = [Sign::Lost(record()), Sign::Behind(record()), Sign::Redone(record())];
    assert_eq!(
        signs.map(|sign| sign.to_string()),
        [
            "instance.i-1-0: the cluster lacks it",
            "instance.i-1-0: the cluster has it in a state that it had left",
            "instance.i-1-0: it was submitted once more",
        ]
    );
}

#[test]
fn an_import_with_anything_to_write_is_not_empty() {
    let whole = one(&submitted());
    assert!(plan(&whole, &whole).expect("the same").is_empty());
    assert!(!plan(&whole, &Book::default()).expect("nothing contradicts").is_empty());
    let behind = plan(&whole, &one(&first())).expect("it was issued and no more");
    assert!(behind.create.is_empty() && !behind.is_empty());
}

#[test]
fn a_record_that_no_schema_would_take_is_refused() {
    let icp = || Some("浙ICP备11012345号-1".to_owned());
    let refused =
        |spec: ServiceNumberSpec| Book::default().add(&name(&spec), spec).expect_err("it is unsound");
    let below = "its slot is not below its quota";
    let ended = "it ended and was not submitted";
    for (spec, why) in [
        (with(first(), |s| s.slot = 5), below),
        (with(first(), |s| s.slot = -1), below),
        (with(submitted(), |s| s.filing = None), "it is submitted and bound to no filing"),
        (with(submitted(), |s| s.consumed_time = Some(time(9))), "consumedTime and icpNumber go together"),
        (with(submitted(), |s| s.icp_number = icp()), "consumedTime and icpNumber go together"),
        (with(first(), |s| s.cancelled_time = Some(time(9))), ended),
        (with(first(), |s| (s.consumed_time, s.icp_number) = (Some(time(9)), icp())), ended),
        (
            with(submitted(), |s| {
                (s.consumed_time, s.icp_number, s.cancelled_time) = (Some(time(9)), icp(), Some(time(9)));
            }),
            "it is consumed and cancelled",
        ),
    ] {
        assert_eq!(refused(spec), why);
    }
    assert!(Book::default().is_empty() && !one(&first()).is_empty());
}
