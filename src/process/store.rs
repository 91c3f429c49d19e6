//! Which store the ledger is in, and how far it was seen to be by an earlier process: a small file outside of the
//! store, so that a start on an older copy of it is noticed. The file may lag, and is never ahead: a mark is
//! written only after it was seen.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, CustomResourceExt};
use serde::{Deserialize, Serialize};
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use super::durable;
use crate::{
    api::ServiceNumber,
    controllers::{
        Context,
        api_error::{Failure, bounded},
        store,
    },
    rules::high_water::HighWater,
};

/// How often the mark is written while it grows.
const EVERY: Duration = Duration::from_secs(5);
const FILE: &str = "high-water.json";

/// What the file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    /// The store, as [`identity`] names it.
    store: String,
    /// How far it was seen to be.
    seen: HighWater,
}

/// The folder of the mark, and the store that it is kept of.
pub(super) struct Kept {
    file: PathBuf,
    mark: Mark,
}

/// Why the operator may not start.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It was asked for something that cannot be.
    Asked(String),
    /// The store is older than what an earlier process saw.
    Restored(String),
}

/// The uid of the CustomResourceDefinition of the records: it is a new one wherever all records are gone.
pub(super) async fn identity(client: &Client) -> Result<String, Failure> {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let crd = bounded(crds.get_metadata(ServiceNumber::crd_name())).await?;
    crd.metadata.uid.ok_or(Failure::Gone)
}

/// Compares the store with the mark in a folder, and goes on from there. Waits while the store does not answer.
pub(super) async fn begin(
    client: &Client,
    folder: &Path,
    accepted: Option<u64>,
    report: impl Fn(&str),
) -> Result<Kept, Refusal> {
    let file = folder.join(FILE);
    let old = read(&file)?;
    let (store, shown) = loop {
        let record = old.as_ref().and_then(|mark| mark.seen.newest.as_ref()).map(|n| n.record.as_str());
        let answer = async { Ok::<_, Failure>((identity(client).await?, store::ask(client, record).await?)) };
        match answer.await {
            Ok(answer) => break answer,
            Err(failure) => {
                let message =
                    format!("the API server does not say which store it has, and how far it is: {failure}");
                report(&message);
                tracing::error!("{message}; trying again");
            }
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    };
    let mut mark = Mark { store, seen: HighWater { revision: shown.revision, newest: None } };
    if let Some(old) = old {
        let accept = old.seen.revision;
        let wrong = if old.store == mark.store {
            old.seen.check(&shown).err().map(|back| back.to_string())
        } else {
            Some(format!(
                "the mark in {} is of another ledger ({}, and this one is {})",
                file.display(),
                old.store,
                mark.store
            ))
        };
        match wrong {
            None => mark = old,
            Some(wrong) if accepted == Some(accept) => {
                tracing::warn!(mark = accept, "accepted as told, and begun anew: {wrong}");
            }
            Some(wrong) => {
                return Err(Refusal::Restored(format!(
                    "{wrong}. Numbers that were issued since may be unknown to this store, and would be issued again: \
                     follow docs/restore.md, and when every record is back start once with \
                     --accept-restored-store {accept}"
                )));
            }
        }
    }
    write(&file, &mark).map_err(|e| {
        Refusal::Asked(format!(
            "--state-dir: cannot write {}: {e}. Name a folder that it may write to",
            file.display()
        ))
    })?;
    Ok(Kept { file, mark })
}

/// Writes the mark again while the store goes on; never ends.
pub(super) async fn keep(kept: Option<Kept>, context: &Context) {
    let Some(Kept { file, mut mark }) = kept else { return std::future::pending().await };
    context.store.at(mark.seen.revision);
    let mut said = false;
    loop {
        tokio::time::sleep(EVERY).await;
        let mut next = mark.clone();
        let seen = store::high_water(context);
        next.seen.revision = next.seen.revision.max(seen.revision);
        next.seen.newest = next.seen.newest.max(seen.newest);
        if next == mark {
            continue;
        }
        match write(&file, &next) {
            Ok(()) => (mark, said) = (next, false),
            Err(error) if !said => {
                said = true;
                tracing::error!(%error, file = %file.display(), "cannot write the mark of the store; trying again");
            }
            Err(_) => {}
        }
    }
}

fn read(file: &Path) -> Result<Option<Mark>, Refusal> {
    let unusable = |why: &dyn std::fmt::Display| {
        Refusal::Asked(format!(
            "--state-dir: {}: {why}. It says how far the store was: compare docs/restore.md before you remove it",
            file.display()
        ))
    };
    match std::fs::read_to_string(file) {
        Ok(text) => serde_json::from_str(&text).map(Some).map_err(|e| unusable(&e)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(&error)),
    }
}

fn write(file: &Path, mark: &Mark) -> std::io::Result<()> {
    let text = serde_json::to_string(mark).map_err(std::io::Error::other)?;
    durable::replace(file, &(text + "\n"))
}
