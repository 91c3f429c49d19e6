//! What a process takes of the machine, as the kernel says. Nothing is judged here.

use std::time::Duration;

use testbed::Process;

use crate::fixture::must;

/// Ticks in a second of /proc, which is the same on every Linux.
const TICKS: u64 = 100;

/// How long a process has computed.
pub fn cpu(process: &Process) -> Duration {
    let stat = read(process, "stat");
    // The second field is a name in parentheses, which may hold anything.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1000 / TICKS)
}

/// How much memory a process holds, in MiB.
pub fn memory(process: &Process) -> f64 {
    mib(process, "VmRSS:")
}

/// The most memory that a process ever held, in MiB.
pub fn peak(process: &Process) -> f64 {
    mib(process, "VmHWM:")
}

fn mib(process: &Process, field: &str) -> f64 {
    let status = read(process, "status");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    let kib: Option<u32> = line.split_whitespace().next().and_then(|kib| kib.parse().ok());
    f64::from(kib.unwrap_or_default()) / 1024.0
}

fn read(process: &Process, file: &str) -> String {
    must("look at a process", std::fs::read_to_string(format!("/proc/{}/{file}", process.pid())))
}
