//! Observe → decide → act. The watches feed the world (`observe`), the rules decide on it, and one file per
//! kind acts: `records` is the one place that writes the ledger, `status` the one that writes statuses.
//! What the documents say is in `rules`; flags, signals and ports are in `process`.

pub mod api_error;
pub mod auditing;
pub mod events;
pub mod filing;
pub mod instance;
pub mod meter;
pub mod observe;
pub mod pages;
pub mod queue;
pub mod readable;
pub mod record;
pub mod records;
pub mod request;
pub mod sharing;
pub mod spans;
pub mod status;
pub mod store;
pub mod watches;

use k8s_openapi::jiff::Timestamp;
use kube::Client;
use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    sync::{
        Arc, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::planted::{self, Bug};
use crate::rules::{
    key::Key,
    world::{Work, World},
};
use api_error::Failure;
use queue::Outcome;

/// The name under which the operator owns fields and reports events.
pub const MANAGER: &str = "icp-filing-operator";

/// Where the time comes from. One clock for the whole process.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// What every controller works with.
pub struct Context {
    /// The connection to the API server. It retries nothing by itself: outcomes are classed here.
    pub client: Client,
    /// Everything that was observed.
    pub world: RwLock<World>,
    /// The one clock.
    pub clock: Arc<dyn Clock>,
    /// Counts.
    pub meter: meter::Meter,
    /// Which kinds are not watched.
    pub watches: watches::Watches,
    /// Where events go.
    pub events: events::Sender,
    /// What is remembered of the store beside its records.
    pub store: store::Seen,
    /// How often the world changed.
    changes: AtomicU64,
    /// Claims on one key take turns, which saves creates that would be refused. Safety needs none of it.
    turns: Vec<tokio::sync::Mutex<()>>,
}

impl Context {
    /// A context with an empty world.
    #[must_use]
    pub fn new(
        client: Client,
        clock: Arc<dyn Clock>,
        meter: meter::Meter,
        watches: watches::Watches,
        events: events::Sender,
    ) -> Self {
        let turns = std::iter::repeat_with(tokio::sync::Mutex::default).take(256).collect();
        Self {
            client,
            world: RwLock::default(),
            clock,
            meter,
            watches,
            events,
            store: store::Seen::default(),
            changes: AtomicU64::new(0),
            turns,
        }
    }

    /// The same, for one namespace if one is named.
    #[must_use]
    pub fn serving(mut self, namespace: Option<String>) -> Self {
        if let Ok(world) = self.world.get_mut() {
            world.served = namespace;
        }
        self
    }

    /// Decides on the world as it stands, under one read lock: one snapshot.
    fn decide<T>(&self, decide: impl FnOnce(&World, Timestamp) -> T) -> T {
        let now = self.clock.now();
        // A panic while the lock was held for writing left the world in an unknown state; the process ends.
        let world = self.world.read().expect("the world is intact");
        decide(&world, now)
    }

    /// The kinds that were not listed yet.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        self.decide(|world, _| world.missing())
    }

    /// Changes the world.
    fn learn<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.write().expect("the world is intact");
        // Under the lock, so that whoever reads both sees them agree.
        self.changes.fetch_add(1, Ordering::Relaxed);
        change(&mut world)
    }

    async fn turn(&self, key: &Key) -> tokio::sync::MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let turn = usize::try_from(hasher.finish() % self.turns.len() as u64).unwrap_or(0);
        self.turns[turn].lock().await
    }
}

/// Looks at one thing again and says when to look next.
pub async fn reconcile(context: Arc<Context>, work: Work) -> Outcome {
    let result = match &work {
        Work::Instance(key) => instance::reconcile(&context, key).await,
        Work::Request(key) => request::reconcile(&context, key).await,
        Work::Filing(key) => filing::reconcile(&context, key).await,
        Work::Record(name) => record::reconcile(&context, name).await,
    };
    match result {
        Ok(next) => next,
        Err(failure) => {
            context.meter.reconcile_failed(&work, &failure);
            match &failure {
                Failure::Conflict | Failure::Gone => tracing::debug!(?work, %failure, "will look again"),
                Failure::Overload { .. } | Failure::Unknown(_) | Failure::Refused(_) => {
                    tracing::warn!(?work, %failure, "will try again");
                }
            }
            planted::impossible(Bug::RefusalPanics, matches!(failure, Failure::Refused(_)));
            match failure {
                Failure::Refused(_) if planted::is_on(Bug::RefusalIsFinal) => Outcome::Done,
                Failure::Conflict if planted::is_on(Bug::ConflictIsFinal) => Outcome::Done,
                Failure::Overload { retry_after } => Outcome::Failed { at_least: retry_after },
                // The watch brings what the other wrote, and with it another look; to go on about it helps nobody.
                Failure::Refused(_) | Failure::Conflict => {
                    Outcome::Failed { at_least: Duration::from_secs(1) }
                }
                Failure::Gone | Failure::Unknown(_) => Outcome::Failed { at_least: Duration::ZERO },
            }
        }
    }
}

/// When to look again although nothing was observed: at an instant of the clock, an hour from now at the
/// latest, so that a clock that jumps is noticed.
fn wake(context: &Context, at: Option<Timestamp>) -> Outcome {
    let Some(at) = at else { return Outcome::Done };
    let wait = at.duration_since(context.clock.now());
    let wait = Duration::try_from(wait).unwrap_or(Duration::ZERO);
    Outcome::After(wait.clamp(Duration::from_millis(50), Duration::from_hours(1)))
}
