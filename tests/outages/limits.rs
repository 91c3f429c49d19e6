//! The operator on a machine that gives it too little: file descriptors, memory. It fails loudly, with a line that
//! says what to do, and what it began is finished after a restart: nothing is lost, and it never just sits there.

use std::process::Command;
use std::time::Duration;

use testbed::Process;

use crate::fixture::{Cluster, SOON, Who, eventually, must};
use crate::ground::{cluster, end_quietly, is_whole, live, turn};
use crate::lives::Lives;
use crate::operator_process::{Operator, PROGRAM};
use crate::stage::Stage;
use crate::wire;

/// An operator under a limit of the shell's, such as `-n 20`.
fn limited(cluster: &Cluster, name: &str, limit: &str) -> Process {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\""), PROGRAM]);
    command
        .args(["run", "--listen", "127.0.0.1:0", "--leader-elect=false", "--kubeconfig"])
        .arg(cluster.kubeconfig(Who::Operator));
    // What a test asks for with it is not what is tested.
    command.env("RUST_BACKTRACE", "0");
    let log = cluster.control_plane().dir().join(format!("{name}.log"));
    must("start the operator", Process::spawn(name, &command, &log))
}

/// How an operator under a limit got on.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// It serves.
    Ready,
    /// It ended, with this code.
    Ended(i32),
    /// It waits, and the last line of its log says for what.
    Waits,
}

async fn fate(process: &Process) -> Fate {
    eventually("sign of life", SOON, async || {
        let log = must("read a log", process.log());
        match process.exit_code() {
            Some(code) => Ok(Fate::Ended(code)),
            None if log.contains(" ready") => Ok(Fate::Ready),
            None if log.contains("trying again") => Ok(Fate::Waits),
            None => Err(log),
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_few_file_descriptors_or_too_little_memory_are_said_and_never_a_panic() {
    let _turn = turn().await;
    let cluster = cluster().await;
    // An API server that has just started asks for patience, and would be what an operator waits for.
    Operator::start(&cluster, &[]).await.finish().await;
    // Without three there is not even a log.
    let files = (3..=90).step_by(if is_whole() { 1 } else { 10 }).map(|n| format!("-n {n}"));
    let megabytes = (32..=128).step_by(if is_whole() { 1 } else { 16 }).map(|m| format!("-v {}", m * 1024));
    let mut fates = Vec::new();
    for limit in files.chain(megabytes) {
        let process = limited(&cluster, &format!("limited-{}", limit.replace(' ', "")), &limit);
        let fate = fate(&process).await;
        let log = must("read a log", process.log());
        eprintln!("ulimit {limit}: {fate:?}: {}", log.lines().last().unwrap_or_default());
        assert!(!log.contains("panicked"), "ulimit {limit}: {log}");
        match fate {
            Fate::Ready => {}
            // What cannot be loaded, or has a stack that cannot grow, the kernel ends: the exit code names the signal.
            Fate::Ended(code) if limit.starts_with("-v") && code > 128 => {}
            Fate::Ended(code) => assert!(code != 0 && !log.trim().is_empty(), "ulimit {limit}: {code} {log}"),
            Fate::Waits => {
                assert!(log.contains("Raise the limit"), "ulimit {limit}: it does not say what to do: {log}");
            }
        }
        fates.push(fate);
        must("end the operator", process.end(SOON).await);
    }
    assert!(fates.contains(&Fate::Ready) && fates.iter().any(|fate| *fate != Fate::Ready), "{fates:?}");
    cluster.stop().await;
}

/// Sets the limit of file descriptors of a running process.
async fn set_limit(pid: u32, files: usize) {
    let limit = format!("--nofile={files}:1024");
    let set =
        tokio::process::Command::new("prlimit").args(["--pid", &pid.to_string(), &limit]).status().await;
    assert!(must("run prlimit (of util-linux)", set).success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_runs_out_of_file_descriptors_says_so_and_goes_on_when_it_has_some() {
    let _turn = turn().await;
    let cluster = cluster().await;
    let stage = Stage::on(&cluster);
    let operator = Operator::start(&cluster, &[]).await;
    let address = operator.address().expect("it is ready");
    let servers = if is_whole() { 20 } else { 5 };
    let lives = Lives::declare(&cluster, servers).await;
    let starving = async {
        stage.oracle.written(lives.writes() / 3).await;
        let pid = operator.process().pid();
        // What is open stays so. Whatever is closed is not given back: the first three never are.
        set_limit(pid, 3).await;
        let mut scrapes = Vec::new();
        for _ in 0..20 {
            scrapes.push(tokio::net::TcpStream::connect(&address).await);
        }
        must("kill the API server", cluster.control_plane().kill_apiserver().await);
        must("start the API server again", cluster.control_plane().restart_apiserver().await);
        operator.says("WARN", &["Too many open files", "Raise the limit"]).await;
        operator.says("ERROR", &["cannot take a connection", "Raise the limit"]).await;
        let before = ticks(pid);
        tokio::time::sleep(Duration::from_secs(2)).await;
        eprintln!("starving it used {} ms of the processor in 2 s", (ticks(pid) - before) * 10);
        drop(scrapes);
        set_limit(pid, 1024).await;
    };
    tokio::join!(lives.live(), starving);
    lives.settled("the end of every life").await;
    assert_eq!(must("ask for health", wire::get(&address, "/healthz").await).0, 200);
    end_quietly(&stage, vec![operator], servers).await;
    drop(stage);
    cluster.stop().await;
}

/// The processor time of a process, in hundredths of a second as Linux counts it.
fn ticks(pid: u32) -> u64 {
    let stat = must("read a process's times", std::fs::read_to_string(format!("/proc/{pid}/stat")));
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let mut fields = after_name.split(' ').skip(11).map(|field| field.parse::<u64>().unwrap_or_default());
    fields.next().unwrap_or_default() + fields.next().unwrap_or_default()
}

/// Takes all memory from a running process that it does not have yet.
async fn no_more_memory(pid: u32) {
    let statm = must("read a process's memory", std::fs::read_to_string(format!("/proc/{pid}/statm")));
    let pages: u64 = statm.split(' ').next().and_then(|pages| pages.parse().ok()).unwrap_or_default();
    let limit = format!("--as={}", pages * 4096);
    let set =
        tokio::process::Command::new("prlimit").args(["--pid", &pid.to_string(), &limit]).status().await;
    assert!(must("run prlimit (of util-linux)", set).success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_runs_out_of_memory_ends_and_its_successor_finishes_what_it_began() {
    let _turn = turn().await;
    let cluster = cluster().await;
    let stage = Stage::on(&cluster);
    let (servers, every) = if is_whole() { (40, 40) } else { (6, 20) };
    let mut running = Some(limited(&cluster, "starved-0", "-n 1024"));
    let mut ends = Vec::new();
    live(&stage, servers, every, async |moment| {
        let Some(process) = running.take() else { return };
        assert_eq!(fate(&process).await, Fate::Ready);
        no_more_memory(process.pid()).await;
        // It may never need more, and then goes on; that it ends is what the test wants to see.
        if let Ok(code) = process.wait_exit(Duration::from_secs(5)).await {
            ends.push((code, process.log_tail()));
        } else {
            must("end the operator", process.end(Duration::ZERO).await);
        }
        running = Some(limited(&cluster, &format!("starved-{moment}"), "-n 1024"));
    })
    .await;
    if let Some(process) = running {
        assert_eq!(must("end the operator", process.end(SOON).await), 0, "{}", process.log_tail());
    }
    for (code, log) in &ends {
        eprintln!("out of memory it ended with {code}: {}", log.lines().last().unwrap_or_default());
        // Where it is the stack that cannot grow, the kernel ends it, and the exit code names the signal.
        let said = log.contains("memory allocation") || *code > 128;
        assert!(*code != 0 && said && !log.contains("panicked"), "{code}: {log}");
    }
    end_quietly(&stage, Vec::new(), servers).await;
    drop(stage);
    cluster.stop().await;
}
