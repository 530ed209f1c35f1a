//! The delay before a failed commit is tried again.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

const FIRST_DELAY: Duration = Duration::from_millis(250);
const MAX_DELAY: Duration = Duration::from_secs(5);

/// Exponential backoff by the number of failures in a row. The delay doubles up to 5 s, and up to a fifth of it is taken off at random,
/// so that replicas that lost their database don't return to it as one.
#[derive(Debug, Default)]
pub(super) struct CommitBackoff {
    failures: u32,
}

impl CommitBackoff {
    /// Counts one more failure and returns the time to wait.
    pub(super) fn next_delay(&mut self) -> Duration {
        self.delay_with_random(RandomState::new().hash_one(self.failures))
    }

    fn delay_with_random(&mut self, random: u64) -> Duration {
        let doubled = FIRST_DELAY.saturating_mul(2_u32.saturating_pow(self.failures));
        let longest = doubled.min(MAX_DELAY);
        self.failures = self.failures.saturating_add(1);
        let fifth = u64::try_from(longest.as_millis() / 5).unwrap_or(u64::MAX);
        longest.saturating_sub(Duration::from_millis(random % fifth.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_five_seconds() {
        let mut backoff = CommitBackoff::default();
        let delays: [_; 7] = std::array::from_fn(|_| backoff.delay_with_random(0).as_millis());
        assert_eq!(delays, [250, 500, 1000, 2000, 4000, 5000, 5000]);
        let mut backoff = CommitBackoff { failures: u32::MAX };
        assert_eq!(backoff.delay_with_random(0), MAX_DELAY);
    }

    #[test]
    fn a_delay_is_shortened_by_a_fifth_at_most() {
        for random in [0, 49, 50, u64::MAX] {
            let delay = CommitBackoff::default()
                .delay_with_random(random)
                .as_millis();
            assert!((201..=250).contains(&delay), "{delay}");
        }
    }
}
