//! One object of every standing: untouched, served, refused, waiting, drafted, submitted, completed, cancelled.

use serde_json::{Value, json};

use crate::fixture::{instance_id, unique};
use crate::reviews::{approve, cancel};
use crate::scene::{
    FILING, INSTANCE, REQUEST, Scene, by_instance, by_request, class, condition, filing, instance, request,
    text, with,
};

/// What is on stage, and how it is expected to end.
#[derive(Debug)]
pub struct Cast {
    /// The class of its instances.
    pub class: String,
    server: String,
    refused: String,
}

/// Requests and filings, with the reason of their Ready condition in the end.
const REQUESTS: [(&str, &str); 6] = [
    ("unused", "Issued"),
    ("granted", "Issued"),
    ("drafted", "InUse"),
    ("sent", "Submitted"),
    ("refused", "RegionNotSupported"),
    ("waiting", "InstanceNotFound"),
];
const FILINGS: [(&str, &str); 7] = [
    ("drafted", "Bound"),
    ("direct", "Bound"),
    ("sent", "Submitted"),
    ("done", "Completed"),
    ("over", "Cancelled"),
    ("late", "NumberSpent"),
    ("waiting", "RequestNotReady"),
];

impl Cast {
    /// Applies everything.
    pub async fn enter(scene: &Scene<'_>) -> Self {
        let cast =
            Self { class: format!("class-{}", unique()), server: instance_id(), refused: instance_id() };
        scene.put(&with(class(&cast.class), json!({"spec": {"quota": 9}}))).await;
        let own = json!({"spec": {"className": cast.class}});
        let abroad = json!({"spec": {"className": cast.class, "region": "us-west-1"}});
        scene.put(&with(instance(&cast.server), own)).await;
        scene.put(&with(instance(&cast.refused), abroad)).await;
        let submit = |filing: Value| with(filing, json!({"spec": {"submit": true}}));
        let server = &cast.server;
        scene
            .apply_all(&[
                request("unused", server),
                with(request("granted", server), json!({"spec": {"filingAccountID": "2002"}})),
                request("drafted", server),
                request("sent", server),
                request("refused", &cast.refused),
                request("waiting", "i-no-such-instance"),
                filing("drafted", by_request("drafted")),
                filing("direct", by_instance(server)),
                submit(filing("sent", by_request("sent"))),
                submit(filing("done", by_instance(server))),
                submit(filing("over", by_instance(server))),
                filing("waiting", by_request("waiting")),
            ])
            .await;
        cast
    }

    /// Has the registrar say his part and waits until everything stands where it is expected.
    pub async fn play(&self, scene: &Scene<'_>) {
        let ended = async |kind: &str, name: &str, reason: &str| {
            scene.until(kind, name, reason, |o| condition(o, "Ready")["reason"] == reason).await
        };
        // Whoever comes late finds the number spent, not merely in use.
        ended(FILING, "sent", "Submitted").await;
        scene.apply(&filing("late", by_request("sent"))).await;
        ended(FILING, "done", "Submitted").await;
        approve(scene, "done").await;
        ended(FILING, "over", "Submitted").await;
        cancel(scene, "over").await;
        for (kind, all) in [(REQUEST, &REQUESTS[..]), (FILING, &FILINGS[..])] {
            for (name, reason) in all {
                ended(kind, name, reason).await;
            }
        }
        ended(INSTANCE, &self.refused, "RegionNotSupported").await;
        let counted = json!({"limit": 9, "issued": 7, "available": 2, "inUse": 3, "consumed": 2});
        scene.until(INSTANCE, &self.server, "counted", |i| i["status"]["quota"] == counted).await;
        let listed = scene.get(INSTANCE, &self.server).await;
        assert_eq!(text(&listed, "/status/unusedNumbers/1/claimedBy").split('/').next(), Some(REQUEST));
    }

    /// What kstatus is expected to say of every object.
    pub fn golden(&self) -> Vec<(String, &'static str)> {
        let says = |reason: &str| match reason {
            "Issued" | "InUse" | "Bound" | "Submitted" | "Completed" => "Current",
            _ => "Failed",
        };
        let named = |kind: &'static str| {
            move |(name, reason): &(&str, &str)| (format!("{kind}/{name}"), says(reason))
        };
        let mut golden: Vec<_> =
            REQUESTS.iter().map(named(REQUEST)).chain(FILINGS.iter().map(named(FILING))).collect();
        golden.push((format!("{INSTANCE}/{}", self.server), "Current"));
        golden.push((format!("{INSTANCE}/{}", self.refused), "Failed"));
        golden
    }
}
