//! Logs to standard error, as text or JSON. What is logged is decided where it happens; numbers never are.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

use super::cli::LogFormat;

/// Starts logging, or says what is wrong with the filter.
pub(super) fn start(format: LogFormat, filter: &str) -> Result<(), String> {
    let filter = EnvFilter::builder()
        .parse(filter)
        .map_err(|e| format!("--log {filter:?} is no filter: {e}. Use a level such as `info` or `debug`"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}
