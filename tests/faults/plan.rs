//! Faults as data: what goes wrong, and when. A plan is what a failing run prints and what replays it.
//! How a fault is made to happen is in `proxy` and `rig`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The environment variable with a plan that is to be replayed, alone.
pub const REPLAY: &str = "FAULTS_PLAN";

/// A scenario and what goes wrong in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The name of the scenario.
    pub scenario: String,
    /// What goes wrong.
    pub rules: Vec<Rule>,
}

/// One thing that goes wrong, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// When.
    pub at: At,
    /// What.
    pub fault: Fault,
}

/// A moment of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum At {
    /// The k-th mutating call of the operator about this tenant, counted from 1. Events and leases are not counted.
    Call(u32),
    /// The n-th act of a user, counted from 1, with a second operator at work that alone has the fault.
    Act(u32),
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The call is refused and not carried out.
    Refuse(u16),
    /// The call is carried out and its answer is lost.
    Lose(Lost),
    /// The call is carried out late.
    Delay(Millis),
    /// The operator is killed when it has the answer to the call, before it makes another one.
    KillAnswered,
    /// The call is carried out and the operator is killed before it has the answer.
    KillUnanswered,
    /// As `KillAnswered`, and the operator that is started next sees one kind as it was before the call.
    KillIntoPast(Kind),
    /// No event of one kind arrives for a time, or until the scenario is over; they come late and in order.
    Freeze(Kind, Option<Millis>),
    /// The next event of one kind is never seen, because another one of the same object comes after it.
    Supersede(Kind, Millis),
    /// The watch of one kind ends with 410: its revision is gone, and the kind is listed anew.
    Gone(Kind),
    /// The watch of one kind breaks off, and no bookmark said how far it had come.
    Cut(Kind),
    /// Every event of one kind comes twice.
    Repeat(Kind),
}

/// How an answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lost {
    /// Another answer came in its place.
    Status(u16),
    /// The connection broke.
    Reset,
    /// It never came.
    Hang,
}

/// A time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl From<Millis> for Duration {
    fn from(millis: Millis) -> Self {
        Self::from_millis(millis.0)
    }
}

/// A kind of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `InstanceClass`.
    Class,
    /// `Instance`.
    Instance,
    /// `ServiceNumberRequest`.
    Request,
    /// `Filing`.
    Filing,
    /// `ServiceNumber`.
    Record,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Class, Self::Instance, Self::Request, Self::Filing, Self::Record];

    /// The resource that it is served as.
    pub const fn resource(self) -> &'static str {
        match self {
            Self::Class => "instanceclasses",
            Self::Instance => "instances",
            Self::Request => "servicenumberrequests",
            Self::Filing => "filings",
            Self::Record => "servicenumbers",
        }
    }

    /// What it is called in manifests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Class => "InstanceClass",
            Self::Instance => "Instance",
            Self::Request => "ServiceNumberRequest",
            Self::Filing => "Filing",
            Self::Record => "ServiceNumber",
        }
    }

    /// The kind that is served as a resource.
    pub fn of_resource(resource: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.resource() == resource)
    }
}

/// How long a view stays in the past.
const PAST: Millis = Millis(700);

impl Fault {
    /// What can go wrong with one call while the operator lives.
    pub fn of_calls() -> Vec<Self> {
        let refused = [429, 500, 503, 403, 422, 409].map(Self::Refuse);
        let lost = [Lost::Status(500), Lost::Status(503), Lost::Status(504), Lost::Reset, Lost::Hang]
            .map(Self::Lose);
        refused.into_iter().chain(lost).chain([Self::Delay(Millis(300))]).collect()
    }

    /// The ways to die at one call.
    pub fn of_deaths() -> Vec<Self> {
        [Self::KillAnswered, Self::KillUnanswered]
            .into_iter()
            .chain(Kind::ALL.map(Self::KillIntoPast))
            .collect()
    }

    /// What can go wrong with what the operator sees, from one call on.
    pub fn of_watches() -> Vec<Self> {
        let of = |kind| {
            [
                Self::Freeze(kind, Some(PAST)),
                Self::Supersede(kind, PAST),
                Self::Gone(kind),
                Self::Cut(kind),
                Self::Repeat(kind),
            ]
        };
        Kind::ALL.into_iter().flat_map(of).collect()
    }

    /// The ways in which a second operator lives in the past.
    pub fn of_seconds() -> Vec<Self> {
        Kind::ALL.map(|kind| Self::Freeze(kind, None)).to_vec()
    }

    /// Whether an operator dies of it.
    pub const fn is_deadly(self) -> bool {
        matches!(self, Self::KillAnswered | Self::KillUnanswered | Self::KillIntoPast(_))
    }

    /// The class of faults that it is counted with.
    pub fn class(self) -> String {
        match self {
            Self::Refuse(status) => format!("refuse {status}"),
            Self::Lose(Lost::Status(status)) => format!("lose {status}"),
            Self::Lose(Lost::Reset) => "lose reset".to_owned(),
            Self::Lose(Lost::Hang) => "lose hang".to_owned(),
            Self::Delay(_) => "delay".to_owned(),
            Self::KillAnswered => "kill answered".to_owned(),
            Self::KillUnanswered => "kill unanswered".to_owned(),
            Self::KillIntoPast(_) => "kill into past".to_owned(),
            Self::Freeze(kind, None) => format!("2nd froze {kind:?}"),
            Self::Freeze(_, Some(_)) => "freeze".to_owned(),
            Self::Supersede(..) => "supersede".to_owned(),
            Self::Gone(_) => "gone".to_owned(),
            Self::Cut(_) => "cut".to_owned(),
            Self::Repeat(_) => "repeat".to_owned(),
        }
    }
}

impl Plan {
    /// A plan with one thing that goes wrong.
    pub fn one(scenario: &str, at: At, fault: Fault) -> Self {
        Self { scenario: scenario.to_owned(), rules: vec![Rule { at, fault }] }
    }

    /// A plan in which nothing goes wrong.
    pub fn faultless(scenario: &str) -> Self {
        Self { scenario: scenario.to_owned(), rules: Vec::new() }
    }

    /// The class that it is counted with.
    pub fn class(&self) -> String {
        self.rules.first().map_or_else(|| "none".to_owned(), |rule| rule.fault.class())
    }

    /// The plan that the environment asks for, if it asks.
    pub fn asked_for() -> Option<Self> {
        let text = std::env::var(REPLAY).ok().filter(|text| !text.is_empty())?;
        Some(crate::fixture::must(REPLAY, serde_json::from_str(&text)))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_as_it_was_printed() {
        let all = [Fault::of_calls(), Fault::of_deaths(), Fault::of_watches(), Fault::of_seconds()].concat();
        for (k, fault) in (1..).zip(all) {
            let at = if matches!(fault, Fault::Freeze(_, None)) { At::Act(k) } else { At::Call(k) };
            let plan = Plan::one("issue", at, fault);
            let printed = plan.to_string();
            assert_eq!(serde_json::from_str::<Plan>(&printed).ok(), Some(plan), "{printed}");
        }
    }
}
