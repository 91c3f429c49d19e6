//! A server that keeps one Lease as the API server does, and lines to it that break in every way there is.

use http::{Method, Request, Response};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// How a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// As it should be.
    Good,
    /// What is asked is done after this time, and answered after it again.
    Slow(Duration),
    /// Nothing arrives and nothing is answered.
    Silent,
    /// Writes are done and not answered.
    Deaf,
    /// Writes are done and answered with a failure.
    Liar,
    /// The server says this and does nothing; a `Retry-After` of a minute where it is 429.
    Says(u16),
    /// The answer is no JSON.
    Babbles,
}

/// The one Lease, its line for each candidate, and every write that was carried out.
#[derive(Clone, Debug, Default)]
pub struct Server(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    lease: Option<Value>,
    revision: u64,
    lines: Vec<Line>,
    writes: Vec<(Instant, usize)>,
}

impl Server {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panicked here")
    }

    /// The next candidate's client.
    pub fn client(&self) -> Client {
        let line = {
            let mut state = self.state();
            state.lines.push(Line::Good);
            state.lines.len() - 1
        };
        let server = self.clone();
        let service = tower::service_fn(move |request| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.serve(line, request).await) }
        });
        Client::new(service, "unused")
    }

    pub fn set(&self, line: usize, how: Line) {
        self.state().lines[line] = how;
    }

    /// The Lease's spec, as somebody else writes it.
    #[expect(clippy::needless_pass_by_value, reason = "specs are written where they are put")]
    pub fn put(&self, spec: Value) {
        let mut state = self.state();
        let uid = state
            .lease
            .as_ref()
            .map_or(json!(format!("u{}", state.revision)), |l| l["metadata"]["uid"].clone());
        state.store(json!({"metadata": {"name": "l", "uid": uid}, "spec": spec}));
    }

    pub fn label(&self, value: usize) {
        let mut state = self.state();
        let mut lease = state.lease.clone().expect("a Lease");
        lease["metadata"]["labels"] = json!({"n": value.to_string()});
        state.store(lease);
    }

    pub fn delete(&self) {
        let mut state = self.state();
        state.revision += 1;
        state.lease = None;
    }

    pub fn spec(&self) -> Value {
        self.state().lease.as_ref().map_or(Value::Null, |lease| lease["spec"].clone())
    }

    /// When each write of a line was carried out.
    pub fn writes(&self, line: usize) -> Vec<Instant> {
        self.state().writes.iter().filter(|(_, by)| *by == line).map(|(at, _)| *at).collect()
    }

    async fn serve(&self, line: usize, request: Request<Body>) -> Response<Body> {
        let method = request.method().clone();
        let body = request.into_body().collect_bytes().await.expect("a body");
        let how = self.state().lines[line];
        match how {
            Line::Deaf | Line::Liar if method == Method::GET => self.answer(line, &method, &body),
            Line::Good => self.answer(line, &method, &body),
            Line::Slow(time) => {
                sleep(time).await;
                let answer = self.answer(line, &method, &body);
                sleep(time).await;
                answer
            }
            Line::Silent => std::future::pending().await,
            Line::Deaf => {
                self.answer(line, &method, &body);
                std::future::pending().await
            }
            Line::Liar => {
                self.answer(line, &method, &body);
                failure(500, "the answer was lost")
            }
            Line::Says(code) => failure(code, "as the test says"),
            Line::Babbles => Response::new(Body::from(b"<html>".to_vec())),
        }
    }

    fn answer(&self, line: usize, method: &Method, body: &[u8]) -> Response<Body> {
        let mut state = self.state();
        if method == Method::GET {
            return state.lease.as_ref().map_or_else(|| failure(404, "not found"), |lease| found(200, lease));
        }
        assert_eq!(method, Method::PUT, "a Lease is read and replaced");
        let mut new: Value = serde_json::from_slice(body).expect("JSON");
        let code = match &state.lease {
            None if !new["metadata"]["uid"].is_null() => return failure(409, "another uid"),
            None => {
                new["metadata"]["uid"] = json!(format!("u{}", state.revision));
                201
            }
            Some(_) if new["metadata"]["resourceVersion"].is_null() => return failure(422, "no revision"),
            Some(old) if new["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"] => {
                return failure(409, "another revision");
            }
            Some(_) => 200,
        };
        state.writes.push((Instant::now(), line));
        state.store(new);
        found(code, state.lease.as_ref().expect("a Lease"))
    }
}

impl State {
    fn store(&mut self, mut lease: Value) {
        self.revision += 1;
        lease["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        self.lease = Some(lease);
    }
}

fn found(code: u16, lease: &Value) -> Response<Body> {
    let mut lease = lease.clone();
    lease["apiVersion"] = json!("coordination.k8s.io/v1");
    lease["kind"] = json!("Lease");
    respond(code, &lease)
}

fn failure(code: u16, message: &str) -> Response<Body> {
    let details = json!({"retryAfterSeconds": if code == 429 { 60 } else { 0 }});
    respond(
        code,
        &json!({
            "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "message": message,
            "reason": if code == 404 { "NotFound" } else { "Other" }, "details": details,
        }),
    )
}

fn respond(code: u16, body: &Value) -> Response<Body> {
    let body = Body::from(body.to_string().into_bytes());
    Response::builder().status(code).body(body).expect("a response")
}
