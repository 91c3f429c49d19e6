//! How many calls each path takes, and how far statuses of instances are gathered. `tests/operator/costs` asserts the
//! same counts.

use crate::bars::{BARS, GATHERED};
use crate::ground::Ground;
use crate::paths::{self, Cost};
use crate::report::{Figure, Sheet, millis, number};
use crate::settings::Settings;

/// How many objects take each path.
const OBJECTS: usize = 10;

pub async fn measure(settings: Settings, sheet: Sheet) {
    let ground = Ground::start(settings).await;
    let operator = ground.operator().await;
    let costs = paths::all(&ground.cluster, settings.of(OBJECTS)).await;
    for (cost, (bar, bars)) in costs.into_iter().zip(BARS) {
        let Cost { path, objects, records, statuses, claims, instances, reads, refused, .. } = cost;
        let each = |count: u64| number(count) / number(objects);
        assert_eq!(path, bar);
        let counts = [
            ("writes of records", records),
            ("writes of statuses", statuses),
            ("writes of statuses of requests", claims),
            ("objects read", reads),
        ];
        for ((what, count), most) in counts.into_iter().zip(bars) {
            sheet.add(Figure::count(format!("{path}: {what}"), each(count), "").at_most(number(most)));
        }
        sheet.note(format!(
            "{path}: {} statuses of instances each, {refused} writes refused",
            each(instances)
        ));
    }
    let gathered = paths::burst(&ground.cluster).await;
    sheet.add(
        Figure::count("statuses of an instance written per hundred numbers", number(gathered.statuses), "")
            .at_most(number(GATHERED)),
    );
    sheet.add(
        Figure::new("the instance counts the last number this much later", millis(gathered.late), "ms")
            .at_most(1000.0),
    );
    operator.finish().await;
    ground.stop().await;
}
