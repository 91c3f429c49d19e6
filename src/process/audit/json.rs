//! A report as JSON. The shape is documented in docs/operating.md and is stable: fields are added, never changed.

use serde_json::{Map, Value, json};

use super::{Report, Verdict};
use crate::rules::audit::{Finding, Holding, Severity, Slot, Subject};

/// The name of the shape.
const SCHEMA: &str = "icp-filing.dev/audit/v1";

pub(super) fn print(report: &Report) -> String {
    let Report { source, missing, ignored, holdings, findings, show_numbers } = report;
    let verdict = match report.verdict() {
        Verdict::Broken => "Broken",
        Verdict::Odd => "Odd",
        Verdict::Clean => "Clean",
    };
    let document = json!({
        "schema": SCHEMA,
        "source": source,
        "verdict": verdict,
        "notLookedAt": missing.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
        "ignored": ignored,
        "keys": holdings.iter().map(|h| holding(h, *show_numbers)).collect::<Vec<_>>(),
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn holding(holding: &Holding, show_numbers: bool) -> Value {
    let Holding { key, scope, class, quota, slots } = holding;
    present(json!({
        "key": key.to_string(),
        "scope": scope,
        "class": class,
        "quota": quota,
        "slots": slots.iter().map(|s| slot(s, show_numbers)).collect::<Vec<_>>(),
    }))
}

fn slot(slot: &Slot, show_numbers: bool) -> Value {
    let Slot {
        record,
        slot,
        quota,
        state,
        number,
        claim,
        instance,
        account,
        filing_account,
        filing,
        issued,
        submitted,
        ended,
        icp_number,
    } = slot;
    present(json!({
        "record": record,
        "slot": slot,
        "quota": quota,
        "state": state,
        "number": show_numbers.then_some(number),
        "claim": claim,
        "instance": instance,
        "accountID": account,
        "filingAccountID": filing_account,
        "filing": filing,
        "issuedTime": issued.to_string(),
        "submittedTime": submitted.map(|t| t.to_string()),
        "endedTime": ended.map(|t| t.to_string()),
        "icpNumber": icp_number,
    }))
}

fn finding(finding: &Finding) -> Value {
    let Finding { code, subjects, observed } = finding;
    let (severity, invariant) = match code.severity() {
        Severity::Broken(invariant) => ("Broken", Some(invariant.as_str())),
        Severity::Odd => ("Odd", None),
    };
    present(json!({
        "severity": severity,
        "invariant": invariant,
        "code": code.as_str(),
        "objects": subjects.iter().map(subject).collect::<Vec<_>>(),
        "observed": observed,
        "remedy": code.remedy(),
    }))
}

fn subject(subject: &Subject) -> Value {
    let Subject { kind, key, revision } = subject;
    present(json!({
        "kind": kind.as_str(),
        "namespace": Some(&*key.namespace).filter(|n| !n.is_empty()),
        "name": &*key.name,
        "resourceVersion": revision,
    }))
}

/// What is absent is left out.
fn present(object: Value) -> Value {
    let Value::Object(fields) = object else { return object };
    Value::Object(fields.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
}
