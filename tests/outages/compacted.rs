//! etcd forgets its past while the operator's watches are slow: what they ask for is gone, so everything is listed
//! anew, and nothing is missed.

use testbed::Relay;

use crate::fixture::{Who, must};
use crate::ground::{cluster, end_quietly, is_whole, live, turn};
use crate::operator_process::Operator;
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_comes_too_late_for_the_past_misses_nothing() {
    let _turn = turn().await;
    let cluster = cluster().await;
    let control_plane = cluster.control_plane();
    let stage = Stage::on(&cluster);
    let relay =
        must("start a relay", Relay::start(&must("find the API server", control_plane.server_url())).await);
    let kubeconfig = control_plane.dir().join("slow");
    let address = format!("https://{}", relay.address());
    let original = cluster.kubeconfig(Who::Operator);
    must("write a kubeconfig", testbed::kubeconfig_at(&original, &address, &kubeconfig));
    let operator = Operator::with(control_plane.dir(), &kubeconfig, &[]);
    operator.ready().await;

    let (servers, every) = if is_whole() { (40, 45) } else { (6, 30) };
    let mut compactions = 0;
    live(&stage, servers, every, async |_| {
        // The operator hears of nothing from here on, and what it had asked for is done.
        relay.hold();
        stage.sound(&[]).await;
        must("compact etcd", control_plane.compact().await);
        // An API server that has just started knows nothing of before either.
        must("kill the API server", control_plane.kill_apiserver().await);
        must("start the API server again", control_plane.restart_apiserver().await);
        relay.release();
        compactions += 1;
    })
    .await;
    operator.says("WARN", &["too old resource version"]).await;
    eprintln!("{compactions} compactions under held watches: sound");
    end_quietly(&stage, vec![operator], servers).await;
    drop(stage);
    cluster.stop().await;
}
