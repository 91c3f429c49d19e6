//! The API server or etcd is killed in mid-write, again and again, while numbers live. The operator is never
//! started again: it goes on by itself, and nothing that was acknowledged is lost.

use testbed::{ControlPlane, Error};

use crate::fixture::must;
use crate::ground::{cluster, end_quietly, is_whole, live, turn};
use crate::operator_process::Operator;
use crate::stage::Stage;

/// Kills a server and starts it again.
async fn again(control_plane: &ControlPlane, which: Which) -> Result<(), Error> {
    match which {
        Which::Apiserver => {
            control_plane.kill_apiserver().await?;
            control_plane.restart_apiserver().await
        }
        Which::Etcd => {
            control_plane.kill_etcd().await?;
            control_plane.restart_etcd().await
        }
        Which::Both => {
            control_plane.kill_etcd().await?;
            control_plane.kill_apiserver().await?;
            control_plane.start_servers().await
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Which {
    Apiserver,
    Etcd,
    Both,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_are_killed_in_mid_write_and_the_operator_goes_on() {
    let _turn = turn().await;
    let cluster = cluster().await;
    let stage = Stage::on(&cluster);
    let operator = Operator::start(&cluster, &[]).await;
    // How many instances, and after how many writes each time.
    let rounds: &[(usize, usize)] = if is_whole() { &[(20, 7), (20, 19), (40, 61)] } else { &[(6, 25)] };
    let (mut servers_in_all, mut kills) = (0, 0);
    for which in [Which::Apiserver, Which::Etcd, Which::Both] {
        for &(servers, every) in rounds {
            live(&stage, servers, every, async |_| {
                must("kill and start again", again(cluster.control_plane(), which).await);
                kills += 1;
            })
            .await;
            servers_in_all += servers;
            eprintln!("{which:?} killed every {every} writes of {servers} instances' numbers: sound");
        }
    }
    assert!(operator.process().is_running(), "{}", operator.process().log_tail());
    eprintln!(
        "{kills} kills, {} records written {} times",
        stage.oracle.numbers().len(),
        stage.oracle.writes()
    );
    end_quietly(&stage, vec![operator], servers_in_all).await;
    drop(stage);
    cluster.stop().await;
}
