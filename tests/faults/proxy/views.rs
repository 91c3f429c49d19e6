//! What one operator sees of whole kinds: how far its lists and watches came, whether a kind is shown as it was, and
//! how a watch ends before its time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::plan::Kind;

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

/// What every list and watch of one kind shows for a while: the kind as it was at a revision.
#[derive(Clone, Copy, Debug)]
struct Past {
    revision: u64,
    /// Unknown until the kind is listed.
    until: Option<Instant>,
}

/// What one operator sees.
#[derive(Debug, Default)]
pub struct View {
    ends: HashMap<Kind, (u64, End)>,
    past: HashMap<Kind, Past>,
    shown: HashMap<Kind, u64>,
    no_bookmarks: bool,
}

/// How long the successor of a killed operator lives in the past.
const PAST: Duration = Duration::from_millis(700);

impl View {
    /// Ends the watches of a kind.
    pub fn end(&mut self, kind: Kind, end: End) {
        let entry = self.ends.entry(kind).or_insert((0, end));
        *entry = (entry.0 + 1, end);
        self.no_bookmarks |= end == End::Cut;
    }

    /// How the watches of a kind ended last, with a count.
    pub fn end_of(&self, kind: Kind) -> Option<(u64, End)> {
        self.ends.get(&kind).copied()
    }

    /// Whether bookmarks are passed on.
    pub const fn has_bookmarks(&self) -> bool {
        !self.no_bookmarks
    }

    /// A kind was shown up to a revision.
    pub fn shows(&mut self, kind: Kind, revision: u64) {
        let shown = self.shown.entry(kind).or_default();
        *shown = (*shown).max(revision);
    }

    /// A kind stays as it was shown last, also where it is listed anew, which it is.
    pub fn freeze(&mut self, kind: Kind, until: Instant) {
        if let Some(revision) = self.shown.get(&kind).copied() {
            self.past.insert(kind, Past { revision, until: Some(until) });
            self.end(kind, End::Gone);
        }
    }

    /// A kind is shown as it was at a revision, for a while after it was first listed.
    pub fn live_in_past(&mut self, kind: Kind, revision: u64) {
        self.past.insert(kind, Past { revision, until: None });
    }

    /// The revision at which a kind is to be listed, if it is not the newest.
    pub fn list_at(&mut self, kind: Kind) -> Option<u64> {
        let past = self.past.get_mut(&kind)?;
        let until = *past.until.get_or_insert_with(|| Instant::now() + PAST);
        let revision = past.revision;
        if Instant::now() < until {
            return Some(revision);
        }
        self.past.remove(&kind);
        None
    }

    /// Whether a kind is shown as it was.
    pub fn is_past(&self, kind: Kind) -> bool {
        self.past.get(&kind).is_some_and(|past| past.until.is_none_or(|until| Instant::now() < until))
    }

    /// When a kind is shown as it is again, as far as that is known.
    pub fn release_of(&self, kind: Kind) -> Option<Instant> {
        self.past.get(&kind)?.until
    }
}
