//! One key with many numbers, all claimed at once, against as many numbers on many keys: claims on one key take turns.

use serde_json::json;

use crate::fixture::{Who, must};
use crate::ground::Ground;
use crate::report::{Figure, Sheet, median, number};
use crate::scene::{CLASS, class, with};
use crate::settings::Settings;
use crate::stored::{Batch, REQUESTS};
use crate::throughput::issue;

/// As many numbers as a class may have by its schema.
const QUOTA: usize = 1000;
/// How many instances of the account share them.
const INSTANCES: usize = 20;
const ROUNDS: usize = 3;

pub async fn measure(settings: Settings, sheet: Sheet) {
    let ground = Ground::start(settings).await;
    let operator = ground.operator().await;
    let quota = settings.of(QUOTA).max(INSTANCES);
    sheet.note(format!("a quota of {QUOTA} is the most that the schema of a class allows"));
    let (mut one, mut many) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let name = format!("account-{round}");
        let per_account = json!({"spec": {"quota": QUOTA, "quotaScope": "Account"}});
        declare(&ground, &with(class(&name), per_account)).await;
        let instances = INSTANCES;
        let one_key = Batch {
            requests: quota / instances,
            class: name,
            ..Batch::new(format!("a{round}"), &ground.namespace, instances)
        };
        one.push(issue(&ground, &one_key).await);
        let batch = Batch::new(format!("m{round}"), &ground.namespace, quota / REQUESTS);
        many.push(issue(&ground, &batch).await);
        sheet.progress(format!("one key {:.0}, many keys {:.0} numbers per second", one[round], many[round]));
    }
    let ratios: Vec<_> = one.iter().zip(&many).map(|(one, many)| many / one).collect();
    sheet.note(format!("{} numbers of one account on {INSTANCES} instances", number(quota)));
    sheet.add(Figure::ratio("time per number, one key / many keys", median(&ratios)).at_most(1.5));
    operator.finish().await;
    ground.stop().await;
}

async fn declare(ground: &Ground, class: &serde_json::Value) {
    let (kubectl, manifest) = (ground.cluster.kubectl(Who::PlatformAdmin), class.to_string());
    let output = must("declare a class", kubectl.run_with_input(&["create", "-f", "-"], &manifest).await);
    assert!(output.status.success(), "{CLASS}: {}", output.stderr);
}
