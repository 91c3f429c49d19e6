//! What a Lease says about who leads, and when it may be taken or counts as lost. Pure: no client, and the monotonic
//! time is handed in. Times of machines are written into the record for people to read, and judged by nobody.

use k8s_openapi::{api::coordination::v1::Lease, jiff::Timestamp};
use kube::core::{ApiResource, DynamicObject};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

use crate::planted::{self, Bug};

/// How long a record has to be seen unchanged before its holder counts as gone. Whatever the record itself says:
/// every operator waits as long, and garbage cannot make anybody wait longer.
pub(super) const LEASE: Duration = Duration::from_secs(15);
/// How long a leader goes on after it sent the last renewal that was answered. What is left of [`LEASE`] is for
/// monotonic clocks that do not run alike.
pub(super) const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// How often a leader renews.
pub(super) const RENEW_PERIOD: Duration = Duration::from_secs(2);
/// How often a standby looks, so that it takes a released lease about half a second later, and how soon a leader
/// tries again.
pub(super) const RETRY_PERIOD: Duration = Duration::from_secs(1);

/// Leases as they are stored: what cannot be read as a time would otherwise keep everybody from reading the rest.
pub(super) fn resource() -> ApiResource {
    ApiResource::erase::<Lease>(&())
}

/// One process in the election: what it saw of the record, and until when it leads.
#[derive(Debug)]
pub(super) struct Candidate {
    lease: String,
    identity: String,
    /// The record as it was last seen; absent where there is none.
    seen: Option<DynamicObject>,
    /// Since when it is seen as it is.
    since: Instant,
    /// Whether the last write was refused or not answered, so that the record may be another by now.
    doubtful: bool,
    until: Option<Instant>,
}

impl Candidate {
    /// A candidate that has seen nothing.
    pub(super) fn new(lease: String, identity: String, now: Instant) -> Self {
        Self { lease, identity, seen: None, since: now, doubtful: false, until: None }
    }

    /// Until when it leads, if it does.
    pub(super) fn leads_until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| now < *until)
    }

    fn spec(&self) -> &Value {
        self.seen.as_ref().map_or(&Value::Null, |record| &record.data["spec"])
    }

    fn holder(&self) -> Option<&str> {
        self.spec()["holderIdentity"].as_str().filter(|holder| !holder.is_empty())
    }

    fn is_mine(&self) -> bool {
        self.holder() == Some(&self.identity)
    }

    fn is_a_rivals(&self) -> bool {
        self.holder().is_some() && !self.is_mine()
    }

    /// Who else holds the lease, as far as was seen, in a form that can be shown whatever it is.
    pub(super) fn rival(&self) -> Option<String> {
        let holder = self.holder().filter(|_| self.is_a_rivals())?;
        Some(holder.chars().take(128).flat_map(char::escape_debug).collect())
    }

    /// Whether the record may name this candidate.
    pub(super) fn may_hold(&self) -> bool {
        self.is_mine() || self.doubtful
    }

    /// Whether the record has to be read before anything is written. A leader knows what it wrote.
    pub(super) fn must_look(&self) -> bool {
        self.doubtful || !self.is_mine()
    }

    /// The record was read.
    pub(super) fn saw(&mut self, now: Instant, record: Option<DynamicObject>) {
        // By what it says, not by its revision: a label that somebody writes is no sign of life of its holder.
        if self.seen.as_ref().map(|s| &s.data["spec"]) != record.as_ref().map(|r| &r.data["spec"]) {
            self.since = now;
        }
        self.seen = record;
        self.doubtful = false;
        if self.is_a_rivals() {
            self.until = None;
        }
    }

    /// A write that was sent at `sent` was carried out, and this is the record now.
    pub(super) fn wrote(&mut self, sent: Instant, record: DynamicObject) {
        self.saw(sent, Some(record));
        if self.is_mine() {
            self.until = Some(sent + RENEW_DEADLINE);
        }
    }

    /// A write was refused or not answered.
    pub(super) fn doubt(&mut self) {
        self.doubtful = true;
    }

    /// What to write to lead, or to go on leading: nothing while somebody else may lead. It carries the revision
    /// that was seen.
    pub(super) fn bid(&self, now: Instant, clock: Timestamp) -> Option<DynamicObject> {
        let written = || self.spec()["renewTime"].as_str()?.parse::<Timestamp>().ok();
        let lapsed = if planted::is_on(Bug::LeaseTimeTrusted) {
            written().is_none_or(|time| clock.duration_since(time).unsigned_abs() > LEASE)
        } else {
            now >= self.since + LEASE
        };
        if self.is_a_rivals() && !lapsed {
            return None;
        }
        let old = self.spec();
        let mut spec = renewed(clock);
        spec["holderIdentity"] = json!(self.identity);
        if self.is_mine() {
            spec["acquireTime"] = old["acquireTime"].clone();
            spec["leaseTransitions"] = old["leaseTransitions"].clone();
        } else {
            let changes = old["leaseTransitions"].as_i64().unwrap_or(-1);
            spec["acquireTime"] = spec["renewTime"].clone();
            spec["leaseTransitions"] = json!(changes.saturating_add(1).clamp(0, i32::MAX.into()));
        }
        Some(self.record(&spec))
    }

    /// What to write to let go of a record that names this candidate.
    pub(super) fn release(&mut self, clock: Timestamp) -> Option<DynamicObject> {
        self.until = None;
        let mut spec = renewed(clock);
        spec["leaseTransitions"] = self.spec()["leaseTransitions"].clone();
        self.is_mine().then(|| self.record(&spec))
    }

    /// When to act next, after a round that went well.
    pub(super) fn next(&self, now: Instant) -> Instant {
        if self.leads_until(now).is_some() {
            now + RENEW_PERIOD
        } else {
            // At the moment at which the record expires, which may be earlier than the next regular look.
            (now + RETRY_PERIOD).min((self.since + LEASE).max(now + RETRY_PERIOD / 10))
        }
    }

    fn record(&self, spec: &Value) -> DynamicObject {
        let mut record = self.seen.clone().unwrap_or_else(|| DynamicObject::new(&self.lease, &resource()));
        record.metadata.managed_fields = None;
        record.data = json!({"spec": spec});
        record
    }
}

/// A record of nobody.
fn renewed(clock: Timestamp) -> Value {
    json!({"leaseDurationSeconds": LEASE.as_secs(), "renewTime": format!("{clock:.6}")})
}
