//! `run`: connects, checks, watches, and works while it leads, until a signal; then finishes what was begun.

use k8s_openapi::jiff::Timestamp;
use prometheus_client::registry::Registry;
use std::{net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    cli::Run,
    connect,
    election::{self, Election, Leadership, LeaseName},
    limits, logs, preflight,
    serve::{self, Readiness},
    store,
    traces::Traces,
    work::Work,
};
use crate::controllers::{
    Clock, Context, auditing, events,
    meter::Meter,
    observe::{self, Fatal},
    queue,
    watches::Watches,
};
use crate::planted::{self, Bug};

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
    /// The store is older than what was seen of it.
    Restored(String),
}

impl From<store::Refusal> for End {
    fn from(refusal: store::Refusal) -> Self {
        match refusal {
            store::Refusal::Asked(message) => Self::Start(message),
            store::Refusal::Restored(message) => Self::Restored(message),
        }
    }
}

pub(super) fn main(options: Run) -> ExitCode {
    let traces = match begin(&options) {
        Ok(traces) => traces,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
    };
    if let Err(message) = limits::files() {
        tracing::error!("{message}");
        return ExitCode::from(2);
    }
    let runtime = match limits::runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start; raise the limits of open files and memory");
            return ExitCode::from(2);
        }
    };
    let end = runtime.block_on(async {
        match traces {
            Some(traces) => traces.send_during(Box::pin(run(options))).await,
            None => Box::pin(run(options)).await,
        }
    });
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
        Err(End::Restored(message)) => {
            tracing::error!("{message}");
            ExitCode::from(3)
        }
    }
}

/// Starts logging, and traces if they are asked for.
fn begin(options: &Run) -> Result<Option<Traces>, String> {
    let traces = options.traces_endpoint.as_ref().map(Traces::new).transpose()?;
    logs::start(options.log_format, &options.log, traces.as_ref().map(Traces::tracer))?;
    Ok(traces)
}

async fn run(options: Run) -> Result<(), End> {
    let Run {
        kubeconfig,
        context,
        namespace,
        listen,
        concurrency,
        resync_seconds,
        leader_elect,
        lease_name,
        lease_namespace,
        state_dir,
        accept_restored_store,
        traces_endpoint: _,
        log_format: _,
        log: _,
    } = options;
    let stop = signals().map_err(|e| End::Start(format!("cannot listen for signals: {e}")))?;
    let meter = Meter::default();
    let mut registry = Registry::default();
    meter.register(&mut registry);
    let (listener, address) = bind(listen).await.map_err(End::Start)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %address, "started");
    let readiness = Readiness::default();
    readiness.set(Some("the API server".to_owned()));
    let (contended, leadership) = if leader_elect {
        let (announcer, leadership) = election::channel();
        (Some((LeaseName::new(lease_name, lease_namespace, namespace.as_deref()), announcer)), leadership)
    } else {
        (None, Leadership::alone())
    };
    let watches = Watches::default();
    let server = tokio::spawn(serve::serve(
        listener,
        readiness.clone(),
        leadership.clone(),
        watches.clone(),
        Arc::new(registry),
        stop.clone(),
    ));

    let config = connect::config(kubeconfig.as_deref(), context.as_deref()).await.map_err(End::Start)?;
    // For what has to get through whatever the controllers do, and is no work: the checks and the lease.
    let aside = connect::client(config.clone(), meter.clone(), Leadership::alone(), Watches::default())
        .map_err(End::Start)?;
    let client =
        connect::client(config, meter.clone(), leadership.clone(), watches.clone()).map_err(End::Start)?;
    let waiting = readiness.clone();
    let lease = contended.as_ref().map(|(lease, _)| lease);
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        clear = preflight::clear(&aside, namespace.as_deref(), lease, |m| waiting.set(Some(m.to_owned()))) => clear.map_err(End::Start)?,
    }
    let kept = match state_dir {
        None => None,
        Some(folder) => tokio::select! {
            () = stop.cancelled() => return Ok(()),
            kept = store::begin(&aside, &folder, accept_restored_store, |m| readiness.set(Some(m.to_owned()))) => Some(kept?),
        },
    };
    let election = contended.map(|(lease, announcer)| {
        Election::new(aside, lease, election::identity(), announcer, meter.clone())
    });
    let (sender, publisher) = events::channel();
    let events = tokio::spawn(publisher.run(client.clone()));
    let context = Context::new(client, Arc::new(SystemClock), meter.clone(), watches, sender)
        .serving(namespace.clone());
    let context = Arc::new(context);
    let (adder, queue) = queue::queue();
    let audits = leadership.clone();
    let work = Work { context: context.clone(), adder: adder.clone(), meter, concurrency, leadership };
    let mut work = tokio::spawn(work.run(queue, stop.clone()));
    let (listed, retire) = (CancellationToken::new(), CancellationToken::new());
    let mut election = tokio::spawn(contend(election, listed.clone(), retire.clone()));
    let end = tokio::select! {
        // In this order: told to stop, the queue ends too.
        biased;
        () = stop.cancelled() => Ok(()),
        // They end by themselves only where something panicked.
        _ = &mut work => return Err(End::Fatal(PANICKED.to_owned())),
        _ = &mut election => return Err(End::Fatal(PANICKED.to_owned())),
        fatal = observe::watch_all(context.clone(), adder.clone(), namespace) => match fatal {
            // What was begun is dropped where it stands: it may be an issue on a store that lacks its records.
            Fatal::StoreWentBack(_) => return Err(End::Restored(fatal.to_string())),
            Fatal::UnreadableRecord { .. } => Err(End::Fatal(fatal.to_string())),
        },
        () = store::keep(kept, &context) => Ok(()),
        () = observe::resync(context.clone(), adder.clone(), Duration::from_secs(resync_seconds.into())) => Ok(()),
        () = auditing::run(context.clone(), || audits.is_held()) => Ok(()),
        () = report_readiness(context.clone(), readiness.clone(), listed) => Ok(()),
    };
    readiness.set(Some("shutting down".to_owned()));
    stop.cancel();
    tracing::info!("stopping: finishing what was begun");
    finish(work).await?;
    drop(context);
    // Events are best effort: what is not out by now is dropped.
    let _ = tokio::time::timeout(Duration::from_secs(2), events).await;
    // Nothing of this process's is under way any more: the next one may lead.
    retire.cancel();
    let _ = election.await;
    server.abort();
    tracing::info!("stopped");
    end
}

/// Takes the port of health and metrics.
async fn bind(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), String> {
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|e| format!("cannot listen on {listen}: {e}. Choose another --listen address"))?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    Ok((listener, address))
}

/// Waits for what was begun, and drops what does not end.
async fn finish(work: JoinHandle<()>) -> Result<(), End> {
    let abort = work.abort_handle();
    if tokio::time::timeout(FINISH, work).await.is_ok_and(|joined| joined.is_err()) {
        return Err(End::Fatal(PANICKED.to_owned()));
    }
    abort.abort();
    Ok(())
}

/// Contends from the moment at which every kind was listed: before, this process could do nothing with the lease.
async fn contend(election: Option<Election>, listed: CancellationToken, retire: CancellationToken) {
    tokio::select! {
        () = retire.cancelled() => return,
        () = listed.cancelled() => {}
    }
    match election {
        Some(election) => election.run(retire).await,
        None => retire.cancelled().await,
    }
}

/// Ready from the moment at which every kind was listed; never ends.
async fn report_readiness(context: Arc<Context>, readiness: Readiness, listed: CancellationToken) {
    let mut said = None;
    loop {
        let missing = context.missing();
        if said.as_ref() != Some(&missing) {
            if missing.is_empty() {
                tracing::info!("ready");
                readiness.set(None);
                listed.cancel();
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
            _ = term.recv(), if !planted::is_on(Bug::TermNotHeeded) => {}
            _ = int.recv() => {}
        }
        token.cancel();
    });
    Ok(stop)
}
