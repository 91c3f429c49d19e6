//! Traces by OTLP over HTTP, off unless an endpoint is given: where spans are sent, a span for each call to the API server
//! that a look makes, and its `traceparent`. Which looks there are is in `controllers::spans`.

use futures::future::BoxFuture;
use http::Uri;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{client::legacy, rt::TokioExecutor};
use opentelemetry::{KeyValue, propagation::TextMapPropagator, trace::TracerProvider};
use opentelemetry_http::{Bytes, HeaderInjector, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{SdkTracer, SdkTracerProvider},
};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tracing::{Span, field::Empty, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::controllers::{MANAGER, spans::TARGET};

/// How long a collector may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How much of an answer is read.
const LONGEST_ANSWER: usize = 64 << 10;
/// How long what is left may take at the end.
const LAST_WITHIN: Duration = Duration::from_secs(2);

/// Where a collector takes spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint(String);

impl Endpoint {
    /// Reads what `--traces-endpoint` is given: the collector's address, as of `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| {
            format!("{what}. Give the collector's OTLP address over HTTP, such as http://localhost:4318")
        };
        let uri: Uri = text.parse().map_err(|error| wrong(&format!("no URL: {error}")))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(wrong("spans are sent without TLS, to a collector in the cluster")),
            _ => return Err(wrong("it does not begin with http://")),
        }
        if uri.query().is_some() {
            return Err(wrong("it has a query"));
        }
        Ok(Self(format!("{}/v1/traces", text.trim_end_matches('/'))))
    }
}

/// One request of the exporter, and where its answer is awaited.
type Post = (Request<Bytes>, oneshot::Sender<Result<Response<Bytes>, HttpError>>);

/// The exporter works on a thread of its own; its requests are sent on the runtime, by [`Traces::send`].
#[derive(Debug)]
struct Posts(mpsc::UnboundedSender<Post>);

impl HttpClient for Posts {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> BoxFuture<'b, Result<Response<Bytes>, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        let (answer, answered) = oneshot::channel();
        let sent = self.0.send((request, answer));
        Box::pin(async move {
            sent.map_err(|_| "the process ends")?;
            answered.await?
        })
    }
}

/// Spans on their way to a collector.
pub(super) struct Traces {
    provider: SdkTracerProvider,
    posts: mpsc::UnboundedReceiver<Post>,
}

impl Traces {
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self, String> {
        let (sender, posts) = mpsc::unbounded_channel();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Posts(sender))
            .with_endpoint(&endpoint.0)
            .with_timeout(ANSWER_WITHIN)
            .build()
            .map_err(|error| format!("--traces-endpoint {}: {error}", endpoint.0))?;
        let resource = Resource::builder()
            .with_service_name(MANAGER)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        Ok(Self { provider, posts })
    }

    /// What makes spans.
    pub(super) fn tracer(&self) -> SdkTracer {
        self.provider.tracer(MANAGER)
    }

    /// Sends spans while `work` runs, and then what is left. A collector that does not take them costs spans and nothing
    /// else.
    pub(super) async fn send_during<T>(self, work: impl Future<Output = T>) -> T {
        let Self { provider, posts } = self;
        let sending = tokio::spawn(send(posts));
        let done = work.await;
        let last = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST_WITHIN));
        let _ = last.await;
        sending.abort();
        done
    }
}

async fn send(mut posts: mpsc::UnboundedReceiver<Post>) {
    let client = legacy::Client::builder(TokioExecutor::new()).build_http();
    let mut failing = false;
    while let Some((request, answer)) = posts.recv().await {
        let outcome = match tokio::time::timeout(ANSWER_WITHIN, post(&client, request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("no answer within {ANSWER_WITHIN:?}").into()),
        };
        // Said once, not at every try.
        match &outcome {
            Err(error) if !failing => {
                tracing::warn!(
                    "spans are lost: the collector of --traces-endpoint does not take them: {error}"
                );
            }
            Ok(_) if failing => tracing::info!("the collector of --traces-endpoint takes spans again"),
            _ => {}
        }
        failing = outcome.is_err();
        // Whoever waited may have given up.
        let _ = answer.send(outcome);
    }
}

type Collector = legacy::Client<legacy::connect::HttpConnector, Full<Bytes>>;

async fn post(client: &Collector, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let (head, body) = client.request(request.map(Full::new)).await?.into_parts();
    let body = Limited::new(body, LONGEST_ANSWER).collect().await?.to_bytes();
    if head.status.is_success() {
        Ok(Response::from_parts(head, body))
    } else {
        Err(head.status.to_string().into())
    }
}

/// A span for a call that the current look makes, written into its headers; none where no look is traced.
pub(super) fn call<B>(request: &mut Request<B>) -> Span {
    let current = Span::current();
    if current.metadata().is_none_or(|metadata| metadata.target() != TARGET) {
        return Span::none();
    }
    let (method, path) = (request.method(), request.uri().path());
    let span = info_span!(
        target: TARGET, parent: &current, "call",
        "otel.name" = format!("{method} {}", what(path)), "otel.kind" = "client", "otel.status_code" = Empty,
        "http.request.method" = %method, "url.path" = path, "http.response.status_code" = Empty,
    );
    TraceContextPropagator::new().inject_context(&span.context(), &mut HeaderInjector(request.headers_mut()));
    span
}

/// Says in a call's span how it was answered; 0 where it was not.
pub(super) fn answered(span: &Span, code: u16) {
    if code != 0 {
        span.record("http.response.status_code", code);
    }
    if !(200..400).contains(&code) {
        span.record("otel.status_code", "ERROR");
    }
}

/// The resource that a path names, without the names of objects: `filings/status`.
fn what(path: &str) -> String {
    let mut parts = path.trim_matches('/').split('/');
    // A group and its version, or the version of the core.
    let skipped = if parts.next() == Some("apis") { 2 } else { 1 };
    let mut rest: Vec<_> = parts.skip(skipped).collect();
    if rest.len() > 2 && rest[0] == "namespaces" {
        rest.drain(..2);
    }
    match rest.as_slice() {
        [resource] | [resource, _] => (*resource).to_owned(),
        [resource, _, rest @ ..] => format!("{resource}/{}", rest.join("/")),
        [] => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::InMemorySpanExporter;
    use tracing_subscriber::{Layer, filter::filter_fn, layer::SubscriberExt};

    #[test]
    fn an_endpoint_is_a_collector_s_address_over_http() {
        for (text, sent_to) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("http://otel.monitoring:4318/", "http://otel.monitoring:4318/v1/traces"),
            ("http://gateway/otlp", "http://gateway/otlp/v1/traces"),
        ] {
            assert_eq!(Endpoint::parse(text), Ok(Endpoint(sent_to.to_owned())));
        }
        for wrong in
            ["", "localhost:4318", "https://otel:4318", "grpc://otel:4317", "http://a/?x=1", "http://a b"]
        {
            let error = Endpoint::parse(wrong).expect_err(wrong);
            assert!(error.contains("such as http://localhost:4318"), "{error}");
        }
    }

    #[test]
    fn a_call_is_named_after_its_resource() {
        for (path, name) in [
            ("/apis/icp-filing.dev/v1alpha1/servicenumbers", "servicenumbers"),
            ("/apis/icp-filing.dev/v1alpha1/servicenumbers/instance.i-1-0", "servicenumbers"),
            ("/apis/icp-filing.dev/v1alpha1/namespaces/shop/filings/a/status", "filings/status"),
            ("/api/v1/namespaces/shop/events", "events"),
            ("/api/v1/namespaces/shop", "namespaces"),
            ("/version", "/version"),
        ] {
            assert_eq!(what(path), name, "{path}");
        }
    }

    #[test]
    fn a_call_below_a_look_is_its_child_and_carries_the_trace_and_no_other_call_does() {
        let spans = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let layer = layer.with_filter(filter_fn(|metadata| metadata.target() == TARGET));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let request = Request::post("/api/v1/namespaces/shop/events").body(());
            let mut request = request.expect("a request");
            assert!(call(&mut request).is_none());
            assert!(request.headers().is_empty(), "no look, no header");
            info_span!(target: TARGET, "look").in_scope(|| {
                let span = call(&mut request);
                answered(&span, 409);
            });
            let parent = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
            let parent = parent.expect("a header");
            let sent = spans.get_finished_spans().expect("spans");
            let [call, look] = sent.as_slice() else { panic!("{sent:?}") };
            assert_eq!(call.name, "POST events");
            assert_eq!(call.parent_span_id, look.span_context.span_id());
            assert_eq!(
                parent,
                format!("00-{}-{}-01", look.span_context.trace_id(), call.span_context.span_id())
            );
            assert!(matches!(call.status, opentelemetry::trace::Status::Error { .. }));
        });
    }
}
