//! Who of this process beats: its workers and its scheduler.
//!
//! Handles are often made on the spot, one for a job, so that a handle's end is no worker's end: a
//! worker is there from its first handle until somebody stops it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;
use tokio::sync::Notify;

use crate::model::heartbeat::{BeatId, Role};

/// More workers than that in one process are a mistake, such as an id made of a job's id.
pub(crate) const MOST: usize = 1000;

/// The number of a member, which no later one gets. What is no member has 0.
pub(crate) type Number = u64;

/// The members. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crew(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    members: Mutex<Members>,
    changed: Notify,
    renamed: AtomicBool,
    full: AtomicBool,
}

#[derive(Debug, Default)]
struct Members {
    last: Number,
    /// By the name that the service gave.
    names: HashMap<Box<str>, (BeatId, Number)>,
    present: HashMap<BeatId, Member>,
    leaving: Vec<Member>,
}

/// One that beats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) id: BeatId,
    pub(crate) role: Role,
    pub(crate) number: Number,
}

impl Crew {
    /// The member of this name, who joins if he is not there: his id, and his number where there is
    /// room for him.
    pub(crate) fn join(&self, name: &str, role: Role) -> (BeatId, Number) {
        if let Some(known) = self.lock().names.get(name) {
            return known.clone();
        }
        let id = self.allowed(name);
        let (number, joined) = self.lock().join(name, &id, role);
        if joined {
            self.0.changed.notify_one();
        }
        if number == 0 && !self.0.full.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                id = %id,
                "this process has {MOST} workers that beat, and those that come after have no heartbeat: give a worker one id for all its jobs, and stop() those that have ended"
            );
        }
        (id, number)
    }

    /// Lets a member go; a goodbye is still to be said.
    pub(crate) fn leave(&self, id: &BeatId) {
        let mut members = self.lock();
        let left = members.present.remove(id);
        members.names.retain(|_, (other, _)| other != id);
        members.leaving.extend(left);
        drop(members);
        self.0.changed.notify_one();
    }

    /// Everybody, in the order in which they came.
    pub(crate) fn present(&self) -> Vec<Member> {
        let mut present: Vec<_> = self.lock().present.values().cloned().collect();
        present.sort_unstable_by_key(|member| member.number);
        present
    }

    /// Those who have left since this was asked last.
    pub(crate) fn left(&self) -> Vec<Member> {
        std::mem::take(&mut self.lock().leaving)
    }

    /// Resolves when somebody has come or gone.
    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Looks again, whoever waits.
    pub(crate) fn wake(&self) {
        self.0.changed.notify_one();
    }

    /// The name as an id.
    fn allowed(&self, name: &str) -> BeatId {
        if let Some(id) = BeatId::parse(name) {
            return id;
        }
        let id = BeatId::closest(name);
        if !self.0.renamed.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %id,
                "a worker's id is not allowed and was changed; allowed: {}",
                BeatId::ALLOWED
            );
        }
        id
    }

    fn lock(&self) -> MutexGuard<'_, Members> {
        let members = self.0.members.lock();
        members.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    /// The member's number, and whether he is new.
    fn join(&mut self, name: &str, id: &BeatId, role: Role) -> (Number, bool) {
        let known = self.present.get(id).map(|member| member.number);
        if known.is_none() && self.present.len() >= MOST {
            return (0, false);
        }
        let number = known.unwrap_or(self.last + 1);
        if known.is_none() {
            self.last = number;
            let (id, role) = (id.clone(), role);
            let member = Member { id, role, number };
            self.present.insert(member.id.clone(), member);
        }
        // Many names may become one id.
        if self.names.len() < 2 * MOST {
            self.names.insert(name.into(), (id.clone(), number));
        }
        (number, known.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(members: &[Member]) -> Vec<&str> {
        members.iter().map(|member| member.id.as_str()).collect()
    }

    #[test]
    fn the_same_name_is_the_same_member_until_he_leaves() {
        let crew = Crew::default();
        let (id, first) = crew.join("w1", Role::Worker);
        assert_eq!(crew.join("w1", Role::Worker), (id.clone(), first));
        crew.join("w2", Role::Worker);
        assert_eq!(ids(&crew.present()), ["w1", "w2"]);
        crew.leave(&id);
        assert_eq!(ids(&crew.present()), ["w2"]);
        assert_eq!((ids(&crew.left()), crew.left()), (vec!["w1"], vec![]));
        let (_, again) = crew.join("w1", Role::Worker);
        assert!(again > first, "a late end of the old one's job is not his");
    }

    #[test]
    fn a_name_that_is_no_id_becomes_one() {
        let crew = Crew::default();
        assert_eq!(crew.join("a b/ü", Role::Worker).0.as_str(), "a_b__");
        assert_eq!(crew.join("", Role::Worker).0.as_str(), "_");
        let long = "x".repeat(300);
        assert_eq!(crew.join(&long, Role::Worker).0.as_str(), "x".repeat(128));
        let same = crew.join("a.b", Role::Worker).1;
        assert_ne!(crew.join("a b", Role::Worker).1, same);
    }

    #[test]
    fn names_without_end_take_bounded_memory() {
        let crew = Crew::default();
        let numbers: Vec<_> = (0..5000)
            .map(|i| crew.join(&format!("w{i}"), Role::Worker).1)
            .collect();
        assert_eq!(numbers.iter().filter(|number| **number > 0).count(), MOST);
        for i in 0..5000 {
            crew.join(&format!("w{} ", " ".repeat(i % 7)), Role::Worker);
        }
        let members = crew.lock();
        assert_eq!(members.present.len(), MOST);
        assert!(members.names.len() <= 2 * MOST);
    }
}
