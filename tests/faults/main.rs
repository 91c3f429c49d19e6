//! The built operator behind a proxy that refuses calls, loses answers, holds back events, and kills it at every
//! write. Scenarios are played with every fault at every call; an oracle reads every revision of etcd. A failing
//! plan is printed, and replayed by FAULTS_PLAN; FAULTS=all plays every plan there is, FAULTS_ONLY one sweep.

#[path = "../server/fixture.rs"]
#[allow(dead_code, reason = "shared with tests/server, which uses the rest of it")]
mod fixture;
#[path = "../operator/history.rs"]
mod history;
#[path = "../server/objects.rs"]
#[allow(dead_code, reason = "shared with tests/server, which uses the rest of it")]
mod objects;
#[path = "../operator/operator_process.rs"]
#[allow(dead_code, reason = "shared with tests/operator, which uses the rest of it")]
mod operator_process;
#[path = "../operator/oracle.rs"]
#[allow(dead_code, reason = "shared with tests/operator, which uses the rest of it")]
mod oracle;
#[path = "../operator/wire.rs"]
#[allow(dead_code, reason = "shared with tests/operator, which uses the rest of it")]
mod wire;

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
