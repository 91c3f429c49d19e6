//! Many objects at once: creating them from many writers, and waiting until the operator has answered them all.
//! What the answers should be is for the tests.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{DynamicObject, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use serde_json::Value;

use crate::fixture::{Who, must};
use crate::objects;
use crate::scene::{Scene, holds, is_settled, text, value};

/// Writers with a connection each.
const WRITERS: usize = 8;
/// How many requests each of them has under way.
const AT_ONCE: usize = 4;
/// How long a crowd may take in all, on a machine that is busy with other tests.
pub const LONG: Duration = Duration::from_mins(5);

/// Creates objects in the namespace of a scene, as a user, from many writers at once. What the API server does
/// not take for the moment, or at all while it is being killed, is sent again.
pub async fn create(scene: &Scene<'_>, who: Who, objects: &[Value]) {
    let mut clients = Vec::new();
    for _ in 0..WRITERS {
        clients.push(scene.tenant.client(who).await);
    }
    let namespace = scene.namespace();
    let jobs = objects.iter().enumerate().map(|(at, object)| {
        let client = clients[at % WRITERS].clone();
        async move { create_one(client, namespace, object).await }
    });
    let all: Result<Vec<()>, String> =
        stream::iter(jobs).buffer_unordered(WRITERS * AT_ONCE).try_collect().await;
    must("create a crowd", all);
}

async fn create_one(client: Client, namespace: &str, object: &Value) -> Result<(), String> {
    let kind = text(object, "/kind");
    let api: Api<DynamicObject> = match objects::resource(kind) {
        (resource, true) => Api::namespaced_with(client, namespace, &resource),
        (resource, false) => Api::all_with(client, &resource),
    };
    let typed: DynamicObject = serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    let since = Instant::now();
    loop {
        let why = match api.create(&PostParams::default(), &typed).await {
            Ok(_) => return Ok(()),
            // An earlier try was carried out though its answer was lost.
            Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => return Ok(()),
            // An API server that has just started may not know yet who may do what.
            Err(kube::Error::Api(status)) if ![401, 403].contains(&status.code) && status.code < 429 => {
                return Err(format!("{status:?}"));
            }
            Err(error) => error.to_string(),
        };
        if since.elapsed() > LONG {
            return Err(why);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What became of a crowd: names by what its objects say, `Ready` or the reason why not.
pub type Answers = BTreeMap<String, HashSet<String>>;

/// Waits until this many objects of a kind in the namespace of a scene are answered: ready, or stalled for good.
pub async fn answers(scene: &Scene<'_>, kind: &str, count: usize) -> Answers {
    let mut answers = Answers::new();
    for (name, object) in all_are(scene, kind, count, LONG, |object| answer(object).is_some()).await {
        answers.entry(answer(&object).unwrap_or_default()).or_default().insert(name);
    }
    answers
}

/// Waits until there are so many objects of a kind in the namespace of a scene and all are so, and gives them by name.
/// They are watched, and none is read.
pub async fn all_are(
    scene: &Scene<'_>,
    kind: &str,
    count: usize,
    within: Duration,
    are: impl Fn(&Value) -> bool,
) -> BTreeMap<String, Value> {
    let api = scene.api(Who::PlatformAdmin, kind).await;
    let (mut seen, mut waiting) = (BTreeMap::new(), HashSet::new());
    let following = async {
        let mut events =
            std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff().applied_objects());
        while seen.len() < count || !waiting.is_empty() {
            // A watch that breaks with its server begins anew by itself.
            let Some(Ok(object)) = events.next().await else { continue };
            let object = value(object);
            let name = text(&object, "/metadata/name").to_owned();
            if are(&object) {
                waiting.remove(&name);
            } else {
                waiting.insert(name.clone());
            }
            seen.insert(name, object);
        }
    };
    let in_time = tokio::time::timeout(within, following).await.is_ok();
    let sample: Vec<_> = waiting.iter().filter_map(|name| seen.get(name)).take(3).collect();
    assert!(
        in_time,
        "of {count} objects {} are there, and {} are not as they should be: {sample:?}",
        seen.len(),
        waiting.len()
    );
    seen
}

fn answer(object: &Value) -> Option<String> {
    if !is_settled(object) {
        None
    } else if holds(object, "Ready") {
        Some("Ready".to_owned())
    } else if holds(object, "Stalled") {
        Some(text(crate::scene::condition(object, "Ready"), "/reason").to_owned())
    } else {
        None
    }
}

/// How many objects gave each answer.
pub fn counts(answers: &Answers) -> Vec<(&str, usize)> {
    answers.iter().map(|(answer, names)| (answer.as_str(), names.len())).collect()
}
