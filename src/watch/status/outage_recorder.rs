//! Outages that objectives found: each period of bad time slices is a partial outage of the components whose
//! objective it is, also after it has ended.
//!
//! Why beside the states of checks? Because users feel what no check asks about, such as each request that
//! needs a database which still answers. A slice is judged when it has ended, so that its outage is recorded
//! afterwards, from the start of the slice on. While the next slice fails as well, the outage goes on: that
//! is a [state](super::observations) of the moment.
//!
//! A part that other instances would take for an outage that goes on is stored a little later: where the store
//! is shared, a kill loses the last seconds of an outage, and elsewhere nothing.
//!
//! Maintenance is not counted: neither that of `slo.maintenance` nor that announced of the component.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::model::slo::maintenance::SloMaintenance;
use crate::model::snapshot::slo::{BadPeriod, SliceOutcomes};
use crate::model::status::ComponentState;
use crate::model::status::timeline::MaintenancePeriod;
use crate::store::SpanRow;

/// The state of a component in a bad slice.
pub(super) const BAD_SLICE_STATE: ComponentState = ComponentState::PartialOutage;

/// The recorder of outages that have ended, or that the recorder of states goes on with.
#[derive(Debug, Default)]
pub(super) struct OutageRecorder {
    /// The parts of periods that were recorded, by component, start and end: each once.
    recorded: BTreeSet<(Arc<str>, i64, i64)>,
    /// The spans that are not stored yet, or not to their ends.
    pending: Vec<PendingSpan>,
}

/// A span to be stored.
#[derive(Debug)]
struct PendingSpan {
    row: SpanRow,
    /// True if it was stored up to an earlier second.
    is_partly_stored: bool,
}

/// The facts known of a component's time slices at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutageInput<'a> {
    pub(super) outcomes: &'a SliceOutcomes,
    pub(super) maintenance: &'a [MaintenancePeriod],
    /// True if other instances serve beside this one: then its downtime says nothing.
    pub(super) fleet: bool,
    pub(super) now: Timestamp,
}

impl OutageInput<'_> {
    /// Returns true if the outage of the last slice goes on.
    pub(super) fn is_failing(&self) -> bool {
        self.outcomes.is_failing && !is_maintained(self.maintenance, self.now)
    }

    /// Returns the parts of all periods that count.
    fn parts(&self) -> Vec<(i64, i64)> {
        let periods = self.outcomes.bad.iter();
        let counted = periods.filter(|period| !(self.fleet && period.is_downtime));
        counted
            .flat_map(|period| without_maintenance(seconds(period), self.maintenance))
            .collect()
    }
}

impl OutageRecorder {
    /// Returns the new spans of a component.
    pub(super) fn record(&mut self, component: &Arc<str>, input: OutageInput<'_>) -> Vec<SpanRow> {
        let parts = input.parts();
        let last_end = input.outcomes.bad.last().map(|period| seconds(period).1);
        let key = |(start, end): (i64, i64)| (Arc::clone(component), start, end);
        let new = parts
            .iter()
            .filter(|part| !self.recorded.contains(&key(**part)));
        let spans: Vec<_> = new
            .map(|(start, end)| {
                // No hole before the state of the moment, which is observed from now on.
                let goes_on = input.is_failing() && Some(*end) == last_end;
                let end = if goes_on {
                    input.now.as_second().max(*end)
                } else {
                    *end
                };
                SpanRow {
                    component: Arc::clone(component),
                    state: BAD_SLICE_STATE,
                    start: *start,
                    end,
                }
            })
            .collect();
        self.recorded.retain(|(known, ..)| known != component);
        self.recorded.extend(parts.into_iter().map(key));
        for span in &spans {
            let replaced =
                |known: &SpanRow| known.component == span.component && known.start == span.start;
            self.pending.retain(|known| !replaced(&known.row));
            self.pending.push(PendingSpan {
                row: span.clone(),
                is_partly_stored: false,
            });
        }
        spans
    }

    /// Returns the spans that are due to be stored. Other instances take a span that ended `timeout` seconds
    /// ago or later for an outage that goes on: of such a span the part before is due, once, and the whole later.
    /// Without other instances, `timeout` is `None`, and all are due.
    pub(super) fn due(&mut self, now: i64, timeout: Option<i64>) -> Vec<SpanRow> {
        // The last end at which a span has ended for the others.
        let last_end = timeout.map_or(i64::MAX, |timeout| now.saturating_sub(timeout + 1));
        let whole = self
            .pending
            .extract_if(.., |pending| pending.row.end <= last_end);
        let mut due: Vec<_> = whole.map(|pending| pending.row).collect();
        for pending in &mut self.pending {
            if !pending.is_partly_stored && pending.row.start < last_end {
                pending.is_partly_stored = true;
                due.push(SpanRow {
                    end: last_end,
                    ..pending.row.clone()
                });
            }
        }
        due
    }
}

/// Returns true if a moment is in maintenance.
pub(super) fn is_maintained(maintenance: &[MaintenancePeriod], at: Timestamp) -> bool {
    let second = at.as_second();
    let mut periods = maintenance.iter();
    periods.any(|period| (period.start..period.end).contains(&second))
}

/// Returns the declared maintenance as periods.
pub(super) fn declared_periods(maintenance: &[SloMaintenance]) -> Vec<MaintenancePeriod> {
    let period = |one: &SloMaintenance| MaintenancePeriod {
        start: one.range.start.as_second(),
        end: one.range.end.as_second(),
    };
    maintenance.iter().map(period).collect()
}

/// Returns a period in whole seconds.
fn seconds(period: &BadPeriod) -> (i64, i64) {
    let start = period.start.as_second();
    (start, period.end.as_second().max(start + 1))
}

/// Returns the parts of a span that are outside of maintenance.
fn without_maintenance(span: (i64, i64), maintenance: &[MaintenancePeriod]) -> Vec<(i64, i64)> {
    maintenance.iter().fold(vec![span], |parts, period| {
        let split = |(start, end): (i64, i64)| {
            let before = (start, end.min(period.start));
            let after = (start.max(period.end), end);
            [before, after]
                .into_iter()
                .filter(|(start, end)| start < end)
        };
        parts.into_iter().flat_map(split).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn outcomes(bad: &[(i64, i64, bool)], is_failing: bool) -> SliceOutcomes {
        let period = |(start, end, is_downtime): &(i64, i64, bool)| BadPeriod {
            start: at(*start),
            end: at(*end),
            is_downtime: *is_downtime,
        };
        SliceOutcomes {
            objective: "api.availability".into(),
            bad: bad.iter().map(period).collect(),
            is_failing,
        }
    }

    fn input<'a>(
        outcomes: &'a SliceOutcomes,
        maintenance: &'a [MaintenancePeriod],
        now: i64,
    ) -> OutageInput<'a> {
        OutageInput {
            outcomes,
            maintenance,
            fleet: false,
            now: at(now),
        }
    }

    fn ends(spans: &[SpanRow]) -> Vec<(i64, i64)> {
        spans.iter().map(|span| (span.start, span.end)).collect()
    }

    #[test]
    fn a_bad_slice_is_an_outage_once_and_one_that_goes_on_reaches_now() {
        let (mut recorder, api) = (OutageRecorder::default(), Arc::from("api"));
        let one = outcomes(&[(600, 660, false)], false);
        assert_eq!(
            ends(&recorder.record(&api, input(&one, &[], 663))),
            [(600, 660)]
        );
        assert_eq!(recorder.record(&api, input(&one, &[], 664)), []);
        assert_eq!(
            recorder
                .record(&Arc::from("web"), input(&one, &[], 664))
                .len(),
            1
        );
        let two = outcomes(&[(600, 660, false), (900, 960, false)], true);
        assert_eq!(
            ends(&recorder.record(&api, input(&two, &[], 963))),
            [(900, 963)]
        );
        assert_eq!(recorder.record(&api, input(&two, &[], 970)), []);
        let longer = outcomes(&[(600, 660, false), (900, 1_020, false)], false);
        assert_eq!(
            ends(&recorder.record(&api, input(&longer, &[], 1_023))),
            [(900, 1_020)]
        );
        assert_eq!(
            ends(&recorder.due(1_040, Some(20))),
            [(600, 660), (600, 660), (900, 1_019)],
            "the last up to what the others take for its end"
        );
        assert_eq!(
            ends(&recorder.due(1_041, Some(20))),
            [(900, 1_020)],
            "once, the longest"
        );
        assert_eq!(recorder.due(1_042, None), []);
    }

    #[test]
    fn without_others_an_outage_is_stored_at_once() {
        let (mut recorder, api) = (OutageRecorder::default(), Arc::from("api"));
        let one = outcomes(&[(600, 660, false)], false);
        recorder.record(&api, input(&one, &[], 661));
        assert_eq!(ends(&recorder.due(661, None)), [(600, 660)]);
        assert_eq!(recorder.due(700, None), []);
    }

    #[test]
    fn with_others_only_the_end_of_an_outage_is_stored_later() {
        let (mut recorder, api) = (OutageRecorder::default(), Arc::from("api"));
        let short = outcomes(&[(650, 660, false)], false);
        recorder.record(&api, input(&short, &[], 661));
        assert_eq!(recorder.due(661, Some(20)), [], "not a second is over");
        let one = outcomes(&[(600, 660, false)], false);
        recorder.record(&api, input(&one, &[], 661));
        assert_eq!(ends(&recorder.due(661, Some(20))), [(600, 640)]);
        assert_eq!(recorder.due(662, Some(20)), []);
        let longer = outcomes(&[(600, 720, false)], true);
        recorder.record(&api, input(&longer, &[], 721));
        let due = recorder.due(721, Some(20));
        assert!(ends(&due).contains(&(600, 700)), "{due:?}");
        assert_eq!(ends(&recorder.due(742, Some(20))), [(600, 721)]);
    }

    #[test]
    fn maintenance_is_not_counted() {
        let bad = outcomes(&[(600, 720, false), (900, 960, false)], true);
        let work = |start, end| MaintenancePeriod { start, end };
        for (maintenance, expected) in [
            (&[][..], &[(600, 720), (900, 963)][..]),
            (&[work(0, 600)], &[(600, 720), (900, 963)]),
            (
                &[work(630, 660), work(700, 930)],
                &[(600, 630), (660, 700), (930, 963)],
            ),
            (&[work(900, 5_000)], &[(600, 720)]),
            (&[work(0, 5_000)], &[]),
        ] {
            let mut recorder = OutageRecorder::default();
            let found = recorder.record(&Arc::from("api"), input(&bad, maintenance, 963));
            assert_eq!(ends(&found), expected, "{maintenance:?}");
        }
        assert!(!input(&bad, &[work(900, 5_000)], 963).is_failing());
        assert!(input(&bad, &[work(0, 963)], 963).is_failing());
    }

    #[test]
    fn downtime_is_an_outage_unless_others_serve() {
        let down = outcomes(&[(600, 720, true)], false);
        for (fleet, expected) in [(false, &[(600, 720)][..]), (true, &[])] {
            let mut recorder = OutageRecorder::default();
            let input = OutageInput {
                fleet,
                ..input(&down, &[], 800)
            };
            let found = recorder.record(&Arc::from("api"), input);
            assert_eq!(ends(&found), expected);
        }
    }
}
