//! The work queue: each thing is looked at by one task at a time, seen again when it changed meanwhile, later
//! when asked, and with growing pauses while it fails. What is done with it is not decided here.

mod ready;

use futures::StreamExt;
use std::{
    collections::{HashMap, HashSet},
    future::Future,
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::{
    sync::CancellationToken,
    time::{DelayQueue, delay_queue},
};
use tracing::Instrument;

use super::{meter::Meter, spans};
use crate::rules::world::Work;
use ready::Ready;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long the word of somebody else is left alone at first, and at most.
const HEED: Duration = Duration::from_secs(1);
const LONGEST_HEED: Duration = Duration::from_mins(1);
/// Statuses of instances sum up what happens to many numbers: one write for a burst, not one for each.
const GATHER: Duration = Duration::from_millis(250);

/// What became of looking at something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing more to do until something is observed.
    Done,
    /// Look again after this time, or earlier when something is observed.
    After(Duration),
    /// Try again after a pause that grows, at least this long.
    Failed {
        /// The shortest pause.
        at_least: Duration,
    },
}

impl Outcome {
    pub(super) const fn in_a_word(self) -> &'static str {
        match self {
            Self::Done => "success",
            Self::After(_) => "requeue_after",
            Self::Failed { .. } => "error",
        }
    }
}

/// Why something is to be looked at.
#[derive(Clone, Copy, Debug)]
enum Cause {
    /// Something was observed that may change what is decided.
    Observed,
    /// Somebody else gave it a status.
    Said,
}

/// Puts work into the queue.
#[derive(Clone, Debug)]
pub struct Adder(mpsc::UnboundedSender<(Work, Cause)>);

impl Adder {
    /// Adds work. After the queue was stopped nothing is added, and nothing needs to be.
    pub fn add(&self, work: impl IntoIterator<Item = Work>) {
        for item in work {
            if self.0.send((item, Cause::Observed)).is_err() {
                return;
            }
        }
    }

    /// Adds what somebody else gave a status. It is not contradicted at once, and less often each time: whoever wrote
    /// it may have seen what this process has not seen yet, and two that go on contradicting each other help nobody.
    pub fn hear(&self, work: Work) {
        // As in `add`.
        let _ = self.0.send((work, Cause::Said));
    }
}

/// The queue's receiving end.
#[derive(Debug)]
pub struct Queue(mpsc::UnboundedReceiver<(Work, Cause)>);

/// A new queue.
#[must_use]
pub fn queue() -> (Adder, Queue) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Adder(sender), Queue(receiver))
}

impl Queue {
    /// Works until `stop`, then finishes what was begun. If this is dropped, so is what was begun.
    pub async fn run<F>(
        &mut self,
        concurrency: usize,
        meter: Meter,
        stop: CancellationToken,
        reconcile: impl Fn(Work) -> F,
    ) where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let mut state = State { meter, ..State::default() };
        let mut tasks: JoinSet<(Work, Instant, Outcome)> = JoinSet::new();
        let mut batch = Vec::new();
        loop {
            while tasks.len() < concurrency {
                let Some((work, waited)) = state.next(concurrency) else { break };
                let look = reconcile(work.clone());
                let begun = Instant::now();
                let span = spans::look(&work, waited);
                let looked = async move {
                    let outcome = look.await;
                    spans::looked(outcome);
                    (work, begun, outcome)
                };
                tasks.spawn(looked.instrument(span));
            }
            tokio::select! {
                () = stop.cancelled() => break,
                // Many at once: a relist of ten thousand objects is one turn of this loop.
                count = self.0.recv_many(&mut batch, 1024) => {
                    if count == 0 { break }
                    batch.drain(..).for_each(|(work, cause)| match cause {
                        Cause::Observed => state.observed(work),
                        Cause::Said => state.heard(work),
                    });
                }
                Some(done) = tasks.join_next() => state.finished(done),
                Some(due) = state.delays.next(), if !state.delays.is_empty() => {
                    let work = due.into_inner();
                    state.delayed.remove(&work);
                    state.due(work);
                }
            }
        }
        while let Some(done) = tasks.join_next().await {
            state.finished(done);
        }
    }

    /// Forgets what is put in, for ever.
    pub async fn forget(&mut self) {
        while self.0.recv().await.is_some() {}
        std::future::pending::<()>().await;
    }
}

#[derive(Default)]
struct State {
    ready: Ready,
    queued: HashSet<Work>,
    running: HashSet<Work>,
    again: HashSet<Work>,
    delays: DelayQueue<Work>,
    delayed: HashMap<Work, (delay_queue::Key, Instant)>,
    failures: HashMap<Work, u32>,
    /// How often others gave it a status while nothing else was observed of it.
    words: HashMap<Work, u32>,
    meter: Meter,
}

impl State {
    fn observed(&mut self, work: Work) {
        self.words.remove(&work);
        if matches!(work, Work::Instance(_)) {
            self.after(work, GATHER);
        } else {
            self.due(work);
        }
    }

    fn heard(&mut self, work: Work) {
        let words = self.words.entry(work.clone()).or_insert(0);
        let pause = HEED.saturating_mul(1 << (*words).min(6)).min(LONGEST_HEED);
        *words = words.saturating_add(1);
        self.after(work, pause);
    }

    fn due(&mut self, work: Work) {
        if self.running.contains(&work) {
            self.again.insert(work);
        } else if self.queued.insert(work.clone()) {
            self.meter.queued(&work);
            self.ready.push(work);
        }
    }

    /// What is to be looked at next, and how long it waited.
    fn next(&mut self, concurrency: usize) -> Option<(Work, Duration)> {
        let (work, since) = self.ready.pop(concurrency, &self.running)?;
        self.queued.remove(&work);
        // This look is the one that was put off too: a second one beside its write would decide the same again.
        if let Some((key, _)) = self.delayed.remove(&work) {
            self.delays.try_remove(&key);
        }
        self.running.insert(work.clone());
        let waited = since.elapsed();
        self.meter.started(&work, waited);
        Some((work, waited))
    }

    /// The earlier of two times holds.
    fn after(&mut self, work: Work, wait: Duration) {
        let at = Instant::now() + wait;
        match self.delayed.get(&work) {
            Some((_, due)) if *due <= at => {}
            Some((key, _)) => {
                let key = *key;
                self.delays.reset(&key, wait);
                self.delayed.insert(work, (key, at));
            }
            None => {
                let key = self.delays.insert(work.clone(), wait);
                self.delayed.insert(work, (key, at));
            }
        }
    }

    fn finished(&mut self, done: Result<(Work, Instant, Outcome), tokio::task::JoinError>) {
        let (work, begun, outcome) = match done {
            Ok(done) => done,
            // A panic in a decision is a defect that more decisions would only spread.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        self.running.remove(&work);
        self.meter.finished(&work, begun.elapsed(), outcome.in_a_word());
        let pause = match outcome {
            Outcome::Done => {
                self.failures.remove(&work);
                None
            }
            Outcome::After(wait) => {
                self.failures.remove(&work);
                Some(wait)
            }
            Outcome::Failed { at_least } => {
                let failures = self.failures.entry(work.clone()).or_insert(0);
                let pause = FIRST_PAUSE.saturating_mul(1 << (*failures).min(12)).min(LONGEST_PAUSE);
                *failures = failures.saturating_add(1);
                Some(pause.max(at_least))
            }
        };
        if self.again.remove(&work) {
            self.observed(work);
        } else if let Some(wait) = pause {
            self.after(work, wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::world::ObjectKey;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    fn request(name: &str) -> Work {
        Work::Request(ObjectKey::new("a", name))
    }

    #[tokio::test(start_paused = true)]
    async fn one_thing_is_looked_at_by_one_task_at_a_time_and_seen_again() {
        let (adder, mut queue) = queue();
        let (running, most, looks) = <(Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let counts = (running.clone(), most.clone(), looks.clone());
        let stop = CancellationToken::new();
        let look = move |_| {
            let (running, most, looks) = counts.clone();
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(10)).await;
                looks.fetch_add(1, Ordering::SeqCst);
                running.fetch_sub(1, Ordering::SeqCst);
                Outcome::Done
            }
        };
        let stopped = stop.clone();
        let worker = tokio::spawn(async move { queue.run(8, Meter::default(), stopped, look).await });
        adder.add([request("x")]);
        tokio::time::sleep(Duration::from_millis(5)).await;
        adder.add([request("x"), request("x")]);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!((most.load(Ordering::SeqCst), looks.load(Ordering::SeqCst)), (1, 2));
        stop.cancel();
        worker.await.expect("the queue ends");
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_was_put_off_is_not_made_again_where_it_was_made_earlier() {
        let (adder, mut queue) = queue();
        let looks = Arc::new(AtomicUsize::new(0));
        let counted = looks.clone();
        let stop = CancellationToken::new();
        let look = move |_| {
            let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
            async move { if first { Outcome::After(Duration::from_secs(5)) } else { Outcome::Done } }
        };
        let stopped = stop.clone();
        let worker = tokio::spawn(async move { queue.run(1, Meter::default(), stopped, look).await });
        adder.add([request("x")]);
        tokio::time::sleep(Duration::from_secs(1)).await;
        adder.add([request("x")]);
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(looks.load(Ordering::SeqCst), 2);
        stop.cancel();
        worker.await.expect("the queue ends");
    }

    #[tokio::test(start_paused = true)]
    async fn the_word_of_others_is_contradicted_less_often_each_time_until_something_is_observed() {
        let (adder, mut queue) = queue();
        let looks = Arc::new(AtomicUsize::new(0));
        let (counted, heard) = (looks.clone(), adder.clone());
        let stop = CancellationToken::new();
        let look = move |work| {
            let (counted, heard) = (counted.clone(), heard.clone());
            async move {
                counted.fetch_add(1, Ordering::SeqCst);
                // Another operator contradicts at once whatever this one says.
                heard.hear(work);
                Outcome::Done
            }
        };
        let stopped = stop.clone();
        let worker = tokio::spawn(async move { queue.run(1, Meter::default(), stopped, look).await });
        adder.hear(request("x"));
        // After 1 s, 2, 4, 8, 16, 32 and then every minute.
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert_eq!(looks.load(Ordering::SeqCst), 0);
        tokio::time::sleep(Duration::from_mins(2)).await;
        let seen = looks.load(Ordering::SeqCst);
        assert!((6..=8).contains(&seen), "{seen} looks in two minutes");
        adder.add([request("x")]);
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(looks.load(Ordering::SeqCst), seen + 1, "what is observed is looked at now");
        stop.cancel();
        worker.await.expect("the queue ends");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_pause_longer_each_time_and_stop_finishes_what_was_begun() {
        let (adder, mut queue) = queue();
        let looks = Arc::new(AtomicUsize::new(0));
        let counted = looks.clone();
        let stop = CancellationToken::new();
        let look = move |_| {
            let counted = counted.clone();
            async move {
                counted.fetch_add(1, Ordering::SeqCst);
                Outcome::Failed { at_least: Duration::ZERO }
            }
        };
        let stopped = stop.clone();
        let worker = tokio::spawn(async move { queue.run(1, Meter::default(), stopped, look).await });
        adder.add([request("x")]);
        // 50 ms, 100, 200, 400, 800, … up to 30 s: far fewer than one look per pause of the first length.
        tokio::time::sleep(Duration::from_mins(1)).await;
        let seen = looks.load(Ordering::SeqCst);
        assert!((10..=13).contains(&seen), "{seen} looks in a minute");
        stop.cancel();
        worker.await.expect("the queue ends");
    }
}
