//! The audit that never ends: the watch caches are judged as a whole whenever they changed, what stands is counted,
//! and what breaks an invariant is cried out once. It reports and never repairs.
//!
//! A pass costs time in proportion to all there is, so passes keep a distance of twenty times what the last one
//! took: a twentieth of one core at most, however many records there are and however fast they change. Caches of
//! several kinds disagree for moments: only what one list of the records proves counts at once. What a status tells
//! of the ledger is asked for live, since the record was there before the status; all else has to stay for a while.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    io,
    sync::{Arc, atomic::Ordering, mpsc},
    thread,
    time::{Duration, Instant},
};

use k8s_openapi::{api::core::v1::ObjectReference, jiff::Timestamp};
use kube::{Api, Resource};
use tokio::sync::oneshot;

use super::{
    Context,
    api_error::{Failure, bounded},
    events::reference,
};
use crate::{
    api::{Filing, ServiceNumber, ServiceNumberRequest},
    rules::{
        audit::{self, Code, Finding, Invariant, Proof, Subject},
        kept::Kept,
        kind::Kind,
        snapshot::Snapshot,
        world::ObjectKey,
    },
};

/// The shortest distance between two passes.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest distance although nothing changed, where a pass is quick: a claim grows old without a change, and
/// nobody counts that in less than [`audit::PATIENCE`].
const LONGEST: Duration = Duration::from_mins(5);
/// The distance to the next try where a pass could not be made.
const AGAIN: Duration = Duration::from_mins(1);
/// How many times as long as the last pass took there is none.
const REST: u32 = 20;
/// How long the same objects have to stay the same until what is only a matter of moments counts.
const SETTLE: Duration = Duration::from_secs(5);
/// Live reads a pass.
const READS: usize = 8;
/// The reason of the event.
const REASON: &str = "InvariantBroken";

/// Judges what it is sent, on a thread of its own.
type Judge = mpsc::Sender<Case>;

/// What is to be judged as of a time, and where the findings go.
struct Case {
    snapshot: Arc<Snapshot>,
    now: Timestamp,
    findings: oneshot::Sender<Vec<Finding>>,
}

/// Starts the thread, away from the tasks that serve claims. It is one for all passes: a thread that starts when
/// memory has run out panics before it does anything.
fn judge() -> io::Result<Judge> {
    let (judge, cases) = mpsc::channel::<Case>();
    thread::Builder::new().name("audit".to_owned()).spawn(move || {
        for Case { snapshot, now, findings } in cases {
            // Who asked may have gone: the process ends then.
            drop(findings.send(audit::findings(&snapshot, now)));
        }
    })?;
    Ok(judge)
}

/// Audits for ever. Whether events are due is asked each time: those of a standby are its leader's.
pub async fn run(context: Arc<Context>, leads: impl Fn() -> bool) {
    let mut watch = Watch::default();
    let mut last = None;
    let mut pause = PAUSE;
    let mut court = judge();
    loop {
        tokio::time::sleep(pause).await;
        let seen = context.decide(|world, now| {
            let changes = context.changes.load(Ordering::Relaxed);
            let due = match last {
                None => true,
                Some((at, before)) => {
                    before != changes || watch.unsettled || Instant::now().duration_since(at) >= LONGEST
                }
            };
            (due && world.is_complete()).then(|| (changes, world.snapshot(), now))
        });
        let Some((changes, snapshot, now)) = seen else {
            pause = PAUSE;
            continue;
        };
        let begun = Instant::now();
        let snapshot = Arc::new(snapshot);
        let found = match &court {
            Ok(judge) => {
                let (findings, found) = oneshot::channel();
                drop(judge.send(Case { snapshot: snapshot.clone(), now, findings }));
                found.await
            }
            Err(error) => {
                tracing::warn!(%error, "no thread for the audit; raise the limits of the process");
                pause = AGAIN;
                court = judge();
                continue;
            }
        };
        let Ok(found) = found else {
            tracing::error!("the audit failed; this is a defect, please report it with the log");
            pause = AGAIN;
            court = judge();
            continue;
        };
        let took = begun.elapsed();
        pause = (took * REST).max(PAUSE);
        watch.take(&found, Instant::now());
        for asked in watch.questions(&found) {
            match confirm(&context, &snapshot, asked, now).await {
                Ok(true) => drop(watch.confirmed.insert(asked.clone())),
                Ok(false) => {}
                Err(failure) => tracing::debug!(%failure, "what an audit asked for was not answered"),
            }
        }
        let standing = watch.standing(&found, Instant::now());
        context.meter.audited(standing.iter().copied(), took);
        let leads = leads();
        for (finding, invariant) in watch.fresh(&standing, leads) {
            alarm(&context, &snapshot, finding, invariant, leads);
        }
        last = Some((begun, changes));
    }
}

/// A violation, whatever the revisions of what it is about.
type Violation = (Code, Vec<(Kind, ObjectKey)>);

/// What earlier passes found.
#[derive(Debug, Default)]
struct Watch {
    /// Since when what is a matter of moments was seen at the same revisions.
    since: HashMap<Finding, Instant>,
    /// What a live read showed to be so.
    confirmed: HashSet<Finding>,
    /// What was said in the log.
    said: BTreeSet<Violation>,
    /// What was said in an event.
    cried: BTreeSet<Violation>,
    /// Whether something may count the next time although nothing changes.
    unsettled: bool,
}

impl Watch {
    /// Takes what a pass found.
    fn take(&mut self, found: &[Finding], now: Instant) {
        let of = |proof: Proof| found.iter().filter(move |f| f.code.proof() == proof);
        let mut before = std::mem::take(&mut self.since);
        self.since =
            of(Proof::Moments).map(|f| before.remove_entry(f).unwrap_or_else(|| (f.clone(), now))).collect();
        let mut confirmed = std::mem::take(&mut self.confirmed);
        self.confirmed = of(Proof::Order).filter_map(|f| confirmed.take(f)).collect();
    }

    /// What is to be asked for live.
    fn questions<'a>(&self, found: &'a [Finding]) -> Vec<&'a Finding> {
        let asked = found.iter().filter(|f| f.code.proof() == Proof::Order && !self.confirmed.contains(*f));
        asked.take(READS).collect()
    }

    /// What counts.
    fn standing<'a>(&mut self, found: &'a [Finding], now: Instant) -> Vec<&'a Finding> {
        let counts = |f: &&Finding| match f.code.proof() {
            Proof::Records => true,
            Proof::Order => self.confirmed.contains(*f),
            Proof::Moments => self.since.get(*f).is_some_and(|since| now.duration_since(*since) >= SETTLE),
        };
        let standing: Vec<_> = found.iter().filter(counts).collect();
        self.unsettled = standing.len() < found.len();
        standing
    }

    /// Violations that were not said yet, and in which of the ways that are open now.
    fn fresh<'a>(&mut self, standing: &[&'a Finding], leads: bool) -> Vec<(&'a Finding, Invariant)> {
        let broken: Vec<_> = standing
            .iter()
            .filter_map(|f| f.breaks().map(|invariant| (*f, invariant, violation(f))))
            .collect();
        let now: BTreeSet<_> = broken.iter().map(|(_, _, violation)| violation.clone()).collect();
        // What is gone is said again when it comes back.
        self.said.retain(|violation| now.contains(violation));
        self.cried.retain(|violation| now.contains(violation));
        let mut fresh = Vec::new();
        for (finding, invariant, violation) in broken {
            let cry = leads && self.cried.insert(violation.clone());
            if self.said.insert(violation) || cry {
                fresh.push((finding, invariant));
            }
        }
        fresh
    }
}

fn violation(finding: &Finding) -> Violation {
    (finding.code, finding.subjects.iter().map(|s| (s.kind, s.key.clone())).collect())
}

/// Whether the records as they are now show what the caches do: the claim was seen before, so that what its status
/// tells of the ledger is there by now, or is missing.
async fn confirm(
    context: &Context,
    seen: &Snapshot,
    finding: &Finding,
    now: Timestamp,
) -> Result<bool, Failure> {
    let api: Api<ServiceNumber> = Api::all(context.client.clone());
    let mut records = Vec::new();
    let mut lost = Vec::new();
    for Subject { kind, key, revision: _ } in &finding.subjects {
        if *kind == Kind::ServiceNumber {
            let record = bounded(api.get_opt(&key.name)).await?;
            records.extend(record.map(|record| Arc::new(Kept::from(record))));
            lost.extend(seen.lost.iter().filter(|name| name.as_str() == &*key.name).cloned());
        }
    }
    let about =
        |kind: Kind, key: &ObjectKey| finding.subjects.iter().any(|s| s.kind == kind && s.key == *key);
    let filing = |f: &&Arc<Kept<Filing>>| about(Kind::Filing, &f.key);
    let request = |r: &&Arc<Kept<ServiceNumberRequest>>| about(Kind::ServiceNumberRequest, &r.key);
    let live = Snapshot {
        filings: Some(seen.filings.iter().flatten().filter(filing).cloned().collect()),
        requests: Some(seen.requests.iter().flatten().filter(request).cloned().collect()),
        records: Some(records),
        lost,
        ..Snapshot::default()
    };
    let asked = violation(finding);
    Ok(audit::findings(&live, now).iter().any(|found| violation(found) == asked))
}

/// Says that an invariant is broken, to whoever reads logs and to whoever describes the record.
fn alarm(context: &Context, seen: &Snapshot, finding: &Finding, invariant: Invariant, leads: bool) {
    let Finding { code, subjects, observed } = finding;
    let objects = subjects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    tracing::error!(
        code = code.as_str(),
        invariant = invariant.as_str(),
        objects,
        observed,
        "an invariant of the ledger is broken: run `icp-filing-operator audit`. {}",
        code.remedy()
    );
    if !leads {
        return;
    }
    let Some(name) = finding.record() else { return };
    let record = seen.records.iter().flatten().find(|record| record.name() == name);
    let about = record.map_or_else(
        || ObjectReference {
            api_version: Some(ServiceNumber::api_version(&()).into_owned()),
            kind: Some(Kind::ServiceNumber.as_str().to_owned()),
            name: Some(name.to_owned()),
            ..ObjectReference::default()
        },
        |record| reference(record),
    );
    let note =
        format!("{} ({}): {objects}: {observed}. {}", code.as_str(), invariant.as_str(), code.remedy());
    context.events.alarm(about, REASON, &note);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A finding about a record as it was at a revision.
    fn at(code: Code, name: &str, revision: &str) -> Finding {
        let subject = Subject {
            kind: Kind::ServiceNumber,
            key: ObjectKey::new("", name),
            revision: Some(revision.to_owned()),
        };
        Finding { code, subjects: vec![subject], observed: String::new() }
    }

    /// What counts of what a pass found, so long after the first.
    fn pass<'a>(
        watch: &mut Watch,
        found: &'a [Finding],
        first: Instant,
        later: Duration,
    ) -> Vec<&'a Finding> {
        watch.take(found, first + later);
        watch.standing(found, first + later)
    }

    #[test]
    fn what_one_list_of_the_records_proves_counts_at_once() {
        let (mut watch, first) = (Watch::default(), Instant::now());
        let found = [at(Code::NumberIssuedTwice, "x-0", "1")];
        assert_eq!(pass(&mut watch, &found, first, Duration::ZERO), vec![&found[0]]);
        assert_eq!(watch.questions(&found), Vec::<&Finding>::new());
        assert!(!watch.unsettled, "nothing is to come of it without a change");
    }

    #[test]
    fn what_is_a_matter_of_moments_counts_once_it_stayed_the_same_for_a_while() {
        let (mut watch, first) = (Watch::default(), Instant::now());
        let (old, new) = ([at(Code::StatusDiffers, "x-0", "1")], [at(Code::StatusDiffers, "x-0", "2")]);
        let none = Vec::<&Finding>::new();
        assert_eq!(pass(&mut watch, &old, first, Duration::ZERO), none);
        assert!(watch.unsettled, "it is looked at again although nothing changes");
        assert_eq!(pass(&mut watch, &old, first, SETTLE * 9 / 10), none);
        // The object changed, so that something is on its way again.
        assert_eq!(pass(&mut watch, &new, first, SETTLE), none);
        assert_eq!(pass(&mut watch, &new, first, SETTLE * 19 / 10), none);
        assert_eq!(pass(&mut watch, &new, first, SETTLE * 2), vec![&new[0]]);
        assert!(!watch.unsettled);
        // What went away in between begins anew.
        assert_eq!(pass(&mut watch, &[], first, SETTLE * 3), none);
        assert_eq!(pass(&mut watch, &new, first, SETTLE * 4), none);
    }

    #[test]
    fn what_a_status_tells_counts_once_a_live_read_shows_it_and_is_asked_for_until_then() {
        let (mut watch, first) = (Watch::default(), Instant::now());
        let found: Vec<_> = (0..=READS).map(|n| at(Code::RecordLost, &format!("x-{n}"), "1")).collect();
        let none = Vec::<&Finding>::new();
        assert_eq!(pass(&mut watch, &found, first, Duration::ZERO), none);
        assert!(watch.unsettled);
        let asked: Vec<_> = watch.questions(&found).into_iter().cloned().collect();
        assert_eq!(asked, found[..READS], "so many reads a pass");
        watch.confirmed.extend(asked);
        // The next pass asks for the rest, and time alone proves none of it.
        assert_eq!(pass(&mut watch, &found, first, SETTLE * 2), found[..READS].iter().collect::<Vec<_>>());
        assert_eq!(watch.questions(&found), vec![&found[READS]]);
        // At another revision it is another question.
        let changed = [at(Code::RecordLost, "x-0", "2")];
        assert_eq!(pass(&mut watch, &changed, first, SETTLE * 3), none);
        assert_eq!(watch.questions(&changed), vec![&changed[0]]);
        assert_eq!(watch.confirmed.len(), 0, "what is gone is forgotten");
    }

    #[test]
    fn what_breaks_an_invariant_is_said_once_until_it_is_gone() {
        let mut watch = Watch::default();
        let (broken, odd) = (at(Code::NumberIssuedTwice, "x-0", "1"), at(Code::RecordMayVanish, "x-1", "1"));
        let said = vec![(&broken, Invariant::Unique)];
        assert_eq!(watch.fresh(&[&broken, &odd], true), said, "what is odd is counted and not cried out");
        assert_eq!(watch.fresh(&[&broken, &odd], true), vec![]);
        let changed = at(Code::NumberIssuedTwice, "x-0", "2");
        assert_eq!(watch.fresh(&[&changed], true), vec![], "another revision is the same violation");
        assert_eq!(watch.fresh(&[], true), vec![]);
        assert_eq!(watch.fresh(&[&broken], true), said);
    }

    #[test]
    fn a_standby_says_in_its_log_what_is_cried_out_once_it_leads() {
        let mut watch = Watch::default();
        let broken = at(Code::NumberIssuedTwice, "x-0", "1");
        let said = vec![(&broken, Invariant::Unique)];
        for (leads, expected) in
            [(false, said.clone()), (false, vec![]), (true, said.clone()), (true, vec![]), (false, vec![])]
        {
            assert_eq!(watch.fresh(&[&broken], leads), expected, "leads: {leads}");
        }
    }
}
