//! What is due, and in which order it gets its turn: namespaces take turns, so that nobody waits for the crowd of
//! another, and instances come last, since nobody waits for a status that only counts. How often something is due is
//! not known here.

use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

use crate::rules::world::Work;

/// While claims wait, one in so many looks is at an instance: every status is written in the end, whatever the load.
const SHARE: u32 = 50;

/// Work that is due, and since when.
type Due = (Work, Instant);

/// Everything that is due.
#[derive(Default)]
pub(super) struct Ready {
    /// Claims by namespace; none of these is empty. Records, which belong to no namespace, have a lane of their own.
    lanes: HashMap<String, VecDeque<Due>>,
    /// The lanes in the order of their turns.
    turns: VecDeque<String>,
    instances: VecDeque<Due>,
    /// How many looks were taken since an instance had its turn.
    passed: u32,
}

impl Ready {
    /// Adds what is due from now on.
    pub(super) fn push(&mut self, work: Work) {
        let due = Instant::now();
        let lane = match &work {
            Work::Instance(_) => return self.instances.push_back((work, due)),
            Work::Request(key) | Work::Filing(key) => key.namespace.as_str(),
            Work::Record(_) => "",
        };
        if let Some(waiting) = self.lanes.get_mut(lane) {
            waiting.push_back((work, due));
        } else {
            self.turns.push_back(lane.to_owned());
            self.lanes.insert(lane.to_owned(), VecDeque::from([(work, due)]));
        }
    }

    /// Takes what is next.
    pub(super) fn pop(&mut self) -> Option<Due> {
        if (self.turns.is_empty() || self.passed >= SHARE)
            && let Some(instance) = self.instances.pop_front()
        {
            self.passed = 0;
            return Some(instance);
        }
        self.passed = self.passed.saturating_add(1);
        let lane = self.turns.pop_front()?;
        let waiting = self.lanes.get_mut(&lane)?;
        let next = waiting.pop_front();
        if waiting.is_empty() {
            self.lanes.remove(&lane);
        } else {
            self.turns.push_back(lane);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::world::ObjectKey;

    fn request(namespace: &str, name: u32) -> Work {
        Work::Request(ObjectKey::new(namespace, name.to_string()))
    }

    fn instance(name: u32) -> Work {
        Work::Instance(ObjectKey::new("a", name.to_string()))
    }

    #[test]
    fn namespaces_take_turns() {
        let mut ready = Ready::default();
        (0..1000).for_each(|n| ready.push(request("crowd", n)));
        ready.push(request("lone", 0));
        ready.push(Work::Record("r".to_owned()));
        let first: Vec<_> = (0..4).filter_map(|_| ready.pop()).map(|(work, _)| work).collect();
        assert_eq!(
            first,
            [request("crowd", 0), request("lone", 0), Work::Record("r".to_owned()), request("crowd", 1)]
        );
        assert_eq!(std::iter::from_fn(|| ready.pop()).count(), 998);
        assert!(ready.lanes.is_empty() && ready.turns.is_empty());
    }

    #[test]
    fn instances_come_last_and_are_never_left_out() {
        let mut ready = Ready::default();
        (0..3).for_each(|n| ready.push(instance(n)));
        (0..SHARE + 2).for_each(|n| ready.push(request("a", n)));
        let order: Vec<_> = std::iter::from_fn(|| ready.pop()).map(|(work, _)| work).collect();
        let at: Vec<_> = (0..).zip(&order).filter(|(_, w)| matches!(w, Work::Instance(_))).collect();
        assert_eq!(order.len(), 5 + SHARE as usize);
        assert_eq!(at, [(SHARE, &instance(0)), (SHARE + 3, &instance(1)), (SHARE + 4, &instance(2))]);
    }
}
