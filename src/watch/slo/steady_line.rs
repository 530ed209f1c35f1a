//! A line of time without the steps of the clock, and the intervals of the clock on it.
//!
//! Counts are kept by points of the line, which only go forward, and asked for by intervals of the clock, which
//! may be set. So a step costs one entry here and moves no count, whatever its length.
//!
//! | step | the line |
//! |---|---|
//! | forward | leaves a gap: a length of the clock that no point of the line has |
//! | back | closes the gaps that steps forward have left, the latest first; what is more moves all points back |
//! | forward by as much as all points were moved back | moves them to where they were |
//!
//! After a step forward, what was counted before keeps its date: a host that slept has counted it then. After
//! a step back, what was counted since the clock was ahead keeps its age: its date was wrong.

use std::cmp::Ordering;

/// The most gaps. Of more, the two oldest become one.
///
/// A month of a laptop that is closed a dozen times a day.
const MAX_GAPS: usize = 400;

/// The difference between a step back and one forward, in intervals, up to which the second undoes the first: the
/// time between them is measured by clocks that are not exact.
const MAX_DIFFERENCE: u64 = 6;

/// A line of time without steps. Points and intervals are both counted in sampling intervals; before the first
/// step they are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SteadyLine {
    /// The interval of a point before all gaps, minus the point.
    offset: i64,
    /// The intervals by which all points were moved back.
    moved_back: u64,
    /// In the order of their points, each with a length above zero.
    gaps: Vec<Gap>,
}

/// A length of the clock that no point of the line has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gap {
    /// The last point before it.
    after: u64,
    length: u64,
}

impl SteadyLine {
    /// Follows a step of the clock that shows the interval `to` where it would have shown `from`.
    pub(super) fn follow_step(&mut self, from: u64, to: u64) {
        match from.cmp(&to) {
            Ordering::Less => self.step_forward(self.point_of(from), to - from),
            Ordering::Equal => {}
            Ordering::Greater => self.step_back(from - to),
        }
    }

    fn step_forward(&mut self, point: u64, length: u64) {
        let undone = self.moved_back.min(length);
        if self.moved_back > 0 && self.moved_back.abs_diff(length) <= MAX_DIFFERENCE {
            self.moved_back -= undone;
            self.offset = self.offset.saturating_add_unsigned(undone);
            if length > undone {
                self.leave_gap(point, length - undone);
            }
        } else {
            self.leave_gap(point, length);
        }
    }

    /// Leaves a gap before a point: the moment of the step is after it.
    fn leave_gap(&mut self, point: u64, length: u64) {
        let after = point.saturating_sub(1);
        match self.gaps.last_mut() {
            Some(gap) if gap.after >= after => gap.length = gap.length.saturating_add(length),
            _ => self.gaps.push(Gap { after, length }),
        }
        if self.gaps.len() > MAX_GAPS {
            let oldest = self.gaps.remove(0);
            let merged = self.gaps.first_mut();
            merged.into_iter().for_each(|gap| {
                gap.length = gap.length.saturating_add(oldest.length);
            });
        }
    }

    fn step_back(&mut self, mut length: u64) {
        while length > 0
            && let Some(gap) = self.gaps.last_mut()
        {
            let closed = gap.length.min(length);
            (gap.length, length) = (gap.length - closed, length - closed);
            if gap.length == 0 {
                self.gaps.pop();
            }
        }
        self.moved_back = self.moved_back.saturating_add(length);
        self.offset = self.offset.saturating_sub_unsigned(length);
    }

    /// Forgets the gaps whose points before them are of no interest any more.
    pub(super) fn forget_gaps_before(&mut self, point: u64) {
        let forgotten = self.gaps.partition_point(|gap| gap.after < point);
        for gap in self.gaps.drain(..forgotten) {
            self.offset = self.offset.saturating_add_unsigned(gap.length);
        }
    }

    /// Returns the point of an interval; in a gap, the last point before it.
    pub(super) fn point_of(&self, interval: u64) -> u64 {
        let interval = i64::try_from(interval).unwrap_or(i64::MAX);
        let mut point = interval.saturating_sub(self.offset);
        point = point.saturating_sub_unsigned(self.total_gap());
        for gap in self.gaps.iter().rev() {
            let after = i64::try_from(gap.after).unwrap_or(i64::MAX);
            if point > after {
                break;
            }
            // Within the gap or before it.
            point = point.saturating_add_unsigned(gap.length).min(after);
        }
        u64::try_from(point).unwrap_or_default()
    }

    /// Returns the interval of a point.
    pub(super) fn interval_of(&self, point: u64) -> u64 {
        let before = self.gaps.iter().take_while(|gap| gap.after < point);
        let gaps = before.fold(0, |sum: u64, gap| sum.saturating_add(gap.length));
        point
            .saturating_add(gaps)
            .saturating_add_signed(self.offset)
    }

    fn total_gap(&self) -> u64 {
        let lengths = self.gaps.iter().map(|gap| gap.length);
        lengths.fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 180_000_000;

    #[test]
    fn a_step_forward_and_back_leaves_nothing() {
        for step in [1, 360, 17_280, 94_608_000] {
            let mut line = SteadyLine::default();
            line.follow_step(START, START + step);
            assert_eq!(line.point_of(START + step), START);
            assert_eq!(line.interval_of(START - 1), START - 1, "keeps its date");
            assert_eq!(line.point_of(START - 1), START - 1);
            assert_eq!(line.point_of(START + step - 1), START - 1, "the gap");
            line.follow_step(START + step + 3, START + 3);
            assert_eq!(line, SteadyLine::default());
        }
    }

    #[test]
    fn a_step_back_keeps_every_age() {
        for step in [1, 360, 17_280, 94_608_000] {
            let mut line = SteadyLine::default();
            line.follow_step(START, START - step);
            for age in [0, 5, 1_000] {
                assert_eq!(line.interval_of(START - age), START - step - age);
                assert_eq!(line.point_of(START - step - age), START - age);
            }
            // And right again: everything was where it belongs.
            line.follow_step(START - step + 5, START + 5);
            assert_eq!(line, SteadyLine::default());
        }
    }

    #[test]
    fn a_step_forward_by_another_length_undoes_none_back() {
        let mut line = SteadyLine::default();
        line.follow_step(START, START - 360);
        line.follow_step(START + 100, START + 2_980);
        assert_eq!(line.interval_of(START), START - 360);
        assert_eq!(line.point_of(START + 2_980), START + 460);
        // But for what two clocks differ by.
        let mut line = SteadyLine::default();
        line.follow_step(START, START - 360);
        line.follow_step(START - 300, START + 63);
        assert_eq!(line.interval_of(START), START);
        assert_eq!(line.point_of(START + 63), START + 60);
    }

    #[test]
    fn a_step_back_closes_the_latest_gap_first() {
        let mut line = SteadyLine::default();
        line.follow_step(START, START + 100);
        line.follow_step(START + 200, START + 230);
        // A clock that is set back by less than it was set ahead.
        line.follow_step(START + 300, START + 280);
        assert_eq!(line.interval_of(START + 180), START + 290);
        assert_eq!(line.interval_of(START + 50), START + 150);
        line.follow_step(START + 300, START + 240);
        assert_eq!(line.interval_of(START + 50), START + 100);
        assert_eq!(line.interval_of(START + 180), START + 230);
        assert_eq!(line.interval_of(START - 1), START - 1);
    }

    #[test]
    fn gaps_are_bounded_and_steps_at_the_ends_of_time_do_no_harm() {
        let mut line = SteadyLine::default();
        let mut interval = START;
        for _ in 0..10_000 {
            line.follow_step(interval, interval + 7);
            interval += 8;
        }
        assert_eq!(line.gaps.len(), MAX_GAPS);
        assert_eq!(line.interval_of(line.point_of(interval)), interval);
        line.forget_gaps_before(u64::MAX);
        assert_eq!(line.gaps, []);
        assert_eq!(line.interval_of(line.point_of(interval)), interval);
        for (from, to) in [(0, u64::MAX), (u64::MAX, 0), (5, u64::MAX), (u64::MAX, 3)] {
            let mut line = SteadyLine::default();
            line.follow_step(from, to);
            line.follow_step(to, from);
            line.point_of(0);
            line.interval_of(u64::MAX);
        }
    }
}
