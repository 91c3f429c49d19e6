//! A tenant of a scenario: its people act, and wait for what statuses and the ledger say. Nothing here knows of
//! faults; whatever takes too long is an error with the last reason.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::fixture::Who;
use crate::lab::Lab;
use crate::mirror::Objects;
use crate::objects::{self, merge};
use crate::people::{People, writer};
use crate::plan::Kind;
use crate::proxy::Lanes;

/// How long anything may take to become as it should.
const LIMIT: Duration = Duration::from_mins(1);

/// What went wrong, for the report.
pub type Outcome<T = ()> = Result<T, String>;

/// What has to come of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Ready for this reason.
    Ready(String),
    /// Stalled for exactly these.
    Stalled(BTreeSet<String>),
}

impl Expected {
    fn stalled(reasons: &[&str]) -> Self {
        Self::Stalled(reasons.iter().map(|&reason| reason.to_owned()).collect())
    }
}

/// A tenant and its people.
pub struct Tenant<'l> {
    /// A word in every name of its objects.
    pub token: String,
    lab: &'l Lab,
    people: People,
    /// Told of every act.
    lanes: Arc<Lanes>,
    /// The newest revision that its people made.
    made: AtomicU64,
    /// What was last expected of each request, filing and instance.
    expected: Mutex<BTreeMap<(Kind, String), Expected>>,
}

impl<'l> Tenant<'l> {
    /// Makes a namespace of its own.
    pub async fn new(lab: &'l Lab, people: &People, token: &str, lanes: Arc<Lanes>) -> Outcome<Self> {
        let tenant = Self {
            token: token.to_owned(),
            lab,
            people: people.clone(),
            lanes,
            made: AtomicU64::new(0),
            expected: Mutex::default(),
        };
        let namespaces: Api<Namespace> = Api::all(people.client(Who::Admin));
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(tenant.namespace());
        namespaces.create(&PostParams::default(), &namespace).await.map_err(|error| error.to_string())?;
        Ok(tenant)
    }

    /// Its namespace.
    pub fn namespace(&self) -> String {
        format!("t-{}", self.token)
    }

    /// Its class.
    pub fn class_name(&self) -> String {
        format!("c-{}", self.token)
    }

    /// One of its instances.
    pub fn server(&self, which: &str) -> String {
        format!("i-{}-{which}", self.token)
    }

    /// A class without requirements.
    pub fn class(&self, quota: i32, scope: &str) -> Value {
        let change =
            json!({"metadata": {"name": self.class_name()}, "spec": {"quota": quota, "quotaScope": scope}});
        with(objects::instance_class(), &change)
    }

    /// An instance that qualifies.
    pub fn instance(&self, which: &str) -> Value {
        let change =
            json!({"metadata": {"name": self.server(which)}, "spec": {"className": self.class_name()}});
        with(objects::instance(), &change)
    }

    /// A request of the account that bought the instance.
    pub fn request(&self, name: &str, which: &str) -> Value {
        let change =
            json!({"metadata": {"name": name}, "spec": {"instanceRef": {"name": self.server(which)}}});
        with(objects::request(), &change)
    }

    /// A filing that asks an instance for a number.
    pub fn direct(&self, name: &str, which: &str) -> Value {
        draft(name, json!({"instanceRef": {"name": self.server(which)}}))
    }

    /// Applies a manifest as whoever writes its kind.
    pub async fn apply(&self, manifest: &Value) -> Outcome {
        let kind = kind_of(manifest)?;
        let api = self.people.api(writer(kind), kind, &self.namespace());
        let name = text(manifest, "/metadata/name").to_owned();
        let params = PatchParams::apply("user").force();
        self.act();
        let applied = api.patch(&name, &params, &Patch::Apply(manifest)).await;
        self.made(
            applied.map_err(|error| format!("apply {name}: {error}"))?.metadata.resource_version.as_deref(),
        );
        Ok(())
    }

    /// Deletes an object as whoever writes its kind, and waits until it is gone.
    pub async fn delete(&self, kind: Kind, name: &str) -> Outcome {
        let api = self.people.api(writer(kind), kind, &self.namespace());
        let uid = self.look(kind, name, |object| Ok(object["metadata"]["uid"].clone())).await?;
        self.lock_expected().remove(&(kind, self.key(kind, name)));
        self.act();
        api.delete(name, &DeleteParams::default())
            .await
            .map_err(|error| format!("delete {name}: {error}"))?;
        let key = self.key(kind, name);
        self.until(|objects| match objects.get(kind, &key) {
            Some(object) if object["metadata"]["uid"] == uid => {
                Err(format!("{kind:?} {name} is still there"))
            }
            _ => Ok(()),
        })
        .await
    }

    /// Writes a review as the registrar does, of the record that the filing's status names. While two operators
    /// disagree it may name none for a moment; the registrar then tries again.
    pub async fn review(&self, name: &str, state: &str) -> Outcome {
        let icp_number = (state == "Approved").then_some("浙ICP备11012345号-1");
        let since = Instant::now();
        self.act();
        loop {
            let record =
                self.look(Kind::Filing, name, |filing| match filing["status"]["recordName"].as_str() {
                    Some(record) => Ok(record.to_owned()),
                    None => Err("shows no record to review".to_owned()),
                });
            let review = json!({"recordName": record.await?, "state": state, "icpNumber": icp_number});
            match self.write_status(Who::Registrar, Kind::Filing, name, json!({"review": review})).await {
                Err(why) if since.elapsed() > LIMIT => return Err(why),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Takes a whole status away, as a restore does.
    pub async fn wipe(&self, kind: Kind, name: &str) -> Outcome {
        self.act();
        self.write_status(Who::Admin, kind, name, Value::Null).await
    }

    async fn write_status(&self, who: Who, kind: Kind, name: &str, status: Value) -> Outcome {
        let api = self.people.api(who, kind, &self.namespace());
        let patch = Patch::Merge(json!({"status": status}));
        let written = api.patch_status(name, &PatchParams::default(), &patch).await;
        self.made(
            written
                .map_err(|error| format!("status of {name}: {error}"))?
                .metadata
                .resource_version
                .as_deref(),
        );
        Ok(())
    }

    fn act(&self) {
        self.lanes.acts(&self.token);
    }

    fn made(&self, revision: Option<&str>) {
        if let Some(revision) = revision.and_then(|revision| revision.parse().ok()) {
            self.made.fetch_max(revision, Ordering::Relaxed);
        }
    }

    fn key(&self, kind: Kind, name: &str) -> String {
        match kind {
            Kind::Class | Kind::Record => name.to_owned(),
            _ => format!("{}/{name}", self.namespace()),
        }
    }

    /// Waits until the store has what is looked for, and everything that people made before.
    pub async fn until<T>(&self, look: impl FnMut(&Objects) -> Outcome<T>) -> Outcome<T> {
        self.lab.mirror.until(self.made.load(Ordering::Relaxed), LIMIT, look).await
    }

    /// Waits until an object is as it should be.
    pub async fn look<T>(&self, kind: Kind, name: &str, look: impl Fn(&Value) -> Outcome<T>) -> Outcome<T> {
        let key = self.key(kind, name);
        self.until(|objects| {
            let object = objects.get(kind, &key).ok_or_else(|| format!("there is no {kind:?} {name}"))?;
            look(object).map_err(|why| format!("{kind:?} {name}: {why}"))
        })
        .await
    }

    /// Waits until an object is ready for this reason, and for what its manifest says now.
    pub async fn ready(&self, kind: Kind, name: &str, reason: &str) -> Outcome {
        self.comes_to(kind, name, Expected::Ready(reason.to_owned())).await
    }

    /// Waits until an object is stalled for exactly these reasons, and for what its manifest says now.
    pub async fn stalled(&self, kind: Kind, name: &str, reasons: &[&str]) -> Outcome {
        self.comes_to(kind, name, Expected::stalled(reasons)).await
    }

    /// Waits until an object is stalled for exactly these reasons. An operator that does not see the cause yet may be
    /// faster, and what it makes of the object then is as good.
    pub async fn stalled_or(&self, kind: Kind, name: &str, reasons: &[&str], ready: &str) -> Outcome {
        if !self.lanes.is_in_past(&self.token) {
            return self.stalled(kind, name, reasons).await;
        }
        let (stalled, ready) = (Expected::stalled(reasons), Expected::Ready(ready.to_owned()));
        self.look(kind, name, |object| as_expected(object, &stalled).or_else(|_| as_expected(object, &ready)))
            .await
    }

    async fn comes_to(&self, kind: Kind, name: &str, expected: Expected) -> Outcome {
        self.lock_expected().insert((kind, self.key(kind, name)), expected.clone());
        self.look(kind, name, |object| as_expected(object, &expected)).await
    }

    /// What has to have come of an object in the end. An instance that nothing was said of qualifies.
    pub fn expected(&self, kind: Kind, key: &str) -> Option<Expected> {
        let qualifies = (kind == Kind::Instance).then(|| Expected::Ready("Eligible".to_owned()));
        self.lock_expected().get(&(kind, key.to_owned())).cloned().or(qualifies)
    }

    fn lock_expected(&self) -> std::sync::MutexGuard<'_, BTreeMap<(Kind, String), Expected>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on waits see nothing that is older than this moment.
    pub async fn catch_up(&self) {
        self.made.fetch_max(self.lab.now().await, Ordering::Relaxed);
    }

    /// Waits until a record is in a state.
    pub async fn record(&self, name: &str, state: &str) -> Outcome {
        self.look(Kind::Record, name, |record| {
            let is = text(record, "/spec/state");
            if is == state { Ok(()) } else { Err(format!("is {is} and not {state}")) }
        })
        .await
    }

    /// The number that a request or filing shows.
    pub async fn number(&self, kind: Kind, name: &str) -> Outcome<String> {
        self.look(kind, name, |object| match object["status"]["serviceNumber"].as_str() {
            Some(number) => Ok(number.to_owned()),
            None => Err("shows no number".to_owned()),
        })
        .await
    }

    /// How many numbers were issued to it in all.
    pub async fn issued(&self, expected: usize) -> Outcome {
        self.until(|objects| {
            let issued = self.records(objects).count();
            if issued == expected { Ok(()) } else { Err(format!("{issued} records and not {expected}")) }
        })
        .await
    }

    /// Its records.
    pub fn records<'o>(&self, objects: &'o Objects) -> impl Iterator<Item = (&'o str, &'o Value)> {
        let of_instances =
            objects.all(Kind::Record, &format!("instance.i-{}-", self.token)).collect::<Vec<_>>();
        let of_account = objects.all(Kind::Record, &format!("account.c-{}.", self.token)).collect::<Vec<_>>();
        of_instances.into_iter().chain(of_account)
    }
}

/// A draft for a domain called after it.
pub fn draft(name: &str, source: Value) -> Value {
    let mut filing = objects::filing();
    filing["metadata"]["name"] = json!(name);
    filing["spec"]["website"]["domain"] = json!(format!("{name}.example.cn"));
    filing["spec"]["source"] = source;
    filing
}

fn kind_of(manifest: &Value) -> Outcome<Kind> {
    let kind = text(manifest, "/kind");
    Kind::ALL.into_iter().find(|k| k.name() == kind).ok_or_else(|| format!("no kind {kind}"))
}

/// A manifest with a change made to it; null takes away.
pub fn with(mut manifest: Value, change: &Value) -> Value {
    merge(&mut manifest, change);
    manifest
}

/// A text in an object, or nothing.
pub fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A condition of an object, or null.
pub fn condition<'v>(object: &'v Value, type_: &str) -> &'v Value {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().find(|c| c["type"] == type_).unwrap_or(&Value::Null)
}

/// That a status says what is expected, of the manifest as it is now.
pub fn as_expected(object: &Value, expected: &Expected) -> Outcome {
    let (ready, stalled) = (condition(object, "Ready"), condition(object, "Stalled"));
    let refusals = object["status"]["refusals"].as_array();
    let said: BTreeSet<&str> = refusals.into_iter().flatten().map(|r| text(r, "/reason")).collect();
    let is = match expected {
        Expected::Ready(reason) => ready["status"] == "True" && ready["reason"] == *reason && said.is_empty(),
        Expected::Stalled(reasons) => {
            let in_words: BTreeSet<&str> = text(stalled, "/reason").split(',').collect();
            let wanted: BTreeSet<&str> = reasons.iter().map(String::as_str).collect();
            stalled["status"] == "True" && said == wanted && in_words == wanted
        }
    };
    if is && is_settled(object) { Ok(()) } else { Err(format!("is not {expected:?}: {}", object["status"])) }
}

/// Whether the status speaks of the manifest as it is now.
pub fn is_settled(object: &Value) -> bool {
    object["status"]["observedGeneration"] == object["metadata"]["generation"]
}
