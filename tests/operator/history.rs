//! Every change of our resources as etcd has it: one total order over all kinds, which no watch of the API
//! server gives, from the first revision on, whatever happens to the API server meanwhile. Judged in `oracle`.

use std::time::Duration;

use k8s_openapi::ByteString;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::wire;

/// What the API server keeps our resources under.
const PREFIX: &str = "/registry/icp-filing.dev/";
/// Right behind the prefix: where a mark is put that the API server never looks at.
const MARK: &str = "/registry/icp-filing.dev0";
/// The end of what is watched: the prefix and the mark.
const END: &str = "/registry/icp-filing.dev1";

/// How often a mark is tried again.
const TRIES: u32 = 25;

/// One change of one object.
#[derive(Clone, Debug)]
pub struct Change {
    /// The revision of the store that it made.
    pub revision: u64,
    /// The resource, such as `servicenumbers`.
    pub resource: String,
    /// Namespace and name, or name.
    pub name: String,
    /// The object, or nothing where it was deleted.
    pub object: Option<Value>,
}

/// What was read up to a revision.
#[derive(Debug)]
pub struct Batch {
    /// The revision that is reached.
    pub revision: u64,
    /// What changed, in order.
    pub changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Line {
    result: Option<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    canceled: bool,
    #[serde(default)]
    compact_revision: Value,
    #[serde(default)]
    cancel_reason: String,
    #[serde(default)]
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default, rename = "type")]
    type_: String,
    kv: KeyValue,
}

#[derive(Deserialize)]
struct KeyValue {
    key: ByteString,
    mod_revision: String,
    #[serde(default)]
    value: Option<ByteString>,
}

/// Reads the history from its beginning and hands it over, for ever. Ends only where some of it is missing,
/// with the reason.
pub async fn read(etcd: &str, mut take: impl FnMut(Batch)) -> String {
    let mut next = 1;
    loop {
        let request = json!({"create_request": {
            "key": bytes(PREFIX), "range_end": bytes(END), "start_revision": next.to_string(),
        }});
        // Whoever kills etcd starts it again: nothing is lost by asking until then.
        if let Ok(mut lines) = wire::stream(etcd, "/v3/watch", &request.to_string()).await {
            while let Ok(Some(line)) = lines.next_line().await {
                // A line that was cut off by the end of etcd is sent again by the next one.
                let Ok(Line { result: Some(answer) }) = serde_json::from_str(&line) else { break };
                if answer.canceled || !answer.compact_revision.is_null() {
                    return format!(
                        "the history is gone: {} {}",
                        answer.cancel_reason, answer.compact_revision
                    );
                }
                match batch(answer.events) {
                    Ok(Some(batch)) => {
                        next = batch.revision + 1;
                        take(batch);
                    }
                    Ok(None) => {}
                    Err(why) => return why,
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Makes a revision and gives its number: whoever read up to it has read everything that was before.
pub async fn mark(etcd: &str) -> Result<u64, String> {
    let body = json!({"key": bytes(MARK), "value": bytes("")}).to_string();
    let mut tries = 0;
    // On a machine that is busy a connection may be refused; made twice, a mark is as good as made once.
    let (_, answer) = loop {
        match wire::post(etcd, "/v3/kv/put", &body).await {
            Ok(answer) => break answer,
            Err(error) if tries == TRIES => return Err(error.to_string()),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
        tries += 1;
    };
    let answer: Value = serde_json::from_str(&answer).map_err(|error| format!("{error}: {answer}"))?;
    let revision = answer["header"]["revision"].as_str().and_then(|revision| revision.parse().ok());
    revision.ok_or_else(|| format!("no revision in {answer}"))
}

fn bytes(text: &str) -> ByteString {
    ByteString(text.as_bytes().to_vec())
}

fn batch(events: Vec<Event>) -> Result<Option<Batch>, String> {
    let mut changes = Vec::new();
    let mut reached = None;
    for Event { type_, kv } in events {
        let revision = kv.mod_revision.parse().map_err(|_| format!("revision {}", kv.mod_revision))?;
        reached = Some(revision);
        let key = String::from_utf8_lossy(&kv.key.0).into_owned();
        let Some((resource, name)) = key.strip_prefix(PREFIX).and_then(|rest| rest.split_once('/')) else {
            continue;
        };
        let object = match (type_.as_str(), kv.value) {
            ("DELETE", _) => None,
            (_, Some(value)) => {
                Some(serde_json::from_slice(&value.0).map_err(|error| format!("{key}: {error}"))?)
            }
            (_, None) => return Err(format!("{key} has no value")),
        };
        changes.push(Change { revision, resource: resource.to_owned(), name: name.to_owned(), object });
    }
    Ok(reached.map(|revision| Batch { revision, changes }))
}
