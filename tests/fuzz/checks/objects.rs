//! Objects of any content, as a watch may bring them, one in each line: they are read, decided about and audited
//! without a panic, and what is decided twice is the same.

use std::sync::Arc;

use icp_filing_operator::controllers::readable::Readable;
use icp_filing_operator::rules::kind::{Kind, Ours};
use icp_filing_operator::rules::ledger::WentBack;
use icp_filing_operator::rules::world::{Observation, Seen, Work, World};
use icp_filing_operator::rules::{audit, filing, instance, release, request};
use k8s_openapi::jiff::Timestamp;
use serde::de::DeserializeOwned;

/// Takes any text.
pub fn check(text: &str) {
    let mut lines = text.lines();
    // The clock is as wrong as any input.
    let Some(now) = lines.next().and_then(|line| line.parse::<Timestamp>().ok()) else { return };
    let mut world = World::default();
    for empty in [
        Observation::Class(Seen::Listed(Vec::new())),
        Observation::Instance(Seen::Listed(Vec::new())),
        Observation::Request(Seen::Listed(Vec::new())),
        Observation::Filing(Seen::Listed(Vec::new())),
        Observation::Record(Seen::Listed(Vec::new())),
    ] {
        let _ = world.observe(empty);
    }
    for line in lines {
        let Some(kind) = Kind::ALL.into_iter().find(|kind| line.contains(&format!("\"{kind}\""))) else {
            continue;
        };
        // That the store went back ends the process.
        if take(&mut world, kind, line).is_err() {
            return;
        }
    }
    decide_all(&world, now);
}

fn take(world: &mut World, kind: Kind, line: &str) -> Result<(), WentBack> {
    let observation = match kind {
        Kind::InstanceClass => seen(line).map(Observation::Class),
        Kind::Instance => seen(line).map(Observation::Instance),
        Kind::ServiceNumberRequest => seen(line).map(Observation::Request),
        Kind::Filing => seen(line).map(Observation::Filing),
        Kind::ServiceNumber => seen(line).map(Observation::Record),
    };
    observation.map_or(Ok(()), |observation| world.observe(observation).map(drop))
}

/// What a watch makes of a text, if it is an object at all.
fn seen<K: Ours + DeserializeOwned>(text: &str) -> Option<Seen<K>> {
    let object: Readable<K> = serde_json::from_str(text).ok()?;
    Some(match object.read() {
        Ok(object) if object.meta().deletion_grace_period_seconds.is_some() => {
            Seen::Deleted(Arc::new(object.into()))
        }
        Ok(object) => Seen::Applied(Arc::new(object.into())),
        Err((key, _)) => Seen::Unreadable(key),
    })
}

fn decide_all(world: &World, now: Timestamp) {
    for work in world.everything() {
        match work {
            Work::Instance(key) => {
                assert_eq!(instance::decide(world, &key, now), instance::decide(world, &key, now));
            }
            Work::Request(key) => {
                assert_eq!(request::decide(world, &key, now), request::decide(world, &key, now));
            }
            Work::Filing(key) => {
                assert_eq!(filing::decide(world, &key, now), filing::decide(world, &key, now));
            }
            Work::Record(name) => {
                let record = world.ledger.record(&name).expect("it is named because it is there");
                let _ = release::suspect(world, record);
            }
        }
    }
    let snapshot = world.snapshot();
    let found = audit::findings(&snapshot, now);
    assert_eq!(found, audit::findings(&snapshot, now));
    let _ = audit::holdings(&snapshot);
}
