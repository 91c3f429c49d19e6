//! Every mutating request with who sent it, from the API server's audit log, beside the history of the store: who may
//! write what, and which requests led to a record. Written from what is promised.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;

use crate::fixture::{OPERATOR, must};

/// One request, as the API server answered it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Request {
    verb: String,
    user: User,
    object_ref: Object,
    response_status: Answer,
    response_object: Stored,
    #[serde(rename = "requestReceivedTimestamp")]
    received: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct User {
    username: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Object {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    code: u16,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Stored {
    metadata: Metadata,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    resource_version: String,
}

impl Request {
    fn is_done(&self) -> bool {
        (200..300).contains(&self.response_status.code)
    }

    /// Whether it was given up before it was answered, as when its sender was killed: it may have been carried out.
    fn is_given_up(&self) -> bool {
        self.response_status.code == 0 || self.response_status.code >= 499
    }

    fn is_of_record(&self) -> bool {
        self.object_ref.api_group == "icp-filing.dev" && self.object_ref.resource == "servicenumbers"
    }

    /// Whether the operator has any business with it.
    fn is_operators(&self) -> bool {
        let Object { api_group, resource, subresource, .. } = &self.object_ref;
        match (api_group.as_str(), resource.as_str(), subresource.as_str()) {
            ("icp-filing.dev", "servicenumbers", "") | ("events.k8s.io", "events", "") => {
                ["create", "patch"].contains(&self.verb.as_str())
            }
            ("icp-filing.dev", "instances" | "servicenumberrequests" | "filings", "status") => {
                self.verb == "patch"
            }
            ("coordination.k8s.io", "leases", "") => {
                ["create", "update", "patch"].contains(&self.verb.as_str())
            }
            // A question that is asked by creating it.
            ("authorization.k8s.io", "selfsubjectaccessreviews", "") => self.verb == "create",
            _ => false,
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Object { resource, subresource, namespace, name, .. } = &self.object_ref;
        let who = if self.user.username == OPERATOR { "operator" } else { &self.user.username };
        write!(f, "{} {who} {} {resource}", self.received, self.verb)?;
        if !subresource.is_empty() {
            write!(f, "/{subresource}")?;
        }
        write!(f, " {namespace}/{name}: {}", self.response_status.code)?;
        match self.response_object.metadata.resource_version.as_str() {
            "" => Ok(()),
            revision => write!(f, " revision {revision}"),
        }
    }
}

/// Every mutating request in a log.
pub fn read(log: &Path) -> Vec<Request> {
    let file = must("open the audit log", File::open(log));
    let lines = BufReader::new(file).lines().map_while(Result::ok);
    lines.filter_map(|line| serde_json::from_str(&line).ok()).collect()
}

/// The requests about a tenant.
pub fn of_tenant<'r>(requests: &'r [Request], token: &str) -> impl Iterator<Item = &'r Request> {
    requests.iter().filter(move |request| {
        let Object { namespace, name, .. } = &request.object_ref;
        [namespace, name]
            .into_iter()
            .any(|text| text.split(|c: char| !c.is_ascii_alphanumeric()).any(|w| w == token))
    })
}

/// Judges who wrote what, with the revisions of records as the store has them.
pub fn judge(requests: &[Request], revisions: &[(String, u64)]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut led_to: HashMap<u64, &Request> = HashMap::new();
    for request in requests {
        let own = request.user.username == OPERATOR;
        if own && !request.is_operators() {
            wrong.push(format!("the operator has no business with this: {request}"));
        }
        if request.is_of_record() && request.is_done() {
            if !own {
                wrong.push(format!("a record was written by somebody else: {request}"));
            }
            if let Ok(revision) = request.response_object.metadata.resource_version.parse() {
                led_to.entry(revision).or_insert(request);
            }
        }
    }
    for (record, revision) in revisions {
        let mut of_record = requests.iter().filter(|r| r.is_of_record() && r.object_ref.name == *record);
        match led_to.get(revision) {
            Some(request) if request.object_ref.name == *record => {}
            Some(request) => {
                wrong.push(format!("revision {revision} of {record} came of another request: {request}"));
            }
            None if of_record.any(|request| request.user.username == OPERATOR && request.is_given_up()) => {}
            None => wrong.push(format!("revision {revision} of {record} came of no request")),
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn request(change: &Value) -> Request {
        let mut request = json!({
            "verb": "create", "user": {"username": OPERATOR}, "responseStatus": {"code": 201},
            "objectRef": {"apiGroup": "icp-filing.dev", "resource": "servicenumbers", "name": "r-0"},
            "responseObject": {"metadata": {"resourceVersion": "7"}},
        });
        crate::objects::merge(&mut request, change);
        must("read a request", serde_json::from_value(request))
    }

    #[track_caller]
    fn is_wrong(request: Request, revisions: &[(&str, u64)], why: &str) {
        let revisions: Vec<_> =
            revisions.iter().map(|(name, revision)| ((*name).to_owned(), *revision)).collect();
        let wrong = judge(&[request], &revisions);
        assert!(wrong.iter().any(|wrong| wrong.contains(why)), "no {why:?} in {wrong:?}");
    }

    #[test]
    fn who_wrote_what_is_judged() {
        let good = judge(&[request(&json!({}))], &[("r-0".to_owned(), 7)]);
        assert_eq!(good, Vec::<String>::new());
        // A request that was refused wrote nothing, whoever sent it.
        let refused =
            json!({"user": {"username": "alice"}, "responseStatus": {"code": 403}, "responseObject": null});
        assert_eq!(judge(&[request(&refused)], &[]), Vec::<String>::new());
        is_wrong(request(&json!({"user": {"username": "alice"}})), &[("r-0", 7)], "somebody else");
        is_wrong(request(&json!({"verb": "delete"})), &[("r-0", 7)], "no business");
        is_wrong(request(&json!({"objectRef": {"resource": "filings"}})), &[], "no business");
        is_wrong(
            request(&json!({"objectRef": {"resource": "filings"}, "verb": "patch"})),
            &[],
            "no business",
        );
        is_wrong(request(&json!({})), &[("r-0", 7), ("r-0", 8)], "revision 8 of r-0 came of no request");
        is_wrong(request(&json!({})), &[("r-1", 7)], "came of another request");
        let given_up = json!({"responseStatus": {"code": 504}, "responseObject": null});
        assert_eq!(judge(&[request(&given_up)], &[("r-0".to_owned(), 7)]), Vec::<String>::new());
        is_wrong(request(&given_up), &[("r-1", 7)], "came of no request");
    }
}
