//! The built operator on servers that fail: killed in mid-write, lagging, put back to an old snapshot, compacted,
//! and on a machine that gives it too little. An oracle reads every revision of etcd. OUTAGES=all plays every
//! moment; without it a selection is played that takes about a minute.

#[path = "../operator/apparatus.rs"]
mod apparatus;
#[path = "../operator/staging.rs"]
mod staging;

mod compacted;
mod ending;
mod ground;
mod killed;
mod lagging;
mod limits;
mod restored;
mod store_relay;

use apparatus::{fixture, history, objects, operator_process, oracle, wire};
use staging::{calls, lives, load, scene, stage};
