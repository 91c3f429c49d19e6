//! `ledger`: a copy of the ledger outside of the store, and the way back. Flags, and what both ways share; what
//! contradicts what is in `rules::restore`.

mod export;
mod import;

use clap::{Args, Subcommand};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, ListParams},
};
use std::{fmt::Display, path::PathBuf, process::ExitCode};

use super::connect::{self, Acting};
use crate::{
    api::{ServiceNumber, ServiceNumberSpec},
    controllers::{api_error::with_sources, meter::Meter},
    rules::restore::{Book, Contradiction},
};

#[derive(Debug, Subcommand)]
pub(super) enum Ledger {
    /// Writes every record, one a line. A file that is there is brought up to date and loses nothing.
    #[command(after_help = EXPORT_CODES)]
    Export {
        #[command(flatten)]
        target: Target,
        /// The file, readable by its owner alone. Absent: standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Adds what the cluster lacks, and refuses what contradicts it before anything is written. See docs/restore.md.
    #[command(after_help = IMPORT_CODES)]
    Import {
        #[command(flatten)]
        target: Target,
        /// The file that `ledger export` wrote.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Say what would be written, and write nothing.
        #[arg(long)]
        dry_run: bool,
        /// The cluster was built anew: the file is of the ledger that this one continues.
        #[arg(long)]
        rebuilt_cluster: bool,
    },
}

const EXPORT_CODES: &str = "Exit codes: 0 done; 1 failed, and the file is as it was; 2 bad arguments or file; \
3 the cluster lacks what the file has, which was kept: the store was restored from an older copy; 4 the cluster \
contradicts the file, which is as it was.";

const IMPORT_CODES: &str = "Exit codes: 0 the cluster has everything that the file has; 1 failed, perhaps half way: \
run it again; 2 bad arguments or file; 3 with --dry-run: there is something to import; 4 the file contradicts the \
cluster, and nothing was written.";

/// Which cluster, and as whom.
#[derive(Debug, Args)]
pub(super) struct Target {
    /// Kubeconfig file. Absent: $KUBECONFIG, ~/.kube/config, then the service account of the pod.
    #[arg(long, env = "ICP_KUBECONFIG", value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig. Absent: its current one.
    #[arg(long, env = "ICP_CONTEXT", value_name = "NAME")]
    context: Option<String>,
    /// Act as this user, as with kubectl.
    #[arg(long = "as", value_name = "USER")]
    user: Option<String>,
    /// Act as a member of this group; an import needs icp-filing.dev:break-glass. May be repeated.
    #[arg(long = "as-group", value_name = "GROUP", requires = "user")]
    groups: Vec<String>,
}

/// How a command ended, other than well.
enum End {
    /// Something failed.
    Failed(String),
    /// It was asked for something that cannot be.
    Asked(String),
    /// There is something that should not be missing.
    Missing(String),
    /// Two accounts contradict each other.
    Contradiction(String),
}

impl End {
    fn failed(what: &str, why: impl Display) -> Self {
        Self::Failed(format!("{what}: {why}"))
    }

    /// Prints every contradiction.
    fn contradiction(all: &[Contradiction], consequence: &str) -> Self {
        for contradiction in all {
            eprintln!("contradiction: {contradiction}");
        }
        Self::Contradiction(format!("{} contradictions; {consequence}", all.len()))
    }
}

pub(super) fn main(what: Ledger) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let end = runtime.block_on(async {
        match what {
            Ledger::Export { target, out } => export::export(target, out.as_deref()).await,
            Ledger::Import { target, file, dry_run, rebuilt_cluster } => {
                import::import(target, &file, dry_run, rebuilt_cluster).await
            }
        }
    });
    let (code, message) = match end {
        Ok(()) => return ExitCode::SUCCESS,
        Err(End::Failed(message)) => (1, message),
        Err(End::Asked(message)) => (2, message),
        Err(End::Missing(message)) => (3, message),
        Err(End::Contradiction(message)) => (4, message),
    };
    eprintln!("error: {message}");
    ExitCode::from(code)
}

async fn connect(target: Target) -> Result<Client, End> {
    let Target { kubeconfig, context, user, groups } = target;
    connect::connect(kubeconfig.as_deref(), context.as_deref(), Acting { user, groups }, Meter::default())
        .await
        .map_err(End::Asked)
}

/// The ledger as the store has it: which one, at which revision, and every record.
struct Stored {
    store: String,
    revision: String,
    book: Book,
}

/// Reads all of it, in one list that the store itself confirms to be the newest.
async fn read(client: &Client) -> Result<Stored, End> {
    let store = super::store::identity(client).await.map_err(|f| {
        End::failed("cannot read the CustomResourceDefinition of the records, whose uid names the ledger", f)
    })?;
    let records: Api<DynamicObject> =
        Api::all_with(client.clone(), &ApiResource::erase::<ServiceNumber>(&()));
    // No limit, so that there is one answer and one revision; no revision asked for, so that it is the newest.
    let newest = ListParams::default();
    // Many records take longer than one call may otherwise.
    let list = tokio::time::timeout(std::time::Duration::from_mins(2), records.list(&newest))
        .await
        .map_err(|_| End::Failed("the list of all records was not answered within two minutes".to_owned()))?
        .map_err(|e| End::failed("cannot list the records", with_sources(&e)))?;
    let mut book = Book::default();
    for record in list.items {
        let name = record.metadata.name.clone().unwrap_or_default();
        spec_of(&record).and_then(|spec| book.add(&name, spec)).map_err(|why| {
            End::Failed(format!(
                "record {name} cannot be taken: {why}. Is it from a newer version? Run that version"
            ))
        })?;
    }
    Ok(Stored { store, revision: list.metadata.resource_version.unwrap_or_default(), book })
}

/// A record's facts, all of them: one that this version does not know would be lost on the way.
fn spec_of(record: &DynamicObject) -> Result<ServiceNumberSpec, String> {
    let stored = record.data.get("spec").cloned().unwrap_or_default();
    let spec: ServiceNumberSpec = serde_json::from_value(stored.clone()).map_err(|e| e.to_string())?;
    let known = serde_json::to_value(&spec).map_err(|e| e.to_string())?;
    match unknown(&stored, &known) {
        None => Ok(spec),
        Some(field) => Err(format!("it has a field {field} that this version does not know")),
    }
}

/// The first field that one has and the other has not.
fn unknown(stored: &serde_json::Value, known: &serde_json::Value) -> Option<String> {
    stored.as_object()?.iter().find_map(|(field, value)| match known.get(field) {
        None => Some(field.clone()),
        Some(known) => unknown(value, known).map(|inner| format!("{field}.{inner}")),
    })
}
