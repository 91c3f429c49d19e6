//! What each path through the operator costs in calls, by the API server's own count. Nobody else may be at work on
//! the cluster meanwhile, and nobody here reads an object, so that what was read was read by the operator. What a path
//! may cost is not known here.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::calls::{Call, Calls};
use crate::fixture::{Cluster, Who, instance_id, must};
use crate::load;
use crate::scene::{
    FILING, INSTANCE, REQUEST, Scene, by_instance, by_number, by_request, condition, filing, holds, instance,
    is_settled, request, text, with,
};

const LONG: Duration = Duration::from_mins(2);
/// How many numbers a burst has.
pub const BURST: usize = 100;

/// What it cost to take some objects through a path, all told.
#[derive(Clone, Debug)]
pub struct Cost {
    /// The path.
    pub path: &'static str,
    /// How many objects took it.
    pub objects: u64,
    /// Writes of records.
    pub records: u64,
    /// Writes of the statuses of the objects themselves.
    pub statuses: u64,
    /// Writes of the statuses of the requests whose numbers they are.
    pub claims: u64,
    /// Writes of the statuses of the instances, which gather what happens.
    pub instances: u64,
    /// Objects read.
    pub reads: u64,
    /// Writes that were refused, which count above too.
    pub refused: u64,
    /// Every call, those of users too.
    pub calls: Calls,
}

impl Cost {
    /// Counts what the operator did. `reviews` were written by a registrar.
    fn of(
        path: &'static str,
        kind: &str,
        objects: usize,
        reviews: u64,
        calls: Calls,
        took: Duration,
    ) -> Self {
        let writes = calls.writes();
        let of = |resource: &str| writes.count(|call| call.resource == resource);
        let (requests, filings) = (of("servicenumberrequests/status"), of("filings/status") - reviews);
        let (statuses, claims) = if kind == FILING { (filings, requests) } else { (requests, 0) };
        Self {
            path,
            objects: objects as u64,
            records: of("servicenumbers"),
            statuses,
            claims,
            instances: of("instances/status"),
            reads: calls.reads(took),
            refused: writes.count(|call| call.code >= 400),
            calls,
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, objects, records, statuses, claims, instances, reads, refused, calls } = self;
        write!(
            f,
            "{path}, {objects} times: {records} writes of records, {statuses} of their own statuses, {claims} of those \
             of requests, {instances} of those of instances, {reads} reads, {refused} refused{calls}"
        )
    }
}

/// What a burst of numbers on one instance cost.
#[derive(Clone, Debug)]
pub struct Gathered {
    /// Writes of the instance's status.
    pub statuses: u64,
    /// How long after the last number was shown the instance counted it.
    #[allow(dead_code, reason = "a figure; tests assert no times")]
    pub late: Duration,
}

/// Takes so many objects through each path on which a number goes from a request to a completed filing.
pub async fn all(cluster: &Cluster, objects: usize) -> Vec<Cost> {
    let mut costs = Vec::new();
    let shop = Shop::on(cluster, objects).await;
    costs.push(shop.cost("request", REQUEST, 0, async || drop(shop.requests().await)).await);
    let again = async || {
        shop.delete(REQUEST).await;
        shop.requests().await;
    };
    costs.push(shop.cost("request applied again", REQUEST, 0, again).await);
    let drafts = async || shop.filings(|name| filing(name, by_request(name))).await;
    costs.push(shop.cost("draft by request", FILING, 0, drafts).await);
    costs.push(shop.cost("draft submitted", FILING, 0, async || shop.submit().await).await);
    costs.push(shop.cost("approval", FILING, objects as u64, async || shop.approve().await).await);

    let shop = Shop::on(cluster, objects).await;
    shop.requests().await;
    shop.filings(|name| filing(name, by_request(name))).await;
    costs.push(shop.cost("draft deleted", FILING, 0, async || shop.give_back().await).await);
    let sent = async || shop.filings(|name| submitted(filing(name, by_request(name)))).await;
    costs.push(shop.cost("filing by request, submitted at once", FILING, 0, sent).await);

    let shop = Shop::on(cluster, objects).await;
    let numbers = shop.requests().await;
    let sent = async || shop.filings(|name| submitted(filing(name, by_number(&numbers[name])))).await;
    costs.push(shop.cost("filing by number, submitted at once", FILING, 0, sent).await);

    let shop = Shop::on(cluster, objects).await;
    let sent = async || shop.filings(|name| submitted(filing(name, by_instance(name)))).await;
    costs.push(shop.cost("filing by instance, submitted at once", FILING, 0, sent).await);

    let shop = Shop::on(cluster, objects).await;
    let drafts = async || shop.filings(|name| filing(name, by_instance(name))).await;
    costs.push(shop.cost("draft by instance", FILING, 0, drafts).await);
    costs
}

/// Issues many numbers on one instance at once.
pub async fn burst(cluster: &Cluster) -> Gathered {
    let scene = Scene::on(cluster, Who::Alice).await;
    let class = scene.class(json!({"spec": {"quota": BURST}})).await;
    let id = scene.server(json!({"spec": {"className": class}})).await;
    all_are(&scene, INSTANCE, 1, is_ready).await;
    let before = quiet(cluster).await;
    let requests: Vec<_> = (0..BURST).map(|n| request(&format!("claim-{n}"), &id)).collect();
    let counting = async {
        all_are(&scene, INSTANCE, 1, |i| i["status"]["quota"]["issued"] == json!(BURST)).await;
        Instant::now()
    };
    let serving = async {
        load::create(&scene, Who::Alice, &requests).await;
        all_are(&scene, REQUEST, BURST, is_ready).await;
        Instant::now()
    };
    let (counted, shown) = tokio::join!(counting, serving);
    let calls = quiet(cluster).await.since(&before);
    let statuses = calls.writes().count(|call| call.resource == "instances/status");
    Gathered { statuses, late: counted.saturating_duration_since(shown) }
}

/// A tenant with some instances. Requests and filings are called after the instance that they are about.
struct Shop<'a> {
    cluster: &'a Cluster,
    scene: Scene<'a>,
    servers: Vec<String>,
}

impl<'a> Shop<'a> {
    async fn on(cluster: &'a Cluster, objects: usize) -> Self {
        let scene = Scene::on(cluster, Who::Alice).await;
        let servers: Vec<_> = (0..objects).map(|_| instance_id()).collect();
        let instances: Vec<_> = servers.iter().map(|id| instance(id)).collect();
        load::create(&scene, Who::PlatformAdmin, &instances).await;
        all_are(&scene, INSTANCE, objects, is_ready).await;
        Self { cluster, scene, servers }
    }

    /// What is called until all is over again.
    async fn cost(&self, path: &'static str, kind: &str, reviews: u64, act: impl AsyncFnOnce()) -> Cost {
        let (before, since) = (quiet(self.cluster).await, Instant::now());
        act().await;
        let calls = quiet(self.cluster).await.since(&before);
        Cost::of(path, kind, self.servers.len(), reviews, calls, since.elapsed())
    }

    /// Requests, one on each instance, and the numbers that they get.
    async fn requests(&self) -> BTreeMap<String, String> {
        let requests: Vec<_> = self.servers.iter().map(|id| request(id, id)).collect();
        load::create(&self.scene, Who::Alice, &requests).await;
        let served = all_are(&self.scene, REQUEST, requests.len(), is_ready).await;
        let number = |request: &Value| text(request, "/status/serviceNumber").to_owned();
        served.iter().map(|(name, request)| (name.clone(), number(request))).collect()
    }

    async fn filings(&self, manifest: impl Fn(&str) -> Value) {
        let filings: Vec<_> = self.servers.iter().map(|id| manifest(id)).collect();
        load::create(&self.scene, Who::Alice, &filings).await;
        all_are(&self.scene, FILING, filings.len(), is_ready).await;
    }

    async fn submit(&self) {
        let api = self.scene.api(Who::Alice, FILING).await;
        let patch = Patch::Merge(json!({"spec": {"submit": true}}));
        self.each(|id| {
            let (api, patch) = (api.clone(), &patch);
            async move { api.patch(id, &PatchParams::default(), patch).await.map(drop) }
        })
        .await;
        let is_submitted = |o: &Value| is_ready(o) && condition(o, "Ready")["reason"] == "Submitted";
        all_are(&self.scene, FILING, self.servers.len(), is_submitted).await;
    }

    async fn approve(&self) {
        let filings = all_are(&self.scene, FILING, self.servers.len(), is_ready).await;
        let api = self.scene.api(Who::Registrar, FILING).await;
        self.each(|id| {
            let record = &filings[id]["status"]["recordName"];
            let review =
                json!({"recordName": record, "state": "Approved", "icpNumber": "浙ICP备11012345号-1"});
            let (api, patch) = (api.clone(), Patch::Merge(json!({"status": {"review": review}})));
            async move { api.patch_status(id, &PatchParams::default(), &patch).await.map(drop) }
        })
        .await;
        all_are(&self.scene, FILING, self.servers.len(), |o| holds(o, "Completed")).await;
    }

    /// Deletes drafts, and waits until their requests say that nobody uses the numbers.
    async fn give_back(&self) {
        self.delete(FILING).await;
        all_are(&self.scene, REQUEST, self.servers.len(), |o| text(o, "/status/state") == "Issued").await;
    }

    async fn delete(&self, kind: &str) {
        let api = self.scene.api(Who::Alice, kind).await;
        self.each(|id| {
            let api = api.clone();
            async move { api.delete(id, &DeleteParams::default()).await.map(drop) }
        })
        .await;
    }

    /// One call about each.
    async fn each<'s, F: Future<Output = kube::Result<()>>>(&'s self, call: impl Fn(&'s str) -> F) {
        let calls = stream::iter(self.servers.iter().map(|id| call(id)));
        let done: kube::Result<Vec<()>> = calls.buffer_unordered(8).try_collect().await;
        must("call the API server", done);
    }
}

fn submitted(filing: Value) -> Value {
    with(filing, json!({"spec": {"submit": true}}))
}

fn is_ready(object: &Value) -> bool {
    is_settled(object) && holds(object, "Ready")
}

/// Waits until there are so many objects of a kind in a namespace and all are so.
async fn all_are(
    scene: &Scene<'_>,
    kind: &str,
    count: usize,
    are: impl Fn(&Value) -> bool,
) -> BTreeMap<String, Value> {
    load::all_are(scene, kind, count, LONG, are).await
}

/// Waits until nothing is called any more but for lists, watches and events, and gives all until then.
async fn quiet(cluster: &Cluster) -> Calls {
    let is_work = |call: &Call| {
        !["LIST", "WATCH"].contains(&call.verb.as_str())
            && call.resource != "events"
            // How the store is asked from time to time how far it is.
            && (call.verb.as_str(), call.resource.as_str()) != ("GET", "servicenumbers")
    };
    Calls::until_quiet(cluster, LONG, |new| new.count(is_work)).await
}
