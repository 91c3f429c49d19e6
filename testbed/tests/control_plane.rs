//! The testbed itself, on real servers: it serves, forgets nothing over a restart, and leaves nothing.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use testbed::{ControlPlane, Options, Process, User};

type Outcome = Result<(), Box<dyn Error>>;

const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept}\ndata: {a: b}\n";

#[tokio::test]
async fn a_control_plane_serves_restarts_and_leaves_nothing() -> Outcome {
    let start = Instant::now();
    let options = Options::default().users([User::in_groups("ann", ["registrars"])]).audit(true);
    let control_plane = ControlPlane::start(options).await?;
    eprintln!("ready after {:?}", start.elapsed());
    let (admin, ann) = (control_plane.kubectl()?, control_plane.kubectl_as("ann")?);

    admin.apply(CONFIG_MAP).await?;
    assert!(admin.apply(CONFIG_MAP).await?.contains("unchanged"));
    let refused = ann.run(&["get", "configmaps"]).await?;
    assert!(refused.stderr.contains(r#"User "ann" cannot list resource"#), "{refused:?}");
    assert!(ann.ok(&["auth", "whoami"]).await?.contains("registrars"));
    assert!(control_plane.kubeconfig_for_user("bob").is_err());

    admin.ok(&["create", "serviceaccount", "op"]).await?;
    let token = admin.ok(&["create", "token", "op"]).await?;
    let account = control_plane.kubeconfig_for_token("op", token.trim())?;
    let account = control_plane.kubectl_with(&account)?;
    assert!(account.ok(&["auth", "whoami"]).await?.contains("system:serviceaccount:default:op"));

    let mut pids = control_plane.pids();
    control_plane.kill_apiserver().await?;
    assert!(!admin.run(&["get", "configmaps"]).await?.status.success());
    let start = Instant::now();
    control_plane.restart_apiserver().await?;
    eprintln!("API server again after {:?}", start.elapsed());
    control_plane.kill_etcd().await?;
    control_plane.restart_etcd().await?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while !admin.run(&["get", "configmap", "kept"]).await?.status.success() {
        assert!(Instant::now() < deadline, "the API server did not find etcd again");
    }

    let log = control_plane.audit_log().ok_or("no audit log")?;
    let events = testbed::audit::events(&log)?;
    let is_refusal = |event: &serde_json::Value| {
        event["user"]["username"] == "ann" && event["responseStatus"]["code"] == 403
    };
    assert!(events.iter().any(is_refusal));

    pids.extend(control_plane.pids());
    let folder = control_plane.dir().to_owned();
    let start = Instant::now();
    control_plane.stop().await?;
    eprintln!("stopped after {:?}", start.elapsed());
    assert_eq!(pids.len(), 4);
    assert!(!pids.iter().any(|pid| alive(*pid)), "{pids:?}");
    assert!(!folder.exists());
    Ok(())
}

/// The holder is `testbed run`, killed in a way it cannot notice.
#[tokio::test]
async fn a_killed_holder_leaves_nothing() -> Outcome {
    let own = tempfile::tempdir()?;
    let said = own.path().join("said");
    let script =
        format!("echo $$ $TESTBED_DIR > {0}.partial; mv {0}.partial {0}; exec sleep 1000", said.display());
    let mut holder =
        Command::new(env!("CARGO_BIN_EXE_testbed")).args(["run", "--", "sh", "-c", &script]).spawn()?;
    // Cold binaries may have to be built first.
    let runs_or_failed = || said.exists() || !matches!(holder.try_wait(), Ok(None));
    until(Duration::from_mins(30), "the command runs", runs_or_failed).await?;
    let text = std::fs::read_to_string(&said)?;
    let (command, folder) = text.trim().split_once(' ').ok_or("no pid and folder")?;
    let folder = PathBuf::from(folder);
    let mut pids = vec![command.parse()?];
    for server in ["etcd", "kube-apiserver"] {
        pids.push(std::fs::read_to_string(folder.join(format!("{server}.pid")))?.trim().parse()?);
    }
    assert!(pids.iter().all(|pid| alive(*pid)), "{pids:?}");

    holder.kill()?;
    holder.wait()?;
    until(Duration::from_secs(15), "every process is gone", || !pids.iter().any(|pid| alive(*pid))).await?;
    until(Duration::from_secs(15), "the folder is gone", || !folder.exists()).await
}

#[tokio::test]
async fn a_control_plane_can_stay_and_be_taken_down() -> Outcome {
    let own = tempfile::tempdir()?;
    let folder = own.path().join("bed");
    let testbed = async |arguments: &[&str]| -> Result<String, Box<dyn Error>> {
        let program = env!("CARGO_BIN_EXE_testbed");
        let output = tokio::process::Command::new(program).args(arguments).arg(&folder).output().await?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    let bin = testbed::binaries(&["kubectl"]).await?.join("kubectl");
    for round in 0..2 {
        let kubeconfig = testbed(&["up", "--user", "ann:registrars"]).await?;
        let kubectl = testbed::Kubectl::new(&bin, &kubeconfig, own.path().join("home"))?;
        if round == 0 {
            kubectl.apply(CONFIG_MAP).await?;
        }
        kubectl.ok(&["get", "configmap", "kept"]).await?;
        let ann = testbed::user_kubeconfig(&folder, "ann")?;
        let ann = testbed::Kubectl::new(&bin, ann, own.path().join("home"))?;
        assert!(ann.ok(&["auth", "whoami"]).await?.contains("registrars"));
        borrowed(&kubeconfig).await?;
        let pid = std::fs::read_to_string(folder.join("kube-apiserver.pid"))?.trim().parse()?;
        assert!(alive(pid));
        testbed(&["down"]).await?;
        assert!(!alive(pid));
    }
    Ok(())
}

/// A cluster that is there already is used as it is, with users that exist nowhere else.
async fn borrowed(kubeconfig: &str) -> Outcome {
    let script =
        "kubectl get configmap kept && kubectl --kubeconfig $TESTBED_DIR/kubeconfigs/eve auth whoami";
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_testbed"))
        .args(["run", "--user", "eve:guests", "sh", "-c", script])
        .env("ICP_TEST_KUBECONFIG", kubeconfig)
        .output()
        .await?;
    let said = String::from_utf8(output.stdout)?;
    assert!(output.status.success() && said.contains("eve") && said.contains("guests"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_guarded_process_obeys() -> Outcome {
    let own = tempfile::tempdir()?;
    let log = own.path().join("log");
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script]).env("WORD", "hello").current_dir(own.path());
        Process::spawn("shell", &command, &log)
    };

    let ends = shell("echo $WORD; pwd; echo oops >&2; exit 7")?;
    assert_eq!(ends.wait_exit(Duration::from_secs(5)).await?, 7);
    assert_eq!(ends.log()?, format!("hello\n{}\noops\n", own.path().display()));
    assert!(!ends.is_running() && ends.terminate().is_err());

    let traps = shell("trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done")?;
    until(Duration::from_secs(5), "it is ready", || traps.log().is_ok_and(|log| log == "ready\n")).await?;
    traps.stop()?;
    until(Duration::from_secs(5), "it is frozen", || state(traps.pid()) == Some('T')).await?;
    traps.terminate()?;
    assert!(traps.wait_exit(Duration::from_millis(200)).await.is_err());
    traps.cont()?;
    assert_eq!(traps.wait_exit(Duration::from_secs(5)).await?, 9);

    let killed = shell("trap '' TERM; echo deaf; while :; do sleep 0.05; done")?;
    until(Duration::from_secs(5), "it is deaf", || killed.log().is_ok_and(|log| log == "deaf\n")).await?;
    assert_eq!(killed.end(Duration::from_millis(200)).await?, 128 + 9);

    let dropped = shell("exec sleep 1000")?;
    let pid = dropped.pid();
    drop(dropped);
    until(Duration::from_secs(5), "it ended", || !alive(pid)).await?;

    let missing = Process::spawn("missing", &Command::new(own.path().join("nothing")), &log)?;
    assert_eq!(missing.wait_exit(Duration::from_secs(5)).await?, 127);
    assert!(missing.log_tail().contains("not found"), "{}", missing.log_tail());
    Ok(())
}

async fn until(deadline: Duration, what: &str, mut check: impl FnMut() -> bool) -> Outcome {
    let start = Instant::now();
    while !check() {
        if start.elapsed() > deadline {
            return Err(format!("not in {deadline:?}: {what}").into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

fn alive(pid: u32) -> bool {
    !matches!(state(pid), None | Some('Z' | 'X'))
}

/// The state of a process as the kernel names it; `None` if there is none of that pid.
fn state(pid: u32) -> Option<char> {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    // The name before it may hold anything, but ends with the last parenthesis.
    status.rsplit_once(") ")?.1.chars().next()
}
