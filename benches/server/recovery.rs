//! The API server is away for half a minute while requests wait: how long after its return until all are served, and
//! with how many calls the operator greets it.

use std::time::{Duration, Instant};

use crate::answered::Answers;
use crate::fixture::must;
use crate::ground::Ground;
use crate::large_store::own_calls;
use crate::report::{Figure, Sheet, number};
use crate::settings::Settings;
use crate::stored::{Batch, Part};

/// Instances of a thousand requests.
const INSTANCES: usize = 200;
const AWAY: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_mins(2);

pub async fn measure(settings: Settings, sheet: Sheet) {
    let ground = Ground::start(settings).await;
    let operator = ground.operator().await;
    let batch = Batch::new("w", &ground.namespace, settings.of(INSTANCES));
    ground.stored.put(&batch, Part::Declared).await;
    ground.quiet().await;
    let control_plane = ground.cluster.control_plane();
    must("kill the API server", control_plane.kill_apiserver().await);
    let killed = Instant::now();
    ground.stored.put(&batch, Part::Waiting).await;
    tokio::time::sleep(AWAY.saturating_sub(killed.elapsed())).await;
    must("start the API server again", control_plane.restart_apiserver().await);
    let back = Instant::now();
    let before = own_calls(&operator).await;
    let first_second = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        own_calls(&operator).await - before
    };
    let served = async {
        let answers = Answers::follow_all(&ground.cluster, &batch).await;
        answers.until(batch.count(), LONG).await;
        back.elapsed()
    };
    let (calls, time) = tokio::join!(first_second, served);
    sheet.note(format!(
        "{} requests wait while the API server is away for {} s",
        batch.count(),
        AWAY.as_secs()
    ));
    sheet.add(Figure::new("from its return until all are served", time.as_secs_f64(), "s"));
    sheet.add(Figure::new("calls in the first second after its return", calls, ""));
    sheet.add(Figure::new("the same per request", calls / number(batch.count()), ""));
    operator.finish().await;
    ground.stop().await;
}
