//! The tables of chapter 5 of the *Site Reliability Workbook*, recomputed, and what a policy says.

use super::*;

const WINDOW: Duration = Duration::from_secs(30 * DAY);

fn percent(text: &str) -> Percent {
    text.parse().unwrap()
}

fn ratio(text: &str) -> Ratio {
    text.parse().unwrap()
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * MINUTE)
}

fn rate(window: Duration, good: u64, bad: u64) -> BurnRate {
    BurnRate::new(window, good, bad, 1.0)
}

#[test]
fn the_workbooks_pairs_fire_at_2_5_10_and_10_percent_of_the_budget() {
    let policy = BurnRatePolicy::sre_workbook();
    let consumed: Vec<_> = policy
        .pairs
        .iter()
        .map(|pair| pair.consumed_when_firing(WINDOW).unwrap())
        .collect();
    let expected = ["0.02", "0.05", "0.1", "0.1"].map(ratio);
    assert_eq!(consumed, expected);
}

#[test]
fn the_workbooks_short_windows_are_a_twelfth_of_the_long_ones() {
    for pair in BurnRatePolicy::sre_workbook().pairs {
        assert_eq!(pair.short * 12, pair.long, "{pair:?}");
    }
}

#[test]
fn the_workbooks_pairs_of_99_9_permit_its_error_rates() {
    // Error rates of the burn rates 14.4, 6, 3 and 1.
    let expected = ["0.0144", "0.006", "0.003", "0.001"];
    for (pair, error_rate) in BurnRatePolicy::sre_workbook().pairs.iter().zip(expected) {
        let bad = percent("99.9").complement().to_ratio();
        assert_eq!(bad.checked_mul(pair.factor), Some(ratio(error_rate)));
    }
}

/// Times of the fast pair for some error rates, by the formula (1 − target) × factor × window / rate.
#[test]
fn detection_and_reset_of_the_pairs_follow_the_workbooks_formula() {
    let target = percent("99.9");
    let pairs = BurnRatePolicy::sre_workbook().pairs;
    let detects = |pair: usize, bad| pairs[pair].detection_time(target, ratio(bad));
    // A total outage: 0.0144 of an hour is 51.84 s.
    assert_eq!(detects(0, "1"), Some(Duration::from_millis(51_840)));
    assert_eq!(detects(1, "1"), Some(Duration::from_millis(129_600)));
    assert_eq!(detects(2, "1"), Some(Duration::from_millis(259_200)));
    assert_eq!(detects(3, "1"), Some(Duration::from_millis(259_200)));
    // A tenth of all: ten times as long.
    assert_eq!(detects(0, "0.1"), Some(Duration::from_millis(518_400)));
    // Exactly the factor is not more than the factor.
    assert_eq!(detects(0, "0.0144"), None);
    assert_eq!(detects(3, "0.0005"), None);

    let resets = |pair: usize, bad| pairs[pair].reset_time(target, ratio(bad));
    // The short window forgets a total outage after all but 0.0144 of its 5 minutes.
    assert_eq!(resets(0, "1"), Some(Duration::from_millis(295_680)));
    // At twice the factor it is below it after half of its time.
    assert_eq!(resets(0, "0.0288"), Some(Duration::from_millis(150_000)));
    assert_eq!(resets(3, "0.002"), Some(minutes(180)));
}

/// A window seen minute by minute: what the formulas say is what judging says.
#[test]
fn evaluating_each_minute_detects_an_incident_when_the_formula_says() {
    let target = percent("99.9");
    let pair = BurnRatePolicy::sre_workbook().pairs[0];
    // A tenth is bad from minute 100 to minute 200, of 1000 events a minute.
    let bad_in = |minute: u64| u64::from((100..200).contains(&minute)) * 100;
    let over = |window: Duration, now: u64| {
        let from = now.saturating_sub(window.as_secs() / MINUTE);
        let bad: u64 = (from..now).map(bad_in).sum();
        rate(window, (now - from) * 1_000 - bad, bad)
    };
    let fires = |now: u64| {
        let rates = [over(pair.short, now), over(pair.long, now)];
        pair.evaluate(target, 10, &rates) == PairStatus::Firing
    };
    let firing: Vec<u64> = (60..400).filter(|now| fires(*now)).collect();
    let detected = pair.detection_time(target, ratio("0.1")).unwrap();
    let ended = pair.reset_time(target, ratio("0.1")).unwrap();
    // To the minute: 8.64 min after the start, and 4.28 min after the end.
    assert_eq!(
        firing.first(),
        Some(&(100 + detected.as_secs().div_ceil(MINUTE)))
    );
    assert_eq!(firing.last(), Some(&(200 + ended.as_secs() / MINUTE)));
    assert_eq!(
        firing.len() as u64,
        firing[firing.len() - 1] - firing[0] + 1
    );
}

#[test]
fn the_platforms_policy_is_10x_over_an_hour_and_2x_over_six() {
    let policy = BurnRatePolicy::default();
    let windows: Vec<_> = policy.windows().iter().map(Duration::as_secs).collect();
    assert_eq!(windows, [300, 1_800, 3_600, 21_600]);
    let target = percent("99");
    let evaluate = |bad: u64, short_bad: u64| {
        let rates = [
            rate(minutes(5), 1_000 - short_bad, short_bad),
            rate(minutes(30), 1_000 - short_bad, short_bad),
            rate(minutes(60), 1_000 - bad, bad),
            rate(minutes(360), 1_000 - bad, bad),
        ];
        policy.evaluate(target, BudgetingMethod::Occurrences, &rates)
    };
    assert_eq!(
        evaluate(100, 100),
        AlertState::Warning,
        "exactly 10x is not critical"
    );
    assert_eq!(
        evaluate(101, 101),
        AlertState::Critical,
        "one event more is"
    );
    assert_eq!(evaluate(101, 0), AlertState::None, "it has ended");
    assert_eq!(
        evaluate(20, 20),
        AlertState::None,
        "exactly 2x is no warning"
    );
    assert_eq!(evaluate(21, 21), AlertState::Warning);
}

#[test]
fn one_error_does_not_page_a_quiet_service() {
    let target = percent("99.9");
    let evaluate = |bad: u64, method| {
        let rates: Vec<_> = BurnRatePolicy::default()
            .windows()
            .into_iter()
            .map(|window| rate(window, 10, bad))
            .collect();
        BurnRatePolicy::default().evaluate(target, method, &rates)
    };
    assert_eq!(evaluate(9, BudgetingMethod::Occurrences), AlertState::None);
    assert_eq!(
        evaluate(10, BudgetingMethod::Occurrences),
        AlertState::Critical
    );
    assert_eq!(evaluate(2, BudgetingMethod::Timeslices), AlertState::None);
    assert_eq!(
        evaluate(3, BudgetingMethod::Timeslices),
        AlertState::Critical
    );
}

/// The windows of the platform's policy, with what is covered of each and the share since the first sample.
fn windows(bad: u64, shares: [(f64, f64); 4]) -> Vec<BurnRate> {
    let lengths = BurnRatePolicy::default().windows().into_iter();
    let windows = lengths.zip(shares);
    windows
        .map(|(window, (coverage, reach))| {
            BurnRate::new(window, 100 - bad, bad, coverage).with_reach(reach)
        })
        .collect()
}

fn evaluate(rates: &[BurnRate]) -> AlertState {
    let target = percent("99.9");
    BurnRatePolicy::default().evaluate(target, BudgetingMethod::Occurrences, rates)
}

#[test]
fn a_short_window_whose_samples_are_missing_is_frozen_and_not_green() {
    assert_eq!(evaluate(&[]), AlertState::Frozen);
    for bad in [0, 100] {
        assert_eq!(
            evaluate(&windows(bad, [(0.49, 1.0); 4])),
            AlertState::Frozen
        );
    }
    assert_eq!(evaluate(&windows(0, [(0.5, 1.0); 4])), AlertState::None);
    assert_eq!(
        evaluate(&windows(100, [(0.5, 1.0); 4])),
        AlertState::Critical
    );
}

#[test]
fn a_long_window_is_judged_on_the_part_that_has_samples() {
    let shares = [(1.0, 1.0), (0.1, 1.0), (0.1, 1.0), (0.02, 1.0)];
    assert_eq!(evaluate(&windows(100, shares)), AlertState::Critical);
    assert_eq!(evaluate(&windows(0, shares)), AlertState::None);
}

#[test]
fn each_pair_freezes_alone_and_the_critical_one_alone_is_shown() {
    // 5 min, 30 min, 1 h, 6 h: the short window of the warning has a gap, that of the critical pair none.
    let warning_frozen = [(1.0, 1.0), (0.2, 1.0), (0.9, 1.0), (0.9, 1.0)];
    assert_eq!(evaluate(&windows(0, warning_frozen)), AlertState::None);
    let critical_frozen = [(0.2, 1.0), (0.9, 1.0), (0.9, 1.0), (0.9, 1.0)];
    assert_eq!(evaluate(&windows(0, critical_frozen)), AlertState::Frozen);
    assert_eq!(
        evaluate(&windows(100, critical_frozen)),
        AlertState::Warning
    );
}

#[test]
fn a_young_process_misses_nothing() {
    let young = |covered: f64, reach: f64| {
        let scaled = [1.0, 1.0 / 6.0, 1.0 / 12.0, 1.0 / 72.0];
        scaled.map(|scale| (covered * scale, reach * scale))
    };
    assert_eq!(evaluate(&windows(0, young(0.0, 0.0))), AlertState::None);
    assert_eq!(evaluate(&windows(0, young(0.1, 0.1))), AlertState::None);
    assert_eq!(
        evaluate(&windows(100, young(0.1, 0.1))),
        AlertState::Critical
    );
    // Until now it has been there for four minutes of five, and silent for three of them.
    assert_eq!(evaluate(&windows(100, young(0.2, 0.8))), AlertState::Frozen);
}
