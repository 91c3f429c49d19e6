//! What the proxy knows of each tenant: how many calls the operator made about it, what is to go wrong, and which
//! events are held back. No byte is moved here.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::call::Call;
use crate::plan::{At, Fault, Kind, Lost, Millis, Rule};

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is passed on.
    Pass,
    /// It is answered in the API server's place.
    Refuse(u16),
    /// It is passed on and its answer is not.
    Lose(Lost),
    /// It is passed on late.
    Delay(Duration),
    /// It is passed on and the operator dies; no other call of it is passed on any more.
    Kill {
        /// Whether it has the answer then.
        answered: bool,
        /// What its successor sees as it was before this call.
        past: Option<Kind>,
    },
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// It is passed on.
    Pass,
    /// It is passed on twice.
    Twice,
    /// It waits.
    Hold,
    /// It waits, unless another one of the same object comes: that one is passed on alone.
    HoldUntilSuperseded,
}

/// How a watch ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its revision is gone.
    Gone,
    /// It breaks off.
    Cut,
}

/// What became of the plan for one tenant.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Every mutating call about it, in order.
    pub calls: Vec<String>,
    /// How many rules came to pass.
    pub fired: usize,
    /// How often people acted.
    pub acts: u32,
}

#[derive(Debug, Default)]
struct Lane {
    report: Report,
    rules: Vec<Rule>,
    hold: Option<Hold>,
    repeat: Option<Kind>,
}

#[derive(Clone, Copy, Debug)]
struct Hold {
    kind: Kind,
    until: Option<Instant>,
    superseded: bool,
}

/// What every list and watch of one kind shows for a while: the kind as it was at a revision.
#[derive(Clone, Copy, Debug)]
struct Past {
    kind: Kind,
    revision: u64,
    until: Option<Instant>,
}

#[derive(Debug, Default)]
struct State {
    lanes: HashMap<String, Lane>,
    ends: HashMap<Kind, (u64, End)>,
    past: Option<Past>,
    no_bookmarks: bool,
    writes: u64,
}

/// What the proxy knows of all tenants.
#[derive(Debug)]
pub struct Lanes {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { state: Mutex::default(), changes: watch::Sender::new(0) }
    }
}

/// How long the successor of a killed operator lives in the past.
const PAST: Duration = Duration::from_millis(700);

impl Lanes {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Is told whenever something here changes that watches have to know.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Opens a tenant's lane. Its token is a word of all names of its objects.
    pub fn open(&self, token: &str, rules: Vec<Rule>) {
        self.lock().lanes.insert(token.to_owned(), Lane { rules, ..Lane::default() });
    }

    /// Closes it, with everything that was held back let go.
    pub fn close(&self, token: &str) -> Report {
        let report = self.lock().lanes.remove(token).map(|lane| lane.report).unwrap_or_default();
        self.changed();
        report
    }

    /// Lets go what is held back of a tenant, and spares it from now on.
    pub fn spare(&self, token: &str) {
        if let Some(lane) = self.lock().lanes.get_mut(token) {
            lane.hold = None;
            lane.rules.clear();
        }
        self.changed();
    }

    /// A user acts.
    pub fn acts(&self, token: &str) {
        let mut state = self.lock();
        let Some(lane) = state.lanes.get_mut(token) else { return };
        lane.report.acts += 1;
        let at = At::Act(lane.report.acts);
        state.befalls(token, at);
        drop(state);
        self.changed();
    }

    /// The operator makes a call; what becomes of it.
    pub fn arrives(&self, call: &Call) -> Verdict {
        if !call.is_write() {
            return Verdict::Pass;
        }
        let mut state = self.lock();
        state.writes += 1;
        let Some(token) = state.token([&call.namespace, &call.name].into_iter().flatten()) else {
            return Verdict::Pass;
        };
        let Some(lane) = state.lanes.get_mut(&token) else { return Verdict::Pass };
        lane.report.calls.push(call.to_string());
        let at = At::Call(u32::try_from(lane.report.calls.len()).unwrap_or(u32::MAX));
        let verdict = state.befalls(&token, at);
        drop(state);
        self.changed();
        verdict
    }

    /// How many mutating calls of ours were made in all.
    pub fn writes(&self) -> u64 {
        self.lock().writes
    }

    /// From now on a kind is shown as it was at a revision, for a while after it was first listed.
    pub fn live_in_past(&self, kind: Kind, revision: u64) {
        self.lock().past = Some(Past { kind, revision, until: None });
        self.changed();
    }

    /// The revision at which a kind is to be listed, if it is not the newest.
    pub fn past_of(&self, kind: Kind) -> Option<u64> {
        let mut state = self.lock();
        let past = state.past.as_mut().filter(|past| past.kind == kind)?;
        let until = *past.until.get_or_insert_with(|| Instant::now() + PAST);
        let revision = past.revision;
        if Instant::now() < until {
            return Some(revision);
        }
        state.past = None;
        None
    }

    /// What becomes of an event about an object.
    pub fn passage(&self, kind: Kind, namespace: &str, name: &str) -> Passage {
        let state = self.lock();
        if state.past.is_some_and(|past| past.kind == kind && is_ahead(past.until)) {
            return Passage::Hold;
        }
        let lane = state.token([namespace, name].into_iter()).and_then(|token| state.lanes.get(&token));
        let Some(lane) = lane else { return Passage::Pass };
        match lane.hold {
            Some(hold) if hold.kind == kind && is_ahead(hold.until) => {
                if hold.superseded {
                    Passage::HoldUntilSuperseded
                } else {
                    Passage::Hold
                }
            }
            _ if lane.repeat == Some(kind) => Passage::Twice,
            _ => Passage::Pass,
        }
    }

    /// An event was superseded: the tenant's others are passed on again.
    pub fn superseded(&self, namespace: &str, name: &str) {
        let mut state = self.lock();
        if let Some(lane) = state.token([namespace, name].into_iter()).and_then(|t| state.lanes.get_mut(&t)) {
            lane.hold = None;
        }
        drop(state);
        self.changed();
    }

    /// When the next of the held events of a kind is let go, as far as that is known.
    pub fn next_release(&self, kind: Kind) -> Option<Instant> {
        let state = self.lock();
        let past = state.past.filter(|past| past.kind == kind).and_then(|past| past.until);
        let holds = state.lanes.values().filter_map(|lane| lane.hold.filter(|hold| hold.kind == kind)?.until);
        holds.chain(past).filter(|until| *until > Instant::now()).min()
    }

    /// How the watches of a kind ended last, with a count.
    pub fn end_of(&self, kind: Kind) -> Option<(u64, End)> {
        self.lock().ends.get(&kind).copied()
    }

    /// Whether bookmarks are passed on.
    pub fn has_bookmarks(&self) -> bool {
        !self.lock().no_bookmarks
    }
}

fn is_ahead(until: Option<Instant>) -> bool {
    until.is_none_or(|until| Instant::now() < until)
}

impl State {
    /// The tenant that a name belongs to.
    fn token<'a, T: AsRef<str> + ?Sized + 'a>(&self, names: impl Iterator<Item = &'a T>) -> Option<String> {
        let words = names.flat_map(|name| name.as_ref().split(|c: char| !c.is_ascii_alphanumeric()));
        words.into_iter().find(|word| self.lanes.contains_key(*word)).map(str::to_owned)
    }

    /// What goes wrong at a moment.
    fn befalls(&mut self, token: &str, at: At) -> Verdict {
        let mut verdict = Verdict::Pass;
        let Some(lane) = self.lanes.get_mut(token) else { return verdict };
        let ends = &mut self.ends;
        let mut end = |kind, end| {
            let entry = ends.entry(kind).or_insert((0, end));
            *entry = (entry.0 + 1, end);
        };
        let hold = |kind, millis: Option<Millis>, superseded| {
            Some(Hold {
                kind,
                until: millis.map(|millis| Instant::now() + Duration::from(millis)),
                superseded,
            })
        };
        for rule in lane.rules.extract_if(.., |rule| rule.at == at) {
            lane.report.fired += 1;
            if let Some(call) = lane.report.calls.last_mut() {
                // Writing to a text cannot fail.
                let _ = write!(call, "  <- {:?}", rule.fault);
            }
            match rule.fault {
                Fault::Refuse(code) => verdict = Verdict::Refuse(code),
                Fault::Lose(how) => verdict = Verdict::Lose(how),
                Fault::Delay(millis) => verdict = Verdict::Delay(millis.into()),
                Fault::KillAnswered => verdict = Verdict::Kill { answered: true, past: None },
                Fault::KillUnanswered => verdict = Verdict::Kill { answered: false, past: None },
                Fault::KillIntoPast(kind) => verdict = Verdict::Kill { answered: true, past: Some(kind) },
                Fault::Freeze(kind, millis) => lane.hold = hold(kind, millis, false),
                Fault::Supersede(kind, millis) => lane.hold = hold(kind, Some(millis), true),
                Fault::Gone(kind) => end(kind, End::Gone),
                Fault::Cut(kind) => {
                    end(kind, End::Cut);
                    self.no_bookmarks = true;
                }
                Fault::Repeat(kind) => lane.repeat = Some(kind),
            }
        }
        verdict
    }
}
