//! The ledger after a store was restored from an older copy: what `ledger export` keeps, what `ledger import` brings
//! back, and that nothing is issued in between. On a real API server and etcd, but for the pure rules.

#[path = "../operator/apparatus.rs"]
mod apparatus;
#[path = "../operator/staging.rs"]
mod staging;

mod cli;
mod copies;
mod histories;
mod holes;
mod interrupted;
mod marks;
mod runbook;

use apparatus::{fixture, history, objects, operator_process, oracle, wire};
use staging::{calls, load, scene, stage};
