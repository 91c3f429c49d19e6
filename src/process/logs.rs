//! Logs to standard error, as text or JSON. What is logged is decided where it happens; numbers never are.

use opentelemetry_sdk::trace::SdkTracer;
use std::io::IsTerminal;
use tracing_subscriber::{
    EnvFilter, Layer, filter::filter_fn, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

use super::cli::LogFormat;
use crate::controllers::spans;

/// Starts logging, and making spans if something takes them; or says what is wrong with the filter.
pub(super) fn start(format: LogFormat, filter: &str, tracer: Option<SdkTracer>) -> Result<(), String> {
    let filter = directives(filter)?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    match tracer {
        // One filter for all: what it leaves out is not even made.
        None => tracing_subscriber::registry().with(lines).with(filter).init(),
        Some(tracer) => {
            let spans = tracing_opentelemetry::layer()
                .with_tracer(tracer)
                .with_location(false)
                .with_threads(false)
                .with_target(false)
                .with_tracked_inactivity(false)
                .with_filter(filter_fn(|metadata| metadata.is_span() && metadata.target() == spans::TARGET));
            tracing_subscriber::registry().with(lines.with_filter(filter)).with(spans).init();
        }
    }
    Ok(())
}

fn directives(filter: &str) -> Result<EnvFilter, String> {
    let parsed = EnvFilter::builder()
        .parse(filter)
        .map_err(|e| format!("--log {filter:?} is no filter: {e}. Use a level such as `info` or `debug`"))?;
    // The library logs whole answers that it cannot read, and there may be numbers in them. What failed is said by
    // whoever asked.
    let silent = "kube_client::client=off".parse().map_err(|e| format!("no directive: {e}"))?;
    let spans = format!("{}=off", spans::TARGET).parse().map_err(|e| format!("no directive: {e}"))?;
    Ok(parsed.add_directive(silent).add_directive(spans))
}

#[cfg(test)]
mod tests {
    use super::directives;
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("a log").write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn answers_that_the_library_cannot_read_are_not_logged_whatever_is_asked_for() {
        for filter in ["info", "trace", "kube_client=trace", "info,kube_client::client=warn"] {
            let log = Log::default();
            let writer = log.clone();
            let subscriber = tracing_subscriber::fmt()
                .with_env_filter(directives(filter).expect("a filter"))
                .with_writer(move || writer.clone())
                .finish();
            tracing::subscriber::with_default(subscriber, || {
                tracing::warn!(target: "kube_client::client", "a body with a number");
                tracing::warn!(target: "icp_filing_operator::process", "a line of ours");
            });
            let text = String::from_utf8(log.0.lock().expect("a log").clone()).expect("a text");
            assert!(!text.contains("number"), "{filter}: {text}");
            assert_eq!(text.contains("of ours"), filter != "kube_client=trace", "{filter}: {text}");
        }
    }
}
