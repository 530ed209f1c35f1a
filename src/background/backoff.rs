//! Delays between the tries of a request.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

const INITIAL: Duration = Duration::from_millis(500);
const MAX_DELAY: Duration = Duration::from_secs(30);
/// The longest delay that a receiver may ask for in `Retry-After`.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);
/// The age, counted from its first failure, at which a batch is given up: newer ones need its place in
/// the queue.
pub(crate) const GIVE_UP: Duration = Duration::from_secs(300);

/// The failures of one receiver in a row. The delay doubles from half a second to 30 s, each moved
/// by up to a fifth at random, so that a fleet that lost its receiver doesn't return as one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Returns the time to wait after one more failure. A delay that the receiver asked for is kept to,
    /// within bounds.
    pub(crate) fn next_delay(&mut self, asked: Option<Duration>) -> Duration {
        self.delay_with(asked, RandomState::new().hash_one(self.failures))
    }

    /// Forgets the failures, after a success.
    pub(crate) const fn reset(&mut self) {
        self.failures = 0;
    }

    fn delay_with(&mut self, asked: Option<Duration>, random: u64) -> Duration {
        let own = INITIAL
            .saturating_mul(2_u32.saturating_pow(self.failures))
            .min(MAX_DELAY);
        let fifth = u64::try_from(own.as_millis() / 5).unwrap_or(u64::MAX);
        let moved =
            own - Duration::from_millis(fifth) + Duration::from_millis(random % (2 * fifth));
        self.failures = self.failures.saturating_add(1);
        asked.map_or(moved, |asked| asked.clamp(INITIAL, MAX_RETRY_AFTER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_half_a_minute_and_start_anew_after_a_success() {
        let mut backoff = Backoff::default();
        let mut next = || backoff.delay_with(None, 0).as_millis();
        let delays: [_; 8] = std::array::from_fn(|_| next());
        assert_eq!(delays, [400, 800, 1600, 3200, 6400, 12800, 24000, 24000]);
        backoff.reset();
        assert_eq!(backoff.delay_with(None, 0).as_millis(), 400);
    }

    #[test]
    fn a_delay_is_moved_by_a_fifth_at_most() {
        for random in [0, 1, 99, 199, u64::MAX] {
            let delay = Backoff::default().delay_with(None, random).as_millis();
            assert!((400..600).contains(&delay), "{delay}");
        }
    }

    #[test]
    fn the_number_of_failures_has_no_end() {
        let mut backoff = Backoff { failures: u32::MAX };
        assert_eq!(backoff.delay_with(None, 0).as_millis(), 24000);
        assert_eq!(backoff.delay_with(None, 0).as_millis(), 24000);
    }

    #[test]
    fn what_the_receiver_asks_for_is_kept_to_within_reason() {
        let mut backoff = Backoff::default();
        let mut asked = |seconds| backoff.delay_with(Some(Duration::from_secs(seconds)), 0);
        assert_eq!(asked(7).as_secs(), 7);
        assert_eq!(asked(86_400).as_secs(), 300);
        assert_eq!(asked(0).as_millis(), 500, "not at once, for ever");
    }
}
