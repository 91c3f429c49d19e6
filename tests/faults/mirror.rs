//! The store as it is at this moment, from its own history: what waits look at instead of asking the API server,
//! and where every revision is asked whether statuses tell the truth (`truth`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::fixture::must;
use crate::history;
use crate::plan::Kind;
use crate::truth::Truth;

/// Follows a store until it is dropped.
#[derive(Debug)]
pub struct Mirror {
    state: Arc<Mutex<State>>,
    reached: watch::Receiver<u64>,
    _stop: DropGuard,
}

#[derive(Debug, Default)]
struct State {
    objects: Objects,
    truth: Truth,
    changes: usize,
    /// Every revision of every record.
    records: Vec<(String, u64)>,
}

/// Every object of ours.
#[derive(Debug, Default)]
pub struct Objects(BTreeMap<(&'static str, String), Value>);

impl Objects {
    /// An object by namespace and name, or by name.
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Value> {
        self.0.get(&(kind.resource(), name.to_owned()))
    }

    /// All objects of a kind whose name begins so.
    pub fn all(&self, kind: Kind, prefix: &str) -> impl Iterator<Item = (&str, &Value)> {
        let objects = self.0.range((kind.resource(), prefix.to_owned())..);
        let objects = objects.take_while(move |((resource, name), _)| {
            *resource == kind.resource() && name.starts_with(prefix)
        });
        objects.map(|((_, name), object)| (name.as_str(), object))
    }
}

impl Mirror {
    /// Starts to follow an etcd.
    pub fn start(etcd: &str) -> Self {
        let address = etcd.trim_start_matches("http://").to_owned();
        let state = Arc::<Mutex<State>>::default();
        let (reach, reached) = watch::channel(0);
        let stop = CancellationToken::new();
        let (followed, stopped) = (state.clone(), stop.clone());
        // A thread with a runtime of its own: the tests that share it have one each, and theirs end.
        let thread = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let reading = history::read(&address, |batch| {
                let mut state = lock(&followed);
                for change in &batch.changes {
                    state.take(change);
                }
                drop(state);
                reach.send_replace(batch.revision);
            });
            must("make a runtime", runtime).block_on(async {
                tokio::select! {
                    () = stopped.cancelled() => {}
                    why = reading => panic!("the history cannot be followed: {why}"),
                }
            });
        };
        must("follow the store", std::thread::Builder::new().name("mirror".to_owned()).spawn(thread));
        Self { state, reached, _stop: stop.drop_guard() }
    }

    /// Waits until a revision is reached that is at least this one and has what is looked for; the last reason why
    /// it had not where that takes too long.
    pub async fn until<T>(
        &self,
        revision: u64,
        within: Duration,
        mut look: impl FnMut(&Objects) -> Result<T, String>,
    ) -> Result<T, String> {
        let mut reached = self.reached.clone();
        let mut last = format!("revision {revision} was not reached");
        let looking = async {
            loop {
                if *reached.borrow_and_update() >= revision {
                    match look(&lock(&self.state).objects) {
                        Ok(found) => return Ok(found),
                        Err(why) => last = why,
                    }
                }
                if reached.changed().await.is_err() {
                    return Err("the store is not followed any more".to_owned());
                }
            }
        };
        let found = tokio::time::timeout(within, looking).await;
        found.unwrap_or_else(|_| Err(format!("not within {} s: {last}", within.as_secs())))
    }

    /// How often anything of ours was written so far.
    #[allow(dead_code, reason = "not every program that shares this file asks")]
    pub fn changes(&self) -> usize {
        lock(&self.state).changes
    }

    /// What statuses said so far that was not true.
    pub fn lies(&self) -> Vec<String> {
        lock(&self.state).truth.lies.clone()
    }
}

impl Mirror {
    /// Every revision of every record so far.
    pub fn record_revisions(&self) -> Vec<(String, u64)> {
        lock(&self.state).records.clone()
    }

    /// The kinds that there are objects of with a word in their names.
    pub fn kinds_of(&self, word: &str) -> Vec<Kind> {
        let state = lock(&self.state);
        let has = |kind: &Kind| state.objects.all(*kind, "").any(|(name, _)| name.contains(word));
        Kind::ALL.into_iter().filter(has).collect()
    }

    /// How many objects of a kind there are.
    pub fn count(&self, kind: Kind) -> u64 {
        lock(&self.state).objects.all(kind, "").map(|_| 1).sum()
    }
}

impl State {
    fn take(&mut self, change: &history::Change) {
        let Some(kind) = Kind::of_resource(&change.resource) else { return };
        self.changes += 1;
        let key = (kind.resource(), change.name.clone());
        if kind == Kind::Record && change.object.is_some() {
            self.records.push((change.name.clone(), change.revision));
        }
        match &change.object {
            Some(object) => {
                self.truth.judge(change.revision, kind, &change.name, object, &self.objects);
                self.objects.0.insert(key, object.clone());
            }
            None => {
                self.objects.0.remove(&key);
            }
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
