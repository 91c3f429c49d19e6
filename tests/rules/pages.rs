//! Every alert has its page and every reason its section, none is left over, and both forms of the rules say the same.

use std::{collections::BTreeSet, fs, path::PathBuf};

use icp_filing_operator::api::{Reason, condition_type};
use serde_json::Value;

fn path(of: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(of)
}

fn read(of: &str) -> String {
    fs::read_to_string(path(of)).unwrap_or_else(|error| panic!("{of}: {error}"))
}

fn yaml(of: &str) -> Value {
    serde_saphyr::from_str(&read(of)).unwrap_or_else(|error| panic!("{of}: {error}"))
}

/// The names of the files in a folder.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(path(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

fn alerts() -> Vec<Value> {
    let rules = yaml("deploy/monitoring/rules.yaml");
    let groups = rules["groups"].as_array().expect("groups").clone();
    groups.iter().flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
}

#[test]
fn both_forms_of_the_rules_say_the_same() {
    let object = yaml("deploy/monitoring/prometheusrule.yaml");
    assert_eq!(object["kind"], "PrometheusRule");
    assert_eq!(object["spec"], yaml("deploy/monitoring/rules.yaml"));
}

#[test]
fn every_alert_has_its_page_and_none_is_left_over() {
    let mut pages = BTreeSet::new();
    for alert in alerts() {
        let name = alert["alert"].as_str().expect("a name");
        let page = format!("docs/runbooks/{name}.md");
        let severity = alert["labels"]["severity"].as_str().expect("a severity");
        assert!(["critical", "warning", "info"].contains(&severity), "{name}: {severity}");
        let notes = &alert["annotations"];
        assert_eq!(notes["runbook_url"], page.as_str());
        for note in ["summary", "description"] {
            assert!(notes[note].as_str().is_some_and(|text| !text.is_empty()), "{name} has no {note}");
        }
        let begin = format!("# {name}\n\nSeverity: {severity}.\n\n## What it means\n");
        let text = read(&page);
        assert!(text.starts_with(&begin), "{page} does not begin with {begin}");
        assert!(text.contains("\n## What to do\n"), "{page} does not say what to do");
        pages.insert(path(&page));
    }
    assert_eq!(files("docs/runbooks").into_iter().collect::<BTreeSet<_>>(), pages);
}

/// The reasons of conditions that are no refusals, from the source that says them.
fn said(folder: &str, words: &mut BTreeSet<String>) {
    for file in files(folder) {
        if file.is_dir() {
            said(file.to_str().expect("a path"), words);
            continue;
        }
        let source = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for rest in source.split("Word::new(").skip(1) {
            if let Some((word, _)) = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'))
            {
                words.insert(word.to_owned());
            }
        }
    }
}

#[test]
fn every_reason_has_its_section_and_none_is_left_over() {
    let mut reasons: BTreeSet<String> = Reason::ALL.iter().map(|reason| reason.as_str().to_owned()).collect();
    said("src", &mut reasons);
    // A filing says of each of these whether it is so.
    for aspect in [condition_type::BOUND, condition_type::SUBMITTED, condition_type::COMPLETED] {
        reasons.extend([aspect.to_owned(), format!("Not{aspect}")]);
    }
    assert!(reasons.contains("Progressing"), "{reasons:?}");
    let text = read("docs/reasons.md");
    let mut sections = BTreeSet::new();
    for section in text.split("\n### ").skip(1) {
        let (reason, body) = section.split_once('\n').expect("a section");
        assert!(sections.insert(reason.to_owned()), "{reason} has two sections");
        if Reason::ALL.iter().any(|refusal| refusal.as_str() == reason) {
            assert!(body.contains("\n**Remedy.** "), "{reason} has no remedy");
        }
    }
    assert_eq!(sections, reasons);
}
