//! Users at work: random sequences of what several people do at once, with operators that are killed and whose
//! clocks are wrong, and clusters that are restored from manifests. A failing sequence is shrunk and printed with
//! the command that replays it; USERS=all or a count plays more of them.

#[path = "../server/fixture.rs"]
#[allow(dead_code, reason = "shared with tests/server, which uses the rest of it")]
mod fixture;
#[path = "../operator/history.rs"]
mod history;
#[path = "../faults/mirror.rs"]
#[allow(dead_code, reason = "shared with tests/faults, which uses the rest of it")]
mod mirror;
#[path = "../server/objects.rs"]
#[allow(dead_code, reason = "shared with tests/server, which uses the rest of it")]
mod objects;
#[path = "../operator/operator_process.rs"]
#[allow(dead_code, reason = "shared with tests/operator, which uses the rest of it")]
mod operator_process;
#[path = "../operator/oracle.rs"]
#[allow(dead_code, reason = "shared with tests/operator, which uses the rest of it")]
mod oracle;
#[path = "../faults/people.rs"]
#[allow(dead_code, reason = "shared with tests/faults, which uses the rest of it")]
mod people;
#[path = "../faults/plan.rs"]
#[allow(dead_code, reason = "shared with tests/faults, which uses the rest of it")]
mod plan;
#[path = "../simulate/rng.rs"]
#[allow(dead_code, reason = "shared with tests/simulate, which uses the rest of it")]
mod rng;
#[path = "../faults/truth.rs"]
mod truth;
#[path = "../operator/wire.rs"]
#[allow(dead_code, reason = "shared with tests/operator, which uses the rest of it")]
mod wire;

mod act;
mod clock;
mod eligible;
mod expected;
mod generate;
mod lab;
mod play;
mod refusals;
mod restore;
mod rig;
mod said;
mod sequences;
mod shrink;
mod stage;
mod times;
