//! Who keeps the books: what was counted since the last look goes to the store, a row for each day,
//! figure and run of a process.
//!
//! A row holds the day's sum so far and takes the place of the one before, so that a commit whose answer
//! was lost can be repeated; and each run of a process has rows of its own, so that restarts and
//! replicas add up without reading what others wrote. A view of the store adds them.
//!
//! Days are those of UTC: replicas in any zone agree on them, and none is an hour short.
//!
//! What a kill costs is what happened since the last look (half a second) and since the store's last
//! commit (a quarter): less than the last second. What happens within half a second of midnight may be
//! booked on the day after.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{io, thread};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::record::business_totals::{Books, Heading, Reading};
use crate::record::clock::Clock;
use crate::store::{Change, Keeper, TotalRow};

/// How often the books are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Brings the books to the store. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Bookkeeper(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    books: Books,
    keeper: Keeper,
    clock: Clock,
    days: Mutex<Days>,
}

/// The day that is open.
#[derive(Debug)]
struct Days {
    source: Arc<str>,
    day: Date,
    lines: BTreeMap<Heading, Line>,
}

/// One line of the open day.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    /// What the counter showed at the last look.
    read: u64,
    total: u64,
    /// What the store was told.
    kept: Option<u64>,
}

impl Bookkeeper {
    pub(crate) fn new(books: Books, keeper: Keeper, clock: Clock, instance: &str) -> Self {
        let run = RandomState::new().hash_one((std::process::id(), clock.wall()));
        Self(Arc::new(Inner {
            books,
            keeper,
            clock,
            days: Mutex::new(Days::new(&format!("{instance}/{run:016x}"))),
        }))
    }

    /// Looks at all lines, and hands those that have changed to the store.
    pub(crate) fn look(&self) {
        let inner = &self.0;
        let Ok(now) = Timestamp::try_from(inner.clock.wall()) else {
            return;
        };
        let mut days = inner.days.lock().unwrap_or_else(PoisonError::into_inner);
        for row in days.book(now, inner.books.read()) {
            inner.keeper.keep(Change::Total(row));
        }
    }

    /// Starts the loop on a thread of its own; it ends when the answer is dropped.
    pub(crate) fn start(&self) -> io::Result<SyncSender<()>> {
        let (stop, stopped) = sync_channel(0);
        let bookkeeper = self.clone();
        thread::Builder::new()
            .name("vantage-books".into())
            .spawn(move || {
                while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                    bookkeeper.look();
                }
            })?;
        Ok(stop)
    }
}

impl Days {
    fn new(source: &str) -> Self {
        Self {
            source: source.into(),
            day: Date::MIN,
            lines: BTreeMap::new(),
        }
    }

    /// Books what was read; answers the rows that are new or have changed.
    fn book(&mut self, now: Timestamp, read: Vec<(Heading, Reading)>) -> Vec<TotalRow> {
        // A clock that is set back across midnight opens no day again: its rows are written.
        let day = now.to_zoned(TimeZone::UTC).date().max(self.day);
        if day > self.day {
            self.day = day;
            for line in self.lines.values_mut() {
                (line.total, line.kept) = (0, None);
            }
        }
        let changed = read.into_iter().filter_map(|(heading, reading)| {
            let line = self.lines.entry(heading.clone()).or_default();
            let total = line.take(reading)?;
            Some(TotalRow {
                day,
                figure: heading.figure,
                attribute: heading.attribute,
                source: Arc::clone(&self.source),
                value: total,
            })
        });
        changed.collect()
    }
}

impl Line {
    /// The day's total, where the store doesn't know it.
    fn take(&mut self, reading: Reading) -> Option<u64> {
        match reading {
            Reading::Sum(sum) => {
                self.total = self.total.saturating_add(sum.saturating_sub(self.read));
                self.read = sum;
                // A day on which nothing happened has no row.
                self.kept.get_or_insert(0);
            }
            Reading::Peak(peak) => self.total = self.total.max(peak),
        }
        let before = self.kept.replace(self.total);
        (before != self.kept).then_some(self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn read(euros: u64, organizations: u64) -> Vec<(Heading, Reading)> {
        let heading = |figure, attribute: &str| Heading {
            figure,
            attribute: attribute.into(),
        };
        vec![
            (heading("revenue", "EUR"), Reading::Sum(euros)),
            (heading("active", ""), Reading::Peak(organizations)),
        ]
    }

    /// Day, figure and value of the rows.
    fn told(rows: &[TotalRow]) -> Vec<(i8, &str, u64)> {
        let told = |row: &TotalRow| (row.day.day(), row.figure, row.value);
        rows.iter().map(told).collect()
    }

    #[test]
    fn a_day_adds_up_and_only_what_changed_is_told() {
        let mut days = Days::new("a/1");
        let noon = at("2026-03-29T12:00:00Z");
        let rows = days.book(noon, read(5, 7));
        assert_eq!(told(&rows), [(29, "revenue", 5), (29, "active", 7)]);
        assert_eq!(days.book(noon, read(5, 3)), []);
        assert_eq!(
            told(&days.book(noon, read(6, 9))),
            [(29, "revenue", 6), (29, "active", 9)]
        );
    }

    #[test]
    fn a_day_begins_anew_at_midnight_utc_with_what_still_holds() {
        let mut days = Days::new("a/1");
        days.book(at("2026-03-29T23:59:59.6Z"), read(5, 9));
        let rows = days.book(at("2026-03-30T00:00:00.1Z"), read(6, 3));
        assert_eq!(told(&rows), [(30, "revenue", 1), (30, "active", 3)]);
    }

    #[test]
    fn a_day_without_money_has_no_row_of_it_and_one_without_organisations_has() {
        let mut days = Days::new("a/1");
        assert_eq!(
            told(&days.book(at("2026-03-29T01:00:00Z"), read(0, 0))),
            [(29, "active", 0)]
        );
    }

    #[test]
    fn a_clock_that_is_set_back_opens_no_day_again() {
        let mut days = Days::new("a/1");
        days.book(at("2026-03-30T00:00:00Z"), read(5, 1));
        let rows = days.book(at("2026-03-29T23:59:59Z"), read(6, 1));
        assert_eq!(told(&rows), [(30, "revenue", 6)]);
    }
}
