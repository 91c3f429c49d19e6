//! Checks before the controllers start, so that a missing CRD, a missing permission or an old API server is one
//! clear message instead of a silent wait. Nothing is written to the ledger here.

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::{Api, Client, api::PostParams};
use std::time::Duration;

use super::election::LeaseName;
use crate::{
    api::{GROUP, VERSION},
    controllers::api_error::{Failure, bounded},
};

/// The oldest API server that enforces all that the CRDs and policies say, and that the client library serves.
const OLDEST: (u32, u32) = (1, 33);

/// What the operator does, as its ClusterRole grants it: verb, group, resource, subresource.
const NEEDED: &[(&str, &str, &str, Option<&str>)] = &[
    ("list", GROUP, "instanceclasses", None),
    ("watch", GROUP, "instanceclasses", None),
    ("list", GROUP, "instances", None),
    ("watch", GROUP, "instances", None),
    ("list", GROUP, "servicenumberrequests", None),
    ("watch", GROUP, "servicenumberrequests", None),
    ("list", GROUP, "filings", None),
    ("watch", GROUP, "filings", None),
    ("get", GROUP, "filings", None),
    ("list", GROUP, "servicenumbers", None),
    ("watch", GROUP, "servicenumbers", None),
    ("get", GROUP, "servicenumbers", None),
    ("create", GROUP, "servicenumbers", None),
    ("patch", GROUP, "servicenumbers", None),
    ("patch", GROUP, "instances", Some("status")),
    ("patch", GROUP, "servicenumberrequests", Some("status")),
    ("patch", GROUP, "filings", Some("status")),
    ("create", "events.k8s.io", "events", None),
    ("patch", "events.k8s.io", "events", None),
];

/// What it does with its Lease, as its Role grants it.
const NEEDED_OF_LEASE: [&str; 3] = ["get", "update", "create"];

/// What stands in the way of starting.
pub(super) enum Obstacle {
    /// Waiting cannot mend it.
    Final(String),
    /// Somebody may mend it.
    Passing(String),
}

/// Waits until nothing stands in the way; an error says what only a new start can mend.
pub(super) async fn clear(
    client: &Client,
    namespace: Option<&str>,
    lease: Option<&LeaseName>,
    report: impl Fn(&str),
) -> Result<(), String> {
    let mut pause = Duration::from_secs(1);
    let mut said = None;
    loop {
        match check(client, namespace, lease).await {
            Ok(()) => return Ok(()),
            Err(Obstacle::Final(message)) => return Err(message),
            Err(Obstacle::Passing(message)) => {
                report(&message);
                if said.as_ref() != Some(&message) {
                    tracing::error!("{message}; trying again");
                    said = Some(message);
                }
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(15));
    }
}

async fn check(client: &Client, namespace: Option<&str>, lease: Option<&LeaseName>) -> Result<(), Obstacle> {
    let passing = |what: &str, failure: &Failure| Obstacle::Passing(format!("{what}: {failure}"));
    let version = bounded(client.apiserver_version()).await.map_err(|f| match f {
        Failure::Refused(message) => Obstacle::Passing(format!(
            "the API server does not let the operator in: {message}. Check its token"
        )),
        f => passing("the API server does not answer", &f),
    })?;
    let number = |text: &str| text.trim_end_matches('+').parse::<u32>().unwrap_or(0);
    let found = (number(&version.major), number(&version.minor));
    if found != (0, 0) && found < OLDEST {
        return Err(Obstacle::Final(format!(
            "the API server is {}; {}.{} is the oldest that enforces every rule of the ledger. Upgrade the cluster",
            version.git_version, OLDEST.0, OLDEST.1
        )));
    }
    let served = match bounded(client.list_api_group_resources(&format!("{GROUP}/{VERSION}"))).await {
        Ok(list) => list.resources.into_iter().map(|r| r.name).collect(),
        Err(Failure::Gone) => Vec::new(),
        Err(failure) => return Err(passing("the API server does not say what it serves", &failure)),
    };
    let mut missing: Vec<_> =
        NEEDED.iter().map(|n| n.2).filter(|r| *r != "events" && !served.iter().any(|s| s == r)).collect();
    missing.dedup();
    missing.sort_unstable();
    missing.dedup();
    if !missing.is_empty() {
        return Err(Obstacle::Passing(format!(
            "the API server does not serve {} of {GROUP}/{VERSION}: apply the CRDs with `kubectl apply -k deploy/`",
            missing.join(", ")
        )));
    }
    let unsaid = |f| passing("the API server does not say what is allowed", &f);
    let denied = denied(client, namespace).await.map_err(unsaid)?;
    let denied_lease = match lease {
        Some(lease) => denied_of_lease(client, lease).await.map_err(unsaid)?,
        None => Vec::new(),
    };
    let mut ways = Vec::new();
    if !denied.is_empty() {
        ways.push(format!(
            "not allowed to {}: bind the ClusterRole icp-filing-operator with `kubectl apply -k deploy/`",
            denied.join(", ")
        ));
    }
    if let (Some(LeaseName { namespace, name }), false) = (lease, denied_lease.is_empty()) {
        ways.push(format!(
            "not allowed to {} the Lease {name} in {namespace}: bind the Role icp-filing-operator there with `kubectl apply -k deploy/`, \
             with that name in it; or choose another with --lease-name and --lease-namespace; or run with --leader-elect=false",
            denied_lease.join(", ")
        ));
    }
    if ways.is_empty() { Ok(()) } else { Err(Obstacle::Passing(ways.join(". Also "))) }
}

async fn denied(client: &Client, namespace: Option<&str>) -> Result<Vec<String>, Failure> {
    let mut denied = Vec::new();
    for (verb, group, resource, subresource) in NEEDED {
        let cluster_wide = matches!(*resource, "instanceclasses" | "servicenumbers");
        let attributes = ResourceAttributes {
            verb: Some((*verb).to_owned()),
            group: Some((*group).to_owned()),
            resource: Some((*resource).to_owned()),
            subresource: subresource.map(str::to_owned),
            namespace: namespace.filter(|_| !cluster_wide).map(str::to_owned),
            ..ResourceAttributes::default()
        };
        if !allowed(client, attributes).await? {
            let sub = subresource.map(|s| format!("/{s}")).unwrap_or_default();
            denied.push(format!("{verb} {resource}{sub}"));
        }
    }
    Ok(denied)
}

async fn denied_of_lease(client: &Client, lease: &LeaseName) -> Result<Vec<&'static str>, Failure> {
    let mut denied = Vec::new();
    for verb in NEEDED_OF_LEASE {
        let attributes = ResourceAttributes {
            verb: Some(verb.to_owned()),
            group: Some("coordination.k8s.io".to_owned()),
            resource: Some("leases".to_owned()),
            name: Some(lease.name.clone()),
            namespace: Some(lease.namespace.clone()),
            ..ResourceAttributes::default()
        };
        if !allowed(client, attributes).await? {
            denied.push(verb);
        }
    }
    Ok(denied)
}

async fn allowed(client: &Client, attributes: ResourceAttributes) -> Result<bool, Failure> {
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let spec = SelfSubjectAccessReviewSpec {
        resource_attributes: Some(attributes),
        ..SelfSubjectAccessReviewSpec::default()
    };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let answer = bounded(api.create(&PostParams::default(), &review)).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}
