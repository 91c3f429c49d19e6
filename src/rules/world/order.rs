//! In which order much work at once is best done. What there is to do is not decided here.

use std::collections::BTreeSet;

use super::{Work, World, said::Answered};

impl World {
    /// Work in an order in which claims that nobody answered yet come first: where there is much at once, as after a
    /// start, they are what somebody waits for.
    #[must_use]
    pub fn unanswered_first(&self, work: BTreeSet<Work>) -> Vec<Work> {
        let is_answered = |work: &Work| match work {
            Work::Request(key) => self.requests.get(key).is_none_or(|request| request.is_answered()),
            Work::Filing(key) => self.filings.get(key).is_none_or(|filing| filing.is_answered()),
            Work::Instance(_) | Work::Record(_) => true,
        };
        let (answered, mut first): (Vec<_>, Vec<_>) = work.into_iter().partition(is_answered);
        first.extend(answered);
        first
    }
}
