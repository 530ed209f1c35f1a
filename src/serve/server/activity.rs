//! The activity of a connection: for what it waits, since when, and until when it may.
//!
//! | state | waits for | until |
//! |---|---|---|
//! | no request yet | the first head | `header_timeout` after the accept |
//! | no request, bytes of one | the rest of its head | `header_timeout` after the first of them |
//! | no request | the next one | `idle_timeout` after the last |
//! | a request | the handler, which has limits of its own | |
//! | a write that is pending | the client | `write_timeout`, summed up until all is written |
//!
//! Bytes that trickle move no deadline: that is what a slow attack lives on.

use std::sync::Mutex;
use std::time::Duration;

use http::Version;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::limits::ConnectionLimits;
use crate::record::sync::lock;

/// The time in which a new connection is not made room of before others: its first bytes are on their way.
const YOUNG: Duration = Duration::from_secs(1);

/// The reason for the end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndReason {
    /// By the client, or after an answer that ends it.
    Closed,
    HeaderTimeout,
    BodyTimeout,
    WriteTimeout,
    IdleTimeout,
    /// It made room for another one.
    Evicted,
    /// The server ends.
    Stopped,
}

/// The activity of one connection, shared by all that watch it.
#[derive(Debug)]
pub(super) struct Activity {
    limits: ConnectionLimits,
    state: Mutex<State>,
    evicted: Notify,
}

#[derive(Debug)]
struct State {
    /// Since the accept, or since the end of the latest request.
    waits_since: Instant,
    /// The first byte since then.
    head_since: Option<Instant>,
    /// A request came.
    is_used: bool,
    /// A connection of HTTP/2 has frames between requests that begin none.
    is_http2: bool,
    requests: usize,
    /// The begin of the latest request.
    request_since: Instant,
    /// Request bodies that go on.
    bodies: usize,
    is_body_late: bool,
    blocked_since: Option<Instant>,
    /// The time of earlier blocks, since all was written.
    blocked_before: Duration,
    is_evicted: bool,
}

/// The order in which connections make room: the least one goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EvictionRank {
    /// Nothing is lost with it.
    Idle(Instant),
    /// It waits for its client.
    Waiting(Instant),
    /// Its request is being handled.
    Busy(Instant),
    /// It has just begun one or the other.
    Young(Instant),
}

impl EndReason {
    /// Returns the reason as metrics name it; `None` for an end that nobody has to know of.
    pub(crate) const fn label(self) -> Option<&'static str> {
        match self {
            Self::HeaderTimeout => Some("header_timeout"),
            Self::BodyTimeout => Some("body_timeout"),
            Self::WriteTimeout => Some("write_timeout"),
            Self::IdleTimeout => Some("idle_timeout"),
            Self::Evicted => Some("evicted"),
            Self::Closed | Self::Stopped => None,
        }
    }
}

impl Activity {
    /// Begins with the accept.
    pub(super) fn new(limits: ConnectionLimits, now: Instant) -> Self {
        Self {
            limits,
            state: Mutex::new(State {
                waits_since: now,
                head_since: None,
                is_used: false,
                is_http2: false,
                requests: 0,
                request_since: now,
                bodies: 0,
                is_body_late: false,
                blocked_since: None,
                blocked_before: Duration::ZERO,
                is_evicted: false,
            }),
            evicted: Notify::new(),
        }
    }

    pub(super) const fn limits(&self) -> &ConnectionLimits {
        &self.limits
    }

    /// Records bytes from the client.
    pub(super) fn record_read(&self, now: Instant) {
        let mut state = lock(&self.state);
        // Those of a body belong to its request; those behind it may be the next head, already.
        if state.bodies == 0 {
            state.head_since.get_or_insert(now);
        }
    }

    /// Records a write that has to wait for the client.
    pub(super) fn record_blocked(&self, now: Instant) {
        lock(&self.state).blocked_since.get_or_insert(now);
    }

    /// Records bytes that the client's side took.
    pub(super) fn record_written(&self, now: Instant) {
        let mut state = lock(&self.state);
        if let Some(since) = state.blocked_since.take() {
            state.blocked_before += now.saturating_duration_since(since);
        }
    }

    /// Records that nothing waits to be written.
    pub(super) fn record_flushed(&self) {
        let mut state = lock(&self.state);
        state.blocked_since = None;
        state.blocked_before = Duration::ZERO;
    }

    /// Records the head of a request, which a body may follow.
    pub(super) fn begin_request(&self, now: Instant, version: Version, has_body: bool) {
        let mut state = lock(&self.state);
        state.is_http2 = version == Version::HTTP_2;
        state.is_used = true;
        state.head_since = None;
        state.requests += 1;
        state.request_since = now;
        state.bodies += usize::from(has_body);
    }

    /// Records the end of a request's body, or that it is no longer read.
    pub(super) fn end_body(&self) {
        let mut state = lock(&self.state);
        state.bodies = state.bodies.saturating_sub(1);
    }

    /// Records a body that took too long.
    pub(super) fn record_late_body(&self) {
        lock(&self.state).is_body_late = true;
    }

    /// Records the end of a request, whose response was handed over to be written.
    pub(super) fn end_request(&self, now: Instant) {
        let mut state = lock(&self.state);
        state.requests = state.requests.saturating_sub(1);
        if state.requests == 0 {
            state.waits_since = now;
        }
    }

    /// Returns the moment at which the connection is to end, and the reason, unless something happens before.
    pub(super) fn deadline(&self) -> Option<(Instant, EndReason)> {
        let state = lock(&self.state);
        let limits = &self.limits;
        if let Some(since) = state.blocked_since {
            let left = limits
                .write_timeout
                .map(|whole| whole.saturating_sub(state.blocked_before));
            let least = [left, limits.stall_timeout].into_iter().flatten().min();
            return Some((since + least?, EndReason::WriteTimeout));
        }
        if state.requests > 0 {
            return None;
        }
        let head_since = match (state.is_used, state.is_http2) {
            (false, _) => Some(state.waits_since),
            (true, false) => state.head_since,
            (true, true) => None,
        };
        match head_since {
            Some(since) => Some((since + limits.header_timeout?, EndReason::HeaderTimeout)),
            None => Some((
                state.waits_since + limits.idle_timeout?,
                EndReason::IdleTimeout,
            )),
        }
    }

    /// Returns whether neither a request nor a response is under way.
    pub(super) fn is_waiting(&self) -> bool {
        let state = lock(&self.state);
        state.requests == 0 && state.blocked_since.is_none()
    }

    /// Returns the reason of an end that the connection itself came to.
    pub(super) fn end_reason(&self) -> EndReason {
        if lock(&self.state).is_body_late {
            EndReason::BodyTimeout
        } else {
            EndReason::Closed
        }
    }

    /// Returns the rank among those that may make room; `None` for one that does so already.
    pub(super) fn eviction_rank(&self, now: Instant) -> Option<EvictionRank> {
        let state = lock(&self.state);
        if state.is_evicted {
            return None;
        }
        let blocked = state.blocked_since.map(|since| {
            // Earlier blocks count: one that trickles has waited as long as one that stands.
            since.checked_sub(state.blocked_before).unwrap_or(since)
        });
        let (since, rank): (_, fn(Instant) -> EvictionRank) = match blocked {
            Some(since) => (since, EvictionRank::Waiting),
            None if state.bodies > 0 => (state.request_since, EvictionRank::Waiting),
            None if state.requests > 0 => (state.request_since, EvictionRank::Busy),
            None if state.is_used && state.head_since.is_none() => {
                return Some(EvictionRank::Idle(state.waits_since));
            }
            // A first head is late since the accept, a later one since it began.
            None => {
                let began = state.head_since.filter(|_| state.is_used);
                (began.unwrap_or(state.waits_since), EvictionRank::Waiting)
            }
        };
        let is_young = now.saturating_duration_since(since) < YOUNG;
        Some(if is_young {
            EvictionRank::Young(since)
        } else {
            rank(since)
        })
    }

    /// Makes the connection end.
    pub(super) fn evict(&self) {
        lock(&self.state).is_evicted = true;
        self.evicted.notify_one();
    }

    /// Resolves when the connection has to make room.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ConnectionLimits = ConnectionLimits {
        header_timeout: Some(Duration::from_secs(10)),
        body_timeout: Some(Duration::from_secs(30)),
        write_timeout: Some(Duration::from_secs(20)),
        stall_timeout: None,
        idle_timeout: Some(Duration::from_secs(60)),
    };

    /// A connection, and its moments in seconds since the accept.
    fn accepted(limits: ConnectionLimits) -> (Activity, impl Fn(u64) -> Instant) {
        let start = Instant::now();
        let at = move |second| start + Duration::from_secs(second);
        (Activity::new(limits, start), at)
    }

    #[test]
    fn the_first_head_counts_from_the_accept_and_bytes_move_nothing() {
        let (activity, at) = accepted(LIMITS);
        assert_eq!(
            activity.deadline(),
            Some((at(10), EndReason::HeaderTimeout))
        );
        activity.record_read(at(3));
        activity.record_read(at(9));
        assert_eq!(
            activity.deadline(),
            Some((at(10), EndReason::HeaderTimeout))
        );
    }

    #[test]
    fn a_later_head_counts_from_its_first_byte_and_the_wait_for_it_from_the_last_answer() {
        let (activity, at) = accepted(LIMITS);
        activity.begin_request(at(1), Version::HTTP_11, false);
        assert_eq!(activity.deadline(), None, "a handler is no client");
        activity.end_request(at(2));
        assert_eq!(activity.deadline(), Some((at(62), EndReason::IdleTimeout)));
        activity.record_read(at(40));
        activity.record_read(at(49));
        assert_eq!(
            activity.deadline(),
            Some((at(50), EndReason::HeaderTimeout))
        );
        activity.begin_request(at(50), Version::HTTP_11, false);
        activity.end_request(at(50));
        assert_eq!(activity.deadline(), Some((at(110), EndReason::IdleTimeout)));
    }

    #[test]
    fn half_a_head_behind_a_request_has_the_time_of_a_head() {
        let (activity, at) = accepted(LIMITS);
        activity.begin_request(at(1), Version::HTTP_11, true);
        activity.record_read(at(2));
        activity.end_body();
        activity.record_read(at(3));
        activity.end_request(at(4));
        assert_eq!(
            activity.deadline(),
            Some((at(13), EndReason::HeaderTimeout))
        );
    }

    #[test]
    fn frames_between_the_requests_of_http_2_begin_no_head() {
        let (activity, at) = accepted(LIMITS);
        activity.begin_request(at(1), Version::HTTP_2, false);
        activity.begin_request(at(1), Version::HTTP_2, false);
        activity.end_request(at(2));
        assert_eq!(activity.deadline(), None);
        activity.end_request(at(3));
        activity.record_read(at(30));
        assert_eq!(activity.deadline(), Some((at(63), EndReason::IdleTimeout)));
    }

    #[test]
    fn the_waits_of_a_response_are_summed_up_until_all_of_it_is_written() {
        let (activity, at) = accepted(LIMITS);
        activity.begin_request(at(1), Version::HTTP_11, false);
        activity.record_blocked(at(2));
        activity.record_blocked(at(3));
        assert_eq!(activity.deadline(), Some((at(22), EndReason::WriteTimeout)));
        activity.record_written(at(17));
        assert_eq!(activity.deadline(), None);
        activity.record_blocked(at(20));
        assert_eq!(activity.deadline(), Some((at(25), EndReason::WriteTimeout)));
        activity.end_request(at(21));
        assert_eq!(activity.deadline(), Some((at(25), EndReason::WriteTimeout)));
        activity.record_written(at(24));
        activity.record_flushed();
        activity.record_blocked(at(30));
        assert_eq!(activity.deadline(), Some((at(50), EndReason::WriteTimeout)));
    }

    #[test]
    fn a_stream_may_take_for_ever_as_long_as_it_is_read() {
        let limits = ConnectionLimits {
            write_timeout: None,
            stall_timeout: Some(Duration::from_secs(20)),
            ..LIMITS
        };
        let (activity, at) = accepted(limits);
        activity.begin_request(at(1), Version::HTTP_11, false);
        for second in [2, 20, 38, 56] {
            activity.record_blocked(at(second));
            let deadline = at(second + 20);
            assert_eq!(
                activity.deadline(),
                Some((deadline, EndReason::WriteTimeout))
            );
            activity.record_written(at(second + 17));
        }
    }

    #[test]
    fn without_limits_nothing_ends() {
        let (activity, at) = accepted(ConnectionLimits::default());
        assert_eq!(activity.deadline(), None);
        activity.record_blocked(at(1));
        assert_eq!(activity.deadline(), None);
    }

    #[test]
    fn idle_ones_make_room_first_and_those_at_work_last() {
        let (idle, at) = accepted(LIMITS);
        let now = at(9);
        idle.begin_request(at(1), Version::HTTP_11, false);
        idle.end_request(at(8));
        let start = at(0);
        let other = || Activity::new(LIMITS, start);
        let half_head = other();
        half_head.record_read(at(4));
        let trickling_body = other();
        trickling_body.begin_request(at(5), Version::HTTP_11, true);
        let unread = other();
        unread.begin_request(at(1), Version::HTTP_11, false);
        unread.record_blocked(at(2));
        unread.record_written(at(6));
        unread.record_blocked(at(7));
        let busy = other();
        busy.begin_request(at(1), Version::HTTP_11, false);
        let young = Activity::new(LIMITS, now);
        let rank = |activity: &Activity| activity.eviction_rank(now).unwrap();
        let ranks = [&idle, &half_head, &unread, &trickling_body, &busy, &young].map(rank);
        assert!(ranks.is_sorted(), "{ranks:?}");
        assert_eq!(rank(&unread), EvictionRank::Waiting(at(3)));
        idle.evict();
        assert_eq!(idle.eviction_rank(now), None);
    }
}
