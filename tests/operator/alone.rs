//! A second stage for tests that start, stop and configure the operator themselves. One of them has it at a time;
//! what an earlier one left there is in nobody's way.

use std::ops::Deref;

use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::fixture::{Cluster, must};
use crate::stage::Stage;

/// The stage, for as long as this is held. No operator runs on it at first, and none may run on it in the end.
#[derive(Debug)]
pub struct Alone {
    stage: &'static Stage<'static>,
    _turn: MutexGuard<'static, ()>,
}

/// Waits for one's turn. The first caller starts the control plane.
pub async fn alone() -> Alone {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    static STAGE: OnceCell<Stage<'static>> = OnceCell::const_new();
    static TURN: Mutex<()> = Mutex::const_new(());
    let turn = TURN.lock().await;
    let cluster =
        CLUSTER.get_or_init(|| async { must("start a control plane", Cluster::start().await) }).await;
    let stage = STAGE.get_or_init(|| async { Stage::on(cluster) }).await;
    Alone { stage, _turn: turn }
}

impl Deref for Alone {
    type Target = Stage<'static>;
    fn deref(&self) -> &Self::Target {
        self.stage
    }
}
