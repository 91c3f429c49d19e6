//! The built operator behind a proxy that refuses calls, loses answers, holds back events, and kills it at every
//! write. Scenarios are played with every fault at every call; an oracle reads every revision of etcd. A failing
//! plan is printed, and replayed by FAULTS_PLAN; FAULTS=all plays every plan there is, FAULTS_ONLY one sweep.

#[path = "../operator/apparatus.rs"]
mod apparatus;

mod campaign;
mod crew;
mod lab;
mod mirror;
mod people;
mod plan;
mod proxy;
mod requests;
mod rig;
mod scenarios;
mod settled;
mod sweeps;
mod table;
mod tenant;
mod truth;
mod verdict;

use apparatus::{fixture, history, objects, operator_process, oracle, wire};
