//! A watch on its way through the proxy: whole lines, each passed on, held back, dropped or repeated as `lanes`
//! says, and ended before its time where that is asked for.

use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::answer;
use super::lanes::{End, Lanes, Passage};
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
}

/// A line that waits.
struct Held {
    namespace: String,
    name: String,
    line: Bytes,
}

/// The operator is gone, or the watch is over.
struct Over;

/// One watch.
struct Watch<'a> {
    lanes: &'a Lanes,
    kind: Kind,
    held: Vec<Held>,
    to: mpsc::Sender<Bytes>,
}

/// Passes a watch on until either end closes it.
pub async fn pass_on(lanes: &Lanes, kind: Kind, mut from: Incoming, to: mpsc::Sender<Bytes>) {
    let mut changes = lanes.changes();
    let ended = lanes.end_of(kind).map(|(count, _)| count);
    let mut watch = Watch { lanes, kind, held: Vec::new(), to };
    let mut rest = Vec::new();
    loop {
        if watch.let_go().await.is_err() {
            return;
        }
        let release = lanes.next_release(kind).filter(|_| !watch.held.is_empty());
        let pause = release.map_or(LONG, |release| release.saturating_duration_since(Instant::now()));
        tokio::select! {
            frame = from.frame() => {
                // What is still held is seen again after the next list, as nothing was said of it.
                let Some(Ok(frame)) = frame else { return };
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
                match lanes.end_of(kind) {
                    Some((count, end)) if ended != Some(count) => {
                        if end == End::Gone {
                            let _ = watch.to.send(answer::gone()).await;
                        }
                        return;
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
            match self.lanes.passage(self.kind, &held.namespace, &held.name) {
                Passage::Pass | Passage::Twice => self.send(held.line).await?,
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
        if type_ == "BOOKMARK" && !self.lanes.has_bookmarks() {
            return Ok(());
        }
        let Metadata { name, namespace } = metadata;
        // Those that came before it go first.
        self.let_go().await?;
        match self.lanes.passage(self.kind, &namespace, &name) {
            Passage::Pass => self.send(line).await,
            Passage::Twice => {
                self.send(line.clone()).await?;
                self.send(line).await
            }
            Passage::HoldUntilSuperseded => {
                let before = self.held.len();
                self.held.retain(|held| held.namespace != namespace || held.name != name);
                if self.held.len() == before {
                    self.held.push(Held { namespace, name, line });
                    return Ok(());
                }
                self.lanes.superseded(&namespace, &name);
                self.let_go().await?;
                self.send(line).await
            }
            Passage::Hold => {
                self.held.push(Held { namespace, name, line });
                Ok(())
            }
        }
    }

    async fn send(&self, line: Bytes) -> Result<(), Over> {
        self.to.send(line).await.map_err(|_| Over)
    }
}
