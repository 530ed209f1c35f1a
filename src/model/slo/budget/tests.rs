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
    assert_eq!(quiet.event_budget(), Ratio::ZERO);
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
    let half = budget("99", 990, 10);
    let left = 15 * 24 * HOUR;
    assert_eq!(half.calendar_time_to_exhaustion(Ratio::ONE, left), None);
    assert_eq!(
        half.calendar_time_to_exhaustion(Ratio::from(2), left),
        Some(left / 2)
    );
    // On the first day 10x looks like a budget overspent ten times, and is a third of the month's.
    let early = budget("99", 900, 100);
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
        let permitted = budget.event_budget();
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
