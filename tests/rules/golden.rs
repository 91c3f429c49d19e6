//! One object for every state that a kind of ours can be in, as the rules write it, with the verdict that GitOps tools
//! are to give of it. Committed in `tests/gitops/objects`, where the tools themselves judge them; compared here, so that
//! they cannot drift from what the operator writes. `GOLDEN_KEEP=1` writes them.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::PathBuf};

use icp_filing_operator::api::{Condition, Reason};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use serde::Serialize;
use serde_json::{Value, json};

mod filings;
mod platform;
mod requests;

/// What a tool is to say of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Healthy,
    Progressing,
    Degraded,
}
use Verdict::{Degraded, Healthy, Progressing};

/// An object in a state.
pub struct Golden {
    /// The row of the documentation's table that it belongs to.
    state: &'static str,
    verdict: Verdict,
    /// The kind as the file of its objects is called.
    plural: String,
    object: Value,
}

impl Golden {
    /// An object that is named after its state, as the API server would show it.
    pub fn new<K: Resource<DynamicType = ()> + Serialize>(
        state: &'static str,
        verdict: Verdict,
        name: &str,
        object: &K,
    ) -> Self {
        let ObjectReference { api_version, kind, .. } = object.object_ref(&());
        let mut shown = json!({"apiVersion": api_version, "kind": kind});
        let Value::Object(fields) = json!(object) else { panic!("{name} is no object") };
        shown.as_object_mut().expect("one").extend(fields);
        shown["metadata"]["name"] = json!(name);
        Self { state, verdict, plural: K::plural(&()).into_owned(), object: shown }
    }

    /// An object of which no operator has seen anything: with the status that the CRD gives it.
    fn untouched<K: Resource<DynamicType = ()> + Serialize>(object: &K) -> Self {
        let mut golden = Self::new("not looked at yet", Progressing, "untouched", object);
        let kind = golden.object["kind"].clone();
        let crds = icp_filing_operator::api::crds();
        let crd = crds.iter().find(|crd| json!(crd.spec.names.kind) == kind).expect("a CRD of the kind");
        let schema = crd.spec.versions[0].schema.as_ref().and_then(|s| s.open_api_v3_schema.as_ref());
        let status = schema.and_then(|s| s.properties.as_ref()?["status"].default.clone());
        golden.object["status"] = status.expect("a default").0;
        golden
    }

    /// The same, changed after the operator looked at it.
    fn changed(&self) -> Self {
        let mut object = self.object.clone();
        object["metadata"]["name"] = json!("changed");
        object["metadata"]["generation"] = json!(2);
        self.with("changed since the operator looked", object)
    }

    /// The same, while somebody's finalizer holds its deletion.
    fn leaving(&self) -> Self {
        let mut object = self.object.clone();
        object["metadata"]["name"] = json!("leaving");
        object["metadata"]["finalizers"] = json!(["example.com/somebody"]);
        object["metadata"]["deletionTimestamp"] = json!("2026-03-01T00:00:00Z");
        self.with("being deleted", object)
    }

    fn with(&self, state: &'static str, object: Value) -> Self {
        Self { state, verdict: Progressing, plural: self.plural.clone(), object }
    }

    fn kind(&self) -> &str {
        self.object["kind"].as_str().expect("a kind")
    }

    fn name(&self) -> String {
        format!("{}/{}", self.kind(), self.object["metadata"]["name"].as_str().expect("a name"))
    }

    fn conditions(&self) -> Vec<Condition> {
        let conditions = self.object["status"]["conditions"].clone();
        if conditions.is_null() {
            Vec::new()
        } else {
            serde_json::from_value(conditions).expect("conditions")
        }
    }
}

/// `NoPublicBandwidth` as a name: `no-public-bandwidth`.
pub fn named_after(reason: Reason) -> String {
    let mut name = String::new();
    for letter in reason.as_str().chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

fn all() -> Vec<Golden> {
    [
        platform::classes(),
        platform::instances(),
        requests::requests(),
        filings::filings(),
        platform::records(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/gitops/objects")
}

/// The files: one for each kind, and the list of verdicts.
fn files(all: &[Golden]) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    let mut verdicts = String::new();
    for golden in all {
        let file = format!("{}.yaml", golden.plural);
        let yaml = serde_saphyr::to_string(&golden.object).expect("YAML");
        if files.last().is_none_or(|(last, _)| *last != file) {
            files.push((file, String::new()));
        }
        let (_, text) = files.last_mut().expect("one");
        write!(text, "---\n{yaml}").expect("a String takes everything");
        writeln!(verdicts, "{}\t{:?}\t{}", golden.name(), golden.verdict, golden.state)
            .expect("a String takes everything");
    }
    files.push(("verdicts.tsv".to_owned(), verdicts));
    files
}

#[test]
fn what_is_committed_is_what_the_rules_write() {
    let keep = std::env::var_os("GOLDEN_KEEP").is_some();
    let mut left: BTreeSet<_> = fs::read_dir(folder())
        .map(|entries| entries.map(|e| e.expect("an entry").file_name()).collect())
        .unwrap_or_default();
    for (file, text) in files(&all()) {
        let path = folder().join(&file);
        if keep {
            fs::create_dir_all(folder()).expect("a folder");
            fs::write(&path, &text).expect("written");
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text,
            "{file} is not what the rules write; look at it after GOLDEN_KEEP=1 cargo test --test rules golden"
        );
        left.remove(std::ffi::OsStr::new(&file));
    }
    assert!(left.is_empty(), "nothing writes {left:?}");
}

#[test]
fn every_reason_has_an_object_and_every_object_its_own_name() {
    let all = all();
    let said: BTreeSet<String> = all
        .iter()
        .flat_map(Golden::conditions)
        .flat_map(|c| c.reason.split(',').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let missing: Vec<_> = Reason::ALL.iter().filter(|reason| !said.contains(reason.as_str())).collect();
    assert!(missing.is_empty(), "no object is refused for {missing:?}");
    // Of what is said where nothing is refused the sections of the reasons are the list.
    let text =
        fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/reasons.md")).expect("there");
    let (_, rest) = text.split_once("\n## What is said where nothing is refused\n").expect("the part");
    for reason in rest.split("\n### ").skip(1).map(|section| section.lines().next().unwrap_or_default()) {
        assert!(said.contains(reason), "no object says {reason}");
    }
    let names: BTreeSet<_> = all.iter().map(Golden::name).collect();
    assert_eq!(names.len(), all.len());
}

/// What the design promises of the three conditions that tools read, for the verdict that each object is to get.
#[test]
fn conditions_say_the_verdict() {
    for golden in all() {
        let metadata = &golden.object["metadata"];
        let status = |type_: &str| {
            golden.conditions().into_iter().find(|c| c.type_ == type_).map_or("", |c| {
                match c.status.as_str() {
                    "True" => "True",
                    "False" => "False",
                    _ => "Unknown",
                }
            })
        };
        let observed = &golden.object["status"]["observedGeneration"];
        let old = !observed.is_null() && *observed != metadata["generation"];
        let said = match (status("Ready"), status("Reconciling"), status("Stalled")) {
            _ if old || !metadata["deletionTimestamp"].is_null() => Progressing,
            ("" | "True", "" | "False", "" | "False") => Healthy,
            ("False", "False", "True") => Degraded,
            ("False", "True", "False") | ("Unknown", "", "") => Progressing,
            other => panic!("{}: {other:?}", golden.name()),
        };
        assert_eq!(said, golden.verdict, "{}", golden.name());
    }
}
