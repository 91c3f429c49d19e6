//! The same thousand numbers issued into a store of a thousand, ten thousand and a hundred thousand records, by the
//! operator and, for what of it is the server's, by a raw writer.

use crate::ground::Ground;
use crate::raw_writer::RawWriter;
use crate::report::{Figure, Sheet, median};
use crate::settings::Settings;
use crate::stored::{Batch, Part, REQUESTS};
use crate::throughput::{by_raw_writer, issue};

/// Records, each with its request.
const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
/// Instances of the thousand numbers.
const INSTANCES: usize = 200;
/// How often they are issued; the middle counts.
const ROUNDS: usize = 3;
const AT_ONCE: usize = 16;

pub async fn measure(settings: Settings, sheet: Sheet) {
    let ground = Ground::start(settings).await;
    let raw = RawWriter::new(&ground.cluster).await;
    let (mut stored, mut rates) = (0, Vec::new());
    for size in SIZES.map(|size| settings.of(size) / REQUESTS) {
        let more = Batch::new(format!("s{size}"), &ground.namespace, size - stored);
        sheet.progress(format!("storing {} records and requests", more.count()));
        ground.stored.put(&more, Part::Served).await;
        stored = size;
        ground.caught_up().await;
        let (mut operator_rates, mut raw_rates) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let batch =
                |who| Batch::new(format!("{who}{size}x{round}"), &ground.namespace, settings.of(INSTANCES));
            raw_rates.push(by_raw_writer(&ground, &raw, &batch("r"), AT_ONCE).await.rate);
            let operator = ground.operator().await;
            ground.quiet().await;
            operator_rates.push(issue(&ground, &batch("o")).await);
            operator.finish().await;
            ground.stored.remove(&batch("o")).await;
        }
        let (rate, raw_rate) = (median(&operator_rates), median(&raw_rates));
        let records = size * REQUESTS;
        sheet.add(Figure::new(format!("time per number, {records} records"), 1000.0 / rate, "ms"));
        sheet.add(Figure::new(
            format!("the same by the raw writer, {records} records"),
            1000.0 / raw_rate,
            "ms",
        ));
        rates.push((rate, raw_rate));
    }
    if let [(small, raw_small), .., (large, raw_large)] = rates[..] {
        let times = "a hundred times the records: time per number";
        sheet.add(Figure::ratio(times, small / large).at_most(1.2));
        sheet.add(Figure::ratio(format!("{times}, raw writer"), raw_small / raw_large));
    }
    ground.stop().await;
}
