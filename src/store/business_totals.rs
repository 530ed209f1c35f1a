//! The loop that saves business totals: one row per day, metric and process run.
//!
//! A row holds the day's sum so far and takes the place of the one before, so that a commit whose answer
//! was lost can be repeated; and each run of a process has rows of its own, so that restarts and
//! replicas add up without reading what others wrote. A view of the store adds them.
//!
//! Days are those of UTC: replicas in any zone agree on them, and none is an hour short.
//!
//! A kill loses the events since the last save (half a second) and since the store's last
//! commit (a quarter): less than the last second. What happens within half a second of midnight may
//! count for the day after.
//!
//! | event | row |
//! |---|---|
//! | first reading of a day | one with the growth since the last reading, if there is any |
//! | each change | the same row with the greater total |
//! | a new day | a new row; the old one stays as it was written last |
//! | a day once more, by a clock that was set back | the row of that day, which goes on; after many other days, a row of another source |
//! | a new run of the process | rows of its own source |
//!
//! A clock that was wrong has booked what was counted meanwhile on the day that it showed, and there it stays:
//! no total shrinks. What comes after goes on the right day again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::background::Supervisor;
use crate::background::thread::LoopGuard;
use crate::model::random::random_u64;
use crate::record::business_totals::{BusinessTotals, TotalKey, TotalValue};
use crate::record::clock::Clock;
use crate::record::sync::lock;
use crate::store::{StoreOp, StoreWriter, TotalRow};

/// The time between two saves.
///
/// Half of the second within which everything that counts must be durable; the store's linger takes
/// a quarter.
const SAVE_INTERVAL: Duration = Duration::from_millis(500);

/// The writer of business totals to the store. Clones share one state.
#[derive(Clone, Debug)]
pub(crate) struct BusinessTotalsWriter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    totals: BusinessTotals,
    store_writer: StoreWriter,
    clock: Clock,
    /// Held while rows are queued, so that the loop and the last save at shutdown can't write an
    /// older total after a newer one.
    daily_totals: Mutex<DailyTotals>,
}

/// The most days whose totals are at hand. A clock that is set goes between a few.
const MAX_DAYS: usize = 4;

/// The totals of the days (UTC) that the clock was on.
#[derive(Debug)]
struct DailyTotals {
    /// The source of the rows: instance and run. The random part keeps two runs of one instance apart even if
    /// their clocks agree.
    source: Arc<str>,
    /// The latest of all days so far.
    latest: Date,
    /// The day that the clock was on last is the last one.
    days: VecDeque<DayTotals>,
    /// The counters' values at the last save.
    ///
    /// The difference to the next reading is what is new, so that a day starts at 0 without
    /// resetting the counter.
    readings: BTreeMap<TotalKey, u64>,
}

/// The totals of one day.
#[derive(Debug)]
struct DayTotals {
    day: Date,
    source: Arc<str>,
    totals: BTreeMap<TotalKey, DayTotal>,
}

/// The total of one key on one day.
#[derive(Clone, Copy, Debug, Default)]
struct DayTotal {
    total: u64,
    /// The value that was handed to the store last; `None` before the first.
    saved: Option<u64>,
}

impl BusinessTotalsWriter {
    pub(crate) fn new(
        totals: BusinessTotals,
        store_writer: StoreWriter,
        clock: Clock,
        instance: &str,
    ) -> Self {
        let run = random_u64();
        Self(Arc::new(Inner {
            totals,
            store_writer,
            clock,
            daily_totals: Mutex::new(DailyTotals::new(&format!("{instance}/{run:016x}"))),
        }))
    }

    /// Hands every total that has changed to the store.
    pub(crate) fn save(&self) {
        let inner = &self.0;
        // Before 1970 or beyond representable time there is no day to write to; the counters keep
        // what happened.
        let Ok(now) = Timestamp::try_from(inner.clock.wall()) else {
            return;
        };
        let mut daily = lock(&inner.daily_totals);
        for row in daily.update(now, inner.totals.read()) {
            inner.store_writer.enqueue(StoreOp::Total(row));
        }
    }

    /// Starts the loop on a thread of its own.
    pub(crate) fn start(&self, supervisor: &Supervisor) -> LoopGuard {
        let totals_writer = self.clone();
        supervisor.repeat("vantage-totals", SAVE_INTERVAL, move || {
            totals_writer.save();
        })
    }
}

impl DailyTotals {
    fn new(source: &str) -> Self {
        Self {
            source: source.into(),
            latest: Date::MIN,
            days: VecDeque::new(),
            readings: BTreeMap::new(),
        }
    }

    /// Adds the readings to the day and returns the rows that are new or have changed.
    fn update(&mut self, now: Timestamp, readings: Vec<(TotalKey, TotalValue)>) -> Vec<TotalRow> {
        self.turn_to(now.to_zoned(TimeZone::UTC).date());
        let Some(day) = self.days.back_mut() else {
            return Vec::new();
        };
        let changed = readings.into_iter().filter_map(|(key, reading)| {
            let day_total = day.totals.entry(key.clone()).or_default();
            let peak = matches!(reading, TotalValue::Peak(_));
            let value = match reading {
                TotalValue::Sum(sum) => {
                    let before = self.readings.insert(key.clone(), sum);
                    day_total.add(sum.saturating_sub(before.unwrap_or_default()))
                }
                TotalValue::Peak(peak) => day_total.raise_to(peak),
            };
            Some(TotalRow {
                day: day.day,
                metric: key.metric.into(),
                attribute: key.attribute,
                source: Arc::clone(&day.source),
                value: value?,
                peak,
            })
        });
        changed.collect()
    }

    /// Makes the day that the clock is on the last one.
    fn turn_to(&mut self, day: Date) {
        if self.days.back().is_some_and(|current| current.day == day) {
            return;
        }
        let known = self.days.iter().position(|known| known.day == day);
        let totals = known.and_then(|known| self.days.remove(known));
        let totals = totals.unwrap_or_else(|| DayTotals {
            day,
            source: self.source_of(day),
            totals: BTreeMap::new(),
        });
        self.days.push_back(totals);
        self.latest = self.latest.max(day);
        if self.days.len() > MAX_DAYS {
            self.days.pop_front();
        }
    }

    /// Returns the source of the rows of a day whose totals are not at hand: it may have rows of this one, which
    /// stay only where no total is below theirs.
    fn source_of(&self, day: Date) -> Arc<str> {
        if day > self.latest {
            Arc::clone(&self.source)
        } else {
            format!("{}/{:016x}", self.source, random_u64()).into()
        }
    }
}

impl DayTotal {
    /// Adds what is new and returns the day's total if the store doesn't have it yet.
    fn add(&mut self, new: u64) -> Option<u64> {
        self.total = self.total.saturating_add(new);
        // A day on which nothing happened has no row.
        // A sum of 0 counts as saved, so that nothing is written for it.
        self.saved.get_or_insert(0);
        self.unsaved()
    }

    /// Raises the day's total and returns it if the store doesn't have it yet.
    fn raise_to(&mut self, peak: u64) -> Option<u64> {
        self.total = self.total.max(peak);
        // A peak of 0 has never been saved and is written: "no active organisation" is a fact of
        // the day.
        self.unsaved()
    }

    fn unsaved(&mut self) -> Option<u64> {
        let before = self.saved.replace(self.total);
        (before != self.saved).then_some(self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn readings(euros: u64, organizations: u64) -> Vec<(TotalKey, TotalValue)> {
        let key = |figure, attribute: &str| TotalKey {
            metric: figure,
            attribute: attribute.into(),
            label: "",
        };
        vec![
            (key("revenue", "EUR"), TotalValue::Sum(euros)),
            (key("active", ""), TotalValue::Peak(organizations)),
        ]
    }

    /// Day, figure and value of the rows.
    fn row_values(rows: &[TotalRow]) -> Vec<(i8, &str, u64)> {
        let values = rows
            .iter()
            .map(|row| (row.day.day(), &*row.metric, row.value));
        values.collect()
    }

    #[test]
    fn a_day_adds_up_and_only_changed_totals_are_returned() {
        let mut daily = DailyTotals::new("a/1");
        let noon = at("2026-03-29T12:00:00Z");
        let rows = daily.update(noon, readings(5, 7));
        assert_eq!(row_values(&rows), [(29, "revenue", 5), (29, "active", 7)]);
        assert_eq!(daily.update(noon, readings(5, 3)), []);
        assert_eq!(
            row_values(&daily.update(noon, readings(6, 9))),
            [(29, "revenue", 6), (29, "active", 9)]
        );
    }

    #[test]
    fn a_day_begins_anew_at_midnight_utc_with_what_still_holds() {
        let mut daily = DailyTotals::new("a/1");
        daily.update(at("2026-03-29T23:59:59.6Z"), readings(5, 9));
        let rows = daily.update(at("2026-03-30T00:00:00.1Z"), readings(6, 3));
        assert_eq!(row_values(&rows), [(30, "revenue", 1), (30, "active", 3)]);
    }

    #[test]
    fn a_day_without_money_has_no_row_of_it_and_one_without_organisations_has() {
        let mut daily = DailyTotals::new("a/1");
        assert_eq!(
            row_values(&daily.update(at("2026-03-29T01:00:00Z"), readings(0, 0))),
            [(29, "active", 0)]
        );
    }

    /// The value that a view of the store has of a day's revenue.
    fn revenue(rows: &BTreeMap<String, TotalRow>, day: &str) -> u64 {
        let rows = rows.values().filter(|row| row.metric == "revenue");
        rows.filter(|row| row.day == day.parse().unwrap())
            .map(|row| row.value)
            .sum()
    }

    /// Counts a euro at each of these times, with a save after it, and returns what the store then has.
    fn book(times: &[&str]) -> BTreeMap<String, TotalRow> {
        use crate::store::record::StoredRow as _;

        let (mut daily, mut stored) = (DailyTotals::new("a/1"), BTreeMap::new());
        for (euros, time) in (1..).zip(times) {
            for row in daily.update(at(time), readings(euros, 1)) {
                let known: Option<&TotalRow> = stored.get(&row.key());
                assert!(known.is_none_or(|known| row.replaces(known)), "{row:?}");
                stored.insert(row.key(), row);
            }
        }
        assert!(daily.days.len() <= MAX_DAYS);
        stored
    }

    #[test]
    fn what_comes_after_a_clock_was_ahead_goes_on_its_own_day() {
        for ahead in [
            "2026-03-29T13:00:00Z",
            "2026-03-31T12:00:00Z",
            "2056-03-29T12:00:00Z",
            "1970-01-01T00:00:07Z",
            "9999-12-30T12:00:00Z",
        ] {
            let noon = "2026-03-29T12:00:00Z";
            let rows = book(&[noon, noon, ahead, ahead, noon, noon, noon]);
            let elsewhere = if ahead.starts_with("2026-03-29") {
                0
            } else {
                2
            };
            assert_eq!(revenue(&rows, "2026-03-29"), 7 - elsewhere, "{ahead}");
            let total: u64 = rows.values().map(|row| row.value).sum();
            let organizations = rows.values().filter(|row| row.metric == "active");
            assert_eq!(total - organizations.count() as u64, 7, "{ahead}");
        }
    }

    #[test]
    fn a_day_that_is_not_at_hand_any_more_loses_nothing_when_the_clock_comes_back_to_it() {
        let days = ["29", "30", "31", "27", "26", "25", "29", "30", "29"];
        let times: Vec<_> = days.map(|day| format!("2026-03-{day}T12:00:00Z")).into();
        let rows = book(&times.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(revenue(&rows, "2026-03-29"), 3);
        assert_eq!(revenue(&rows, "2026-03-30"), 2);
        assert_eq!(revenue(&rows, "2026-03-25"), 1);
    }

    #[test]
    fn a_clock_that_goes_to_and_fro_at_midnight_makes_two_rows() {
        let times = ["2026-03-29T23:59:59.9Z", "2026-03-30T00:00:00Z"];
        let rows = book(&times.repeat(1_000));
        assert_eq!(revenue(&rows, "2026-03-29"), 1_000);
        assert_eq!(revenue(&rows, "2026-03-30"), 1_000);
        assert_eq!(rows.len(), 4, "with two of the organisations");
    }
}
