//! The timeline of a component: spans that may overlap and leave gaps, merged into one line without
//! either, and the seconds of each day.
//!
//! Whole seconds, added and compared: nothing here is rounded.
//!
//! Several replicas observe the same component, and each writes its own spans. Their union is not
//! enough: where they disagree the worst counts, and where all are silent there is no data, which
//! is not the same as fine.

use super::calendar::CalendarDay;
use super::{ComponentState, StateDurations, UptimeDay};
use crate::model::string_enum::StringEnum as _;

/// A span in which a component was observed in a state, from `start` to before `end`, in seconds since 1970.
///
/// Half-open, so that two spans that meet neither overlap nor leave a second out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StateSpan {
    pub(crate) state: ComponentState,
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// A period of scheduled maintenance from `start` to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaintenancePeriod {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// A time in which nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) state: ComponentState,
    /// `true` if maintenance was scheduled for it.
    pub(crate) in_maintenance: bool,
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// The number of active spans of each state, and of active maintenance periods, at a moment.
///
/// A sweep over begins and ends keeps these counts; the state at a moment is the worst whose count
/// is above zero.
#[derive(Debug, Default)]
struct ActiveCounts {
    states: [i64; ComponentState::ALL.len()],
    maintenance: i64,
}

/// Merges spans into one line from `from` to before `until`: at each second the worst observed state, and no data
/// where there is no observation.
pub(crate) fn merge_timeline(
    spans: &[StateSpan],
    maintenance: &[MaintenancePeriod],
    from: i64,
    until: i64,
) -> Vec<Segment> {
    // Two events for each span: begin and end. Sorting them makes the whole merge O(n log n),
    // however much the spans overlap; 90 days of many replicas are tens of thousands.
    let mut events = Vec::with_capacity(2 * (spans.len() + maintenance.len()));
    let clip = |start: i64, end: i64| (start.max(from), end.min(until));
    for span in spans {
        // What begins before the line counts from its start on: the sweep starts with nothing
        // active.
        let (start, end) = clip(span.start, span.end);
        if start < end {
            events.push((start, Some(span.state), 1));
            events.push((end, Some(span.state), -1));
        }
    }
    for period in maintenance {
        let (start, end) = clip(period.start, period.end);
        if start < end {
            events.push((start, None, 1));
            events.push((end, None, -1));
        }
    }
    events.sort_unstable_by_key(|(at, ..)| *at);
    let (mut active, mut line, mut since) = (ActiveCounts::default(), Vec::new(), from);
    for (at, state, by) in events {
        // Several events of one second make segments of no length in between, which are not kept;
        // so the order among them does not matter.
        push_merged(&mut line, active.segment(since, at));
        active.change(state, by);
        since = at;
    }
    push_merged(&mut line, active.segment(since, until));
    line
}

impl ActiveCounts {
    fn change(&mut self, state: Option<ComponentState>, by: i64) {
        let count = match state {
            Some(state) => self.states.get_mut(state as usize),
            None => Some(&mut self.maintenance),
        };
        if let Some(count) = count {
            *count += by;
        }
    }

    /// Returns the time between two events, in the state of the moment.
    fn segment(&self, start: i64, end: i64) -> Segment {
        let states = ComponentState::ALL.iter().copied().zip(self.states);
        let active = states.filter(|(_, count)| *count > 0);
        Segment {
            state: active
                .map(|(state, _)| state)
                .max()
                .unwrap_or(ComponentState::NoData),
            in_maintenance: self.maintenance > 0,
            start,
            end,
        }
    }
}

/// Appends a segment, or extends the last one if nothing changed.
fn push_merged(line: &mut Vec<Segment>, next: Segment) {
    if next.start >= next.end {
        return;
    }
    match line.last_mut() {
        Some(last) if (last.state, last.in_maintenance) == (next.state, next.in_maintenance) => {
            last.end = next.end;
        }
        _ => line.push(next),
    }
}

impl Segment {
    /// Returns the state that its seconds count as. Maintenance never hides an outage.
    pub(crate) const fn effective_state(&self) -> ComponentState {
        if self.in_maintenance && !self.state.is_outage() {
            ComponentState::UnderMaintenance
        } else {
            self.state
        }
    }

    /// Adds its first `seconds`, or whatever part of it has as many.
    // Outages during maintenance are kept apart as well, so that both readings of an uptime can be
    // published.
    fn add_to(&self, sum: &mut StateDurations, seconds: u64) {
        *sum.in_state_mut(self.effective_state()) += seconds;
        if self.in_maintenance && self.state.is_outage() {
            sum.outage_in_maintenance += seconds;
        }
    }
}

/// Returns the seconds of each day. What the line does not reach is without data.
///
/// Line and calendar ascend, so that one pass over both is enough.
pub(crate) fn split_by_day(line: &[Segment], calendar: &[CalendarDay]) -> Vec<UptimeDay> {
    let mut rest = line;
    let day = |day: &CalendarDay| {
        let mut seconds = StateDurations::default();
        while let Some((first, later)) = rest.split_first() {
            let (start, end) = (first.start.max(day.start), first.end.min(day.end));
            first.add_to(&mut seconds, seconds_between(start, end));
            if first.end > day.end {
                break;
            }
            // Only a segment that ends within the day is done with; one that goes on is cut again
            // for the next day.
            rest = later;
        }
        let missing = seconds_between(day.start, day.end).saturating_sub(seconds.total());
        seconds.no_data += missing;
        UptimeDay {
            date: day.date,
            seconds,
        }
    };
    calendar.iter().map(day).collect()
}

/// Returns the state of the last segment and the time since which it has lasted, looking through gaps of no more than `bridge`
/// seconds without data, such as a restart.
///
/// Without the bridge a deploy, in which a component is not observed for some seconds, would make
/// "operational since" start anew.
pub(crate) fn state_since(line: &[Segment], bridge: i64) -> Option<(ComponentState, i64)> {
    let mut back = line.iter().rev();
    let last = back.next()?;
    let (state, mut since) = (last.effective_state(), last.start);
    for segment in back {
        let gap = segment.state == ComponentState::NoData && segment.end - segment.start <= bridge;
        if segment.effective_state() == state {
            since = segment.start;
        // Maintenance is never bridged: it was announced, and the state after it is news.
        } else if !gap || segment.in_maintenance {
            break;
        }
    }
    Some((state, since))
}

fn seconds_between(start: i64, end: i64) -> u64 {
    u64::try_from(end.saturating_sub(start)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
