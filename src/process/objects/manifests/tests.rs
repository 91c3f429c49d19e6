//! Every shape in which objects come, and every way in which a file is none.

use std::{io::Write, path::PathBuf};

use super::{Manifests, Unread};
use crate::rules::kind::Kind;

const CLASS: &str = "apiVersion: icp-filing.dev/v1alpha1
kind: InstanceClass
metadata: {name: ecs, managedFields: [{manager: kubectl}]}
spec: {title: ECS, provider: AlibabaCloud, quota: 5, quotaScope: Instance}
";
const REQUEST: &str = r#"{"apiVersion": "icp-filing.dev/v1alpha1", "kind": "ServiceNumberRequest",
  "metadata": {"name": "web", "namespace": "shop"},
  "spec": {"instanceRef": {"name": "i-1"}, "accountID": "1234"}}"#;

fn take(text: &str) -> Result<Manifests, Unread> {
    let mut read = Manifests::default();
    read.take("dump.yaml", text)?;
    read.settle()?;
    Ok(read)
}

fn refused(text: &str) -> String {
    take(text).map_or_else(|error| error.to_string(), |read| format!("it was read: {read:?}"))
}

#[test]
fn documents_and_lists_in_yaml_and_json_are_objects() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n";
    let list = format!(r#"{{"apiVersion": "v1", "kind": "List", "items": [{REQUEST}]}}"#);
    for text in [
        format!("{CLASS}---\n{REQUEST}\n---\n# nothing\n---\n{pod}"),
        format!("{CLASS}---\n{pod}---\n{list}"),
    ] {
        let read = take(&text).expect("manifests");
        let classes = read.snapshot.classes.clone().expect("classes");
        assert_eq!((classes.len(), classes[0].spec.quota), (1, 5));
        assert_eq!(read.snapshot.requests.clone().expect("requests")[0].spec.account_id, "1234");
        assert_eq!(read.ignored.into_iter().collect::<Vec<_>>(), [("v1 Pod".to_owned(), 1)]);
        assert_eq!(read.snapshot.missing(), [Kind::Instance, Kind::Filing, Kind::ServiceNumber]);
    }
    // JSON alone takes a shorter way.
    let read = take(&format!("{list}\n{REQUEST}")).expect("manifests");
    assert_eq!(read.snapshot.requests.expect("requests").len(), 1, "one object in two places is one object");
}

#[test]
fn a_list_says_what_its_items_leave_out_and_that_there_are_none() {
    let item = r#"{"metadata": {"name": "web", "namespace": "shop"}, "spec": {"instanceRef": {"name": "i-1"}, "accountID": "1"}}"#;
    let list = |kind: &str, items: &str| {
        format!(r#"{{"apiVersion": "icp-filing.dev/v1alpha1", "kind": "{kind}List", "items": [{items}]}}"#)
    };
    let read = take(&(list("ServiceNumberRequest", item) + &list("ServiceNumber", ""))).expect("lists");
    assert_eq!(read.snapshot.requests.expect("requests").len(), 1);
    assert_eq!(read.snapshot.records.expect("there are none, which is known").len(), 0);
}

#[test]
fn what_is_no_manifest_is_refused_with_what_to_do() {
    for (text, says) in [
        ("", "dump.yaml: there is no manifest in it. Give what `kubectl get icp -A -o yaml` prints"),
        ("# a comment\n", "there is no manifest in it"),
        ("hello", "dump.yaml, document 1: no manifest: it has no fields"),
        ("[]", "no manifest: it has no fields"),
        ("a: 1", "no manifest: it has no apiVersion or no kind"),
        ("apiVersion: v1\nkind: List\n", "a list without items"),
        ("a: [", "dump.yaml: no YAML or JSON"),
        ("{\"a\": }x", "dump.yaml: no YAML or JSON"),
        (
            "apiVersion: icp-filing.dev/v2\nkind: Filing\nmetadata: {name: a}\n",
            "Filing of icp-filing.dev/v2 is not known",
        ),
        (
            "apiVersion: icp-filing.dev/v1alpha1\nkind: Else\nmetadata: {name: a}\n",
            "Else of icp-filing.dev/v1alpha1 is not known",
        ),
        (
            "apiVersion: icp-filing.dev/v1alpha1\nkind: Filing\nmetadata: {name: a}\n",
            "it has no metadata.namespace",
        ),
        ("apiVersion: icp-filing.dev/v1alpha1\nkind: ServiceNumber\nspec: {}\n", "it has no metadata.name"),
        (
            "apiVersion: icp-filing.dev/v1alpha1\nkind: ServiceNumber\nmetadata: {name: a, labels: 1}\n",
            "its metadata cannot be read",
        ),
    ] {
        let said = refused(text);
        assert!(said.contains(says), "{text:?}: {said}");
    }
    let two = format!("{CLASS}---\n{}", CLASS.replace("quota: 5", "quota: 6"));
    assert_eq!(
        refused(&two),
        "InstanceClass /ecs is given twice, and the two differ. Give files of one moment"
    );
}

#[test]
fn an_object_that_cannot_be_read_does_not_hide_the_others() {
    let read = take(&format!("{CLASS}---\n{}", REQUEST.replace("\"1234\"", "1234"))).expect("manifests");
    let unreadable = &read.snapshot.unreadable[0];
    assert_eq!(
        (unreadable.kind, unreadable.key.to_string().as_str()),
        (Kind::ServiceNumberRequest, "shop/web")
    );
    assert!(read.snapshot.requests.is_some_and(|requests| requests.is_empty()), "its kind was looked at");
}

#[test]
fn files_that_cannot_be_read_say_so() {
    let said = |files: &[&str]| {
        let files: Vec<_> = files.iter().map(PathBuf::from).collect();
        super::read(&files).map(|_| ()).expect_err("no manifests").to_string()
    };
    assert!(said(&["/does/not/exist"]).starts_with("/does/not/exist: No such file"));
    assert!(said(&["/"]).contains("Give files that you may read"));
    assert!(said(&["-", "-"]).contains("standard input is read once"));
    let mut binary = tempfile();
    binary.0.write_all(&[0xff, 0xfe, 0x00]).expect("written");
    assert!(said(&[&binary.1.display().to_string()]).contains("Give files that you may read"));
    std::fs::remove_file(binary.1).expect("removed");
}

fn tempfile() -> (std::fs::File, PathBuf) {
    let path = std::env::temp_dir().join(format!("icp-manifests-{}", std::process::id()));
    (std::fs::File::create(&path).expect("a file"), path)
}

/// More than the library takes by itself.
#[test]
fn many_documents_are_no_bomb() {
    let text: String =
        (0..1_100).map(|n| CLASS.replace("name: ecs", &format!("name: ecs-{n}")) + "---\n").collect();
    let read = take(&text).expect("manifests");
    assert_eq!(read.snapshot.classes.expect("classes").len(), 1_100);
}
