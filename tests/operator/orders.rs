//! Any order of applying the same manifests ends in the same state, and applying them twice changes nothing. The
//! manifests are those of `deploy/samples`, under names of the test's own; see `samples`.

mod samples;

use serde_json::{Value, json};

use crate::fixture::{SOON, eventually};
use crate::rng::Rng;
use crate::scene::{CLASS, FILING, INSTANCE, REQUEST, condition, holds, is_settled, refusals, text};
use crate::stage::shared;
use samples::Samples;

/// Orders beside that of the files and its reverse.
const SAMPLED: u64 = 12;

/// Puts things into an order that a seed stands for (Fisher and Yates).
fn shuffle<T>(things: &mut [T], seed: u64) {
    let mut rng = Rng::new(seed);
    for last in (1..things.len()).rev() {
        things.swap(last, rng.below(last + 1));
    }
}

/// Waits until the samples are as their own words say.
async fn as_intended(samples: &Samples) {
    let state = async |kind: &str, name: &str, what: &str, holds: fn(&Value) -> bool| {
        samples.scene.until(kind, &samples.name(name), what, holds).await
    };
    let reason = |o: &Value| text(condition(o, "Ready"), "/reason").to_owned();
    for (name, word) in [("shop", "Submitted"), ("agency", "Issued"), ("blog", "Issued"), ("docs", "Issued")]
    {
        samples.scene.until(REQUEST, name, word, |o| reason(o) == word).await;
    }
    state(REQUEST, "overseas", "refused", |o| {
        ["RegionNotSupported", "BillingMethodNotSupported", "TooFewMonthsPurchased", "TooFewMonthsRemaining"]
            .iter()
            .all(|reason| refusals(o).contains(*reason))
    })
    .await;
    for (name, word) in [("shop", "Submitted"), ("news", "Bound")] {
        samples.scene.until(FILING, name, word, |o| reason(o) == word).await;
    }
    let quota = |issued: i32, in_use: i32| json!({"limit": 5, "issued": issued, "available": 5 - issued, "inUse": in_use, "consumed": 0});
    let servers =
        [("i-bp67acfmxazb4ph4a1", quota(3, 2)), ("ewh-3kq8d2n1", quota(2, 0)), ("ewh-9vt5b7w4", quota(2, 0))];
    for (id, counted) in servers {
        let id = samples.name(id);
        samples.scene.until(INSTANCE, &id, "counted", |o| o["status"]["quota"] == counted).await;
    }
}

#[tokio::test]
async fn every_order_of_applying_the_samples_ends_in_the_same_state() {
    let reference = Samples::fresh().await;
    for object in &reference.objects {
        reference.scene.put(object).await;
    }
    as_intended(&reference).await;
    let expected = reference.state().await;
    for seed in 0..=SAMPLED {
        let samples = Samples::fresh().await;
        let mut order: Vec<&Value> = samples.objects.iter().collect();
        match seed {
            0 => order.reverse(),
            _ => shuffle(&mut order, seed),
        }
        for object in &order {
            samples.scene.put(object).await;
            // Half of the orders are seen one by one, and half as a burst.
            if seed % 2 == 0 {
                let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
                let settled = |o: &Value| is_settled(o) && (holds(o, "Ready") || holds(o, "Stalled"));
                samples.scene.until(kind, name, "settled", settled).await;
            }
        }
        let names: Vec<String> = order.iter().map(|object| samples.original(object)).collect();
        samples
            .ends_as(&expected, &format!("the state that the order of the files ends in, from {names:?}"))
            .await;
    }
    shared().await.sound().await;
}

#[tokio::test]
async fn every_kind_is_deleted_and_applied_again_in_every_order_and_everything_finds_its_number() {
    let samples = Samples::with_classes_of_their_own().await;
    for object in &samples.objects {
        samples.scene.put(object).await;
    }
    as_intended(&samples).await;
    let (expected, ledger) = (samples.exact_state().await, samples.scene.records().await);
    let kinds = [CLASS, INSTANCE, REQUEST, FILING];
    for order in permutations(&kinds) {
        for kind in &order {
            samples.delete(kind).await;
        }
        for kind in &order {
            for object in samples.objects.iter().filter(|object| text(object, "/kind") == *kind) {
                samples.scene.put(object).await;
            }
        }
        eventually(&format!("same state after {order:?} were deleted and applied again"), SOON, async || {
            let state = samples.exact_state().await;
            if state == expected { Ok(()) } else { Err(samples::difference(&expected, &state)) }
        })
        .await;
    }
    let number = |record: &Value| (record["metadata"]["uid"].clone(), record["spec"]["number"].clone());
    let after = samples.scene.records().await;
    assert_eq!(after.iter().map(number).collect::<Vec<_>>(), ledger.iter().map(number).collect::<Vec<_>>());
    shared().await.sound().await;
}

fn permutations<T: Copy + PartialEq>(of: &[T]) -> Vec<Vec<T>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let first = |&first: &T| {
        let rest: Vec<T> = of.iter().copied().filter(|thing| *thing != first).collect();
        permutations(&rest).into_iter().map(move |rest| [vec![first], rest].concat())
    };
    of.iter().flat_map(first).collect()
}

#[tokio::test]
async fn a_second_apply_prints_unchanged_and_diff_is_empty() {
    let samples = Samples::fresh().await;
    for (kubectl, manifests) in samples.by_writer() {
        let first = kubectl.apply(&manifests).await;
        assert!(first.lines().all(|line| line.ends_with(" created")), "{first}");
    }
    as_intended(&samples).await;
    for (kubectl, manifests) in samples.by_writer() {
        let second = kubectl.apply(&manifests).await;
        assert!(second.lines().all(|line| line.ends_with(" unchanged")), "{second}");
        // It exits with 1 where it would change anything.
        let diff = kubectl.run_with_input(&["diff", "-f", "-"], &manifests.to_string()).await;
        assert!(diff.status.success() && diff.stdout.is_empty(), "{}{}", diff.stdout, diff.stderr);
    }
    shared().await.sound().await;
}
