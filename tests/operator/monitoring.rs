//! What people watch. Every metric and label that an alert or a panel names is exported by an operator that did one of
//! everything, and no number that was issued is in its log, its metrics or the events.

mod queries;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use icp_filing_operator::api::Reason;
use serde_json::{Value, json};

use crate::audits;
use crate::fixture::{Cluster, SOON, Who, eventually, must, repository};
use crate::operator_process::Operator;
use crate::scene::{FILING, REQUEST, Scene, by_number, filing, request, text};
use crate::stage::Stage;
use queries::{Named, named};

/// Labels that Prometheus gives every series of a target.
const OF_TARGETS: [&str; 4] = ["job", "instance", "namespace", "pod"];
/// What Prometheus says of every target itself.
const OF_PROMETHEUS: [&str; 1] = ["up"];
/// What the kubelet says of the container, since a process knows neither its limits nor what its kernel counts.
const OF_KUBELET: [&str; 2] = ["container_memory_working_set_bytes", "container_cpu_usage_seconds_total"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_watched_is_exported_and_tells_no_number() {
    let cluster = must("start a control plane", Cluster::start().await);
    let stage = Stage::on(&cluster);
    let scene = Scene::on(&cluster, Who::Alice).await;
    let operator = Operator::start(&cluster, &["--leader-elect"]).await;
    one_of_everything(&scene).await;

    let queries = [alerts(), panels()].concat();
    let metrics = eventually("metrics that are watched", SOON, async || {
        let metrics = operator.metrics().await;
        let missing: Vec<_> = queries.iter().flat_map(|query| lacks(&exported(&metrics), query)).collect();
        if missing.is_empty() { Ok(metrics) } else { Err(missing.join("\n")) }
    })
    .await;
    // It sends what it still has to report before it ends.
    operator.finish().await;
    let args = ["get", "events.events.k8s.io", "--all-namespaces", "-o", "json"];
    let events = must("list events", cluster.kubectl(Who::Admin).ok(&args).await);
    let log = operator.log();
    for (what, place) in
        [("ServiceNumberRequest", &events), ("issued a number", &log), ("numbers_issued", &metrics)]
    {
        assert!(place.contains(what), "nothing was said of numbers: {what} is missing");
    }

    let numbers: BTreeSet<_> = stage.oracle.numbers().into_iter().collect();
    assert!(numbers.len() > 5, "{} numbers were issued", numbers.len());
    for (place, text) in [("log", &log), ("metrics", &metrics), ("events", &events)] {
        assert_eq!(told(text, &numbers), None, "a number is in the {place}");
        for number in &numbers {
            let planted = format!("{text} {}", number.to_uppercase());
            assert_eq!(told(&planted, &numbers).as_ref(), Some(number), "the search of the {place} is blind");
        }
    }
    stage.ended(operator);
    stage.sound(&[]).await;
    drop(stage);
    cluster.stop().await;
}

/// Numbers in every state, one given back, and refusals of every kind of object.
async fn one_of_everything(scene: &Scene<'_>) {
    audits::lives(scene).await;
    // Given back by a draft that is deleted, and then bound to another by its value.
    let record = text(&scene.get(FILING, "draft").await, "/status/recordName").to_owned();
    scene.delete(FILING, "draft").await;
    let number = text(&scene.record(&record, "Issued").await, "/spec/number").to_owned();
    scene.apply(&filing("other", by_number(&number))).await;
    scene.record(&record, "InUse").await;
    scene.apply(&filing("third", by_number(&number))).await;
    scene.stalled(FILING, "third", &["NumberInUse"]).await;

    let class = scene.class(json!({"spec": {"quota": 1}})).await;
    let small = scene.server(json!({"spec": {"className": class}})).await;
    scene.apply(&request("only", &small)).await;
    scene.ready(REQUEST, "only").await;
    scene.apply(&request("beyond", &small)).await;
    scene.stalled(REQUEST, "beyond", &["QuotaExhausted"]).await;
    let private = scene.server(json!({"spec": {"publicNetwork": {"bandwidthMbps": 0}}})).await;
    scene.stalled(crate::scene::INSTANCE, &private, &["NoPublicBandwidth"]).await;
}

/// The number that a text tells, however it is written.
fn told(text: &str, numbers: &BTreeSet<String>) -> Option<String> {
    let text = text.to_lowercase();
    numbers.iter().find(|number| text.contains(*number) || text.contains(&number.replace('-', ""))).cloned()
}

/// The label sets of every metric.
type Exported = HashMap<String, Vec<BTreeMap<String, String>>>;

/// What a scrape holds.
fn exported(scrape: &str) -> Exported {
    let mut exported = Exported::new();
    for line in scrape.lines().filter(|line| !line.starts_with('#')) {
        let series = line.rsplit_once(' ').map_or(line, |(series, _)| series);
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels = labels.trim_end_matches('}').split("\",").filter_map(|label| label.split_once("=\""));
        let labels = labels.map(|(label, value)| (label.to_owned(), value.trim_end_matches('"').to_owned()));
        exported.entry(name.to_owned()).or_default().push(labels.collect());
    }
    exported
}

/// What a query names and a scrape lacks.
fn lacks(exported: &Exported, (place, query): &(String, String)) -> Vec<String> {
    let Named { metrics, selected, grouped } = named(query);
    assert!(!metrics.is_empty(), "{place} names no metric: {query}");
    let foreign = |metric: &str| OF_PROMETHEUS.contains(&metric) || OF_KUBELET.contains(&metric);
    let samples = |metric: &str| exported.get(metric).map_or(&[][..], Vec::as_slice);
    let has = |metric: &str, label: &str| samples(metric).iter().any(|sample| sample.contains_key(label));
    let mut lacks = Vec::new();
    for metric in metrics.iter().filter(|metric| !foreign(metric) && !exported.contains_key(*metric)) {
        lacks.push(format!("{place}: no metric {metric}"));
    }
    for (metric, label, value) in &selected {
        if foreign(metric) || OF_TARGETS.contains(&label.as_str()) {
            continue;
        }
        if !has(metric, label) {
            lacks.push(format!("{place}: {metric} has no label {label}"));
        }
        let may_be = |value: &String| match label.as_str() {
            // Any of these may be said, and any code may be answered.
            "reason" => Reason::ALL.iter().any(|reason| reason.as_str() == value),
            "code" if metric == "rest_client_requests_total" => {
                value.parse().is_ok_and(|code: u16| code < 600)
            }
            _ => samples(metric).iter().any(|sample| sample.get(label) == Some(value)),
        };
        if value.as_ref().is_some_and(|value| !may_be(value)) {
            lacks.push(format!("{place}: {metric} has no {label} {value:?}"));
        }
    }
    let own: Vec<_> = metrics.iter().filter(|metric| !foreign(metric)).collect();
    for label in grouped.iter().filter(|label| !OF_TARGETS.contains(&label.as_str())) {
        if own.is_empty() || !own.iter().all(|metric| has(metric, label)) {
            lacks.push(format!("{place}: not every metric has the label {label}"));
        }
    }
    lacks
}

fn shipped(file: &str) -> String {
    must("read what is shipped", std::fs::read_to_string(repository("deploy/monitoring").join(file)))
}

/// The query of each alert.
fn alerts() -> Vec<(String, String)> {
    let rules: Value = must("read the rules", serde_saphyr::from_str(&shipped("rules.yaml")));
    let groups = rules["groups"].as_array().into_iter().flatten();
    let rules = groups.flat_map(|group| group["rules"].as_array().into_iter().flatten());
    let queries: Vec<_> =
        rules.map(|rule| (text(rule, "/alert").to_owned(), text(rule, "/expr").to_owned())).collect();
    assert!(queries.len() > 10, "{queries:?}");
    queries
}

/// The queries of each panel, whose legends name labels that the query groups by.
fn panels() -> Vec<(String, String)> {
    let dashboard: Value = must("read the dashboard", serde_json::from_str(&shipped("dashboard.json")));
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().into_iter().flatten() {
        let title = text(panel, "/title");
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = text(target, "/expr");
            for label in text(target, "/legendFormat").split("{{").skip(1) {
                let label = label.split("}}").next().unwrap_or_default();
                assert!(named(query).grouped.contains(label), "{title}: its legend names {label}");
            }
            queries.push((title.to_owned(), query.to_owned()));
        }
    }
    assert!(queries.len() > 8, "{queries:?}");
    queries
}
