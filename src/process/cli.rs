//! Flags and environment, with their help. What they do is elsewhere.

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use std::{net::SocketAddr, path::PathBuf};

use super::{ledger, traces::Endpoint};

/// Issues ICP filing service numbers on Kubernetes, binds them to filings and never loses or repeats one.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Runs the operator until SIGTERM or SIGINT.
    Run(Run),
    /// Reports who holds which number and everything that is broken or odd. It repairs nothing.
    Audit(Audit),
    /// Prints the CRDs as YAML, or writes one file for each into a folder.
    Crds {
        /// The folder.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Prints the API reference as Markdown.
    ApiReference,
    /// Keeps a copy of the ledger in a file, and brings it back after a restore.
    #[command(subcommand)]
    Ledger(ledger::Ledger),
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// Kubeconfig file. Absent: $KUBECONFIG, ~/.kube/config, then the service account of the pod.
    #[arg(long, env = "ICP_KUBECONFIG", value_name = "FILE")]
    pub(super) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig. Absent: its current one.
    #[arg(long, env = "ICP_CONTEXT", value_name = "NAME")]
    pub(super) context: Option<String>,
    /// Serve instances, requests and filings of this namespace only. Classes and the ledger are cluster-wide.
    #[arg(long, env = "ICP_NAMESPACE", value_name = "NAME", value_parser = namespace)]
    pub(super) namespace: Option<String>,
    /// Address of /healthz, /readyz and /metrics. Port 0 chooses a free one and logs it.
    #[arg(long, env = "ICP_LISTEN", value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    pub(super) listen: SocketAddr,
    /// How many objects are looked at at a time.
    #[arg(long, env = "ICP_CONCURRENCY", value_name = "COUNT", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) concurrency: u16,
    /// Look at everything again this often, in seconds, although nothing was observed.
    #[arg(long, env = "ICP_RESYNC_SECONDS", value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(super) resync_seconds: u32,
    /// Let one of several operators work and the others stand by. Without it each does all the work, which is as safe.
    #[arg(long, env = "ICP_LEADER_ELECT", value_name = "BOOL", default_value_t = true, default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set)]
    pub(super) leader_elect: bool,
    /// Name of the Lease that they contend for. Absent: `icp-filing-operator`, with the served namespace behind a dot if there is one.
    #[arg(long, env = "ICP_LEASE_NAME", value_name = "NAME", value_parser = lease)]
    pub(super) lease_name: Option<String>,
    /// Namespace of the Lease. Absent: the pod's own; outside of a pod `icp-filing-system`, where the operator is installed.
    #[arg(long, env = "ICP_LEASE_NAMESPACE", value_name = "NAME", value_parser = namespace)]
    pub(super) lease_namespace: Option<String>,
    /// A folder that outlives the process, for a mark of how far the store was seen to be: a start on an older copy of it is refused. Absent: only a running operator notices.
    #[arg(long, env = "ICP_STATE_DIR", value_name = "DIR")]
    pub(super) state_dir: Option<PathBuf>,
    /// After a restore, when every record is back: start although the mark is at this revision, and begin a new mark.
    #[arg(long, env = "ICP_ACCEPT_RESTORED_STORE", value_name = "REVISION", requires = "state_dir")]
    pub(super) accept_restored_store: Option<u64>,
    /// Send traces to this OTLP collector over HTTP, such as `http://localhost:4318`: one trace for each look, with a span for each call. Absent: none are made.
    #[arg(long, env = "ICP_TRACES_ENDPOINT", value_name = "URL", value_parser = Endpoint::parse)]
    pub(super) traces_endpoint: Option<Endpoint>,
    /// How logs are written.
    #[arg(long, env = "ICP_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(super) log_format: LogFormat,
    /// What is logged: a level, or directives such as `info,icp_filing_operator=debug`.
    #[arg(long, env = "ICP_LOG", value_name = "FILTER", default_value = "info")]
    pub(super) log: String,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 nothing is broken, 1 the report cannot be written, 2 there is nothing to read, \
    3 an invariant is broken, 4 something is odd and --strict is given."
)]
pub(super) struct Audit {
    #[command(flatten)]
    pub(super) cluster: Cluster,
    /// Read these manifests instead of a cluster: YAML or JSON, any number of documents; - is standard input.
    #[arg(long, value_name = "FILE", num_args = 1.., action = clap::ArgAction::Append)]
    pub(super) from: Vec<PathBuf>,
    /// How the report is written.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    pub(super) output: Output,
    /// Print the numbers too. Whoever reads one may file with it.
    #[arg(long)]
    pub(super) show_numbers: bool,
    /// Exit with 4 when nothing is broken and something is odd.
    #[arg(long)]
    pub(super) strict: bool,
}

/// Which cluster to read.
#[derive(Debug, Args)]
pub(super) struct Cluster {
    /// Kubeconfig file. Absent: $KUBECONFIG, ~/.kube/config, then the service account of the pod.
    #[arg(long, env = "ICP_KUBECONFIG", value_name = "FILE")]
    pub(super) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig. Absent: its current one.
    #[arg(long, env = "ICP_CONTEXT", value_name = "NAME")]
    pub(super) context: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Output {
    /// A table, for people.
    Text,
    /// One JSON document of a stable shape.
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum LogFormat {
    /// One line a message, for people.
    Text,
    /// One JSON object a message.
    Json,
}

fn is_label(value: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edges = !value.starts_with('-') && !value.ends_with('-');
    !value.is_empty() && value.len() <= 63 && value.chars().all(good) && edges
}

fn namespace(value: &str) -> Result<String, String> {
    let text = "a namespace is 1 to 63 lower-case letters, digits and dashes";
    if is_label(value) { Ok(value.to_owned()) } else { Err(text.to_owned()) }
}

fn lease(value: &str) -> Result<String, String> {
    let text =
        "a lease's name is lower-case letters, digits and dashes, in parts of 1 to 63 with dots between";
    if value.len() <= 253 && value.split('.').all(is_label) {
        Ok(value.to_owned())
    } else {
        Err(text.to_owned())
    }
}
