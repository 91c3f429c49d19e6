//! Claims whose reasons versions tell differently: where a class is missing, the first versions told no other reason.
//! What two of them come to that work on such a claim at a time.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::Version;
use crate::calls::Calls;
use crate::fixture::{Cluster, Who};
use crate::scene::{
    FILING, INSTANCE, REQUEST, Scene, by_instance, filing, holds, is_settled, refusals, request,
};

/// Why it is refused, as this version tells it.
const REASONS: [&str; 2] = ["ClassNotFound", "InstanceStopped"];
/// For how long it is counted how often something is said.
const WINDOW: Duration = Duration::from_secs(30);

/// An instance of no class that is stopped, and a claim of each kind on it.
pub struct Disputed<'a> {
    scene: Scene<'a>,
    server: String,
}

impl<'a> Disputed<'a> {
    pub async fn declare(cluster: &'a Cluster) -> Self {
        let scene = Scene::on(cluster, Who::Alice).await;
        let server = scene.server(json!({"spec": {"className": "no-such-class", "state": "Stopped"}})).await;
        scene.apply_all(&[request("disputed", &server), filing("disputed", by_instance(&server))]).await;
        Self { scene, server }
    }

    fn objects(&self) -> [(&str, &str); 3] {
        [(INSTANCE, &self.server), (REQUEST, "disputed"), (FILING, "disputed")]
    }

    /// Waits until everything is refused, by a version in its words, or by any.
    pub async fn is_refused_by(&self, version: Option<Version>) {
        for (kind, name) in self.objects() {
            if version == Some(Version::New) {
                self.scene.stalled(kind, name, &REASONS).await;
            } else {
                let refused = |o: &serde_json::Value| {
                    is_settled(o) && holds(o, "Stalled") && refusals(o).contains(REASONS[0])
                };
                self.scene.until(kind, name, "refused", refused).await;
            }
        }
    }

    /// Two that disagree contradict each other after a second, two, four and so on: few writes for any time.
    pub async fn is_said_seldom(&self, cluster: &Cluster) {
        let (before, since) = (Calls::now(cluster).await, Instant::now());
        tokio::time::sleep(WINDOW).await;
        let writes = Calls::now(cluster).await.since(&before).writes();
        let seconds = since.elapsed().as_secs();
        eprintln!("what two versions dispute, in {seconds} s:{writes}");
        let times = u64::from(seconds.max(1).ilog2()) + 2;
        // Each time each of the two writes, and may have to write again after a conflict.
        let most = times * 4 * self.objects().len() as u64;
        let count = writes.count(|_| true);
        assert!(count <= most, "{count} writes and not {most} at most in {seconds} s:{writes}");
    }
}
