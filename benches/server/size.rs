//! The size of the shipped program. How long it takes to build is not measured here.

use crate::fixture::must;
use crate::operator_process::PROGRAM;
use crate::report::{Figure, Sheet};
use crate::settings::Settings;

#[expect(clippy::unused_async, reason = "as all measures are")]
pub async fn measure(_: Settings, sheet: Sheet) {
    let length = must("look at the program", std::fs::metadata(PROGRAM)).len();
    let mib = f64::from(u32::try_from(length).unwrap_or(u32::MAX)) / 1024.0 / 1024.0;
    sheet.add(Figure::new("the program, stripped", mib, "MiB"));
}
