//! `run`: connects, checks, watches and works until a signal, then finishes what was begun.

use k8s_openapi::jiff::Timestamp;
use prometheus_client::registry::Registry;
use std::{process::ExitCode, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use super::{
    cli::Run,
    connect::{self, Acting},
    logs, preflight,
    serve::{self, Readiness},
};
use crate::controllers::{self, Clock, Context, events, meter::Meter, observe, queue};

/// How long what was begun may take to finish after a signal.
const FINISH: Duration = Duration::from_secs(20);

const PANICKED: &str = "a look at an object panicked; this is a defect, please report it with the log";

/// The clock of the machine.
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Why the process ends other than by a signal.
enum End {
    /// It could not start as asked.
    Start(String),
    /// It may not go on.
    Fatal(String),
}

pub(super) fn main(options: Run) -> ExitCode {
    if let Err(message) = logs::start(options.log_format, &options.log) {
        eprintln!("error: {message}");
        return ExitCode::from(2);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start threads; raise the limits of the process");
            return ExitCode::from(2);
        }
    };
    let end = runtime.block_on(run(options));
    runtime.shutdown_timeout(Duration::from_secs(1));
    match end {
        Ok(()) => ExitCode::SUCCESS,
        Err(End::Start(message)) => {
            tracing::error!("{message}");
            ExitCode::from(2)
        }
        Err(End::Fatal(message)) => {
            tracing::error!("{message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Run) -> Result<(), End> {
    let Run { kubeconfig, context, namespace, listen, concurrency, resync_seconds, log_format: _, log: _ } =
        options;
    let stop = signals().map_err(|e| End::Start(format!("cannot listen for signals: {e}")))?;
    let meter = Meter::default();
    let mut registry = Registry::default();
    meter.register(&mut registry);
    let listener = TcpListener::bind(listen).await.map_err(|e| {
        End::Start(format!("cannot listen on {listen}: {e}. Choose another --listen address"))
    })?;
    let address = listener.local_addr().map_err(|e| End::Start(e.to_string()))?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %address, "started");
    let readiness = Readiness::default();
    readiness.set(Some("the API server".to_owned()));
    let server = tokio::spawn(serve::serve(listener, readiness.clone(), Arc::new(registry), stop.clone()));

    let client =
        connect::connect(kubeconfig.as_deref(), context.as_deref(), Acting::default(), meter.clone())
            .await
            .map_err(End::Start)?;
    let waiting = readiness.clone();
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        clear = preflight::clear(&client, namespace.as_deref(), |m| waiting.set(Some(m.to_owned()))) => clear.map_err(End::Start)?,
    }
    let (sender, publisher) = events::channel();
    let events = tokio::spawn(publisher.run(client.clone()));
    let context =
        Context::new(client, Arc::new(SystemClock), meter.clone(), sender).serving(namespace.clone());
    let context = Arc::new(context);
    let (adder, queue) = queue::queue();
    let looked_at = context.clone();
    let mut work = tokio::spawn(queue.run(usize::from(concurrency), meter, stop.clone(), move |work| {
        controllers::reconcile(looked_at.clone(), work)
    }));
    let resync = Duration::from_secs(u64::from(resync_seconds));
    let end = tokio::select! {
        // In this order: told to stop, the queue ends too.
        biased;
        () = stop.cancelled() => Ok(()),
        // It ends by itself only where a look at an object panicked.
        _ = &mut work => return Err(End::Fatal(PANICKED.to_owned())),
        fatal = observe::watch_all(context.clone(), adder.clone(), namespace) => Err(End::Fatal(fatal.to_string())),
        () = observe::resync(context.clone(), adder.clone(), resync) => Ok(()),
        () = report_readiness(context.clone(), readiness.clone()) => Ok(()),
    };
    readiness.set(Some("shutting down".to_owned()));
    stop.cancel();
    tracing::info!("stopping: finishing what was begun");
    if tokio::time::timeout(FINISH, work).await.is_ok_and(|joined| joined.is_err()) {
        return Err(End::Fatal(PANICKED.to_owned()));
    }
    drop(context);
    // Events are best effort: what is not out by now is dropped.
    let _ = tokio::time::timeout(Duration::from_secs(2), events).await;
    server.abort();
    tracing::info!("stopped");
    end
}

/// Ready from the moment at which every kind was listed; never ends.
async fn report_readiness(context: Arc<Context>, readiness: Readiness) {
    let mut said = None;
    loop {
        let missing = context.missing();
        if said.as_ref() != Some(&missing) {
            if missing.is_empty() {
                tracing::info!("ready");
                readiness.set(None);
            } else {
                readiness.set(Some(format!("lists of {}", missing.join(", "))));
            }
            said = Some(missing);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        if said.as_ref().is_some_and(Vec::is_empty) {
            // Once listed a kind stays listed.
            std::future::pending::<()>().await;
        }
    }
}

fn signals() -> std::io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        token.cancel();
    });
    Ok(stop)
}
