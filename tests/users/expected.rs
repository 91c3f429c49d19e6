//! What has to be said of everything in the end, from the final manifests and the ledger: written from the README,
//! `docs/api.md` and the promises, without a call of the product's rules. Whether the ledger itself is sound is the
//! oracle's to say.

use std::collections::BTreeSet;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use crate::eligible::{self, Reasons};
use crate::mirror::Objects;
use crate::plan::Kind;
use crate::play::has_word;
use crate::said::{Answer, says, text};

/// The objects of one sequence, or of a whole cluster.
pub struct View<'o> {
    objects: &'o Objects,
    instances: Vec<(&'o str, &'o Value)>,
    requests: Vec<(&'o str, &'o Value)>,
    filings: Vec<(&'o str, &'o Value)>,
    records: Vec<(&'o str, &'o Value)>,
    now: Timestamp,
}

impl<'o> View<'o> {
    /// The objects whose names have this word in them.
    pub fn of(objects: &'o Objects, token: &str, now: Timestamp) -> Self {
        let all = |kind| objects.all(kind, "").filter(|(name, _)| has_word(name, token)).collect();
        Self {
            objects,
            instances: all(Kind::Instance),
            requests: all(Kind::Request),
            filings: all(Kind::Filing),
            records: all(Kind::Record),
            now,
        }
    }

    /// Everything that is not said as it has to be.
    pub fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut check = |kind: Kind, name: &str, object: &Value, answer: &Answer| {
            if let Err(why) = says(object, answer) {
                wrong.push(format!("{kind:?} {name} has to be {answer:?} and {why}"));
            }
        };
        for (name, instance) in &self.instances {
            check(Kind::Instance, name, instance, &self.instance(instance));
        }
        for (name, request) in &self.requests {
            check(Kind::Request, name, request, &self.request(request));
        }
        for (name, filing) in &self.filings {
            check(Kind::Filing, name, filing, &self.filing(filing));
        }
        wrong.extend(self.instances.iter().filter_map(|(name, instance)| self.counted(name, instance)));
        wrong.extend(self.requests.iter().filter_map(|(name, request)| self.shown(name, request)));
        wrong.extend(self.filings.iter().filter_map(|(name, filing)| self.held(name, filing)));
        // A draft that is gone holds no number.
        for (name, record) in &self.records {
            let holder = &record["spec"]["filing"];
            let there = self.filings.iter().any(|(_, filing)| filing["metadata"]["uid"] == holder["uid"]);
            if record["spec"]["state"] == "InUse" && !there {
                wrong.push(format!("{name} is held by {holder}, which is gone"));
            }
        }
        wrong
    }

    /// Why an instance does not qualify.
    fn unqualified(&self, instance: &Value) -> Reasons {
        let meta = &instance["metadata"];
        // Declared in the same second, the namespace that comes first is served.
        let older = self
            .twins(text(instance, "/metadata/name"))
            .any(|twin| twin["metadata"]["namespace"] != meta["namespace"] && age(twin) < age(instance));
        eligible::reasons(instance, self.class_of(instance), older, self.now)
    }

    fn instance(&self, instance: &Value) -> Answer {
        let reasons = self.unqualified(instance);
        if reasons.is_empty() { Answer::Ready("Eligible") } else { Answer::Stalled(reasons) }
    }

    fn request(&self, request: &Value) -> Answer {
        let spec = &request["spec"];
        let instance = text(request, "/spec/instanceRef/name");
        let Some((_, record)) = self.issued_to("ServiceNumberRequest", request, instance) else {
            return match self.refused(request, instance) {
                reasons if reasons.is_empty() => Answer::Unfinished("no number was issued"),
                reasons => Answer::Stalled(reasons),
            };
        };
        let same = |term: &str| spec[term] == record["spec"][term];
        if !same("accountID") || !same("filingAccountID") {
            return Answer::Stalled(Reasons::from(["ClaimDiffers"]));
        }
        Answer::Ready(state(record))
    }

    /// Why a claim that has no number gets none.
    fn refused(&self, claim: &Value, server: &str) -> Reasons {
        let own = |i: &&Value| i["metadata"]["namespace"] == claim["metadata"]["namespace"];
        let Some(instance) = self.twins(server).find(own) else {
            return Reasons::from(["InstanceNotFound"]);
        };
        let mut reasons = self.unqualified(instance);
        if claim["spec"]["accountID"] != instance["spec"]["accountID"] {
            reasons.insert("WrongAccount");
        }
        let Some(class) = self.class_of(instance) else { return reasons };
        if class["spec"]["suspend"] == true {
            reasons.insert("IssuingSuspended");
        }
        let slots = self.slots(instance, class);
        let issued = u64::try_from(slots.len()).unwrap_or(0);
        if slots.iter().max().is_some_and(|last| last + 1 != issued) {
            reasons.insert("LedgerIncomplete");
        } else if issued >= class["spec"]["quota"].as_u64().unwrap_or(0) {
            reasons.insert("QuotaExhausted");
        }
        reasons
    }

    fn filing(&self, filing: &Value) -> Answer {
        let (namespace, name) = (text(filing, "/metadata/namespace"), text(filing, "/metadata/name"));
        let bound: Vec<_> = self
            .records
            .iter()
            .filter(|(_, record)| {
                let holder = &record["spec"]["filing"];
                holder["namespace"] == namespace
                    && holder["name"] == name
                    && holder["domain"] == filing["spec"]["website"]["domain"]
            })
            .collect();
        // Submitted once, for this namespace, name and domain for ever, whatever the manifest says now.
        if let Some((record_name, record)) = bound.iter().find(|(_, r)| !r["spec"]["submittedTime"].is_null())
        {
            return reviewed(filing, record_name, record);
        }
        let own = |record: &Value| record["spec"]["filing"]["uid"] == filing["metadata"]["uid"];
        if let Some((_, record)) = bound.iter().find(|(_, record)| own(record)) {
            return self.draft(filing, record);
        }
        match self.source(filing) {
            Err(reasons) => Answer::Stalled(reasons),
            Ok((_, record)) => match barred(filing, record) {
                reasons if reasons.is_empty() => Answer::Unfinished("its number is not bound"),
                reasons => Answer::Stalled(reasons),
            },
        }
    }

    /// A number is bound to a filing and not submitted.
    fn draft(&self, filing: &Value, record: &Value) -> Answer {
        if filing["spec"]["submit"] != true {
            return Answer::Ready("Bound");
        }
        let declared = self.twins(text(record, "/spec/instanceName"));
        let declared = declared.filter(|i| i["spec"]["accountID"] == record["spec"]["accountID"]);
        let void: Vec<_> = declared.map(|instance| eligible::void(instance, self.now)).collect();
        if void.is_empty() {
            Answer::Stalled(Reasons::from(["InstanceNotFound"]))
        } else if void.iter().any(BTreeSet::is_empty) {
            Answer::Unfinished("it is not submitted")
        } else {
            Answer::Stalled(void.into_iter().flatten().collect())
        }
    }

    /// The record that the source of a filing stands for, or why there is none.
    pub fn source(&self, filing: &Value) -> Result<(&'o str, &'o Value), Reasons> {
        let source = &filing["spec"]["source"];
        if let Some(number) = source["serviceNumber"].as_str() {
            let number = number.to_lowercase();
            let record = self.records.iter().find(|(_, record)| record["spec"]["number"] == *number);
            return record.copied().ok_or(Reasons::from(["NumberNotFound"]));
        }
        if let Some(name) = source["requestRef"]["name"].as_str() {
            let key = format!("{}/{name}", text(filing, "/metadata/namespace"));
            let Some(request) = self.objects.get(Kind::Request, &key) else {
                return Err(Reasons::from(["RequestNotFound"]));
            };
            let instance = text(request, "/spec/instanceRef/name");
            let record = self.issued_to("ServiceNumberRequest", request, instance);
            return record.ok_or(Reasons::from(["RequestNotReady"]));
        }
        let instance = text(filing, "/spec/source/instanceRef/name");
        self.issued_to("Filing", filing, instance).ok_or_else(|| self.refused(filing, instance))
    }

    /// An instance counts the records of its key, and lists those that no filing uses.
    fn counted(&self, name: &str, instance: &Value) -> Option<String> {
        let quota = &instance["status"]["quota"];
        let Some(class) = self.class_of(instance) else {
            return (!quota.is_null()).then(|| format!("{name} counts without a class"));
        };
        let key = key(instance, class);
        let states: Vec<_> =
            self.records.iter().filter(|(_, r)| key_of(r) == key).map(|(_, r)| state(r)).collect();
        let count = |of: &[&str]| states.iter().filter(|state| of.contains(state)).count();
        let limit = class["spec"]["quota"].as_u64().unwrap_or(0);
        let issued = u64::try_from(states.len()).unwrap_or(0);
        let due = json!({
            "limit": limit, "issued": issued, "available": limit.saturating_sub(issued),
            "inUse": count(&["InUse", "Submitted"]), "consumed": count(&["Consumed", "Cancelled"]),
        });
        if *quota != due {
            return Some(format!("{name} counts {quota} and has to count {due}"));
        }
        let unused = self.records.iter().filter(|(_, record)| {
            state(record) == "Issued"
                && record["spec"]["instanceName"] == instance["metadata"]["name"]
                && record["spec"]["claim"]["namespace"] == instance["metadata"]["namespace"]
        });
        let due: BTreeSet<_> = unused.map(|(name, _)| *name).collect();
        let listed = instance["status"]["unusedNumbers"].as_array();
        let listed: BTreeSet<_> =
            listed.into_iter().flatten().map(|unused| text(unused, "/recordName")).collect();
        (listed != due).then(|| format!("{name} lists {listed:?} as unused and has to list {due:?}"))
    }

    /// A request shows its record as it is, and none that is not its own.
    fn shown(&self, name: &str, request: &Value) -> Option<String> {
        let status = &request["status"];
        let instance = text(request, "/spec/instanceRef/name");
        let issued = self.issued_to("ServiceNumberRequest", request, instance);
        let ready = matches!(self.request(request), Answer::Ready(_));
        let due = match issued.filter(|_| ready) {
            None => json!({}),
            Some((record_name, record)) => {
                let holder = &record["spec"]["filing"];
                let own = holder["namespace"] == request["metadata"]["namespace"];
                json!({
                    "recordName": record_name, "serviceNumber": record["spec"]["number"],
                    "issuedTime": record["spec"]["issuedTime"], "state": record["spec"]["state"],
                    "usedBy": if own || holder.is_null() { holder["name"].clone() } else { json!("(another namespace)") },
                })
            }
        };
        let fields = ["recordName", "serviceNumber", "issuedTime", "state", "usedBy"];
        let untrue = fields.into_iter().find(|field| status[*field] != due[*field])?;
        Some(format!("{name} says {untrue} {} and has to say {}", status[untrue], due[untrue]))
    }

    /// A filing shows the record that is bound to it as it is.
    fn held(&self, name: &str, filing: &Value) -> Option<String> {
        let (meta, status) = (&filing["metadata"], &filing["status"]);
        let bound = self.records.iter().find(|(_, record)| {
            let holder = &record["spec"]["filing"];
            let submitted = !record["spec"]["submittedTime"].is_null();
            holder["namespace"] == meta["namespace"]
                && holder["name"] == meta["name"]
                && holder["domain"] == filing["spec"]["website"]["domain"]
                && (submitted || holder["uid"] == meta["uid"])
        });
        let due = bound.map_or(json!({}), |(record_name, record)| {
            let spec = &record["spec"];
            json!({
                "recordName": record_name, "serviceNumber": spec["number"],
                "submittedTime": spec["submittedTime"], "completedTime": spec["consumedTime"],
                "icpNumber": spec["icpNumber"],
            })
        });
        let fields = ["recordName", "serviceNumber", "submittedTime", "completedTime", "icpNumber"];
        let untrue = fields.into_iter().find(|field| status[*field] != due[*field])?;
        Some(format!("{name} says {untrue} {} and has to say {}", status[untrue], due[untrue]))
    }

    fn class_of(&self, instance: &Value) -> Option<&'o Value> {
        self.objects.get(Kind::Class, text(instance, "/spec/className"))
    }

    fn twins(&self, name: &str) -> impl Iterator<Item = &'o Value> {
        self.instances.iter().map(|(_, instance)| *instance).filter(move |i| i["metadata"]["name"] == name)
    }

    fn issued_to(&self, kind: &str, claimant: &Value, instance: &str) -> Option<(&'o str, &'o Value)> {
        let meta = &claimant["metadata"];
        let claim = json!({"kind": kind, "namespace": meta["namespace"], "name": meta["name"]});
        let own =
            |record: &Value| record["spec"]["claim"] == claim && record["spec"]["instanceName"] == instance;
        self.records.iter().copied().find(|(_, record)| own(record))
    }

    fn slots(&self, instance: &Value, class: &Value) -> Vec<u64> {
        let key = key(instance, class);
        let records = self.records.iter().filter(|(_, record)| key_of(record) == key);
        records.filter_map(|(_, record)| record["spec"]["slot"].as_u64()).collect()
    }
}

/// Why a filing may not use the record that its source stands for.
fn barred(filing: &Value, record: &Value) -> Reasons {
    let (spec, holder) = (&record["spec"], &record["spec"]["filing"]);
    let mut reasons = Reasons::new();
    let files = &filing["spec"]["accountID"];
    let owner = *files == spec["accountID"];
    let source = &filing["spec"]["source"];
    let may = match spec["filingAccountID"].as_str() {
        _ if source["instanceRef"].is_object() => owner,
        Some(granted) => owner || files == granted,
        // Whoever holds a number that is granted to nobody may use it.
        None => owner || source["serviceNumber"].is_string(),
    };
    if !may {
        reasons.insert("WrongAccount");
    }
    let meta = &filing["metadata"];
    let submitted = !spec["submittedTime"].is_null();
    match holder.is_object() {
        true if holder["namespace"] == meta["namespace"] && holder["name"] == meta["name"] => {
            if submitted {
                reasons.insert("DomainDiffers");
            }
        }
        true => {
            reasons.insert(if submitted { "NumberSpent" } else { "NumberInUse" });
        }
        false => {}
    }
    reasons
}

/// Where a submitted filing stands.
fn reviewed(filing: &Value, record_name: &str, record: &Value) -> Answer {
    let review = &filing["status"]["review"];
    let word = if review["recordName"] == record_name { text(review, "/state") } else { "" };
    let stalled = |reason| Answer::Stalled(Reasons::from([reason]));
    match (state(record), word) {
        ("Consumed", "Cancelled") | ("Cancelled", "Approved") => stalled("OutcomeDiffers"),
        ("Consumed", "Approved") if review["icpNumber"] != record["spec"]["icpNumber"] => {
            stalled("OutcomeDiffers")
        }
        ("Consumed", _) => Answer::Ready("Completed"),
        ("Cancelled", _) => stalled("Cancelled"),
        (_, "Approved" | "Cancelled") => Answer::Unfinished("its outcome is not recorded"),
        (_, "Rejected") => stalled("Rejected"),
        _ => Answer::Ready("Submitted"),
    }
}

fn age(instance: &Value) -> (&str, &str) {
    (text(instance, "/metadata/creationTimestamp"), text(instance, "/metadata/namespace"))
}

fn key(instance: &Value, class: &Value) -> (String, String) {
    let spec = &instance["spec"];
    if class["spec"]["quotaScope"] == "Account" {
        (text(spec, "/className").to_owned(), text(spec, "/accountID").to_owned())
    } else {
        (text(instance, "/metadata/name").to_owned(), String::new())
    }
}

fn key_of(record: &Value) -> (String, String) {
    let spec = &record["spec"];
    if spec["quotaScope"] == "Account" {
        (text(spec, "/className").to_owned(), text(spec, "/accountID").to_owned())
    } else {
        (text(spec, "/instanceName").to_owned(), String::new())
    }
}

/// What became of a number, from its facts.
fn state(record: &Value) -> &'static str {
    let has = |fact: &str| !record["spec"][fact].is_null();
    match () {
        () if has("consumedTime") => "Consumed",
        () if has("cancelledTime") => "Cancelled",
        () if has("submittedTime") => "Submitted",
        () if has("filing") => "InUse",
        () => "Issued",
    }
}
