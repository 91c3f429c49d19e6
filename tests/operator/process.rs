//! The program as whoever runs it sees it: its help, how it refuses to start, what it says while it waits, its
//! metrics, and how it ends. What it may do in a cluster is in `rights`.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::json;

use crate::fixture::{SOON, must, unique};
use crate::operator_process::{Operator, PROGRAM, uuids};
use crate::scene::{FILING, REQUEST, Scene, by_request, filing, request};
use crate::stage::shared;

/// Every flag of `run` and the variable that stands for it.
const FLAGS: [(&str, &str); 14] = [
    ("--kubeconfig", "ICP_KUBECONFIG"),
    ("--context", "ICP_CONTEXT"),
    ("--namespace", "ICP_NAMESPACE"),
    ("--listen", "ICP_LISTEN"),
    ("--concurrency", "ICP_CONCURRENCY"),
    ("--resync-seconds", "ICP_RESYNC_SECONDS"),
    ("--leader-elect", "ICP_LEADER_ELECT"),
    ("--lease-name", "ICP_LEASE_NAME"),
    ("--lease-namespace", "ICP_LEASE_NAMESPACE"),
    ("--state-dir", "ICP_STATE_DIR"),
    ("--accept-restored-store", "ICP_ACCEPT_RESTORED_STORE"),
    ("--traces-endpoint", "ICP_TRACES_ENDPOINT"),
    ("--log-format", "ICP_LOG_FORMAT"),
    ("--log", "ICP_LOG"),
];

/// Arguments, variables, and what is said about them.
type Row<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a [&'a str]);

/// Runs the program to its end, with these arguments and variables and no other of ours.
async fn end_of(args: &[&str], variables: &[(&str, &str)]) -> (i32, Output) {
    let mut command = tokio::process::Command::new(PROGRAM);
    for (_, variable) in FLAGS {
        command.env_remove(variable);
    }
    command.args(args).envs(variables.iter().copied()).env_remove("KUBECONFIG").stdin(Stdio::null());
    let output = must("end in time", tokio::time::timeout(SOON, command.kill_on_drop(true).output()).await);
    let output = must("run the program", output);
    (output.status.code().unwrap_or(-1), output)
}

/// A folder with kubeconfigs: one that is good but for the server, which nobody answers at, and two that are not.
fn kubeconfigs() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique());
    must("make a folder", std::fs::create_dir_all(&folder));
    let good = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "here", "user": {"token": "t"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}],
    });
    for (name, text) in [("good", good.to_string()), ("garbage", "{{{".to_owned()), ("empty", String::new())]
    {
        must("write a file", std::fs::write(folder.join(name), text));
    }
    folder
}

#[tokio::test]
async fn help_explains_every_flag_and_its_variable() {
    let (code, output) = end_of(&["run", "--help"], &[]).await;
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(code, 0, "{help}");
    let documented: Vec<&str> = help
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("-h, ").or(Some(line.trim_start())))
        .filter(|line| line.starts_with("--"))
        .filter_map(|line| line.split([' ', '=', '[']).next())
        .collect();
    let mut expected: Vec<&str> = FLAGS.iter().map(|(flag, _)| *flag).collect();
    expected.push("--help");
    assert_eq!(documented, expected, "{help}");
    for (flag, variable) in FLAGS {
        assert!(help.contains(&format!("[env: {variable}=")), "{variable} of {flag} is not in {help}");
        // What stands between a flag and the next says what it is for.
        let optional = help.split_once(&format!("{flag}[=<"));
        let after = help.split_once(&format!("{flag} <")).or(optional).map_or("", |(_, after)| after);
        let explanation = after.split("\n      --").next().unwrap_or_default();
        assert!(explanation.split_whitespace().count() > 5, "{flag} is not explained in {help}");
    }
    for (args, said) in [
        (&["--help"][..], "Runs the operator until SIGTERM or SIGINT"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
        (&["help", "run"], "--kubeconfig"),
    ] {
        let (code, output) = end_of(args, &[]).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(code == 0 && text.contains(said), "{args:?}: {code} {text}");
    }
}

#[tokio::test]
async fn what_cannot_start_says_what_to_do_and_ends_with_2() {
    let path = kubeconfigs();
    let file = |name: &str| path.join(name).display().to_string();
    let (good, garbage, empty, missing) = (file("good"), file("garbage"), file("empty"), file("missing"));
    let taken = must("take a port", TcpListener::bind("127.0.0.1:0"));
    let taken = must("name a port", taken.local_addr().map(|address| (taken, address.to_string())));
    let at = |kubeconfig| ["run", "--listen", "127.0.0.1:0", "--kubeconfig", kubeconfig];
    let long = "n".repeat(64);
    let rows: &[Row<'_>] = &[
        (
            &["run", "--listen", &taken.1, "--kubeconfig", &good],
            &[],
            &["cannot listen on", &taken.1, "--listen"],
        ),
        (&["run", "--listen", "here"], &[], &["--listen", "here"]),
        (&["run"], &[("ICP_LISTEN", "8080")], &["--listen", "8080"]),
        (&[&at(&good)[..], &["--log", "a=b=c"]].concat(), &[], &["--log", "a=b=c", "level"]),
        (
            &at(&good),
            &[("ICP_TRACES_ENDPOINT", "otel:4317")],
            &["--traces-endpoint", "http://localhost:4318"],
        ),
        (&at(&good), &[("ICP_LOG", "icp=loud")], &["--log", "icp=loud", "level"]),
        (&[&at(&good)[..], &["--log-format", "xml"]].concat(), &[], &["--log-format", "text", "json"]),
        (&[&at(&good)[..], &["--context", "there"]].concat(), &[], &["context", "there", "--kubeconfig"]),
        (&at(&good), &[("ICP_CONTEXT", "there")], &["context", "there", "--kubeconfig"]),
        (&at(&missing), &[], &["--kubeconfig", &missing, "readable"]),
        (&at(&garbage), &[], &["--kubeconfig", &garbage, "readable"]),
        (&at(&empty), &[], &["--kubeconfig", &empty]),
        (&["run", "--listen", "127.0.0.1:0"], &[("ICP_KUBECONFIG", &missing)], &["--kubeconfig", &missing]),
        (
            &["run", "--listen", "127.0.0.1:0", "--context", "x"],
            &[("HOME", "/nowhere")],
            &["--context", "kubeconfig"],
        ),
        (
            &["run", "--listen", "127.0.0.1:0"],
            &[("HOME", "/nowhere")],
            &["--kubeconfig FILE", "in a cluster"],
        ),
        (&[&at(&good)[..], &["--namespace", "Tenant"]].concat(), &[], &["--namespace", "lower-case"]),
        (&[&at(&good)[..], &["--namespace", &long]].concat(), &[], &["--namespace", "63"]),
        (&[&at(&good)[..], &["--namespace", ""]].concat(), &[], &["--namespace"]),
        (&at(&good), &[("ICP_NAMESPACE", "a_b")], &["--namespace", "lower-case"]),
        (&[&at(&good)[..], &["--concurrency", "0"]].concat(), &[], &["--concurrency", "1..=1024"]),
        (&[&at(&good)[..], &["--resync-seconds", "many"]].concat(), &[], &["--resync-seconds", "many"]),
        (&[&at(&good)[..], &["--leader-elect=perhaps"]].concat(), &[], &["--leader-elect", "true, false"]),
        (&at(&good), &[("ICP_LEADER_ELECT", "1")], &["--leader-elect", "true, false"]),
        (&[&at(&good)[..], &["--lease-name", "a..b"]].concat(), &[], &["--lease-name", "lower-case"]),
        (&[&at(&good)[..], &["--lease-name", &long]].concat(), &[], &["--lease-name", "63"]),
        (&at(&good), &[("ICP_LEASE_NAMESPACE", "a.b")], &["--lease-namespace", "lower-case"]),
        (&["run", "--quota", "9"], &[], &["--quota"]),
        (&["start"], &[], &["start"]),
        (&[], &[], &["Usage"]),
    ];
    for (args, variables, words) in rows {
        let (code, output) = end_of(args, variables).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(code, 2, "{args:?} {variables:?}: {said}");
        for word in *words {
            assert!(said.contains(word), "no {word:?} for {args:?} {variables:?}: {said}");
        }
        assert!(!said.contains("panicked"), "{args:?}: {said}");
    }
}

#[tokio::test]
async fn without_an_api_server_it_waits_says_so_and_can_be_ended() {
    let folder = kubeconfigs();
    let operator = Operator::with(&folder, &folder.join("good"), &[]);
    operator.waits_for(&["the API server does not answer"]).await;
    operator.says("ERROR", &["the API server does not answer", "trying again"]).await;
    assert_eq!(must("ask for health", operator.get("/healthz").await).0, 200);
    operator.finish().await;
}

#[tokio::test]
async fn a_token_that_nobody_knows_is_named_as_the_cause() {
    let shared = shared().await;
    let control_plane = shared.cluster().control_plane();
    let kubeconfig = must("write a kubeconfig", control_plane.kubeconfig_for_token("stranger", "nobody"));
    let operator = Operator::with(control_plane.dir(), &kubeconfig, &[]);
    operator.waits_for(&["does not let the operator in", "Check its token"]).await;
    operator.finish().await;
    shared.sound().await;
}

#[tokio::test]
async fn metrics_have_the_names_that_dashboards_know_and_tell_nothing_of_tenants() {
    let shared = shared().await;
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    scene.apply(&request("shop", &server)).await;
    scene.apply(&request("lost", "i-nowhere")).await;
    scene.apply(&filing("shop", by_request("shop"))).await;
    let number = scene.ready(REQUEST, "shop").await["status"]["serviceNumber"].clone();
    scene.ready(FILING, "shop").await;
    scene.stalled(REQUEST, "lost", &["InstanceNotFound"]).await;

    let metrics = shared.operator.metrics().await;
    for sample in [
        "controller_runtime_reconcile_total{",
        "controller_runtime_reconcile_errors_total{",
        "controller_runtime_reconcile_time_seconds_bucket{",
        "workqueue_depth{",
        "workqueue_adds_total{",
        "workqueue_queue_duration_seconds_bucket{",
        "workqueue_work_duration_seconds_bucket{",
        "workqueue_retries_total{",
        "rest_client_requests_total{",
        "icp_filing_numbers_issued_total{",
        "icp_filing_record_changes_total{",
        "icp_filing_slots_taken_total ",
        "icp_filing_refusals_total{",
        "icp_filing_request_seconds_bucket{",
        "icp_filing_records_lost_total 0",
        "icp_filing_watch_errors_total{",
    ] {
        assert!(metrics.lines().any(|line| line.starts_with(sample)), "no {sample} in\n{metrics}");
    }
    assert_eq!(metrics.lines().last(), Some("# EOF"));
    let secret = [scene.namespace(), &server, number.as_str().unwrap_or_default(), "shop"];
    let told = secret.iter().find(|word| metrics.contains(**word));
    assert!(told.is_none(), "{told:?} is in\n{metrics}");
    assert_eq!(uuids(&metrics).count(), 0, "{metrics}");
    shared.sound().await;
}

#[tokio::test]
async fn health_is_served_from_the_start_and_only_what_is_there() {
    let shared = shared().await;
    let answer = async |path| must("ask the operator", shared.operator.get(path).await);
    assert_eq!(answer("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(answer("/readyz").await, (200, "ok\n".to_owned()));
    assert_eq!(answer("/").await.0, 404);
    // Nobody has to be trusted with the port: there is nothing to change on it.
    let address = must("find the operator", shared.operator.address().ok_or("it does not say"));
    let (status, _) = must("ask the operator", crate::wire::post(&address, "/metrics", "{}").await);
    assert_eq!(status, 405);
    shared.sound().await;
}
