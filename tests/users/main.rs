//! Users at work: random sequences of what several people do at once, with operators that are killed and whose
//! clocks are wrong, and clusters that are restored from manifests. A failing sequence is shrunk and printed with
//! the command that replays it; USERS=all or a count plays more of them.

#[path = "../operator/apparatus.rs"]
mod apparatus;
#[path = "../faults/mirror.rs"]
#[allow(dead_code, reason = "shared with tests/faults, which uses the rest of it")]
mod mirror;
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

use apparatus::{fixture, history, objects, operator_process, oracle, wire};
