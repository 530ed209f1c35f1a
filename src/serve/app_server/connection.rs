//! The open connections, and the requests in flight on them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::record::instruments::ApiInstruments;
use crate::record::sync::lock;

/// The connections of a server. A cheap clone; all clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Connections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    api: ApiInstruments,
    open: Mutex<OpenConnections>,
    /// Requests to the service that have begun, and whose own body or response's body has not ended.
    in_flight: AtomicUsize,
    /// Requests to the service that have ended.
    ended: AtomicU64,
    opened_at: Instant,
    /// The end of the latest of them, in nanoseconds after `opened_at`; 0 before the first.
    last_end: AtomicU64,
    draining: AtomicBool,
    /// The last answer of a scrape.
    scraped: Mutex<Option<Instant>>,
}

#[derive(Debug, Default)]
struct OpenConnections {
    next_id: u64,
    by_id: HashMap<u64, Arc<Connection>>,
}

/// A connection: what runs on it, and whether it is cut.
#[derive(Debug, Default)]
pub(super) struct Connection {
    /// Requests of every kind on it.
    in_flight: AtomicUsize,
    /// Requests that have begun on it.
    begun: AtomicU64,
    /// True while its client takes nothing of what is written.
    blocked: AtomicBool,
    /// True once it speaks another protocol.
    upgraded: AtomicBool,
    /// True once its requests are cut off.
    ending: AtomicBool,
    cut: AtomicBool,
    /// The task that reads; it is woken to see that the connection is cut.
    reader: Mutex<Option<Waker>>,
    /// The number of requests that had begun when it was last seen without one.
    seen_idle: Mutex<Option<u64>>,
}

/// An open connection, which is counted until this is dropped.
#[derive(Debug)]
pub(super) struct OpenConnection {
    id: u64,
    connection: Arc<Connection>,
    shared: Arc<Shared>,
}

/// A request in flight, until it is dropped.
#[derive(Debug)]
pub(super) struct InFlightRequest {
    connection: Arc<Connection>,
    /// `None` for a request that is not the service's.
    shared: Option<Arc<Shared>>,
}

impl Connections {
    pub(crate) fn new(api: ApiInstruments) -> Self {
        Self(Arc::new(Shared {
            api,
            open: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            ended: AtomicU64::new(0),
            opened_at: Instant::now(),
            last_end: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            scraped: Mutex::default(),
        }))
    }

    /// Opens one.
    pub(super) fn open(&self) -> OpenConnection {
        let connection = Arc::<Connection>::default();
        let mut open = lock(&self.0.open);
        let id = open.next_id;
        open.next_id += 1;
        open.by_id.insert(id, Arc::clone(&connection));
        drop(open);
        self.0.api.connections().add(1);
        OpenConnection {
            id,
            connection,
            shared: Arc::clone(&self.0),
        }
    }

    /// Begins a request on a connection; one that is not the service's is in no count.
    pub(super) fn begin_request(
        &self,
        connection: &Arc<Connection>,
        is_service: bool,
    ) -> InFlightRequest {
        connection.begun.fetch_add(1, Ordering::SeqCst);
        connection.in_flight.fetch_add(1, Ordering::SeqCst);
        if is_service {
            self.0.in_flight.fetch_add(1, Ordering::SeqCst);
        }
        InFlightRequest {
            connection: Arc::clone(connection),
            shared: is_service.then(|| Arc::clone(&self.0)),
        }
    }

    /// Returns the number of requests to the service that are in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.0.in_flight.load(Ordering::SeqCst)
    }

    /// Returns the number of requests to the service that have ended, in whatever way.
    pub(crate) fn ended(&self) -> u64 {
        self.0.ended.load(Ordering::SeqCst)
    }

    /// Returns the time at which the latest request to the service has ended; everything of it was counted by
    /// then. `None` before the first.
    pub(crate) fn last_end(&self) -> Option<Instant> {
        let after = self.0.last_end.load(Ordering::SeqCst);
        (after > 0).then(|| self.0.opened_at + Duration::from_nanos(after))
    }

    /// From now on each response closes its connection, so that clients find another instance.
    pub(crate) fn drain(&self) {
        self.0.draining.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    pub(super) fn note_scrape(&self) {
        *lock(&self.0.scraped) = Some(Instant::now());
    }

    /// Returns whether there was a scrape here within this time, and not only on another port.
    pub(crate) fn is_scraped(&self, within: Duration) -> bool {
        let scraped = *lock(&self.0.scraped);
        scraped.is_some_and(|scraped| scraped.elapsed() <= within)
    }

    /// Cuts the connections that have had no request since the call before: the rest of a head, or a goodbye of
    /// HTTP/2, that was on its way has arrived by then, or never does.
    pub(crate) fn cut_idle(&self) {
        self.cut(Connection::is_idle_again);
    }

    /// Cuts off what is in flight: a request without an answer gets 503 by HTTP/1, and bodies break off. What is
    /// dropped from now on counts as cut off.
    pub(crate) fn cut_requests(&self) {
        self.0.api.cutting_off().store(true, Ordering::SeqCst);
        self.wake(|connection| connection.end(&connection.ending));
    }

    /// Cuts all connections, those that were upgraded too.
    pub(crate) fn cut_all(&self) {
        self.cut(|_| true);
    }

    fn cut(&self, applies: impl Fn(&Connection) -> bool) {
        self.wake(|connection| {
            applies(connection)
                .then(|| connection.end(&connection.cut))
                .flatten()
        });
    }

    /// Wakes the tasks that this returns for the open connections.
    fn wake(&self, end: impl Fn(&Connection) -> Option<Waker>) {
        let open = lock(&self.0.open);
        let readers: Vec<_> = open.by_id.values().filter_map(|one| end(one)).collect();
        drop(open);
        // Without the lock: a task that is woken may run at once, and end its connection.
        readers.into_iter().for_each(Waker::wake);
    }
}

impl Connection {
    /// Sets one of its flags, and returns the task to be woken: it stays known, because it need not read in between.
    fn end(&self, flag: &AtomicBool) -> Option<Waker> {
        flag.store(true, Ordering::SeqCst);
        lock(&self.reader).clone()
    }

    /// Returns whether its requests are cut off.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// Returns whether it is cut. If not, this task is woken when it is.
    pub(super) fn is_cut(&self, reader: &Waker) -> bool {
        // Left before looking, so that a cut in between finds it.
        let mut known = lock(&self.reader);
        if !known.as_ref().is_some_and(|known| known.will_wake(reader)) {
            *known = Some(reader.clone());
        }
        drop(known);
        self.cut.load(Ordering::SeqCst)
    }

    /// Returns whether it is cut, for a task that writes.
    pub(super) fn is_cut_now(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }

    /// Returns whether no request is in flight, and it speaks HTTP.
    pub(super) fn awaits_head(&self) -> bool {
        self.in_flight.load(Ordering::SeqCst) == 0 && !self.upgraded.load(Ordering::Relaxed)
    }

    /// Returns the number of requests that have begun.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    pub(super) fn set_blocked(&self, blocked: bool) {
        self.blocked.store(blocked, Ordering::Relaxed);
    }

    /// Marks it as one that speaks another protocol from now on.
    pub(super) fn set_upgraded(&self) {
        self.upgraded.store(true, Ordering::Relaxed);
    }

    /// Returns whether it was idle at the call before, and ever since. What another protocol waits for is unknown.
    fn is_idle_again(&self) -> bool {
        let is_idle = self.awaits_head() && !self.blocked.load(Ordering::Relaxed);
        let begun = is_idle.then(|| self.begun());
        let before = std::mem::replace(&mut *lock(&self.seen_idle), begun);
        begun.is_some() && before == begun
    }
}

impl OpenConnection {
    pub(super) const fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl InFlightRequest {
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        lock(&self.shared.open).by_id.remove(&self.id);
        self.shared.api.connections().add(-1);
    }
}

impl Drop for InFlightRequest {
    fn drop(&mut self) {
        self.connection.in_flight.fetch_sub(1, Ordering::SeqCst);
        if let Some(shared) = &self.shared {
            let after = shared.opened_at.elapsed().as_nanos();
            let after = after.try_into().unwrap_or(u64::MAX).max(1);
            shared.last_end.fetch_max(after, Ordering::SeqCst);
            shared.ended.fetch_add(1, Ordering::SeqCst);
            shared.in_flight.fetch_sub(1, Ordering::SeqCst);
        }
    }
}
