//! The resolver of names: one thread a name, however many wait for it, and a limit that names it.
//!
//! Why not the client's own? It resolves on the runtime's threads for blocking calls, and a lookup can't be
//! ended: a name server that hangs takes one of them with each try, until none is left for anything else.
//! Where the system refuses a thread it panics, and the task that sends with it.
//!
//! | lookup | answer |
//! |---|---|
//! | ends in time | addresses, or the system's error |
//! | takes longer | an error with the name; the thread goes on, and who asks meanwhile waits for the same one |
//! | of one name more than [`MAX_LOOKUPS`] | an error with the names that hang |
//! | is refused a thread | an error with the limits of the system |

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use std::vec;

use hyper_util::client::legacy::connect::dns::Name;
use tokio::sync::watch;
use tokio::time::timeout;
use tower::Service;

use crate::background::{ThreadFailure, ThreadStatus, thread};
use crate::model::units::format_duration;
use crate::record::sync::lock;

/// The most names that are resolved at once. A service has a handful of endpoints; more hang together only
/// where all name servers do.
const MAX_LOOKUPS: usize = 8;
/// The name of the threads.
const THREAD: &str = "vantage-resolve";

/// The lookups of the process: a name server hangs for all of it.
static LOOKUPS: LazyLock<Arc<Lookups>> = LazyLock::new(|| {
    Arc::new(Lookups::new(
        |host| (host, 0).to_socket_addrs().map(Iterator::collect),
        |work| thread::spawn(THREAD, work),
    ))
});

/// Resolves names, each within a time limit.
#[derive(Clone, Debug)]
pub(crate) struct NameResolver {
    limit: Duration,
    lookups: Arc<Lookups>,
}

/// The outcome of a lookup; an error is a text, because it is shared.
type Outcome = Result<Vec<SocketAddr>, String>;

/// The lookups that are under way.
struct Lookups {
    pending: Mutex<BTreeMap<String, watch::Receiver<Option<Outcome>>>>,
    look_up: fn(&str) -> io::Result<Vec<SocketAddr>>,
    start_thread: fn(Box<dyn FnOnce() + Send>) -> io::Result<()>,
    status: ThreadStatus,
}

/// Returns the state of the threads that resolve names.
pub(crate) fn resolver_status() -> &'static ThreadStatus {
    &LOOKUPS.status
}

impl std::fmt::Debug for Lookups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookups").finish_non_exhaustive()
    }
}

impl NameResolver {
    /// Returns a resolver for connections that may take `connect_timeout`.
    pub(super) fn new(connect_timeout: Duration) -> Self {
        Self {
            // Less than the whole, so that this error comes first: it says what hangs.
            limit: connect_timeout * 9 / 10,
            lookups: Arc::clone(&LOOKUPS),
        }
    }

    async fn resolve(self, host: String) -> io::Result<vec::IntoIter<SocketAddr>> {
        let mut lookup = self.lookups.start(&host).map_err(io::Error::other)?;
        let outcome = match timeout(self.limit, lookup.wait_for(Option::is_some)).await {
            Ok(Ok(outcome)) => outcome.clone(),
            // The thread panicked.
            Ok(Err(_)) => None,
            Err(_) => Some(Err(format!(
                "the name {host} is not resolved after {}: the system's name resolution hangs",
                format_duration(self.limit)
            ))),
        };
        let addresses = outcome.unwrap_or_else(|| Err(format!("resolving {host} panicked")));
        addresses.map(Vec::into_iter).map_err(io::Error::other)
    }
}

impl Lookups {
    fn new(
        look_up: fn(&str) -> io::Result<Vec<SocketAddr>>,
        start_thread: fn(Box<dyn FnOnce() + Send>) -> io::Result<()>,
    ) -> Self {
        Self {
            pending: Mutex::default(),
            look_up,
            start_thread,
            status: ThreadStatus::new(THREAD),
        }
    }

    /// Starts a lookup, or joins the one that is under way.
    fn start(self: &Arc<Self>, host: &str) -> Result<watch::Receiver<Option<Outcome>>, String> {
        let mut pending = lock(&self.pending);
        if let Some(lookup) = pending.get(host) {
            return Ok(lookup.clone());
        }
        if pending.len() >= MAX_LOOKUPS {
            let names: Vec<_> = pending.keys().map(String::as_str).collect();
            let names = names.join(", ");
            return Err(format!(
                "the name {host} is not resolved while these are: {names}: the system's name resolution hangs"
            ));
        }
        let (sender, lookup) = watch::channel(None);
        let guard = PendingLookup {
            lookups: Arc::clone(self),
            host: host.to_owned(),
        };
        let run = move || {
            let outcome = (guard.lookups.look_up)(&guard.host).map_err(|error| error.to_string());
            // Before the answer: whoever asks after it gets a new one.
            drop(guard);
            let _ = sender.send(Some(outcome));
        };
        pending.insert(host.to_owned(), lookup.clone());
        // Released before: with a thread that is refused, the guard in the closure is dropped here.
        drop(pending);
        if let Err(error) = (self.start_thread)(Box::new(run)) {
            self.status.record_refusal(&error);
            let refusal = ThreadFailure::Refused(error.to_string());
            return Err(format!("the name {host} is not resolved: {refusal}"));
        }
        self.status.record_round();
        Ok(lookup)
    }
}

/// A lookup on the list, which it leaves when it is dropped: at its end, in a panic, or with a thread that
/// was refused.
struct PendingLookup {
    lookups: Arc<Lookups>,
    host: String,
}

impl Drop for PendingLookup {
    fn drop(&mut self) {
        lock(&self.lookups.pending).remove(&self.host);
    }
}

impl Service<Name> for NameResolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(self.clone().resolve(name.as_str().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(9);

    fn resolver(
        look_up: fn(&str) -> io::Result<Vec<SocketAddr>>,
        start_thread: fn(Box<dyn FnOnce() + Send>) -> io::Result<()>,
    ) -> NameResolver {
        NameResolver {
            limit: LIMIT,
            lookups: Arc::new(Lookups::new(look_up, start_thread)),
        }
    }

    fn start(work: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        thread::spawn("vantage-test", work)
    }

    fn hang(_: &str) -> io::Result<Vec<SocketAddr>> {
        loop {
            std::thread::park();
        }
    }

    async fn error(resolver: &NameResolver, host: &str) -> String {
        let outcome = resolver.clone().resolve(host.to_owned()).await;
        outcome.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_name_is_resolved_and_its_error_is_the_systems() {
        let found = |host: &str| match host {
            "known" => Ok(vec![([127, 0, 0, 1], 0).into()]),
            _ => Err(io::Error::other("no such name")),
        };
        let resolver = resolver(found, start);
        let addresses = resolver.clone().resolve("known".into()).await.unwrap();
        assert_eq!(addresses.as_slice(), [([127, 0, 0, 1], 0).into()]);
        assert_eq!(error(&resolver, "unknown").await, "no such name");
        assert!(lock(&resolver.lookups.pending).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_hangs_is_named_and_keeps_one_thread() {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let count = |work: Box<dyn FnOnce() + Send>| {
            STARTED.fetch_add(1, Ordering::SeqCst);
            start(work)
        };
        let resolver = resolver(hang, count);
        for _ in 0..20 {
            let text = error(&resolver, "collector.example").await;
            let expected = "the name collector.example is not resolved after 9s: the system's name resolution hangs";
            assert_eq!(text, expected);
        }
        assert_eq!(STARTED.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn names_that_hang_are_bounded_and_listed() {
        let resolver = resolver(hang, start);
        for number in 0..MAX_LOOKUPS {
            error(&resolver, &format!("host-{number}")).await;
        }
        let text = error(&resolver, "one-more").await;
        assert!(text.starts_with("the name one-more is not"), "{text}");
        assert!(text.contains("host-0, host-1, "), "{text}");
    }

    #[tokio::test]
    async fn a_refused_thread_is_an_error_and_no_panic() {
        static REFUSALS: AtomicUsize = AtomicUsize::new(2);
        let refuse = |work: Box<dyn FnOnce() + Send>| {
            let left = REFUSALS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
            match left {
                Ok(_) => Err(io::Error::from_raw_os_error(11)),
                Err(_) => start(work),
            }
        };
        let resolver = resolver(|_| Ok(Vec::new()), refuse);
        for _ in 0..2 {
            let text = error(&resolver, "collector.example").await;
            assert!(text.contains("collector.example"), "{text}");
            assert!(text.contains("pids.max"), "{text}");
            assert!(!resolver.lookups.status.is_up());
        }
        let resolved = resolver.clone().resolve("collector.example".into()).await;
        assert!(resolved.is_ok() && resolver.lookups.status.is_up());
    }

    #[tokio::test]
    async fn a_lookup_that_panics_is_an_error_with_the_name() {
        let resolver = resolver(|_| panic!("no luck"), start);
        let text = error(&resolver, "collector.example").await;
        assert_eq!(text, "resolving collector.example panicked");
        assert!(lock(&resolver.lookups.pending).is_empty());
    }
}
