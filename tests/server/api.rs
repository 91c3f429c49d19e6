//! What a user of the API sees: columns, names, selectors, explanations, defaults, and CRDs that are what
//! the program writes. Rules are in `cel`, refusals in `bad_input`.

use std::path::{Path, PathBuf};
use std::process::Command;

use icp_filing_operator::api::crds;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use serde_json::{Value, json};

use crate::fixture::{Here, Who, cluster, instance_id, repository, tenant, unique};
use crate::objects::{changed, record};

#[test]
fn the_folder_crds_holds_what_the_program_writes_and_its_kustomization_names_it() {
    let written = Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique());
    std::fs::create_dir_all(&written).expect("a folder");
    let mut program = Command::new(env!("CARGO_BIN_EXE_icp-filing-operator"));
    let output = program.args(["crds", "--out"]).arg(&written).output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files = |folder: &Path| {
        let entries = std::fs::read_dir(folder).expect("a folder");
        let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
        names.retain(|name| name != "kustomization.yaml");
        names.sort();
        names
    };
    let stored = repository("crds");
    assert_eq!(files(&written), files(&stored));
    let text = |file: PathBuf| std::fs::read_to_string(file).expect("a text");
    let kustomization = text(stored.join("kustomization.yaml"));
    for file in files(&written) {
        let same = text(written.join(&file)) == text(stored.join(&file));
        assert!(same, "crds/{} is not what the types say: run `make generate`", file.display());
        assert!(kustomization.contains(&format!("- {}\n", file.display())), "{}", file.display());
    }
}

#[test]
fn every_field_is_described_and_bounded() {
    fn check(path: &str, schema: &JSONSchemaProps, wrong: &mut Vec<String>) {
        let mut miss = |what: &str| wrong.push(format!("{path} has no {what}"));
        // The server describes metadata itself, and refuses a description of ours.
        if schema.description.as_ref().is_none_or(String::is_empty) && !path.ends_with(".metadata") {
            miss("description");
        }
        match schema.type_.as_deref() {
            Some("string")
                if schema.max_length.or(schema.enum_.as_ref().map(|_| 0)).is_none()
                    && schema.format.as_deref() != Some("date-time") =>
            {
                miss("maxLength");
            }
            // What a status counts has no end of its own.
            Some("integer")
                if schema.minimum.is_none() || (schema.maximum.is_none() && !path.contains(".status.")) =>
            {
                miss("minimum and maximum");
            }
            Some("number") => miss("reason to be a float"),
            Some("array") => {
                if schema.max_items.is_none() {
                    miss("maxItems");
                }
                if schema.x_kubernetes_list_type.is_none() {
                    miss("list type");
                }
            }
            _ => {}
        }
        for (name, property) in schema.properties.iter().flatten() {
            check(&format!("{path}.{name}"), property, wrong);
        }
        // An item is described by its list, so only what is in it is looked at.
        if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items {
            let described = JSONSchemaProps { description: Some("item".to_owned()), ..(**item).clone() };
            check(&format!("{path}[]"), &described, wrong);
        }
    }
    let mut wrong = Vec::new();
    for crd in crds() {
        let schema = crd.spec.versions[0].schema.as_ref().and_then(|s| s.open_api_v3_schema.as_ref());
        check(&crd.spec.names.kind, schema.expect("a schema"), &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One object of every kind, in the namespace of `kubectl`, and their names by kind.
async fn one_of_each(admin: &Here, operator: &Here) -> Vec<(CustomResourceDefinition, String)> {
    let mut made = Vec::new();
    for crd in crds() {
        let kind = crd.spec.names.kind.clone();
        let object = match kind.as_str() {
            "ServiceNumber" => record(&instance_id(), 0),
            _ => changed(&kind, &json!({})),
        };
        // Records are the operator's to write, and it may not read what `apply` would compare with.
        let writer = if kind == "ServiceNumber" { operator } else { admin };
        let output = writer.run_with_input(&["create", "-f", "-"], &object.to_string()).await;
        assert!(output.status.success(), "{kind}: {}", output.stderr);
        made.push((crd, object["metadata"]["name"].as_str().unwrap_or_default().to_owned()));
    }
    made
}

#[tokio::test]
async fn every_kind_prints_its_columns_and_answers_to_its_short_name() {
    let tenant = tenant().await;
    let admin = tenant.kubectl(Who::Admin);
    for (crd, name) in one_of_each(&admin, &tenant.kubectl(Who::Operator)).await {
        let columns = crd.spec.versions[0].additional_printer_columns.clone().expect("columns");
        assert!(columns.len() >= 5, "{} has few columns", crd.spec.names.kind);
        for wide in [false, true] {
            let expected: Vec<String> = std::iter::once("NAME".to_owned())
                .chain(
                    columns
                        .iter()
                        .filter(|c| wide || c.priority.unwrap_or(0) == 0)
                        .map(|c| c.name.to_uppercase()),
                )
                .collect();
            let short = &crd.spec.names.short_names.as_ref().expect("a short name")[0];
            let output: &[&str] = if wide { &["-o", "wide"] } else { &[] };
            let printed = admin.ok(&[&["get", short, &name], output].concat()).await;
            let header: Vec<&str> = printed.lines().next().unwrap_or_default().split_whitespace().collect();
            assert_eq!(header, expected, "{}", crd.spec.names.kind);
        }
    }
}

#[tokio::test]
async fn the_category_icp_lists_every_kind() {
    let admin = cluster().await.kubectl(Who::Admin);
    let listed = admin.ok(&["api-resources", "--categories=icp", "-o", "name"]).await.expect("api-resources");
    let mut listed: Vec<&str> = listed.lines().collect();
    let crds = crds();
    let mut ours: Vec<&str> = crds.iter().filter_map(|crd| crd.metadata.name.as_deref()).collect();
    listed.sort_unstable();
    ours.sort_unstable();
    assert_eq!(listed, ours);
}

#[tokio::test]
async fn an_untouched_object_says_that_it_waits_and_is_not_ready() {
    let tenant = tenant().await;
    let admin = tenant.kubectl(Who::Admin);
    for kind in ["Instance", "ServiceNumberRequest", "Filing"] {
        let object = changed(kind, &json!({}));
        let name = object["metadata"]["name"].as_str().expect("a name");
        admin.apply(&object).await;
        let status = admin.json(kind, name).await["status"].take();
        let condition = &status["conditions"][0];
        assert_eq!(status.as_object().map(serde_json::Map::len), Some(1), "{kind}: {status}");
        assert_eq!(condition["type"], "Ready", "{kind}");
        assert_eq!(condition["status"], "Unknown", "{kind}");
        assert_eq!(condition["reason"], "Pending", "{kind}");
        let waiting = ["wait", "--for=condition=Ready", "--timeout=1s", kind, name];
        assert!(admin.refused(&waiting).await.contains("timed out"), "{kind}");
    }
}

#[tokio::test]
async fn a_status_in_a_manifest_is_not_taken_over() {
    let tenant = tenant().await;
    let alice = tenant.kubectl(Who::Alice);
    let status = json!({"recordName": "r", "submittedTime": "2026-01-02T00:00:00Z"});
    let filing = changed("Filing", &json!({"spec": {"submit": true}, "status": status}));
    alice.apply(&filing).await;
    let stored = alice.json("filing", filing["metadata"]["name"].as_str().expect("a name")).await;
    assert_eq!(stored["status"]["recordName"], Value::Null);
    assert_eq!(stored["status"]["submittedTime"], Value::Null);
}

#[tokio::test]
async fn absent_fields_get_the_defaults_that_are_documented() {
    let tenant = tenant().await;
    let admin = tenant.kubectl(Who::Admin);
    for (kind, path, default) in [
        ("InstanceClass", "/spec/suspend", json!(false)),
        ("InstanceClass", "/spec/requirements/publicAddress", json!(false)),
        ("Instance", "/spec/state", json!("Running")),
        ("Filing", "/spec/submit", json!(false)),
    ] {
        let object = changed(kind, &json!({}));
        admin.apply(&object).await;
        let stored = admin.json(kind, object["metadata"]["name"].as_str().expect("a name")).await;
        assert_eq!(stored.pointer(path), Some(&default), "{kind} {path}");
    }
}

#[tokio::test]
async fn deep_fields_explain_themselves() {
    let alice = cluster().await.kubectl(Who::Alice);
    for (field, says) in [
        ("instanceclass.spec.requirements.regions.denied", "such as `cn-hongkong`"),
        ("instance.status.unusedNumbers.claimedBy", "request or filing"),
        ("snr.status.refusals.remedy", "What to do about it"),
        ("filing.status.review.icpNumber", "浙ICP备11012345号-1"),
        ("servicenumber.spec.filing.uid", "A re-created filing has another"),
    ] {
        let explained = alice.ok(&["explain", field]).await.expect("an explanation");
        let explained = explained.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(explained.contains(says), "{field}: {explained}");
    }
}

#[tokio::test]
async fn every_selectable_field_selects() {
    let tenant = tenant().await;
    let admin = tenant.kubectl(Who::Admin);
    let mut fields = 0;
    for (crd, name) in one_of_each(&admin, &tenant.kubectl(Who::Operator)).await {
        let kind = &crd.spec.names.kind;
        let stored = admin.json(kind, &name).await;
        for field in crd.spec.versions[0].selectable_fields.iter().flatten() {
            fields += 1;
            let path = field.json_path.as_str();
            let value = stored.pointer(&path.replace('.', "/")).and_then(Value::as_str).unwrap_or_default();
            let selector = format!("--field-selector={}={value}", path.trim_start_matches('.'));
            let found = admin.ok(&["get", kind, "-o", "name", &selector]).await;
            assert!(found.contains(&name), "{kind} {selector}: {found}");
            let selector = format!("--field-selector={}=nothing-has-this", path.trim_start_matches('.'));
            let found = admin.ok(&["get", kind, "-o", "name", &selector]).await;
            assert!(found.is_empty(), "{kind} {selector}: {found}");
        }
    }
    assert_eq!(fields, 13, "selectable fields were added or lost");
}

#[tokio::test]
async fn filings_of_a_domain_are_found_in_every_namespace() {
    let tenant = tenant().await;
    let domain = format!("{}.example.cn", unique());
    let filing = changed("Filing", &json!({"spec": {"website": {"domain": domain}}}));
    tenant.kubectl(Who::Alice).apply(&filing).await;
    let selector = format!("spec.website.domain={domain}");
    let admin = cluster().await.kubectl(Who::Admin);
    let found = admin.ok(&["get", "filings", "-A", "--field-selector", &selector, "--no-headers"]).await;
    let found = found.expect("a list");
    assert_eq!(found.lines().count(), 1, "{found}");
    assert!(found.starts_with(&tenant.namespace), "{found}");
}
