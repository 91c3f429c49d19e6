//! What an object says of itself, and whether that is what is to be said. What is to be said is for `expected`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::eligible::Reasons;

/// What has to be said of an object as a whole.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is ready, for this reason.
    Ready(&'static str),
    /// It is stalled, for exactly these reasons.
    Stalled(Reasons),
    /// The operator has something left to do.
    Unfinished(&'static str),
}

/// Whether an object is answered, for its manifest as it is.
pub fn answered(object: &Value) -> Result<(), String> {
    let holds = |type_: &str| condition(object, type_)["status"] == "True";
    let current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
    if current && (holds("Ready") ^ holds("Stalled")) && !holds("Reconciling") {
        Ok(())
    } else {
        Err(format!("says {}", object["status"]["conditions"]))
    }
}

/// Whether an object says an answer, with all of its reasons and no other.
pub fn says(object: &Value, answer: &Answer) -> Result<(), String> {
    answered(object)?;
    let refusals = object["status"]["refusals"].as_array();
    let said: Vec<_> = refusals.into_iter().flatten().map(|refusal| text(refusal, "/reason")).collect();
    let ready = condition(object, "Ready");
    let is = match answer {
        Answer::Ready(reason) => ready["status"] == "True" && ready["reason"] == *reason && said.is_empty(),
        Answer::Stalled(reasons) => {
            let in_word: BTreeSet<_> = text(ready, "/reason").split(',').collect();
            ready["status"] == "False"
                && said.len() == reasons.len()
                && said.iter().copied().collect::<BTreeSet<_>>() == *reasons
                && in_word == *reasons
        }
        Answer::Unfinished(_) => false,
    };
    if is { Ok(()) } else { Err(format!("is {} with {said:?}", ready["reason"])) }
}

/// A text in an object, or nothing.
pub fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A condition of an object, or null.
pub fn condition<'v>(object: &'v Value, type_: &str) -> &'v Value {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().find(|c| c["type"] == type_).unwrap_or(&Value::Null)
}
