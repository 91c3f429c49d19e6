//! The oracle of one control plane: reads its history in the background, from the first revision on, and has
//! every revision judged (`judge`). Tests ask it at their end, and for the ledger as the store has it.

// By path, so that other test programs can take this file in with `#[path]`.
#[path = "oracle/judge.rs"]
mod judge;
#[cfg(test)]
#[path = "oracle/tests.rs"]
mod tests;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use icp_filing_operator::api::ServiceNumberSpec;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::fixture::must;
use crate::history;
use judge::Judge;

/// How far the reading may lag behind the store.
const LAG: Duration = Duration::from_secs(30);
/// How long a crowd may take in all, on a machine that is busy with other tests.
const LONG: Duration = Duration::from_mins(5);

/// Judges a control plane until it is dropped.
#[derive(Debug)]
pub struct Oracle {
    etcd: String,
    judge: Arc<Mutex<Judge>>,
    reached: watch::Receiver<u64>,
    _stop: DropGuard,
}

impl Oracle {
    /// Starts to read the history of an etcd.
    pub fn start(etcd: &str) -> Self {
        let etcd = etcd.trim_start_matches("http://").to_owned();
        let judge = Arc::new(Mutex::new(Judge::default()));
        let (reach, reached) = watch::channel(0);
        let stop = CancellationToken::new();
        let (address, judging, stopped) = (etcd.clone(), judge.clone(), stop.clone());
        // A thread with a runtime of its own: the tests that share an oracle have one each, and theirs end.
        let thread = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let reading = history::read(&address, |batch| {
                let mut judge = lock(&judging);
                batch.changes.iter().for_each(|change| judge.take(change));
                drop(judge);
                reach.send_replace(batch.revision);
            });
            must("make a runtime", runtime).block_on(async {
                tokio::select! {
                    () = stopped.cancelled() => {}
                    why = reading => lock(&judging).violations.push(why),
                }
            });
        };
        must("start the oracle", std::thread::Builder::new().name("oracle".to_owned()).spawn(thread));
        Self { etcd, judge, reached, _stop: stop.drop_guard() }
    }

    /// Everything that was wrong in any revision so far; that nothing was is what [`Self::sound`] asserts.
    pub async fn violations(&self) -> Vec<String> {
        let mark = must("reach etcd", history::mark(&self.etcd).await);
        let mut reached = self.reached.clone();
        // The reading ends early only for a reason, which is a violation by then.
        let _ = tokio::time::timeout(LAG, reached.wait_for(|revision| *revision >= mark)).await;
        let mut violations = lock(&self.judge).violations.clone();
        if *reached.borrow() < mark {
            violations.push(format!("revision {mark} was not read within {} s", LAG.as_secs()));
        }
        violations
    }

    /// That the five invariants held in every revision so far.
    pub async fn sound(&self) {
        let violations = self.violations().await;
        assert!(violations.is_empty(), "invariants were violated:\n{}", violations.join("\n"));
    }

    /// How often records were written so far.
    pub fn writes(&self) -> usize {
        lock(&self.judge).writes
    }

    /// Waits until records were written this often.
    pub async fn written(&self, often: usize) {
        let mut reached = self.reached.clone();
        let enough = reached.wait_for(|_| self.writes() >= often);
        let in_time = tokio::time::timeout(LONG, enough).await.is_ok_and(|reached| reached.is_ok());
        assert!(in_time, "records were written {} times, and not {often}", self.writes());
    }

    /// Every number that was ever issued.
    pub fn numbers(&self) -> HashSet<String> {
        lock(&self.judge).numbers().cloned().collect()
    }

    /// The records as the store has them, by name, that are picked.
    pub async fn records(
        &self,
        pick: impl Fn(&ServiceNumberSpec) -> bool,
    ) -> Vec<(String, ServiceNumberSpec)> {
        self.sound().await;
        let judge = lock(&self.judge);
        let picked = judge.records().filter(|(_, spec)| pick(spec));
        picked.map(|(name, spec)| (name.clone(), spec.clone())).collect()
    }
}

fn lock(judge: &Mutex<Judge>) -> MutexGuard<'_, Judge> {
    judge.lock().unwrap_or_else(PoisonError::into_inner)
}
