//! Every way a control plane can fail its holder, each saying what to do. No recovery happens here.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why something about the control plane did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The build script of the servers failed.
    #[error("{script} could not provide {wanted} ({outcome}); what it says on stderr names the remedy")]
    Build {
        /// The script.
        script: PathBuf,
        /// The binaries asked for.
        wanted: String,
        /// How it ended.
        outcome: String,
    },
    /// A file or folder could not be used.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A child process could not be started.
    #[error("cannot start {name}: {source}; a POSIX /bin/sh and free processes are needed")]
    Spawn {
        /// The process.
        name: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A key or certificate could not be made.
    #[error("cannot make the certificates of the control plane: {0}")]
    Certificates(#[from] rcgen::Error),
    /// No port was found that the servers could listen on.
    #[error("no free port on 127.0.0.1 after {tries} tries; end other control planes, or try again")]
    NoPort {
        /// How often a start was tried.
        tries: usize,
    },
    /// A server ended instead of becoming ready.
    #[error("{name} ended with code {code} before it was ready; its last lines, of {}:\n{tail}", log.display())]
    DiedEarly {
        /// The server.
        name: String,
        /// Its exit code.
        code: i32,
        /// Its log.
        log: PathBuf,
        /// The end of its log.
        tail: String,
    },
    /// A server did not become ready in time.
    #[error(
        "{name} was not ready after {} s ({last}); on a loaded machine raise Options::ready_within; its last lines, of {}:\n{tail}",
        waited.as_secs(), log.display()
    )]
    NotReady {
        /// The server.
        name: String,
        /// How long it was given.
        waited: Duration,
        /// What the last check saw.
        last: String,
        /// Its log.
        log: PathBuf,
        /// The end of its log.
        tail: String,
    },
    /// A signal was sent to a process that already ended.
    #[error("{name} is not running any more; its log says why")]
    NotRunning {
        /// The process.
        name: String,
    },
    /// A process did not end in time.
    #[error("{name} (pid {pid}) was still running after {} ms", waited.as_millis())]
    StillRunning {
        /// The process.
        name: String,
        /// Its pid.
        pid: u32,
        /// How long it was given.
        waited: Duration,
    },
    /// A user that was not declared.
    #[error("no user {name:?}; declare it in Options::users (known: {known})")]
    UnknownUser {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A name that the token file or a file name could not carry.
    #[error("{name:?} cannot be a user or group here; use letters, digits and any of `-._@:`")]
    BadName {
        /// The name.
        name: String,
    },
    /// Something that needs servers of our own was asked of a control plane that is not ours.
    #[error("{what} needs servers of its own; unset ICP_TEST_KUBECONFIG to have some started")]
    NotOurs {
        /// What was asked for.
        what: &'static str,
    },
    /// A kubeconfig could not be read or used.
    #[error("the kubeconfig {} cannot be used: {reason}", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// kubectl did not do what it was asked to.
    #[error("kubectl {args} failed ({status}): {stderr}")]
    Kubectl {
        /// Its arguments.
        args: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it said.
        stderr: String,
    },
    /// A tool of etcd did not do what it was asked to.
    #[error("{tool} failed ({status}): {stderr}")]
    Tool {
        /// The tool and its arguments.
        tool: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it said.
        stderr: String,
    },
    /// Something that can only be done to data that no server uses.
    #[error("{name} runs on what is to be replaced; call stop_servers() before")]
    InUse {
        /// The server.
        name: String,
    },
    /// An address that a relay cannot lead to.
    #[error("{address:?} is no address of a server; give one such as 127.0.0.1:6443")]
    BadAddress {
        /// The address.
        address: String,
    },
    /// A folder that already holds something else.
    #[error("{} holds something that is not a testbed; name an empty or a new folder", path.display())]
    FolderInUse {
        /// The folder.
        path: PathBuf,
    },
}

impl Error {
    /// For `map_err`: an I/O error with what was tried on which path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// For `map_err`: what is wrong with the kubeconfig at `path`.
    pub(crate) fn kubeconfig<E: std::fmt::Display>(path: &Path) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |reason| Self::Kubeconfig { path, reason: reason.to_string() }
    }
}
