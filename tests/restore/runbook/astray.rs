//! Who does not follow the runbook: an operator whose watches go on as if nothing had happened, and one without any
//! guard at all.

use serde_json::{Value, json};

use super::{Round, number_of, revision_of};
use crate::cli::{export, import};
use crate::fixture::{Who, must, unique};
use crate::operator_process::{Operator, uuids};
use crate::scene::{REQUEST, request};

impl Round<'_> {
    /// The store has grown past what was seen by the time that the operator asks again: its watches go on as if nothing
    /// had happened, and only the question for the last change of the ledger shows that it is another past.
    pub(super) async fn grown(self) {
        let operator = Operator::start(self.cluster, &[]).await;
        self.before_the_snapshot().await;
        let snapshot = self.folder.join("snapshot");
        must("save a snapshot", self.cluster.control_plane().save_snapshot(&snapshot).await);
        // More than the API server writes by itself when it starts.
        self.grow_past(self.revision().await + 200).await;
        self.after_the_snapshot().await;
        // Every kind has a change that the new past lacks, or its watch would be told that it is too old.
        let touch = ["annotate", "instanceclass", "ecs", "touched=yes", "--overwrite"];
        must("touch a class", self.cluster.kubectl(Who::Admin).ok(&touch).await);
        let seen = self.revision().await;
        must("freeze the operator", operator.process().stop());
        self.put_back(&snapshot, None).await;
        // The API server begins to keep a kind's past when it is first asked for it.
        must("ask for every kind", self.cluster.kubectl(Who::Admin).ok(&["get", "icp", "-A"]).await);
        self.grow_past(seen).await;
        must("let the operator go on", operator.process().cont());
        self.ends_as_restored(&operator, &["went back in time", "docs/restore.md"]).await;
    }

    /// Writes what is none of ours.
    async fn grow_past(&self, revision: u64) {
        let admin = self.cluster.kubectl(Who::Admin);
        while self.revision().await <= revision {
            let maps = (0..50).map(|_| {
                let name = format!("grown-{}", unique());
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}})
            });
            let list = json!({"apiVersion": "v1", "kind": "List", "items": maps.collect::<Vec<_>>()});
            must("grow", admin.ok_with_input(&["create", "-f", "-"], &list.to_string()).await);
        }
    }

    /// The revision of the store.
    async fn revision(&self) -> u64 {
        let list = self.cluster.kubectl(Who::Admin).ok(&["get", "--raw", "/api/v1/namespaces?limit=1"]).await;
        let list: Value = must("read a list", serde_json::from_str(&must("list", list)));
        revision_of(&list)
    }

    /// Nothing guards: no mark, no hold, no import. What was issued is issued again, and the import says so.
    pub(super) async fn unguarded(self) {
        let operator = Operator::start(self.cluster, &[]).await;
        self.before_the_snapshot().await;
        let snapshot = self.folder.join("snapshot");
        must("save a snapshot", self.cluster.control_plane().save_snapshot(&snapshot).await);
        self.after_the_snapshot().await;
        let before = self.records().await;
        let copy = self.copied(&before).await;
        operator.finish().await;
        self.put_back(&snapshot, None).await;

        let operator = Operator::start(self.cluster, &[]).await;
        self.scene.apply(&request("new", &self.server)).await;
        self.scene.ready(REQUEST, "new").await;
        operator.finish().await;
        let reissued = self.records().await;
        let twice: Vec<&String> = before
            .iter()
            .filter(|(name, known)| reissued.get(*name).is_some_and(|r| number_of(r) != number_of(known)))
            .map(|(name, _)| name)
            .collect();
        assert!(!twice.is_empty(), "without a guard a slot is issued twice");
        let admin = self.admin();
        let file = must("read a file", std::fs::read_to_string(&copy));
        let said = ["contradiction: ", twice[0].as_str(), "issued twice, with another number, claim"];
        let ended = export(&admin, &copy).await.said(4, &said);
        assert_eq!(must("read a file", std::fs::read_to_string(&copy)), file);
        let dry = import(&admin, &copy, &["--dry-run"]).await.said(4, &said);
        let refused = import(&admin, &copy, &[]).await.said(4, &["nothing was written", twice[0].as_str()]);
        for ended in [ended, dry, refused] {
            assert_eq!(uuids(&(ended.stdout + &ended.stderr)).count(), 0);
        }
        assert_eq!(self.records().await, reissued);
    }
}
