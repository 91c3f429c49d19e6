//! Calendar months, as a provider of mainland China counts them. Pure arithmetic on instants.
//!
//! Subscriptions run from midnight to midnight in China, which has one time zone and no daylight saving,
//! so months are counted at UTC+8: `2026-01-31T16:00Z` is the first of February there.

use k8s_openapi::jiff::{Timestamp, ToSpan, Zoned, civil::DateTime, tz::Offset};

const CHINA: Offset = k8s_openapi::jiff::tz::offset(8);

/// `months` calendar months after `from`. The end of a short month stands for days that it lacks.
#[must_use]
pub fn months_after(from: Timestamp, months: i32) -> Timestamp {
    shift(from, i64::from(months)).unwrap_or(Timestamp::MAX)
}

/// `months` calendar months before `to`. The end of a short month stands for days that it lacks.
#[must_use]
pub fn months_before(to: Timestamp, months: i32) -> Timestamp {
    shift(to, -i64::from(months)).unwrap_or(Timestamp::MIN)
}

/// How many whole calendar months fit between two instants; 0 when `to` is not later.
#[must_use]
pub fn whole_months(from: Timestamp, to: Timestamp) -> i32 {
    let (a, b) = (civil(from), civil(to));
    let mut months =
        (i32::from(b.year()) - i32::from(a.year())) * 12 + i32::from(b.month()) - i32::from(a.month());
    // In the calendar month of `to`, so one less is earlier.
    if months_after(from, months) > to {
        months -= 1;
    }
    months.max(0)
}

fn civil(t: Timestamp) -> DateTime {
    CHINA.to_datetime(t)
}

/// `None` when the result is outside of the calendar.
fn shift(t: Timestamp, months: i64) -> Option<Timestamp> {
    let zoned: Zoned = t.to_zoned(CHINA.to_time_zone());
    // Bounded before the span is made, which would panic on what no calendar holds.
    let months = months.clamp(-119_988, 119_988);
    zoned.checked_add(months.months()).ok().map(|z| z.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(s: &str) -> Timestamp {
        s.parse().expect("a timestamp")
    }

    #[test]
    fn months_are_counted_on_the_calendar_of_china() {
        // First of February to first of May there; the 31st of January to the 30th of April in UTC.
        assert_eq!(whole_months(t("2026-01-31T16:00:00Z"), t("2026-04-30T16:00:00Z")), 3);
        assert_eq!(whole_months(t("2026-01-31T16:00:00Z"), t("2026-04-30T15:59:59Z")), 2);
        // The 30th of November to the 28th of February: the end of a short month is a whole month.
        assert_eq!(whole_months(t("2026-11-29T16:00:00Z"), t("2027-02-27T16:00:00Z")), 3);
    }

    #[test]
    fn time_that_runs_backwards_has_no_months() {
        assert_eq!(whole_months(t("2026-05-01T00:00:00Z"), t("2026-01-01T00:00:00Z")), 0);
        assert_eq!(whole_months(t("2026-05-01T00:00:00Z"), t("2026-05-01T00:00:00Z")), 0);
    }

    #[test]
    fn the_ends_of_the_calendar_hold() {
        assert_eq!(months_after(Timestamp::MAX, i32::MAX), Timestamp::MAX);
        assert_eq!(months_before(Timestamp::MIN, i32::MAX), Timestamp::MIN);
        assert!(whole_months(Timestamp::MIN, Timestamp::MAX) > 100_000);
    }
}
