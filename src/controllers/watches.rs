//! Which kinds are not watched, and since when: what changes of them is not seen. Nothing is decided about that here.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a kind may go without a watch before that is told: an API server that restarts takes less.
const PATIENCE: Duration = Duration::from_secs(30);

/// The watches that failed and were not begun anew. Copies are of one state.
#[derive(Clone, Debug, Default)]
pub struct Watches(Arc<Mutex<BTreeMap<String, Instant>>>);

impl Watches {
    /// A watch of a kind failed, or the list that it begins with.
    pub(super) fn failed(&self, kind: &str) {
        self.failing().entry(kind.to_owned()).or_insert_with(Instant::now);
    }

    /// A watch of a kind was begun. It is the answer to the call that tells: a watch of what does not change says nothing.
    pub fn begun(&self, kind: &str) {
        self.failing().remove(kind);
    }

    /// The kinds that are not watched for so long that it matters.
    #[must_use]
    pub fn dead(&self) -> Vec<String> {
        self.dead_at(Instant::now())
    }

    fn dead_at(&self, now: Instant) -> Vec<String> {
        let failing = self.failing();
        let dead = failing.iter().filter(|(_, since)| now.duration_since(**since) >= PATIENCE);
        dead.map(|(kind, _)| kind.clone()).collect()
    }

    fn failing(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_is_dead_once_it_failed_for_long_and_until_it_is_begun_anew() {
        let watches = Watches::default();
        watches.failed("filings");
        let later = Instant::now() + PATIENCE;
        assert!(watches.dead().is_empty(), "a moment is nothing");
        watches.failed("filings");
        assert_eq!(watches.dead_at(later), ["filings"], "and it counts from the first failure");
        watches.begun("instances");
        assert_eq!(watches.dead_at(later), ["filings"]);
        watches.begun("filings");
        assert!(watches.dead_at(later).is_empty());
    }
}
