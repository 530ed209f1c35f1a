use super::*;

const HOUR: Duration = Duration::from_secs(3_600);
const MONTH: Duration = Duration::from_secs(30 * 86_400);

fn percent(text: &str) -> Percent {
    text.parse().unwrap()
}

fn ratio(text: &str) -> Ratio {
    text.parse().unwrap()
}

fn budget(target: &str, good: u64, bad: u64) -> Budget {
    Budget::new(percent(target), MONTH, good, bad)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// So many seconds of the month.
fn seen(seconds: u64) -> SeenTime {
    SeenTime::new(Duration::from_secs(seconds), MONTH)
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn two_bad_minutes_of_43_2_leave_95_4_percent_at_every_age() {
    for (good, minutes) in [(15, 18), (1_438, 1_440), (43_198, 43_200)] {
        let budget = budget("99.9", good, 2).with_time_slices(seen(60 * minutes), MINUTE);
        assert_eq!(budget.window_events(), Some(Ratio::from(43_200)));
        assert_eq!(budget.event_budget(), Some(ratio("43.2")));
        assert_eq!(budget.consumed(), Ratio::new(20, 432), "{minutes}");
        assert_eq!(budget.remaining().unwrap().format_floor(3), "0.953");
        assert_eq!(budget.sli(), Ratio::new(good.into(), u128::from(good) + 2));
    }
}

#[test]
fn events_of_a_part_are_those_of_the_window_at_its_pace() {
    // An outage of 33 s in the first 20 minutes, of ten requests a second.
    let early = budget("99.9", 11_670, 330).with_seen(seen(1_200));
    assert_eq!(early.total(), 12_000);
    assert_eq!(early.window_events(), Some(Ratio::from(25_920_000)));
    assert_eq!(early.event_budget(), Some(Ratio::from(25_920)));
    // 33 s of 43 min 12 s.
    assert_eq!(early.consumed(), Ratio::new(33, 2_592));
    // A month later nothing about it has changed.
    let late = budget("99.9", 25_919_670, 330).with_seen(seen(30 * 86_400));
    assert_eq!(late.consumed(), early.consumed());
    assert_eq!(late, budget("99.9", 25_919_670, 330), "the textbook's");
}

#[test]
fn an_outage_from_the_first_minute_on_spends_time_and_is_signed_and_never_clamped() {
    for (minutes, left) in [(1, "0.976"), (43, "0.004"), (44, "-0.019"), (432, "-9")] {
        let (events, seen) = (600 * minutes, seen(60 * minutes));
        let requests = budget("99.9", 0, events).with_seen(seen);
        let slices = budget("99.9", 0, minutes).with_time_slices(seen, MINUTE);
        assert_eq!(requests.remaining(), slices.remaining());
        let shown = slices.remaining().unwrap().format_floor(3);
        assert!(shown.starts_with(left), "{minutes}: {shown}");
    }
}

#[test]
fn a_pace_that_was_never_seen_is_not_known_and_slices_are() {
    let unseen = budget("99", 5, 1).with_seen(seen(0));
    assert_eq!(
        (unseen.window_events(), unseen.event_budget()),
        (None, None)
    );
    assert_eq!((unseen.consumed(), unseen.remaining()), (None, None));
    assert_eq!(unseen.sli(), Ratio::new(5, 6));
    assert_eq!(unseen.time_to_exhaustion(Ratio::ONE), None);
    let slices = budget("99", 5, 1).with_time_slices(seen(0), MINUTE);
    assert_eq!(slices.consumed(), Ratio::new(1, 432));
    let quiet = budget("99", 0, 0).with_time_slices(seen(600), MINUTE);
    assert_eq!(quiet.remaining(), None, "no data is no 100 %");
    let no_slice = budget("99", 99, 1).with_time_slices(seen(15 * 86_400), Duration::ZERO);
    assert_eq!(no_slice.consumed(), Some(ratio("0.5")));
}

#[test]
fn what_is_left_does_not_jump_as_a_window_fills_at_one_pace() {
    let mut numbers = Numbers(0xa9e);
    for _ in 0..2_000 {
        let (target, seconds) = (numbers.target(), 1 + numbers.below(2_592_000));
        let (good, bad) = (numbers.below(1 << 30), numbers.below(1 << 20));
        let part = Budget::new(target, MONTH, good, bad).with_seen(seen(seconds));
        let more = Budget::new(target, MONTH, good * 7, bad * 7);
        let more = more.with_seen(SeenTime::new(7 * Duration::from_secs(seconds), 7 * MONTH));
        assert_eq!(part.consumed(), more.consumed());
        // Consumed is what is bad over what may be, by a way of its own.
        if let (Some(consumed), Some(permitted)) = (part.consumed(), part.event_budget()) {
            let bad = Ratio::new(i128::from(bad), 1).unwrap();
            assert_eq!(Some(consumed), bad.checked_div(permitted));
        }
    }
}

#[test]
fn counts_and_targets_at_the_ends_of_their_range_have_a_budget() {
    let decade = SeenTime::new(
        Duration::from_nanos(u64::MAX - 1),
        Duration::from_nanos(u64::MAX),
    );
    for (good, bad) in [
        (u64::MAX, u64::MAX),
        (u64::MAX, 1),
        (0, u64::MAX),
        (1, u64::MAX - 58),
    ] {
        let budget = Budget::new(percent("99.999999999999"), MONTH, good, bad).with_seen(decade);
        let expected = bad as f64 / (good as f64 + bad as f64) / 1e-14;
        let consumed = budget.consumed().unwrap().to_f64();
        assert!(
            (consumed / expected - 1.0).abs() < 1e-6,
            "{consumed} {expected}"
        );
    }
}

/// Numbers that are the same in every run, in the manner of xorshift.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// Small, large, and in between: what breaks is at the edges.
    fn count(&mut self) -> u64 {
        let bits = self.below(65);
        let all = self.below(u64::MAX);
        all.checked_shr(64 - u32::try_from(bits).unwrap())
            .unwrap_or(0)
    }

    fn target(&mut self) -> Percent {
        let billionths = 1 + self.below(99_999_999_999);
        let (whole, decimals) = (billionths / 1_000_000_000, billionths % 1_000_000_000);
        percent(&format!("{whole}.{decimals:09}"))
    }
}

#[test]
fn time_budgets_of_30_days_are_those_that_people_know() {
    for (target, minutes, seconds) in [
        ("99.9", 43, 12),
        ("99.5", 216, 0),
        ("99", 432, 0),
        ("95", 36 * 60, 0),
        ("99.99", 4, 19),
    ] {
        let time = budget(target, 0, 0).time_budget();
        assert_eq!(time.as_secs(), minutes * 60 + seconds, "{target}");
    }
}

#[test]
fn exactly_10x_is_not_more_than_10x_and_one_event_more_is() {
    let rate = |bad| budget("99.9", 100_000 - bad, bad).consumed().unwrap();
    assert_eq!(rate(1_000), Ratio::from(10));
    assert!(rate(1_001) > Ratio::from(10));
    // The same where the permitted share has no binary representation and counts are huge.
    let total = 10_u64.pow(19);
    let rate = |bad| budget("99.9", total - bad, bad).consumed().unwrap();
    assert_eq!(rate(total / 100), Ratio::from(10));
    assert!(rate(total / 100 + 1) > Ratio::from(10));
    assert_eq!(rate(total / 100 + 1).to_f64(), 10.0, "a float can't tell");
}

#[test]
fn no_traffic_has_a_budget_of_time_and_no_shares() {
    let quiet = budget("99.9", 0, 0);
    assert_eq!(quiet.time_budget().as_secs(), 2_592);
    assert_eq!(quiet.event_budget(), Some(Ratio::ZERO));
    assert_eq!(
        (quiet.sli(), quiet.consumed(), quiet.remaining()),
        (None, None, None)
    );
    assert_eq!(quiet.time_to_exhaustion(Ratio::ONE), None);
}

#[test]
fn an_overspent_budget_is_negative_and_has_no_time_left() {
    let spent = budget("99", 9_700, 300);
    assert_eq!(spent.remaining(), Some(ratio("-2")));
    assert_eq!(spent.time_to_exhaustion(Ratio::ONE), Some(Duration::ZERO));
}

/// The workbook's table "Burn rates and time to complete budget exhaustion", of a target of 99.9.
#[test]
fn burn_rates_and_times_to_exhaustion_are_those_of_the_workbook() {
    let untouched = budget("99.9", 1_000, 0);
    let days = |days: u64| Duration::from_secs(days * 86_400);
    for (good, bad, rate, lasts) in [
        (999, 1, "1", days(30)),
        (998, 2, "2", days(15)),
        (990, 10, "10", days(3)),
        // The workbook says 43 minutes.
        (0, 1_000, "1000", Duration::from_secs(43 * 60 + 12)),
    ] {
        let burning = budget("99.9", good, bad).consumed().unwrap();
        assert_eq!(burning, ratio(rate));
        assert_eq!(
            untouched.time_to_exhaustion(burning),
            Some(lasts),
            "{rate}x"
        );
    }
}

#[test]
fn exhaustion_is_reckoned_from_what_remains() {
    // A quarter of the budget is left; 5x would spend all of it in 6 days.
    let left = budget("99", 39_700, 300);
    assert_eq!(left.remaining(), Some(ratio("0.25")));
    assert_eq!(left.time_to_exhaustion(Ratio::from(5)), Some(36 * HOUR));
    assert_eq!(left.time_to_exhaustion(Ratio::ZERO), None);
}

#[test]
fn a_rate_that_can_go_on_forever_exhausts_no_rolling_window() {
    let untouched = budget("99", 100, 0);
    assert_eq!(untouched.rolling_time_to_exhaustion(Ratio::ONE), None);
    assert!(
        untouched
            .rolling_time_to_exhaustion(ratio("1.000001"))
            .is_some()
    );
    // What is nearly spent may be spent before the old errors leave, even below 1x.
    let nearly = budget("99", 9_901, 99);
    assert_eq!(nearly.remaining(), Some(ratio("0.01")));
    assert!(nearly.rolling_time_to_exhaustion(ratio("0.5")).is_some());
}

#[test]
fn a_calendar_window_that_ends_first_is_not_exhausted() {
    // Half the month, burnt at 1x: half the budget is spent, and 15 days are to come.
    let half = budget("99", 990, 10).with_seen(seen(15 * 86_400));
    assert_eq!(half.consumed(), Some(ratio("0.5")));
    let left = 15 * 24 * HOUR;
    assert_eq!(half.calendar_time_to_exhaustion(Ratio::ONE, left), None);
    assert_eq!(
        half.calendar_time_to_exhaustion(Ratio::from(2), left),
        Some(left / 2)
    );
    // On the first day 10x is a third of the month's.
    let early = budget("99", 900, 100).with_seen(seen(86_400));
    let left = 29 * 24 * HOUR;
    assert_eq!(
        early.calendar_time_to_exhaustion(Ratio::from(10), left),
        Some(2 * 24 * HOUR)
    );
}

#[test]
fn a_rolling_window_recovers_when_enough_of_the_old_errors_have_left() {
    let slices = [(at(3_000), 5), (at(1_000), 4), (at(2_000), 7)];
    let recovers = |permitted: &str| recovery_time(slices, ratio(permitted), HOUR);
    assert_eq!(recovers("16"), None, "exactly the budget is not overspent");
    assert_eq!(recovers("15.9"), Some(at(1_000 + 3_600)));
    assert_eq!(recovers("12"), Some(at(1_000 + 3_600)));
    assert_eq!(recovers("11"), Some(at(2_000 + 3_600)));
    assert_eq!(recovers("0"), Some(at(3_000 + 3_600)));
    assert_eq!(recovery_time([], Ratio::ZERO, HOUR), None);
}

#[test]
fn consumed_and_remaining_add_up_and_windows_do() {
    let mut numbers = Numbers(0x5eed);
    for _ in 0..20_000 {
        let target = numbers.target();
        let (good, bad) = (numbers.count(), numbers.count());
        let budget = Budget::new(target, MONTH, good, bad);
        assert_eq!(budget.remaining(), budget.consumed().map(Ratio::complement));
        let Some(consumed) = budget.consumed() else {
            assert_eq!(budget.total(), 0);
            continue;
        };
        // Overspent exactly when more was bad than permitted, by a way of its own.
        let permitted = budget.event_budget().unwrap();
        let bad_events = Ratio::new(i128::from(bad), 1).unwrap();
        assert_eq!(
            budget.remaining().unwrap().is_negative(),
            bad_events > permitted
        );
        assert_eq!(consumed > Ratio::ONE, bad_events > permitted);
        let (some_good, some_bad) = (numbers.below(good.max(1)), numbers.below(bad.max(1)));
        let some = Budget::new(target, MONTH, some_good, some_bad);
        let rest = Budget::new(target, MONTH, good - some_good, bad - some_bad);
        assert_eq!(some.total() + rest.total(), budget.total());
        // What a whole consumed lies between what its parts did.
        if let (Some(left), Some(right)) = (some.consumed(), rest.consumed()) {
            assert!(left.min(right) <= consumed && consumed <= left.max(right));
        }
    }
}

#[test]
fn recovery_does_not_depend_on_the_order_of_the_slices() {
    let mut numbers = Numbers(0xfeed);
    for _ in 0..2_000 {
        let mut slices: Vec<_> = (0..1 + numbers.below(20))
            .map(|_| {
                (
                    at(numbers.below(2_592_000).cast_signed()),
                    numbers.below(50),
                )
            })
            .collect();
        let permitted = Ratio::new(i128::from(numbers.below(400)), 3).unwrap();
        let recovers = recovery_time(slices.clone(), permitted, MONTH);
        slices.reverse();
        let middle = slices.len() / 2;
        slices.rotate_left(middle);
        assert_eq!(recovery_time(slices.clone(), permitted, MONTH), recovers);
        // At that moment it is within the budget, and a nanosecond before it is not.
        let Some(moment) = recovers else { continue };
        let left = |at: Timestamp| -> u64 {
            let start = at.checked_sub(MONTH).unwrap();
            let inside = slices.iter().filter(|(end, _)| *end > start);
            inside.map(|(_, bad)| bad).sum()
        };
        let before = moment.checked_sub(Duration::from_nanos(1)).unwrap();
        let events = |bad: u64| Ratio::new(i128::from(bad), 1).unwrap();
        assert!(events(left(moment)) <= permitted);
        assert!(events(left(before)) > permitted);
    }
}
