//! What a test about people begins with: a tenant on a stage, its people at work, manifests to change, and waits
//! for what a status or the ledger says. Requests and filings are applied with kubectl, as people do; instances
//! and classes by a client, as a sync job does. No expectation of a single test lives here.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use futures::StreamExt;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use kube::core::ApiResource;
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::fixture::{BREAK_GLASS, Cluster, Here, SOON, Tenant, Who, eventually, instance_id, must};
use crate::objects::{self, merge};
use crate::stage;

pub const CLASS: &str = "InstanceClass";
pub const INSTANCE: &str = "Instance";
pub const REQUEST: &str = "ServiceNumberRequest";
pub const FILING: &str = "Filing";
pub const RECORD: &str = "ServiceNumber";

/// A tenant and its people.
pub struct Scene<'a> {
    /// The namespace.
    pub tenant: Tenant<'a>,
    owner: Who,
    clients: Mutex<HashMap<&'static str, Client>>,
}

impl Scene<'static> {
    /// A namespace of Alice's, with the operator that tests share at work.
    pub async fn new() -> Self {
        Self::of(Who::Alice).await
    }

    /// A namespace of somebody's, with the operator that tests share at work.
    pub async fn of(owner: Who) -> Self {
        Self::on(stage::shared().await.cluster(), owner).await
    }
}

impl<'a> Scene<'a> {
    /// A namespace of somebody's on a cluster of the test's own.
    pub async fn on(cluster: &'a Cluster, owner: Who) -> Self {
        Self { tenant: cluster.tenant(owner).await, owner, clients: Mutex::default() }
    }

    /// A namespace on another cluster that is called as it was where its objects come from.
    pub async fn restored(cluster: &'a Cluster, owner: Who, namespace: &str) -> Self {
        let mut tenant = cluster.tenant(owner).await;
        let admin = tenant.kubectl(Who::Admin);
        admin.ok(&["create", "namespace", namespace]).await;
        let roles = admin.ok(&["get", "rolebindings", "-o", "json"]).await;
        tenant.namespace = namespace.to_owned();
        let mut roles: Value = must("read role bindings", serde_json::from_str(&roles));
        for role in roles["items"].as_array_mut().into_iter().flatten() {
            role["metadata"] = json!({"name": role["metadata"]["name"], "namespace": namespace});
        }
        tenant.kubectl(Who::Admin).apply(roles).await;
        Self { tenant, owner, clients: Mutex::default() }
    }

    /// Creates objects as the administrator who restores them.
    pub async fn create_as_admin(&self, objects: &[Value]) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
        let output = self.tenant.kubectl(Who::Admin).run_with_input(&["create", "-f", "-"], &list).await;
        assert!(output.status.success(), "{}", output.stderr);
    }

    /// The name of the namespace.
    pub fn namespace(&self) -> &str {
        &self.tenant.namespace
    }

    /// kubectl of the applicant whose namespace it is.
    pub fn kubectl(&self) -> Here {
        self.tenant.kubectl(self.owner)
    }

    /// All objects of a kind that a user sees here.
    pub async fn api(&self, who: Who, kind: &str) -> Api<DynamicObject> {
        // Made once: a poll asks for it many times, and the schemas that it comes from are large.
        static RESOURCES: LazyLock<HashMap<&str, (ApiResource, bool)>> = LazyLock::new(|| {
            [CLASS, INSTANCE, REQUEST, FILING, RECORD].map(|kind| (kind, objects::resource(kind))).into()
        });
        let mut clients = self.clients.lock().await;
        if !clients.contains_key(who.name()) {
            clients.insert(who.name(), self.tenant.client(who).await);
        }
        let client = clients[who.name()].clone();
        match &RESOURCES[kind] {
            (resource, true) => Api::namespaced_with(client, self.namespace(), resource),
            (resource, false) => Api::all_with(client, resource),
        }
    }

    /// Who writes a kind.
    fn writer(&self, kind: &str) -> Who {
        if [REQUEST, FILING].contains(&kind) { self.owner } else { Who::PlatformAdmin }
    }

    /// Applies a manifest as whoever writes its kind.
    pub async fn apply(&self, manifest: &Value) {
        let kind = text(manifest, "/kind");
        if self.writer(kind) == self.owner {
            self.kubectl().apply(manifest).await;
        } else {
            self.put(manifest).await;
        }
    }

    /// Applies requests and filings in one go.
    pub async fn apply_all(&self, manifests: &[Value]) {
        self.kubectl().apply(json!({"apiVersion": "v1", "kind": "List", "items": manifests})).await;
    }

    /// Applies a manifest as whoever writes its kind, by a client.
    pub async fn put(&self, manifest: &Value) {
        let (kind, name) = (text(manifest, "/kind"), text(manifest, "/metadata/name"));
        let api = self.api(self.writer(kind), kind).await;
        let params = PatchParams::apply("sync-job").force();
        must("apply a manifest", api.patch(name, &params, &Patch::Apply(manifest)).await);
    }

    /// Deletes an object as whoever writes its kind, and waits until it is gone.
    pub async fn delete(&self, kind: &str, name: &str) {
        let api = self.api(self.writer(kind), kind).await;
        must("delete an object", api.delete(name, &DeleteParams::default()).await);
        eventually("deletion", SOON, async || match api.get_opt(name).await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(format!("{kind} {name} is still there")),
            Err(error) => Err(error.to_string()),
        })
        .await;
    }

    /// Writes a status that is not one's own, as only an administrator may.
    pub async fn write_status(&self, kind: &str, name: &str, patch: Value) {
        let api = self.api(Who::Admin, kind).await;
        let patch = Patch::Merge(json!({"status": patch}));
        must("write a status", api.patch_status(name, &PatchParams::default(), &patch).await);
    }

    /// Takes a whole status away, as a restore does.
    pub async fn wipe_status(&self, kind: &str, name: &str) {
        self.write_status(kind, name, Value::Null).await;
    }

    /// Creates a record as an administrator does who breaks the glass.
    pub async fn break_glass(&self, record: &Value) {
        let group = format!("--as-group={BREAK_GLASS}");
        let admin = self.tenant.kubectl(Who::Admin);
        let args = ["create", "-f", "-", "--as=admin", &group, "--as-group=system:masters"];
        let output = admin.run_with_input(&args, &record.to_string()).await;
        assert!(output.status.success(), "{}", output.stderr);
    }

    /// Declares an eligible instance with a change made to it, and gives its ID.
    pub async fn server(&self, change: Value) -> String {
        let id = instance_id();
        self.put(&with(instance(&id), change)).await;
        id
    }

    /// A class like the shipped `ecs` with a change made to it, for instances of this test alone.
    pub async fn class(&self, change: Value) -> String {
        let name = format!("class-{}", crate::fixture::unique());
        self.put(&with(class(&name), change)).await;
        name
    }

    /// An object as it is now.
    pub async fn get(&self, kind: &str, name: &str) -> Value {
        let reader = if kind == RECORD { Who::PlatformAdmin } else { self.writer(kind) };
        value(must("read an object", self.api(reader, kind).await.get(name).await))
    }

    /// Waits until an object answers to a description.
    pub async fn until(&self, kind: &str, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let reader = if kind == RECORD { Who::PlatformAdmin } else { self.writer(kind) };
        let api = self.api(reader, kind).await;
        eventually(&format!("{kind} {name} that is {what}"), SOON, async || match api.get(name).await {
            Ok(object) => {
                let object = value(object);
                if holds(&object) { Ok(object) } else { Err(format!("{:#}", object["status"])) }
            }
            Err(error) => Err(error.to_string()),
        })
        .await
    }

    /// Waits until an object is ready for what its manifest says now.
    pub async fn ready(&self, kind: &str, name: &str) -> Value {
        self.until(kind, name, "ready", |o| is_settled(o) && holds(o, "Ready")).await
    }

    /// Waits until an object is stalled for exactly these reasons, and for what its manifest says now.
    pub async fn stalled(&self, kind: &str, name: &str, reasons: &[&str]) -> Value {
        let expected: BTreeSet<String> = reasons.iter().map(|&reason| reason.to_owned()).collect();
        let what = format!("stalled for {}", reasons.join(", "));
        let stalled = self
            .until(kind, name, &what, |o| {
                is_settled(o) && holds(o, "Stalled") && !holds(o, "Ready") && refusals(o) == expected
            })
            .await;
        assert!(!holds(&stalled, "Reconciling"), "{stalled:#}");
        stalled
    }

    /// Everything that an object says of itself from now on, though it may not be there yet.
    pub async fn history(&self, kind: &str, name: &str) -> History {
        let api = self.api(self.writer(kind), kind).await;
        let now = must("list objects", api.list(&ListParams::default().limit(1)).await);
        History { api, name: name.to_owned(), since: now.metadata.resource_version.unwrap_or_default() }
    }

    /// Waits until a record of the ledger is in a state.
    pub async fn record(&self, name: &str, state: &str) -> Value {
        self.until(RECORD, name, state, |record| text(record, "/spec/state") == state).await
    }

    /// The records that were issued to this namespace's requests and filings, by the claim's name.
    pub async fn records(&self) -> Vec<Value> {
        let api = self.api(Who::PlatformAdmin, RECORD).await;
        let all = must("read the ledger", api.list(&ListParams::default()).await);
        let mut own: Vec<Value> = all
            .into_iter()
            .map(value)
            .filter(|record| text(record, "/spec/claim/namespace") == self.namespace())
            .collect();
        own.sort_by_key(|record| text(record, "/spec/claim/name").to_owned());
        own
    }

    /// Waits until the operator has acted on everything that was applied to filings of this namespace before. It
    /// sees them in order, so that what it has done for a new one it has left undone for those before on purpose.
    pub async fn caught_up(&self) {
        let server = self.server(json!({})).await;
        let name = format!("caught-up-{server}");
        self.apply(&filing(&name, json!({"instanceRef": {"name": server}}))).await;
        self.ready(FILING, &name).await;
    }
}

/// The past of an object; see [`Scene::history`].
pub struct History {
    api: Api<DynamicObject>,
    name: String,
    since: String,
}

impl History {
    /// Every state of the object, from the beginning to this one.
    pub async fn up_to(&self, last: &Value) -> Vec<Value> {
        let params = WatchParams::default().fields(&format!("metadata.name={}", self.name));
        let mut events = must("watch an object", self.api.watch(&params, &self.since).await).boxed();
        let mut states = Vec::new();
        while let Some(event) = must("watch in time", tokio::time::timeout(SOON, events.next()).await) {
            let (WatchEvent::Added(object) | WatchEvent::Modified(object)) = must("watch an object", event)
            else {
                panic!("this is no state of {}", self.name);
            };
            states.push(value(object));
            if states
                .last()
                .is_some_and(|o| o["metadata"]["resourceVersion"] == last["metadata"]["resourceVersion"])
            {
                break;
            }
        }
        states
    }
}

/// An instance that the shipped class `ecs` finds eligible.
pub fn instance(id: &str) -> Value {
    with(objects::instance(), json!({"metadata": {"name": id}}))
}

/// What the shipped class `ecs` asks, under another name.
pub fn class(name: &str) -> Value {
    let change = json!({"metadata": {"name": name}, "spec": {"requirements": {
        "regions": {"allowed": ["cn-*"], "denied": ["cn-hongkong"]}, "billingMethods": ["Subscription"],
        "minMonthsPurchased": 3, "minMonthsRemaining": 3, "minBandwidthMbps": 1,
    }}});
    with(objects::instance_class(), change)
}

/// A request of the account that bought the instance.
pub fn request(name: &str, instance: &str) -> Value {
    with(objects::request(), json!({"metadata": {"name": name}, "spec": {"instanceRef": {"name": instance}}}))
}

/// A draft of the account that bought the instance, for a domain called after it.
pub fn filing(name: &str, source: Value) -> Value {
    let mut filing = objects::filing();
    filing["metadata"]["name"] = json!(name);
    filing["spec"]["website"]["domain"] = json!(format!("{name}.example.cn"));
    filing["spec"]["source"] = source;
    filing
}

/// A source that names a request.
pub fn by_request(name: &str) -> Value {
    json!({"requestRef": {"name": name}})
}

/// A source that names an instance.
pub fn by_instance(id: &str) -> Value {
    json!({"instanceRef": {"name": id}})
}

/// A source that is a number.
pub fn by_number(number: &str) -> Value {
    json!({"serviceNumber": number})
}

/// A manifest with a change made to it; null takes away.
#[expect(clippy::needless_pass_by_value, reason = "changes are written where they are made")]
pub fn with(mut manifest: Value, change: Value) -> Value {
    merge(&mut manifest, &change);
    manifest
}

/// A time this many seconds from now, as manifests write it.
pub fn from_now(seconds: i64) -> String {
    let now = must("tell the second", Timestamp::from_second(Timestamp::now().as_second()));
    (now + SignedDuration::from_secs(seconds)).to_string()
}

/// A time this many days from now.
pub fn days_from_now(days: i64) -> String {
    from_now(days * 24 * 60 * 60)
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

/// Whether a condition of an object is true.
pub fn holds(object: &Value, type_: &str) -> bool {
    condition(object, type_)["status"] == "True"
}

/// Whether the status speaks of the manifest as it is now.
pub fn is_settled(object: &Value) -> bool {
    object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

/// The reasons why an object is refused.
pub fn refusals(object: &Value) -> BTreeSet<String> {
    let refusals = object["status"]["refusals"].as_array();
    refusals.into_iter().flatten().map(|refusal| text(refusal, "/reason").to_owned()).collect()
}

/// An object as a manifest has it.
pub fn value(object: DynamicObject) -> Value {
    must("read an object", serde_json::to_value(object))
}
