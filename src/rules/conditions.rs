//! From a verdict to conditions that kstatus, Argo CD, Flux and people read alike. No phase, no churn:
//! the transition time stays while the status does.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

use crate::api::{Condition, Refusal, condition_type as types};

/// What is to be said of an object as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// What the manifest asks for is done.
    Ready(Word),
    /// The operator goes on by itself.
    Progressing(Word),
    /// Something outside has to change.
    Stalled(Word),
}

/// A reason and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// CamelCase; several joined by commas where several hold.
    pub reason: String,
    /// For people.
    pub message: String,
}

impl Word {
    /// A reason with its sentence.
    pub fn new(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: reason.into(), message: message.into() }
    }

    /// Every refusal in one word.
    #[must_use]
    pub fn of(refusals: &[Refusal]) -> Self {
        let reason = refusals.iter().map(|r| r.reason.as_str()).collect::<Vec<_>>().join(",");
        let message = refusals
            .iter()
            .map(|r| format!("{}: {}; required: {}. {}", r.reason.as_str(), r.observed, r.required, r.remedy))
            .collect::<Vec<_>>()
            .join(" ");
        Self { reason, message }
    }
}

/// Whether a condition of a kind's own holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aspect {
    /// `Condition.type`.
    pub type_: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// Why.
    pub word: Word,
}

/// The whole set of conditions of an object.
#[must_use]
pub fn conditions(
    previous: &[Condition],
    generation: Option<i64>,
    now: Timestamp,
    verdict: &Verdict,
    aspects: &[Aspect],
) -> Vec<Condition> {
    let idle = || Word::new("Settled", "");
    let (ready, reconciling, stalled) = match verdict {
        Verdict::Ready(word) => ((true, word.clone()), (false, idle()), (false, idle())),
        Verdict::Progressing(word) => ((false, word.clone()), (true, word.clone()), (false, idle())),
        Verdict::Stalled(word) => ((false, word.clone()), (false, idle()), (true, word.clone())),
    };
    [(types::READY, ready), (types::RECONCILING, reconciling), (types::STALLED, stalled)]
        .into_iter()
        .chain(aspects.iter().map(|a| (a.type_, (a.holds, a.word.clone()))))
        .map(|(type_, (holds, word))| {
            let status = if holds { "True" } else { "False" };
            let since = previous
                .iter()
                .find(|c| c.type_ == type_ && c.status == status)
                .map_or_else(|| Time(now), |c| c.last_transition_time.clone());
            Condition {
                type_: type_.into(),
                status: status.into(),
                reason: word.reason.into(),
                message: word.message.into(),
                observed_generation: generation,
                last_transition_time: since,
            }
        })
        .collect()
}
