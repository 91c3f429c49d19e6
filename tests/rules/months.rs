//! Calendar months, by property: over the whole range of time and without a panic.

use icp_filing_operator::rules::calendar::{months_after, months_before, whole_months};
use k8s_openapi::jiff::{Timestamp, ToSpan};
use proptest::prelude::*;

/// Any instant there is, with a liking for the ends and for times that people write.
fn instant() -> impl Strategy<Value = Timestamp> {
    let whole = Timestamp::MIN.as_second()..=Timestamp::MAX.as_second();
    let ours = 1_577_836_800_i64..1_893_456_000;
    prop_oneof![
        1 => Just(Timestamp::MIN),
        1 => Just(Timestamp::MAX),
        3 => whole.prop_map(|s| Timestamp::from_second(s).expect("in range")),
        6 => ours.prop_map(|s| Timestamp::from_second(s).expect("in range")),
    ]
}

/// Midnights in China of this century: when subscriptions begin and end.
fn midnight() -> impl Strategy<Value = Timestamp> {
    (10_957_i64..40_000).prop_map(|day| Timestamp::from_second(day * 86_400 - 8 * 3600).expect("in range"))
}

proptest! {
    #[test]
    fn no_instant_and_no_count_of_months_panics(a in instant(), b in instant(), months in any::<i32>()) {
        _ = (months_after(a, months), months_before(a, months));
        prop_assert!(whole_months(a, b) >= 0);
        prop_assert_eq!(whole_months(a, a), 0);
    }

    #[test]
    fn the_ends_of_time_hold(a in instant(), months in 0..=i32::MAX) {
        prop_assert!(months_after(a, months) >= a);
        prop_assert!(months_before(a, months) <= a);
    }

    #[test]
    fn more_months_are_never_less_time(a in instant(), few in 0..5000_i32, more in 0..5000_i32) {
        prop_assert!(months_after(a, few + more) >= months_after(a, few));
        prop_assert!(months_before(a, few + more) <= months_before(a, few));
    }

    #[test]
    fn months_grow_with_the_end_and_shrink_with_the_start(a in midnight(), b in midnight(), c in midnight()) {
        let mut at = [a, b, c];
        at.sort();
        prop_assert!(whole_months(at[0], at[1]) <= whole_months(at[0], at[2]));
        prop_assert!(whole_months(at[0], at[2]) >= whole_months(at[1], at[2]));
    }

    #[test]
    fn of_two_midnights_the_later_is_later_after_months_too(a in midnight(), b in midnight(), months in -500..500_i32) {
        let (a, b) = (a.min(b), a.max(b));
        prop_assert!(months_after(a, months) <= months_after(b, months));
    }

    #[test]
    fn months_that_were_added_are_counted(a in midnight(), months in 0..500_i32) {
        prop_assert_eq!(whole_months(a, months_after(a, months)), months);
        let short = months_after(a, months).checked_sub(1.second()).expect("in range");
        prop_assert_eq!(whole_months(a, short), (months - 1).max(0));
    }

    #[test]
    fn there_and_back_is_at_most_the_days_that_a_short_month_lacks(a in midnight(), months in 0..500_i32) {
        let (forth, back) = (months_before(months_after(a, months), months), months_after(months_before(a, months), months));
        for other in [forth, back] {
            prop_assert!(other <= a);
            prop_assert!(a.duration_since(other).as_hours() <= 3 * 24, "{a} and {other}");
        }
    }

    #[test]
    fn a_count_is_the_last_that_fits(a in midnight(), b in midnight()) {
        let (a, b) = (a.min(b), a.max(b));
        let months = whole_months(a, b);
        prop_assert!(months_after(a, months) <= b);
        prop_assert!(months_after(a, months + 1) > b);
    }
}
