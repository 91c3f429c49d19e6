//! SIGTERM in mid-write, with many writes under way and an API server that does not answer: the operator ends with 0
//! within its bound, and what is half done its successor finishes.

use std::time::{Duration, Instant};

use crate::fixture::must;
use crate::ground::{cluster, end_quietly, is_whole, live, turn};
use crate::operator_process::Operator;
use crate::stage::Stage;

/// What a pod is given between SIGTERM and SIGKILL where nobody asks for more.
const BOUND: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_to_end_in_mid_write_it_ends_in_time_whether_it_is_answered_or_not() {
    let _turn = turn().await;
    let cluster = cluster().await;
    let stage = Stage::on(&cluster);
    let (servers, every) = if is_whole() { (40, 23) } else { (6, 25) };
    let mut operator = Some(Operator::start(&cluster, &[]).await);
    let (mut ends, mut longest) = (0, Duration::ZERO);
    live(&stage, servers, every, async |_| {
        let Some(running) = operator.take() else { return };
        let server = must("find the API server", cluster.control_plane().apiserver());
        // Unanswered it takes as long as it may, which is not for every run of the tests.
        let frozen = is_whole() && ends % 2 == 0;
        if frozen {
            must("freeze the API server", server.stop());
        }
        must("ask the operator to end", running.process().terminate());
        let since = Instant::now();
        let ended = running.process().wait_exit(BOUND).await;
        longest = longest.max(since.elapsed());
        if frozen {
            must("let the API server go on", server.cont());
        }
        assert_eq!(must("see the operator end", ended), 0, "{}", running.process().log_tail());
        stage.ended(running);
        operator = Some(Operator::start(&cluster, &[]).await);
        ends += 1;
    })
    .await;
    eprintln!("{ends} times told to end in mid-write: the longest took {longest:?}");
    end_quietly(&stage, operator.into_iter().collect(), servers).await;
    drop(stage);
    cluster.stop().await;
}
