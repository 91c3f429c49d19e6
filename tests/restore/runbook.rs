//! docs/restore.md, step by step: numbers are issued, bound, submitted and consumed, an older snapshot of etcd is put
//! back, and after the import every number is there, in its state, with its claim. The operator runs or is stopped
//! meanwhile, and etcd's revisions are bumped or not. And what happens to whoever skips the guards.

mod astray;

use std::collections::{BTreeMap, HashSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::{export, import, ledger};
use crate::fixture::{Cluster, SOON, Who, eventually, must, repository};
use crate::holes::{a_hole_is_said_and_issues_nothing, the_cron_job_may_copy_and_nothing_else};
use crate::objects::record;
use crate::operator_process::Operator;
use crate::scene::{
    FILING, REQUEST, Scene, by_instance, by_request, filing, holds, refusals, request, text, with,
};

/// How long an operator may take to notice that the store went back: it asks every ten seconds.
const NOTICED: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_number_is_back_after_an_older_store_and_an_import() {
    let cluster = must("start a cluster", Cluster::start().await);
    Round::new(&cluster, "stopped").await.play(false, None).await;
    Round::new(&cluster, "running").await.play(true, None).await;
    Round::new(&cluster, "bumped").await.play(true, Some(1_000_000)).await;
    Round::new(&cluster, "grown").await.grown().await;
    Round::new(&cluster, "unguarded").await.unguarded().await;
    a_hole_is_said_and_issues_nothing(&cluster).await;
    the_cron_job_may_copy_and_nothing_else(&cluster).await;
    cluster.stop().await;
}

/// One ledger, one restore.
struct Round<'a> {
    cluster: &'a Cluster,
    scene: Scene<'a>,
    server: String,
    folder: PathBuf,
}

/// A ledger by names.
type Records = BTreeMap<String, Value>;

impl<'a> Round<'a> {
    async fn new(cluster: &'a Cluster, name: &str) -> Self {
        let folder = cluster.control_plane().dir().join(name);
        must("make a folder", std::fs::create_dir(&folder));
        let scene = Scene::on(cluster, Who::Alice).await;
        let server = scene.server(json!({})).await;
        Self { cluster, scene, server, folder }
    }

    async fn play(self, running: bool, bump: Option<u64>) {
        let operator = Operator::start(self.cluster, &self.state_dir()).await;
        self.before_the_snapshot().await;
        let snapshot = self.folder.join("snapshot");
        must("save a snapshot", self.cluster.control_plane().save_snapshot(&snapshot).await);
        self.after_the_snapshot().await;
        let before = self.records().await;
        let numbers = [self.number(REQUEST, "c").await, self.number(FILING, "by-instance").await];
        let copy = self.copied(&before).await;
        self.mark_is_at(&before).await;

        if !running {
            operator.finish().await;
        }
        self.put_back(&snapshot, bump).await;
        // 1. Whoever ran ends, and whoever starts does not.
        if running {
            self.ends_as_restored(&operator, &["went back in time", "docs/restore.md"]).await;
        }
        let restarted = Operator::spawn(self.cluster, &self.state_dir());
        self.ends_as_restored(
            &restarted,
            &["went back in time", "docs/restore.md", "--accept-restored-store"],
        )
        .await;

        // 2. Held, an operator that knows nothing of it issues nothing, and every claim says why.
        self.hold().await;
        let held = Operator::start(self.cluster, &[]).await;
        let restored = self.records().await;
        self.apply_again().await;
        self.scene.apply(&request("new", &self.server)).await;
        self.scene.apply(&filing("new-filing", by_instance(&self.server))).await;
        for (kind, name) in [(REQUEST, "c"), (REQUEST, "new"), (FILING, "new-filing")] {
            let waiting = self.scene.stalled(kind, name, &["LedgerUnavailable"]).await;
            assert!(waiting.to_string().contains("the ledger is being restored"), "{waiting:#}");
        }
        assert_eq!(self.records().await, restored, "nothing is written while the ledger is held");
        held.finish().await;

        // 3. The copy keeps what the cluster lost, and the import brings it back.
        self.imported(&before, &copy).await;
        assert_eq!(facts(&self.records().await), facts(&before));
        self.release().await;

        // 4. Everything goes on, with the numbers of before.
        let accepted = self.mark()["seen"]["revision"].to_string();
        let mut flags = self.state_dir();
        flags.extend(["--accept-restored-store", &accepted]);
        let operator = Operator::start(self.cluster, &flags).await;
        self.goes_on(&before, &numbers).await;
        self.mark_is_at(&self.records().await).await;
        operator.finish().await;
        Self::sound(&[&operator, &restarted, &held], &before);
    }

    fn state_dir(&self) -> Vec<&str> {
        vec!["--state-dir", self.folder.to_str().expect("a path of letters")]
    }

    fn admin(&self) -> PathBuf {
        self.cluster.kubeconfig(Who::Admin)
    }

    /// Two numbers issued, one of them submitted, and a draft with a number of its own.
    async fn before_the_snapshot(&self) {
        for name in ["a", "b"] {
            self.scene.apply(&request(name, &self.server)).await;
            self.scene.ready(REQUEST, name).await;
        }
        self.scene.apply(&submitted("fa", by_request("a"))).await;
        self.scene.ready(FILING, "fa").await;
        self.scene.apply(&filing("fb", by_request("b"))).await;
        self.scene.ready(FILING, "fb").await;
    }

    /// What the snapshot lacks: two more numbers, a submission, and a number that is consumed.
    async fn after_the_snapshot(&self) {
        self.apply_again().await;
        self.scene.ready(REQUEST, "c").await;
        self.scene.ready(FILING, "by-instance").await;
        self.scene.ready(FILING, "fb").await;
        let name = text(&self.scene.get(FILING, "fa").await, "/status/recordName").to_owned();
        let review = json!({"status": {"review": {
            "recordName": name, "state": "Approved", "icpNumber": "浙ICP备11012345号-1",
        }}});
        let registrar = self.scene.tenant.kubectl(Who::Registrar);
        registrar
            .ok(&["patch", "filing", "fa", "--subresource=status", "--type=merge", "-p", &review.to_string()])
            .await;
        self.scene.record(&name, "Consumed").await;
    }

    /// The manifests as they are after the snapshot, as a pipeline applies them again and again.
    async fn apply_again(&self) {
        self.scene
            .apply_all(&[
                request("c", &self.server),
                filing("by-instance", by_instance(&self.server)),
                submitted("fb", by_request("b")),
            ])
            .await;
    }

    async fn number(&self, kind: &str, name: &str) -> String {
        text(&self.scene.ready(kind, name).await, "/status/serviceNumber").to_owned()
    }

    /// This round's records, by name.
    async fn records(&self) -> Records {
        let records = self.scene.records().await;
        records.into_iter().map(|r| (text(&r, "/metadata/name").to_owned(), r)).collect()
    }

    /// A copy of the ledger, which is for its owner alone and the same when it is made once more.
    async fn copied(&self, before: &Records) -> PathBuf {
        let copy = self.folder.join("ledger.jsonl");
        export(&self.admin(), &copy).await.said(0, &[]);
        let mode = must("look at a file", std::fs::metadata(&copy)).permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let lines = lines_of(&copy);
        for (name, record) in before {
            let line = lines.iter().find(|line| line.contains(&format!("\"name\":\"{name}\"")));
            assert!(line.is_some_and(|line| line.contains(number_of(record))), "{name}");
        }
        export(&self.admin(), &copy).await.said(0, &[]);
        assert_eq!(lines_of(&copy), lines);
        let printed = ledger(&self.admin(), &["export"]).await.said(0, &[]);
        let printed: Vec<String> = printed.stdout.lines().skip(1).map(str::to_owned).collect();
        assert_eq!(printed, lines);
        copy
    }

    async fn imported(&self, before: &Records, copy: &Path) {
        let (admin, lines) = (self.admin(), lines_of(copy));
        export(&admin, copy)
            .await
            .said(3, &["restored from an older copy", "the cluster lacks it", "in a state that it had left"]);
        assert_eq!(lines_of(copy), lines, "a copy loses nothing");
        // Nobody may by himself, not even who may do everything else.
        let restored = self.records().await;
        ledger(&admin, &["import", &copy.display().to_string()])
            .await
            .said(1, &["only the operator writes service numbers", "--as-group=icp-filing.dev:break-glass"]);
        import(&admin, copy, &["--dry-run"])
            .await
            .said(3, &["would add", "would bring forward", "nothing was written"]);
        assert_eq!(self.records().await, restored);
        let done = import(&admin, copy, &[]).await.said(0, &["the cluster has all"]);
        assert_eq!(crate::operator_process::uuids(&(done.stdout + &done.stderr)).count(), 0);
        let after = self.records().await;
        assert_eq!(facts(&after), facts(before));
        import(&admin, copy, &[]).await.said(0, &["nothing to do"]);
        import(&admin, copy, &["--dry-run"]).await.said(0, &["nothing to do"]);
        assert_eq!(self.records().await, after, "the second time nothing is written");
        export(&admin, copy).await.said(0, &[]);
        assert_eq!(lines_of(copy), lines);
    }

    /// Claims that were applied again have their numbers back, and new ones get others.
    async fn goes_on(&self, before: &Records, numbers: &[String; 2]) {
        assert_eq!(self.number(REQUEST, "c").await, numbers[0]);
        assert_eq!(self.number(FILING, "by-instance").await, numbers[1]);
        assert_eq!(
            text(&self.scene.ready(FILING, "fb").await, "/status/recordName"),
            Self::of_claim(before, "b")
        );
        // One slot is left, for whoever of the two that waited is first.
        let (one, other) = (self.answered(REQUEST, "new").await, self.answered(FILING, "new-filing").await);
        assert!(holds(&one, "Ready") != holds(&other, "Ready"), "{one:#} {other:#}");
        let after = self.records().await;
        let all: HashSet<&str> = after.values().map(number_of).collect();
        assert_eq!(all.len(), after.len(), "no number is there twice");
        assert_eq!(after.len(), before.len() + 1);
        for (name, known) in before {
            assert_eq!(number_of(&after[name]), number_of(known));
            assert_eq!(after[name]["spec"]["claim"], known["spec"]["claim"]);
            if holds_for_ever(known) {
                assert_eq!(after[name]["spec"], known["spec"]);
            }
        }
        let consumed = self.scene.get(FILING, "fa").await;
        assert!(!holds(&consumed, "Completed") || refusals(&consumed).is_empty(), "{consumed:#}");
    }

    /// What a claim that was held comes to.
    async fn answered(&self, kind: &str, name: &str) -> Value {
        let exhausted = |o: &Value| refusals(o).contains("QuotaExhausted");
        self.scene.until(kind, name, "answered", |o| holds(o, "Ready") || exhausted(o)).await
    }

    fn of_claim<'r>(records: &'r Records, claim: &str) -> &'r str {
        let found = records.iter().find(|(_, r)| text(r, "/spec/claim/name") == claim);
        found.map(|(name, _)| name.as_str()).expect("a record of the claim")
    }

    async fn put_back(&self, snapshot: &Path, bump: Option<u64>) {
        let control_plane = self.cluster.control_plane();
        must("stop the servers", control_plane.stop_servers().await);
        must("restore a snapshot", control_plane.restore_snapshot(snapshot, bump).await);
        must("start the servers", control_plane.start_servers().await);
    }

    async fn ends_as_restored(&self, operator: &Operator, words: &[&str]) {
        let code = must("see the operator end", operator.process().wait_exit(NOTICED).await);
        assert_eq!(code, 3, "{}", operator.process().log_tail());
        operator.says("ERROR", words).await;
    }

    fn mark(&self) -> Value {
        let text = must("read the mark", std::fs::read_to_string(self.folder.join("high-water.json")));
        must("read the mark", serde_json::from_str(&text))
    }

    /// Waits until the mark is at the last change of the ledger, and sees that it is not ahead of it.
    async fn mark_is_at(&self, records: &Records) {
        let last = records.values().map(revision_of).max();
        eventually("mark of the last change", SOON, async || {
            let mark = self.mark();
            let newest = mark["seen"]["newest"]["revision"].as_u64();
            if newest == last { Ok(()) } else { Err(format!("{mark} and not {last:?}")) }
        })
        .await;
    }

    async fn hold(&self) {
        let admin = self.cluster.kubectl(Who::Admin);
        for folder in ["deploy/hold", "crds", "deploy/policies"] {
            let folder = repository(folder).display().to_string();
            must("apply a folder", admin.ok(&["apply", "--server-side", "-k", &folder]).await);
        }
        self.probe(true).await;
    }

    async fn release(&self) {
        let admin = self.cluster.kubectl(Who::Admin);
        let folder = repository("deploy/hold").display().to_string();
        must("release the ledger", admin.ok(&["delete", "-k", &folder]).await);
        self.probe(false).await;
    }

    /// Waits until the operator's writes are refused, or no longer.
    async fn probe(&self, held: bool) {
        let operator = self.cluster.kubectl(Who::Operator);
        let probe = record(&self.server, 4).to_string();
        eventually("hold", SOON, async || {
            let args = ["create", "-f", "-", "--dry-run=server"];
            let answer = operator.run_with_input(&args, &probe).await.map_err(|e| e.to_string())?;
            if answer.stderr.contains("icp-filing-hold") == held { Ok(()) } else { Err(answer.stderr) }
        })
        .await;
    }

    /// No log of an operator holds a number, nor a trace of a defect.
    fn sound(operators: &[&Operator], records: &Records) {
        let numbers = records.values().map(|r| number_of(r).to_owned()).collect();
        for operator in operators {
            operator.sound(&numbers);
        }
    }
}

fn submitted(name: &str, source: Value) -> Value {
    with(filing(name, source), json!({"spec": {"submit": true}}))
}

fn number_of(record: &Value) -> &str {
    text(record, "/spec/number")
}

fn revision_of(record: &Value) -> u64 {
    text(record, "/metadata/resourceVersion").parse().expect("a revision")
}

fn facts(records: &Records) -> BTreeMap<&str, &Value> {
    records.iter().map(|(name, record)| (name.as_str(), &record["spec"])).collect()
}

fn holds_for_ever(record: &Value) -> bool {
    record["spec"]["submittedTime"].is_string()
}

/// The records of a copy, without its header.
fn lines_of(copy: &Path) -> Vec<String> {
    let text = must("read a copy", std::fs::read_to_string(copy));
    text.lines().skip(1).map(str::to_owned).collect()
}
