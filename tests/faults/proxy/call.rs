//! What a request to the API server is about. What is done with it is not known here.

use std::fmt;

use hyper::Method;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use serde_json::Value;

use crate::plan::{Kind, Like, Verb};

const PREFIX: &str = "/apis/icp-filing.dev/v1alpha1/";

/// A request about one of our resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub verb: Verb,
    pub kind: Kind,
    pub subresource: Option<String>,
    pub namespace: Option<String>,
    /// Where one object is meant; a create's is in its body.
    pub name: Option<String>,
}

impl Call {
    /// Reads a request; nothing where it is about something else, such as an event, a lease or a review of access.
    pub fn of(parts: &Parts, body: &Bytes) -> Option<Self> {
        let mut path = parts.uri.path().strip_prefix(PREFIX)?.split('/').map(str::to_owned);
        let mut resource = path.next()?;
        let mut namespace = None;
        if resource == "namespaces" {
            namespace = path.next();
            resource = path.next()?;
        }
        let kind = Kind::of_resource(&resource)?;
        let mut name = path.next();
        let subresource = path.next();
        let watches = parts
            .uri
            .query()
            .is_some_and(|query| query.split('&').any(|p| p == "watch=true" || p == "watch=1"));
        let verb = match (&parts.method, &name) {
            (&Method::GET, _) if watches => Verb::Watch,
            (&Method::GET, Some(_)) => Verb::Get,
            (&Method::GET, None) => Verb::List,
            (&Method::POST, _) => Verb::Create,
            (&Method::PATCH, _) => Verb::Patch,
            (&Method::PUT, _) => Verb::Update,
            (&Method::DELETE, _) => Verb::Delete,
            _ => return None,
        };
        if verb == Verb::Create && name.is_none() {
            let object: Value = serde_json::from_slice(body).ok()?;
            name = object["metadata"]["name"].as_str().map(str::to_owned);
        }
        Some(Self { verb, kind, subresource, namespace, name })
    }

    /// Whether it changes anything.
    pub const fn is_write(&self) -> bool {
        matches!(self.verb, Verb::Create | Verb::Patch | Verb::Update | Verb::Delete)
    }

    /// Whether it is what a rule speaks of, with a tenant's word in its names.
    pub fn is_like(&self, like: &Like, token: &str) -> bool {
        let Like { verb, kind, subresource, name } = like;
        let same_part = |part: &String| self.subresource.as_deref().unwrap_or_default() == part.as_str();
        let same_name = |name: &String| self.name.as_ref() == Some(&name.replace("{t}", token));
        verb.is_none_or(|verb| verb == self.verb)
            && kind.is_none_or(|kind| kind == self.kind)
            && subresource.as_ref().is_none_or(same_part)
            && name.as_ref().is_none_or(same_name)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verb, kind, subresource, namespace, name } = self;
        write!(f, "{verb:?} {}", kind.resource())?;
        if let Some(subresource) = subresource {
            write!(f, "/{subresource}")?;
        }
        for part in [namespace, name].into_iter().flatten() {
            write!(f, " {part}")?;
        }
        Ok(())
    }
}
