//! Traces, as a collector gets them: one for each look, with what it called; no number in any; and a collector that is
//! not there is told once and costs nothing else.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, routing::post};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::fixture::{Cluster, SOON, Who, eventually, must};
use crate::operator_process::Operator;
use crate::scene::{FILING, REQUEST, Scene, by_request, filing, request, text};

/// A collector that keeps what it gets.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Bytes>>>);

impl Collector {
    /// Listens for as long as the test runs, and says where.
    async fn listen(&self) -> String {
        let listener = must("listen", tokio::net::TcpListener::bind("127.0.0.1:0").await);
        let address = must("its address", listener.local_addr());
        let keep = async |State(Collector(kept)): State<Collector>, body: Bytes| {
            kept.lock().expect("what was kept").push(body);
        };
        let app = Router::new().route("/v1/traces", post(keep)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}")
    }

    fn bodies(&self) -> Vec<Bytes> {
        self.0.lock().expect("what was kept").clone()
    }

    fn spans(&self) -> Vec<Span> {
        let bodies = self.bodies().into_iter();
        let exports = bodies.map(|body| must("decode spans", ExportTraceServiceRequest::decode(body)));
        let resources = exports.flat_map(|export| export.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    /// The looks at an object, and for each what it called, in order of beginning.
    fn looks(&self, name: &str, object: &str) -> Vec<Vec<String>> {
        let spans = self.spans();
        let looks = spans.iter().filter(|span| span.name == name && attribute(span, "object") == object);
        looks
            .map(|look| {
                assert!(look.parent_span_id.is_empty(), "a look begins a trace");
                let mut calls: Vec<_> =
                    spans.iter().filter(|span| span.parent_span_id == look.span_id).collect();
                assert!(calls.iter().all(|call| call.trace_id == look.trace_id));
                calls.sort_by_key(|call| call.start_time_unix_nano);
                calls
                    .iter()
                    .map(|call| format!("{} {}", call.name, attribute(call, "http.response.status_code")))
                    .collect()
            })
            .collect()
    }
}

/// What a span says under a key.
fn attribute(span: &Span, key: &str) -> String {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// Spans are sent a moment after they end.
fn soon() -> [(&'static str, PathBuf); 1] {
    [("OTEL_BSP_SCHEDULE_DELAY", PathBuf::from("100"))]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_holds_a_look_and_its_calls_and_no_number() {
    let cluster = must("start a control plane", Cluster::start().await);
    let scene = Scene::on(&cluster, Who::Alice).await;
    let collector = Collector::default();
    let endpoint = collector.listen().await;
    let folder = cluster.control_plane().dir();
    let flags = ["--traces-endpoint", &endpoint, "--log", "debug"];
    let operator = Operator::with_environment(folder, &cluster.kubeconfig(Who::Operator), &flags, &soon());
    operator.ready().await;
    let server = scene.server(serde_json::json!({})).await;
    scene.apply(&request("shop", &server)).await;
    scene.ready(REQUEST, "shop").await;
    scene.apply(&filing("site", by_request("shop"))).await;
    scene.ready(FILING, "site").await;

    let object = |name: &str| format!("{}/{name}", scene.namespace());
    // A number is issued and told in one look; a filing is bound in one, and told once that is seen.
    for (name, thing, looks) in [
        (
            "look at ServiceNumberRequest",
            "shop",
            &[&["POST servicenumbers 201", "PATCH servicenumberrequests/status 200"][..]][..],
        ),
        ("look at Filing", "site", &[&["PATCH servicenumbers 200"], &["PATCH filings/status 200"]]),
    ] {
        eventually(&format!("traces of {thing}"), SOON, async || {
            let made = collector.looks(name, &object(thing));
            let has = |calls: &&[&str]| {
                made.iter().any(|look| calls.iter().all(|call| look.iter().any(|m| m == call)))
            };
            if looks.iter().all(has) { Ok(()) } else { Err(format!("{made:?}")) }
        })
        .await;
    }
    let spans = collector.spans();
    let foreign =
        spans.iter().find(|span| !span.name.starts_with("look at ") && span.parent_span_id.is_empty());
    assert_eq!(foreign, None, "watches and the lease are no traces");

    let number = text(&scene.get(REQUEST, "shop").await, "/status/serviceNumber").to_owned();
    let uuid = must("read the number", uuid::Uuid::parse_str(&number));
    let tells = |bytes: &[u8]| {
        [number.as_bytes(), uuid.simple().to_string().as_bytes(), uuid.as_bytes()]
            .iter()
            .any(|told| bytes.windows(told.len()).any(|window| window == *told))
    };
    assert!(tells(format!("x{number}x").as_bytes()), "the search is blind");
    assert!(!collector.bodies().iter().any(|body| tells(body)), "a number is in a trace");
    for line in operator.lines() {
        assert!(
            line["span"].is_null() && line["spans"].is_null(),
            "a line of the log tells of spans: {line}"
        );
    }
    operator.finish().await;
    drop(scene);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_not_there_is_told_once_and_changes_nothing() {
    let cluster = must("start a control plane", Cluster::start().await);
    let scene = Scene::on(&cluster, Who::Alice).await;
    // Nobody listens where somebody did a moment ago.
    let gone = must("listen", std::net::TcpListener::bind("127.0.0.1:0"));
    let endpoint = format!("http://{}", must("its address", gone.local_addr()));
    drop(gone);
    let folder = cluster.control_plane().dir();
    let flags = ["--traces-endpoint", &endpoint];
    let operator = Operator::with_environment(folder, &cluster.kubeconfig(Who::Operator), &flags, &soon());
    operator.ready().await;
    let server = scene.server(serde_json::json!({})).await;
    operator.says("WARN", &["spans are lost", "--traces-endpoint"]).await;
    scene.apply(&request("shop", &server)).await;
    scene.ready(REQUEST, "shop").await;
    scene.apply(&request("another", &server)).await;
    scene.ready(REQUEST, "another").await;
    operator.finish().await;
    let log = operator.log();
    assert_eq!(log.matches("spans are lost").count(), 1, "{log}");
    drop(scene);
    cluster.stop().await;
}
