//! What became of a component over time: spans that may overlap and leave gaps, as one line without
//! either, and the seconds of each day.
//!
//! Whole seconds, added and compared: nothing here is rounded.

use super::calendar::CalendarDay;
use super::{ComponentState, Day, Seconds};

/// Somebody saw a component in this state from `start` to before `end`, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) state: ComponentState,
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// Announced work from `start` to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// A time in which nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) state: ComponentState,
    /// Whether work was announced for it.
    pub(crate) in_work: bool,
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// How many pieces of each state, and how many works, go on at a moment.
#[derive(Debug, Default)]
struct Going {
    states: [i64; ComponentState::ALL.len()],
    works: i64,
}

/// One line from `from` to before `until`: at each second the worst state that somebody saw, and no
/// data where nobody did.
pub(crate) fn merge(pieces: &[Piece], works: &[Work], from: i64, until: i64) -> Vec<Segment> {
    let mut events = Vec::with_capacity(2 * (pieces.len() + works.len()));
    let clip = |start: i64, end: i64| (start.max(from), end.min(until));
    for piece in pieces {
        let (start, end) = clip(piece.start, piece.end);
        if start < end {
            events.push((start, Some(piece.state), 1));
            events.push((end, Some(piece.state), -1));
        }
    }
    for work in works {
        let (start, end) = clip(work.start, work.end);
        if start < end {
            events.push((start, None, 1));
            events.push((end, None, -1));
        }
    }
    events.sort_unstable_by_key(|(at, ..)| *at);
    let (mut going, mut line, mut since) = (Going::default(), Vec::new(), from);
    for (at, state, by) in events {
        push(&mut line, going.segment(since, at));
        going.change(state, by);
        since = at;
    }
    push(&mut line, going.segment(since, until));
    line
}

impl Going {
    fn change(&mut self, state: Option<ComponentState>, by: i64) {
        let count = match state {
            Some(state) => self.states.get_mut(state as usize),
            None => Some(&mut self.works),
        };
        if let Some(count) = count {
            *count += by;
        }
    }

    fn segment(&self, start: i64, end: i64) -> Segment {
        let states = ComponentState::ALL.into_iter().zip(self.states);
        let going = states.filter(|(_, count)| *count > 0);
        Segment {
            state: going
                .map(|(state, _)| state)
                .max()
                .unwrap_or(ComponentState::NoData),
            in_work: self.works > 0,
            start,
            end,
        }
    }
}

/// Lengthens the last segment where nothing changed.
fn push(line: &mut Vec<Segment>, next: Segment) {
    if next.start >= next.end {
        return;
    }
    match line.last_mut() {
        Some(last) if (last.state, last.in_work) == (next.state, next.in_work) => {
            last.end = next.end;
        }
        _ => line.push(next),
    }
}

impl Segment {
    /// What its seconds count as. Work never hides an outage.
    pub(crate) const fn counts_as(&self) -> ComponentState {
        if self.in_work && !self.state.is_outage() {
            ComponentState::UnderMaintenance
        } else {
            self.state
        }
    }

    /// Adds its first `seconds`, or whatever part of it has as many.
    fn add_to(&self, sum: &mut Seconds, seconds: u64) {
        *sum.of_mut(self.counts_as()) += seconds;
        if self.in_work && self.state.is_outage() {
            sum.outage_in_maintenance += seconds;
        }
    }
}

/// The seconds of each day. What the line does not reach is without data.
pub(crate) fn by_day(line: &[Segment], calendar: &[CalendarDay]) -> Vec<Day> {
    let mut rest = line;
    let day = |day: &CalendarDay| {
        let mut seconds = Seconds::default();
        while let Some((first, later)) = rest.split_first() {
            let (start, end) = (first.start.max(day.start), first.end.min(day.end));
            first.add_to(&mut seconds, length(start, end));
            if first.end > day.end {
                break;
            }
            rest = later;
        }
        let missing = length(day.start, day.end).saturating_sub(seconds.total());
        seconds.no_data += missing;
        Day {
            date: day.date,
            seconds,
        }
    };
    calendar.iter().map(day).collect()
}

/// Since when the last segment's state has lasted, looking through gaps of no more than `bridge`
/// seconds without data, such as a restart.
pub(crate) fn since(line: &[Segment], bridge: i64) -> Option<(ComponentState, i64)> {
    let mut back = line.iter().rev();
    let last = back.next()?;
    let (state, mut since) = (last.counts_as(), last.start);
    for segment in back {
        let gap = segment.state == ComponentState::NoData && segment.end - segment.start <= bridge;
        if segment.counts_as() == state {
            since = segment.start;
        } else if !gap || segment.in_work {
            break;
        }
    }
    Some((state, since))
}

fn length(start: i64, end: i64) -> u64 {
    u64::try_from(end.saturating_sub(start)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
