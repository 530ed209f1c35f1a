//! The history of one objective in bounded memory: cumulative slices in three tiers, so that any window
//! is one subtraction.
//!
//! | tier | slices of | for |
//! |---|---|---|
//! | fine | one sampling interval (10 s) | 2,160 of them (6 h) |
//! | middle | 1 min | 3 d |
//! | coarse | 5 min | 30 d, or the objective's own window where that is longer |
//!
//! Why not one counter for each window? Because a window would have to be known before its events, and
//! a burn rate, a report of last week and a budget's recovery ask for any.
//!
//! The rings lie on a line of time that knows no steps of the clock; callers say times of day, which the
//! [`SteadyLine`] translates.
//!
//! A window's start falls on the grid of the tier that still reaches it, rounded down: windows up to
//! 6 h are exact to the interval, longer ones up to a minute longer, those beyond 3 d up to 5 min.

use std::time::Duration;

pub(crate) use super::ring::EventCount;
use super::ring::Ring;
use super::steady_line::SteadyLine;

/// 6 h at the default sampling interval, and as many slots at any other.
const FINE_SLOTS: u64 = 2_160;
/// The length of a slot, and how far back the ring reaches.
const MIDDLE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3 * 86_400));
const COARSE: (Duration, Duration) = (
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 86_400),
);

/// The tiered counts of one objective. Time is counted in sampling intervals since 1970.
#[derive(Clone, Debug)]
pub(crate) struct Tiers {
    interval: Duration,
    longest: Duration,
    rings: [Ring; 3],
    line: SteadyLine,
    /// The point of the oldest sample on the line; zero before there is one.
    oldest: u64,
    /// The point of the newest sample on the line; zero before there is one.
    newest: u64,
    /// All that was ever counted, which the rings hold as of earlier moments.
    total: EventCount,
}

impl Tiers {
    /// Returns tiers for samples every `interval`, and windows of up to `longest`.
    pub(crate) fn new(interval: Duration, longest: Duration) -> Self {
        let ring = |(step, span): (Duration, Duration)| {
            let step = intervals(step, interval).max(1);
            Ring::new(step, intervals(span, interval))
        };
        Self {
            interval,
            longest,
            rings: [
                Ring::new(1, FINE_SLOTS),
                ring(MIDDLE),
                ring((COARSE.0, COARSE.1.max(longest))),
            ],
            line: SteadyLine::default(),
            oldest: 0,
            newest: 0,
            total: EventCount::default(),
        }
    }

    /// Returns empty ones on the same line of time.
    pub(crate) fn cleared(&self) -> Self {
        Self {
            line: self.line.clone(),
            ..Self::new(self.interval, self.longest)
        }
    }

    /// Follows a step of the clock from one interval to another: everything stays where it is on the line.
    pub(crate) fn follow_step(&mut self, from: u64, to: u64) {
        // Without a sample there is nothing to keep in its place.
        if self.newest > 0 {
            self.line.follow_step(from, to);
            let first_kept = self.rings[2].first_kept(self.newest);
            self.line.forget_gaps_before(first_kept);
        }
    }

    /// Returns the point of an interval on the line.
    pub(crate) fn point_of(&self, interval: u64) -> u64 {
        self.line.point_of(interval)
    }

    /// Adds the events counted up to and including a point of the line. One in the past counts as now: earlier
    /// results stay.
    pub(crate) fn add(&mut self, at: u64, delta: EventCount) {
        if self.oldest == 0 {
            self.oldest = at;
        }
        self.newest = self.newest.max(at);
        self.total = self.total.saturating_add(delta);
        for ring in &mut self.rings {
            ring.write(self.newest, self.total);
        }
    }

    /// Returns the count after `start` up to and including `end`.
    pub(crate) fn between(&self, start: u64, end: u64) -> EventCount {
        self.between_points(self.point_of(start), self.point_of(end))
    }

    /// Returns the count after one point of the line up to and including another.
    pub(crate) fn between_points(&self, start: u64, end: u64) -> EventCount {
        self.at(end).saturating_sub(self.at(start))
    }

    /// Returns the interval of the oldest sample; zero before there is one.
    pub(crate) fn oldest(&self) -> u64 {
        self.interval_of(self.oldest)
    }

    /// Returns the interval of the newest sample; zero before there is one.
    pub(crate) fn newest(&self) -> u64 {
        self.interval_of(self.newest)
    }

    /// Returns the point of the oldest sample on the line; zero before there is one.
    pub(crate) const fn oldest_point(&self) -> u64 {
        self.oldest
    }

    /// Returns the point of the newest sample on the line; zero before there is one.
    pub(crate) const fn newest_point(&self) -> u64 {
        self.newest
    }

    fn interval_of(&self, point: u64) -> u64 {
        match point {
            0 => 0,
            point => self.line.interval_of(point),
        }
    }

    /// Returns the numbers of the first and the last slice of the coarsest tier that touch a span of time.
    pub(crate) const fn slices(&self, start: u64, end: u64) -> (u64, u64) {
        let step = self.rings[2].step();
        (start / step + 1, end.div_ceil(step))
    }

    /// Returns the interval that a slice of the coarsest tier ends with.
    pub(crate) const fn slice_end(&self, slice: u64) -> u64 {
        slice * self.rings[2].step()
    }

    /// Returns everything counted up to and including a point of the line, from the finest ring that
    /// reaches it.
    fn at(&self, point: u64) -> EventCount {
        // After the newest sample nothing has been counted.
        if point >= self.newest {
            return self.total;
        }
        self.ring_at(point).read(point)
    }

    /// Returns the finest ring that reaches a point of the line.
    fn ring_at(&self, point: u64) -> &Ring {
        let reaching = |ring: &&Ring| ring.reaches(point, self.newest);
        let ring = self.rings.iter().find(reaching);
        ring.unwrap_or(&self.rings[2])
    }
}

/// Returns the number of whole intervals in a time.
pub(crate) fn intervals(time: Duration, interval: Duration) -> u64 {
    let whole = time.as_nanos() / interval.as_nanos().max(1);
    u64::try_from(whole).unwrap_or(u64::MAX)
}

/// Converts a number of intervals to `u32`, saturating.
pub(super) fn saturating_u32(intervals: u64) -> u32 {
    u32::try_from(intervals).unwrap_or(u32::MAX)
}

#[cfg(test)]
impl Tiers {
    /// Returns the count of the last so many intervals before `now`.
    pub(super) fn last(&self, intervals: u64, now: u64) -> EventCount {
        self.between(now.saturating_sub(intervals), now)
    }
}

#[cfg(test)]
pub(super) mod tests;
