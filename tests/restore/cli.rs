//! `ledger export` and `ledger import` as an administrator runs them. What they should say is not known here.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::fixture::{BREAK_GLASS, must};
use crate::operator_process::PROGRAM;

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// It ended with this code and said these words, on either output.
    pub fn said(self, code: i32, words: &[&str]) -> Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert_eq!(self.code, code, "{all}");
        for word in words {
            assert!(all.contains(word), "no {word:?} in {all}");
        }
        self
    }
}

fn command(kubeconfig: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("ledger").args(args).arg("--kubeconfig").arg(kubeconfig);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs `ledger` as whoever a kubeconfig says.
pub async fn ledger(kubeconfig: &Path, args: &[&str]) -> Ended {
    ended(command(kubeconfig, args)).await
}

async fn ended(mut command: Command) -> Ended {
    let output = must("end in time", tokio::time::timeout(Duration::from_mins(2), command.output()).await);
    let output = must("run the program", output);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// `ledger export --out`.
pub async fn export(kubeconfig: &Path, file: &Path) -> Ended {
    ledger(kubeconfig, &["export", "--out", &file.display().to_string()]).await
}

/// `ledger import` as a member of the group that may, with more arguments.
pub async fn import(kubeconfig: &Path, file: &Path, more: &[&str]) -> Ended {
    ended(importing(kubeconfig, file, more)).await
}

/// The same, to be run by the caller.
pub fn importing(kubeconfig: &Path, file: &Path, more: &[&str]) -> Command {
    let group = format!("--as-group={BREAK_GLASS}");
    let file = file.display().to_string();
    command(kubeconfig, &[&["import", &file, "--as=admin", &group], more].concat())
}
