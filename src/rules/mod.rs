//! What the documents say, as pure functions: from what was observed to what to do next.
//! No client, no async and no clock live here; the time is an argument.

pub mod audit;
pub mod calendar;
pub mod conditions;
pub mod eligibility;
pub mod filing;
pub mod high_water;
pub mod instance;
pub mod issue;
pub mod kept;
pub mod key;
pub mod kind;
pub mod ledger;
pub mod life;
pub mod number;
pub mod release;
pub mod request;
pub mod restore;
pub mod snapshot;
pub mod world;
