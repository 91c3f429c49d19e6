//! What is due, and in which order it gets its turn: namespaces take turns, so that nobody waits for the crowd of
//! another, and instances come last, since nobody waits for a status that only counts. How often something is due is
//! not known here.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use crate::rules::world::Work;

/// While claims wait, one in so many looks is at an instance: every status is written in the end, whatever the load.
const SHARE: u32 = 50;
/// While others come and go, a namespace has at most one in so many of all places. Whoever comes then finds an API
/// server that is not busy with a crowd's calls, which no order in this queue can take back.
const PART: usize = 8;
/// How long somebody who came counts as company. Whoever is alone has all places.
const COMPANY: Duration = Duration::from_secs(1);

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
    /// The namespace that had the last turn, and the other one that had the last turn before it.
    last: [Option<(String, Instant)>; 2],
}

/// The lane of a claim: its namespace. Records, which belong to no namespace, share one; instances have none.
fn lane(work: &Work) -> Option<&str> {
    match work {
        Work::Instance(_) => None,
        Work::Request(key) | Work::Filing(key) => Some(&key.namespace),
        Work::Record(_) => Some(""),
    }
}

impl Ready {
    /// Adds what is due from now on.
    pub(super) fn push(&mut self, work: Work) {
        let due = Instant::now();
        let Some(lane) = lane(&work) else { return self.instances.push_back((work, due)) };
        if let Some(waiting) = self.lanes.get_mut(lane) {
            waiting.push_back((work, due));
        } else {
            let lane = lane.to_owned();
            self.turns.push_back(lane.clone());
            self.lanes.insert(lane, VecDeque::from([(work, due)]));
        }
    }

    /// Takes what is next, where there are so many places in all and this is under way already.
    pub(super) fn pop(&mut self, places: usize, under_way: &HashSet<Work>) -> Option<Due> {
        if (self.turns.is_empty() || self.passed >= SHARE)
            && let Some(instance) = self.instances.pop_front()
        {
            self.passed = 0;
            return Some(instance);
        }
        let part = (places / PART).max(1);
        let now = Instant::now();
        let taken = |name: &str| under_way.iter().filter(|work| lane(work) == Some(name)).count();
        let may = |lane: &String| !self.has_company(lane, now) || taken(lane) < part;
        let turn = self.turns.iter().position(may)?;
        let lane = self.turns.remove(turn)?;
        let waiting = self.lanes.get_mut(&lane)?;
        let next = waiting.pop_front();
        if waiting.is_empty() {
            self.lanes.remove(&lane);
        } else {
            self.turns.push_back(lane.clone());
        }
        self.passed = self.passed.saturating_add(1);
        if !lane.is_empty() {
            if self.last[0].as_ref().is_some_and(|(last, _)| *last != lane) {
                self.last.swap(0, 1);
            }
            self.last[0] = Some((lane, now));
        }
        next
    }

    /// Whether another namespace had a turn of late. What is nobody's has all places.
    fn has_company(&self, lane: &str, now: Instant) -> bool {
        let mut others = self.last.iter().flatten().filter(|(last, _)| last != lane);
        !lane.is_empty() && others.any(|(_, at)| now.duration_since(*at) < COMPANY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::world::ObjectKey;

    /// Places that nobody runs out of.
    const ALL: usize = usize::MAX;

    fn request(namespace: &str, name: u32) -> Work {
        Work::Request(ObjectKey::new(namespace, name.to_string()))
    }

    fn instance(name: u32) -> Work {
        Work::Instance(ObjectKey::new("a", name.to_string()))
    }

    #[test]
    fn namespaces_take_turns() {
        let (mut ready, none) = <(Ready, HashSet<Work>)>::default();
        (0..1000).for_each(|n| ready.push(request("crowd", n)));
        ready.push(request("lone", 0));
        ready.push(Work::Record("r".to_owned()));
        let first: Vec<_> = (0..4).filter_map(|_| ready.pop(ALL, &none)).map(|(work, _)| work).collect();
        assert_eq!(
            first,
            [request("crowd", 0), request("lone", 0), Work::Record("r".to_owned()), request("crowd", 1)]
        );
        assert_eq!(std::iter::from_fn(|| ready.pop(ALL, &none)).count(), 998);
        assert!(ready.lanes.is_empty() && ready.turns.is_empty());
    }

    #[test]
    fn instances_come_last_and_are_never_left_out() {
        let (mut ready, none) = <(Ready, HashSet<Work>)>::default();
        (0..3).for_each(|n| ready.push(instance(n)));
        (0..SHARE + 2).for_each(|n| ready.push(request("a", n)));
        let order: Vec<_> = std::iter::from_fn(|| ready.pop(ALL, &none)).map(|(work, _)| work).collect();
        let at: Vec<_> = (0..).zip(&order).filter(|(_, w)| matches!(w, Work::Instance(_))).collect();
        assert_eq!(order.len(), 5 + SHARE as usize);
        assert_eq!(at, [(SHARE, &instance(0)), (SHARE + 3, &instance(1)), (SHARE + 4, &instance(2))]);
    }

    /// Takes so many, as the queue does: what is taken is under way.
    fn take(ready: &mut Ready, under_way: &mut HashSet<Work>, places: usize, count: usize) -> Vec<Work> {
        let mut next = || {
            let (work, _) = ready.pop(places, under_way)?;
            under_way.insert(work.clone());
            Some(work)
        };
        (0..count).filter_map(|_| next()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_has_all_places_until_somebody_comes_and_again_when_nobody_comes_any_more() {
        let (mut ready, mut under_way) = <(Ready, HashSet<Work>)>::default();
        (0..100).for_each(|n| ready.push(request("crowd", n)));
        let begun = take(&mut ready, &mut under_way, 16, 16);
        assert_eq!(begun, (0..16).map(|n| request("crowd", n)).collect::<Vec<_>>());
        ready.push(request("lone", 0));
        ready.push(Work::Record("r".to_owned()));
        under_way.retain(|work| !begun[..3].contains(work));
        let next = [request("crowd", 16), request("lone", 0), Work::Record("r".to_owned())];
        assert_eq!(take(&mut ready, &mut under_way, 16, 3), next, "in turns");
        under_way.retain(|work| !begun.contains(work));
        let next = [request("crowd", 17)];
        assert_eq!(take(&mut ready, &mut under_way, 16, 13), next, "two of sixteen, with the one under way");
        under_way.remove(&request("lone", 0));
        assert_eq!(take(&mut ready, &mut under_way, 16, 13), [], "who came may come again");
        tokio::time::advance(COMPANY).await;
        assert_eq!(take(&mut ready, &mut under_way, 16, 14).len(), 14);
    }

    #[test]
    fn with_few_places_a_crowd_has_one_still() {
        let (mut ready, mut under_way) = <(Ready, HashSet<Work>)>::default();
        (0..3).for_each(|n| ready.push(request("crowd", n)));
        ready.push(request("lone", 0));
        let taken = take(&mut ready, &mut under_way, 4, 4);
        assert_eq!(taken, [request("crowd", 0), request("lone", 0)]);
        under_way.remove(&request("crowd", 0));
        assert_eq!(take(&mut ready, &mut under_way, 4, 1), [request("crowd", 1)]);
    }
}
