//! The process around the controllers: command line, connection, checks at the start, leader election, health,
//! metrics, logs and shutdown. What is done about resources is in `controllers`.

mod audit;
mod cli;
mod connect;
mod durable;
mod election;
mod generate;
mod lease;
mod ledger;
mod limits;
mod logs;
mod objects;
mod preflight;
mod run;
mod serve;
mod store;
mod traces;
mod work;

use clap::Parser;
use std::process::ExitCode;

/// Runs the program. Exit codes: 0 done, 1 failed while it ran, 2 could not start as asked, 3 the store is older than
/// what was seen of it; `audit` and `ledger` have their own, which their help tells.
#[must_use]
pub fn main() -> ExitCode {
    match cli::Cli::parse().command {
        cli::Command::Run(options) => run::main(options),
        cli::Command::Audit(options) => audit::main(&options),
        cli::Command::Crds { out } => generate::crds(out.as_deref()),
        cli::Command::ApiReference => generate::api_reference(),
        cli::Command::Ledger(what) => ledger::main(what),
    }
}
