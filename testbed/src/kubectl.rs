//! Running kubectl as a user would. It knows neither how servers are started nor what is tested.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use tokio::io::AsyncWriteExt;

use crate::error::Error;
use crate::files::create_folder;

/// What a run of kubectl gave.
#[derive(Debug, Clone)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

/// kubectl for one kubeconfig, with a home and a discovery cache of its own, so that nothing it
/// learnt from another server reaches it.
#[derive(Debug, Clone)]
pub struct Kubectl {
    /// The binary.
    pub bin: PathBuf,
    /// Whom it acts for, and where.
    pub kubeconfig: PathBuf,
    home: PathBuf,
}

impl Kubectl {
    /// kubectl at `bin` with `kubeconfig`; `home` is created and may be shared.
    pub fn new(
        bin: impl Into<PathBuf>,
        kubeconfig: impl Into<PathBuf>,
        home: impl Into<PathBuf>,
    ) -> Result<Self, Error> {
        let home = home.into();
        create_folder(&home)?;
        Ok(Self { bin: bin.into(), kubeconfig: kubeconfig.into(), home })
    }

    /// Runs it and gives whatever it gave.
    pub async fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Output, Error> {
        self.run_with_input(args, "").await
    }

    /// Runs it with `input` on its stdin and gives whatever it gave.
    pub async fn run_with_input<S: AsRef<OsStr>>(&self, args: &[S], input: &str) -> Result<Output, Error> {
        let failed = || Error::io("run", &self.bin);
        let mut child = self.command().args(args).spawn().map_err(failed())?;
        let stdin = child.stdin.take();
        let feed = async {
            if let Some(mut stdin) = stdin {
                // That it may not want all its input shows in its status, not here.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let ((), output) = tokio::join!(feed, child.wait_with_output());
        let output = output.map_err(failed())?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Output { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) })
    }

    /// Runs it, gives what it printed, and fails if it did.
    pub async fn ok<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<String, Error> {
        self.ok_with_input(args, "").await
    }

    /// Runs it with `input` on its stdin, gives what it printed, and fails if it did.
    pub async fn ok_with_input<S: AsRef<OsStr>>(&self, args: &[S], input: &str) -> Result<String, Error> {
        let output = self.run_with_input(args, input).await?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let args: Vec<_> = args.iter().map(|arg| arg.as_ref().to_string_lossy()).collect();
        Err(Error::Kubectl { args: args.join(" "), status: output.status, stderr: output.stderr })
    }

    /// `kubectl apply -f -`.
    pub async fn apply(&self, yaml: &str) -> Result<String, Error> {
        self.ok_with_input(&["apply", "-f", "-"], yaml).await
    }

    /// `kubectl apply -f PATH`, for a file or a folder.
    pub async fn apply_path(&self, path: &Path) -> Result<String, Error> {
        self.ok(&["apply".as_ref(), "-f".as_ref(), path.as_os_str()]).await
    }

    fn command(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.bin);
        command
            .env("HOME", &self.home)
            .env_remove("KUBECONFIG")
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .arg("--cache-dir")
            .arg(self.home.join("cache"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}
