//! The open connections, of which there is a highest number.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::activity::{Activity, EndReason, EvictionRank};
use super::limits::ConnectionLimits;
use crate::record::instruments::EndedConnections;
use crate::record::sync::lock;

/// The share of the process's descriptors that connections may have: one in so many. The others are the
/// service's own.
const DESCRIPTOR_SHARE: u64 = 4;

/// The open connections of all listeners that share them.
#[derive(Debug)]
pub(crate) struct Connections {
    capacity: usize,
    table: Mutex<Table>,
    freed: Notify,
    ended: EndedConnections,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    open: HashMap<u64, OpenConnection>,
}

#[derive(Debug)]
struct OpenConnection {
    peer: IpAddr,
    activity: Arc<Activity>,
}

/// The place of a connection among the open ones; free when this is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    number: u64,
    activity: Arc<Activity>,
    connections: Arc<Connections>,
}

/// A connection that was let in.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) slot: Slot,
    /// Another one had to make room.
    pub(super) has_evicted: bool,
}

impl Connections {
    /// Allows `max` connections, fewer where the process may open few descriptors (`None`: any number).
    pub(crate) fn new(max: usize, max_descriptors: Option<u64>, ended: EndedConnections) -> Self {
        let share = max_descriptors.map(|max| usize::try_from(max / DESCRIPTOR_SHARE));
        let share = share.and_then(Result::ok).unwrap_or(usize::MAX);
        Self {
            capacity: max.min(share).max(1),
            table: Mutex::default(),
            freed: Notify::new(),
            ended,
        }
    }

    /// Returns the number of connections that may be open.
    pub(crate) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns whether half of the places and more are free.
    pub(super) fn is_half_free(&self) -> bool {
        lock(&self.table).open.len() <= self.capacity / 2
    }

    /// Lets a connection in. Where there is no place, the one goes that can best be missed, and its end is waited
    /// for: that takes no longer than its task needs to be run.
    pub(super) async fn admit(
        self: &Arc<Self>,
        peer: IpAddr,
        limits: ConnectionLimits,
    ) -> Admission {
        let mut has_evicted = false;
        loop {
            let mut freed = pin!(self.freed.notified());
            // Before the look at the table: a place that is freed after it is not missed.
            freed.as_mut().enable();
            if let Some(slot) = self.try_admit(peer, limits) {
                return Admission { slot, has_evicted };
            }
            has_evicted |= self.evict(|_| true);
            freed.await;
        }
    }

    fn try_admit(self: &Arc<Self>, peer: IpAddr, limits: ConnectionLimits) -> Option<Slot> {
        let mut table = lock(&self.table);
        if table.open.len() >= self.capacity {
            return None;
        }
        let number = table.next;
        table.next += 1;
        let activity = Arc::new(Activity::new(limits, Instant::now()));
        let connection = OpenConnection {
            peer,
            activity: Arc::clone(&activity),
        };
        table.open.insert(number, connection);
        Some(Slot {
            number,
            activity,
            connections: Arc::clone(self),
        })
    }

    /// Ends an idle connection, if there is one: its descriptor is needed.
    pub(super) fn evict_idle(&self) {
        self.evict(|rank| matches!(rank, EvictionRank::Idle(_)));
    }

    /// Makes one connection go; returns whether there was one that could.
    ///
    /// One of the client that has the most, so that others are not hit by it; of those the one of the least rank.
    fn evict(&self, may_go: impl Fn(EvictionRank) -> bool) -> bool {
        let table = lock(&self.table);
        let now = Instant::now();
        let mut by_peer = HashMap::<IpAddr, usize>::new();
        for connection in table.open.values() {
            *by_peer.entry(connection.peer).or_default() += 1;
        }
        let ranked = table.open.values().filter_map(|connection| {
            let rank = connection.activity.eviction_rank(now)?;
            let of_others = table.open.len() - by_peer.get(&connection.peer)?;
            may_go(rank).then_some((of_others, rank, &connection.activity))
        });
        let least = ranked.min_by_key(|(of_others, rank, _)| (*of_others, *rank));
        if let Some((_, _, activity)) = least {
            activity.evict();
        }
        least.is_some()
    }

    /// Counts the end of a connection, if it was ended from here.
    pub(super) fn record_end(&self, reason: EndReason) {
        if let Some(reason) = reason.label() {
            self.ended.record(reason);
        }
    }
}

impl Slot {
    pub(super) const fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        lock(&self.connections.table).open.remove(&self.number);
        self.connections.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use http::Version;

    use super::*;
    use crate::record::series::Instruments;

    const PROBE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const HOARDER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn connections(max: usize) -> Arc<Connections> {
        Arc::new(Connections::new(
            max,
            None,
            EndedConnections::new(&Instruments::noop()),
        ))
    }

    fn admitted(connections: &Arc<Connections>, peer: IpAddr) -> Slot {
        let limits = ConnectionLimits::default();
        connections
            .try_admit(peer, limits)
            .expect("there is a place")
    }

    fn is_evicted(slot: &Slot) -> bool {
        let in_a_while = Instant::now() + Duration::from_secs(5);
        slot.activity.eviction_rank(in_a_while).is_none()
    }

    #[test]
    fn a_share_of_the_descriptors_is_left_to_the_service() {
        let capacity = |max, descriptors| {
            Connections::new(
                max,
                descriptors,
                EndedConnections::new(&Instruments::noop()),
            )
            .capacity()
        };
        assert_eq!(capacity(256, None), 256);
        assert_eq!(capacity(256, Some(1_048_576)), 256);
        assert_eq!(capacity(256, Some(1_024)), 256);
        assert_eq!(capacity(256, Some(256)), 64);
        assert_eq!(
            capacity(256, Some(3)),
            1,
            "a probe is answered all the same"
        );
        assert_eq!(capacity(256, Some(u64::MAX)), 256);
    }

    #[test]
    fn a_new_connection_waits_for_the_end_of_the_one_that_makes_room_and_of_no_other() {
        let connections = connections(2);
        let [idle, waiting] = [PROBE, PROBE].map(|peer| admitted(&connections, peer));
        idle.activity
            .begin_request(Instant::now(), Version::HTTP_11, false);
        idle.activity.end_request(Instant::now());
        let mut admission = pin!(connections.admit(PROBE, ConnectionLimits::default()));
        let mut poll = || {
            admission
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
        };
        assert!(poll().is_pending());
        assert_eq!((is_evicted(&idle), is_evicted(&waiting)), (true, false));
        drop(idle);
        let Poll::Ready(Admission { has_evicted, .. }) = poll() else {
            panic!("there is a place");
        };
        assert!(has_evicted);
        assert!(!is_evicted(&waiting));
    }

    #[test]
    fn the_client_that_has_the_most_makes_room() {
        let connections = connections(4);
        let probe = admitted(&connections, PROBE);
        probe
            .activity
            .begin_request(Instant::now(), Version::HTTP_11, false);
        probe.activity.end_request(Instant::now());
        let hoarded = [HOARDER; 3].map(|peer| admitted(&connections, peer));
        assert!(
            connections
                .try_admit(PROBE, ConnectionLimits::default())
                .is_none()
        );
        for evicted in 0..3 {
            let gone = hoarded.iter().filter(|slot| is_evicted(slot));
            assert_eq!(gone.count(), evicted);
            assert!(connections.evict(|_| true));
        }
        assert!(!is_evicted(&probe));
        assert!(connections.evict(|_| true), "none but the probe's is left");
        assert!(
            !connections.evict(|_| true),
            "each of them is on its way out"
        );
    }

    #[test]
    fn for_a_descriptor_only_an_idle_one_goes() {
        let connections = connections(4);
        let waiting = admitted(&connections, PROBE);
        connections.evict_idle();
        assert!(!is_evicted(&waiting));
        waiting
            .activity
            .begin_request(Instant::now(), Version::HTTP_11, false);
        waiting.activity.end_request(Instant::now());
        connections.evict_idle();
        assert!(is_evicted(&waiting));
    }
}
