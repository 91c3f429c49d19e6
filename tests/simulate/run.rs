//! One execution: who acts next is drawn by chance until the steps are used up, then one operator runs alone
//! and undisturbed until it has nothing left to do, and everything is judged.

use std::collections::BTreeMap;

use icp_filing_operator::rules::{life::Change, world::Work};

use super::{
    network::{Flight, carry_out},
    operator::{Answer, Call, KINDS, Operator},
    oracle,
    people::{self, Focus, Late},
    rng::Rng,
    store::Store,
    words::{brief, called, described, outcome},
};

/// How often what happened, over many runs: a simulator that never reaches a seal proves nothing about seals.
pub type Tally = BTreeMap<&'static str, u64>;

/// What an execution came to.
pub struct Outcome {
    pub broken: Option<String>,
    pub tally: Tally,
    pub trace: Vec<String>,
    pub store: Store,
}

struct Run {
    rng: Rng,
    store: Store,
    operators: Vec<Operator>,
    flights: Vec<Flight>,
    late: Vec<Late>,
    focus: Focus,
    tally: Tally,
    trace: Option<Vec<String>>,
}

/// Executes one seed, in at most `steps` steps before the end.
pub fn execute(seed: u64, steps: usize, traced: bool) -> Outcome {
    let mut rng = Rng::new(seed);
    let mut store = Store::new("2026-03-01T00:00:00Z".parse().expect("a timestamp"));
    let focus = if seed.is_multiple_of(2) { Focus::Everything } else { Focus::Binding };
    people::settle_in(&mut store, &mut rng, focus);
    let operators = (0..2 + rng.below(2)).map(|_| Operator::default()).collect();
    let mut run = Run {
        rng,
        store,
        operators,
        flights: Vec::new(),
        late: Vec::new(),
        focus,
        tally: Tally::new(),
        trace: traced.then(Vec::new),
    };
    let broken = run.all(steps).err().or_else(|| run.store.violation.clone());
    Outcome { broken, tally: run.tally, trace: run.trace.unwrap_or_default(), store: run.store }
}

impl Run {
    fn all(&mut self, steps: usize) -> Result<(), String> {
        if self.focus == Focus::Binding {
            // What filings fight about is there from the start.
            self.operators[0].restart(&self.store, 0, |_, length| length);
            self.quiet()?;
        }
        for at in 0..self.operators.len() {
            self.restart(at);
        }
        // Each run has a temper of its own: who is busy, whose watch of which kind is slow, how bad the network.
        let people: [usize; 3] = [3 + self.rng.below(20), 2 + self.rng.below(15), 1 + self.rng.below(6)];
        let watching: Vec<[usize; KINDS]> = (0..self.operators.len())
            .map(|_| std::array::from_fn(|_| *self.rng.pick(&[0, 1, 3, 6, 6, 10])))
            .collect();
        let faults = *self.rng.pick(&[0, 5, 20, 40]);
        let crashes = *self.rng.pick(&[0, 0, 1, 2]);
        for _ in 0..steps {
            self.step(&people, &watching, faults, crashes)?;
            if let Some(broken) = &self.store.violation {
                return Err(broken.clone());
            }
        }
        self.finish()
    }

    fn say(&mut self, text: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(text());
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    fn step(
        &mut self,
        people: &[usize; 3],
        watching: &[[usize; KINDS]],
        faults: usize,
        crashes: usize,
    ) -> Result<(), String> {
        self.count("step");
        let queued: usize = self.operators.iter().map(|o| o.queue.len()).sum();
        let weights = [
            people[0],
            people[1],
            people[2],
            30,
            if queued > 0 { 40 } else { 0 },
            if self.flights.is_empty() { 0 } else { 60 },
            crashes,
            2,
        ];
        let at = self.rng.below(self.operators.len());
        match self.rng.weighted(&weights) {
            Some(0) => {
                self.count("applicant acts");
                let did = people::apply(&mut self.store, &mut self.rng, self.focus);
                self.say(|| did);
            }
            Some(1) => {
                self.count("registrar acts");
                let did = people::review(&mut self.store, &mut self.rng, &mut self.late);
                self.say(|| did);
            }
            Some(2) => {
                self.count("administrator acts");
                let did = people::administer(&mut self.store, &mut self.rng);
                self.say(|| did);
                for operator in &mut self.operators {
                    operator.tick(&self.store);
                }
            }
            Some(3) => self.observe(at, &watching[at]),
            Some(4) => self.begin_any(at),
            Some(5) => self.fly(faults)?,
            Some(6) => {
                self.count("crash");
                self.restart(at);
            }
            _ => {
                // A resync, or the pause after a failure is over.
                let operator = &mut self.operators[at];
                let work = std::mem::take(&mut operator.failed);
                operator.queue.extend(work);
                if operator.world.is_complete() && self.rng.chance(30) {
                    operator.queue.extend(operator.world.everything());
                }
            }
        }
        Ok(())
    }

    fn restart(&mut self, at: usize) {
        let skew = *self.rng.pick(&[0, 0, 0, -3600, 3600]);
        let stale = self.rng.chance(40);
        self.count(if stale { "start from stale lists" } else { "start" });
        let rng = &mut self.rng;
        self.operators[at].restart(
            &self.store,
            skew,
            |_, length| {
                if stale { rng.below(length + 1) } else { length }
            },
        );
        self.say(|| format!("op{at} starts, stale lists: {stale}"));
        self.forget(|operator| operator == at);
    }

    /// What an operator asked for may still be carried out, but nobody hears of it.
    fn forget(&mut self, whose: impl Fn(usize) -> bool) {
        self.flights.retain(|f| f.answer.is_none() || !whose(f.operator));
        for flight in &mut self.flights {
            flight.forgotten |= whose(flight.operator);
        }
    }

    fn observe(&mut self, at: usize, watching: &[usize; KINDS]) {
        let operator = &mut self.operators[at];
        let behind: [usize; KINDS] =
            std::array::from_fn(|k| if operator.behind(&self.store, k) > 0 { watching[k] } else { 0 });
        let Some(kind) = self.rng.weighted(&behind) else { return };
        let length = operator.behind(&self.store, kind);
        if self.rng.chance(10) {
            let events = 1 + self.rng.below(length);
            self.list_anew(at, kind, events);
        } else {
            *self.tally.entry("watch shows something").or_default() += 1;
            let count = 1 + self.rng.below(length);
            for _ in 0..count {
                operator.observe(&self.store, kind);
            }
            self.say(|| format!("op{at} observes {count} of kind {kind}"));
        }
    }

    /// A list instead of the next events of a kind.
    fn list_anew(&mut self, at: usize, kind: usize, events: usize) {
        self.count("list anew");
        let operator = &mut self.operators[at];
        let to = operator.cursors[kind] + events;
        operator.relist(&self.store, kind, to).expect("a later list shows all that was seen");
        self.say(|| format!("op{at} lists kind {kind} as of {to}"));
    }

    fn begin_any(&mut self, at: usize) {
        let operator = &self.operators[at];
        // Instances are many looks and little news.
        let often = !self.rng.chance(15);
        let ready = operator.queue.iter().filter(|w| !operator.busy.contains(w));
        let ready: Vec<_> = ready.filter(|w| !(often && matches!(w, Work::Instance(_)))).cloned().collect();
        if ready.is_empty() {
            return;
        }
        let work = self.rng.pick(&ready).clone();
        self.begin(at, work);
    }

    fn begin(&mut self, at: usize, work: Work) {
        let call = self.operators[at].begin(&self.store, &work);
        self.say(|| format!("op{at} looks at {work:?}: {}", called(call.as_ref())));
        if let Some(call) = call {
            self.send(at, work, call);
        }
    }

    fn send(&mut self, operator: usize, work: Work, call: Call) {
        self.flights.push(Flight { operator, work, call, answer: None, forgotten: false });
    }

    /// One call goes one step further: is carried out, answered, or lost on the way there or back.
    fn fly(&mut self, faults: usize) -> Result<(), String> {
        let at = self.rng.below(self.flights.len());
        let fault = self.rng.chance(faults);
        let Flight { operator, forgotten, ref answer, .. } = self.flights[at];
        match (answer.is_some(), forgotten) {
            (false, false) if fault => {
                self.count("answer lost");
                let mut flight = self.flights.swap_remove(at);
                self.say(|| format!("op{operator} hears nothing of {}", called(Some(&flight.call))));
                let (work, call) = (flight.work.clone(), flight.call.clone());
                // It may be lost for good, or be carried out at any time from now on.
                if self.rng.chance(60) {
                    flight.forgotten = true;
                    self.flights.push(flight);
                }
                self.answer(operator, work, call, Answer::Unknown)
            }
            (false, _) => {
                self.carry_out(at);
                Ok(())
            }
            (true, _) => {
                let flight = self.flights.swap_remove(at);
                let answer = flight.answer.filter(|_| !fault).unwrap_or(Answer::Unknown);
                self.answer(operator, flight.work, flight.call, answer)
            }
        }
    }

    fn carry_out(&mut self, at: usize) {
        let call = self.flights[at].call.clone();
        let answer = carry_out(&mut self.store, |_| self.rng.number(), &call);
        if let (Work::Record(_), Call::Change(record, Change::GiveBack), Answer::Record(_)) =
            (&self.flights[at].work, &call, &answer)
        {
            oracle::released(&mut self.store, record);
        }
        self.count(outcome(&call, &answer));
        if self.flights[at].forgotten {
            self.count("carried out though nobody waits");
        }
        let operator = self.flights[at].operator;
        self.say(|| format!("    {} of op{operator}: {}", called(Some(&call)), brief(&answer)));
        if self.flights[at].forgotten {
            self.flights.swap_remove(at);
        } else {
            self.flights[at].answer = Some(answer);
        }
    }

    fn answer(&mut self, at: usize, work: Work, call: Call, answer: Answer) -> Result<(), String> {
        self.say(|| format!("op{at} hears {} on {work:?}", brief(&answer)));
        if let Some(next) = self.operators[at].answered(&self.store, &work, call, answer)? {
            self.say(|| format!("op{at} goes on: {}", called(Some(&next))));
            self.send(at, work, next);
        }
        Ok(())
    }

    /// Everything on its way arrives or is lost; then the first operator runs alone, without a fault, a restart
    /// or a resync, so that whatever it has not been woken for stays undone.
    fn finish(&mut self) -> Result<(), String> {
        self.say(|| "--- op0 runs alone".to_owned());
        self.store.held = false;
        self.forget(|operator| operator != 0);
        // A watch that broke begins anew: what came and went since is never seen, only what there is.
        for kind in 0..KINDS {
            let behind = self.operators[0].behind(&self.store, kind);
            if behind > 0 && self.rng.chance(25) {
                self.list_anew(0, kind, behind);
            }
        }
        self.quiet()?;
        self.judge()
    }

    fn quiet(&mut self) -> Result<(), String> {
        for turn in 0..3000 {
            if let Some(at) = (0..self.flights.len()).next_back() {
                if self.flights[at].answer.is_none() {
                    self.carry_out(at);
                } else {
                    self.fly(0)?;
                }
            } else if let Some(kind) = (0..KINDS).find(|k| self.operators[0].behind(&self.store, *k) > 0) {
                self.operators[0].observe(&self.store, kind);
            } else if let Some(work) = self.next_work() {
                self.begin(0, work);
            } else {
                let most = self.tally.entry("turns to quiet at most").or_default();
                *most = turn.max(*most);
                return Ok(());
            }
            if let Some(broken) = &self.store.violation {
                return Err(broken.clone());
            }
        }
        Err("it never comes to rest".to_owned())
    }

    fn next_work(&mut self) -> Option<Work> {
        let operator = &mut self.operators[0];
        operator.tick(&self.store);
        if operator.queue.is_empty() {
            operator.queue = std::mem::take(&mut operator.failed);
        }
        operator.queue.first().cloned()
    }

    /// A process that starts now must find nothing to do, and everybody must know where they stand.
    fn judge(&mut self) -> Result<(), String> {
        let mut fresh = Operator::default();
        fresh.restart(&self.store, self.operators[0].skew, |_, length| length);
        let now = fresh.now(&self.store);
        for work in fresh.world.everything() {
            if let Some(call) = fresh.begin(&self.store, &work) {
                return Err(format!(
                    "{work:?} was forgotten: {}",
                    described(&fresh.world, &work, now, &call)
                ));
            }
        }
        oracle::settled(&self.store)
    }
}
