//! A child process that cannot outlive whoever holds it. Nothing here knows what the process is.
//!
//! Each child runs below a small shell, `guard.sh`, that learns of the holder's end from the end of its
//! stdin. That is true of a clean exit, a panic and a SIGKILL alike, and needs no unsafe code.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::error::Error;

const GUARD: &str = include_str!("guard.sh");

/// How long a process may take to end after its holder died, before it is killed.
const LAST_GRACE_SECONDS: &str = "5";

/// What can be sent to a guarded process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// Asks it to end.
    Term,
    /// Ends it at once.
    Kill,
    /// Interrupts it, as Ctrl-C does. Ignored by programs that install no handler for it, because a
    /// shell starts background processes so.
    Int,
    /// Freezes it.
    Stop,
    /// Lets it go on after [`Signal::Stop`].
    Cont,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Kill => "KILL",
            Self::Int => "INT",
            Self::Stop => "STOP",
            Self::Cont => "CONT",
        }
    }
}

/// A running (or ended) child process. Dropping it ends the process, without waiting for that.
///
/// Needs no async runtime of its own, so one may be shared by tests that each have theirs.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: u32,
    log: PathBuf,
    log_start: u64,
    line: Mutex<Line>,
    exit: watch::Receiver<Option<i32>>,
}

impl Process {
    /// Starts `command` with its stdout and stderr appended to the file `log`.
    ///
    /// Its program, arguments, environment and folder are taken over; its stdio and a call of
    /// `env_clear` are not (the standard library does not show them): use `env -i` instead.
    pub fn spawn(name: &str, command: &Command, log: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Spawn { name: name.to_owned(), source };
        let file = OpenOptions::new().create(true).append(true).open(log).map_err(Error::io("open", log))?;
        let log_start = file.metadata().map_err(Error::io("look at", log))?.len();
        let mut guard = guard("run");
        guard.arg(LAST_GRACE_SECONDS).arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => guard.env(key, value),
                None => guard.env_remove(key),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            guard.current_dir(folder);
        }
        let mut child = guard.stderr(file).spawn().map_err(failed)?;
        let mut line = Line::of(&mut child).map_err(failed)?;
        let pid = line.read().map_err(failed)?;
        let pid = pid.parse().map_err(|_| failed(std::io::Error::other("the guard named no pid")))?;

        let (ended, exit) = watch::channel(None);
        // A thread, not a task: a task would end with the runtime that happened to start it.
        std::thread::Builder::new()
            .name(format!("wait-{name}"))
            .spawn(move || {
                let code = child.wait().ok().and_then(|status| status.code());
                ended.send_replace(Some(code.unwrap_or(-1)));
            })
            .map_err(failed)?;
        Ok(Self { name: name.to_owned(), pid, log: log.to_owned(), log_start, line: Mutex::new(line), exit })
    }

    /// The name it was started under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process's own pid (not the guard's).
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Where its output goes, perhaps after that of an earlier process.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// All of its own output so far.
    pub fn log(&self) -> Result<String, Error> {
        let read = || {
            let mut file = File::open(&self.log)?;
            file.seek(SeekFrom::Start(self.log_start))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map(|_| String::from_utf8_lossy(&bytes).into_owned())
        };
        read().map_err(Error::io("read", &self.log))
    }

    /// The last lines of its output, for messages; empty if they cannot be read, as that must not hide
    /// what the message is about.
    pub fn log_tail(&self) -> String {
        const LINES: usize = 20;
        let log = self.log().unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    /// Whether it has not been seen to end. A killed process takes a moment; see [`Self::wait_exit`].
    pub fn is_running(&self) -> bool {
        self.exit_code().is_none()
    }

    /// Its exit code once it ended: 128 and the signal's number if a signal ended it.
    pub fn exit_code(&self) -> Option<i32> {
        *self.exit.borrow()
    }

    /// Sends a signal. It has been sent when this returns, and takes effect within microseconds.
    pub fn signal(&self, signal: Signal) -> Result<(), Error> {
        let gone = || Error::NotRunning { name: self.name.clone() };
        if !self.is_running() {
            return Err(gone());
        }
        match lock(&self.line).order(signal.name()) {
            // The guard ended before it could answer, because the process did: most likely by this.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(()),
            sent => sent.map_err(|_| gone()),
        }
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) -> Result<(), Error> {
        self.signal(Signal::Term)
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&self) -> Result<(), Error> {
        self.signal(Signal::Kill)
    }

    /// Freezes it (SIGSTOP).
    pub fn stop(&self) -> Result<(), Error> {
        self.signal(Signal::Stop)
    }

    /// Lets it go on (SIGCONT).
    pub fn cont(&self) -> Result<(), Error> {
        self.signal(Signal::Cont)
    }

    /// Waits until it ended and gives its exit code, as [`Self::exit_code`] does.
    pub async fn wait_exit(&self, deadline: Duration) -> Result<i32, Error> {
        let still_running =
            || Error::StillRunning { name: self.name.clone(), pid: self.pid, waited: deadline };
        tokio::time::timeout(deadline, self.ended()).await.map_err(|_| still_running())
    }

    /// Ends it, politely for `grace` and then by force, and waits until it is gone. Fine to repeat.
    pub async fn end(&self, grace: Duration) -> Result<i32, Error> {
        // That it ended by itself in the meantime is what is wanted, so no error.
        if !grace.is_zero()
            && self.terminate().is_ok()
            && let Ok(code) = self.wait_exit(grace).await
        {
            return Ok(code);
        }
        let _ = self.kill();
        self.wait_exit(Duration::from_secs(30)).await
    }

    /// Resolves with the exit code when it ends.
    pub(crate) async fn ended(&self) -> i32 {
        let mut exit = self.exit.clone();
        // The sender is dropped only after it sent, so an error cannot hide a running process.
        exit.wait_for(Option::is_some).await.map_or(-1, |code| code.unwrap_or(-1))
    }
}

/// Ends a process that somebody else started when the holder dies. Only for a direct child of the
/// holder that must own the terminal, which a guarded child cannot.
#[derive(Debug)]
pub struct Leash {
    line: Mutex<Line>,
}

impl Leash {
    /// Holds the process `pid` until [`Self::release`].
    pub fn on(pid: u32) -> Result<Self, Error> {
        let failed = |source| Error::Spawn { name: "leash".to_owned(), source };
        let mut guard = guard("leash");
        guard.arg(LAST_GRACE_SECONDS).arg(pid.to_string()).stderr(Stdio::null());
        let mut child = guard.spawn().map_err(failed)?;
        let line = Mutex::new(Line::of(&mut child).map_err(failed)?);
        reap(child);
        Ok(Self { line })
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) -> Result<(), Error> {
        let gone = |_| Error::NotRunning { name: "leash".to_owned() };
        lock(&self.line).order(signal.name()).map_err(gone)
    }

    /// Lets go: to be called as soon as the process was waited for, for its pid is then free.
    pub fn release(self) {
        let _ = lock(&self.line).order("END");
    }
}

/// Removes a folder when the holder dies, or when told to.
#[derive(Debug)]
pub(crate) struct Sweeper {
    line: Mutex<Line>,
}

impl Sweeper {
    pub(crate) fn of(folder: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Spawn { name: "sweeper".to_owned(), source };
        let mut child = guard("sweep").arg(folder).stderr(Stdio::null()).spawn().map_err(failed)?;
        let line = Mutex::new(Line::of(&mut child).map_err(failed)?);
        reap(child);
        Ok(Self { line })
    }

    /// Leaves the folder where it is.
    pub(crate) fn keep(&self) {
        let _ = lock(&self.line).order("END");
    }

    /// Removes the folder and returns when that is done.
    pub(crate) fn sweep(&self) {
        // The sweeper answers by exiting, so the end of its answers is the good news.
        let _ = lock(&self.line).order("NOW");
    }
}

/// The two pipes to a guard.
#[derive(Debug)]
struct Line {
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Line {
    fn of(child: &mut Child) -> std::io::Result<Self> {
        match (child.stdin.take(), child.stdout.take()) {
            (Some(orders), Some(answers)) => Ok(Self { orders, answers: BufReader::new(answers) }),
            _ => Err(std::io::Error::other("the guard has no pipes")),
        }
    }

    fn read(&mut self) -> std::io::Result<String> {
        let mut answer = String::new();
        if self.answers.read_line(&mut answer)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(answer.trim_end().to_owned())
    }

    /// Gives an order and waits until it was followed. Both are a matter of microseconds.
    fn order(&mut self, order: &str) -> std::io::Result<()> {
        writeln!(self.orders, "{order}")?;
        self.read().map(drop)
    }
}

fn lock(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

fn guard(duty: &str) -> Command {
    let mut guard = Command::new("/bin/sh");
    guard.args(["-c", GUARD, "guard", duty]).stdin(Stdio::piped()).stdout(Stdio::piped());
    // A group of its own: a Ctrl-C or a runner's kill of the holder's group must not take the guard,
    // which would leave its process with nobody to end it.
    guard.process_group(0);
    guard
}

/// Collects a guard that nobody waits for, so that it does not stay as a zombie.
fn reap(mut child: Child) {
    std::thread::spawn(move || child.wait());
}
