//! Audits: a world in which nothing is wrong, one small harm for every finding, and arbitrary worlds.

mod arbitrary;
mod edges;
mod harms;
mod shapes;

use std::{collections::BTreeSet, sync::Arc};

use icp_filing_operator::{
    api::{
        BoundFiling, FilingStatus, NumberState, Reason, Refusal, Review, ReviewState, ServiceNumber,
        ServiceNumberRequestStatus, ServiceNumberSpec,
    },
    rules::{
        audit::{self, Code, Finding, Invariant, Proof, Severity},
        kept::Kept,
        kind::{Kind, Ours},
        snapshot::{Snapshot, Unreadable},
        world::ObjectKey,
    },
};

use crate::things::{
    self, NAMESPACE, Things, bound, brought, by_instance, by_request, claim_of_filing, claim_of_request,
    facts, now, record, time,
};

/// Requests `web`, `spare` and `told`, and a filing `direct`: one number in every state, all of them told in statuses.
fn sound() -> Things {
    let mut things = Things::usual();
    let icp = "浙ICP备11012345号-1";
    for (slot, (claim, state)) in [
        ("spare", NumberState::Issued),
        ("draft", NumberState::InUse),
        ("sent", NumberState::Submitted),
        ("through", NumberState::Consumed),
    ]
    .into_iter()
    .enumerate()
    {
        let slot = i32::try_from(slot).expect("few");
        let mut to = bound(&format!("f-{claim}"), "uid-1");
        to.domain = format!("{claim}.example.cn");
        let record = record(brought(facts("i-1", slot, claim_of_request(claim)), to, state), 7);
        let mut request = things::request(claim, "i-1");
        request.status = Some(ServiceNumberRequestStatus {
            service_number: Some(record.spec.number.clone()),
            record_name: Some(record.name().to_owned()),
            state: Some(state),
            ..Default::default()
        });
        things.requests.push(request);
        if state > NumberState::Issued {
            let mut filing = things::filing(&format!("f-{claim}"), by_request(claim));
            filing.spec.website.domain = format!("{claim}.example.cn");
            filing.spec.submit = state > NumberState::InUse;
            filing.status = Some(told(&record));
            if state == NumberState::Consumed {
                filing.status = Some(FilingStatus {
                    review: Some(review(&record, ReviewState::Approved, Some(icp))),
                    ..told(&record)
                });
            }
            things.filings.push(filing);
        }
        things.records.push(record);
    }
    // A filing that asks the instance itself, cancelled.
    let mut to = bound("direct", "uid-1");
    to.domain = "direct.example.cn".to_owned();
    let direct = record(brought(facts("i-1", 4, claim_of_filing("direct")), to, NumberState::Cancelled), 7);
    let mut filing = things::filing("direct", by_instance("i-1"));
    filing.spec.website.domain = "direct.example.cn".to_owned();
    filing.status =
        Some(FilingStatus { review: Some(review(&direct, ReviewState::Cancelled, None)), ..told(&direct) });
    things.filings.push(filing);
    things.records.push(direct);
    things
}

/// What the operator says of a filing that is bound.
fn told(record: &Kept<ServiceNumber>) -> FilingStatus {
    FilingStatus {
        record_name: Some(record.name().to_owned()),
        service_number: Some(record.spec.number.clone()),
        submitted_time: record.spec.submitted_time.clone(),
        ..Default::default()
    }
}

fn review(record: &Kept<ServiceNumber>, state: ReviewState, icp: Option<&str>) -> Review {
    Review { record_name: record.name().to_owned(), state, icp_number: icp.map(str::to_owned), message: None }
}

fn snapshot(things: &Things) -> Snapshot {
    fn all<K: Ours + Clone>(objects: &[K]) -> Vec<Arc<Kept<K>>> {
        objects.iter().cloned().map(things::kept).collect()
    }
    Snapshot {
        classes: Some(all(&things.classes)),
        instances: Some(all(&things.instances)),
        requests: Some(all(&things.requests)),
        filings: Some(all(&things.filings)),
        records: Some(things.records.clone()),
        ..Snapshot::default()
    }
}

fn findings(things: &Things) -> Vec<Finding> {
    audit::findings(&snapshot(things), now())
}

/// Harms one record; its name stays.
fn harm(things: &mut Things, slot: usize, harm: impl FnOnce(&mut ServiceNumberSpec)) {
    let record = Arc::make_mut(&mut things.records[slot]);
    harm(&mut record.spec);
}

const SPARE: usize = 0;
const DRAFT: usize = 1;
const SENT: usize = 2;
const THROUGH: usize = 3;
const DIRECT: usize = 4;

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    assert_eq!(findings(&sound()), []);
    assert_eq!(findings(&Things::default()), []);
    assert_eq!(audit::findings(&Snapshot::default(), now()), []);
}

fn refused() -> Refusal {
    Refusal {
        reason: Reason::DomainDiffers,
        observed: String::new(),
        required: String::new(),
        remedy: String::new(),
    }
}

/// What is allowed, and how it comes about.
type Allowed = (&'static str, fn(&mut Things));

/// What is allowed, however odd it looks.
#[test]
fn what_is_allowed_is_not_found() {
    let cases: &[Allowed] = &[
        ("a number that is through needs neither its claim nor its filing, nor its server or class", |t| {
            t.records = vec![record(ServiceNumberSpec { slot: 0, ..t.records[THROUGH].spec.clone() }, 7)];
            (t.requests, t.filings, t.instances, t.classes) = Default::default();
        }),
        ("a submission is matched by name and domain, whatever the uid", |t| {
            t.filings[1].metadata.uid = Some("uid-2".to_owned());
        }),
        ("a filing that says why it has no number", |t| {
            let mut filing = things::filing("told", by_request("spare"));
            filing.status = Some(FilingStatus { refusals: vec![refused()], ..Default::default() });
            t.filings.push(filing);
        }),
        ("a filing that is young", |t| {
            let mut filing = things::filing("young", by_request("spare"));
            filing.metadata.creation_timestamp = Some(time("2026-02-28T23:51:00Z"));
            filing.status = Some(FilingStatus::default());
            t.filings.push(filing);
        }),
        ("a filing that is being deleted", |t| {
            let mut filing = things::filing("leaving", by_request("spare"));
            filing.metadata.deletion_timestamp = Some(time(things::NOW));
            filing.status = Some(FilingStatus::default());
            t.filings.push(filing);
        }),
        ("a dump without statuses says nothing about them", |t| {
            t.requests.iter_mut().for_each(|r| r.status = None);
            t.filings.iter_mut().for_each(|f| f.status = None);
            t.filings.push(things::filing("new", by_request("spare")));
        }),
        ("a manifest has no uid", |t| t.filings.iter_mut().for_each(|f| f.metadata.uid = None)),
        ("one claim on two instances is two claims", |t| {
            t.instances.push(things::instance("i-2", things::server("ecs")));
            t.records.push(record(facts("i-2", 0, claim_of_request("spare")), 7));
        }),
        ("a quota that was raised", |t| t.classes[0].spec.quota = 50),
        ("a rejected review", |t| {
            let review = review(&t.records[SENT], ReviewState::Rejected, None);
            t.filings[1].status.as_mut().expect("one").review = Some(review);
        }),
    ];
    for (what, change) in cases {
        let mut things = sound();
        change(&mut things);
        assert_eq!(findings(&things), [], "{what}");
    }
}

#[test]
fn what_was_seen_before_or_cannot_be_read_is_found() {
    let mut snapshot = snapshot(&sound());
    snapshot.lost = vec!["instance.i-1-5".to_owned(), "instance.i-1-0".to_owned()];
    let unreadable = |kind, namespace: &str, name: &str| Unreadable {
        kind,
        key: ObjectKey::new(namespace, name),
        error: "missing field `slot`".to_owned(),
    };
    snapshot.unreadable = vec![
        unreadable(Kind::ServiceNumber, "", "instance.i-2-0"),
        unreadable(Kind::Filing, NAMESPACE, "f-draft"),
        unreadable(Kind::ServiceNumberRequest, NAMESPACE, "spare"),
    ];
    // What cannot be read is there all the same.
    snapshot.filings.as_mut().expect("some").retain(|f| f.name() != "f-draft");
    snapshot.requests.as_mut().expect("some").retain(|r| r.name() != "spare");
    let found = audit::findings(&snapshot, now());
    let said: Vec<_> = found.iter().map(|f| (f.code, f.subjects[0].to_string())).collect();
    assert_eq!(
        said,
        [
            (Code::RecordLost, "ServiceNumber instance.i-1-5".to_owned()),
            (Code::RecordUnreadable, "ServiceNumber instance.i-2-0".to_owned()),
            (Code::ObjectUnreadable, "ServiceNumberRequest shop/spare".to_owned()),
            (Code::ObjectUnreadable, "Filing shop/f-draft".to_owned()),
        ]
    );
    // A status that tells of a record that cannot be read tells the truth.
    snapshot.records.as_mut().expect("some").remove(DIRECT);
    snapshot.unreadable.push(unreadable(Kind::ServiceNumber, "", "instance.i-1-4"));
    let codes: BTreeSet<_> = audit::findings(&snapshot, now()).iter().map(|f| f.code).collect();
    assert_eq!(codes, [Code::RecordLost, Code::RecordUnreadable, Code::ObjectUnreadable].into());
}

/// Who sees one namespace, or misses a kind, says nothing about the rest.
#[test]
fn what_was_not_looked_at_is_not_judged() {
    let whole = snapshot(&sound());
    for kind in Kind::ALL {
        let mut part = whole.clone();
        match kind {
            Kind::InstanceClass => part.classes = None,
            Kind::Instance => part.instances = None,
            Kind::ServiceNumberRequest => part.requests = None,
            Kind::Filing => part.filings = None,
            Kind::ServiceNumber => part.records = None,
        }
        assert_eq!(part.missing(), [kind]);
        assert_eq!(audit::findings(&part, now()), [], "{kind}");
    }
    let mut elsewhere = whole;
    elsewhere.namespace = Some("other".to_owned());
    for list in [
        &mut elsewhere.requests.as_mut().map(Vec::clear),
        &mut elsewhere.filings.as_mut().map(Vec::clear),
        &mut elsewhere.instances.as_mut().map(Vec::clear),
    ] {
        assert!(list.is_some());
    }
    assert_eq!(audit::findings(&elsewhere, now()), []);
}

#[test]
fn the_watches_show_the_same_as_the_lists() {
    let things = sound();
    let mut world = things.world();
    assert_eq!(audit::findings(&world.snapshot(), now()), []);
    assert_eq!(audit::holdings(&world.snapshot()), audit::holdings(&snapshot(&things)));
    world.ledger.observe_loss("instance.i-1-4");
    let found = audit::findings(&world.snapshot(), now());
    // The loss itself, and the filing that still tells of it.
    assert_eq!(found.iter().map(|f| f.code).collect::<Vec<_>>(), [Code::RecordLost, Code::RecordLost]);
}

#[test]
fn every_code_is_tested_named_and_explained() {
    let tested: BTreeSet<_> =
        harms::cases().iter().map(|c| c.0).chain([Code::RecordUnreadable, Code::ObjectUnreadable]).collect();
    assert_eq!(tested, Code::ALL.iter().copied().collect());
    let worst_first = Code::ALL.is_sorted_by_key(|c| matches!(c.severity(), Severity::Odd));
    assert!(worst_first, "findings are sorted by their codes");
    let guide = include_str!("../../docs/operating.md");
    for code in Code::ALL {
        assert!(code.remedy().ends_with(['.', '?']) && code.meaning().trim().ends_with('.'), "{code:?}");
        // An oddity that passes is looked at twice; what breaks an invariant is known at once or asked for.
        assert!(matches!(code.severity(), Severity::Odd) || code.proof() != Proof::Moments, "{code:?}");
        let row = format!("| `{}` |", code.as_str());
        assert!(guide.contains(&row), "docs/operating.md has no row {row}");
    }
    for invariant in Invariant::ALL {
        assert!(Code::ALL.iter().any(|c| c.severity() == Severity::Broken(invariant)), "{invariant:?}");
    }
}

#[test]
fn holdings_follow_the_facts() {
    let mut things = sound();
    harm(&mut things, SPARE, |r| r.state = NumberState::Cancelled);
    let holdings = audit::holdings(&snapshot(&things));
    let [holding] = &holdings[..] else { panic!("{holdings:?}") };
    assert_eq!(
        (holding.key.to_string().as_str(), holding.quota, holding.class.as_str()),
        ("instance.i-1", Some(5), "ecs")
    );
    let states: Vec<_> = holding.slots.iter().map(|s| (s.slot, s.state)).collect();
    assert_eq!(
        states,
        [
            (0, NumberState::Issued),
            (1, NumberState::InUse),
            (2, NumberState::Submitted),
            (3, NumberState::Consumed),
            (4, NumberState::Cancelled),
        ]
    );
    assert!(holding.slots[4].ended.is_some() && holding.slots[2].ended.is_none());
    let to: Option<BoundFiling> = holding.slots[1].filing.clone();
    assert_eq!(to.map(|f| f.name).as_deref(), Some("f-draft"));
}
