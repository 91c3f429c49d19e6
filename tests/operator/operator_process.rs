//! One running operator: the built binary as a guarded child, its ports and its log. What it should do is not
//! known here.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;
use testbed::Process;

use crate::fixture::{Cluster, SOON, Who, eventually, must};
use crate::wire;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_icp-filing-operator");

/// A running (or ended) operator. Dropping it ends it.
#[derive(Debug)]
pub struct Operator {
    process: Process,
}

impl Operator {
    /// Starts one on a cluster, with more flags behind the usual ones, and waits until it is ready.
    pub async fn start(cluster: &Cluster, more: &[&str]) -> Self {
        let operator = Self::spawn(cluster, more);
        operator.ready().await;
        operator
    }

    /// Starts one and waits for nothing. It connects as the operator's ServiceAccount, with no more rights than
    /// the shipped ClusterRole gives.
    pub fn spawn(cluster: &Cluster, more: &[&str]) -> Self {
        Self::with(cluster.control_plane().dir(), &cluster.kubeconfig(Who::Operator), more)
    }

    /// Starts one that connects as a kubeconfig says and logs into a folder.
    pub fn with(folder: &Path, kubeconfig: &Path, more: &[&str]) -> Self {
        Self::with_environment(folder, kubeconfig, more, &[])
    }

    /// The same, with more environment too.
    pub fn with_environment(
        folder: &Path,
        kubeconfig: &Path,
        more: &[&str],
        environment: &[(&'static str, PathBuf)],
    ) -> Self {
        Self::of(Path::new(PROGRAM), folder, kubeconfig, more, environment)
    }

    /// The same of another build.
    pub fn of(
        program: &Path,
        folder: &Path,
        kubeconfig: &Path,
        more: &[&str],
        environment: &[(&'static str, PathBuf)],
    ) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("operator-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut command = Command::new(program);
        command.args(["run", "--listen", "127.0.0.1:0", "--log-format", "json", "--kubeconfig"]);
        // Several are to work at once, and one that was killed is not to be waited for, unless a test says otherwise.
        if !more.iter().any(|flag| flag.starts_with("--leader-elect")) {
            command.env("ICP_LEADER_ELECT", "false");
        }
        command.arg(kubeconfig).args(more).env("RUST_BACKTRACE", "1");
        command.envs(environment.iter().cloned());
        let process = Process::spawn(&name, &command, &folder.join(format!("{name}.log")));
        Self { process: must("start the operator", process) }
    }

    /// The process, to be killed, frozen or waited for.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Waits until it says that it is ready.
    pub async fn ready(&self) {
        self.ready_within(SOON).await;
    }

    /// The same, of one that has much to read.
    pub async fn ready_within(&self, time: Duration) {
        eventually("ready operator", time, async || match self.get("/readyz").await {
            Ok((200, _)) => Ok(()),
            Ok((_, why)) | Err(why) => Err(format!("{why}\n{}", self.process.log_tail())),
        })
        .await;
    }

    /// Waits until it says that it waits for something, in words that contain these.
    pub async fn waits_for(&self, words: &[&str]) -> String {
        eventually(&format!("operator that waits for {words:?}"), SOON, async || {
            match self.get("/readyz").await {
                Ok((503, why)) if words.iter().all(|word| why.contains(word)) => Ok(why),
                Ok((_, why)) | Err(why) => Err(format!("{why}\n{}", self.process.log_tail())),
            }
        })
        .await
    }

    /// Waits until it logged a line of a level, in words that contain these.
    pub async fn says(&self, level: &str, words: &[&str]) {
        eventually(&format!("{level} with {words:?}"), SOON, async || {
            let lines = self.lines();
            let said = lines.iter().any(|line| {
                line["level"] == level && words.iter().all(|word| line.to_string().contains(word))
            });
            if said { Ok(()) } else { Err(self.process.log_tail()) }
        })
        .await;
    }

    /// Where it serves health and metrics, once it said so.
    pub fn address(&self) -> Option<String> {
        let started = self.lines().into_iter().find(|line| line["message"] == "started")?;
        started["address"].as_str().map(str::to_owned)
    }

    /// Asks it for a path.
    pub async fn get(&self, path: &str) -> Result<(u16, String), String> {
        let address = self.address().ok_or("it has not said where it listens")?;
        wire::get(&address, path).await.map_err(|error| error.to_string())
    }

    /// Its metrics.
    pub async fn metrics(&self) -> String {
        let (status, text) = must("read metrics", self.get("/metrics").await);
        assert_eq!(status, 200, "{text}");
        text
    }

    /// Everything it logged.
    pub fn log(&self) -> String {
        must("read a log", self.process.log())
    }

    /// Every line of its log that is JSON, as all should be; see [`Self::sound`].
    pub fn lines(&self) -> Vec<Value> {
        self.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Asks it to end and waits until it did, well.
    pub async fn finish(&self) {
        must("ask the operator to end", self.process.terminate());
        let code = must("see the operator end", self.process.wait_exit(SOON).await);
        assert_eq!(code, 0, "{}", self.process.log_tail());
    }

    /// Kills it and waits until it is gone.
    pub async fn kill(&self) {
        must("kill the operator", self.process.end(Duration::ZERO).await);
    }

    /// That nothing in its log is the trace of a defect, and that no number of `numbers` is in it.
    pub fn sound(&self, numbers: &HashSet<String>) {
        let defects = self.defects(numbers);
        assert!(defects.is_empty(), "{}", defects.join("\n"));
    }

    /// What in its log is the trace of a defect, or tells one of these numbers.
    pub fn defects(&self, numbers: &HashSet<String>) -> Vec<String> {
        let (log, name) = (self.log(), self.process.name());
        // A line that is still being written has no end, and behind that of one that was killed its guard says so.
        let killed = self.process.exit_code() == Some(128 + 9);
        let end = if killed { log.rfind("}\n").map_or(0, |at| at + 2) } else { log.len() };
        let mut defects = Vec::new();
        for line in log[..end].split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            if line.contains("panicked") {
                defects.push(format!("{name}: {line}"));
            } else if serde_json::from_str::<Value>(line).is_err() {
                defects.push(format!("{name}: no JSON: {line}"));
            }
        }
        let leaked = uuids(&log).find(|uuid| numbers.contains(*uuid));
        defects.extend(leaked.map(|number| format!("{name} logged the number {number}")));
        defects
    }

    /// Where its own audit cried that an invariant is broken.
    pub fn alarms(&self) -> Vec<String> {
        let cries = |line: &&str| line.contains("an invariant of the ledger is broken");
        self.log().lines().filter(cries).map(|line| format!("{}: {line}", self.process.name())).collect()
    }
}

/// Everything in a text that has the shape of a number.
pub fn uuids(text: &str) -> impl Iterator<Item = &str> {
    const LENGTH: usize = 36;
    let is_uuid = |window: &&[u8]| {
        window.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    };
    text.as_bytes().windows(LENGTH).filter(is_uuid).filter_map(|window| std::str::from_utf8(window).ok())
}
