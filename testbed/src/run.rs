//! `testbed run`: a control plane for as long as one command runs.

use std::env;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use testbed::{ControlPlane, Leash, Options, Signal};
use tokio::signal::unix::{SignalKind, signal};

use crate::Failure;

pub(crate) async fn run(options: Options, command: &[String]) -> Result<ExitCode, Failure> {
    // From now on neither ends this process at once, so that it takes its servers down first.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let control_plane = tokio::select! {
        started = ControlPlane::start(options) => started?,
        _ = interrupt.recv() => return Ok(ExitCode::from(130)),
        _ = terminate.recv() => return Ok(ExitCode::from(143)),
    };
    let done = hold(&control_plane, command, &mut interrupt, &mut terminate).await;
    control_plane.stop().await?;
    Ok(exit_code(done?))
}

async fn hold(
    control_plane: &ControlPlane,
    command: &[String],
    interrupt: &mut tokio::signal::unix::Signal,
    terminate: &mut tokio::signal::unix::Signal,
) -> Result<ExitStatus, Failure> {
    let inherited = env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(control_plane.bin_dir().to_owned()).chain(env::split_paths(&inherited));
    let [program, arguments @ ..] = command else { return Err("no command".into()) };
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .env("KUBECONFIG", control_plane.admin_kubeconfig())
        .env("TESTBED_DIR", control_plane.dir())
        .env("PATH", env::join_paths(path)?)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cannot run {program}: {error}"))?;
    // It owns the terminal, so it is no guarded process; the leash ends it if we are killed.
    let leash = child.id().map(Leash::on).transpose()?;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            // A terminal interrupts the command as well; it decides what that means.
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {
                if let Some(leash) = &leash {
                    leash.signal(Signal::Term)?;
                }
            }
        }
    };
    if let Some(leash) = leash {
        leash.release();
    }
    Ok(status)
}

/// The code a shell would give.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
