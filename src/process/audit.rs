//! `audit`: reads a cluster or a dump, has the rules judge it, prints who holds what and what was found. It writes
//! nothing anywhere else.

mod json;
mod text;

use std::{collections::BTreeMap, io::Write, process::ExitCode, time::Duration};

use k8s_openapi::jiff::Timestamp;

use super::{
    cli::{Audit, Output},
    connect::{Acting, connect},
    objects::{cluster, manifests},
};
use crate::{
    controllers::meter::Meter,
    rules::{
        audit::{self, Finding, Holding, Proof},
        kind::Kind,
        snapshot::Snapshot,
    },
};

/// How long what is on its way may take until it is looked at once more.
const SETTLE: Duration = Duration::from_secs(3);

/// What is printed.
struct Report {
    source: Vec<String>,
    /// Kinds that a dump holds nothing of.
    missing: Vec<Kind>,
    /// Other kinds of a dump, and how many of each.
    ignored: BTreeMap<String, usize>,
    holdings: Vec<Holding>,
    findings: Vec<Finding>,
    show_numbers: bool,
}

/// How bad the worst is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Broken,
    Odd,
    Clean,
}

impl Report {
    fn broken(&self) -> usize {
        self.findings.iter().filter(|f| f.breaks().is_some()).count()
    }

    fn verdict(&self) -> Verdict {
        match (self.broken(), self.findings.len()) {
            (0, 0) => Verdict::Clean,
            (0, _) => Verdict::Odd,
            _ => Verdict::Broken,
        }
    }
}

pub(super) fn main(options: &Audit) -> ExitCode {
    let report = match report(options) {
        Ok(report) => report,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
    };
    let printed = match options.output {
        Output::Text => text::print(&report),
        Output::Json => json::print(&report),
    };
    if let Err(error) = std::io::stdout().lock().write_all(printed.as_bytes()) {
        eprintln!("error: cannot write the report: {error}");
        return ExitCode::FAILURE;
    }
    match report.verdict() {
        Verdict::Broken => ExitCode::from(3),
        Verdict::Odd if options.strict => ExitCode::from(4),
        Verdict::Odd | Verdict::Clean => ExitCode::SUCCESS,
    }
}

fn report(options: &Audit) -> Result<Report, String> {
    let (source, snapshot, findings, ignored) = if options.from.is_empty() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| format!("cannot start: {e}. Raise the limits of the process"))?;
        let (snapshot, findings) = runtime.block_on(of_cluster(options))?;
        (vec!["cluster".to_owned()], snapshot, findings, BTreeMap::new())
    } else {
        let read = manifests::read(&options.from).map_err(|e| e.to_string())?;
        if read.snapshot.records.is_none() && read.snapshot.unreadable.is_empty() {
            return Err("there is no ServiceNumber in what was given, so there is nothing to judge the rest by. Add what \
                 `kubectl get servicenumbers -o yaml` prints"
                .to_owned());
        }
        let findings = audit::findings(&read.snapshot, Timestamp::now());
        let source = options.from.iter().map(|file| file.display().to_string()).collect();
        (source, read.snapshot, findings, read.ignored)
    };
    Ok(Report {
        source,
        missing: snapshot.missing(),
        ignored,
        holdings: audit::holdings(&snapshot),
        findings,
        show_numbers: options.show_numbers,
    })
}

/// Lists of several kinds are of several moments. What may have been on its way between them counts only where a
/// second look, a while later, finds the same objects at the same revisions.
async fn of_cluster(options: &Audit) -> Result<(Snapshot, Vec<Finding>), String> {
    let target = &options.cluster;
    let client =
        connect(target.kubeconfig.as_deref(), target.context.as_deref(), Acting::default(), Meter::default())
            .await?;
    let look = async || {
        let snapshot = cluster::read(&client).await.map_err(|e| e.to_string())?;
        let findings = audit::findings(&snapshot, Timestamp::now());
        Ok::<_, String>((snapshot, findings))
    };
    let (snapshot, first) = look().await?;
    let passing = |finding: &Finding| finding.code.proof() == Proof::Moments;
    if !first.iter().any(passing) {
        return Ok((snapshot, first));
    }
    tokio::time::sleep(SETTLE).await;
    let (snapshot, mut findings) = look().await?;
    findings.retain(|finding| !passing(finding) || first.contains(finding));
    Ok((snapshot, findings))
}
