//! What people do on the servers of `apparatus` and what comes of it, for test programs beside this one: they take it
//! in with `#[path]` and name its modules at their root. No test is here.

#![allow(dead_code, reason = "each program uses some of it")]

#[path = "calls.rs"]
pub mod calls;
#[path = "lives.rs"]
pub mod lives;
#[path = "load.rs"]
pub mod load;
#[path = "scene.rs"]
pub mod scene;
#[path = "stage.rs"]
pub mod stage;
