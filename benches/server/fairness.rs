//! How long a lone request of one tenant waits while a flood of another drains, against how long it waits on an idle
//! operator.

use std::time::{Duration, Instant};

use crate::answered::Answers;
use crate::arrivals::{Pace, arrive};
use crate::fixture::Who;
use crate::ground::Ground;
use crate::report::{Figure, Sheet};
use crate::settings::Settings;
use crate::stored::{Batch, Part};

/// Instances of the flood, with five requests each.
const FLOOD: usize = 1000;
/// Lone requests on an idle operator.
const IDLE: usize = 20;
/// Lone requests during the flood; those that come after it has drained are not counted.
const DURING: usize = 40;
const EVERY: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_mins(2);

pub async fn measure(settings: Settings, sheet: Sheet) {
    let ground = Ground::start(settings).await;
    let tenant = ground.cluster.tenant(Who::Alice).await;
    let operator = ground.operator().await;
    let lone = |name: &str, count: usize| Batch { requests: 1, ..Batch::new(name, &tenant.namespace, count) };
    let (idle, during) = (lone("idle", IDLE), lone("during", DURING));
    let flood = Batch::new("flood", &ground.namespace, settings.of(FLOOD));
    for batch in [&idle, &during, &flood] {
        ground.stored.put(batch, Part::Declared).await;
    }
    ground.quiet().await;
    let pace = |bursts| Pace { every: EVERY, burst: 1, bursts };
    let alone = arrive(&ground.cluster, &idle, pace(IDLE)).await;
    let answers = Answers::follow(&ground.cluster, &flood).await;
    ground.stored.put(&flood, Part::Waiting).await;
    let draining = async {
        answers.until(flood.count(), LONG).await;
        Instant::now()
    };
    let (drained, waits) = tokio::join!(draining, arrive(&ground.cluster, &during, pace(DURING)));
    let crowded = waits.before(drained);
    sheet.note(format!(
        "a flood of {} requests; {} lone ones while it drained",
        flood.count(),
        crowded.count()
    ));
    sheet.add(Figure::new("a lone request waits, idle: p50", alone.p50(), "ms"));
    sheet.add(Figure::new("a lone request waits, in the flood: p50", crowded.p50(), "ms"));
    sheet.add(Figure::new("a lone request waits, in the flood: at most", crowded.longest(), "ms"));
    sheet.add(
        Figure::ratio("a lone request's wait, in the flood / idle", crowded.p50() / alone.p50()).at_most(3.0),
    );
    operator.finish().await;
    ground.stop().await;
}
