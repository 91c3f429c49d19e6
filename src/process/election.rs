//! Leader election: reads and writes the Lease, says who leads, and lets go in the end. It saves work and protects
//! nothing: what two operators do to the ledger at once is as right as what one does. When a lease counts as taken
//! or lost is in `lease`.

use k8s_openapi::jiff::Timestamp;
use kube::{Api, Client, api::PostParams, core::DynamicObject};
use std::time::Duration;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::lease::{self, Candidate, RETRY_PERIOD};
use crate::controllers::{MANAGER, api_error::Failure, meter::Meter};
use crate::planted::{self, Bug};

#[cfg(test)]
mod tests;

/// Where a pod reads its namespace.
const POD_NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
/// The namespace of `deploy/`.
const INSTALLED: &str = "icp-filing-system";
/// How long one call may take: a leader has time for two that hang.
const CALL: Duration = Duration::from_secs(3);
/// The longest pause after a failure: a leader that is told to come back later has to try again in time.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Which Lease is contended for.
#[derive(Clone, Debug)]
pub(super) struct LeaseName {
    pub(super) namespace: String,
    pub(super) name: String,
}

impl LeaseName {
    /// As asked for, or where whoever serves the same finds it too.
    pub(super) fn new(name: Option<String>, namespace: Option<String>, served: Option<&str>) -> Self {
        // Operators of different namespaces have nothing to contend for.
        let ours = || served.map_or_else(|| MANAGER.to_owned(), |served| format!("{MANAGER}.{served}"));
        let pod = || std::env::var("POD_NAMESPACE").or_else(|_| std::fs::read_to_string(POD_NAMESPACE)).ok();
        let pod = || pod().map(|n| n.trim().to_owned()).filter(|n| !n.is_empty());
        Self {
            namespace: namespace.or_else(pod).unwrap_or_else(|| INSTALLED.to_owned()),
            name: name.unwrap_or_else(ours),
        }
    }
}

/// A name that no other process has: a container that is started again in its pod is another one.
pub(super) fn identity() -> String {
    let host =
        ["POD_NAME", "HOSTNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|n| !n.is_empty()));
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("{}-{}", host.as_deref().unwrap_or(MANAGER), &random[..8])
}

/// Whether this process leads.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    /// Nobody contends: it always does.
    Alone,
    /// It does, until then if nothing is heard.
    Leads(Instant),
    /// It does not; who does, as far as is known.
    Standby(Option<String>),
    /// It cannot take part, and what to do about it.
    Barred(String),
}

/// Says whether this process leads. Clones say the same.
#[derive(Clone, Debug)]
pub(super) struct Leadership(watch::Receiver<Standing>);

/// Where the election says who leads.
#[derive(Debug)]
pub(super) struct Announcer(watch::Sender<Standing>);

/// Both ends. Until the election begins this process is a standby.
pub(super) fn channel() -> (Announcer, Leadership) {
    let (sender, receiver) = watch::channel(Standing::Standby(None));
    (Announcer(sender), Leadership(receiver))
}

impl Leadership {
    /// Of a process that has no rivals, or does not care.
    pub(super) fn alone() -> Self {
        // Nobody will say anything else.
        Self(watch::channel(Standing::Alone).1)
    }

    /// Whether this process leads now.
    pub(super) fn is_held(&self) -> bool {
        match &*self.0.borrow() {
            Standing::Alone => true,
            Standing::Leads(until) => Instant::now() < *until,
            Standing::Standby(_) | Standing::Barred(_) => false,
        }
    }

    /// Waits until this process leads.
    pub(super) async fn gained(&mut self) {
        while !self.is_held() {
            self.changed().await;
        }
    }

    /// Waits until this process leads no more, at the deadline even where the election itself is stuck.
    pub(super) async fn lost(&mut self) {
        loop {
            let until = match &*self.0.borrow_and_update() {
                Standing::Alone => None,
                Standing::Leads(until) if Instant::now() < *until => Some(*until),
                Standing::Leads(_) | Standing::Standby(_) | Standing::Barred(_) => return,
            };
            match until {
                // Renewed meanwhile, or not: either way it is looked at again.
                Some(until) => drop(tokio::time::timeout_at(until, self.changed()).await),
                None => self.changed().await,
            }
        }
    }

    async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // Nothing will be said any more.
            std::future::pending::<()>().await;
        }
    }

    /// What to tell whoever asks whether the process is ready: its role, or why it can have none.
    pub(super) fn role(&self) -> Result<String, String> {
        match &*self.0.borrow() {
            Standing::Alone => Ok("ok".to_owned()),
            Standing::Leads(until) if Instant::now() < *until => Ok("ok: leads".to_owned()),
            Standing::Leads(_) | Standing::Standby(None) => Ok("ok: standby".to_owned()),
            Standing::Standby(Some(leader)) => Ok(format!("ok: standby, {leader} leads")),
            Standing::Barred(why) => Err(why.clone()),
        }
    }
}

/// Takes part in an election.
pub(super) struct Election {
    api: Api<DynamicObject>,
    lease: LeaseName,
    candidate: Candidate,
    announcer: Announcer,
    meter: Meter,
    trouble: Option<String>,
}

impl Election {
    /// Joins the election for a lease. The client is for this alone: what others call must not be waited for.
    pub(super) fn new(
        client: Client,
        lease: LeaseName,
        identity: String,
        announcer: Announcer,
        meter: Meter,
    ) -> Self {
        meter.leads(&lease.name, false);
        Self {
            api: Api::namespaced_with(client, &lease.namespace, &lease::resource()),
            candidate: Candidate::new(lease.name.clone(), identity, Instant::now()),
            lease,
            announcer,
            meter,
            trouble: None,
        }
    }

    /// Contends until told to retire, then lets go of the lease.
    pub(super) async fn run(mut self, retire: CancellationToken) {
        while !retire.is_cancelled() {
            let lapsed =
                matches!(&*self.announcer.0.borrow(), Standing::Leads(until) if *until <= Instant::now());
            if lapsed {
                // The deadline has passed, perhaps because the whole process stood still.
                self.announce(None);
            }
            // Not to be cut short: a lease that was taken without knowing would be released by nobody.
            let result = self.round().await;
            self.announce(result.as_ref().err());
            let now = Instant::now();
            let next = match result {
                Ok(()) => self.candidate.next(now),
                Err(Failure::Overload { retry_after }) => {
                    now + retry_after.clamp(RETRY_PERIOD, LONGEST_PAUSE)
                }
                Err(Failure::Refused(_) | Failure::Gone) => now + LONGEST_PAUSE,
                Err(Failure::Conflict | Failure::Unknown(_)) => now + RETRY_PERIOD,
            };
            // A leader that cannot renew says so at its deadline.
            let next = self.candidate.leads_until(now).map_or(next, |until| next.min(until));
            tokio::select! {
                biased;
                () = retire.cancelled() => {}
                () = tokio::time::sleep_until(next) => {}
            }
        }
        // The work has ended by now, and no call of it may begin while the next one leads.
        self.announcer.0.send_replace(Standing::Standby(None));
        self.meter.leads(&self.lease.name, false);
        if tokio::time::timeout(CALL, self.release()).await.is_err() {
            tracing::warn!("the lease was not released in time; the next operator leads when it expires");
        }
    }

    /// Looks if need be, and writes if that is this candidate's to do.
    async fn round(&mut self) -> Result<(), Failure> {
        let mut refused = None;
        // A refusal may mean that somebody was faster, or that an earlier write was carried out without an answer:
        // the second try knows.
        for _ in 0..2 {
            if self.candidate.must_look() {
                let record = match self.bounded(self.api.get_opt(&self.lease.name)).await {
                    Ok(record) => record,
                    Err(Failure::Gone) => None,
                    Err(failure) => return Err(failure),
                };
                self.candidate.saw(Instant::now(), record);
            }
            let Some(bid) = self.candidate.bid(Instant::now(), Timestamp::now()) else { return Ok(()) };
            match self.write(&bid).await {
                Ok(()) => return Ok(()),
                Err(failure @ (Failure::Conflict | Failure::Gone | Failure::Refused(_))) => {
                    refused = Some(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// Writes the record if it still is what was seen. A PUT creates it too, and other than a POST that is a right
    /// which can be granted for one name.
    async fn write(&mut self, record: &DynamicObject) -> Result<(), Failure> {
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        let sent = Instant::now();
        match self.bounded(self.api.replace(&self.lease.name, &params, record)).await {
            Ok(record) => {
                let since = if planted::is_on(Bug::RenewedWhenAnswered) { Instant::now() } else { sent };
                self.candidate.wrote(since, record);
                Ok(())
            }
            Err(failure) => {
                self.candidate.doubt();
                Err(failure)
            }
        }
    }

    async fn release(&mut self) {
        if !self.candidate.may_hold() {
            return;
        }
        for _ in 0..2 {
            if self.candidate.must_look()
                && let Ok(record) = self.bounded(self.api.get_opt(&self.lease.name)).await
            {
                self.candidate.saw(Instant::now(), record);
            }
            let Some(record) = self.candidate.release(Timestamp::now()) else { return };
            match self.write(&record).await {
                Ok(()) => return tracing::info!(lease = self.lease.name, "released the lease"),
                Err(failure) => tracing::debug!(%failure, "the lease was not released"),
            }
        }
        tracing::warn!("the lease was not released; the next operator leads when it expires");
    }

    /// Bounds a call in time, by the leader's deadline too. What runs out of time may have been carried out.
    async fn bounded<T>(&self, call: impl Future<Output = kube::Result<T>>) -> Result<T, Failure> {
        let now = Instant::now();
        let by = now + CALL;
        let by = self.candidate.leads_until(now).map_or(by, |until| until.min(by));
        match tokio::time::timeout_at(by, call).await {
            Ok(result) => result.map_err(Failure::from),
            Err(_) => Err(Failure::Unknown("no answer in time".to_owned())),
        }
    }

    /// Says who leads, and logs what changed.
    fn announce(&mut self, failure: Option<&Failure>) {
        let rival = self.candidate.rival();
        let trouble = failure.map(|failure| self.explain(failure));
        if let Some(why) = &trouble
            && self.trouble.as_ref() != Some(why)
        {
            tracing::warn!("{why}; trying again");
        }
        let standing = match (self.candidate.leads_until(Instant::now()), failure, &trouble) {
            (Some(until), ..) => Standing::Leads(until),
            (None, Some(Failure::Refused(_) | Failure::Gone), Some(why)) => Standing::Barred(why.clone()),
            (None, ..) => Standing::Standby(rival.clone()),
        };
        self.trouble = trouble;
        let leads = matches!(standing, Standing::Leads(_));
        self.meter.leads(&self.lease.name, leads);
        let before = self.announcer.0.send_replace(standing.clone());
        let lease = &self.lease.name;
        match (matches!(before, Standing::Leads(_)), leads, rival) {
            (false, true, _) => tracing::info!(lease, "leading"),
            (true, false, Some(leader)) => {
                tracing::warn!(lease, leader, "not leading any more: somebody else holds the lease");
            }
            (true, false, None) => {
                tracing::warn!(lease, "not leading any more: the lease was not renewed in time");
            }
            (false, false, Some(leader)) if before != standing => {
                tracing::info!(lease, leader, "standing by");
            }
            _ => {}
        }
    }

    fn explain(&self, failure: &Failure) -> String {
        let LeaseName { namespace, name } = &self.lease;
        match failure {
            Failure::Gone => format!(
                "the Lease {name} cannot be made: is there a namespace {namespace}? Create it, or name another with --lease-namespace"
            ),
            Failure::Refused(why) => format!(
                "the Lease {name} in {namespace} cannot be used: {why}. Bind the Role icp-filing-operator with `kubectl apply -k deploy/`"
            ),
            failure => format!("the Lease {name} in {namespace} cannot be renewed or taken: {failure}"),
        }
    }
}
