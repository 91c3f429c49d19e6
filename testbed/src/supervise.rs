//! `testbed up`, `serve` and `down`: a control plane that outlives the command that started it, held
//! by a process of its own, `serve`, that can be found again by a file in the folder.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use testbed::{ControlPlane, Leash, Options, Signal};
use tokio::signal::unix::{SignalKind, signal};

use crate::Failure;

/// How long `down` waits: well above what the servers are given to end.
const DOWN_WITHIN: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(50);

/// Starts `serve` away from this terminal and waits until its control plane is ready.
pub(crate) async fn up(folder: &Path, flags: &[String]) -> Result<ExitCode, Failure> {
    let folder = testbed::claim_folder(folder)?;
    if let Some(pid) = supervisor(&folder) {
        let folder = folder.display();
        return Err(format!("{folder} is up already (pid {pid}); `testbed down {folder}` ends it").into());
    }
    // Here, where its progress is seen, rather than in the background.
    let mut names = vec!["etcd", "kube-apiserver", "kubectl"];
    names
        .extend(flags.iter().any(|flag| flag == "--controller-manager").then_some("kube-controller-manager"));
    testbed::binaries(&names).await?;

    let log_path = folder.join("serve.log");
    let log = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&log_path)?;
    let _ = std::fs::remove_file(ready_file(&folder));
    let mut serve = Command::new("setsid")
        .arg(std::env::current_exe()?)
        .arg("serve")
        .args(flags)
        .arg(&folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .map_err(|error| format!("cannot run setsid (of util-linux): {error}"))?;
    loop {
        if let Ok(kubeconfig) = std::fs::read_to_string(ready_file(&folder)) {
            println!("{}", kubeconfig.trim_end());
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(status) = serve.try_wait()? {
            let log = std::fs::read_to_string(&log_path).unwrap_or_default();
            return Err(format!("the control plane did not come up ({status}):\n{}", log.trim_end()).into());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Holds the control plane of `folder` until it is told to end.
pub(crate) async fn serve(folder: &Path, options: Options) -> Result<ExitCode, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let told = async {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    };
    tokio::pin!(told);
    // Before anything else, so that a second `up` or a `down` finds it from the start.
    std::fs::write(pid_file(folder), std::process::id().to_string())?;
    let start = ControlPlane::start(options.keep(folder));
    let control_plane = tokio::select! {
        started = start => started?,
        () = &mut told => return Ok(ExitCode::SUCCESS),
    };
    let partial = folder.join("ready.partial");
    std::fs::write(&partial, control_plane.admin_kubeconfig().as_os_str().as_encoded_bytes())?;
    std::fs::rename(partial, ready_file(folder))?;
    told.await;
    let _ = std::fs::remove_file(ready_file(folder));
    control_plane.stop().await?;
    Ok(ExitCode::SUCCESS)
}

/// Ends the control plane of `folder` and waits until it is gone.
pub(crate) async fn down(folder: &Path) -> Result<ExitCode, Failure> {
    let folder = folder.canonicalize()?;
    let Some(pid) = supervisor(&folder) else {
        eprintln!("testbed: {} is not up", folder.display());
        return Ok(ExitCode::SUCCESS);
    };
    let leash = Leash::on(pid)?;
    leash.signal(Signal::Term)?;
    leash.release();
    let gone = async {
        while supervisor(&folder).is_some() {
            tokio::time::sleep(PAUSE).await;
        }
    };
    let late = |_| format!("pid {pid} did not end; {} may say why", folder.join("serve.log").display());
    tokio::time::timeout(DOWN_WITHIN, gone).await.map_err(late)?;
    Ok(ExitCode::SUCCESS)
}

/// The pid of the process that holds the control plane of `folder`, if one does. A pid alone proves
/// nothing, as it may have gone to another process, so its command line has to be ours.
fn supervisor(folder: &Path) -> Option<u32> {
    let pid: u32 = std::fs::read_to_string(pid_file(folder)).ok()?.trim().parse().ok()?;
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let arguments: Vec<&[u8]> =
        line.split(|byte| *byte == 0).filter(|argument| !argument.is_empty()).collect();
    let ours = arguments.get(1) == Some(&b"serve".as_slice())
        && arguments.last() == Some(&folder.as_os_str().as_encoded_bytes());
    ours.then_some(pid)
}

fn pid_file(folder: &Path) -> PathBuf {
    folder.join("serve.pid")
}

fn ready_file(folder: &Path) -> PathBuf {
    folder.join("ready")
}
