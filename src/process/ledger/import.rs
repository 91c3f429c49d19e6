//! `ledger import`: adds what the cluster lacks, by the caller's own rights. With the operator's records the one
//! place that writes the ledger, and only while the operator does not.
//!
//! Everything is decided before anything is written, and every write is safe by itself: a create takes a name that
//! is free, and a step forward carries the revision of the record that it was decided from. If it dies half way, or
//! an answer is lost, the next run decides on what is there then.

use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;
use std::path::Path;

use super::{End, Stored, Target, connect, read};
use crate::{
    api::{ServiceNumber, ServiceNumberSpec},
    controllers::api_error::{Failure, bounded},
    rules::{
        life::Change,
        restore::{self, Book, Place, Plan},
    },
};

const MANAGER: &str = "icp-filing-ledger-import";

pub(super) async fn import(
    target: Target,
    file: &Path,
    dry_run: bool,
    rebuilt_cluster: bool,
) -> Result<(), End> {
    let here = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|e| End::Asked(format!("{here}: {e}. Name a file that `ledger export` wrote")))?;
    let (header, copy) = Book::parse(&text).map_err(|e| End::Asked(format!("{here}: {e}")))?;
    let client = connect(target).await?;
    let stored = read(&client).await?;
    if header.store != stored.store && !rebuilt_cluster {
        return Err(End::Asked(format!(
            "{here}: it is of another ledger ({}), and this one is {}. Is this the right cluster? If it was built anew \
             in place of that one, say so with --rebuilt-cluster",
            header.store, stored.store
        )));
    }
    let plan = decide(&copy, &stored)?;
    for place in &plan.redone {
        println!("{place}: it was submitted once more since; the cluster's account of it stays");
    }
    if plan.is_empty() {
        println!("nothing to do: the cluster has all {} records of {here}", copy.len());
        return Ok(());
    }
    if dry_run {
        for spec in &plan.create {
            println!("would add {}", told(spec));
        }
        for (place, steps) in &plan.forward {
            println!("would bring forward {place}: {}", verbs(steps));
        }
        return Err(End::Missing(format!(
            "the cluster lacks {} records of {here} and is behind in {}; nothing was written",
            plan.create.len(),
            plan.forward.len()
        )));
    }
    write(&client, &plan).await?;
    let stored = read(&client).await?;
    if !decide(&copy, &stored)?.is_empty() {
        return Err(End::Failed(
            "somebody wrote meanwhile. Is the operator stopped? Run it again".to_owned(),
        ));
    }
    println!(
        "added {} records and brought {} forward: the cluster has all {} records of {here}",
        plan.create.len(),
        plan.forward.len(),
        copy.len()
    );
    Ok(())
}

fn decide(copy: &Book, stored: &Stored) -> Result<Plan, End> {
    restore::plan(copy, &stored.book).map_err(|contradictions| {
        End::contradiction(
            &contradictions,
            "nothing was written: numbers were issued on the restored store. See docs/restore.md",
        )
    })
}

async fn write(client: &Client, plan: &Plan) -> Result<(), End> {
    let api: Api<ServiceNumber> = Api::all(client.clone());
    for spec in &plan.create {
        create(&api, spec).await?;
        println!("added {}", told(spec));
    }
    for (place, steps) in &plan.forward {
        forward(&api, place, steps).await?;
        println!("brought forward {place}: {}", verbs(steps));
    }
    Ok(())
}

async fn create(api: &Api<ServiceNumber>, spec: &ServiceNumberSpec) -> Result<(), End> {
    let name = Place::of(spec).to_string();
    let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    let created = bounded(api.create(&params, &ServiceNumber::new(&name, spec.clone()))).await;
    created.map(drop).map_err(|failure| stopped(&name, &failure))
}

/// One write for each step, as in the life of every number: the schema allows no other.
async fn forward(api: &Api<ServiceNumber>, place: &Place, steps: &[Change]) -> Result<(), End> {
    let name = place.to_string();
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let mut record = bounded(api.get(&name)).await.map_err(|failure| stopped(&name, &failure))?;
    for step in steps {
        if step.apply(&record.spec).is_none() {
            return Err(stopped(&name, &Failure::Conflict));
        }
        let patch = json!({"metadata": {"resourceVersion": record.resource_version()}, "spec": step.patch()});
        record = bounded(api.patch(&name, &params, &Patch::Merge(&patch)))
            .await
            .map_err(|failure| stopped(&name, &failure))?;
    }
    Ok(())
}

fn stopped(name: &str, failure: &Failure) -> End {
    let what_to_do = match failure {
        Failure::Refused(_) => {
            "Act as a member of the group icp-filing.dev:break-glass: --as=YOU --as-group=icp-filing.dev:break-glass"
        }
        Failure::Conflict => "Is the operator stopped? Run it again",
        Failure::Overload { .. } | Failure::Unknown(_) | Failure::Gone => "Run it again",
    };
    End::Failed(format!("stopped at {name}: {failure}. What was written before stays. {what_to_do}"))
}

/// A record in words, without its number.
fn told(spec: &ServiceNumberSpec) -> String {
    let claim = &spec.claim;
    format!("{} ({:?}, of {:?} {}/{})", Place::of(spec), spec.state, claim.kind, claim.namespace, claim.name)
}

fn verbs(steps: &[Change]) -> String {
    steps.iter().map(Change::verb).collect::<Vec<_>>().join(", ")
}
