//! Leases that one operator has for itself: whatever it writes is stored, whoever else leads. Two operators behind
//! two of these both lead.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use hyper::{Method, Response};
use serde_json::{Value, json};

use super::answer::{Answer, refusal};
use crate::objects::merge;
use crate::plan::Verb;

/// What the path of a request about leases has in it.
pub const PATH: &str = "/apis/coordination.k8s.io/v1/";

/// Leases by name.
#[derive(Debug, Default)]
pub struct Leases(Mutex<HashMap<String, Value>>);

impl Leases {
    /// Answers a request as the API server would if nobody else were there.
    pub fn serve(&self, parts: &Parts, body: &Bytes) -> Answer {
        let mut leases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sent: Value = serde_json::from_slice(body).unwrap_or_default();
        let last = parts.uri.path().rsplit('/').next().unwrap_or_default();
        let name = sent["metadata"]["name"].as_str().unwrap_or(last).to_owned();
        let stored = match (&parts.method, leases.get(&name)) {
            (&Method::GET, Some(lease)) => lease.clone(),
            (&Method::GET, None) => return refusal(404, Verb::Get),
            (&Method::POST, Some(_)) => return refusal(409, Verb::Create),
            (_, before) => {
                let revision = before.and_then(|lease| lease["metadata"]["resourceVersion"].as_str());
                let revision: u64 = revision.and_then(|revision| revision.parse().ok()).unwrap_or(0);
                let mut lease = if parts.method == Method::PATCH {
                    before.cloned().unwrap_or_default()
                } else {
                    json!({})
                };
                merge(&mut lease, &sent);
                lease["metadata"]["resourceVersion"] = json!((revision + 1).to_string());
                lease["metadata"]["uid"] = json!(name);
                leases.insert(name, lease.clone());
                lease
            }
        };
        let status = if parts.method == Method::POST { 201 } else { 200 };
        let answer = Response::builder().status(status).header(CONTENT_TYPE, "application/json");
        answer.body(Full::new(Bytes::from(stored.to_string())).boxed_unsync()).unwrap_or_default()
    }
}
