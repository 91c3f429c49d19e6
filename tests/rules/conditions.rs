//! Conditions that kstatus, Argo CD and people read, and statuses that do not churn.

use icp_filing_operator::{
    api::{Condition, InstanceState, Reason, Refusal},
    rules::{
        conditions::{Aspect, Verdict, Word, conditions},
        filing, instance, request,
    },
};
use k8s_openapi::jiff::ToSpan;
use proptest::prelude::*;

use crate::things::{
    self, Things, by_instance, by_request, claim_of_filing, claim_of_request, facts, key, now, record, t,
};

fn verdict() -> impl Strategy<Value = Verdict> {
    let word = "[A-C]".prop_map(|reason| Word::new(reason, "a message"));
    (0..3_u8, word).prop_map(|(which, word)| match which {
        0 => Verdict::Ready(word),
        1 => Verdict::Progressing(word),
        _ => Verdict::Stalled(word),
    })
}

fn status_of<'a>(all: &'a [Condition], type_: &str) -> &'a str {
    all.iter().find(|c| c.type_ == type_).map_or("absent", |c| c.status.as_str())
}

proptest! {
    #[test]
    fn a_transition_time_is_when_the_status_changed_and_nothing_else_moves_it(verdicts in prop::collection::vec((verdict(), any::<bool>()), 1..12)) {
        let mut before: Vec<Condition> = Vec::new();
        for (turn, (verdict, holds)) in verdicts.into_iter().enumerate() {
            let at = now() + i64::try_from(turn).expect("few").hours();
            let aspect = Aspect { type_: "Bound", holds, word: Word::new("Bound", "") };
            let after = conditions(&before, Some(3), at, &verdict, &[aspect]);
            for condition in &after {
                let was = before.iter().find(|c| c.type_ == condition.type_);
                let expected = match was {
                    Some(was) if was.status == condition.status => was.last_transition_time.0,
                    _ => at,
                };
                prop_assert_eq!(condition.last_transition_time.0, expected, "{}", condition.type_);
                prop_assert_eq!(condition.observed_generation, Some(3));
            }
            let three = (status_of(&after, "Ready"), status_of(&after, "Reconciling"), status_of(&after, "Stalled"));
            prop_assert_eq!(three, match verdict {
                Verdict::Ready(_) => ("True", "False", "False"),
                Verdict::Progressing(_) => ("False", "True", "False"),
                Verdict::Stalled(_) => ("False", "False", "True"),
            });
            before = after;
        }
    }
}

#[test]
fn all_reasons_together_are_one_word_that_the_schema_takes() {
    let refusals: Vec<_> = Reason::ALL
        .iter()
        .map(|reason| Refusal {
            reason: *reason,
            observed: "o".repeat(512),
            required: "r".repeat(512),
            remedy: "m".repeat(512),
        })
        .take(16)
        .collect();
    let word = Word::of(&refusals);
    assert!(word.reason.len() <= 1024 && word.message.len() <= 32_768);
    assert!(word.reason.bytes().all(|b| b.is_ascii_alphanumeric() || b == b','));
    assert!(
        refusals
            .iter()
            .all(|r| word.reason.contains(r.reason.as_str()) && word.message.contains(r.reason.as_str()))
    );
}

/// As an object comes back from the API server: through JSON.
fn round<T: serde::Serialize + serde::de::DeserializeOwned>(object: &T) -> T {
    serde_json::from_value(serde_json::to_value(object).expect("JSON")).expect("the same type")
}

/// A status that was written is what is decided again, an hour later too: nothing churns.
#[test]
fn a_status_that_was_written_is_decided_again() {
    let mut refused = things::server("ecs");
    refused.region = "cn-hongkong".to_owned();
    refused.state = InstanceState::Stopped;
    let filed = things::bound("site", "uid-1");
    let draft = things::brought(
        facts("i-1", 0, claim_of_filing("site")),
        filed,
        icp_filing_operator::api::NumberState::InUse,
    );
    let mut things = Things {
        instances: vec![things::instance("i-1", things::server("ecs")), things::instance("i-2", refused)],
        requests: vec![
            things::request("have", "i-1"),
            things::request("wait", "i-2"),
            things::request("lost", "i-9"),
        ],
        filings: vec![things::filing("site", by_instance("i-1")), things::filing("poor", by_request("wait"))],
        records: vec![record(draft, 5), record(facts("i-1", 1, claim_of_request("have")), 6)],
        ..Things::usual()
    };
    // A clock with parts of a second, which a status does not have.
    let first = t("2026-03-01T00:00:00.123456789Z");
    let world = things.world();
    for i in &mut things.instances {
        i.status = Some(round(
            &instance::decide(&world, &key(&i.metadata.name.clone().expect("a name")), first)
                .expect("there")
                .0,
        ));
    }
    for r in &mut things.requests {
        let request::Step::Settle(status, _) =
            request::decide(&world, &key(r.metadata.name.as_deref().expect("a name")), first)
        else {
            panic!("not settled")
        };
        r.status = Some(round(&*status));
    }
    for f in &mut things.filings {
        let filing::Step::Settle(status, _) =
            filing::decide(&world, &key(f.metadata.name.as_deref().expect("a name")), first)
        else {
            panic!("not settled")
        };
        f.status = Some(round(&*status));
    }
    let world = things.world();
    let later = first + 1.hours();
    for i in &things.instances {
        let again = instance::decide(&world, &key(i.metadata.name.as_deref().expect("a name")), later)
            .expect("there")
            .0;
        assert_eq!(Some(&again), i.status.as_ref());
    }
    for r in &things.requests {
        let request::Step::Settle(again, _) =
            request::decide(&world, &key(r.metadata.name.as_deref().expect("a name")), later)
        else {
            panic!("not settled")
        };
        assert_eq!(Some(&*again), r.status.as_ref());
    }
    for f in &things.filings {
        let filing::Step::Settle(again, _) =
            filing::decide(&world, &key(f.metadata.name.as_deref().expect("a name")), later)
        else {
            panic!("not settled")
        };
        assert_eq!(Some(&*again), f.status.as_ref());
    }
}
