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
//! | a new run of the process | rows of its own source |

use std::collections::BTreeMap;
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

/// The totals of the current day (UTC).
#[derive(Debug)]
struct DailyTotals {
    /// Instance and run: the random part keeps two runs of one instance apart even if their clocks
    /// agree.
    source: Arc<str>,
    /// Only ascends.
    day: Date,
    totals: BTreeMap<TotalKey, DayTotal>,
}

/// The total of one key on the current day.
#[derive(Clone, Copy, Debug, Default)]
struct DayTotal {
    /// The counter's value at the last save.
    ///
    /// The difference to the next reading is what is new, so that a day starts at 0 without
    /// resetting the counter.
    last_reading: u64,
    /// Of the current day.
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
        supervisor.repeat("vantage-books", SAVE_INTERVAL, move || totals_writer.save())
    }
}

impl DailyTotals {
    fn new(source: &str) -> Self {
        Self {
            source: source.into(),
            day: Date::MIN,
            totals: BTreeMap::new(),
        }
    }

    /// Adds the readings to the day and returns the rows that are new or have changed.
    fn update(&mut self, now: Timestamp, readings: Vec<(TotalKey, TotalValue)>) -> Vec<TotalRow> {
        // A clock that is set back across midnight opens no day again: its rows are written.
        let day = now.to_zoned(TimeZone::UTC).date().max(self.day);
        if day > self.day {
            self.day = day;
            for day_total in self.totals.values_mut() {
                // The counter goes on: only the day's share starts anew.
                (day_total.total, day_total.saved) = (0, None);
            }
        }
        let changed = readings.into_iter().filter_map(|(key, reading)| {
            let day_total = self.totals.entry(key.clone()).or_default();
            let value = day_total.record(reading)?;
            Some(TotalRow {
                day,
                metric: key.metric.into(),
                attribute: key.attribute,
                source: Arc::clone(&self.source),
                value,
            })
        });
        changed.collect()
    }
}

impl DayTotal {
    /// Adds a reading and returns the day's total if the store doesn't have it yet.
    fn record(&mut self, reading: TotalValue) -> Option<u64> {
        match reading {
            TotalValue::Sum(sum) => {
                self.total = self
                    .total
                    .saturating_add(sum.saturating_sub(self.last_reading));
                self.last_reading = sum;
                // A day on which nothing happened has no row.
                // A sum of 0 counts as saved, so that nothing is written for it.
                self.saved.get_or_insert(0);
            }
            TotalValue::Peak(peak) => self.total = self.total.max(peak),
        }
        let before = self.saved.replace(self.total);
        // A peak of 0 has never been saved and is written: "no active organisation" is a fact of
        // the day.
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

    #[test]
    fn a_clock_that_is_set_back_opens_no_day_again() {
        let mut daily = DailyTotals::new("a/1");
        daily.update(at("2026-03-30T00:00:00Z"), readings(5, 1));
        let rows = daily.update(at("2026-03-29T23:59:59Z"), readings(6, 1));
        assert_eq!(row_values(&rows), [(30, "revenue", 6)]);
    }
}
