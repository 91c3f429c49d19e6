//! The shipped samples under names, accounts and a namespace of a test's own, and the state that they end in,
//! told so that two sets of them can be compared.

use std::collections::BTreeMap;
use std::fmt::Write;

use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};

use crate::fixture::{Here, SOON, Who, eventually, must, repository, unique};
use crate::scene::{CLASS, FILING, INSTANCE, REQUEST, Scene, text, value};

/// The classes that the samples use.
const CLASSES: [&str; 2] = ["ecs", "elastic-web-hosting"];

/// One set of samples.
pub struct Samples {
    /// Where they live.
    pub scene: Scene<'static>,
    /// The manifests, in the order of the files.
    pub objects: Vec<Value>,
    /// What is called otherwise here, by its name in the files.
    names: BTreeMap<String, String>,
}

/// What became of every object: its status, by kind and original name.
pub type State = BTreeMap<String, Value>;

impl Samples {
    /// Samples that use the shipped classes.
    pub async fn fresh() -> Self {
        Self::new(manifests("deploy/samples")).await
    }

    /// Samples that bring their classes, which may be deleted.
    pub async fn with_classes_of_their_own() -> Self {
        let mut objects = manifests("deploy/classes");
        objects.retain(|class| CLASSES.contains(&text(class, "/metadata/name")));
        assert_eq!(objects.len(), CLASSES.len(), "the samples use classes that are shipped");
        for class in &mut objects {
            class["metadata"]["annotations"] = json!({"icp-filing.dev/allow-deletion": "true"});
        }
        objects.extend(manifests("deploy/samples"));
        Self::new(objects).await
    }

    async fn new(objects: Vec<Value>) -> Self {
        let scene = Scene::new().await;
        let mut names = BTreeMap::from([
            ("shop-team".to_owned(), scene.namespace().to_owned()),
            // A class that counts per account counts over all tests.
            ("1001".to_owned(), format!("account-{}", unique())),
        ]);
        for object in &objects {
            if [CLASS, INSTANCE].contains(&text(object, "/kind")) {
                let name = text(object, "/metadata/name");
                names.insert(name.to_owned(), format!("{name}-{}", unique()));
            }
        }
        let mut samples = Self { scene, objects: Vec::new(), names };
        let objects = objects.iter().filter(|object| text(object, "/kind") != "Namespace");
        samples.objects = objects.map(|object| rename(object, &|name| samples.name(name))).collect();
        samples
    }

    /// What something of the files is called here.
    pub fn name(&self, name: &str) -> String {
        self.names.get(name).map_or(name, String::as_str).to_owned()
    }

    /// What an object is called in the files.
    pub fn original(&self, object: &Value) -> String {
        format!("{}/{}", text(object, "/kind"), self.restore(text(object, "/metadata/name")))
    }

    fn restore(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (original, own)| text.replace(own, original))
    }

    /// The manifests as a list for whoever writes them, and their kubectl.
    pub fn by_writer(&self) -> [(Here, Value); 2] {
        [(Who::PlatformAdmin, [CLASS, INSTANCE]), (Who::Alice, [REQUEST, FILING])].map(|(who, kinds)| {
            let items = self.objects.iter().filter(|object| kinds.contains(&text(object, "/kind")));
            let list = json!({"apiVersion": "v1", "kind": "List", "items": items.collect::<Vec<_>>()});
            (self.scene.tenant.kubectl(who), list)
        })
    }

    /// Deletes every object of a kind and waits until they are gone, though not until anybody noticed.
    pub async fn delete(&self, kind: &str) {
        let who = if [CLASS, INSTANCE].contains(&kind) { Who::PlatformAdmin } else { Who::Alice };
        let api = self.scene.api(who, kind).await;
        let names = self.objects.iter().filter(|object| text(object, "/kind") == kind);
        for name in names.map(|object| text(object, "/metadata/name")) {
            must("delete an object", api.delete(name, &DeleteParams::default()).await);
            eventually("deletion", SOON, async || match api.get_opt(name).await {
                Ok(None) => Ok(()),
                Ok(Some(_)) => Err(format!("{kind} {name} is still there")),
                Err(error) => Err(error.to_string()),
            })
            .await;
        }
    }

    /// Every status, but for when conditions changed.
    pub async fn exact_state(&self) -> State {
        let mut state = State::new();
        for (who, kind) in [(Who::PlatformAdmin, INSTANCE), (Who::Alice, REQUEST), (Who::Alice, FILING)] {
            let api = self.scene.api(who, kind).await;
            for object in must("list objects", api.list(&ListParams::default()).await) {
                let mut object = value(object);
                for condition in object["status"]["conditions"].as_array_mut().into_iter().flatten() {
                    condition["lastTransitionTime"] = json!("<time>");
                }
                state.insert(format!("{kind}/{}", text(&object, "/metadata/name")), object["status"].clone());
            }
        }
        state
    }

    /// Every status, without what differs from one set of samples to the next: names, numbers, slots and times.
    pub async fn state(&self) -> State {
        let state = self.exact_state().await;
        let normal = |(name, status): (String, Value)| {
            let mut status = rename(&status, &|text| normal(&self.restore(text)));
            // They are listed by slot.
            if let Some(unused) = status["unusedNumbers"].as_array_mut() {
                unused.sort_by_key(|number| text(number, "/claimedBy").to_owned());
            }
            (self.restore(&name), status)
        };
        state.into_iter().map(normal).collect()
    }

    /// Waits until the samples are in a state.
    pub async fn ends_as(&self, expected: &State, what: &str) {
        eventually(what, SOON, async || {
            let state = self.state().await;
            if state == *expected { Ok(()) } else { Err(difference(expected, &state)) }
        })
        .await;
    }
}

/// Where two states differ, for people.
pub fn difference(expected: &State, state: &State) -> String {
    let mut text = String::new();
    for name in expected.keys().chain(state.keys().filter(|name| !expected.contains_key(*name))) {
        let (expected, state) = (expected.get(name), state.get(name));
        if expected != state {
            let _ = writeln!(text, "{name}: expected {expected:#?}, found {state:#?}");
        }
    }
    text
}

/// Every manifest in the files of a folder, in the order of their names.
fn manifests(folder: &str) -> Vec<Value> {
    let folder = must("list a folder", std::fs::read_dir(repository(folder)));
    let mut files: Vec<_> = folder.map(|entry| must("list a folder", entry).path()).collect();
    files.retain(|file| {
        file.extension().is_some_and(|end| end == "yaml") && !file.ends_with("kustomization.yaml")
    });
    files.sort();
    let read = |file: &std::path::PathBuf| {
        let text = must("read a file", std::fs::read_to_string(file));
        let parse = |document| must("read a manifest", serde_saphyr::from_str::<Value>(document));
        text.split("\n---\n").map(parse).collect::<Vec<_>>()
    };
    files.iter().flat_map(read).collect()
}

/// A value with every text in it replaced.
fn rename(value: &Value, by: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => json!(by(text)),
        Value::Array(items) => items.iter().map(|item| rename(item, by)).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), rename(value, by))).collect(),
        other => other.clone(),
    }
}

fn normal(text: &str) -> String {
    if uuid::Uuid::parse_str(text).is_ok() {
        return "<number>".to_owned();
    }
    if text.parse::<Timestamp>().is_ok() {
        return "<time>".to_owned();
    }
    match text.rsplit_once('-') {
        Some((key, slot)) if is_key(key) && slot.parse::<u32>().is_ok() => format!("{key}-<slot>"),
        _ => text.to_owned(),
    }
}

fn is_key(text: &str) -> bool {
    text.starts_with("instance.") || text.starts_with("account.")
}
