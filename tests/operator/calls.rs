//! How often the API server was called, by its own count: for figures, and to see that nobody writes any more.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::fixture::{Cluster, Who, eventually, must};

/// How long nobody calls where it is quiet. Statuses of instances come a quarter of a second late.
const QUIET: Duration = Duration::from_millis(1500);

/// One way to call the API server, such as `POST servicenumbers 201`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// As the metric has it: `APPLY` for a server-side apply, `LIST` and `WATCH` for what HTTP calls GET.
    pub verb: String,
    /// The resource, with its subresource if it has one.
    pub resource: String,
    /// The status of the answer.
    pub code: u16,
}

/// Calls about our resources and about events, counted since the API server was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls(BTreeMap<Call, u64>);

impl Calls {
    /// All until now.
    pub async fn now(cluster: &Cluster) -> Self {
        let metrics = cluster.kubectl(Who::Admin).ok(&["get", "--raw", "/metrics"]).await;
        let metrics = must("read the API server's metrics", metrics);
        let mut calls = BTreeMap::new();
        for line in metrics.lines().filter_map(|line| line.strip_prefix("apiserver_request_total{")) {
            let Some((labels, count)) = line.split_once("} ") else { continue };
            let label = |name: &str| {
                let labels = labels.split(',').filter_map(|label| label.split_once('='));
                labels
                    .filter(|(key, _)| *key == name)
                    .map(|(_, value)| value.trim_matches('"'))
                    .next()
                    .unwrap_or_default()
            };
            if !["icp-filing.dev", "events.k8s.io"].contains(&label("group")) {
                continue;
            }
            let resource = match label("subresource") {
                "" => label("resource").to_owned(),
                subresource => format!("{}/{subresource}", label("resource")),
            };
            let code = label("code").parse().unwrap_or_default();
            let count = must("read a count", count.parse::<u64>());
            *calls.entry(Call { verb: label("verb").to_owned(), resource, code }).or_default() += count;
        }
        Self(calls)
    }

    /// All until nobody makes a call that counts any more.
    pub async fn until_quiet(cluster: &Cluster, within: Duration, counts: impl Fn(&Self) -> u64) -> Self {
        let mut before = Self::now(cluster).await;
        eventually("quiet", within, async || {
            tokio::time::sleep(QUIET).await;
            let now = Self::now(cluster).await;
            let new = now.since(&before);
            before = now.clone();
            if counts(&new) == 0 { Ok(now) } else { Err(format!("still called:{new}")) }
        })
        .await
    }

    /// Those that came after.
    pub fn since(&self, before: &Self) -> Self {
        let new = self
            .0
            .iter()
            .map(|(call, count)| (call.clone(), count - before.0.get(call).copied().unwrap_or(0)));
        Self(new.filter(|(_, count)| *count > 0).collect())
    }

    /// How many of these were of a kind.
    pub fn count(&self, pick: impl Fn(&Call) -> bool) -> u64 {
        self.0.iter().filter(|(call, _)| pick(call)).map(|(_, count)| count).sum()
    }

    /// How many objects were read in a time. Every ten seconds the store is asked how far it is, by a list of one record,
    /// which the API server counts as a read of it: so many are left out.
    pub fn reads(&self, during: Duration) -> u64 {
        let asked = during.as_secs() / 10 + 1;
        let records = self.count(|call| call.verb == "GET" && call.resource == "servicenumbers");
        let others = self.count(|call| {
            call.verb == "GET" && !["servicenumbers", "events"].contains(&call.resource.as_str())
        });
        others + records.saturating_sub(asked)
    }

    /// Those that write, events aside.
    pub fn writes(&self) -> Self {
        let writes = self.0.iter().filter(|(call, _)| {
            !["GET", "LIST", "WATCH"].contains(&call.verb.as_str()) && call.resource != "events"
        });
        Self(writes.map(|(call, count)| (call.clone(), *count)).collect())
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (Call { verb, resource, code }, count) in &self.0 {
            write!(f, "\n    {count:>6} {verb} {resource} {code}")?;
        }
        Ok(())
    }
}
