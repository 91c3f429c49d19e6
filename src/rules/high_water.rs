//! How far a store was seen to be, and whether what it shows of itself is behind that. A store never goes back by
//! itself: one that did was restored from an older copy, and numbers that were issued since are unknown to it.

use serde::{Deserialize, Serialize};

use super::ledger::WentBack;
use crate::planted::{self, Bug};

/// How far a store was seen to be.
///
/// The record tells more than the revision: a revision that is behind grows, and one that was bumped is not behind.
/// The writes of a store are a line, and a copy is a beginning of it; so a store that has the latest change of the
/// ledger that was seen has every earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HighWater {
    /// The highest revision of a list of records.
    pub revision: u64,
    /// The record that was changed last.
    pub newest: Option<Newest>,
}

/// A record, and the revision of its last change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Newest {
    /// The revision.
    pub revision: u64,
    /// Its name.
    pub record: String,
}

/// What a store shows when it is asked for the record that was changed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The revision of the answer.
    pub revision: u64,
    /// The revision of that record, if it is there.
    pub record: Option<u64>,
}

impl HighWater {
    /// Whether a store is behind.
    pub fn check(&self, shown: &Shown) -> Result<(), WentBack> {
        if planted::is_on(Bug::StoreGoesBack) {
            return Ok(());
        }
        if let Some(Newest { revision, record }) = &self.newest
            && shown.record.is_none_or(|now| now < *revision)
        {
            return Err(WentBack::Record { record: record.clone(), seen: *revision, now: shown.record });
        }
        if shown.revision < self.revision {
            return Err(WentBack::Revision { seen: self.revision, now: shown.revision });
        }
        Ok(())
    }
}
