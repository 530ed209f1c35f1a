//! The observed states as spans: a state goes on for as long as it is observed.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::model::status::ComponentState;
use crate::store::SpanRow;

/// The interval, in seconds, at which an open span is stored: the loss of a kill.
const STORE_INTERVAL: i64 = 10;
/// The longest time between two observations, in seconds, that a span bridges.
const MAX_OBSERVATION_GAP: i64 = 60;

/// The recorder of open spans.
#[derive(Debug, Default)]
pub(super) struct SpanRecorder(HashMap<Arc<str>, OpenSpan>);

/// Times are whole seconds since 1970, the last one included.
#[derive(Debug)]
struct OpenSpan {
    state: ComponentState,
    start: i64,
    end: i64,
    /// `None` before it was stored for the first time.
    stored_until: Option<i64>,
}

/// The spans that have changed.
#[derive(Debug, Default)]
pub(super) struct SpanUpdates {
    /// Every span that has grown.
    pub(super) grown: Vec<SpanRow>,
    /// The spans that are due to be stored.
    pub(super) to_store: Vec<SpanRow>,
}

impl SpanRecorder {
    /// Records the states of a second. A component without data leaves a gap.
    pub(super) fn record<'a>(
        &mut self,
        states: impl IntoIterator<Item = (&'a Arc<str>, ComponentState)>,
        second: i64,
    ) -> SpanUpdates {
        let mut updates = SpanUpdates::default();
        for (key, state) in states {
            if let Some(span) = self.0.get_mut(key) {
                if second < span.start || second - span.end > MAX_OBSERVATION_GAP {
                    // The clock was set, or the process stood still.
                    self.0.remove(key);
                } else {
                    // Until the second of the change, so that no gap of a second stands between two
                    // states.
                    span.end = span.end.max(second);
                    let ended = span.state != state;
                    updates.add(key, span, ended);
                    if ended {
                        self.0.remove(key);
                    }
                }
            }
            if state != ComponentState::NoData && !self.0.contains_key(key) {
                let mut span = OpenSpan {
                    state,
                    start: second,
                    end: second,
                    stored_until: None,
                };
                // Stored at once: an outage that begins must be known to the others.
                updates.add(key, &mut span, true);
                self.0.insert(Arc::clone(key), span);
            }
        }
        updates
    }

    /// Returns start and state of an open span.
    pub(super) fn open_span(&self, key: &str) -> Option<(i64, ComponentState)> {
        self.0.get(key).map(|span| (span.start, span.state))
    }

    /// Ends all open spans and returns them.
    pub(super) fn finish(&mut self) -> Vec<SpanRow> {
        let span = self.0.drain();
        span.map(|(key, span)| span.row(&key)).collect()
    }
}

impl SpanUpdates {
    /// Adds a span that has grown; it is stored if it is due or `force` says so.
    fn add(&mut self, key: &Arc<str>, span: &mut OpenSpan, force: bool) {
        let row = span.row(key);
        let due = span
            .stored_until
            .is_none_or(|stored| span.end - stored >= STORE_INTERVAL);
        if force || due {
            span.stored_until = Some(span.end);
            self.to_store.push(row.clone());
        }
        self.grown.push(row);
    }
}

impl OpenSpan {
    fn row(&self, key: &Arc<str>) -> SpanRow {
        SpanRow {
            component: Arc::clone(key),
            state: self.state,
            start: self.start,
            end: self.end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use ComponentState::{MajorOutage, NoData, Operational};

    fn span_tuples(rows: &[SpanRow]) -> Vec<(ComponentState, i64, i64)> {
        rows.iter()
            .map(|row| (row.state, row.start, row.end))
            .collect()
    }

    /// Returns the stored spans when these states are observed at these seconds.
    fn stored_spans(observed: &[(i64, ComponentState)]) -> Vec<(ComponentState, i64, i64)> {
        let (mut recorder, key) = (SpanRecorder::default(), Arc::from("api"));
        let rows = observed
            .iter()
            .flat_map(|(second, state)| recorder.record([(&key, *state)], *second).to_store);
        span_tuples(&rows.collect::<Vec<_>>())
    }

    #[test]
    fn a_span_is_stored_when_it_starts_and_ends_and_every_ten_seconds() {
        let mut observed: Vec<_> = (0..25).map(|second| (second, Operational)).collect();
        observed.extend([(25, MajorOutage), (26, NoData), (27, NoData)]);
        assert_eq!(
            stored_spans(&observed),
            [
                (Operational, 0, 0),
                (Operational, 0, 10),
                (Operational, 0, 20),
                (Operational, 0, 25),
                (MajorOutage, 25, 25),
                (MajorOutage, 25, 26),
            ]
        );
    }

    #[test]
    fn a_process_that_stood_still_leaves_a_gap() {
        let observed = [(0, Operational), (60, Operational), (121, Operational)];
        let expected = [
            (Operational, 0, 0),
            (Operational, 0, 60),
            (Operational, 121, 121),
        ];
        assert_eq!(stored_spans(&observed), expected);
    }
}
