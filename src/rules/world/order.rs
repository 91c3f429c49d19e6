//! In which order much work at once is best done. What there is to do is not decided here.

use std::collections::BTreeSet;

use super::{Work, World};

impl World {
    /// Work in an order in which claims that nobody answered yet come first: where there is much at once, as after a
    /// start, they are what somebody waits for.
    #[must_use]
    pub fn unanswered_first(&self, work: BTreeSet<Work>) -> Vec<Work> {
        let is_answered = |work: &Work| match work {
            Work::Request(key) => self.requests.get(key).is_none_or(|request| {
                request.status.as_ref().is_some_and(|status| status.observed_generation.is_some())
            }),
            Work::Filing(key) => self.filings.get(key).is_none_or(|filing| {
                filing.status.as_ref().is_some_and(|status| status.observed_generation.is_some())
            }),
            Work::Instance(_) | Work::Record(_) => true,
        };
        let (answered, mut first): (Vec<_>, Vec<_>) = work.into_iter().partition(is_answered);
        first.extend(answered);
        first
    }
}
