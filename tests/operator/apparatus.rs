//! What it takes to run the built operator on a real API server and to judge every revision of etcd, for test programs
//! beside this one: they take it in with `#[path]` and name its modules at their root. No test is here.

#![allow(dead_code, reason = "each program uses some of it")]

#[path = "../server/fixture.rs"]
pub mod fixture;
#[path = "history.rs"]
pub mod history;
#[path = "../server/objects.rs"]
pub mod objects;
#[path = "operator_process.rs"]
pub mod operator_process;
#[path = "oracle.rs"]
pub mod oracle;
#[path = "wire.rs"]
pub mod wire;
