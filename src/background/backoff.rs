//! Delays between the tries of a request.

use std::ops::Range;
use std::time::Duration;

use crate::model::random::random_fraction;

/// The longest delay that a receiver may ask for in `Retry-After`, and the age, counted from its first
/// failure, at which a batch is given up: newer ones need its place in the queue.
pub(crate) const GIVE_UP: Duration = Duration::from_secs(300);

/// The failures of one dependency in a row. The delay doubles up to a longest one, and each is moved at
/// random, so that a fleet that lost what it depends on doesn't return to it as one.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    /// After the first failure.
    first: Duration,
    /// No delay is longer, but for one that the other side asked for.
    longest: Duration,
    /// The factors between which a delay is moved.
    jitter: Range<f64>,
    /// In a row.
    failures: u32,
}

impl Default for Backoff {
    /// Returns the backoff of a receiver: from half a second to 30 s, moved by up to a fifth either way.
    fn default() -> Self {
        Self::new(
            Duration::from_millis(500),
            Duration::from_secs(30),
            0.8..1.2,
        )
    }
}

impl Backoff {
    pub(crate) const fn new(first: Duration, longest: Duration, jitter: Range<f64>) -> Self {
        Self {
            first,
            longest,
            jitter,
            failures: 0,
        }
    }

    /// Returns the time to wait after one more failure. A delay that the receiver asked for is kept to,
    /// within bounds.
    pub(crate) fn next_delay(&mut self, asked: Option<Duration>) -> Duration {
        self.delay_with(asked, random_fraction())
    }

    /// Forgets the failures, after a success.
    pub(crate) const fn reset(&mut self) {
        self.failures = 0;
    }

    fn delay_with(&mut self, asked: Option<Duration>, random: f64) -> Duration {
        let own = self
            .first
            // Saturating: a dependency that is away for weeks must not overflow into a delay of 0.
            .saturating_mul(2_u32.saturating_pow(self.failures))
            .min(self.longest);
        self.failures = self.failures.saturating_add(1);
        let Range { start, end } = self.jitter;
        let moved = own.mul_f64(start + (end - start) * random);
        // Not moved: the receiver spreads its callers itself. At least the first delay, because
        // `Retry-After: 0` would be a loop.
        asked.map_or(moved, |asked| asked.clamp(self.first, GIVE_UP))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_half_a_minute_and_start_anew_after_a_success() {
        let mut backoff = Backoff::default();
        let mut next = || backoff.delay_with(None, 0.0).as_millis();
        let delays: [_; 8] = std::array::from_fn(|_| next());
        assert_eq!(delays, [400, 800, 1600, 3200, 6400, 12800, 24000, 24000]);
        backoff.reset();
        assert_eq!(backoff.delay_with(None, 0.0).as_millis(), 400);
    }

    #[test]
    fn a_delay_is_moved_by_a_fifth_at_most() {
        for random in [0.0, 0.1, 0.5, 0.999] {
            let delay = Backoff::default().delay_with(None, random).as_millis();
            assert!((400..600).contains(&delay), "{delay}");
        }
    }

    #[test]
    fn bounds_and_jitter_are_those_of_the_caller() {
        let bounds = (Duration::from_millis(250), Duration::from_secs(5));
        let delays = |random| -> [_; 7] {
            let mut backoff = Backoff::new(bounds.0, bounds.1, 0.8..1.0);
            std::array::from_fn(|_| backoff.delay_with(None, random).as_millis())
        };
        assert_eq!(delays(1.0), [250, 500, 1000, 2000, 4000, 5000, 5000]);
        assert_eq!(delays(0.0), [200, 400, 800, 1600, 3200, 4000, 4000]);
    }

    #[test]
    fn the_number_of_failures_has_no_end() {
        let mut backoff = Backoff {
            failures: u32::MAX,
            ..Backoff::default()
        };
        assert_eq!(backoff.delay_with(None, 0.0).as_millis(), 24000);
        assert_eq!(backoff.delay_with(None, 0.0).as_millis(), 24000);
    }

    #[test]
    fn what_the_receiver_asks_for_is_kept_to_within_reason() {
        let mut backoff = Backoff::default();
        let mut asked = |seconds| backoff.delay_with(Some(Duration::from_secs(seconds)), 0.0);
        assert_eq!(asked(7).as_secs(), 7);
        assert_eq!(asked(86_400).as_secs(), 300);
        assert_eq!(asked(0).as_millis(), 500, "not at once, for ever");
    }
}
