use super::*;
use crate::watch::slo::tiers::tests::Dice;

const INTERVAL: Duration = Duration::from_secs(10);
const HOUR: Duration = Duration::from_secs(3_600);
const MONTH: Duration = Duration::from_secs(30 * 86_400);
const START: u64 = 180_000_000;

fn history() -> History {
    History::new(INTERVAL, MONTH)
}

fn reading(good: u64, bad: u64) -> Reading {
    Reading { good, bad }
}

#[test]
fn a_reset_is_never_negative() {
    let mut history = history();
    history.sample(START, reading(100, 10));
    let after = history.sample(START + 1, reading(3, 1)).more;
    assert_eq!((after.good, after.bad), (3, 1));
    let (hour, _) = history.window(HOUR, START + 1);
    assert_eq!((hour.good, hour.bad), (103, 11));
}

#[test]
fn counters_that_go_anywhere_only_ever_add() {
    let (mut history, mut dice, mut sum) = (history(), Dice(9), 0);
    for step in 0..5_000 {
        let back = dice.below(3) * step;
        let now = reading(dice.below(1_000), dice.below(50));
        sum += history
            .sample((START + step).saturating_sub(back), now)
            .more
            .total();
    }
    assert_eq!(
        history.window(MONTH, u64::MAX / 16).0.total(),
        0,
        "all is long ago"
    );
    let now = history.tiers().now();
    assert_eq!(history.window(MONTH, now).0.total(), sum);
}

#[test]
fn coverage_is_the_share_that_was_sampled() {
    let mut history = history();
    for step in 0..=180 {
        history.sample(START + step, reading(step, 0));
    }
    assert_eq!(history.window(HOUR, START + 180).1, 0.5);
    // Nobody looks for a quarter of an hour; what was counted meanwhile is known, and not covered.
    let late = history.sample(START + 270, reading(1_000, 0));
    assert_eq!((late.gap, late.more.good, late.more.covered), (90, 820, 0));
    assert_eq!(history.window(HOUR, START + 270).1, 0.5);
}

#[test]
fn a_late_sample_covers_what_it_is_late_for() {
    let mut history = history();
    history.sample(START, reading(0, 0));
    assert_eq!(history.sample(START + 3, reading(0, 0)).more.covered, 3);
    assert_eq!(history.sample(START + 7, reading(0, 0)).more.covered, 0);
}

#[test]
fn a_clock_that_goes_back_loses_nothing() {
    let mut history = history();
    history.sample(START, reading(10, 0));
    history.sample(START - 360, reading(20, 2));
    history.sample(START + 1, reading(30, 2));
    let (hour, _) = history.window(HOUR, START + 1);
    assert_eq!((hour.good, hour.bad), (30, 2));
}

/// A month in which the process is restarted now and then, and what it has kept comes back in any
/// order, before or after the first samples of the new process.
#[test]
fn a_month_with_restarts_equals_a_direct_count() {
    let mut dice = Dice(21);
    let (mut kept, mut direct) = (Vec::<(u64, Count)>::new(), Count::default());
    let mut at = START;
    let mut last = history();
    while at < START + 29 * 8_640 {
        let mut process = history();
        let mut rows = kept.clone();
        rows.reverse();
        let restored_late = dice.below(2) == 0;
        if !restored_late {
            process.restore(std::mem::take(&mut rows), MONTH);
        }
        let mut now = reading(0, 0);
        for step in 0..2_000 + dice.below(9_000) {
            let (good, bad) = (dice.below(9), dice.below(200) / 199);
            now = reading(now.good + good, now.bad + bad);
            let more = process.sample(at, now).more;
            kept.push((at, more));
            direct = direct.plus(more);
            if restored_late && step == 40 {
                process.restore(std::mem::take(&mut rows), MONTH);
            }
            at += 1;
        }
        at += dice.below(400);
        last = process;
    }
    let (month, _) = last.window(MONTH, last.tiers().now());
    assert_eq!(month, direct);
}

#[test]
fn the_order_of_what_was_kept_does_not_matter() {
    let rows: Vec<_> = (0..500)
        .map(|row| {
            let (good, bad) = (row % 7, row % 3);
            let covered = 6;
            (START + row * 6, Count { good, bad, covered })
        })
        .collect();
    let mut dice = Dice(4);
    let mut mixed = rows.clone();
    for place in (1..mixed.len()).rev() {
        mixed.swap(
            place,
            usize::try_from(dice.below(place as u64 + 1)).unwrap(),
        );
    }
    let windows = |rows: Vec<_>| {
        let mut history = history();
        history.restore(rows, MONTH);
        [HOUR, 6 * HOUR, MONTH].map(|window| history.window(window, START + 3_000))
    };
    assert_eq!(windows(mixed), windows(rows));
}
