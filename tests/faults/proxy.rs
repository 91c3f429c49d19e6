//! The proxy between an operator and the API server: TLS on both sides, one connection to the server for each of
//! the operator's, every request understood (`call`) and treated as a plan says (`lanes`, `events`). It knows
//! nothing of scenarios.

mod answer;
mod call;
mod events;
mod lanes;

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self as client, SendRequest};
use hyper::header::ACCEPT_ENCODING;
use hyper::http::request::Parts;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc, watch};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::fixture::{Cluster, Who, must};
use crate::plan::Lost;
use answer::Answer;
use call::{Call, Verb};
use lanes::Verdict;
pub use lanes::{Lanes, Report};

type Failed = Box<dyn Error + Send + Sync>;

/// A running proxy. Dropping it ends it.
#[derive(Debug)]
pub struct Proxy {
    kubeconfig: PathBuf,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

#[derive(Debug)]
struct Shared {
    lanes: Arc<Lanes>,
    server: SocketAddr,
    connector: Connector,
    gate: watch::Sender<Gate>,
    /// Told when the operator is to be killed.
    deaths: mpsc::UnboundedSender<()>,
}

/// Whether requests are passed on, and of which of the operators that came one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Gate {
    closed: bool,
    incarnation: u64,
}

struct Connector(TlsConnector);

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

/// The one connection to the server that belongs to one of the operator's.
type Line = Mutex<Option<SendRequest<Full<Bytes>>>>;

impl Proxy {
    /// Starts one in front of a cluster's API server, and gives what is told when the operator is to be killed.
    pub async fn start(cluster: &Cluster) -> (Self, mpsc::UnboundedReceiver<()>) {
        let pki = cluster.control_plane().dir().join("pki");
        let url = must("find the API server", cluster.control_plane().server_url());
        let server = must("read the API server's address", url.trim_start_matches("https://").parse());
        let acceptor = must("read the serving pair", acceptor(&pki));
        let connector = must("read the CA", connector(&pki));
        let listener = must("listen", TcpListener::bind("127.0.0.1:0").await);
        let address = must("read an address", listener.local_addr());
        let kubeconfig = kubeconfig(cluster, address);
        let (deaths, told) = mpsc::unbounded_channel();
        let gate = watch::Sender::new(Gate::default());
        let lanes = Arc::default();
        let shared = Arc::new(Shared { lanes, server, connector: Connector(connector), gate, deaths });
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(accept(
            listener,
            acceptor,
            shared.clone(),
            stop.clone(),
        )));
        (Self { kubeconfig, shared, _stop: stop.drop_guard() }, told)
    }

    /// The kubeconfig of an operator behind it.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// What is to go wrong, and went.
    pub fn lanes(&self) -> &Arc<Lanes> {
        &self.shared.lanes
    }

    /// Lets the successor of a killed operator through.
    pub fn reopen(&self) {
        self.shared
            .gate
            .send_modify(|gate| *gate = Gate { closed: false, incarnation: gate.incarnation + 1 });
    }
}

/// The operator's kubeconfig, to another address.
fn kubeconfig(cluster: &Cluster, address: SocketAddr) -> PathBuf {
    let original = must("read a kubeconfig", std::fs::read_to_string(cluster.kubeconfig(Who::Operator)));
    let mut config: Value = must("read a kubeconfig", serde_json::from_str(&original));
    config["clusters"][0]["cluster"]["server"] = json!(format!("https://{address}"));
    let path = cluster.control_plane().dir().join(format!("proxy-{}.json", address.port()));
    must("write a kubeconfig", std::fs::write(&path, config.to_string()));
    path
}

fn acceptor(pki: &Path) -> Result<TlsAcceptor, Failed> {
    let chain = CertificateDer::pem_file_iter(pki.join("serving.crt"))?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(pki.join("serving.key"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key)?)))
}

fn connector(pki: &Path) -> Result<TlsConnector, Failed> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pki.join("ca.crt"))?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (acceptor, shared) = (acceptor.clone(), shared.clone());
        let incarnation = shared.gate.borrow().incarnation;
        let connection = async move {
            let _ = stream.set_nodelay(true);
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let line = Arc::new(Line::default());
            let service = service_fn(move |request| {
                let (shared, line) = (shared.clone(), line.clone());
                async move { shared.serve(&line, incarnation, request).await.map_err(std::io::Error::other) }
            });
            // An error is the end of the operator, or of the connection on purpose.
            let _ = server::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        };
        tokio::spawn(stop.clone().run_until_cancelled_owned(connection));
    }
}

impl Shared {
    /// Serves a request of this incarnation of the operator. An error breaks the connection.
    async fn serve(
        self: Arc<Self>,
        line: &Line,
        incarnation: u64,
        request: Request<Incoming>,
    ) -> Result<Answer, Failed> {
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        self.passes(incarnation).await?;
        let Some(call) = Call::of(&parts, &body) else {
            let (parts, body) = whole(self.forward(line, parts, body).await?).await?;
            return Ok(answer::passed_on(parts, body));
        };
        if call.verb == Verb::List
            && let Some(revision) = self.lanes.past_of(call.kind)
        {
            rewind(&mut parts, revision)?;
        }
        if call.verb == Verb::Watch {
            let (parts, from) = self.forward(line, parts, body).await?.into_parts();
            let (to, pieces) = mpsc::channel(64);
            let lanes = self.lanes.clone();
            tokio::spawn(async move { events::pass_on(&lanes, call.kind, from, to).await });
            return Ok(answer::streamed(parts, pieces));
        }
        match self.lanes.arrives(&call) {
            Verdict::Refuse(code) => return Ok(answer::refusal(code, call.verb)),
            Verdict::Delay(time) => tokio::time::sleep(time).await,
            Verdict::Lose(how) => {
                whole(self.forward(line, parts, body).await?).await?;
                return match how {
                    Lost::Status(code) => Ok(answer::refusal(code, call.verb)),
                    Lost::Reset => Err("fault injected: the connection broke".into()),
                    Lost::Hang => std::future::pending().await,
                };
            }
            Verdict::Kill { answered, past } => {
                self.gate.send_modify(|gate| gate.closed = true);
                let (parts, body) = whole(self.forward(line, parts, body).await?).await?;
                if let (Some(kind), Some(revision)) = (past, revision_of(&body)) {
                    self.lanes.live_in_past(kind, revision - 1);
                }
                // Nobody listens any more only where the whole test is over.
                let kill = move || {
                    let _ = self.deaths.send(());
                };
                if answered {
                    return Ok(answer::passed_on_then(parts, body, Arc::new(kill)));
                }
                kill();
                return std::future::pending().await;
            }
            Verdict::Pass => {}
        }
        let (parts, body) = whole(self.forward(line, parts, body).await?).await?;
        Ok(answer::passed_on(parts, body))
    }

    /// Waits while the gate is closed. What a dead operator sent is not passed on.
    async fn passes(&self, incarnation: u64) -> Result<(), Failed> {
        let mut gate = self.gate.subscribe();
        let gate = *gate.wait_for(|gate| !gate.closed || gate.incarnation != incarnation).await?;
        if gate.incarnation == incarnation { Ok(()) } else { Err("its operator is dead".into()) }
    }

    async fn forward(
        &self,
        line: &Line,
        mut parts: Parts,
        body: Bytes,
    ) -> Result<Response<Incoming>, Failed> {
        // Events of a watch are read here.
        parts.headers.remove(ACCEPT_ENCODING);
        let mut line = line.lock().await;
        let mut sender = line.take();
        if let Some(idle) = &mut sender
            && idle.ready().await.is_err()
        {
            sender = None;
        }
        let mut sender = match sender {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let answer = sender.send_request(Request::from_parts(parts, Full::new(body))).await?;
        *line = Some(sender);
        Ok(answer)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Failed> {
        let stream = TcpStream::connect(self.server).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::IpAddress(self.server.ip().into());
        let stream = self.connector.0.connect(name, stream).await?;
        let (sender, connection) = client::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

async fn whole(answer: Response<Incoming>) -> Result<(hyper::http::response::Parts, Bytes), Failed> {
    let (parts, body) = answer.into_parts();
    Ok((parts, body.collect().await?.to_bytes()))
}

/// Makes a list one of an older revision.
fn rewind(parts: &mut Parts, revision: u64) -> Result<(), Failed> {
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let kept = query.split('&').filter(|p| !p.is_empty() && !p.starts_with("resourceVersion"));
    // The pages of a list are of the revision of its first.
    if query.contains("continue=") {
        return Ok(());
    }
    let exact = [format!("resourceVersion={revision}"), "resourceVersionMatch=Exact".to_owned()];
    let query: Vec<String> = kept.map(str::to_owned).chain(exact).collect();
    parts.uri = format!("{path}?{}", query.join("&")).parse()?;
    Ok(())
}

fn revision_of(body: &Bytes) -> Option<u64> {
    let object: Value = serde_json::from_slice(body).ok()?;
    object["metadata"]["resourceVersion"].as_str()?.parse().ok().filter(|revision| *revision > 1)
}
