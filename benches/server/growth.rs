//! The same thousand numbers issued into stores of several sizes, by the operator and, for what of it is the server's, by
//! a raw writer.

use crate::ground::Ground;
use crate::raw_writer::RawWriter;
use crate::report::{Figure, Sheet, median};
use crate::settings::Settings;
use crate::stored::Batch;
use crate::throughput::{by_raw_writer, issue};

/// Instances of the thousand numbers.
const INSTANCES: usize = 200;
/// How often they are issued; the middle counts.
const ROUNDS: usize = 3;
const AT_ONCE: usize = 16;

/// Numbers per second in a store, from a small one to a large one.
pub struct Growth {
    raw: RawWriter,
    rates: Vec<(f64, f64)>,
}

impl Growth {
    /// Nothing measured yet.
    pub async fn new(ground: &Ground) -> Self {
        Self { raw: RawWriter::new(&ground.cluster).await, rates: Vec::new() }
    }

    /// Issues the thousand into a store of so many records, each with its request, and leaves it as it was.
    pub async fn measure(&mut self, ground: &Ground, settings: Settings, sheet: &Sheet, records: usize) {
        let (mut operator_rates, mut raw_rates) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let batch = |who| {
                Batch::new(format!("{who}{records}x{round}"), &ground.namespace, settings.of(INSTANCES))
            };
            raw_rates.push(by_raw_writer(ground, &self.raw, &batch("r"), AT_ONCE).await.rate);
            let operator = ground.operator().await;
            ground.quiet().await;
            operator_rates.push(issue(ground, &batch("o")).await);
            operator.finish().await;
            ground.stored.remove(&batch("o")).await;
        }
        let (rate, raw_rate) = (median(&operator_rates), median(&raw_rates));
        sheet.add(Figure::new(format!("time per number, {records} records"), 1000.0 / rate, "ms"));
        let raw = format!("the same by the raw writer, {records} records");
        sheet.add(Figure::new(raw, 1000.0 / raw_rate, "ms"));
        self.rates.push((rate, raw_rate));
    }

    /// The largest store against the smallest.
    pub fn conclude(self, sheet: &Sheet) {
        if let [(small, raw_small), .., (large, raw_large)] = self.rates[..] {
            let times = "a hundred times the records: time per number";
            sheet.add(Figure::ratio(times, small / large).at_most(1.2));
            sheet.add(Figure::ratio(format!("{times}, raw writer"), raw_small / raw_large));
        }
    }
}
