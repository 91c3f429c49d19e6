//! Whether statuses tell the truth, at every revision: the ledger is written first, so whatever a status says of a
//! number is in the ledger by then. And no claim is ever shown two numbers. Written from what is promised.

use std::collections::HashMap;

use serde_json::Value;

use crate::mirror::Objects;
use crate::plan::Kind;

/// What has to be remembered of what statuses said.
#[derive(Debug, Default)]
pub struct Truth {
    /// What was not true, each with its revision.
    pub lies: Vec<String>,
    /// Request and instance to the first number that was ever shown for them.
    shown: HashMap<String, String>,
}

impl Truth {
    /// Judges an object as it is written, with everything else as it is then.
    pub fn judge(&mut self, revision: u64, kind: Kind, name: &str, object: &Value, objects: &Objects) {
        let status = &object["status"];
        let lies = match (kind, status["recordName"].as_str()) {
            (Kind::Request | Kind::Filing, None) if !status["serviceNumber"].is_null() => {
                vec!["it shows a number and no record".to_owned()]
            }
            (Kind::Filing, None) if !status["submittedTime"].is_null() => {
                vec!["it shows a submission and no record".to_owned()]
            }
            (Kind::Request | Kind::Filing, Some(record)) => match objects.get(Kind::Record, record) {
                None => vec![format!("it shows {record}, which was not issued")],
                Some(record) => {
                    let own = if kind == Kind::Request {
                        claimed(name, object, record)
                    } else {
                        bound(object, record)
                    };
                    own.into_iter().chain(same(status, record)).collect()
                }
            },
            (Kind::Request, None) => denied(name, status, objects).into_iter().collect(),
            (Kind::Record, _) => kept(name, object, objects).into_iter().collect(),
            _ => Vec::new(),
        };
        self.lies.extend(
            lies.into_iter().map(|lie| format!("revision {revision}: {} {name}: {lie}", kind.resource())),
        );
        if let (Kind::Request, Some(number)) = (kind, status["serviceNumber"].as_str()) {
            let claim = format!("{name} on {}", object["spec"]["instanceRef"]["name"]);
            let first = self.shown.entry(claim).or_insert_with(|| number.to_owned());
            if first != number {
                self.lies
                    .push(format!("revision {revision}: request {name} was shown another number before"));
            }
        }
    }
}

/// A request shows the record that was issued to it, on the terms that it asks for.
fn claimed(name: &str, request: &Value, record: &Value) -> Option<String> {
    let (asked, issued) = (&request["spec"], &record["spec"]);
    let claim = &issued["claim"];
    let claimant = format!("{}/{}", claim["namespace"].as_str()?, claim["name"].as_str()?);
    if claimant != name || claim["kind"] != "ServiceNumberRequest" {
        return Some(format!("it shows the record of {claimant}"));
    }
    let other = ["accountID", "filingAccountID"].into_iter().find(|term| asked[*term] != issued[*term]);
    other.map(|term| format!("it shows a record that was issued with another {term}"))
}

/// A request that was issued a number is not told that the ledger cannot be written to: it is a slow answer away.
fn denied(name: &str, status: &Value, objects: &Objects) -> Option<String> {
    let said = status["refusals"].as_array().into_iter().flatten();
    said.into_iter().find(|refusal| refusal["reason"] == "LedgerUnavailable")?;
    let mut records = objects.all(Kind::Record, "");
    let issued = records.find(|(_, record)| {
        let claim = &record["spec"]["claim"];
        claim["kind"] == "ServiceNumberRequest"
            && name.split_once('/') == claim["namespace"].as_str().zip(claim["name"].as_str())
    });
    issued.map(|(record, _)| format!("it is told that it cannot have a number and has {record}"))
}

/// A filing shows a record that is bound to it, and no time that the ledger does not have.
fn bound(filing: &Value, record: &Value) -> Option<String> {
    let (meta, status) = (&filing["metadata"], &filing["status"]);
    let (spec, holder) = (&record["spec"], &record["spec"]["filing"]);
    let own = holder["namespace"] == meta["namespace"] && holder["name"] == meta["name"];
    if !own || (holder["uid"] != meta["uid"] && spec["submittedTime"].is_null()) {
        return Some(format!("it shows a record that is bound to {holder}"));
    }
    let times =
        [("submittedTime", "submittedTime"), ("completedTime", "consumedTime"), ("icpNumber", "icpNumber")];
    let untrue =
        times.into_iter().find(|(said, fact)| !status[*said].is_null() && status[*said] != spec[*fact]);
    untrue.map(|(said, _)| format!("it says {said}, which the ledger does not"))
}

/// A record is not taken from a filing that is there and shows it.
fn kept(name: &str, record: &Value, objects: &Objects) -> Option<String> {
    let before = &objects.get(Kind::Record, name)?["spec"]["filing"];
    let key = format!("{}/{}", before["namespace"].as_str()?, before["name"].as_str()?);
    let filing = objects.get(Kind::Filing, &key)?;
    let shows = filing["status"]["recordName"] == name && filing["metadata"]["uid"] == before["uid"];
    (shows && record["spec"]["filing"] != *before)
        .then(|| format!("it is taken from {key}, which is there and shows it"))
}

/// The number that is shown is that of the record.
fn same(status: &Value, record: &Value) -> Option<String> {
    (status["serviceNumber"] != record["spec"]["number"])
        .then(|| "it shows another number than its record".to_owned())
}
