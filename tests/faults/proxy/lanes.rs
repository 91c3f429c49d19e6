//! What the proxies of one rig know of each tenant: how many calls the operators made about it, what is to go wrong,
//! and which events are held back. What each operator sees is in `views`. No byte is moved here.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::call::Call;
use super::views::{End, Passage, View};
use crate::plan::{At, Fault, Kind, Lost, Millis, Rule, Verb};

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
    /// A third party writes the object before it is passed on.
    Overtake,
    /// It is passed on and the operator dies; no other call of it is passed on any more.
    Kill {
        /// Whether it has the answer then.
        answered: bool,
        /// What its successor sees as it was before this call.
        past: Option<Kind>,
    },
    /// The operator is told to end, then it is passed on.
    Terminate,
    /// The operator is stopped and goes on when the others have done everything.
    Stop {
        /// Whether the call is passed on before that.
        carried_out: bool,
    },
}

/// What became of the plan for one tenant.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Every mutating call about it, in order, and what befell it.
    pub calls: Vec<String>,
    /// How many rules came to pass.
    pub fired: usize,
    /// How often people acted.
    pub acts: u32,
    /// How often an object of it was read.
    pub reads: u32,
}

#[derive(Debug, Default)]
struct Lane {
    report: Report,
    rules: Vec<Pending>,
    holds: Vec<Hold>,
    repeat: Option<Kind>,
    /// How many of the next calls are overtaken.
    overtaken: u32,
}

/// A rule that has not come to pass, and how many calls were like it so far.
#[derive(Debug)]
struct Pending {
    rule: Rule,
    seen: u32,
}

/// Events of one kind that one operator does not see for now.
#[derive(Clone, Copy, Debug)]
struct Hold {
    operator: usize,
    kind: Kind,
    until: Option<Instant>,
    superseded: bool,
}

#[derive(Debug, Default)]
struct State {
    lanes: HashMap<String, Lane>,
    views: Vec<View>,
    /// Mutating calls of any kind, leases and reviews of access aside.
    writes: Vec<String>,
    /// Whether what was held with its operator may go on.
    let_go: bool,
    /// How many calls are held with their operators.
    held: usize,
}

/// What the proxies of one rig know of all tenants.
#[derive(Debug)]
pub struct Lanes {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
}

/// How long the last of the kinds is late where they come one after the other.
const LATE: Duration = Duration::from_millis(600);

impl Lanes {
    /// For so many operators.
    pub fn of(operators: usize) -> Self {
        let views = std::iter::repeat_with(View::default).take(operators).collect();
        Self { state: Mutex::new(State { views, ..State::default() }), changes: watch::Sender::new(0) }
    }

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
        let rules = rules.into_iter().map(|rule| Pending { rule, seen: 0 }).collect();
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
        let mut state = self.lock();
        if let Some(lane) = state.lanes.get_mut(token) {
            lane.holds.clear();
            lane.rules.clear();
        }
        state.let_go = true;
        drop(state);
        self.changed();
    }

    /// Waits until what was held with its operator may go on.
    pub async fn let_go(&self) {
        let mut changes = self.changes();
        while !self.lock().let_go {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// A call that was held with its operator is answered.
    pub fn held_is_answered(&self) {
        self.lock().held -= 1;
        self.changed();
    }

    /// Waits until no call is held with its operator.
    pub async fn nothing_held(&self) {
        let mut changes = self.changes();
        while self.lock().held > 0 {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// A user acts.
    pub fn acts(&self, token: &str) {
        let mut state = self.lock();
        let last = state.views.len() - 1;
        let Some(lane) = state.lanes.get_mut(token) else { return };
        lane.report.acts += 1;
        let act = lane.report.acts;
        state.befalls(token, last, |at, _| *at == At::Act(act));
        drop(state);
        self.changed();
    }

    /// Whether an operator sees something of a tenant as it was, until the scenario is over.
    pub fn is_in_past(&self, token: &str) -> bool {
        let state = self.lock();
        state.lanes.get(token).is_some_and(|lane| lane.holds.iter().any(|hold| hold.until.is_none()))
    }

    /// An operator makes a call; what becomes of it.
    pub fn arrives(&self, operator: usize, call: &Call) -> Verdict {
        let mut state = self.lock();
        if call.is_write() {
            state.writes.push(call.to_string());
        }
        let Some(token) = state.token_of(call) else { return Verdict::Pass };
        let Some(lane) = state.lanes.get_mut(&token) else { return Verdict::Pass };
        lane.report.reads += u32::from(call.verb == Verb::Get);
        if call.is_write() {
            lane.report.calls.push(format!("{}: {call}", operator + 1));
        }
        let k = u32::try_from(lane.report.calls.len()).unwrap_or(u32::MAX);
        let verdict = state.befalls(&token, operator, |at, seen| match at {
            At::Call(wanted) => call.is_write() && *wanted == k,
            At::Like(like, wanted) => {
                *seen += u32::from(call.is_like(like, &token));
                call.is_like(like, &token) && *seen == *wanted
            }
            At::Act(_) => false,
        });
        let verdict = match (verdict, state.lanes.get_mut(&token)) {
            (Verdict::Pass, Some(lane)) if call.is_write() && lane.overtaken > 0 => {
                lane.overtaken -= 1;
                Verdict::Overtake
            }
            (verdict, _) => verdict,
        };
        state.held += usize::from(matches!(verdict, Verdict::Stop { .. }));
        drop(state);
        self.changed();
        verdict
    }

    /// A mutating call that is about nothing of ours.
    pub fn writes_elsewhere(&self, call: String) {
        self.lock().writes.push(call);
    }

    /// Every mutating call that was made, leases and reviews of access aside.
    pub fn writes(&self) -> Vec<String> {
        self.lock().writes.clone()
    }

    /// Does something with what an operator sees.
    pub fn view<T>(&self, operator: usize, look: impl FnOnce(&mut View) -> T) -> T {
        look(&mut self.lock().views[operator])
    }

    /// From now on a kind is shown as it was at a revision, for a while after it was first listed.
    pub fn live_in_past(&self, operator: usize, kind: Kind, revision: u64) {
        self.view(operator, |view| view.live_in_past(kind, revision));
        self.changed();
    }

    /// What becomes of an event about an object.
    pub fn passage(&self, operator: usize, kind: Kind, namespace: &str, name: &str) -> Passage {
        let state = self.lock();
        if state.views[operator].is_past(kind) {
            return Passage::Hold;
        }
        let lane = state.token([namespace, name].into_iter()).and_then(|token| state.lanes.get(&token));
        let Some(lane) = lane else { return Passage::Pass };
        let mut holds = lane.holds.iter().filter(|hold| hold.is_of(operator, kind) && hold.is_on());
        match holds.next() {
            Some(hold) if hold.superseded => Passage::HoldUntilSuperseded,
            Some(_) => Passage::Hold,
            None if lane.repeat == Some(kind) => Passage::Twice,
            None => Passage::Pass,
        }
    }

    /// An event was superseded: the tenant's others are passed on again.
    pub fn superseded(&self, operator: usize, kind: Kind, namespace: &str, name: &str) {
        let mut state = self.lock();
        if let Some(lane) = state.token([namespace, name].into_iter()).and_then(|t| state.lanes.get_mut(&t)) {
            lane.holds.retain(|hold| !(hold.is_of(operator, kind) && hold.superseded));
        }
        drop(state);
        self.changed();
    }

    /// When the next of the held events of a kind is let go, as far as that is known.
    pub fn next_release(&self, operator: usize, kind: Kind) -> Option<Instant> {
        let state = self.lock();
        let past = state.views[operator].release_of(kind);
        let holds = state.lanes.values().flat_map(|lane| &lane.holds);
        let holds = holds.filter(|hold| hold.is_of(operator, kind)).filter_map(|hold| hold.until);
        holds.chain(past).filter(|until| *until > Instant::now()).min()
    }
}

impl Hold {
    fn is_of(&self, operator: usize, kind: Kind) -> bool {
        self.operator == operator && self.kind == kind
    }

    fn is_on(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

impl State {
    /// The tenant that a name belongs to.
    fn token<'a, T: AsRef<str> + ?Sized + 'a>(&self, names: impl Iterator<Item = &'a T>) -> Option<String> {
        let words = names.flat_map(|name| name.as_ref().split(|c: char| !c.is_ascii_alphanumeric()));
        words.into_iter().find(|word| self.lanes.contains_key(*word)).map(str::to_owned)
    }

    /// The tenant that a call is about. A whole kind is that of the only tenant, where there is but one.
    fn token_of(&self, call: &Call) -> Option<String> {
        self.token([&call.namespace, &call.name].into_iter().flatten()).or_else(|| {
            let only = self.lanes.len() == 1 && call.name.is_none();
            self.lanes.keys().next().filter(|_| only).cloned()
        })
    }

    /// What goes wrong at a moment, for the operator that makes a call.
    fn befalls(
        &mut self,
        token: &str,
        caller: usize,
        mut is_now: impl FnMut(&At, &mut u32) -> bool,
    ) -> Verdict {
        let mut verdict = Verdict::Pass;
        let Some(lane) = self.lanes.get_mut(token) else { return verdict };
        let last = self.views.len() - 1;
        let hold = |operator, kind, until, superseded| Hold { operator, kind, until, superseded };
        let after = |millis: Millis| Instant::now() + Duration::from(millis);
        for Pending { rule, .. } in lane.rules.extract_if(.., |Pending { rule, seen }| is_now(&rule.at, seen))
        {
            lane.report.fired += 1;
            if let (Some(call), false) = (lane.report.calls.last_mut(), matches!(rule.at, At::Act(_))) {
                // Writing to a text cannot fail.
                let _ = write!(call, "  <- {:?}", rule.fault);
            }
            let operator = rule.operator.map_or(last, |number| number - 1);
            let view = &mut self.views[operator];
            match rule.fault {
                Fault::Refuse(code) => verdict = Verdict::Refuse(code),
                Fault::Lose(how) => verdict = Verdict::Lose(how),
                Fault::Delay(millis) => verdict = Verdict::Delay(millis.into()),
                Fault::Overtake(count) => lane.overtaken = count,
                Fault::KillAnswered => verdict = Verdict::Kill { answered: true, past: None },
                Fault::KillUnanswered => verdict = Verdict::Kill { answered: false, past: None },
                Fault::KillIntoPast(kind) => verdict = Verdict::Kill { answered: true, past: Some(kind) },
                Fault::Terminate => verdict = Verdict::Terminate,
                Fault::StopBefore => verdict = Verdict::Stop { carried_out: false },
                Fault::StopAfter => verdict = Verdict::Stop { carried_out: true },
                Fault::Freeze(kind, millis) => {
                    lane.holds.push(hold(operator, kind, millis.map(after), false));
                }
                Fault::FreezeLists(kind, millis) => {
                    self.views[caller].freeze(kind, after(millis));
                }
                Fault::Supersede(kind, millis) => {
                    lane.holds.push(hold(operator, kind, Some(after(millis)), true));
                }
                Fault::Reorder(first) => lane.holds.extend(Kind::ALL.map(|kind| {
                    let until = Instant::now() + LATE * (kind.after(first) + 1) / 5;
                    hold(operator, kind, Some(until), false)
                })),
                Fault::Gone(kind) => view.end(kind, End::Gone),
                Fault::Cut(kind) => view.end(kind, End::Cut),
                Fault::Repeat(kind) => lane.repeat = Some(kind),
            }
        }
        verdict
    }
}
