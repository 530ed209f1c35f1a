//! The line against arithmetic by hand, and against one that looks at every second by itself.

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

use super::*;
use crate::model::status::calendar::days;

use ComponentState::{DegradedPerformance, MajorOutage, NoData, Operational, PartialOutage};

const fn piece(state: ComponentState, start: i64, end: i64) -> Piece {
    Piece { state, start, end }
}

fn shape(line: &[Segment]) -> Vec<(ComponentState, bool, i64, i64)> {
    let of = |one: &Segment| (one.state, one.in_work, one.start, one.end);
    line.iter().map(of).collect()
}

#[test]
fn overlaps_are_merged_by_the_worst_and_gaps_are_without_data() {
    let pieces = [
        piece(Operational, 0, 50),
        piece(PartialOutage, 20, 40),
        piece(MajorOutage, 30, 35),
        piece(Operational, 60, 200),
    ];
    let works = [Work { start: 34, end: 70 }];
    let line = merge(&pieces, &works, 10, 90);
    assert_eq!(
        shape(&line),
        [
            (Operational, false, 10, 20),
            (PartialOutage, false, 20, 30),
            (MajorOutage, false, 30, 34),
            (MajorOutage, true, 34, 35),
            (PartialOutage, true, 35, 40),
            (Operational, true, 40, 50),
            (NoData, true, 50, 60),
            (Operational, true, 60, 70),
            (Operational, false, 70, 90),
        ]
    );
}

#[test]
fn the_same_span_from_two_who_saw_it_counts_once() {
    let twice = [piece(MajorOutage, 0, 10), piece(MajorOutage, 5, 15)];
    let line = merge(&twice, &[], 0, 20);
    assert_eq!(
        shape(&line),
        [(MajorOutage, false, 0, 15), (NoData, false, 15, 20)]
    );
}

#[test]
fn maintenance_takes_what_is_no_outage_and_hides_none() {
    let pieces = [
        piece(Operational, 0, 100),
        piece(DegradedPerformance, 10, 20),
        piece(MajorOutage, 20, 27),
    ];
    let line = merge(&pieces, &[Work { start: 0, end: 50 }], 0, 100);
    let day = CalendarDay {
        date: civil::date(2026, 1, 1),
        start: 0,
        end: 100,
    };
    let seconds = by_day(&line, &[day])[0].seconds;
    assert_eq!((seconds.maintenance, seconds.major_outage), (43, 7));
    assert_eq!(
        (seconds.operational, seconds.outage_in_maintenance),
        (50, 7)
    );
    assert_eq!(seconds.uptime().unwrap().to_string(), "87.719");
}

#[test]
fn a_state_lasts_through_a_restart_and_not_through_a_night() {
    let pieces = [
        piece(Operational, 0, 10),
        piece(MajorOutage, 10, 50),
        piece(MajorOutage, 110, 200),
        piece(MajorOutage, 400, 500),
    ];
    let line = merge(&pieces, &[], 0, 200);
    assert_eq!(since(&line, 60), Some((MajorOutage, 10)));
    assert_eq!(since(&line, 59), Some((MajorOutage, 110)));
    let line = merge(&pieces, &[], 0, 500);
    assert_eq!(since(&line, 60), Some((MajorOutage, 400)));
    assert_eq!(since(&[], 60), None);
}

/// Every second by itself: whoever saw it, whoever announced it, and the date that a wall clock shows.
fn slowly(
    pieces: &[Piece],
    works: &[Work],
    now: Timestamp,
    zone: &TimeZone,
    of: &[Day],
) -> Vec<Day> {
    let mut days: Vec<Day> = of
        .iter()
        .map(|day| Day {
            date: day.date,
            seconds: Seconds::default(),
        })
        .collect();
    let (first, last) = (of[0].date, of[of.len() - 1].date);
    // More than those days on both sides, so that no boundary is presumed.
    let begin = now.as_second() - 86_400 * (i64::try_from(of.len()).unwrap() + 1);
    for second in begin..now.as_second() + 2 * 86_400 {
        let at = Timestamp::from_second(second).unwrap();
        let date = at.to_zoned(zone.clone()).date();
        if date < first || date > last {
            continue;
        }
        let seen = pieces
            .iter()
            .filter(|one| (one.start..one.end).contains(&second));
        let mut state = seen.map(|one| one.state).max().unwrap_or(NoData);
        let mut work = works
            .iter()
            .any(|one| (one.start..one.end).contains(&second));
        if second >= now.as_second() {
            (state, work) = (NoData, false);
        }
        let day = days.iter_mut().find(|day| day.date == date).unwrap();
        let sum = &mut day.seconds;
        if work && matches!(state, PartialOutage | MajorOutage) {
            sum.outage_in_maintenance += 1;
        }
        match (state, work) {
            (PartialOutage, _) => sum.partial_outage += 1,
            (MajorOutage, _) => sum.major_outage += 1,
            (_, true) => sum.maintenance += 1,
            (DegradedPerformance, false) => sum.degraded_performance += 1,
            (Operational, false) => sum.operational += 1,
            (_, false) => sum.no_data += 1,
        }
    }
    days
}

/// Xorshift: the same histories each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 % u64::try_from(most).unwrap()).unwrap()
    }
}

fn history(dice: &mut Dice, now: i64, span: i64) -> (Vec<Piece>, Vec<Work>) {
    let stretch = |dice: &mut Dice, longest: i64| {
        let start = now - dice.below(span);
        (start, start + dice.below(longest))
    };
    let states = [
        Operational,
        Operational,
        Operational,
        DegradedPerformance,
        PartialOutage,
        MajorOutage,
    ];
    let pieces = (0..12).map(|_| {
        let (start, end) = stretch(dice, 40_000);
        let state = states[usize::try_from(dice.below(6)).unwrap()];
        piece(state, start, end)
    });
    let pieces = pieces.collect();
    let works = (0..2).map(|_| stretch(dice, 20_000));
    let works = works.map(|(start, end)| Work { start, end }).collect();
    (pieces, works)
}

/// Days on which clocks change, in both directions and by half an hour, one on which midnight is left
/// out, and ends of months.
const MOMENTS: [(&str, &str, usize); 8] = [
    ("Europe/Berlin", "2026-03-30T10:11:12Z", 3),
    ("Europe/Berlin", "2026-10-25T21:00:01Z", 2),
    ("America/New_York", "2026-03-09T03:59:59Z", 3),
    ("America/New_York", "2026-11-02T15:00:00Z", 3),
    ("Australia/Lord_Howe", "2026-04-05T11:00:00Z", 2),
    ("Australia/Lord_Howe", "2026-10-04T01:00:00Z", 2),
    ("Africa/Cairo", "2026-04-24T12:00:00Z", 2),
    ("UTC", "2028-03-01T00:00:00Z", 3),
];

#[test]
fn seconds_of_days_are_those_that_a_wall_clock_counts_one_by_one() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for (zone, now, count) in MOMENTS {
        let name = zone;
        let zone = TimeZone::get(zone).unwrap();
        let now: Timestamp = now.parse().unwrap();
        let calendar = days(now, &zone, count);
        assert_eq!(calendar.len(), count);
        for _ in 0..2 {
            let span = 86_400 * i64::try_from(count).unwrap();
            let (pieces, works) = history(&mut dice, now.as_second(), span);
            let line = merge(&pieces, &works, calendar[0].start, now.as_second());
            let fast = by_day(&line, &calendar);
            assert_eq!(
                fast,
                slowly(&pieces, &works, now, &zone, &fast),
                "{name} {now}"
            );
        }
    }
}

#[test]
fn ninety_days_are_as_long_as_the_clocks_say_and_have_no_gap() {
    for (zone, hours) in [
        // From summer time to winter time and back: one hour more, one hour less.
        ("Europe/Berlin", 90 * 24 + 1),
        ("America/New_York", 90 * 24 + 1),
        ("UTC", 90 * 24),
    ] {
        let zone = TimeZone::get(zone).unwrap();
        let now = "2026-12-01T12:00:00Z".parse().unwrap();
        let days = days(now, &zone, 90);
        assert!(days.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert_eq!(days[89].end - days[0].start, hours * 3_600);
        assert_eq!(days[89].date, civil::date(2026, 12, 1));
        assert_eq!(days[0].date, civil::date(2026, 9, 3));
    }
}
