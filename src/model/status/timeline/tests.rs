//! The line against arithmetic by hand, and against one that looks at every second by itself.

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

use super::*;
use crate::model::status::calendar::last_days;

use ComponentState::{DegradedPerformance, MajorOutage, NoData, Operational, PartialOutage};

const fn state_span(state: ComponentState, start: i64, end: i64) -> StateSpan {
    StateSpan { state, start, end }
}

fn shape(line: &[Segment]) -> Vec<(ComponentState, bool, i64, i64)> {
    let of = |one: &Segment| (one.state, one.in_maintenance, one.start, one.end);
    line.iter().map(of).collect()
}

#[test]
fn overlaps_are_merged_by_the_worst_and_gaps_are_without_data() {
    let spans = [
        state_span(Operational, 0, 50),
        state_span(PartialOutage, 20, 40),
        state_span(MajorOutage, 30, 35),
        state_span(Operational, 60, 200),
    ];
    let maintenance = [MaintenancePeriod { start: 34, end: 70 }];
    let line = merge_timeline(&spans, &maintenance, 10, 90);
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
fn the_same_span_from_two_observers_counts_once() {
    let twice = [
        state_span(MajorOutage, 0, 10),
        state_span(MajorOutage, 5, 15),
    ];
    let line = merge_timeline(&twice, &[], 0, 20);
    assert_eq!(
        shape(&line),
        [(MajorOutage, false, 0, 15), (NoData, false, 15, 20)]
    );
}

#[test]
fn maintenance_takes_what_is_no_outage_and_hides_none() {
    let spans = [
        state_span(Operational, 0, 100),
        state_span(DegradedPerformance, 10, 20),
        state_span(MajorOutage, 20, 27),
    ];
    let line = merge_timeline(&spans, &[MaintenancePeriod { start: 0, end: 50 }], 0, 100);
    let day = CalendarDay {
        date: civil::date(2026, 1, 1),
        start: 0,
        end: 100,
    };
    let seconds = split_by_day(&line, &[day])[0].seconds;
    assert_eq!((seconds.maintenance, seconds.major_outage), (43, 7));
    assert_eq!(
        (seconds.operational, seconds.outage_in_maintenance),
        (50, 7)
    );
    assert_eq!(seconds.uptime().unwrap().to_string(), "87.719");
}

#[test]
fn a_state_lasts_through_a_restart_and_not_through_a_night() {
    let spans = [
        state_span(Operational, 0, 10),
        state_span(MajorOutage, 10, 50),
        state_span(MajorOutage, 110, 200),
        state_span(MajorOutage, 400, 500),
    ];
    let line = merge_timeline(&spans, &[], 0, 200);
    assert_eq!(state_since(&line, 60), Some((MajorOutage, 10)));
    assert_eq!(state_since(&line, 59), Some((MajorOutage, 110)));
    let line = merge_timeline(&spans, &[], 0, 500);
    assert_eq!(state_since(&line, 60), Some((MajorOutage, 400)));
    assert_eq!(state_since(&[], 60), None);
}

/// Every second by itself: whoever saw it, whoever announced it, and the date that a wall clock shows.
fn slowly(
    spans: &[StateSpan],
    maintenance: &[MaintenancePeriod],
    now: Timestamp,
    zone: &TimeZone,
    of: &[UptimeDay],
) -> Vec<UptimeDay> {
    let mut days: Vec<UptimeDay> = of
        .iter()
        .map(|day| UptimeDay {
            date: day.date,
            seconds: StateDurations::default(),
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
        let seen = spans
            .iter()
            .filter(|one| (one.start..one.end).contains(&second));
        let mut state = seen.map(|one| one.state).max().unwrap_or(NoData);
        let mut work = maintenance
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
struct RandomNumbers(u64);

impl RandomNumbers {
    fn below(&mut self, most: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 % u64::try_from(most).unwrap()).unwrap()
    }
}

fn history(
    numbers: &mut RandomNumbers,
    now: i64,
    span: i64,
) -> (Vec<StateSpan>, Vec<MaintenancePeriod>) {
    let stretch = |numbers: &mut RandomNumbers, longest: i64| {
        let start = now - numbers.below(span);
        (start, start + numbers.below(longest))
    };
    let states = [
        Operational,
        Operational,
        Operational,
        DegradedPerformance,
        PartialOutage,
        MajorOutage,
    ];
    let spans = (0..12).map(|_| {
        let (start, end) = stretch(numbers, 40_000);
        let state = states[usize::try_from(numbers.below(6)).unwrap()];
        state_span(state, start, end)
    });
    let spans = spans.collect();
    let maintenance = (0..2).map(|_| stretch(numbers, 20_000));
    let maintenance = maintenance
        .map(|(start, end)| MaintenancePeriod { start, end })
        .collect();
    (spans, maintenance)
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
    let mut numbers = RandomNumbers(0x9e37_79b9_7f4a_7c15);
    for (zone, now, count) in MOMENTS {
        let name = zone;
        let zone = TimeZone::get(zone).unwrap();
        let now: Timestamp = now.parse().unwrap();
        let calendar = last_days(now, &zone, count);
        assert_eq!(calendar.len(), count);
        for _ in 0..2 {
            let span = 86_400 * i64::try_from(count).unwrap();
            let (spans, maintenance) = history(&mut numbers, now.as_second(), span);
            let line = merge_timeline(&spans, &maintenance, calendar[0].start, now.as_second());
            let fast = split_by_day(&line, &calendar);
            assert_eq!(
                fast,
                slowly(&spans, &maintenance, now, &zone, &fast),
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
        let days = last_days(now, &zone, 90);
        assert!(days.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert_eq!(days[89].end - days[0].start, hours * 3_600);
        assert_eq!(days[89].date, civil::date(2026, 12, 1));
        assert_eq!(days[0].date, civil::date(2026, 9, 3));
    }
}
