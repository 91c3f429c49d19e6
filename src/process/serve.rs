//! Health, readiness and metrics over HTTP. Readiness means that every kind was listed is watched, and that the
//! process leads or stands by; until then it says what is awaited.

use axum::{Router, extract::State, http::StatusCode, routing::get, serve::Listener};
use prometheus_client::{encoding::text::encode, registry::Registry};
use std::{
    io::ErrorKind,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::election::Leadership;
use crate::controllers::{api_error::remedy, watches::Watches};
use crate::planted::{self, Bug};

/// What stands between the process and being ready; empty when it is.
#[derive(Clone, Default)]
pub(super) struct Readiness(Arc<Mutex<Option<String>>>);

impl Readiness {
    /// Says what is awaited, or that nothing is.
    pub(super) fn set(&self, awaited: Option<String>) {
        if let Ok(mut now) = self.0.lock() {
            *now = awaited;
        }
    }

    fn awaited(&self) -> Option<String> {
        self.0.lock().ok()?.clone()
    }
}

/// Takes connections, and says why where it cannot.
struct Loud(TcpListener);

impl Listener for Loud {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let mut said = false;
        loop {
            match self.0.accept().await {
                Ok(connection) => return connection,
                // It is the caller who went away.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(_) if planted::is_on(Bug::ConnectionsGivenUp) => std::future::pending().await,
                Err(error) => {
                    if !std::mem::replace(&mut said, true) {
                        let remedy = remedy(&error).unwrap_or("It is tried again");
                        tracing::error!("cannot take a connection for health and metrics: {error}. {remedy}");
                    }
                    // What is missing is not there again at once, and asking for it takes processor time.
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// What stands between a process that was ready and being so again.
fn unwatched(watches: &Watches) -> Option<String> {
    let dead = watches.dead();
    (!dead.is_empty()).then(|| {
        format!(
            "watches of {}; the log says why they do not begin. What changes is not seen",
            dead.join(", ")
        )
    })
}

/// Serves until `stop`.
pub(super) async fn serve(
    listener: TcpListener,
    readiness: Readiness,
    leadership: Leadership,
    watches: Watches,
    registry: Arc<Registry>,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let app = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route(
            "/readyz",
            get(|State((readiness, watches, leadership)): State<(Readiness, Watches, Leadership)>| async move {
                let awaited = readiness.awaited().or_else(|| unwatched(&watches));
                match awaited.map_or_else(|| leadership.role(), Err) {
                    Ok(role) => (StatusCode::OK, format!("{role}\n")),
                    Err(awaited) => (StatusCode::SERVICE_UNAVAILABLE, format!("waiting: {awaited}\n")),
                }
            }),
        )
        .with_state((readiness, watches, leadership))
        .route(
            "/metrics",
            get(move || async move {
                let mut text = String::new();
                match encode(&mut text, &registry) {
                    Ok(()) => (
                        StatusCode::OK,
                        [("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")],
                        text,
                    ),
                    Err(error) => (
                        StatusCode::INTERNAL_SERVER_ERROR,
                        [("content-type", "text/plain")],
                        error.to_string(),
                    ),
                }
            }),
        );
    axum::serve(Loud(listener), app).with_graceful_shutdown(stop.cancelled_owned()).await
}
