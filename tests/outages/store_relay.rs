//! A relay between an API server and etcd that knows watches from everything else, so that an API server can be made
//! to lag: it answers and writes, and what others wrote reaches its watch cache when the relay lets it.

use std::error::Error;
use std::net::SocketAddr;

use h2::client::{self, SendRequest};
use h2::server::{self, SendResponse};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::fixture::must;

type Failed = Box<dyn Error + Send + Sync>;
type Bytes = hyper::body::Bytes;

/// The call by which etcd is watched.
const WATCH: &str = "/etcdserverpb.Watch/Watch";

/// A running relay. Dropping it ends it.
#[derive(Debug)]
pub struct StoreRelay {
    url: String,
    held: watch::Sender<bool>,
    _stop: DropGuard,
}

impl StoreRelay {
    /// Starts one in front of an etcd without TLS.
    pub async fn start(etcd: &str) -> Self {
        let etcd = must("read an address", etcd.trim_start_matches("http://").parse());
        let listener = must("listen", TcpListener::bind("127.0.0.1:0").await);
        let url = format!("http://{}", must("read an address", listener.local_addr()));
        let (held, stop) = (watch::Sender::new(false), CancellationToken::new());
        let serving = serve(listener, etcd, held.subscribe(), stop.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(serving));
        Self { url, held, _stop: stop.drop_guard() }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on no watch shows anything new.
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Watches show what was held back, and everything from now on.
    pub fn release(&self) {
        self.held.send_replace(false);
    }
}

async fn serve(
    listener: TcpListener,
    etcd: SocketAddr,
    held: watch::Receiver<bool>,
    stop: CancellationToken,
) {
    while let Ok((client, _)) = listener.accept().await {
        let connection = connection(client, etcd, held.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(async {
            // One that ends is made again by the API server.
            let _ = connection.await;
        }));
    }
}

async fn connection(client: TcpStream, etcd: SocketAddr, held: watch::Receiver<bool>) -> Result<(), Failed> {
    let store = TcpStream::connect(etcd).await?;
    client.set_nodelay(true)?;
    store.set_nodelay(true)?;
    let mut calls = server::handshake(client).await?;
    let (store, driving) = client::handshake(store).await?;
    let serving = async {
        while let Some(call) = calls.accept().await {
            let (call, answer) = call?;
            let held = (call.uri().path() == WATCH).then(|| held.clone());
            tokio::spawn(pass(call, answer, store.clone(), held));
        }
        Ok::<(), Failed>(())
    };
    tokio::select! {
        served = serving => served,
        // It is gone, so whoever called has to come again.
        gone = driving => Ok(gone?),
    }
}

/// Passes one call on, and ends it for both where it breaks for one.
async fn pass(
    call: Request<RecvStream>,
    mut answer: SendResponse<Bytes>,
    store: SendRequest<Bytes>,
    held: Option<watch::Receiver<bool>>,
) {
    if exchange(call, &mut answer, store, held).await.is_err() {
        answer.send_reset(h2::Reason::CANCEL);
    }
}

async fn exchange(
    call: Request<RecvStream>,
    answer: &mut SendResponse<Bytes>,
    store: SendRequest<Bytes>,
    held: Option<watch::Receiver<bool>>,
) -> Result<(), Failed> {
    let (call, asked) = call.into_parts();
    let (answered, to_store) = store.ready().await?.send_request(Request::from_parts(call, ()), false)?;
    let asking = copy(asked, to_store, None);
    let answering = async {
        let (response, said) = answered.await?.into_parts();
        let to_caller = answer.send_response(http::Response::from_parts(response, ()), false)?;
        copy(said, to_caller, held).await
    };
    tokio::try_join!(asking, answering).map(drop)
}

/// Copies a body, waiting before each piece while watches are held.
async fn copy(
    mut from: RecvStream,
    mut to: SendStream<Bytes>,
    mut held: Option<watch::Receiver<bool>>,
) -> Result<(), Failed> {
    while let Some(piece) = from.data().await {
        let piece = piece?;
        from.flow_control().release_capacity(piece.len())?;
        if let Some(held) = &mut held {
            held.wait_for(|held| !held).await?;
        }
        to.send_data(piece, false)?;
    }
    let trailers: Option<HeaderMap> = from.trailers().await?;
    match trailers {
        Some(trailers) => to.send_trailers(trailers)?,
        None => to.send_data(Bytes::new(), true)?,
    }
    Ok(())
}
