//! When a request that failed is tried again.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// What a receiver may ask for in `Retry-After` at most.
const LONGEST_ASKED: Duration = Duration::from_secs(300);
/// After this time a batch is given up: what is older than that, nobody waits for, and what is
/// newer wants its place in the queue.
const GIVE_UP: Duration = Duration::from_secs(300);

/// The tries of one batch. Doubles from half a second to 30 s, each delay moved by up to a fifth
/// at random, so that a fleet that lost its receiver doesn't return as one.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    tries: u32,
    waited: Duration,
}

impl Backoff {
    /// The time to wait before the next try; `None` when the batch is to be given up. `asked` is
    /// what the receiver wants, and is kept to.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        self.next_with(asked, RandomState::new().hash_one(self.tries))
    }

    fn next_with(&mut self, asked: Option<Duration>, random: u64) -> Option<Duration> {
        if self.waited >= GIVE_UP {
            return None;
        }
        let own = FIRST
            .saturating_mul(2_u32.saturating_pow(self.tries))
            .min(LONGEST);
        let fifth = u64::try_from(own.as_millis() / 5).unwrap_or(u64::MAX);
        let moved =
            own - Duration::from_millis(fifth) + Duration::from_millis(random % (2 * fifth));
        let delay = asked.map_or(moved, |asked| asked.min(LONGEST_ASKED));
        self.tries += 1;
        self.waited += delay;
        Some(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(backoff: &mut Backoff, random: u64) -> Option<u128> {
        backoff
            .next_with(None, random)
            .map(|delay| delay.as_millis())
    }

    #[test]
    fn delays_double_up_to_half_a_minute_and_end_after_five() {
        let mut backoff = Backoff::default();
        let delays: Vec<_> = std::iter::from_fn(|| own(&mut backoff, 0)).collect();
        assert_eq!(
            delays[..8],
            [400, 800, 1600, 3200, 6400, 12800, 24000, 24000]
        );
        let total: u128 = delays.iter().sum();
        assert!((300_000..330_000).contains(&total), "{total}");
    }

    #[test]
    fn a_delay_is_moved_by_a_fifth_at_most() {
        for random in [0, 1, 99, 199, u64::MAX] {
            let delay = own(&mut Backoff::default(), random).unwrap();
            assert!((400..600).contains(&delay), "{delay}");
        }
    }

    #[test]
    fn what_the_receiver_asks_for_is_kept_to_within_reason() {
        let mut backoff = Backoff::default();
        let asked = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(backoff.next_with(asked(7), 0), asked(7));
        assert_eq!(backoff.next_with(asked(86_400), 0), asked(300));
        assert_eq!(backoff.next_with(asked(1), 0), None);
    }
}
