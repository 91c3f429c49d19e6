//! Single values as users write them: numbers, regions and what a class says of them, times. Each on a line of its own.

use icp_filing_operator::api::Regions;
use icp_filing_operator::rules::{calendar, eligibility, number};
use k8s_openapi::jiff::Timestamp;

/// Takes any text.
pub fn check(text: &str) {
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap_or_default();
    let value = next();
    if let Some(normal) = number::normalize(value) {
        assert_eq!(normal, value.to_ascii_lowercase());
        assert_eq!(number::normalize(&normal), Some(normal));
    }
    let mut patterns = || next().split(',').map(str::to_owned).collect();
    let regions = Regions { allowed: patterns(), denied: patterns() };
    let _ = eligibility::region_qualifies(&regions, value);
    let months = next().parse().unwrap_or(i32::MAX);
    let (Ok(from), Ok(to)) = (next().parse::<Timestamp>(), next().parse()) else { return };
    let whole = calendar::whole_months(from, to);
    assert!(whole == 0 || calendar::months_after(from, whole) <= to);
    let _ = calendar::months_after(from, months);
    let _ = calendar::months_before(to, months);
}
