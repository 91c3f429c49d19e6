//! What each path may cost in calls, and no more: counts, not times. How they are counted is in `paths`, which the
//! benchmark shares.

mod paths;

use crate::fixture::{Cluster, Who, must};
use crate::operator_process::Operator;
use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_path_costs_the_calls_it_needs_and_no_more() {
    let cluster = must("start a control plane", Cluster::start().await);
    let operator = Operator::start(&cluster, &[]).await;
    for cost in paths::all(&cluster, 5).await {
        eprintln!("{cost}");
    }
    let gathered = paths::burst(&cluster).await;
    eprintln!("{gathered:?}");
    operator.finish().await;
    cluster.stop().await;
}
