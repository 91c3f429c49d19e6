//! The built operator on servers that fail: killed in mid-write, lagging, put back to an old snapshot, compacted,
//! and on a machine that gives it too little. An oracle reads every revision of etcd. OUTAGES=all plays every
//! moment; without it a selection is played that takes about a minute.

#[path = "../operator/calls.rs"]
#[allow(dead_code, reason = "shared with tests/operator, which uses the rest of it")]
mod calls;
#[path = "../server/fixture.rs"]
#[allow(dead_code, reason = "shared with tests/server, which uses the rest of it")]
mod fixture;
#[path = "../operator/history.rs"]
mod history;
#[path = "../operator/lives.rs"]
#[allow(dead_code, reason = "shared with tests/operator, which uses the rest of it")]
mod lives;
#[path = "../operator/load.rs"]
#[allow(dead_code, reason = "shared with tests/operator, which uses the rest of it")]
mod load;
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

mod compacted;
mod ending;
mod ground;
mod killed;
mod lagging;
mod limits;
mod restored;
mod store_relay;
