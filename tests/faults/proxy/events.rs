//! A watch on its way through the proxy: whole lines, each passed on, held back, dropped or repeated as `lanes`
//! says, and ended before its time where that is asked for.

use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::answer;
use super::lanes::Lanes;
use super::views::{End, Passage};
use crate::plan::Kind;

/// A pause that nothing waits for the end of.
const LONG: Duration = Duration::from_hours(1);

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    type_: String,
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default, rename = "resourceVersion")]
    revision: String,
}

/// A line that waits.
struct Held {
    namespace: String,
    name: String,
    revision: String,
    line: Bytes,
}

/// The operator is gone, or the watch is over.
struct Over;

/// One watch.
struct Watch<'a> {
    lanes: &'a Lanes,
    operator: usize,
    kind: Kind,
    held: Vec<Held>,
    to: mpsc::Sender<Bytes>,
}

/// Passes a watch on until either end closes it.
pub async fn pass_on(
    lanes: &Lanes,
    operator: usize,
    kind: Kind,
    mut from: Incoming,
    to: mpsc::Sender<Bytes>,
) {
    let mut changes = lanes.changes();
    let end_of = || lanes.view(operator, |view| view.end_of(kind));
    let ended = end_of().map(|(count, _)| count);
    let mut watch = Watch { lanes, operator, kind, held: Vec::new(), to };
    let mut rest = Vec::new();
    loop {
        if watch.let_go().await.is_err() {
            return;
        }
        let release = lanes.next_release(operator, kind).filter(|_| !watch.held.is_empty());
        let pause = release.map_or(LONG, |release| release.saturating_duration_since(Instant::now()));
        tokio::select! {
            frame = from.frame() => {
                let Some(Ok(frame)) = frame else { return watch.over(End::Cut).await };
                let Ok(data) = frame.into_data() else { continue };
                rest.extend_from_slice(&data);
                while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                    let line = Bytes::from(rest.drain(..=end).collect::<Vec<u8>>());
                    if watch.take(line).await.is_err() {
                        return;
                    }
                }
            }
            news = changes.changed() => {
                if news.is_err() {
                    return;
                }
                match end_of() {
                    Some((count, end)) if ended != Some(count) => {
                        return watch.over(end).await;
                    }
                    _ => {}
                }
            }
            () = tokio::time::sleep(pause) => {}
        }
    }
}

impl Watch<'_> {
    /// Passes on what need not wait any longer, in order.
    async fn let_go(&mut self) -> Result<(), Over> {
        let mut waiting = Vec::new();
        for held in std::mem::take(&mut self.held) {
            match self.lanes.passage(self.operator, self.kind, &held.namespace, &held.name) {
                Passage::Pass | Passage::Twice => self.show(&held.revision, held.line).await?,
                Passage::Hold | Passage::HoldUntilSuperseded => waiting.push(held),
            }
        }
        self.held = waiting;
        Ok(())
    }

    async fn take(&mut self, line: Bytes) -> Result<(), Over> {
        let Ok(Event { type_, object: Object { metadata } }) = serde_json::from_slice(&line) else {
            return self.send(line).await;
        };
        let Metadata { name, namespace, revision } = metadata;
        if type_ == "BOOKMARK" {
            // It says that nothing is missing up to a revision, which is not so while something is held.
            let passes = self.held.is_empty() && self.lanes.view(self.operator, |view| view.has_bookmarks());
            return if passes { self.show(&revision, line).await } else { Ok(()) };
        }
        // Those that came before it go first.
        self.let_go().await?;
        match self.lanes.passage(self.operator, self.kind, &namespace, &name) {
            Passage::Pass => self.show(&revision, line).await,
            Passage::Twice => {
                self.send(line.clone()).await?;
                self.show(&revision, line).await
            }
            Passage::HoldUntilSuperseded => {
                let before = self.held.len();
                self.held.retain(|held| held.namespace != namespace || held.name != name);
                if self.held.len() == before {
                    self.held.push(Held { namespace, name, revision, line });
                    return Ok(());
                }
                self.lanes.superseded(self.operator, self.kind, &namespace, &name);
                self.let_go().await?;
                self.show(&revision, line).await
            }
            Passage::Hold => {
                self.held.push(Held { namespace, name, revision, line });
                Ok(())
            }
        }
    }

    /// Ends. Where something is still held a new list has to bring it: later events were shown, and a watch that goes
    /// on behind those would never show it.
    async fn over(&self, end: End) {
        if end == End::Gone || !self.held.is_empty() {
            // If nobody listens, nobody has to know.
            let _ = self.to.send(answer::gone()).await;
        }
    }

    /// Sends an event, after which the kind is shown up to its revision.
    async fn show(&self, revision: &str, line: Bytes) -> Result<(), Over> {
        if let Ok(revision) = revision.parse() {
            self.lanes.view(self.operator, |view| view.shows(self.kind, revision));
        }
        self.send(line).await
    }

    async fn send(&self, line: Bytes) -> Result<(), Over> {
        self.to.send(line).await.map_err(|_| Over)
    }
}
