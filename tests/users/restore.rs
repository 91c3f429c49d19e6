//! A cluster that is made anew from a dump of manifests, statuses and uids lost, with the operator at work: the
//! records first, everything else in any order. What a dump that misses records comes to is shown too.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures::future::join_all;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::expected::View;
use crate::fixture::{BREAK_GLASS, Cluster, Who, must};
use crate::generate;
use crate::lab::{Lab, People, lab};
use crate::mirror::{Mirror, Objects};
use crate::operator_process::Operator;
use crate::oracle::Oracle;
use crate::plan::Kind;
use crate::play::{has_word, perform};
use crate::rig::Rig;
use crate::rng::Rng;
use crate::said::text;
use crate::stage::Stage;

/// How long anything may take.
const LIMIT: Duration = Duration::from_mins(2);
/// Sequences that are restored whole, and those whose dump misses records.
const WHOLE: std::ops::Range<u64> = 0..10;
const TORN: std::ops::Range<u64> = 10..24;

/// What a cluster holds, by kind and name.
type Held = BTreeMap<(Kind, String), Value>;

/// The cluster before, and a copy of it that is filled from its dump.
struct Copy {
    cluster: Cluster,
    mirror: Mirror,
    oracle: Oracle,
    operator: Operator,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_restored_from_manifests_has_the_same_ledger_and_the_same_numbers() {
    let lab = lab().await;
    let people = People::new(lab.cluster).await;
    let (my_turn, copy) = tokio::join!(lab.turn(), Copy::start());
    let (complete, torn) = (played(lab, &people, WHOLE).await, played(lab, &people, TORN).await);
    let dump = dump(lab.cluster).await;
    drop(my_turn);

    let before: Vec<_> = complete.iter().map(|token| (token.as_str(), of(&dump, token))).collect();
    let (mut records, mut contested) = (0, 0);
    for (token, before) in &before {
        copy.fill(before, token).await;
        let after = copy.settled(token).await;
        let several = several_drafts(before);
        contested += several.len();
        records += same(before, &after, &several);
    }
    println!(
        "restored: {} sequences, {records} records, {contested} of them asked for by several drafts",
        before.len()
    );
    assert!(records > 10, "there was little to restore: {records} records");

    let (mut newest, mut holes, mut anew) = (0, 0, 0);
    for token in &torn {
        let before = of(&dump, token);
        let (kept, lost) = torn_apart(&before);
        newest += lost.newest.len();
        holes += lost.holes.len();
        copy.fill(&kept, token).await;
        let after = copy.settled(token).await;
        anew += judged(&before, &kept, &after, &lost);
    }
    println!(
        "torn: {newest} newest records lost and {anew} issued anew, {holes} keys with a hole and none issued"
    );
    assert!(newest > 2 && holes > 0, "{newest} newest records and {holes} holes");
    copy.end(&dump, &[complete, torn].concat()).await;
    lab.sound_logs();
}

/// Plays sequences and leaves everything as it is.
async fn played(lab: &'static Lab, people: &People, seeds: std::ops::Range<u64>) -> Vec<String> {
    let sequences: Vec<_> = seeds.map(generate::untwinned).collect();
    let rig = Rig::start(lab, &sequences[0].operators).await;
    let stages = join_all(sequences.iter().map(|_| Stage::new(lab, people, LIMIT))).await;
    let problems = perform(&rig, &stages, &sequences).await.concat();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    // What changes by itself while it is copied is no part of this.
    for stage in &stages {
        let lasting = stage.until(|objects| lasts(objects, &stage.token)).await;
        must("find it lasting", lasting);
    }
    rig.end().await;
    stages.into_iter().map(|stage| stage.token).collect()
}

fn lasts(objects: &Objects, token: &str) -> Result<(), String> {
    let now = Timestamp::now();
    let wrong = View::of(objects, token, now).wrong();
    let soon =
        objects.all(Kind::Instance, "").filter(|(name, _)| has_word(name, token)).find(|(_, instance)| {
            let at = text(instance, "/status/nextChangeTime").parse::<Timestamp>();
            at.is_ok_and(|at| at < now + SignedDuration::from_mins(10))
        });
    match (wrong.first(), soon) {
        (Some(wrong), _) => Err(wrong.clone()),
        (_, Some((name, _))) => Err(format!("{name} changes soon")),
        _ => Ok(()),
    }
}

/// Everything as `kubectl get` gives it, without what a new cluster does not take over.
async fn dump(cluster: &Cluster) -> Held {
    let mut held = Held::new();
    for kind in Kind::ALL {
        let listed = cluster.kubectl(Who::Admin).ok(&["get", kind.resource(), "-A", "-o", "json"]).await;
        let listed: Value = must("read a dump", serde_json::from_str(&must("dump", listed)));
        for mut object in listed["items"].as_array().cloned().unwrap_or_default() {
            let meta = &object["metadata"];
            let own = meta["name"].clone();
            let name = match meta["namespace"].as_str() {
                Some(namespace) => format!("{namespace}/{}", text(meta, "/name")),
                None => text(meta, "/name").to_owned(),
            };
            let namespace = meta["namespace"].clone();
            object["metadata"] = json!({"name": own, "namespace": namespace});
            if let Some(object) = object.as_object_mut() {
                object.remove("status");
            }
            held.insert((kind, name), object);
        }
    }
    held
}

/// What is of one sequence.
fn of(dump: &Held, token: &str) -> Held {
    let own = dump.iter().filter(|((_, name), _)| has_word(name, token));
    own.map(|(key, object)| (key.clone(), object.clone())).collect()
}

fn list(items: &[&Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

impl Copy {
    /// An empty cluster, with the operator at work from the start.
    async fn start() -> Self {
        let cluster = must("start another cluster", Cluster::start().await);
        let etcd = must("find etcd", cluster.control_plane().etcd_endpoint());
        let (mirror, oracle) = (Mirror::start(&etcd), Oracle::start(&etcd));
        let operator = Operator::start(&cluster, &[]).await;
        Self { cluster, mirror, oracle, operator }
    }

    /// Records first, by breaking the glass, then everything else in any order.
    async fn fill(&self, held: &Held, token: &str) {
        let admin = self.cluster.kubectl(Who::Admin);
        for namespace in ["first", "second"] {
            must(
                "make a namespace",
                admin.ok(&["create", "namespace", &format!("t-{token}-{namespace}")]).await,
            );
        }
        let records: Vec<_> =
            held.iter().filter(|((kind, _), _)| *kind == Kind::Record).map(|(_, r)| r).collect();
        let group = format!("--as-group={BREAK_GLASS}");
        let args = ["create", "-f", "-", "--as=keeper", &group];
        if !records.is_empty() {
            must("restore the records", admin.ok_with_input(&args, &list(&records)).await);
        }
        let mut others: Vec<_> =
            held.iter().filter(|((kind, _), _)| *kind != Kind::Record).map(|(_, object)| object).collect();
        let seed =
            token.bytes().fold(0, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let mut rng = Rng::new(seed);
        for at in (1..others.len()).rev() {
            others.swap(at, rng.below(at + 1));
        }
        must("apply the manifests", admin.apply(&list(&others)).await);
    }

    /// Everything of a sequence, once it is answered as it has to be.
    async fn settled(&self, token: &str) -> Held {
        let since = Instant::now();
        loop {
            let looked = self.mirror.until(0, Duration::from_millis(300), |objects| {
                let wrong = View::of(objects, token, Timestamp::now()).wrong();
                if !wrong.is_empty() {
                    return Err(wrong.join("; "));
                }
                let all = |kind| {
                    objects.all(kind, "").map(move |(name, object)| ((kind, name.to_owned()), object.clone()))
                };
                Ok(Kind::ALL
                    .into_iter()
                    .flat_map(all)
                    .filter(|((_, name), _)| has_word(name, token))
                    .collect())
            });
            match looked.await {
                Ok(held) => return held,
                Err(why) => assert!(since.elapsed() < LIMIT, "after a restore: {why}"),
            }
        }
    }

    /// Judges its whole history. That records came as they were, before their classes, is what a restore is.
    async fn end(self, dump: &Held, tokens: &[String]) {
        let restored = |violation: &String| {
            let record = dump
                .keys()
                .any(|(kind, name)| *kind == Kind::Record && violation.contains(&format!(" {name}: ")));
            record && (violation.contains("it was issued ") || violation.contains("never declared a quota"))
        };
        let mut problems: Vec<_> = self.oracle.violations().await;
        problems.retain(|violation| !restored(violation));
        let own = |lie: &String| tokens.iter().any(|token| has_word(lie, token));
        problems.extend(self.mirror.lies().into_iter().filter(own));
        self.operator.finish().await;
        self.operator.sound(&self.oracle.numbers());
        self.cluster.stop().await;
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}

/// The records that no filing was submitted with and that several filings ask for: whichever is applied first gets
/// such a number, as when its manifests were new.
fn several_drafts(held: &Held) -> BTreeSet<String> {
    let mut askers: BTreeMap<String, usize> = BTreeMap::new();
    for ((_, _), filing) in held.iter().filter(|((kind, _), _)| *kind == Kind::Filing) {
        let source = &filing["spec"]["source"];
        let asks = held.iter().find(|((kind, _), record)| {
            let (spec, claim) = (&record["spec"], &record["spec"]["claim"]);
            let own = claim["namespace"] == filing["metadata"]["namespace"];
            *kind == Kind::Record
                && ((source["serviceNumber"].is_string() && spec["number"] == source["serviceNumber"])
                    || (own
                        && claim["kind"] == "ServiceNumberRequest"
                        && claim["name"] == source["requestRef"]["name"])
                    || (own && claim["kind"] == "Filing" && claim["name"] == filing["metadata"]["name"]))
        });
        if let Some(((_, name), _)) = asks {
            *askers.entry(name.clone()).or_default() += 1;
        }
    }
    let unsubmitted = |name: &String| held[&(Kind::Record, name.clone())]["spec"]["submittedTime"].is_null();
    askers.into_iter().filter(|(name, count)| *count > 1 && unsubmitted(name)).map(|(name, _)| name).collect()
}

/// That the ledger is as it was, and no number is new. Gives how many records there are.
fn same(before: &Held, after: &Held, several: &BTreeSet<String>) -> usize {
    let records = |held: &Held| {
        let records = held.iter().filter(|((kind, _), _)| *kind == Kind::Record);
        records
            .map(|((_, name), record)| (name.clone(), facts(record, several.contains(name))))
            .collect::<BTreeMap<_, _>>()
    };
    let (was, is) = (records(before), records(after));
    assert_eq!(was, is, "the ledger is another one");
    was.len()
}

/// What has to be the same of a record: everything but the uid of a draft, and what became of it where several may
/// have it.
fn facts(record: &Value, is_contested: bool) -> Value {
    let mut spec = record["spec"].clone();
    let is_draft = spec["submittedTime"].is_null();
    let Some(fields) = spec.as_object_mut() else { return spec };
    if is_contested {
        for field in ["filing", "state", "submittedTime"] {
            fields.remove(field);
        }
    } else if let Some(filing) = fields.get_mut("filing").and_then(Value::as_object_mut)
        && is_draft
    {
        filing.remove("uid");
    }
    spec
}

/// Records that a dump misses.
#[derive(Default)]
struct Lost {
    /// The last one of its key.
    newest: BTreeSet<String>,
    /// One before the last.
    holes: BTreeSet<String>,
}

/// A dump without the newest record of every other key, and without the first one of the others that have more.
fn torn_apart(held: &Held) -> (Held, Lost) {
    let mut keys: BTreeMap<&str, Vec<(u64, &String)>> = BTreeMap::new();
    for ((kind, name), record) in held {
        if *kind == Kind::Record
            && let Some((key, _)) = name.rsplit_once('-')
        {
            keys.entry(key).or_default().push((record["spec"]["slot"].as_u64().unwrap_or(0), name));
        }
    }
    let mut lost = Lost::default();
    for (at, slots) in keys.values_mut().enumerate() {
        slots.sort_unstable();
        if at % 2 == 0 && slots.len() > 1 {
            lost.holes.insert(slots[0].1.clone());
        } else if let Some((_, name)) = slots.last() {
            lost.newest.insert((*name).clone());
        }
    }
    let mut kept = held.clone();
    kept.retain(|(kind, name), _| {
        *kind != Kind::Record || !(lost.newest.contains(name) || lost.holes.contains(name))
    });
    (kept, lost)
}

/// That every record which is left is as it was, that nothing was issued on a key with a hole, and that what was
/// issued took the places of what is lost. Gives how many were issued.
fn judged(before: &Held, kept: &Held, after: &Held, lost: &Lost) -> usize {
    let mut anew = 0;
    for ((_, name), record) in after.iter().filter(|((kind, _), _)| *kind == Kind::Record) {
        let key = (Kind::Record, name.clone());
        if let Some(restored) = kept.get(&key) {
            // A draft may be another one: the number that its filing asks for may be lost.
            let is_draft = restored["spec"]["submittedTime"].is_null();
            assert_eq!(facts(restored, is_draft), facts(record, is_draft), "{name} is another one");
            continue;
        }
        let in_a_hole = lost
            .holes
            .iter()
            .any(|hole| hole.rsplit_once('-').map(|h| h.0) == name.rsplit_once('-').map(|n| n.0));
        assert!(!in_a_hole, "{name} was issued on a key with a hole");
        let old = before.get(&key).map(|old| &old["spec"]["number"]);
        assert_ne!(old, Some(&record["spec"]["number"]), "{name}");
        anew += 1;
    }
    anew
}
