//! The oracle can fail: a good history is sound, and each way of violating an invariant is found.

use serde_json::{Value, json};

use super::judge::Judge;
use crate::history::Change;
use crate::objects;

/// A history that grows by changes of objects.
#[derive(Default)]
struct History {
    judge: Judge,
    revision: u64,
}

impl History {
    /// One in which class `ecs` declared a quota of five and slot 0 of `i-1` was issued.
    fn begun() -> Self {
        let mut history = Self::default();
        history.class(5);
        history.record("instance.i-1-0", &json!({"number": "n-0"}));
        history
    }

    fn put(&mut self, resource: &str, name: &str, object: Option<Value>) {
        self.revision += 1;
        let (resource, name) = (resource.to_owned(), name.to_owned());
        self.judge.take(&Change { revision: self.revision, resource, name, object });
    }

    fn class(&mut self, quota: i64) {
        self.put("instanceclasses", "ecs", Some(json!({"spec": {"quota": quota}})));
    }

    /// A record of `i-1`, changed as said.
    fn record(&mut self, name: &str, change: &Value) {
        let slot = name.rsplit('-').next().and_then(|slot| slot.parse().ok()).unwrap_or_default();
        let mut record = objects::record("i-1", slot);
        objects::merge(&mut record["spec"], change);
        self.put("servicenumbers", name, Some(record));
    }

    /// The number in slot 0, as it stands after these changes.
    fn lives(&mut self, changes: &[Value]) {
        for change in changes {
            let mut all = json!({"number": "n-0"});
            objects::merge(&mut all, change);
            self.record("instance.i-1-0", &all);
        }
    }

    fn filing(&mut self, name: &str, record: &str) {
        let review = json!({"recordName": record, "state": "InReview"});
        let filing = json!({"spec": {"website": {"domain": "a.cn"}}, "status": {"review": review}});
        self.put("filings", name, Some(filing));
    }

    #[track_caller]
    fn is_sound(&self) {
        assert_eq!(self.judge.violations, Vec::<String>::new());
    }

    #[track_caller]
    fn is_wrong(&self, why: &str) {
        let found = self.judge.violations.iter().any(|violation| violation.contains(why));
        assert!(found, "no {why:?} in {:?}", self.judge.violations);
    }
}

fn bound(domain: &str) -> Value {
    let filing = json!({"namespace": "a", "name": "shop", "uid": "u", "domain": domain});
    json!({"state": "InUse", "filing": filing})
}

fn submitted(domain: &str) -> Value {
    let mut record = bound(domain);
    objects::merge(&mut record, &json!({"state": "Submitted", "submittedTime": "2026-02-01T00:00:00Z"}));
    record
}

fn consumed(icp_number: &str) -> Value {
    let mut record = submitted("a.cn");
    let end = json!({"state": "Consumed", "consumedTime": "2026-03-01T00:00:00Z", "icpNumber": icp_number});
    objects::merge(&mut record, &end);
    record
}

fn cancelled() -> Value {
    let mut record = submitted("a.cn");
    objects::merge(&mut record, &json!({"state": "Cancelled", "cancelledTime": "2026-03-01T00:00:00Z"}));
    record
}

#[test]
fn a_good_history_is_sound() {
    let mut history = History::begun();
    history.class(2);
    // Issued with a quota that was declared before, as an operator may that has not seen the new one.
    history.record("instance.i-1-4", &json!({"number": "n-4"}));
    history.record("instance.i-1-1", &json!({"number": "n-1", "quota": 2}));
    history.lives(&[bound("a.cn"), json!({}), bound("b.cn"), json!({}), bound("a.cn"), submitted("a.cn")]);
    history.filing("a/shop", "instance.i-1-0");
    history.lives(&[consumed("1"), consumed("1")]);
    history.put("filings", "a/shop", None);
    history.put("instanceclasses", "ecs", None);
    history.is_sound();
}

#[test]
fn unique() {
    let mut history = History::begun();
    history.record("instance.i-1-1", &json!({"number": "n-0"}));
    history.is_wrong("the number is that of");
    // Also where the first record with it is gone.
    let mut history = History::begun();
    history.put("servicenumbers", "instance.i-1-0", None);
    history.record("instance.i-1-1", &json!({"number": "n-0"}));
    history.is_wrong("the number is that of");
}

#[test]
fn within_quota() {
    let mut history = History::begun();
    history.record("instance.i-1-5", &json!({"number": "n-5"}));
    history.is_wrong("not within the quota");
    let mut history = History::begun();
    history.record("instance.i-1-5", &json!({"number": "n-5", "quota": 6}));
    history.is_wrong("never declared");
    // A quota that is declared only later counts for nothing.
    history.class(6);
    history.is_wrong("never declared");
    let mut history = History::begun();
    history.record("instance.i-1-0-again-0", &json!({"number": "n-1"}));
    history.is_wrong("it is in slot");
    history.is_wrong("the slot is that of");
}

#[test]
fn one_per_claim() {
    let mut history = History::begun();
    let claim = json!({"kind": "ServiceNumberRequest", "namespace": "nowhere", "name": "i-1-0"});
    history.record("instance.i-1-1", &json!({"number": "n-1", "claim": claim}));
    history.is_wrong("the claim has");
}

#[test]
fn one_filing_per_number() {
    let wrong: &[(&[Value], &str)] = &[
        (&[bound("a.cn"), bound("b.cn")], "from one filing to another"),
        (&[bound("a.cn"), submitted("a.cn"), submitted("b.cn")], "its submission changed"),
        (&[submitted("a.cn")], "bound and submitted in one write"),
    ];
    for (life, why) in wrong {
        let mut history = History::begun();
        history.lives(life);
        history.is_wrong(why);
    }
    let mut history = History::begun();
    history.lives(&[bound("a.cn"), submitted("a.cn")]);
    for mut life in [bound("a.cn"), submitted("a.cn")] {
        life["number"] = json!("n-1");
        history.record("instance.i-1-1", &life);
    }
    history.is_wrong("the filing was submitted with");
}

#[test]
fn no_review_without_a_submission() {
    let mut history = History::begun();
    history.filing("a/shop", "instance.i-1-0");
    history.is_wrong("not submitted to it");
    let mut history = History::begun();
    history.lives(&[bound("a.cn")]);
    history.filing("a/shop", "instance.i-1-0");
    history.is_wrong("not submitted to it");
    let mut history = History::begun();
    history.lives(&[bound("a.cn"), submitted("a.cn")]);
    history.filing("b/shop", "instance.i-1-0");
    history.is_wrong("not submitted to it");
    let mut history = History::begun();
    history.lives(&[bound("a.cn"), submitted("a.cn")]);
    history.filing("a/shop", "instance.i-1-1");
    history.is_wrong("not submitted to it");
}

#[test]
fn one_way() {
    let wrong: &[(&[Value], &str)] = &[
        (&[bound("a.cn"), submitted("a.cn"), bound("a.cn")], "from Submitted to InUse"),
        (&[bound("a.cn"), submitted("a.cn"), json!({})], "from Submitted to Issued"),
        (&[bound("a.cn"), submitted("a.cn"), consumed("1"), submitted("a.cn")], "from Consumed to Submitted"),
        (&[bound("a.cn"), submitted("a.cn"), consumed("1"), consumed("2")], "its end changed"),
        (&[bound("a.cn"), submitted("a.cn"), consumed("1"), cancelled()], "from Consumed to Cancelled"),
        (&[bound("a.cn"), consumed("1")], "from InUse to Consumed"),
        (&[json!({"accountID": "2002"})], "what was issued changed"),
        (&[json!({"number": "n-9"})], "what was issued changed"),
        (&[json!({"state": "InUse"})], "the facts say"),
    ];
    for (life, why) in wrong {
        let mut history = History::begun();
        history.lives(life);
        history.is_wrong(why);
    }
    let mut history = History::begun();
    history.put("servicenumbers", "instance.i-1-0", None);
    history.is_wrong("deleted");
    let mut history = History::begun();
    let mut born = submitted("a.cn");
    born["number"] = json!("n-1");
    history.record("instance.i-1-1", &born);
    history.is_wrong("was issued Submitted");
}

#[test]
fn nobody_is_told_a_number_of_another() {
    let tell =
        |number: &str| json!({"spec": {"website": {"domain": "a.cn"}}, "status": {"serviceNumber": number}});
    let list = |number: &str| json!({"status": {"unusedNumbers": [{"serviceNumber": number}]}});
    let mut history = History::begun();
    history.lives(&[bound("a.cn"), json!({})]);
    history.put("servicenumberrequests", "nowhere/i-1-0", Some(tell("n-0")));
    history.put("filings", "a/shop", Some(tell("n-0")));
    history.put("instances", "nowhere/i-1", Some(list("n-0")));
    history.put("servicenumberrequests", "nowhere/other", Some(tell("nobody's")));
    history.is_sound();
    for (resource, name, object) in [
        ("servicenumberrequests", "nowhere/other", tell("n-0")),
        ("servicenumberrequests", "a/i-1-0", tell("n-0")),
        ("filings", "nowhere/i-1-0", tell("n-0")),
        ("filings", "a/other", tell("n-0")),
        ("instances", "a/i-1", list("n-0")),
    ] {
        let mut history = History::begun();
        history.lives(&[bound("a.cn")]);
        history.put(resource, name, Some(object));
        history.is_wrong("the number of instance.i-1-0");
    }
}
