//! What each path may cost in calls, and no more: counts, not times. How they are counted is in `paths`, which the
//! benchmark shares.

mod bars;
mod paths;

use crate::fixture::{Cluster, must};
use crate::operator_process::Operator;
use bars::{BARS, GATHERED};
use paths::Cost;

/// How many objects take each path: more than there are calls that are nobody's.
const OBJECTS: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_path_costs_the_calls_it_needs_and_no_more() {
    let cluster = must("start a control plane", Cluster::start().await);
    let operator = Operator::start(&cluster, &[]).await;
    let costs = paths::all(&cluster, OBJECTS).await;
    assert_eq!(costs.len(), BARS.len());
    for (cost, (path, bars)) in costs.iter().zip(BARS) {
        eprintln!("{cost}");
        assert_eq!(cost.path, path);
        let Cost { objects, records, statuses, claims, reads, refused, .. } = cost;
        let [most_records, most_statuses, most_claims, most_reads] = bars.map(|most| most * objects);
        assert_eq!(*records, most_records, "writes of records: {cost}");
        assert_eq!(*statuses, most_statuses, "writes of statuses: {cost}");
        // One write for two changes that come quickly is as good.
        assert!(*claims <= most_claims, "writes of statuses of requests: {cost}");
        assert!(*reads <= most_reads, "objects read: {cost}");
        assert_eq!(*refused, 0, "writes that were refused: {cost}");
    }
    let gathered = paths::burst(&cluster).await;
    eprintln!("{gathered:?}");
    assert!(gathered.statuses <= GATHERED, "{gathered:?}");
    operator.finish().await;
    cluster.stop().await;
}
