//! What the machine has to give before anything is begun: files and threads. Limits are not raised here.

use std::{fs::File, io, panic, process};
use tokio::runtime::{Builder, Runtime};

/// As many as the operator has open at its busiest: its watches, a call for each object that is looked at, whoever
/// asks for health and metrics, and the runtime's own.
const FILES: usize = 64;

/// That enough files can be open at once, or a sentence that says what to do.
pub(super) fn files() -> Result<(), String> {
    let open: io::Result<Vec<File>> = (0..FILES).map(|_| File::open("/dev/null")).collect();
    open.map(drop).map_err(|error| {
        format!(
            "cannot have {FILES} files open at once: {error}. Raise the limit of open files (`ulimit -n`, LimitNOFILE) to 256 or more"
        )
    })
}

/// The runtime, or the end of the process with a line that says what to do.
///
/// Where it gets too few threads it panics, and while it is dropped then it waits for those that it did get: for ever,
/// with a process that does nothing. So a panic here ends the process.
pub(super) fn runtime() -> io::Result<Runtime> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|panic| {
        tracing::error!(
            cause = panic.payload_as_str(),
            "cannot start threads. Raise the limits of memory, processes and open files"
        );
        process::exit(2);
    }));
    let runtime = Builder::new_multi_thread().enable_all().build();
    panic::set_hook(hook);
    runtime
}
