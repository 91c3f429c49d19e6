//! One sequence of random requests, played to both, and the comparison of all that comes back. A difference ends
//! it, with every request that led there.

use std::collections::{BTreeMap, HashMap};

use icp_filing_operator::rules::world::ObjectKey;
use serde_json::{Value, json};

use crate::{
    ask::{self, Ask, KINDS, Revision, What},
    caller::LATE_FINALIZER,
    play,
    reply::{MALFORMED, Reply, differences},
    rng::Rng,
    server::{Event, Server, is_of},
    store::Store,
};

/// How often which answer was given to what.
pub type Tally = BTreeMap<(&'static str, &'static str), u64>;

/// A sequence, and what both sides call the same things.
pub struct Sequence {
    seed: u64,
    pub prefix: String,
    store: Store,
    rng: Rng,
    /// Revisions of the model, in numbers, and of the real server.
    revisions: BTreeMap<u64, String>,
    uids: BTreeMap<String, String>,
    /// The revisions that an object went through, as the model counts.
    history: HashMap<ObjectKey, Vec<String>>,
    trace: Vec<String>,
}

impl Sequence {
    pub fn new(seed: u64, prefix: String) -> Self {
        Self {
            seed,
            prefix,
            store: Store::new("2026-03-01T00:00:00Z".parse().expect("a timestamp")),
            rng: Rng::new(seed),
            revisions: BTreeMap::new(),
            uids: BTreeMap::new(),
            history: HashMap::new(),
            trace: Vec::new(),
        }
    }

    /// Plays that many requests, or up to the first difference.
    pub async fn play(&mut self, server: &Server, steps: usize, tally: &mut Tally) -> Result<(), String> {
        for _ in 0..steps {
            let mut ask = ask::draw(&mut self.rng, &self.prefix);
            for _ in 0..3 {
                // Little is to be seen of what is not there.
                let key = ObjectKey::new(server.namespace(ask.kind), &ask.name);
                let there = play::current(&self.store, ask.kind, &key).is_some();
                if there != matches!(ask.what, What::Create(_)) {
                    break;
                }
                ask = ask::draw(&mut self.rng, &self.prefix);
            }
            self.step(server, &ask, tally).await.map_err(|difference| self.explain(&difference))?;
        }
        for kind in KINDS {
            let mut ours = play::listed(&self.store, kind);
            let real = server.listed(kind, &self.prefix).await;
            self.same_objects(&mut ours, &real).map_err(|d| self.explain(&format!("list of {kind}: {d}")))?;
        }
        Ok(())
    }

    fn explain(&self, difference: &str) -> String {
        format!("seed {}: {difference}\n  after\n  {}", self.seed, self.trace.join("\n  "))
    }

    async fn step(&mut self, server: &Server, ask: &Ask, tally: &mut Tally) -> Result<(), String> {
        let Ask { who, kind, name, what } = ask;
        let key = ObjectKey::new(server.namespace(kind), name);
        let revision = self.revision(kind, &key, what);
        let (ours, real) = revision.map_or((None, None), |(ours, real)| (Some(ours), Some(real)));
        let ours = play::ask(&mut self.store, *who, kind, &key, what, ours.as_deref());
        let real = server.ask(*who, kind, name, what, real.as_deref()).await;
        self.trace.push(format!("{who:?} {kind} {name} {what}: {}", ours.brief()));
        *tally.entry((verb(what), class(&real))).or_default() += 1;
        if let Reply::Done(Some(object)) = &ours
            && let Some(revision) = object["metadata"]["resourceVersion"].as_str()
        {
            let history = self.history.entry(key).or_default();
            if history.last().is_none_or(|last| last != revision) {
                history.push(revision.to_owned());
            }
        }
        self.same(&ours, &real)
            .map_err(|why| format!("{why}\n  model: {}\n  real:  {}", ours.brief(), real.brief()))
    }

    /// The revision that a request carries, as each side has it.
    fn revision(&mut self, kind: &str, key: &ObjectKey, what: &What) -> Option<(String, String)> {
        let (What::Patch(carried, _) | What::PatchStatus(carried, _) | What::WriteStatus(carried, _)) = what
        else {
            return None;
        };
        let current = play::current(&self.store, kind, key);
        let ours = match carried {
            Revision::None => return None,
            Revision::Current => current?,
            Revision::Other => {
                let own = self.history.get(key).into_iter().flatten().cloned();
                let all = self.revisions.keys().map(u64::to_string);
                let others: Vec<_> = own.chain(all).filter(|r| Some(r) != current.as_ref()).collect();
                if others.is_empty() {
                    return Some(("999999".to_owned(), "1".to_owned()));
                }
                self.rng.pick(&others).clone()
            }
        };
        let real = self.revisions.get(&number(&ours)).cloned()?;
        Some((ours, real))
    }

    fn same(&mut self, ours: &Reply, real: &Reply) -> Result<(), String> {
        let every = |ours: &[String], real: &[String]| {
            let said = |rule: &String| real.iter().any(|cause| cause.contains(rule.as_str()));
            // These are said once for each field, or twice of one.
            let repeated = ours.len() == 1 && [MALFORMED, LATE_FINALIZER].contains(&ours[0].as_str());
            let no_others = if repeated {
                real.iter().all(|cause| cause.contains(ours[0].as_str()))
            } else {
                ours.len() == real.len()
            };
            if ours.iter().all(said) && no_others { Ok(()) } else { Err("other rules".to_owned()) }
        };
        match (ours, real) {
            (Reply::Done(Some(ours)), Reply::Done(Some(real))) => self.same_object(ours, real),
            (Reply::Forbidden(ours), Reply::Forbidden(real)) => {
                let text = real.join(" ");
                let same = if ours.is_empty() {
                    text.contains("cannot")
                } else {
                    ours.iter().any(|policy| text.contains(policy))
                };
                if same { Ok(()) } else { Err("another policy".to_owned()) }
            }
            (Reply::Invalid(ours), Reply::Invalid(real)) => every(ours, real),
            _ if ours == real => Ok(()),
            _ => Err("another answer".to_owned()),
        }
    }

    /// Compares two objects, by what either side calls uids and revisions.
    fn same_object(&mut self, ours: &Value, real: &Value) -> Result<(), String> {
        let mut ours = ours.clone();
        if let Some(uid) = ours["metadata"]["uid"].as_str() {
            let theirs = real["metadata"]["uid"].as_str().unwrap_or_default();
            let same = self.uids.entry(uid.to_owned()).or_insert_with(|| theirs.to_owned());
            ours["metadata"]["uid"] = json!(same);
        }
        if let Some(revision) = ours["metadata"]["resourceVersion"].as_str() {
            let theirs = real["metadata"]["resourceVersion"].as_str().unwrap_or_default();
            let same = self.revisions.entry(number(revision)).or_insert_with(|| theirs.to_owned());
            ours["metadata"]["resourceVersion"] = json!(same);
        }
        if ours != *real {
            return Err(format!("another object: {}", differences("", &ours, real)));
        }
        let real: Vec<_> = self.revisions.values().map(|r| number(r)).collect();
        if !real.is_sorted_by(|a, b| a < b) {
            return Err(format!("revisions in another order: {:?}", self.revisions));
        }
        let mut uids: Vec<_> = self.uids.values().collect();
        uids.sort_unstable();
        if uids.is_sorted_by(|a, b| a < b) { Ok(()) } else { Err(format!("uids: {:?}", self.uids)) }
    }

    fn same_objects(&mut self, ours: &mut [Value], real: &[Value]) -> Result<(), String> {
        let name = |o: &Value| o["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        ours.sort_by_key(name);
        let mut real = real.to_vec();
        real.sort_by_key(name);
        if ours.len() != real.len() {
            return Err(format!("others\n  model: {ours:?}\n  real:  {real:?}"));
        }
        ours.iter().zip(&real).try_for_each(|(ours, real)| self.same_object(ours, real))
    }

    /// Compares what the watches of both sides showed, in its order.
    pub fn same_events(&mut self, shown: &[(&'static str, Vec<Event>)]) -> Result<(), String> {
        for (kind, events) in shown {
            let ours = play::watched(&self.store, kind);
            let real: Vec<_> = events.iter().filter(|(_, o)| is_of(o, &self.prefix)).collect();
            for (at, ((what, object), (really, real))) in ours.iter().zip(&real).enumerate() {
                let same = if what == really { self.same_object(object, real) } else { Err(String::new()) };
                same.map_err(|why| {
                    let name = &object["metadata"]["name"];
                    self.explain(&format!("event {at} of {kind} {name}: {what}, {really}; {why}"))
                })?;
            }
            if ours.len() != real.len() {
                let text = format!("{} events of {kind} in the model, {} in truth", ours.len(), real.len());
                return Err(self.explain(&text));
            }
        }
        Ok(())
    }

    /// How many events there were.
    pub fn events(&self) -> usize {
        KINDS.iter().map(|kind| play::watched(&self.store, kind).len()).sum()
    }
}

fn number(revision: &str) -> u64 {
    revision.parse().expect("a revision in numbers")
}

fn verb(what: &What) -> &'static str {
    match what {
        What::Create(_) => "create",
        What::Patch(..) => "patch",
        What::PatchStatus(..) => "patch status",
        What::WriteStatus(..) => "apply status",
        What::Delete => "delete",
        What::Get => "get",
    }
}

fn class(reply: &Reply) -> &'static str {
    match reply {
        Reply::Done(_) => "done",
        Reply::NotFound => "not found",
        Reply::AlreadyExists => "already exists",
        Reply::Conflict => "conflict",
        Reply::Forbidden(_) => "forbidden",
        Reply::Invalid(_) => "invalid",
        Reply::Other(_) => "other",
    }
}
