//! A report for a person: who holds what, what was found, and the verdict last, where it is read first.

use std::fmt::Write as _;

use super::{Report, Verdict};
use crate::{
    api::ClaimKind,
    rules::audit::{Finding, Severity, Slot},
};

pub(super) fn print(report: &Report) -> String {
    let mut text = String::new();
    let rows: Vec<_> = report
        .holdings
        .iter()
        .flat_map(|h| h.slots.iter().map(|slot| row(slot, h.quota, report.show_numbers)))
        .collect();
    if !rows.is_empty() {
        table(&mut text, &rows, report.show_numbers);
        text.push('\n');
    }
    for findings in report.findings.chunk_by(|a, b| a.code == b.code) {
        group(&mut text, findings);
    }
    if !report.missing.is_empty() {
        let missing: Vec<_> = report.missing.iter().map(|kind| kind.as_str()).collect();
        put(
            &mut text,
            format_args!("not looked at: {}. What depends on them was not judged.", missing.join(", ")),
        );
    }
    if !report.ignored.is_empty() {
        let ignored: Vec<_> = report.ignored.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        put(&mut text, format_args!("ignored: {}.", ignored.join(", ")));
    }
    verdict(&mut text, report, rows.len());
    text
}

/// Writing to a text cannot fail.
fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{line}");
}

const HEAD: [&str; 9] =
    ["RECORD", "STATE", "QUOTA", "CLAIM", "INSTANCE", "ACCOUNT", "FILING", "DOMAIN", "ICP-NUMBER"];

fn row(slot: &Slot, quota: Option<i32>, show_numbers: bool) -> Vec<String> {
    let claim = &slot.claim;
    let kind = match claim.kind {
        ClaimKind::ServiceNumberRequest => "request",
        ClaimKind::Filing => "filing",
    };
    let filing = slot.filing.as_ref();
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let mut row = vec![
        slot.record.clone(),
        format!("{:?}", slot.state),
        or_none(quota.map(|q| q.to_string())),
        format!("{kind} {}/{}", claim.namespace, claim.name),
        slot.instance.clone(),
        slot.account.clone(),
        or_none(filing.map(|f| format!("{}/{}", f.namespace, f.name))),
        or_none(filing.map(|f| f.domain.clone())),
        or_none(slot.icp_number.clone()),
    ];
    if show_numbers {
        row.insert(1, slot.number.clone());
    }
    row
}

/// Columns as wide as what is in them. The last has no end to be aligned with, so its width does not matter.
fn table(text: &mut String, rows: &[Vec<String>], show_numbers: bool) {
    let mut head: Vec<_> = HEAD.map(str::to_owned).into();
    if show_numbers {
        head.insert(1, "NUMBER".to_owned());
    }
    let widths: Vec<_> = (0..head.len())
        .map(|at| rows.iter().chain([&head]).map(|row| row[at].chars().count()).max().unwrap_or(0))
        .collect();
    for row in [&head].into_iter().chain(rows) {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        put(text, format_args!("{}", cells.join("   ").trim_end()));
    }
}

/// Findings of one code.
fn group(text: &mut String, findings: &[Finding]) {
    let Some(Finding { code, .. }) = findings.first() else { return };
    let severity = match code.severity() {
        Severity::Broken(invariant) => format!("BROKEN {} ({})", code.as_str(), invariant.as_str()),
        Severity::Odd => format!("odd {}", code.as_str()),
    };
    put(text, format_args!("{severity}:{}", code.meaning()));
    for finding in findings {
        let subjects: Vec<_> = finding.subjects.iter().map(ToString::to_string).collect();
        put(text, format_args!("  {}: {}", subjects.join(", "), finding.observed));
    }
    put(text, format_args!("  What to do: {}\n", code.remedy()));
}

fn verdict(text: &mut String, report: &Report, records: usize) {
    let broken = report.broken();
    let odd = report.findings.len() - broken;
    let said = match report.verdict() {
        Verdict::Broken => {
            format!("{} broken, {}", counted(broken, "invariant is", "invariants are"), oddities(odd))
        }
        Verdict::Odd => format!("nothing is broken, {}", oddities(odd)),
        Verdict::Clean => "nothing is broken, nothing is odd".to_owned(),
    };
    let keys = counted(report.holdings.len(), "key", "keys");
    put(text, format_args!("{said}: {} of {keys}.", counted(records, "record", "records")));
}

fn oddities(count: usize) -> String {
    counted(count, "oddity", "oddities")
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
