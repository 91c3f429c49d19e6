//! What is counted: names that dashboards for controllers know already, and the numbers of the domain.
//! Labels are bounded: no object names, no numbers.

use k8s_openapi::jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::{collections::HashMap, time::Duration};

use super::api_error::Failure;
use crate::{
    api::{QuotaScope, Refusal, ServiceNumberRequest, ServiceNumberRequestStatus, ServiceNumberSpec},
    rules::{
        audit::{Code, Finding, Invariant, Severity},
        kept::Kept,
        life::Change,
        world::Work,
    },
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Controller {
    controller: &'static str,
}
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Name {
    name: &'static str,
}
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ControllerResult {
    controller: &'static str,
    result: &'static str,
}
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    kind: &'static str,
    reason: &'static str,
}
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: String,
}
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Scope {
    scope: &'static str,
}
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Verb {
    change: &'static str,
}
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    method: String,
    code: String,
}
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lease {
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Broken {
    invariant: &'static str,
}
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Oddity {
    code: &'static str,
}

/// Every metric of the process. Clones count into the same ones.
#[derive(Clone, Debug)]
pub struct Meter {
    reconciles: Family<ControllerResult, Counter>,
    reconcile_errors: Family<Controller, Counter>,
    reconcile_seconds: Family<Controller, Histogram, fn() -> Histogram>,
    depth: Family<Name, Gauge>,
    adds: Family<Name, Counter>,
    waits: Family<Name, Histogram, fn() -> Histogram>,
    works: Family<Name, Histogram, fn() -> Histogram>,
    retries: Family<Name, Counter>,
    calls: Family<Call, Counter>,
    watch_errors: Family<Kind, Counter>,
    issued: Family<Scope, Counter>,
    changes: Family<Verb, Counter>,
    slots_taken: Counter,
    refused: Family<Why, Counter>,
    request_seconds: Histogram,
    records_lost: Counter,
    leads: Family<Lease, Gauge>,
    violations: Family<Broken, Gauge>,
    oddities: Family<Oddity, Gauge>,
    audit_seconds: Histogram,
}

fn seconds() -> Histogram {
    Histogram::new([0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0])
}

impl Default for Meter {
    fn default() -> Self {
        let histograms = || Family::new_with_constructor(seconds as fn() -> Histogram);
        Self {
            reconciles: Family::default(),
            reconcile_errors: Family::default(),
            reconcile_seconds: Family::new_with_constructor(seconds as fn() -> Histogram),
            depth: Family::default(),
            adds: Family::default(),
            waits: histograms(),
            works: histograms(),
            retries: Family::default(),
            calls: Family::default(),
            watch_errors: Family::default(),
            issued: Family::default(),
            changes: Family::default(),
            slots_taken: Counter::default(),
            refused: Family::default(),
            request_seconds: seconds(),
            records_lost: Counter::default(),
            violations: Family::default(),
            oddities: Family::default(),
            audit_seconds: seconds(),
            leads: Family::default(),
        }
    }
}

/// What [`controller`] gives.
const CONTROLLERS: [&str; 4] = ["instance", "servicenumberrequest", "filing", "servicenumber"];

fn controller(work: &Work) -> &'static str {
    match work {
        Work::Instance(_) => "instance",
        Work::Request(_) => "servicenumberrequest",
        Work::Filing(_) => "filing",
        Work::Record(_) => "servicenumber",
    }
}

impl Meter {
    /// Counts from 0 rather than from the first failure on: an alert on an increase needs a beginning.
    fn begin(&self) {
        for controller in CONTROLLERS {
            for result in ["success", "requeue_after", "error"] {
                drop(self.reconciles.get_or_create(&ControllerResult { controller, result }));
            }
            drop(self.reconcile_errors.get_or_create(&Controller { controller }));
            drop(self.retries.get_or_create(&Name { name: controller }));
        }
        for kind in ["instanceclasses", "instances", "servicenumberrequests", "filings", "servicenumbers"] {
            drop(self.watch_errors.get_or_create(&Kind { kind: kind.to_owned() }));
        }
        for scope in ["instance", "account"] {
            drop(self.issued.get_or_create(&Scope { scope }));
        }
    }

    /// An audit was made; this is what stands of what it found.
    pub(super) fn audited<'a>(&self, standing: impl IntoIterator<Item = &'a Finding>, took: Duration) {
        let (mut broken, mut odd) = (HashMap::new(), HashMap::new());
        for finding in standing {
            match finding.code.severity() {
                Severity::Broken(invariant) => *broken.entry(invariant).or_default() += 1,
                Severity::Odd => *odd.entry(finding.code).or_default() += 1,
            }
        }
        for invariant in Invariant::ALL {
            let gauge = self.violations.get_or_create(&Broken { invariant: invariant.as_str() });
            gauge.set(broken.get(&invariant).copied().unwrap_or(0));
        }
        for code in Code::ALL.iter().filter(|code| code.severity() == Severity::Odd) {
            let gauge = self.oddities.get_or_create(&Oddity { code: code.as_str() });
            gauge.set(odd.get(code).copied().unwrap_or(0));
        }
        self.audit_seconds.observe(took.as_secs_f64());
    }

    /// Registers every metric.
    pub fn register(&self, registry: &mut Registry) {
        self.begin();
        let Self {
            reconciles,
            reconcile_errors,
            reconcile_seconds,
            depth,
            adds,
            waits,
            works,
            retries,
            calls,
            watch_errors,
            issued,
            changes,
            slots_taken,
            refused,
            request_seconds,
            records_lost,
            leads,
            violations,
            oddities,
            audit_seconds,
        } = self.clone();
        let r = registry;
        r.register("controller_runtime_reconcile", "Looks at objects by result", reconciles);
        r.register("controller_runtime_reconcile_errors", "Looks that failed", reconcile_errors);
        r.register("controller_runtime_reconcile_time_seconds", "Time of a look", reconcile_seconds);
        r.register("workqueue_depth", "Objects waiting to be looked at", depth);
        r.register("workqueue_adds", "Objects put into the queue", adds);
        r.register("workqueue_queue_duration_seconds", "Time from queued to looked at", waits);
        r.register("workqueue_work_duration_seconds", "Time of a look", works);
        r.register("workqueue_retries", "Looks that are tried again", retries);
        r.register("rest_client_requests", "Calls to the API server by method and code", calls);
        r.register("icp_filing_watch_errors", "Failures of watches by kind", watch_errors);
        r.register("icp_filing_numbers_issued", "Numbers that this process issued", issued);
        r.register("icp_filing_record_changes", "Changes of records by this process", changes);
        r.register("icp_filing_slots_taken", "Creates that met a slot of another claim", slots_taken);
        r.register("icp_filing_refusals", "Refusals said in statuses, by kind and reason", refused);
        r.register(
            "icp_filing_request_seconds",
            "Time from a request's creation to its number",
            request_seconds,
        );
        r.register(
            "icp_filing_records_lost",
            "Records that were seen to be deleted, or to be missing at the start",
            records_lost,
        );
        r.register(
            "icp_filing_invariant_violations",
            "Broken invariants of the ledger, as it stands",
            violations,
        );
        r.register("icp_filing_oddities", "Orphans and oddities, as things stand, by code", oddities);
        r.register("icp_filing_audit_seconds", "Time that an audit of everything took", audit_seconds);
        r.register("leader_election_master_status", "Whether this process leads, by lease", leads);
    }

    /// Whether this process holds a lease.
    pub fn leads(&self, lease: &str, leads: bool) {
        self.leads.get_or_create(&Lease { name: lease.to_owned() }).set(leads.into());
    }

    /// What waited in the queue was dropped.
    pub fn queue_dropped(&self) {
        for name in CONTROLLERS {
            self.depth.get_or_create(&Name { name }).set(0);
        }
    }

    pub(super) fn queued(&self, work: &Work) {
        let name = Name { name: controller(work) };
        self.adds.get_or_create(&name).inc();
        self.depth.get_or_create(&name).inc();
    }

    pub(super) fn started(&self, work: &Work, waited: Duration) {
        let name = Name { name: controller(work) };
        self.depth.get_or_create(&name).dec();
        self.waits.get_or_create(&name).observe(waited.as_secs_f64());
    }

    /// A look ended, as `success`, `requeue_after` or `error`.
    pub(super) fn finished(&self, work: &Work, took: Duration, result: &'static str) {
        let controller = controller(work);
        self.reconciles.get_or_create(&ControllerResult { controller, result }).inc();
        self.reconcile_seconds.get_or_create(&Controller { controller }).observe(took.as_secs_f64());
        self.works.get_or_create(&Name { name: controller }).observe(took.as_secs_f64());
        if result == "error" {
            self.retries.get_or_create(&Name { name: controller }).inc();
        }
    }

    pub(super) fn reconcile_failed(&self, work: &Work, failure: &Failure) {
        // Somebody else's write is the protocol at work, not an error.
        if !matches!(failure, Failure::Conflict | Failure::Gone) {
            self.reconcile_errors.get_or_create(&Controller { controller: controller(work) }).inc();
        }
    }

    /// A call to the API server was answered; code 0 where it was not.
    pub fn called(&self, method: &http::Method, code: u16) {
        let code = if code == 0 { "<error>".to_owned() } else { code.to_string() };
        self.calls.get_or_create(&Call { method: method.to_string(), code }).inc();
    }

    pub(super) fn watch_failed(&self, kind: &str) {
        self.watch_errors.get_or_create(&Kind { kind: kind.to_owned() }).inc();
    }

    pub(super) fn issued(&self, spec: &ServiceNumberSpec) {
        let scope = match spec.quota_scope {
            QuotaScope::Instance => "instance",
            QuotaScope::Account => "account",
        };
        self.issued.get_or_create(&Scope { scope }).inc();
    }

    pub(super) fn changed(&self, change: &Change) {
        self.changes.get_or_create(&Verb { change: change.verb() }).inc();
    }

    pub(super) fn slot_taken(&self) {
        self.slots_taken.inc();
    }

    pub(super) fn record_lost(&self) {
        self.records_lost.inc();
    }

    pub(super) fn refused(&self, kind: &'static str, refusals: &[Refusal]) {
        for refusal in refusals {
            self.refused.get_or_create(&Why { kind, reason: refusal.reason.as_str() }).inc();
        }
    }

    pub(super) fn settled_request(
        &self,
        request: &Kept<ServiceNumberRequest>,
        status: &ServiceNumberRequestStatus,
        now: Timestamp,
    ) {
        self.refused("ServiceNumberRequest", &status.refusals);
        let had_one = request.status.as_ref().is_some_and(|s| s.service_number.is_some());
        if let Some(created) = &request.metadata.creation_timestamp
            && status.service_number.is_some()
            && !had_one
        {
            let seconds = now.duration_since(created.0).as_secs_f64();
            self.request_seconds.observe(seconds.max(0.0));
        }
    }
}
