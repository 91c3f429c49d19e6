//! Instances and classes against the records. What a quota was when a number was issued cannot be known from how
//! things stand, so it is not judged.

use std::collections::BTreeMap;

use super::{Code, Finding, Subject, index::Index};
use crate::{
    api::{Instance, NumberState, QuotaScope, ServiceNumber},
    rules::{issue, kept::Kept, key::Key, kind::Kind, life, snapshot::Snapshot},
};

pub(super) fn judge(snapshot: &Snapshot, index: &Index<'_>, found: &mut Vec<Finding>) {
    // Whoever sees one namespace does not know where else a server is declared.
    if let Some(declared) = index.instances.as_ref().filter(|_| index.sees_all()) {
        twice(declared, found);
        undeclared(declared, index, found);
        for (name, instances) in declared {
            redeclared(name, instances, index, found);
        }
    }
    if snapshot.classes.is_some() {
        classes(index, found);
    }
}

fn is_spent(record: &Kept<ServiceNumber>) -> bool {
    life::state_of(&record.spec) > NumberState::Submitted
}

fn twice(declared: &BTreeMap<&str, Vec<&Kept<Instance>>>, found: &mut Vec<Finding>) {
    for (name, instances) in declared.iter().filter(|(_, instances)| instances.len() > 1) {
        let observed = format!("{name} is declared in {} namespaces", instances.len());
        found.push(Finding::new(Code::InstanceDeclaredTwice, Subject::all(instances), observed));
    }
}

fn undeclared(declared: &BTreeMap<&str, Vec<&Kept<Instance>>>, index: &Index<'_>, found: &mut Vec<Finding>) {
    for all in index.by_instance.groups() {
        let name = all[0].spec.instance_name.as_str();
        let unspent: Vec<_> = all.iter().copied().filter(|r| !is_spent(r)).collect();
        // One that cannot be read may be declared in the namespace of any claim.
        let hidden = all.iter().any(|r| index.is_hidden(Kind::Instance, (&r.spec.claim.namespace, name)));
        if !unspent.is_empty() && !declared.contains_key(name) && !hidden {
            let observed = format!("instance {name} is declared nowhere");
            found.push(Finding::new(Code::InstanceGone, Subject::all(&unspent), observed));
        }
    }
}

fn redeclared(name: &str, instances: &[&Kept<Instance>], index: &Index<'_>, found: &mut Vec<Finding>) {
    let issued = index.issued_on(name);
    let Some(first) = issued.first() else { return };
    let key = Key::of_record(&first.spec);
    // Under two keys already: that is said in `records`.
    if issued.iter().any(|r| Key::of_record(&r.spec) != key) {
        return;
    }
    for instance in instances {
        let class = index.classes.as_ref().and_then(|classes| classes.get(instance.spec.class_name.as_str()));
        let Some(class) = class else { continue };
        let now = issue::key_of(instance, class);
        let account = instance.spec.account_id != first.spec.account_id;
        if now != key || account {
            let under =
                if now == key { format!("account {}", instance.spec.account_id) } else { now.to_string() };
            let observed = format!(
                "declared under {under}; its numbers were issued under {key}, account {}",
                first.spec.account_id
            );
            let subjects = Subject::all(issued).chain([Subject::of(*instance)]);
            found.push(Finding::new(Code::InstanceRedeclared, subjects, observed));
        }
    }
}

fn classes(index: &Index<'_>, found: &mut Vec<Finding>) {
    let classes = index.classes.as_ref();
    let mut gone: BTreeMap<&str, Vec<&Kept<ServiceNumber>>> = BTreeMap::new();
    for issued in index.by_key.groups() {
        for record in issued.iter().filter(|r| !is_spent(r)) {
            let name = record.spec.class_name.as_str();
            if classes.is_some_and(|c| !c.contains_key(name))
                && !index.is_hidden(Kind::InstanceClass, ("", name))
            {
                gone.entry(name).or_default().push(record);
            }
        }
        below(issued, index, found);
    }
    for (name, unspent) in gone {
        let observed = format!("class {name} does not exist");
        found.push(Finding::new(Code::ClassGone, Subject::all(&unspent), observed));
    }
}

/// A class that declares less than what was issued on a key.
fn below(issued: &[&Kept<ServiceNumber>], index: &Index<'_>, found: &mut Vec<Finding>) {
    let Some(last) = issued.iter().max_by_key(|r| r.spec.slot) else { return };
    // An instance may have been declared anew under another class, whose quota then holds for its key.
    let declared = index.instances.as_ref().and_then(|all| all.get(last.spec.instance_name.as_str()));
    let class = match (last.spec.quota_scope, declared.map(Vec::as_slice)) {
        (QuotaScope::Instance, Some([instance])) => instance.spec.class_name.as_str(),
        _ => last.spec.class_name.as_str(),
    };
    let Some(class) = index.classes.as_ref().and_then(|classes| classes.get(class)) else { return };
    let quota = class.spec.quota;
    if class.spec.quota_scope == last.spec.quota_scope && i64::from(quota) < i64::from(last.spec.slot) + 1 {
        let beyond: Vec<_> = issued.iter().copied().filter(|r| r.spec.slot >= quota).collect();
        let (key, class) = (Key::of_record(&last.spec), Subject::of(*class));
        let observed =
            format!("{} declares {quota}, and {key} has a number in slot {}", class, last.spec.slot);
        found.push(Finding::new(Code::QuotaBelowIssued, Subject::all(&beyond).chain([class]), observed));
    }
}
