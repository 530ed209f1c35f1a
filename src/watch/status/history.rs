//! The history of the status: spans, incidents and maintenance, polled from the store because other
//! processes write there too.
//!
//! | read | how often | how far back |
//! |---|---|---|
//! | overlapping | 5 s where the store is shared, else 60 s | 10 min |
//! | full | each hour, and after a failure | 92 d |
//!
//! Rows are merged by their keys, so that reading one twice changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use jiff::Timestamp;

use crate::model::status::timeline::StateSpan;
use crate::model::status::{ComponentState, StatusId};
use crate::store::{IncidentRow, SpanRow, StoreError, StorePoll, StoreReply, StoreWriter};

/// The length of the history: 90 days, each of which may begin a day earlier by some clock.
const RETAINED: Duration = Duration::from_secs(92 * 86_400);
/// The poll interval of a store that other processes share.
const SHARED_POLL_INTERVAL: Duration = Duration::from_secs(5);
/// The poll interval of a store without other writers.
const LOCAL_POLL_INTERVAL: Duration = Duration::from_secs(60);
/// The time before the last read that is read again: a writer may have waited.
const OVERLAP: Duration = Duration::from_secs(10 * 60);
/// The interval of full reads, for rows written after a longer wait.
const FULL_READ_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// By so many seconds a span may end later than now: a clock that is slowed down goes back by less.
const MAX_AHEAD: i64 = 60;

/// The spans, incidents and maintenance of the past.
#[derive(Debug)]
pub(super) struct StatusHistory {
    store_writer: StoreWriter,
    incident_rows: BTreeMap<StatusId, IncidentRow>,
    /// By component, then by start and state: the key by which a span grows.
    spans: HashMap<Arc<str>, HashMap<(i64, ComponentState), SpanEnd>>,
    incident_poll: RowPoll<IncidentRow>,
    span_poll: RowPoll<SpanRow>,
    /// Since when the store can't be read; `None` while it can.
    away_since: Option<Timestamp>,
}

/// The poll of one kind of rows: the latest, and all of them from time to time.
#[derive(Debug)]
struct RowPoll<T> {
    poll: StorePoll<Vec<T>>,
    /// The last one that succeeded; `None` asks for one.
    full_read: Option<Instant>,
    /// `true` if the query that was sent last is one, and the clock was not set since.
    is_full: bool,
    /// `true` if the last read succeeded.
    is_read: bool,
}

/// The last second of a span.
#[derive(Clone, Copy, Debug)]
struct SpanEnd {
    second: i64,
    /// `true` if this process observed it.
    is_own: bool,
    /// `true` if it was cut where the clock was set back: the store has a later end, which was none, or will be one
    /// once a clock that is behind is right.
    is_cut: bool,
}

impl StatusHistory {
    pub(super) fn new(store_writer: StoreWriter) -> Self {
        Self {
            store_writer,
            incident_rows: BTreeMap::new(),
            spans: HashMap::new(),
            incident_poll: RowPoll::default(),
            span_poll: RowPoll::default(),
            away_since: None,
        }
    }

    /// Polls the store and returns whether anything has changed.
    pub(super) fn poll(&mut self, now: Instant, wall_time: Timestamp) -> bool {
        let every = if self.store_writer.is_shared() {
            SHARED_POLL_INTERVAL
        } else {
            LOCAL_POLL_INTERVAL
        };
        let store_writer = &self.store_writer;
        let incidents = |since| store_writer.incidents(since);
        let spans = |since: Timestamp| store_writer.spans(since.as_second());
        let times = (now, wall_time);
        let incidents = self.incident_poll.poll(times, every, incidents);
        let spans = self.span_poll.poll(times, every, spans);
        let failed = matches!(incidents, Some(Err(_))) || matches!(spans, Some(Err(_)));
        if failed {
            self.away_since.get_or_insert(wall_time);
        } else if self.incident_poll.is_read && self.span_poll.is_read {
            self.away_since = None;
        }
        let mut changed = false;
        for row in incidents.into_iter().flatten().flatten() {
            changed |= self.insert(row);
        }
        for row in spans.into_iter().flatten().flatten() {
            changed |= self.insert_span(&row, false);
        }
        if changed {
            // Written by a process whose clock was ahead, or by this one when its clock was.
            self.cut_spans(wall_time.as_second(), MAX_AHEAD);
        }
        changed
    }

    /// Follows a clock that was set back: what was observed by then is over, and everything is read again, because
    /// a clock that was far ahead has trimmed it.
    pub(super) fn follow_step_back(&mut self, wall_time: Timestamp) {
        self.cut_spans(wall_time.as_second(), 0);
        self.read_all_soon();
    }

    /// Follows a clock that was set forward: what was cut by a clock that was behind is read again, and cut again
    /// where it still lies ahead.
    pub(super) fn follow_step_forward(&mut self) {
        let mut ends = self.spans.values_mut().flat_map(HashMap::values_mut);
        for end in ends.by_ref().filter(|end| end.is_cut) {
            // It stays known, so that one of our own is not taken for another process's.
            (end.second, end.is_cut) = (i64::MIN, false);
        }
        self.read_all_soon();
    }

    fn read_all_soon(&mut self) {
        self.incident_poll.read_all_soon();
        self.span_poll.read_all_soon();
    }

    /// Cuts the spans that go on for more than `beyond` seconds after one, which is now: a state of the future is
    /// none. Those that other processes observe follow their own clocks.
    fn cut_spans(&mut self, second: i64, beyond: i64) {
        let is_shared = self.store_writer.is_shared();
        for ends in self.spans.values_mut() {
            for end in ends.values_mut() {
                if end.second > second.saturating_add(beyond) && (end.is_own || !is_shared) {
                    (end.second, end.is_cut) = (second, true);
                }
            }
            // Nothing is left of a span that begins later; it stays known, so that it is not read anew.
        }
    }

    /// Makes the next poll due at once.
    pub(super) const fn poll_soon(&mut self) {
        self.incident_poll.poll.poll_next();
    }

    /// Returns whether incidents have been read since the last failure.
    pub(super) const fn is_ready(&self) -> bool {
        self.incident_poll.is_read
    }

    /// Returns since when the store can't be read; `None` while it can.
    pub(super) const fn away_since(&self) -> Option<Timestamp> {
        self.away_since
    }

    /// Inserts an incident or maintenance and returns whether it is new.
    pub(super) fn insert(&mut self, row: IncidentRow) -> bool {
        let known = self.incident_rows.get(&row.id);
        if known.is_some_and(|known| known.version >= row.version) {
            return false;
        }
        self.incident_rows.insert(row.id, row);
        true
    }

    /// Inserts a span, observed by this process if `is_own`, and returns whether it has grown.
    pub(super) fn insert_span(&mut self, row: &SpanRow, is_own: bool) -> bool {
        let ends = self.spans.entry(Arc::clone(&row.component)).or_default();
        let end = ends.entry((row.start, row.state)).or_insert(SpanEnd {
            second: i64::MIN,
            is_own,
            is_cut: false,
        });
        if end.is_cut {
            return false;
        }
        // A span only grows: a row that was read late must not shorten it.
        let changed = row.end > end.second;
        end.second = end.second.max(row.end);
        end.is_own |= is_own;
        changed
    }

    pub(super) fn incident_rows(&self) -> impl Iterator<Item = &IncidentRow> {
        self.incident_rows.values()
    }

    /// Returns the spans of a component up to and with a second. A span that this process observes goes on,
    /// and so does one that another process observed less than `timeout` seconds ago.
    pub(super) fn state_spans(
        &self,
        key: &str,
        second: i64,
        timeout: i64,
        own: Option<(i64, ComponentState)>,
    ) -> Vec<StateSpan> {
        let spans = self.spans.get(key).into_iter().flatten();
        let spans = spans.filter(|((start, _), end)| *start <= end.second);
        let shared = self.store_writer.is_shared();
        let state_spans = spans.map(|((start, state), end)| {
            let age = second.saturating_sub(end.second);
            let goes_on = match own {
                Some(own) if own == (*start, *state) => true,
                _ => shared && !end.is_own && age <= timeout,
            };
            StateSpan {
                state: *state,
                start: *start,
                end: if goes_on { second + 1 } else { end.second },
            }
        });
        state_spans.collect()
    }

    /// Deletes rows that are too old to be shown.
    pub(super) fn trim(&mut self, wall_time: Timestamp) {
        let before = saturating_sub(wall_time, RETAINED);
        self.incident_rows
            .retain(|_, row| row.is_relevant_after(before));
        for spans in self.spans.values_mut() {
            spans.retain(|_, end| end.second >= before.as_second());
        }
    }
}

impl<T> RowPoll<T> {
    /// Makes a full read due at once, or after the answer to the query that is open: that was sent with another
    /// time of day.
    const fn read_all_soon(&mut self) {
        (self.full_read, self.is_full) = (None, false);
        self.poll.poll_next();
    }

    /// Sends the query if it is due; returns the answer if one has come.
    fn poll(
        &mut self,
        (now, wall_time): (Instant, Timestamp),
        interval: Duration,
        query: impl FnOnce(Timestamp) -> StoreReply<Vec<T>>,
    ) -> Option<Result<Vec<T>, StoreError>> {
        let is_due = |last| now.saturating_duration_since(last) >= FULL_READ_INTERVAL;
        let is_full = self.full_read.is_none_or(is_due);
        let since = saturating_sub(wall_time, if is_full { RETAINED } else { OVERLAP });
        let was_full = &mut self.is_full;
        let answer = self.poll.poll(now, interval, || {
            *was_full = is_full;
            query(since)
        })?;
        self.is_read = answer.is_ok();
        if !self.is_read {
            // After an outage rows may be older than the overlap.
            self.full_read = None;
        } else if self.is_full {
            self.full_read = Some(now);
        }
        Some(answer)
    }
}

impl<T> Default for RowPoll<T> {
    fn default() -> Self {
        Self {
            poll: StorePoll::default(),
            full_read: None,
            is_full: false,
            is_read: false,
        }
    }
}

fn saturating_sub(wall_time: Timestamp, by: Duration) -> Timestamp {
    wall_time.checked_sub(by).unwrap_or(Timestamp::MIN)
}
