//! An import that is killed at some moment and run again, into a cluster that was built anew: what was written stays,
//! and the next run finishes it. On a real API server.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;

use icp_filing_operator::api::{BoundFiling, ServiceNumberSpec};
use icp_filing_operator::rules::life::Change;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::cli::{export, import, importing};
use crate::fixture::{Cluster, Who, must};
use crate::histories::{book, name, time};
use crate::objects;
use crate::operator_process::Operator;
use crate::scene::{FILING, REQUEST, Scene, filing, instance, request, text, with};

/// Servers of the cluster that is no more, each with all of its numbers issued.
const SERVERS: usize = 12;
const QUOTA: usize = 5;
/// After how many lines of its own report an import is killed. Each is a record that was written.
const KILLED_AFTER: [usize; 2] = [7, 13];

type Records = BTreeMap<String, ServiceNumberSpec>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_killed_is_finished_by_the_next_and_a_rebuilt_cluster_has_every_number() {
    let cluster = must("start a cluster", Cluster::start().await);
    let scene = Scene::on(&cluster, Who::Alice).await;
    let admin = cluster.kubeconfig(Who::Admin);
    let folder = cluster.control_plane().dir();
    let issued = issued(scene.namespace());
    let lived: Vec<_> = issued.iter().enumerate().map(|(at, spec)| life(at, spec)).collect();
    // The first copy is added record by record, the second brings them forward step by step.
    for (ledger, added) in [(&issued, true), (&lived, false)] {
        let file = folder.join(if added { "issued.jsonl" } else { "lived.jsonl" });
        let copy = book(ledger);
        let copied: Records = ledger.iter().map(|spec| (name(spec), spec.clone())).collect();
        must("write a copy", std::fs::write(&file, must("write a copy", copy.text("gone", "7"))));
        import(&admin, &file, &[]).await.said(2, &["of another ledger (gone)", "--rebuilt-cluster"]);
        let before = stored(&scene).await;
        for lines in KILLED_AFTER {
            killed(&admin, &file, lines).await;
            let now = stored(&scene).await;
            assert!(now != before && now != copied, "it was killed in the middle");
            distinct(&now);
            for (name, spec) in &now {
                assert_eq!(spec.number, copied[name].number, "{name}");
                assert_eq!(spec.claim, copied[name].claim, "{name}");
            }
        }
        import(&admin, &file, &["--rebuilt-cluster"])
            .await
            .said(0, &[&format!("the cluster has all {} records", copied.len())]);
        assert_eq!(stored(&scene).await, copied);
        import(&admin, &file, &["--rebuilt-cluster"]).await.said(0, &["nothing to do"]);
        assert_eq!(stored(&scene).await, copied);
    }
    let copy = folder.join("anew.jsonl");
    export(&admin, &copy).await.said(0, &[]);
    import(&admin, &copy, &[]).await.said(0, &["nothing to do"]);
    goes_on(&cluster, &scene, &lived).await;
    cluster.stop().await;
}

/// An operator gives every claim the number that it had, counts all of them, and issues none.
async fn goes_on(cluster: &Cluster, scene: &Scene<'_>, lived: &[ServiceNumberSpec]) {
    let server = &lived[0].instance_name;
    scene.put(&instance(server)).await;
    let operator = Operator::start(cluster, &[]).await;
    for spec in &lived[..QUOTA] {
        scene.apply(&request(&spec.claim.name, server)).await;
        let ready = scene.ready(REQUEST, &spec.claim.name).await;
        assert_eq!(text(&ready, "/status/serviceNumber"), spec.number);
    }
    scene.apply(&request("one-more", server)).await;
    scene.stalled(REQUEST, "one-more", &["QuotaExhausted"]).await;
    // One that was submitted in the cluster that is no more, applied again in this one.
    let (at, submitted) = at_stage(lived, 1);
    let again = filing(&format!("f-{at}"), json!({"requestRef": {"name": submitted.claim.name}}));
    scene.apply(&with(again, json!({"spec": {"submit": true}}))).await;
    let ready = scene.ready(FILING, &format!("f-{at}")).await;
    assert_eq!(text(&ready, "/status/recordName"), name(submitted));
    let copied: Records = lived.iter().map(|spec| (name(spec), spec.clone())).collect();
    let now = stored(scene).await;
    assert_eq!(now.keys().collect::<Vec<_>>(), copied.keys().collect::<Vec<_>>());
    for (name, spec) in now {
        assert_eq!(spec.number, copied[&name].number);
        assert!(copied[&name].submitted_time.is_none() || spec == copied[&name], "{name}: {spec:?}");
    }
    operator.finish().await;
    operator.sound(&lived.iter().map(|spec| spec.number.clone()).collect());
}

/// The numbers of a cluster that is no more, as they were issued to claims of a namespace.
fn issued(namespace: &str) -> Vec<ServiceNumberSpec> {
    let servers = (0..SERVERS).map(|at| format!("i-rebuilt-{at}"));
    servers
        .flat_map(|server| (0..QUOTA).map(move |slot| (server.clone(), slot)))
        .map(|(server, slot)| {
            let record = objects::record(&server, i32::try_from(slot).expect("a slot"));
            let spec: Value =
                with(record, json!({"spec": {"claim": {"namespace": namespace}}}))["spec"].take();
            must("read a record", serde_json::from_value(spec))
        })
        .collect()
}

/// How far a number has gone, by where it stands in the ledger: issued, submitted, consumed, cancelled. Drafts are
/// left out: their bindings are not brought back.
const STAGES: usize = 4;

fn life(at: usize, issued: &ServiceNumberSpec) -> ServiceNumberSpec {
    let bound = BoundFiling {
        namespace: issued.claim.namespace.clone(),
        name: format!("f-{at}"),
        uid: format!("uid-{at}"),
        domain: format!("f-{at}.example.cn"),
    };
    let end = match at % STAGES {
        0 => return issued.clone(),
        2 => Some(Change::Consume(time(2), format!("浙ICP备{at:08}号-1"))),
        3 => Some(Change::Cancel(time(2))),
        _ => None,
    };
    let steps = [Change::Bind(bound), Change::Submit(time(1))].into_iter().chain(end);
    steps.fold(issued.clone(), |spec, step| step.apply(&spec).expect("a step"))
}

/// The first record that went so far.
fn at_stage(lived: &[ServiceNumberSpec], stage: usize) -> (usize, &ServiceNumberSpec) {
    lived.iter().enumerate().find(|(at, _)| at % STAGES == stage).expect("a record of every stage")
}

/// Runs an import and kills it once it has said so many lines.
async fn killed(kubeconfig: &Path, file: &Path, lines: usize) {
    let mut command = importing(kubeconfig, file, &["--rebuilt-cluster"]);
    let mut child = must("run the program", command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn());
    let mut said = BufReader::new(child.stdout.take().expect("its output")).lines();
    for _ in 0..lines {
        assert!(must("read its output", said.next_line().await).is_some(), "it ended before it was killed");
    }
    must("kill it", child.kill().await);
}

/// The ledger of the cluster.
async fn stored(scene: &Scene<'_>) -> Records {
    let specs = scene.records().await.into_iter().map(|mut record| record["spec"].take());
    let specs = specs.map(|spec| must::<ServiceNumberSpec, _>("read a record", serde_json::from_value(spec)));
    specs.map(|spec| (name(&spec), spec)).collect()
}

fn distinct(records: &Records) {
    let numbers: BTreeSet<_> = records.values().map(|spec| &spec.number).collect();
    assert_eq!(numbers.len(), records.len(), "a number is there twice");
}
