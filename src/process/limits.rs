//! What the machine has to give before anything is begun: files and the runtime. Limits are not raised here.

use std::{fs::File, io};
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

/// The runtime: one thread for everything that the operator does between its calls.
///
/// The API server's work for a number is many times the operator's. With more threads they mostly woke each other: a
/// number cost half as much of the processor's time again, and none came sooner.
pub(super) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
