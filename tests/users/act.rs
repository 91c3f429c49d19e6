//! What people do, as data: a sequence is what a failing run prints and what replays it. How an act is done is in
//! `stage`, who is at work beside is in `rig`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The environment variable with a sequence that is to be replayed, alone.
pub const REPLAY: &str = "USERS_SEQUENCE";
/// The environment variable with the seed of a sequence that is to be replayed, alone.
pub const SEED: &str = "USERS_SEED";

/// Rounds of acts, in front of operators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// The operators that serve it, by what their clocks do.
    pub operators: Vec<Clock>,
    /// One after the other.
    pub rounds: Vec<Round>,
}

/// Acts at the same time: each person does theirs in order, beside the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// What is done.
    pub acts: Vec<Act>,
    /// Whether everything is answered before the next round begins.
    pub rest: bool,
}

/// What the clock of an operator does. When the acts are over it is put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// It is the machine's own.
    Right,
    /// It is an hour ahead.
    Ahead,
    /// It is an hour behind.
    Behind,
    /// It is an hour ahead and jumps back when half of the rounds are over.
    JumpsBack,
    /// It runs at double rate, timers included.
    Double,
}

/// One of the two namespaces: the first is Alice's, the second is Bob's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Home {
    /// Alice's.
    First,
    /// Bob's.
    Second,
}

/// One of the two classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Counts each instance.
    Each,
    /// Counts an account's instances together.
    Shared,
}

/// One of the instances. The first two are of the class that counts each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Server {
    A,
    B,
    C,
    D,
}

/// One of the two accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Account {
    /// 1001.
    One,
    /// 2002.
    Two,
}

/// What a class asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    Mainland,
    Subscription,
    Purchased,
    Remaining,
    Bandwidth,
    Address,
    OrderMonths,
    OrderYuan,
    OtherProvider,
}

/// What is the matter with an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    HongKong,
    Abroad,
    PayAsYouGo,
    NoNetwork,
    NoAddress,
    SmallOrder,
    Stopped,
    ProviderSaysExpired,
    Released,
}

/// When the subscription of an instance begins and ends, from the act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Term {
    /// It holds for years.
    Long,
    /// It is too short, and holds for a month.
    Short,
    /// It is over.
    Over,
    /// It begins in half an hour, which is no time for a wrong clock.
    BeginsInHalfAnHour,
    /// It ends in half an hour.
    EndsInHalfAnHour,
    /// It begins in a few seconds.
    BeginsSoon,
    /// It ends in a few seconds.
    EndsSoon,
}

/// Where a filing takes its number from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// An instance of its namespace.
    Instance(Server),
    /// A request of its namespace.
    Request(u8),
    /// The number that a request shows at this moment, or one that nobody was issued.
    NumberOf(Home, u8),
}

/// A kind with a status, and which of its objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Thing {
    Instance(Server),
    Request(u8),
    Filing(u8),
}

/// The registrar's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Word {
    InReview,
    Rejected,
    Approved,
    Cancelled,
}

/// One act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// The platform administrator applies a class.
    Class { class: Class, quota: i32, suspend: bool, asks: Vec<Ask> },
    /// The platform administrator deletes a class, with the annotation that says that it is meant or without.
    DropClass { class: Class, meant: bool },
    /// The platform administrator declares an instance.
    Instance { home: Home, server: Server, account: Account, term: Term, flaws: Vec<Flaw> },
    /// The applicant applies a request.
    Request { home: Home, name: u8, server: Server, account: Account, grant: bool },
    /// The applicant applies a filing.
    Filing { home: Home, name: u8, domain: u8, source: Source, account: Account, submit: bool },
    /// The applicant submits a filing as it is.
    Submit { home: Home, name: u8 },
    /// The applicant corrects the name of the entity in a filing.
    Edit { home: Home, name: u8 },
    /// Whoever applied an object deletes it.
    Drop { home: Home, thing: Thing },
    /// The registrar writes a review.
    Review { home: Home, name: u8, word: Word },
    /// A cluster administrator takes a whole status away, the review included.
    Wipe { home: Home, thing: Thing },
    /// An operator is killed and started again.
    Kill { operator: u8 },
}

/// Who does an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Person {
    PlatformAdmin,
    Applicant(Home),
    Registrar,
    Admin,
    Machine,
}

impl Act {
    /// Who does it.
    pub fn person(&self) -> Person {
        match self {
            Self::Class { .. }
            | Self::DropClass { .. }
            | Self::Instance { .. }
            | Self::Drop { thing: Thing::Instance(_), .. } => Person::PlatformAdmin,
            Self::Request { home, .. }
            | Self::Filing { home, .. }
            | Self::Submit { home, .. }
            | Self::Edit { home, .. }
            | Self::Drop { home, .. } => Person::Applicant(*home),
            Self::Review { .. } => Person::Registrar,
            Self::Wipe { .. } => Person::Admin,
            Self::Kill { .. } => Person::Machine,
        }
    }
}

impl Sequence {
    /// How many acts it has.
    pub fn acts(&self) -> usize {
        self.rounds.iter().map(|round| round.acts.len()).sum()
    }

    /// The sequence that the environment asks for, if it asks for one.
    pub fn asked_for() -> Option<Self> {
        let text = std::env::var(REPLAY).ok().filter(|text| !text.is_empty())?;
        Some(crate::fixture::must(REPLAY, serde_json::from_str(&text)))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}
