//! A thousand claims on one instance: how long until every loser knows, and what the winners' creates met.

use std::time::{Duration, Instant};

use crate::answered::{Answer, Answers};
use crate::calls::{Call, Calls};
use crate::ground::Ground;
use crate::report::{Figure, Sheet, number};
use crate::settings::Settings;
use crate::stored::{Batch, Part};

const CLAIMS: usize = 1000;
const LONG: Duration = Duration::from_mins(2);
/// How long nobody should call afterwards.
const AFTERWARDS: Duration = Duration::from_secs(10);

pub async fn measure(settings: Settings, sheet: Sheet) {
    let ground = Ground::start(settings).await;
    let operator = ground.operator().await;
    let claims = settings.of(CLAIMS);
    let batch = Batch { requests: claims, ..Batch::new("c", &ground.namespace, 1) };
    ground.stored.put(&batch, Part::Declared).await;
    let before = ground.quiet().await;
    let answers = Answers::follow(&ground.cluster, &batch).await;
    ground.stored.put(&batch, Part::Waiting).await;
    let since = Instant::now();
    answers.until(claims, LONG).await;
    let took = since.elapsed();
    let winners = answers.times().values().filter(|(answer, _)| *answer == Answer::Number).count();
    let calls = ground.quiet().await.since(&before);
    let count = |pick: &dyn Fn(&Call) -> bool| number(calls.count(pick));
    let created = |call: &Call| call.verb == "POST" && call.resource == "servicenumbers";
    let said = |call: &Call| call.resource == "servicenumberrequests/status";
    sheet.note(format!("{claims} claims on one instance of five numbers, {winners} winners"));
    sheet.add(Figure::count("winners", number(winners), "").at_most(5.0));
    sheet.add(Figure::new("every claim is answered after", took.as_secs_f64(), "s"));
    sheet.add(
        Figure::count(
            "wasted creates per winner",
            count(&|c| created(c) && c.code == 409) / number(winners),
            "",
        )
        .at_most(1.0),
    );
    sheet.add(Figure::count("statuses written per claim", count(&said) / number(claims), "").at_most(1.0));
    let before = Calls::now(&ground.cluster).await;
    tokio::time::sleep(AFTERWARDS).await;
    let later = Calls::now(&ground.cluster).await.since(&before);
    let work = later.writes().count(|_| true) + later.reads(AFTERWARDS);
    sheet.add(Figure::count("calls in ten seconds afterwards", number(work), "").at_most(0.0));
    operator.finish().await;
    ground.stop().await;
}
