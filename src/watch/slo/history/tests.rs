use super::*;
use crate::watch::slo::counted::CountedSpan;
use crate::watch::slo::tiers::intervals;
use crate::watch::slo::tiers::tests::SeededRng;

const INTERVAL: Duration = Duration::from_secs(10);
const HOUR: Duration = Duration::from_secs(3_600);
const MONTH: Duration = Duration::from_secs(30 * 86_400);
const START: u64 = 180_000_000;

fn history() -> ObjectiveHistory {
    ObjectiveHistory::new(INTERVAL, MONTH)
}

/// The counts of the last `window`, and the share of it that has samples.
fn window(history: &ObjectiveHistory, window: Duration, now: u64) -> (EventCount, f64) {
    let length = intervals(window, INTERVAL);
    let count = history.tiers().last(length, now);
    (count, CountedSpan::new(count, length).coverage())
}

fn sample(good: u64, bad: u64) -> CounterSample {
    CounterSample { good, bad }
}

#[test]
fn a_reset_is_never_negative() {
    let mut history = history();
    history.sample(START, sample(100, 10));
    let after = history.sample(START + 1, sample(3, 1));
    assert_eq!((after.good, after.bad), (3, 1));
    let (hour, _) = window(&history, HOUR, START + 1);
    assert_eq!((hour.good, hour.bad), (103, 11));
}

#[test]
fn arbitrary_counter_values_never_subtract() {
    let (mut history, mut rng, mut sum) = (history(), SeededRng(9), 0);
    for step in 0..5_000 {
        let back = rng.below(3) * step;
        let now = sample(rng.below(1_000), rng.below(50));
        sum += history
            .sample((START + step).saturating_sub(back), now)
            .total();
    }
    assert_eq!(
        window(&history, MONTH, u64::MAX / 16).0.total(),
        0,
        "all is long ago"
    );
    let now = history.tiers().newest();
    assert_eq!(window(&history, MONTH, now).0.total(), sum);
}

#[test]
fn coverage_is_the_share_that_was_sampled() {
    let mut history = history();
    for step in 0..=180 {
        history.sample(START + step, sample(step, 0));
    }
    assert_eq!(window(&history, HOUR, START + 180).1, 0.5);
    // Nobody looks for a quarter of an hour; what was counted meanwhile is known, and not covered.
    let late = history.sample(START + 270, sample(1_000, 0));
    assert_eq!((late.good, late.covered), (820, 0));
    assert_eq!(window(&history, HOUR, START + 270).1, 0.5);
}

#[test]
fn a_late_sample_covers_what_it_is_late_for() {
    let mut history = history();
    history.sample(START, sample(0, 0));
    assert_eq!(history.sample(START + 3, sample(0, 0)).covered, 3);
    assert_eq!(history.sample(START + 7, sample(0, 0)).covered, 0);
}

#[test]
fn a_clock_that_goes_back_loses_nothing() {
    let mut history = history();
    history.sample(START, sample(10, 0));
    history.sample(START - 100, sample(20, 2));
    history.sample(START + 1, sample(30, 2));
    let (hour, _) = window(&history, HOUR, START + 1);
    assert_eq!((hour.good, hour.bad), (30, 2));
}

/// A month in which the process is restarted now and then, and what it has kept comes back in any
/// order, before or after the first samples of the new process.
#[test]
fn a_month_with_restarts_equals_a_direct_count() {
    let mut rng = SeededRng(21);
    let (mut stored, mut direct) = (Vec::<(u64, EventCount)>::new(), EventCount::default());
    let mut at = START;
    let mut last = history();
    while at < START + 29 * 8_640 {
        let mut process = history();
        let mut rows = stored.clone();
        rows.reverse();
        let restored_late = rng.below(2) == 0;
        if !restored_late {
            process.restore(std::mem::take(&mut rows));
        }
        let mut now = sample(0, 0);
        for step in 0..2_000 + rng.below(9_000) {
            let (good, bad) = (rng.below(9), rng.below(200) / 199);
            now = sample(now.good + good, now.bad + bad);
            let delta = process.sample(at, now);
            stored.push((at, delta));
            direct = direct.saturating_add(delta);
            if restored_late && step == 40 {
                process.restore(std::mem::take(&mut rows));
            }
            at += 1;
        }
        at += rng.below(400);
        last = process;
    }
    let (month, _) = window(&last, MONTH, last.tiers().newest());
    assert_eq!(month, direct);
}

#[test]
fn the_order_of_restored_rows_does_not_matter() {
    let rows: Vec<_> = (0..500)
        .map(|row| {
            let (good, bad) = (row % 7, row % 3);
            let covered = 6;
            (START + row * 6, EventCount { good, bad, covered })
        })
        .collect();
    let mut rng = SeededRng(4);
    let mut mixed = rows.clone();
    for place in (1..mixed.len()).rev() {
        mixed.swap(place, usize::try_from(rng.below(place as u64 + 1)).unwrap());
    }
    let windows = |rows: Vec<_>| {
        let mut history = history();
        history.restore(rows);
        [HOUR, 6 * HOUR, MONTH].map(|length| window(&history, length, START + 3_000))
    };
    assert_eq!(windows(mixed), windows(rows));
}

/// A history of some hours, with a count in each interval, whose clock is ahead by `ahead` for its last
/// minute.
fn set_back(hours: u64, ahead: u64) -> (ObjectiveHistory, u64) {
    let mut history = history();
    let steps = 360 * hours;
    for step in 0..=steps {
        history.sample(START + step, sample(step, step / 10));
    }
    history.follow_step(START + steps, START + ahead + steps);
    for step in steps..steps + 6 {
        history.sample(START + ahead + step, sample(step, step));
    }
    (history, START + steps + 6)
}

#[test]
fn a_clock_that_was_ahead_takes_its_samples_back_with_it() {
    for (hours, ahead) in [
        (1, 10),
        (1, 360),
        (8, 17_280),
        (100, 360),
        (1, 50 * 3_153_600),
    ] {
        let (mut history, now) = set_back(hours, ahead);
        let before = history.tiers().between(0, u64::MAX / 16);
        history.follow_step(now + ahead, now);
        history.sample(now, sample(now, now));
        assert_eq!(history.tiers().newest(), now, "{ahead}");
        let (month, _) = window(&history, MONTH, now);
        assert!(month.total() >= before.total(), "nothing is lost: {ahead}");
        // Samples go on, and are seen.
        for step in 1..=30 {
            history.sample(now + step, sample(now + 7 * step, now));
        }
        let (last, coverage) = window(&history, Duration::from_secs(300), now + 30);
        assert_eq!((last.good, last.bad, coverage), (210, 0, 1.0), "{ahead}");
    }
}

#[test]
fn what_was_sampled_before_a_clock_was_ahead_stays_where_it_was() {
    let (mut history, now) = set_back(100, 17_280);
    let (unmoved, _) = set_back(100, 0);
    history.follow_step(now + 17_280, now);
    history.sample(now, sample(now, now));
    for window_length in [600, 3_600, 7_200, 36_000] {
        let start = now - 60 - window_length;
        let counts = |history: &ObjectiveHistory| history.tiers().between(start, now - 60);
        assert_eq!(counts(&history), counts(&unmoved), "{window_length}");
    }
}

#[test]
fn a_process_that_began_with_a_clock_ahead_has_been_there_for_as_long() {
    let mut history = history();
    for step in 0..=60 {
        history.sample(START + 8_640 + step, sample(step, 0));
    }
    history.follow_step(START + 8_701, START);
    history.sample(START, sample(61, 0));
    let newest = history.tiers().newest();
    assert_eq!((history.start(), newest), (START - 61, START));
    history.sample(START + 1, sample(62, 0));
    let (hour, _) = window(&history, HOUR, START + 1);
    assert_eq!((hour.good, hour.covered), (62, 62));
}
