//! Several API servers on one etcd, of which one lags, freezes or dies: an operator on each, and one operator that
//! goes from one to the other. What it sees goes back in time for a while; nothing is issued twice and nothing lost.

use std::time::Duration;

use testbed::Relay;

use crate::fixture::{Who, must};
use crate::ground::{cluster, end_quietly, is_whole, live, turn};
use crate::operator_process::Operator;
use crate::stage::Stage;
use crate::store_relay::StoreRelay;

/// How long an operator that moved has to live in the past. Nothing is waited for, so it is no luck.
const IN_THE_PAST: Duration = Duration::from_secs(2);
/// Looks at everything every second, so that decisions are made on what is known, however old.
const RESTLESS: [&str; 3] = ["--resync-seconds", "1", "--leader-elect=false"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_on_an_api_server_that_lags_harms_nobody() {
    let _turn = turn().await;
    let cluster = cluster().await;
    let control_plane = cluster.control_plane();
    let stage = Stage::on(&cluster);
    let relay = StoreRelay::start(&must("find etcd", control_plane.etcd_endpoint())).await;
    let second = must("start another API server", control_plane.add_apiserver(Some(relay.url())).await);
    let kubeconfig = must("write a kubeconfig", second.kubeconfig(&cluster.kubeconfig(Who::Operator)));
    let late = Operator::with(control_plane.dir(), &kubeconfig, &RESTLESS);
    late.ready().await;
    let fresh = Operator::start(&cluster, &RESTLESS).await;

    let rounds: &[(usize, usize)] = if is_whole() { &[(20, 5), (20, 11), (40, 50)] } else { &[(8, 10)] };
    let mut servers_in_all = 0;
    for &(servers, every) in rounds {
        let mut turns = 0;
        live(&stage, servers, every, async |_| {
            turns += 1;
            if turns % 2 == 1 { relay.hold() } else { relay.release() }
        })
        .await;
        relay.release();
        stage.sound(&[&fresh, &late]).await;
        servers_in_all += servers;
        eprintln!(
            "{servers} instances' numbers, held back or let go every {every} writes ({turns} times): sound"
        );
    }
    end_quietly(&stage, vec![late, fresh], servers_in_all).await;
    drop(stage);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_moves_to_an_api_server_in_the_past_goes_on_by_itself() {
    let _turn = turn().await;
    let cluster = cluster().await;
    let control_plane = cluster.control_plane();
    let stage = Stage::on(&cluster);
    let store = StoreRelay::start(&must("find etcd", control_plane.etcd_endpoint())).await;
    let second = must("start another API server", control_plane.add_apiserver(Some(store.url())).await);
    let first_url = must("find the API server", control_plane.server_url());
    let relay = must("start a relay", Relay::start(&first_url).await);
    let kubeconfig = control_plane.dir().join("moving");
    let address = format!("https://{}", relay.address());
    let original = cluster.kubeconfig(Who::Operator);
    must("write a kubeconfig", testbed::kubeconfig_at(&original, &address, &kubeconfig));
    let operator = Operator::with(control_plane.dir(), &kubeconfig, &RESTLESS);
    operator.ready().await;

    let rounds: &[(usize, usize)] = if is_whole() { &[(20, 9), (40, 23)] } else { &[(8, 25)] };
    let mut servers_in_all = 0;
    for &(servers, every) in rounds {
        let mut moves = 0;
        live(&stage, servers, every, async |_| {
            store.hold();
            must("turn to the other", relay.turn_to(&second.url()));
            if moves % 3 == 1 {
                // Frozen it answers nobody, and then as if nothing had been.
                must("freeze an API server", second.process().stop());
            }
            tokio::time::sleep(IN_THE_PAST).await;
            match moves % 3 {
                0 => {}
                1 => must("let an API server go on", second.process().cont()),
                _ => must("kill an API server", second.kill().await),
            }
            must("turn back", relay.turn_to(&first_url));
            store.release();
            if moves % 3 == 2 {
                must("start an API server again", second.restart().await);
            }
            moves += 1;
        })
        .await;
        stage.sound(&[&operator]).await;
        servers_in_all += servers;
        eprintln!("{servers} instances' numbers, moved every {every} writes ({moves} times): sound");
    }
    end_quietly(&stage, vec![operator], servers_in_all).await;
    drop(stage);
    cluster.stop().await;
}
