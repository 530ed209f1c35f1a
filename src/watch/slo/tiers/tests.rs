use super::*;

const INTERVAL: Duration = Duration::from_secs(10);
const DAY: u64 = 8_640;
const START: u64 = 180_000_000;

/// A small random number generator, the same in every run.
pub(crate) struct SeededRng(pub(crate) u64);

impl SeededRng {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn month() -> Tiers {
    Tiers::new(INTERVAL, Duration::from_secs(30 * 86_400))
}

fn count(good: u64, bad: u64) -> EventCount {
    EventCount {
        good,
        bad,
        covered: 1,
    }
}

/// A history with gaps, and the same as a plain list.
fn simulated(seed: u64, days: u64) -> (Tiers, Vec<(u64, EventCount)>) {
    let (mut tiers, mut list, mut rng) = (month(), Vec::new(), SeededRng(seed));
    let mut at = START + rng.below(1_000);
    let end = at + days * DAY;
    while at < end {
        let delta = count(rng.below(50), rng.below(20) / 18);
        tiers.add(at, delta);
        list.push((at, delta));
        at += if rng.below(5_000) == 0 {
            1 + rng.below(3_000)
        } else {
            1
        };
    }
    (tiers, list)
}

fn direct(list: &[(u64, EventCount)], start: u64, end: u64) -> EventCount {
    let within = list.iter().filter(|(at, _)| *at > start && *at <= end);
    within.fold(EventCount::default(), |sum, (_, delta)| {
        sum.saturating_add(*delta)
    })
}

#[test]
fn thirty_days_equal_a_direct_count_at_every_tier() {
    let (tiers, list) = simulated(7, 32);
    let now = tiers.newest();
    for (window, grid) in [
        (30, 1),
        (180, 1),
        (360, 1),
        (720, 1),
        (2_160, 1),
        (DAY, 6),
        (3 * DAY - 6, 6),
        (7 * DAY, 30),
        (30 * DAY, 30),
    ] {
        let start = (now - window) / grid * grid;
        assert_eq!(
            tiers.last(window, now),
            direct(&list, start, now),
            "{window}"
        );
    }
}

#[test]
fn neighbouring_windows_add_up_wherever_they_meet() {
    let (tiers, _) = simulated(11, 20);
    let (mut rng, now) = (SeededRng(3), tiers.newest());
    for _ in 0..2_000 {
        let mut cuts = [0; 3].map(|_: u64| now - rng.below(20 * DAY));
        cuts.sort_unstable();
        let [a, b, c] = cuts;
        let parts = tiers.between(a, b).saturating_add(tiers.between(b, c));
        assert_eq!(parts, tiers.between(a, c), "{a} {b} {c}");
    }
}

#[test]
fn the_slices_of_a_window_add_up_to_it() {
    let (tiers, _) = simulated(5, 31);
    let now = tiers.newest();
    let start = now - 30 * DAY;
    let (first, last) = tiers.slices(start, now);
    let slice = |slice| tiers.between(tiers.slice_end(slice - 1), tiers.slice_end(slice));
    let sum = (first..=last)
        .map(slice)
        .fold(EventCount::default(), EventCount::saturating_add);
    assert_eq!(sum, tiers.between(start / 30 * 30, now));
}

#[test]
fn a_window_before_the_first_sample_holds_nothing() {
    let mut tiers = month();
    tiers.add(START, count(5, 1));
    assert_eq!(tiers.last(30, START), count(5, 1));
    assert_eq!(tiers.between(START - 100, START - 1), EventCount::default());
    assert_eq!(month().last(30, START), EventCount::default());
}

#[test]
fn a_silence_longer_than_every_tier_leaves_nothing_in_the_window() {
    let mut tiers = month();
    tiers.add(START, count(5, 1));
    tiers.add(START + 400 * DAY, count(2, 0));
    assert_eq!(tiers.last(30 * DAY, tiers.newest()), count(2, 0));
}

#[test]
fn times_at_the_ends_of_the_range_do_not_panic() {
    let mut tiers = month();
    tiers.add(u64::MAX / 16, count(u64::MAX, u64::MAX));
    tiers.add(3, count(1, 1));
    assert_eq!(tiers.last(30, tiers.newest()).good, u64::MAX);
    assert_eq!(tiers.between(9, 3), EventCount::default());
    assert_eq!(tiers.last(u64::MAX, 0), EventCount::default());
}

#[test]
fn six_objectives_of_thirty_days_stay_under_two_megabytes() {
    let bytes = |ring: &Ring| ring.bytes();
    let six: usize = 6 * month().rings.iter().map(bytes).sum::<usize>();
    assert!(six < 2_000_000, "{six}");
}
