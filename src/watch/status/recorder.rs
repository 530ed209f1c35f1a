//! What this process sees, as spans: a state goes on for as long as somebody looks.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::model::status::ComponentState;
use crate::store::SpanRow;

/// How often a state that goes on is told to the store: what a kill can cost, in seconds.
const TOLD_EVERY: i64 = 10;
/// After so many seconds without a look nobody knows what was in between.
const LOOKED_AWAY: i64 = 60;

/// The spans that go on.
#[derive(Debug, Default)]
pub(super) struct Recorder(HashMap<Arc<str>, Going>);

#[derive(Debug)]
struct Going {
    state: ComponentState,
    start: i64,
    end: i64,
    told: Option<i64>,
}

/// What is new.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// Every span that has grown, for this process.
    pub(super) seen: Vec<SpanRow>,
    /// Those of them that the store has to know.
    pub(super) told: Vec<SpanRow>,
}

impl Recorder {
    /// Goes on to a second. What has no data leaves a gap.
    pub(super) fn see<'a>(
        &mut self,
        states: impl IntoIterator<Item = (&'a Arc<str>, ComponentState)>,
        second: i64,
    ) -> Recorded {
        let mut recorded = Recorded::default();
        for (key, state) in states {
            if let Some(going) = self.0.get_mut(key) {
                if second < going.start || second - going.end > LOOKED_AWAY {
                    // The clock was set, or the process stood still.
                    self.0.remove(key);
                } else {
                    going.end = going.end.max(second);
                    let over = going.state != state;
                    recorded.add(key, going, over);
                    if over {
                        self.0.remove(key);
                    }
                }
            }
            if state != ComponentState::NoData && !self.0.contains_key(key) {
                let mut going = Going {
                    state,
                    start: second,
                    end: second,
                    told: None,
                };
                recorded.add(key, &mut going, true);
                self.0.insert(Arc::clone(key), going);
            }
        }
        recorded
    }

    /// Start and state of what goes on.
    pub(super) fn going(&self, key: &str) -> Option<(i64, ComponentState)> {
        self.0.get(key).map(|going| (going.start, going.state))
    }

    /// Everything as it is, for the last time.
    pub(super) fn end(&mut self) -> Vec<SpanRow> {
        let going = self.0.drain();
        going.map(|(key, going)| going.row(&key)).collect()
    }
}

impl Recorded {
    fn add(&mut self, key: &Arc<str>, going: &mut Going, at_once: bool) {
        let row = going.row(key);
        let due = going.told.is_none_or(|told| going.end - told >= TOLD_EVERY);
        if at_once || due {
            going.told = Some(going.end);
            self.told.push(row.clone());
        }
        self.seen.push(row);
    }
}

impl Going {
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

    fn shape(rows: &[SpanRow]) -> Vec<(ComponentState, i64, i64)> {
        rows.iter()
            .map(|row| (row.state, row.start, row.end))
            .collect()
    }

    /// What the store is told when these states are seen at these seconds.
    fn told(seen: &[(i64, ComponentState)]) -> Vec<(ComponentState, i64, i64)> {
        let (mut recorder, key) = (Recorder::default(), Arc::from("api"));
        let rows = seen
            .iter()
            .flat_map(|(second, state)| recorder.see([(&key, *state)], *second).told);
        shape(&rows.collect::<Vec<_>>())
    }

    #[test]
    fn a_state_is_told_when_it_begins_and_ends_and_every_ten_seconds_between() {
        let mut seen: Vec<_> = (0..25).map(|second| (second, Operational)).collect();
        seen.extend([(25, MajorOutage), (26, NoData), (27, NoData)]);
        assert_eq!(
            told(&seen),
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
    fn a_process_that_stood_still_saw_nothing() {
        let seen = [(0, Operational), (60, Operational), (121, Operational)];
        let expected = [
            (Operational, 0, 0),
            (Operational, 0, 60),
            (Operational, 121, 121),
        ];
        assert_eq!(told(&seen), expected);
    }
}
