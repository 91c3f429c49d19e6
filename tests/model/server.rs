//! Plays the same requests to a real API server, each as its own user, and watches what it shows of them.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use futures::StreamExt;
use kube::{
    Api, Client,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    ask::{KINDS, What},
    fixture::{self, SOON, Tenant, must},
    objects::{API_VERSION, fill, resource, valid},
    play::retold,
    policies::Who,
    reply::Reply,
};

/// The field manager of the operator's status writes.
const MANAGER: &str = "icp-filing-operator";

/// A real API server, as everybody reaches it from one namespace.
pub struct Server {
    clients: HashMap<&'static str, Client>,
    namespace: String,
}

/// The events of each kind, until the one that says that there are no more.
pub struct Watches(Vec<(&'static str, JoinHandle<Vec<Event>>)>);

/// What happened, and the object.
pub type Event = (String, Value);

fn user(who: Who) -> fixture::Who {
    match who {
        Who::Admin => fixture::Who::Admin,
        Who::PlatformAdmin => fixture::Who::PlatformAdmin,
        Who::Registrar => fixture::Who::Registrar,
        Who::Applicant => fixture::Who::Alice,
        Who::StatusWriter => fixture::Who::StatusWriter,
        Who::Operator => fixture::Who::Operator,
    }
}

impl Server {
    pub async fn of(tenant: &Tenant<'_>) -> Self {
        let everybody = [
            Who::Admin,
            Who::PlatformAdmin,
            Who::Registrar,
            Who::Applicant,
            Who::StatusWriter,
            Who::Operator,
        ];
        let mut clients = HashMap::new();
        for who in everybody.map(user) {
            clients.insert(who.name(), tenant.client(who).await);
        }
        Self { clients, namespace: tenant.namespace.clone() }
    }

    pub fn namespace(&self, kind: &str) -> &str {
        if resource(kind).1 { &self.namespace } else { "" }
    }

    fn api(&self, who: Who, kind: &str) -> Api<DynamicObject> {
        let client = self.clients[user(who).name()].clone();
        let (resource, namespaced) = resource(kind);
        if namespaced {
            Api::namespaced_with(client, &self.namespace, &resource)
        } else {
            Api::all_with(client, &resource)
        }
    }

    pub async fn ask(&self, who: Who, kind: &str, name: &str, what: &What, revision: Option<&str>) -> Reply {
        let api = self.api(who, kind);
        let carried = |patch: &Value| {
            let mut patch = patch.clone();
            if let Some(revision) = revision {
                patch["metadata"]["resourceVersion"] = json!(revision);
            }
            Patch::Merge(patch)
        };
        let params = PatchParams::default();
        let done = match what {
            What::Create(object) => {
                let object = serde_json::from_value(object.clone()).expect("an object");
                api.create(&PostParams::default(), &object).await
            }
            What::Patch(_, patch) => api.patch(name, &params, &carried(patch)).await,
            What::PatchStatus(_, patch) => api.patch_status(name, &params, &carried(patch)).await,
            What::WriteStatus(_, status) => {
                let object = json!({
                    "apiVersion": API_VERSION, "kind": kind,
                    "metadata": {"name": name, "resourceVersion": revision}, "status": status,
                });
                api.patch_status(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(object)).await
            }
            What::Delete => {
                let deleted = api.delete(name, &DeleteParams::default()).await;
                // What is gone at once is answered with a status.
                return deleted.map_or_else(Reply::from, |answer| {
                    Reply::Done(answer.left().map(|held| retold(kind, json!(held))))
                });
            }
            What::Get => self.api(Who::Admin, kind).get(name).await,
        };
        done.map_or_else(Reply::from, |object| Reply::Done(Some(retold(kind, json!(object)))))
    }

    /// Everything of a kind whose name begins so, or whose record's key does.
    pub async fn listed(&self, kind: &str, prefix: &str) -> Vec<Value> {
        let all = must("list", self.api(Who::Admin, kind).list(&ListParams::default()).await);
        let all = all.items.into_iter().filter(|o| is_of(&json!(o), prefix));
        all.map(|o| retold(kind, json!(o))).collect()
    }

    /// Creates what tells the watches of [`Self::watch`] that there is no more.
    pub async fn finish(&self, end: &str) {
        for kind in KINDS {
            let object = fill(&valid(kind), &format!("{end}-0"));
            let who = match kind {
                "InstanceClass" | "Instance" => Who::PlatformAdmin,
                "ServiceNumber" => Who::Operator,
                _ => Who::Applicant,
            };
            let object = serde_json::from_value(object).expect("an object");
            must("create the last object", self.api(who, kind).create(&PostParams::default(), &object).await);
        }
    }

    /// Watches every kind from now on, until an object of the name `end` is created.
    pub async fn watch(&self, end: &str) -> Watches {
        let mut watches = Vec::new();
        for kind in KINDS {
            let api = self.api(Who::Admin, kind);
            let now = must("list", api.list(&ListParams::default().limit(1)).await);
            let from = now.metadata.resource_version.unwrap_or_default();
            let end = end.to_owned();
            watches.push((kind, tokio::spawn(follow(api, kind, from, end))));
        }
        Watches(watches)
    }
}

impl Watches {
    /// What each kind's watch showed.
    pub async fn end(self) -> Vec<(&'static str, Vec<Event>)> {
        let mut all = Vec::new();
        for (kind, watch) in self.0 {
            all.push((kind, must("watch", watch.await)));
        }
        all
    }
}

async fn follow(api: Api<DynamicObject>, kind: &'static str, from: String, end: String) -> Vec<Event> {
    let mut from = from;
    let mut seen = Vec::new();
    loop {
        // The server fills its cache of a kind when it is first asked, and refuses watches meanwhile.
        let since = Instant::now();
        let events = loop {
            match api.watch(&WatchParams::default(), &from).await {
                Err(kube::Error::Api(status)) if status.code == 429 && since.elapsed() < SOON => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                events => break must("watch", events),
            }
        };
        let mut events = std::pin::pin!(events);
        while let Some(event) = events.next().await {
            let (what, object) = match must("watch", event) {
                WatchEvent::Added(object) => ("ADDED", object),
                WatchEvent::Modified(object) => ("MODIFIED", object),
                WatchEvent::Deleted(object) => ("DELETED", object),
                WatchEvent::Bookmark(_) => continue,
                WatchEvent::Error(error) => panic!("watching {kind}: {error}"),
            };
            from = object.metadata.resource_version.clone().unwrap_or_default();
            if is_of(&json!(object), &end) {
                return seen;
            }
            seen.push((what.to_owned(), retold(kind, json!(object))));
        }
        // The server ends every watch after a while; it goes on from the last event.
    }
}

/// Whether an object belongs to what has this prefix, by its name or by the instance that it counts for.
pub fn is_of(object: &Value, prefix: &str) -> bool {
    let begins = |v: &Value| v.as_str().is_some_and(|n| n.starts_with(&format!("{prefix}-")));
    let spec = &object["spec"];
    begins(&object["metadata"]["name"]) || begins(&spec["instanceName"])
}
