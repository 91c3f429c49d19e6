//! How many calls each path takes, and how far statuses of instances are gathered. `tests/operator/costs` asserts the
//! same counts.

use crate::ground::Ground;
use crate::paths::{self, Cost};
use crate::report::{Figure, Sheet, millis, number};
use crate::settings::Settings;

/// How many objects take each path.
const OBJECTS: usize = 10;

/// The writes of records and statuses that a path may take, and the objects read.
fn aims(path: &str) -> Option<[f64; 3]> {
    match path {
        "request" => Some([1.0, 1.0, 0.0]),
        "request applied again" => Some([0.0, 1.0, 0.0]),
        "draft by request" | "draft by instance" | "draft submitted" | "approval" => Some([1.0, 1.0, 1.0]),
        "draft deleted" => Some([1.0, 0.0, 1.0]),
        _ if path.ends_with("submitted at once") => Some([2.0, 1.0, 1.0]),
        _ => None,
    }
}

pub async fn measure(settings: Settings, sheet: Sheet) {
    let ground = Ground::start(settings).await;
    let operator = ground.operator().await;
    for cost in paths::all(&ground.cluster, settings.of(OBJECTS)).await {
        let Cost { path, objects, records, statuses, claims, instances, reads, refused, .. } = cost;
        let each = |count: u64| whole(count) / whole(objects);
        let [most_records, most_statuses, most_reads] = aims(path).unwrap_or([f64::INFINITY; 3]);
        let add = |what: &str, count: u64, most: f64| {
            sheet.add(Figure::count(format!("{path}: {what}"), each(count), "").at_most(most));
        };
        add("writes of records", records, most_records);
        add("writes of statuses", statuses, most_statuses);
        add("objects read", reads, most_reads);
        if claims > 0 {
            sheet.add(Figure::count(format!("{path}: writes of statuses of requests"), each(claims), ""));
        }
        sheet.note(format!(
            "{path}: {} statuses of instances each, {refused} writes refused",
            each(instances)
        ));
    }
    let gathered = paths::burst(&ground.cluster).await;
    sheet.add(
        Figure::count("statuses of an instance written per hundred numbers", whole(gathered.statuses), "")
            .at_most(10.0),
    );
    sheet.add(
        Figure::new("the instance counts the last number this much later", millis(gathered.late), "ms")
            .at_most(1000.0),
    );
    operator.finish().await;
    ground.stop().await;
}

fn whole(count: u64) -> f64 {
    number(usize::try_from(count).unwrap_or(usize::MAX))
}
