//! The ledger after a store was restored from an older copy: what `ledger export` keeps, what `ledger import` brings
//! back, and that nothing is issued in between. On a real API server and etcd, but for the pure rules.

#[path = "../server/fixture.rs"]
#[allow(dead_code, reason = "shared with tests/server, which uses the rest of it")]
mod fixture;
#[path = "../operator/history.rs"]
#[allow(dead_code, reason = "shared with tests/operator, which uses the rest of it")]
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
#[path = "../operator/scene.rs"]
#[allow(dead_code, reason = "shared with tests/operator, which uses the rest of it")]
mod scene;
#[path = "../operator/stage.rs"]
#[allow(dead_code, reason = "shared with tests/operator, which uses the rest of it")]
mod stage;
#[path = "../operator/wire.rs"]
#[allow(dead_code, reason = "shared with tests/operator, which uses the rest of it")]
mod wire;

mod cli;
mod copies;
mod histories;
mod holes;
mod interrupted;
mod marks;
mod runbook;
