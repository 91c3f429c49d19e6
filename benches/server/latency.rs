//! How long a request waits for its number: from the call that creates it until a watch shows the number, where
//! requests arrive at some rate; and the rate from which on they wait more than a second.

use std::time::Duration;

use crate::answered::Answers;
use crate::arrivals::{Pace, Waits, arrive, creation};
use crate::ground::Ground;
use crate::raw_writer::{Calls, RawWriter, writes};
use crate::report::{Figure, Sheet};
use crate::settings::Settings;
use crate::stored::{Batch, Part, REQUESTS};

/// Rate, burst, and what half and 99 of a hundred should not wait, in milliseconds.
const PACES: [(u32, u32, Option<[f64; 2]>); 4] = [
    (10, 1, Some([15.0, 60.0])),
    (10, 5, Some([15.0, 60.0])),
    (50, 1, Some([25.0, 250.0])),
    (50, 25, Some([25.0, 250.0])),
];
const MINUTE: usize = 60;
/// Seconds that each of the rising rates is held.
const STEP: usize = 5;
/// From half of what the raw writer does up to a bit more than that, in tenths.
const TENTHS: std::ops::RangeInclusive<u32> = 5..=12;
/// Instances of the leg that says what the raw writer does.
const INSTANCES: usize = 400;
const AT_ONCE: usize = 16;
const LEG: Duration = Duration::from_mins(2);
/// What 99 of a hundred may wait for a rate to count as served.
const KNEE: f64 = 1000.0;

pub async fn measure(settings: Settings, sheet: Sheet) {
    let ground = Ground::start(settings).await;
    let operator = ground.operator().await;
    for (rate, burst, aims) in PACES {
        let seconds = settings.of(MINUTE) as u64;
        let pace = Pace::new(f64::from(rate), burst, Duration::from_secs(seconds));
        let waits = take(&ground, &format!("p{rate}-{burst}"), pace).await;
        let bursts = if burst == 1 { String::new() } else { format!(" in bursts of {burst}") };
        for (at, (what, value)) in [("p50", waits.p50()), ("p99", waits.p99())].into_iter().enumerate() {
            let figure = Figure::new(format!("{what} of {rate} requests a second{bursts}"), value, "ms");
            sheet.add(match aims {
                Some(aims) => figure.at_most(aims[at]),
                None => figure,
            });
        }
    }
    operator.finish().await;
    let raw = raw_capacity(&ground, settings).await;
    sheet.progress(format!("the raw writer creates and serves {raw:.0} requests a second"));
    let operator = ground.operator().await;
    let mut held = 0.0;
    for tenths in TENTHS {
        let rate = raw * f64::from(tenths) / 10.0;
        let pace = Pace::new(rate, 1, Duration::from_secs(settings.of(STEP) as u64));
        let waits = take(&ground, &format!("k{tenths}"), pace).await;
        sheet.progress(format!("{rate:.0} a second: p50 {:.0} ms, p99 {:.0} ms", waits.p50(), waits.p99()));
        if waits.p99() > KNEE {
            break;
        }
        held = f64::from(tenths) / 10.0;
    }
    sheet.note(
        "the raw writer here also creates the requests: three writes for each, as all clients together make",
    );
    sheet.add(Figure::new("requests created and served a second, raw writer", raw, "1/s"));
    sheet.add(
        Figure::ratio("the rate up to which p99 is within a second, operator / raw writer", held)
            .at_least(0.9),
    );
    operator.finish().await;
    ground.stop().await;
}

async fn take(ground: &Ground, name: &str, pace: Pace) -> Waits {
    let batch = Batch::new(name, &ground.namespace, pace.count().div_ceil(REQUESTS));
    ground.stored.put(&batch, Part::Declared).await;
    ground.quiet().await;
    let waits = arrive(&ground.cluster, &batch, pace).await;
    ground.quiet().await;
    waits
}

/// How many requests a second are created and served where all three writes are prepared.
async fn raw_capacity(ground: &Ground, settings: Settings) -> f64 {
    let batch = Batch::new("raw", &ground.namespace, settings.of(INSTANCES));
    ground.stored.put(&batch, Part::Declared).await;
    // No revision is named: the requests are not there yet.
    let waiting = ground.stored.waiting(&batch, &[]);
    let calls = waiting.iter().enumerate().map(|(n, waiting)| {
        let asked = Some(creation(&batch, n / REQUESTS, n % REQUESTS));
        Calls { asked, ..writes(&batch.namespace, waiting) }
    });
    let raw = RawWriter::new(&ground.cluster).await;
    let answers = Answers::follow(&ground.cluster, &batch).await;
    raw.write(calls.collect(), AT_ONCE).await;
    answers.until(batch.count(), LEG).await;
    ground.stored.remove(&batch).await;
    answers.rate()
}
