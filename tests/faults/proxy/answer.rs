//! The bodies of answers: those that are passed on and those that the proxy gives in the API server's place.

use std::convert::Infallible;
use std::sync::Arc;

use futures::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::Response;
use hyper::body::{Bytes, Frame};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, TRANSFER_ENCODING};
use hyper::http::response::Parts;
use serde_json::json;
use tokio::sync::mpsc;

use crate::plan::Verb;

/// What the operator is sent.
pub type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// An answer as the API server gave it.
pub fn passed_on(mut parts: Parts, body: Bytes) -> Answer {
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.remove(TRANSFER_ENCODING);
    Response::from_parts(parts, Full::new(body).boxed_unsync())
}

/// An answer of which it is told when all of it was sent.
pub fn passed_on_then(mut parts: Parts, body: Bytes, sent: Arc<dyn Fn() + Send + Sync>) -> Answer {
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.remove(TRANSFER_ENCODING);
    // Asked for what comes behind the body, which it only is when the body was taken.
    let end = stream::once(async move { sent() }).filter_map(|()| async { None });
    let frames = stream::once(async move { Ok(Frame::data(body)) }).chain(end);
    Response::from_parts(parts, StreamBody::new(frames).boxed_unsync())
}

/// An answer whose pieces come as they come.
pub fn streamed(mut parts: Parts, pieces: mpsc::Receiver<Bytes>) -> Answer {
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.remove(TRANSFER_ENCODING);
    let frames = stream::unfold(pieces, |mut pieces| async {
        let piece = pieces.recv().await?;
        Some((Ok(Frame::data(piece)), pieces))
    });
    Response::from_parts(parts, StreamBody::new(frames).boxed_unsync())
}

/// A refusal in the API server's words.
pub fn refusal(code: u16, verb: Verb) -> Answer {
    let reason = match (code, verb) {
        (409, Verb::Create) => "AlreadyExists",
        (409, _) => "Conflict",
        (429, _) => "TooManyRequests",
        (403, _) => "Forbidden",
        (422, _) => "Invalid",
        (503, _) => "ServiceUnavailable",
        (504, _) => "Timeout",
        (410, _) => "Expired",
        (404, _) => "NotFound",
        _ => "InternalError",
    };
    let details = if code == 429 { json!({"retryAfterSeconds": 1}) } else { json!({}) };
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason, "code": code,
        "message": format!("fault injected: {code}"), "details": details,
    });
    let mut answer = Response::builder().status(code).header(CONTENT_TYPE, "application/json");
    if code == 429 {
        answer = answer.header(RETRY_AFTER, "1");
    }
    let body = Full::new(Bytes::from(status.to_string())).boxed_unsync();
    answer.body(body).unwrap_or_default()
}

/// The line of a watch that says that its revision is gone.
pub fn gone() -> Bytes {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Expired", "code": 410,
        "message": "fault injected: too old resource version",
    });
    Bytes::from(format!("{}\n", json!({"type": "ERROR", "object": status})))
}
