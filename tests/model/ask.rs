//! One request, as data: who asks, of which object, what. And how a random one is drawn, from what the model has,
//! so that sequences get deep. Nothing is sent here.

mod claims;
mod ledger;
mod platform;

use std::fmt;

use serde_json::{Value, json};

use crate::{
    objects::{merge, valid},
    policies::Who,
    rng::Rng,
};

/// The kinds, as the API calls them.
pub const KINDS: [&str; 5] = ["InstanceClass", "Instance", "ServiceNumberRequest", "Filing", "ServiceNumber"];

/// The revision that a patch carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revision {
    None,
    Current,
    /// Of an earlier write to it, or of another object.
    Other,
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum What {
    Create(Value),
    /// A JSON merge patch.
    Patch(Revision, Value),
    /// The same, of the status.
    PatchStatus(Revision, Value),
    /// A status as the operator writes it: all of its own fields at once.
    WriteStatus(Revision, Value),
    Delete,
    Get,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(object) => write!(f, "create {object}"),
            Self::Patch(revision, patch) => write!(f, "patch, revision {revision:?}, {patch}"),
            Self::PatchStatus(revision, patch) => write!(f, "patch status, revision {revision:?}, {patch}"),
            Self::WriteStatus(revision, status) => write!(f, "apply status, revision {revision:?}, {status}"),
            Self::Delete => f.write_str("delete"),
            Self::Get => f.write_str("get"),
        }
    }
}

/// A request.
#[derive(Clone, Debug)]
pub struct Ask {
    pub who: Who,
    pub kind: &'static str,
    pub name: String,
    pub what: What,
}

const HOLD: &str = "example.com/hold";
const ICP: &str = "浙ICP备11012345号-1";

fn spec(fields: Value) -> Value {
    Value::Object([("spec".to_owned(), fields)].into_iter().collect())
}

fn status(fields: Value) -> Value {
    Value::Object([("status".to_owned(), fields)].into_iter().collect())
}

fn pick(rng: &mut Rng, from: Vec<Value>) -> Value {
    let at = rng.below(from.len());
    from.into_iter().nth(at).unwrap_or_default()
}

/// A request of the sequence whose names begin with `prefix`.
pub fn draw(rng: &mut Rng, prefix: &str) -> Ask {
    let kind = KINDS[rng.weighted(&[2, 3, 3, 8, 8]).unwrap_or(0)];
    let (usual, name, what) = match kind {
        "InstanceClass" => platform::class(rng, prefix),
        "Instance" => platform::instance(rng, prefix),
        "ServiceNumberRequest" => claims::request(rng, prefix),
        "Filing" => claims::filing(rng, prefix),
        _ => ledger::record(rng, prefix),
    };
    let everybody =
        [Who::Admin, Who::PlatformAdmin, Who::Registrar, Who::Applicant, Who::StatusWriter, Who::Operator];
    // What is written as the operator writes is its own; the rest anybody may try.
    let stranger = !matches!(what, What::WriteStatus(..)) && rng.chance(8);
    let who = if stranger { *rng.pick(&everybody) } else { usual };
    Ask { who, kind, name, what }
}

fn revision(rng: &mut Rng) -> Revision {
    *rng.pick(&[Revision::None, Revision::None, Revision::Current, Revision::Current, Revision::Other])
}

/// What may be asked of an object of any kind.
fn anything(rng: &mut Rng) -> What {
    let finalizers = match rng.below(4) {
        0 => json!([HOLD]),
        1 => json!([HOLD, "example.com/other"]),
        _ => Value::Null,
    };
    match rng.below(8) {
        0..=2 => What::Delete,
        3 | 4 => What::Patch(revision(rng), json!({"metadata": {"finalizers": finalizers}})),
        5 => What::Patch(revision(rng), json!({"metadata": {"labels": {"seen": "yes"}}})),
        6 => What::Patch(revision(rng), json!({})),
        _ => What::Get,
    }
}

fn create(rng: &mut Rng, kind: &str, name: &str, changes: Vec<Value>) -> What {
    let mut object = valid(kind);
    object["metadata"]["name"] = json!(name);
    if rng.chance(75) {
        merge(&mut object, &changes[0]);
    } else {
        let change = pick(rng, changes);
        merge(&mut object, &change);
    }
    if rng.chance(10) {
        object["metadata"]["finalizers"] = json!([HOLD]);
    }
    What::Create(object)
}

/// A status of the operator's with a Ready condition and these fields.
fn own_status(rng: &mut Rng, fields: &Value) -> What {
    let ready = *rng.pick(&["True", "False"]);
    let mut own = json!({
        "observedGeneration": 1 + rng.below(2),
        "conditions": [{
            "type": "Ready", "status": ready, "reason": "Tested", "message": "",
            "observedGeneration": 1, "lastTransitionTime": "2026-01-02T00:00:00Z",
        }],
    });
    merge(&mut own, fields);
    What::WriteStatus(if rng.chance(75) { Revision::Current } else { Revision::Other }, own)
}

/// An administrator mends, or somebody spoils, a status.
fn spoil(rng: &mut Rng) -> (Who, What) {
    let who = if rng.chance(75) { Who::Admin } else { Who::StatusWriter };
    let patch = pick(
        rng,
        vec![
            json!({"status": null}),
            status(json!({"conditions": null})),
            status(json!({"observedGeneration": 7})),
            json!({}),
            spec(json!({"accountID": "1003"})),
        ],
    );
    (who, What::PatchStatus(revision(rng), patch))
}
