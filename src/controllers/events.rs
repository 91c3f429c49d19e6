//! Events on the objects that a person would describe: on change only, best effort, bounded. A lost event loses
//! nothing that is not in a status.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

use super::{MANAGER, api_error::bounded};
use crate::{
    api::Condition,
    rules::{kept::Kept, kind::Ours},
};

/// More than this many waiting are dropped.
const WAITING: usize = 1024;
/// How many times as long as the last one took no event is published: where the API server is busy with numbers, it
/// is the numbers that matter.
const REST: u32 = 10;
/// But no longer than this, where one was not answered.
const LONGEST_REST: Duration = Duration::from_secs(5);
/// The bound, in bytes, that the API server puts on a note.
const NOTE: usize = 1024;

/// Sends events without waiting for them.
#[derive(Clone, Debug)]
pub struct Sender(mpsc::Sender<(ObjectReference, Event)>);

/// Publishes what was sent.
#[derive(Debug)]
pub struct Publisher(mpsc::Receiver<(ObjectReference, Event)>);

/// How an event names an object.
pub(super) fn reference<K: Ours>(object: &Kept<K>) -> ObjectReference {
    ObjectReference {
        api_version: Some(K::api_version(&()).into_owned()),
        kind: Some(K::kind(&()).into_owned()),
        name: Some(object.name().to_owned()),
        namespace: Some(object.namespace().to_owned()).filter(|namespace| !namespace.is_empty()),
        uid: object.uid(),
        // No revision: what is said of an object twice is one event and its count.
        ..ObjectReference::default()
    }
}

/// Both ends.
#[must_use]
pub fn channel() -> (Sender, Publisher) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Sender(sender), Publisher(receiver))
}

impl Sender {
    /// Sends an event about the Ready condition of an object.
    pub fn send(&self, about: ObjectReference, ready: &Condition) {
        let is_ready = ready.status == "True";
        // Reasons of events are constants; which refusals hold is in the note.
        let reason = if is_ready { ready.reason.to_string() } else { "Stalled".to_owned() };
        let event = Event {
            type_: if is_ready { EventType::Normal } else { EventType::Warning },
            reason,
            note: Some(fitted(&ready.message).to_owned()),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        self.post(about, event);
    }

    /// Sends a warning about what must never be.
    pub fn alarm(&self, about: ObjectReference, reason: &'static str, note: &str) {
        let event = Event {
            type_: EventType::Warning,
            reason: reason.to_owned(),
            note: Some(fitted(note).to_owned()),
            action: "Audit".to_owned(),
            secondary: None,
        };
        self.post(about, event);
    }

    fn post(&self, about: ObjectReference, event: Event) {
        if self.0.try_send((about, event)).is_err() {
            tracing::debug!("an event was dropped: too many are waiting");
        }
    }
}

/// As much of a message as a note holds.
fn fitted(message: &str) -> &str {
    &message[..message.floor_char_boundary(NOTE)]
}

impl Publisher {
    /// Publishes until every sender is gone.
    pub async fn run(mut self, client: Client) {
        let reporter = Reporter { controller: MANAGER.to_owned(), instance: std::env::var("POD_NAME").ok() };
        let recorder = Recorder::new(client, reporter);
        while let Some((about, event)) = self.0.recv().await {
            let begun = Instant::now();
            if let Err(error) = bounded(recorder.publish(&event, &about)).await {
                tracing::debug!(%error, "an event was not published");
            }
            tokio::time::sleep((begun.elapsed() * REST).min(LONGEST_REST)).await;
        }
    }
}
