//! The proxy between an operator and the API server: TLS on both sides, one connection to the server for each of
//! the operator's, every request understood (`call`) and treated as a plan says (`lanes`, `events`). It knows
//! nothing of scenarios.

mod answer;
mod call;
mod events;
mod lanes;
mod leases;
mod tls;
mod views;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue,
};
use hyper::http::request::Parts;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::fixture::{Cluster, must};
use crate::plan::{Kind, Lost, Verb};
use answer::Answer;
use call::Call;
use lanes::Verdict;
pub use lanes::{Lanes, Report};
use leases::Leases;

type Failed = Box<dyn Error + Send + Sync>;

/// A running proxy of one operator. Dropping it ends it.
#[derive(Debug)]
pub struct Proxy {
    kubeconfig: PathBuf,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

/// What is to be done to an operator.
#[derive(Debug)]
pub struct Order {
    /// Which one, counted from 0.
    pub operator: usize,
    /// What.
    pub what: What,
}

/// What is to be done, and who waits for it to be done.
#[derive(Debug)]
pub enum What {
    /// SIGKILL, and another one in its place.
    Kill,
    /// SIGTERM, and another one in its place when it has ended.
    Terminate(oneshot::Sender<()>),
    /// SIGSTOP.
    Stop(oneshot::Sender<()>),
}

#[derive(Debug)]
struct Shared {
    operator: usize,
    lanes: Arc<Lanes>,
    server: tls::Server,
    /// What a third party proves itself with.
    admin: HeaderValue,
    gate: watch::Sender<Gate>,
    orders: mpsc::UnboundedSender<Order>,
    /// Leases as this operator alone sees them, where it is to think that it leads.
    leases: Option<Leases>,
}

/// Whether requests are passed on, and of which of the operators that came one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Gate {
    closed: bool,
    incarnation: u64,
}

/// A call that is held with its operator, for as long as somebody waits for its answer.
struct Held(Arc<Lanes>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.held_is_answered();
    }
}

/// The one connection to the server that belongs to one of the operator's.
type Line = Mutex<Option<SendRequest<Full<Bytes>>>>;

impl Proxy {
    /// Starts the proxy of one operator of a rig in front of a cluster's API server. Where `leads`, the operator
    /// is told that it leads whoever else does.
    pub async fn start(
        cluster: &Cluster,
        lanes: Arc<Lanes>,
        operator: usize,
        orders: mpsc::UnboundedSender<Order>,
        leads: bool,
    ) -> Self {
        let server = tls::Server::of(cluster);
        let acceptor = tls::acceptor(cluster);
        let listener = must("listen", TcpListener::bind("127.0.0.1:0").await);
        let address = must("read an address", listener.local_addr());
        let kubeconfig = tls::kubeconfig(cluster, address);
        let admin = tls::admin(cluster);
        let gate = watch::Sender::new(Gate::default());
        let leases = leads.then(Leases::default);
        let shared = Arc::new(Shared { operator, lanes, server, admin, gate, orders, leases });
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(accept(
            listener,
            acceptor,
            shared.clone(),
            stop.clone(),
        )));
        Self { kubeconfig, shared, _stop: stop.drop_guard() }
    }

    /// The kubeconfig of the operator behind it.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Lets the successor of an operator through, and nothing more of the operator itself.
    pub fn reopen(&self) {
        self.shared
            .gate
            .send_modify(|gate| *gate = Gate { closed: false, incarnation: gate.incarnation + 1 });
    }
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
            return self.serve_other(line, parts, body).await;
        };
        match self.lanes.arrives(self.operator, &call) {
            Verdict::Refuse(code) => return Ok(answer::refusal(code, call.verb)),
            Verdict::Delay(time) => tokio::time::sleep(time).await,
            Verdict::Overtake => self.overtake(&call, &parts).await?,
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
                    self.lanes.live_in_past(self.operator, kind, revision - 1);
                }
                let kill = move || self.order(What::Kill);
                if answered {
                    return Ok(answer::passed_on_then(parts, body, Arc::new(kill)));
                }
                kill();
                return std::future::pending().await;
            }
            Verdict::Terminate => self.order_and_wait(What::Terminate).await,
            Verdict::Stop { carried_out } => {
                // Also where the operator gives the call up before it is answered.
                let _held = Held(self.lanes.clone());
                return self.serve_stopped(line, parts, body, carried_out).await;
            }
            Verdict::Pass => {}
        }
        match call.verb {
            Verb::Watch => {
                let (parts, from) = self.forward(line, parts, body).await?.into_parts();
                let (to, pieces) = mpsc::channel(64);
                tokio::spawn(async move {
                    events::pass_on(&self.lanes, self.operator, call.kind, from, to).await;
                });
                Ok(answer::streamed(parts, pieces))
            }
            Verb::List => {
                // A list of names asks how far the store is, which no view of the past answers.
                let accept = parts.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
                let whole_objects = !accept.is_some_and(|accept| accept.contains("as=PartialObjectMetadata"));
                if whole_objects
                    && let Some(revision) = self.lanes.view(self.operator, |view| view.list_at(call.kind))
                {
                    rewind(&mut parts, revision)?;
                }
                let (parts, body) = whole(self.forward(line, parts, body).await?).await?;
                if let Some(revision) = revision_of(&body).filter(|_| whole_objects) {
                    self.lanes.view(self.operator, |view| view.shows(call.kind, revision));
                }
                Ok(answer::passed_on(parts, body))
            }
            _ => {
                let (parts, body) = whole(self.forward(line, parts, body).await?).await?;
                Ok(answer::passed_on(parts, body))
            }
        }
    }

    /// Passes a call on before or after its operator was stopped and all others did everything.
    async fn serve_stopped(
        &self,
        line: &Line,
        parts: Parts,
        body: Bytes,
        carried_out: bool,
    ) -> Result<Answer, Failed> {
        let (parts, body) = if carried_out {
            let answer = whole(self.forward(line, parts, body).await?).await?;
            self.order_and_wait(What::Stop).await;
            self.lanes.let_go().await;
            answer
        } else {
            self.order_and_wait(What::Stop).await;
            self.lanes.let_go().await;
            whole(self.forward(line, parts, body).await?).await?
        };
        Ok(answer::passed_on(parts, body))
    }

    /// What is about nothing of ours is passed on, unless the operator is to think that it leads.
    async fn serve_other(&self, line: &Line, parts: Parts, body: Bytes) -> Result<Answer, Failed> {
        let path = parts.uri.path();
        if let (Some(leases), true) = (&self.leases, path.contains(leases::PATH)) {
            return Ok(leases.serve(&parts, &body));
        }
        let harmless = path.contains(leases::PATH) || path.contains("/selfsubjectaccessreviews");
        if parts.method != Method::GET && !harmless {
            let said = String::from_utf8_lossy(&body);
            self.lanes.writes_elsewhere(format!("{} {path} {said}", parts.method));
        }
        let (parts, body) = whole(self.forward(line, parts, body).await?).await?;
        Ok(answer::passed_on(parts, body))
    }

    fn order(&self, what: What) {
        // Nobody listens any more only where the whole test is over.
        let _ = self.orders.send(Order { operator: self.operator, what });
    }

    async fn order_and_wait(&self, what: impl FnOnce(oneshot::Sender<()>) -> What) {
        let (done, waits) = oneshot::channel();
        self.order(what(done));
        let _ = waits.await;
    }

    /// Writes an object before the operator does: as an administrator, or as another operator where it is a record,
    /// for nobody else may.
    async fn overtake(&self, call: &Call, original: &Parts) -> Result<(), Failed> {
        let Some(name) = call.name.as_ref().filter(|_| call.verb != Verb::Create) else { return Ok(()) };
        let part = call.subresource.as_ref().map(|part| format!("/{part}")).unwrap_or_default();
        let path = original.uri.path().strip_suffix(&part).unwrap_or(original.uri.path());
        let proof = original.headers.get(AUTHORIZATION).filter(|_| call.kind == Kind::Record);
        let mark = format!("{name} at {:?}", std::time::SystemTime::now());
        let change = json!({"metadata": {"annotations": {"overtaken": mark}}}).to_string();
        let request = Request::patch(path)
            .header(HOST, self.server.address())
            .header(AUTHORIZATION, proof.unwrap_or(&self.admin))
            .header(CONTENT_TYPE, "application/merge-patch+json")
            .header(CONTENT_LENGTH, change.len())
            .body(Full::new(Bytes::from(change)))?;
        let (parts, body) = whole(self.server.connect().await?.send_request(request).await?).await?;
        // Gone is as good as written.
        if parts.status.is_success() || parts.status.as_u16() == 404 {
            return Ok(());
        }
        Err(format!("a third party could not write {path}: {}", String::from_utf8_lossy(&body)).into())
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
            None => self.server.connect().await?,
        };
        let answer = sender.send_request(Request::from_parts(parts, Full::new(body))).await?;
        *line = Some(sender);
        Ok(answer)
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

/// The revision of an object or a list.
fn revision_of(body: &Bytes) -> Option<u64> {
    #[derive(Deserialize)]
    struct Versioned {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        #[serde(rename = "resourceVersion")]
        revision: String,
    }
    let object: Versioned = serde_json::from_slice(body).ok()?;
    object.metadata.revision.parse().ok().filter(|revision| *revision > 1)
}
