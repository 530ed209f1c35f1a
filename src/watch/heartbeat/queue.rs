//! What waits to be sent to another process: for each member at most one beat, which is made when
//! its turn comes, so that the last one wins and nothing piles up however long the receiver is away.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hashbrown::{HashMap, HashSet};

use crate::background::Backoff;
use crate::model::heartbeat::{Condition, Progress};
use crate::record::instruments::{Member, Number};

/// Requests at once; beats are small, and the receiver has other things to do.
const AT_ONCE: usize = 4;
/// The same for goodbyes, for which a deadline runs.
const GOODBYES_AT_ONCE: usize = 16;
/// More can only wait where members come and go while the receiver is away.
const MOST: usize = 2_000;

/// What is to be said for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) member: Member,
    pub(super) condition: Condition,
    /// How far somebody had come who has left; of others it is asked when the beat is made.
    pub(super) progress: Option<Progress>,
}

/// What became of a beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Taken,
    /// The same would be refused again.
    Refused,
    /// It may be taken later; perhaps the receiver says when.
    Later(Option<Duration>),
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    order: VecDeque<Number>,
    waiting: HashMap<Number, Word>,
    under_way: HashSet<Number>,
    backoff: Backoff,
    /// No try before, after one that failed.
    resting: Option<Instant>,
    /// The longest that a rest may last that the receiver did not ask for.
    longest: Duration,
    parting: bool,
}

impl Outbox {
    /// Beats come every `interval`: a rest is not longer.
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            longest: interval,
            ..Self::default()
        }
    }

    /// Takes the place of what waits for the same member.
    pub(super) fn put(&mut self, word: Word) {
        let number = word.member.number;
        if self.waiting.insert(number, word).is_none() {
            self.order.push_back(number);
        }
        while self.order.len() > MOST {
            let oldest = self.order.pop_front();
            oldest.and_then(|number| self.waiting.remove(&number));
        }
    }

    /// From now on nothing but goodbyes counts, and a rest is over.
    pub(super) fn part(&mut self) {
        self.parting = true;
        self.resting = None;
    }

    /// What is to be sent now; `None` when nothing is, or not yet.
    pub(super) fn next(&mut self, now: Instant) -> Option<Word> {
        let resting = self.resting.is_some_and(|until| now < until);
        if resting || self.under_way.len() >= self.at_once() {
            return None;
        }
        let free = |number: &Number| !self.under_way.contains(number);
        let at = self.order.iter().position(free)?;
        let number = self.order.remove(at)?;
        let word = self.waiting.remove(&number)?;
        self.under_way.insert(number);
        Some(word)
    }

    /// A beat is over. What may be taken later waits again, unless something newer does.
    pub(super) fn ended(&mut self, word: Word, fate: Fate, now: Instant) {
        let number = word.member.number;
        self.under_way.remove(&number);
        match fate {
            Fate::Taken | Fate::Refused => {
                self.backoff.reset();
                self.resting = None;
            }
            Fate::Later(asked) => {
                // Those that were under way together fail together, and are one failure.
                if self.resting.is_none_or(|until| until <= now) {
                    let rest = self.backoff.next(asked);
                    let rest = if asked.is_some() {
                        rest
                    } else {
                        rest.min(self.longest)
                    };
                    self.resting = Some(now + rest);
                }
                if !self.waiting.contains_key(&number) {
                    self.waiting.insert(number, word);
                    self.order.push_front(number);
                }
            }
        }
    }

    /// When there is something to send again.
    pub(super) fn wakes(&self) -> Option<Instant> {
        self.resting.filter(|_| !self.order.is_empty())
    }

    /// Whether all is said.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_empty()
    }

    /// After a failure one goes ahead, and the others follow when it is taken.
    const fn at_once(&self) -> usize {
        match (self.resting, self.parting) {
            (Some(_), _) => 1,
            (None, true) => GOODBYES_AT_ONCE,
            (None, false) => AT_ONCE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::heartbeat::{BeatId, Role};

    fn word(number: Number, condition: Condition) -> Word {
        let member = Member {
            id: BeatId::closest(&format!("w{number}")),
            role: Role::Worker,
            number,
        };
        Word {
            member,
            condition,
            progress: None,
        }
    }

    fn running(number: Number) -> Word {
        word(number, Condition::Running)
    }

    fn outbox() -> (Outbox, Instant) {
        (Outbox::new(Duration::from_secs(30)), Instant::now())
    }

    #[test]
    fn a_member_has_one_beat_under_way_and_one_waiting_at_most() {
        let (mut outbox, now) = outbox();
        for _ in 0..100 {
            outbox.put(running(1));
        }
        assert_eq!(outbox.next(now), Some(running(1)));
        outbox.put(running(1));
        outbox.put(word(1, Condition::Draining));
        assert_eq!(outbox.next(now), None, "the first is still under way");
        outbox.ended(running(1), Fate::Taken, now);
        assert_eq!(outbox.next(now), Some(word(1, Condition::Draining)));
        outbox.ended(word(1, Condition::Draining), Fate::Taken, now);
        assert!(outbox.is_empty());
    }

    #[test]
    fn few_are_under_way_at_once() {
        let (mut outbox, now) = outbox();
        (1..=100).for_each(|number| outbox.put(running(number)));
        let under_way = std::iter::from_fn(|| outbox.next(now)).count();
        assert_eq!(under_way, AT_ONCE);
    }

    #[test]
    fn after_a_failure_one_goes_ahead_and_the_rest_follow() {
        let (mut outbox, start) = outbox();
        (1..=100).for_each(|number| outbox.put(running(number)));
        let first: Vec<_> = std::iter::from_fn(|| outbox.next(start)).collect();
        for word in first {
            outbox.ended(word, Fate::Later(None), start);
        }
        assert_eq!(outbox.next(start), None);
        let until = outbox.wakes().unwrap();
        let rest = (until - start).as_millis();
        assert!((400..600).contains(&rest), "four failures are one: {rest}");
        let ahead = outbox.next(until).unwrap();
        assert_eq!(outbox.next(until), None);
        outbox.ended(ahead, Fate::Taken, until);
        let under_way = std::iter::from_fn(|| outbox.next(until)).count();
        assert_eq!(under_way, AT_ONCE);
    }

    #[test]
    fn the_receiver_is_asked_again_when_it_wants_to_be() {
        let (mut outbox, now) = outbox();
        outbox.put(running(1));
        let beat = outbox.next(now).unwrap();
        let asked = Duration::from_secs(77);
        outbox.ended(beat, Fate::Later(Some(asked)), now);
        assert_eq!(outbox.wakes(), Some(now + asked));
    }

    #[test]
    fn a_failed_beat_does_not_come_before_a_newer_one() {
        let (mut outbox, now) = outbox();
        outbox.put(running(1));
        let beat = outbox.next(now).unwrap();
        outbox.put(word(1, Condition::Stopped));
        outbox.ended(beat, Fate::Later(None), now);
        let later = outbox.wakes().unwrap();
        assert_eq!(outbox.next(later), Some(word(1, Condition::Stopped)));
        assert_eq!(outbox.next(later), None);
    }

    #[test]
    fn a_rest_is_no_longer_than_an_interval() {
        let (mut outbox, mut now) = (Outbox::new(Duration::from_secs(2)), Instant::now());
        outbox.put(running(1));
        for _ in 0..20 {
            let beat = outbox.next(now).unwrap();
            outbox.ended(beat, Fate::Later(None), now);
            let until = outbox.wakes().unwrap();
            assert!(until - now <= Duration::from_secs(2));
            now = until;
        }
    }

    #[test]
    fn goodbyes_do_not_wait_for_a_rest_to_end() {
        let (mut outbox, now) = outbox();
        outbox.put(running(1));
        let beat = outbox.next(now).unwrap();
        outbox.ended(beat, Fate::Later(None), now);
        outbox.put(word(1, Condition::Stopped));
        outbox.part();
        assert_eq!(outbox.next(now), Some(word(1, Condition::Stopped)));
    }

    #[test]
    fn what_waits_is_bounded() {
        let (mut outbox, _) = outbox();
        (1..=10_000).for_each(|number| outbox.put(word(number, Condition::Stopped)));
        assert_eq!((outbox.waiting.len(), outbox.order.len()), (MOST, MOST));
    }
}
