//! Faults as data: what goes wrong, and when. A plan is what a failing run prints and what replays it.
//! How a fault is made to happen is in `proxy` and `rig`; which plans there are is in `sweeps`.

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
    /// How many operators there are at a time.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub operators: usize,
    /// Which of them work.
    #[serde(default, skip_serializing_if = "Election::is_off")]
    pub election: Election,
    /// What goes wrong.
    pub rules: Vec<Rule>,
}

/// Which of several operators work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Election {
    /// All of them.
    #[default]
    Off,
    /// The one that leads.
    On,
    /// The one that leads, and each of them is told that it does.
    AllLead,
}

impl Election {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
    fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

const fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
const fn is_one(count: &usize) -> bool {
    *count == 1
}

/// One thing that goes wrong, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// When.
    pub at: At,
    /// Whose view it is where a view is at fault, counted from 1; the last operator's where nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<usize>,
    /// What.
    pub fault: Fault,
}

/// A moment of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum At {
    /// The k-th mutating call about this tenant, counted from 1 over all operators. Events and leases are not counted.
    Call(u32),
    /// The n-th act of a user, counted from 1.
    Act(u32),
    /// The n-th call that is like this, counted from 1, whether it changes anything or not.
    Like(Like, u32),
}

/// What calls have in common. What is absent is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Like {
    /// What is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verb: Option<Verb>,
    /// To which kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// To which part of it; an empty word is the object itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// The object's name, with `{t}` for the tenant's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Reads one object.
    Get,
    /// Reads a kind.
    List,
    /// Follows a kind.
    Watch,
    /// POST.
    Create,
    /// PATCH.
    Patch,
    /// PUT.
    Update,
    /// DELETE.
    Delete,
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
    /// A third party writes the object right before this call and the ones after it, so many in all.
    Overtake(u32),
    /// The operator is killed when it has the answer to the call, before it makes another one.
    KillAnswered,
    /// The call is carried out and the operator is killed before it has the answer.
    KillUnanswered,
    /// As `KillAnswered`, and the operator that is started next sees one kind as it was before the call.
    KillIntoPast(Kind),
    /// The operator is told to end while the call is under way; another one is started when it has ended.
    Terminate,
    /// The operator is stopped before the call is passed on. When the others have done everything, it is passed on
    /// and the operator goes on.
    StopBefore,
    /// The call is carried out and the operator is stopped before it has the answer, which it has when it goes on.
    StopAfter,
    /// No event of one kind arrives for a time, or until the scenario is over; they come late and in order.
    Freeze(Kind, Option<Millis>),
    /// As `Freeze`, and the kind is listed anew and shown as it was.
    FreezeLists(Kind, Millis),
    /// The next event of one kind is never seen, because another one of the same object comes after it.
    Supersede(Kind, Millis),
    /// Events are held for a time and then come kind by kind, from this one on, whatever their order was.
    Reorder(Kind),
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

    /// How many kinds come before it when one counts from another one on.
    pub fn after(self, first: Self) -> u32 {
        let at = |kind| Self::ALL.into_iter().position(|k| k == kind).unwrap_or(0);
        u32::try_from((at(self) + Self::ALL.len() - at(first)) % Self::ALL.len()).unwrap_or(0)
    }
}

impl Fault {
    /// Whether only an operator of the tenant's own can have it: it dies, or others would see what was meant for it.
    pub const fn is_private(self) -> bool {
        matches!(
            self,
            Self::KillAnswered
                | Self::KillUnanswered
                | Self::KillIntoPast(_)
                | Self::Terminate
                | Self::StopBefore
                | Self::StopAfter
                | Self::FreezeLists(..)
        )
    }

    /// Whether it lasts until the scenario is over.
    pub const fn lasts(self) -> bool {
        matches!(self, Self::StopBefore | Self::StopAfter | Self::Freeze(_, None))
    }

    /// The class of faults that it is counted with.
    pub fn class(self) -> String {
        match self {
            Self::Refuse(status) => format!("refuse {status}"),
            Self::Lose(Lost::Status(status)) => format!("lose {status}"),
            Self::Lose(Lost::Reset) => "lose reset".to_owned(),
            Self::Lose(Lost::Hang) => "lose hang".to_owned(),
            Self::Delay(_) => "delay".to_owned(),
            Self::Overtake(count) => format!("overtake {count}"),
            Self::KillAnswered => "kill answered".to_owned(),
            Self::KillUnanswered => "kill unanswered".to_owned(),
            Self::KillIntoPast(kind) => format!("kill into past {kind:?}"),
            Self::Terminate => "terminate".to_owned(),
            Self::StopBefore => "stop before".to_owned(),
            Self::StopAfter => "stop after".to_owned(),
            Self::Freeze(kind, _) => format!("freeze {kind:?}"),
            Self::FreezeLists(kind, _) => format!("freeze lists {kind:?}"),
            Self::Supersede(kind, _) => format!("supersede {kind:?}"),
            Self::Reorder(kind) => format!("reorder {kind:?}"),
            Self::Gone(kind) => format!("gone {kind:?}"),
            Self::Cut(kind) => format!("cut {kind:?}"),
            Self::Repeat(kind) => format!("repeat {kind:?}"),
        }
    }
}

impl Rule {
    /// Something that goes wrong, with the last operator's view where a view is at fault.
    pub const fn new(at: At, fault: Fault) -> Self {
        Self { at, operator: None, fault }
    }
}

impl Plan {
    /// A plan of one operator.
    pub fn new(scenario: &str, rules: impl Into<Vec<Rule>>) -> Self {
        Self { scenario: scenario.to_owned(), operators: 1, election: Election::Off, rules: rules.into() }
    }

    /// The same, with more operators.
    #[must_use]
    pub fn with_operators(self, operators: usize) -> Self {
        Self { operators, ..self }
    }

    /// The same, with election.
    #[must_use]
    pub fn with_election(self, election: Election) -> Self {
        Self { election, ..self }
    }

    /// Whether operators of the tenant's own are needed.
    pub fn is_private(&self) -> bool {
        // A list of a kind is about no tenant.
        let lists = |at: &At| matches!(at, At::Like(Like { verb: Some(Verb::List | Verb::Watch), .. }, _));
        self.election != Election::Off
            || self.rules.iter().any(|rule| rule.fault.is_private() || lists(&rule.at))
    }

    /// The class that it is counted with.
    pub fn class(&self) -> String {
        let faults: Vec<String> = self.rules.iter().map(|rule| rule.fault.class()).collect();
        let faults = if faults.is_empty() { "none".to_owned() } else { faults.join(", ") };
        let who = match (self.operators, self.election) {
            (1, _) => "",
            (2, Election::Off) => "two: ",
            (_, Election::Off) => "three: ",
            (_, Election::On) => "elected: ",
            (_, Election::AllLead) => "both lead: ",
        };
        format!("{who}{faults}")
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
