//! The queue of beats to another process: for each worker at most one beat, which is built when
//! its turn comes, so that the last one wins and nothing piles up however long the receiver is away.
//!
//! | a beat | becomes |
//! |---|---|
//! | newer one for the same worker | takes the place of the one that waits |
//! | accepted, refused | done; the backoff ends |
//! | to be retried | waits again at the front, unless a newer one waits |
//!
//! After a failure one request at a time tries the receiver, until one is answered: one that comes
//! up again must not meet everything that waited.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hashbrown::{HashMap, HashSet};

use crate::background::Backoff;
use crate::model::heartbeat::{BeatProgress, LifecycleState};
use crate::record::instruments::{Slot, WorkerKey};

/// Requests in flight at most; beats are small, and the receiver has other things to do.
const MAX_IN_FLIGHT: usize = 4;
/// The same for goodbyes, for which a deadline runs.
const MAX_GOODBYES_IN_FLIGHT: usize = 16;
/// More can only wait where workers come and go while the receiver is away.
const CAPACITY: usize = 2_000;

/// A beat to be sent: its worker, state and progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QueuedBeat {
    pub(super) worker: WorkerKey,
    pub(super) state: LifecycleState,
    /// The final progress of a removed worker; `None` reads the progress when the beat is built.
    pub(super) progress: Option<BeatProgress>,
}

/// The result of sending a beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendResult {
    Accepted,
    /// The same would be refused again.
    Rejected,
    /// It may be accepted later: after the delay that the receiver asks for, if it does.
    Retry(Option<Duration>),
}

/// The queue of beats to be sent.
#[derive(Debug, Default)]
pub(super) struct SendQueue {
    /// Each slot of `waiting` once, oldest first.
    order: VecDeque<Slot>,
    waiting: HashMap<Slot, QueuedBeat>,
    /// A worker's next beat waits for its last one: two under way could arrive in the wrong order.
    in_flight: HashSet<Slot>,
    backoff: Backoff,
    /// The end of the backoff after a failure.
    backoff_until: Option<Instant>,
    /// The longest backoff, unless the receiver asks for another.
    max_backoff: Duration,
    /// True from [`stop`](Self::stop) on.
    stopping: bool,
}

impl SendQueue {
    /// Creates a queue whose backoff is `interval` at most, as beats come that often.
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            max_backoff: interval,
            ..Self::default()
        }
    }

    /// Queues a beat in place of the one that waits for the same worker.
    pub(super) fn push(&mut self, queued_beat: QueuedBeat) {
        let slot = queued_beat.worker.slot;
        if self.waiting.insert(slot, queued_beat).is_none() {
            self.order.push_back(slot);
        }
        // The oldest goes: a later beat of a living worker is sent anyway.
        while self.order.len() > CAPACITY {
            let oldest = self.order.pop_front();
            oldest.and_then(|slot| self.waiting.remove(&slot));
        }
    }

    /// Cancels the backoff and raises the number of requests in flight; only goodbyes are still queued.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        // A deadline runs: trying at once is the only chance that is left.
        self.backoff_until = None;
    }

    /// Removes and returns the next beat to send; `None` when there is none, or not yet.
    pub(super) fn pop_ready(&mut self, now: Instant) -> Option<QueuedBeat> {
        let is_backing_off = self.backoff_until.is_some_and(|until| now < until);
        if is_backing_off || self.in_flight.len() >= self.max_in_flight() {
            return None;
        }
        let free = |slot: &Slot| !self.in_flight.contains(slot);
        let at = self.order.iter().position(free)?;
        let slot = self.order.remove(at)?;
        let queued_beat = self.waiting.remove(&slot)?;
        self.in_flight.insert(slot);
        Some(queued_beat)
    }

    /// Records the result of a beat. One to retry is queued again, unless a newer one waits.
    pub(super) fn complete(&mut self, queued_beat: QueuedBeat, result: SendResult, now: Instant) {
        let slot = queued_beat.worker.slot;
        self.in_flight.remove(&slot);
        match result {
            SendResult::Accepted | SendResult::Rejected => {
                self.backoff.reset();
                self.backoff_until = None;
            }
            SendResult::Retry(retry_after) => {
                // Those that were in flight together fail together, and are one failure.
                if self.backoff_until.is_none_or(|until| until <= now) {
                    let delay = self.backoff.next_delay(retry_after);
                    let delay = if retry_after.is_some() {
                        delay
                    } else {
                        // Waiting longer than an interval would make a worker late that could be
                        // seen; what the receiver asks for is not shortened.
                        delay.min(self.max_backoff)
                    };
                    self.backoff_until = Some(now + delay);
                }
                if !self.waiting.contains_key(&slot) {
                    self.waiting.insert(slot, queued_beat);
                    self.order.push_front(slot);
                }
            }
        }
    }

    /// Returns the end of the backoff, if beats wait.
    pub(super) fn next_wakeup(&self) -> Option<Instant> {
        self.backoff_until.filter(|_| !self.order.is_empty())
    }

    /// Returns whether nothing waits or is in flight.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.in_flight.is_empty()
    }

    /// Returns the number of requests that may be in flight: one after a failure, until it is accepted.
    // `backoff_until` stays set after its time is over, until a request is answered.
    const fn max_in_flight(&self) -> usize {
        match (self.backoff_until, self.stopping) {
            (Some(_), _) => 1,
            (None, true) => MAX_GOODBYES_IN_FLIGHT,
            (None, false) => MAX_IN_FLIGHT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::heartbeat::{BeatId, BeatRole};

    fn queued(slot: Slot, state: LifecycleState) -> QueuedBeat {
        let worker = WorkerKey {
            id: BeatId::parse(&format!("w{slot}")).unwrap(),
            role: BeatRole::Worker,
            slot,
        };
        QueuedBeat {
            worker,
            state,
            progress: None,
        }
    }

    fn running(slot: Slot) -> QueuedBeat {
        queued(slot, LifecycleState::Running)
    }

    fn queue() -> (SendQueue, Instant) {
        (SendQueue::new(Duration::from_secs(30)), Instant::now())
    }

    #[test]
    fn a_worker_has_one_beat_in_flight_and_one_waiting_at_most() {
        let (mut queue, now) = queue();
        for _ in 0..100 {
            queue.push(running(1));
        }
        assert_eq!(queue.pop_ready(now), Some(running(1)));
        queue.push(running(1));
        queue.push(queued(1, LifecycleState::Draining));
        assert_eq!(queue.pop_ready(now), None, "the first is still under way");
        queue.complete(running(1), SendResult::Accepted, now);
        assert_eq!(
            queue.pop_ready(now),
            Some(queued(1, LifecycleState::Draining))
        );
        queue.complete(
            queued(1, LifecycleState::Draining),
            SendResult::Accepted,
            now,
        );
        assert!(queue.is_empty());
    }

    #[test]
    fn few_are_in_flight_at_once() {
        let (mut queue, now) = queue();
        (1..=100).for_each(|slot| queue.push(running(slot)));
        let in_flight = std::iter::from_fn(|| queue.pop_ready(now)).count();
        assert_eq!(in_flight, MAX_IN_FLIGHT);
    }

    #[test]
    fn after_a_failure_one_goes_ahead_and_the_rest_follow() {
        let (mut queue, start) = queue();
        (1..=100).for_each(|slot| queue.push(running(slot)));
        let first: Vec<_> = std::iter::from_fn(|| queue.pop_ready(start)).collect();
        for queued_beat in first {
            queue.complete(queued_beat, SendResult::Retry(None), start);
        }
        assert_eq!(queue.pop_ready(start), None);
        let until = queue.next_wakeup().unwrap();
        let delay = (until - start).as_millis();
        assert!(
            (400..600).contains(&delay),
            "four failures are one: {delay}"
        );
        let ahead = queue.pop_ready(until).unwrap();
        assert_eq!(queue.pop_ready(until), None);
        queue.complete(ahead, SendResult::Accepted, until);
        let in_flight = std::iter::from_fn(|| queue.pop_ready(until)).count();
        assert_eq!(in_flight, MAX_IN_FLIGHT);
    }

    #[test]
    fn the_receiver_is_asked_again_when_it_wants_to_be() {
        let (mut queue, now) = queue();
        queue.push(running(1));
        let beat = queue.pop_ready(now).unwrap();
        let retry_after = Duration::from_secs(77);
        queue.complete(beat, SendResult::Retry(Some(retry_after)), now);
        assert_eq!(queue.next_wakeup(), Some(now + retry_after));
    }

    #[test]
    fn a_failed_beat_does_not_come_before_a_newer_one() {
        let (mut queue, now) = queue();
        queue.push(running(1));
        let beat = queue.pop_ready(now).unwrap();
        queue.push(queued(1, LifecycleState::Stopped));
        queue.complete(beat, SendResult::Retry(None), now);
        let later = queue.next_wakeup().unwrap();
        assert_eq!(
            queue.pop_ready(later),
            Some(queued(1, LifecycleState::Stopped))
        );
        assert_eq!(queue.pop_ready(later), None);
    }

    #[test]
    fn a_backoff_is_no_longer_than_an_interval() {
        let (mut queue, mut now) = (SendQueue::new(Duration::from_secs(2)), Instant::now());
        queue.push(running(1));
        for _ in 0..20 {
            let beat = queue.pop_ready(now).unwrap();
            queue.complete(beat, SendResult::Retry(None), now);
            let until = queue.next_wakeup().unwrap();
            assert!(until - now <= Duration::from_secs(2));
            now = until;
        }
    }

    #[test]
    fn goodbyes_do_not_wait_for_the_backoff() {
        let (mut queue, now) = queue();
        queue.push(running(1));
        let beat = queue.pop_ready(now).unwrap();
        queue.complete(beat, SendResult::Retry(None), now);
        queue.push(queued(1, LifecycleState::Stopped));
        queue.stop();
        assert_eq!(
            queue.pop_ready(now),
            Some(queued(1, LifecycleState::Stopped))
        );
    }

    #[test]
    fn what_waits_is_bounded() {
        let (mut queue, _) = queue();
        (1..=10_000).for_each(|slot| queue.push(queued(slot, LifecycleState::Stopped)));
        assert_eq!(
            (queue.waiting.len(), queue.order.len()),
            (CAPACITY, CAPACITY)
        );
    }
}
