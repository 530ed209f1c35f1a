//! The servers that are called: so many, and no more.
//!
//! Why a limit of their own, where each instrument has one? Because a service that calls addresses of its users
//! (webhooks) would fill the instrument with them, and the next status of a server that was always there would be
//! lost in the overflow series. Here only the names of further servers are lost.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use hashbrown::{Equivalent, HashMap};

use crate::record::error_class::OTHER;
use crate::record::sync::lock;

/// The number of servers that calls are told apart by: 100. Calls to further ones have the `server_address`
/// `_OTHER`, and `vantage_telemetry_series_overflow_total` counts them.
///
/// A service that calls any number of addresses gives them one [`ServerName`].
pub const MAX_SERVERS: usize = 100;

/// The name of the server that a request goes to, in place of its host: put into the extensions of a request for
/// [`HttpClientLayer`](crate::middleware::HttpClientLayer), which it is then recorded by.
///
/// For addresses that users give, such as those of webhooks, and for replicas that are one service.
///
/// ```
/// use vantage_obs::instruments::ServerName;
///
/// let mut request = http::Request::post("https://customer-4711.example/hook").body(())?;
/// request.extensions_mut().insert(ServerName::new("webhooks"));
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName(Cow<'static, str>);

impl ServerName {
    /// Creates a name: one out of a small set.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self(name.into())
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A server as labels have it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: Box<str>,
    pub(super) port: Box<str>,
}

impl Server {
    /// Returns `true` for the one that stands for all which are too many.
    pub(super) fn is_other(&self) -> bool {
        *self.address == *OTHER
    }
}

/// The servers that were called: a map that is replaced and never changed, as those of bound series are.
#[derive(Debug)]
pub(super) struct Servers {
    known: ArcSwap<HashMap<ServerKey, Arc<Server>>>,
    insert_lock: Mutex<()>,
    other: Arc<Server>,
}

impl Default for Servers {
    fn default() -> Self {
        Self {
            known: ArcSwap::default(),
            insert_lock: Mutex::default(),
            other: Arc::new(Server {
                address: OTHER.into(),
                port: Box::default(),
            }),
        }
    }
}

impl Servers {
    /// Returns the server of a host and a port, which is known from now on while there is room.
    pub(super) fn get(&self, host: &str, port: Option<u16>) -> Arc<Server> {
        let host = folded(host);
        let known = self.known.load();
        let server = known.get(&ServerKeyRef(&host, port)).map(Arc::clone);
        server.unwrap_or_else(|| self.add(&host, port))
    }

    /// Returns the server that [`get`](Self::get) would, unless it would have to be added.
    pub(super) fn find(&self, host: &str, port: Option<u16>) -> Option<Arc<Server>> {
        let known = self.known.load();
        let server = known
            .get(&ServerKeyRef(&folded(host), port))
            .map(Arc::clone);
        let is_full = known.len() >= MAX_SERVERS;
        server.or_else(|| is_full.then(|| Arc::clone(&self.other)))
    }

    #[cold]
    fn add(&self, host: &str, port: Option<u16>) -> Arc<Server> {
        let is_full = |known: usize| known >= MAX_SERVERS;
        // Without the lock first: past the limit every further server comes here.
        if is_full(self.known.load().len()) {
            return Arc::clone(&self.other);
        }
        let growing = lock(&self.insert_lock);
        let known = self.known.load_full();
        if let Some(server) = known.get(&ServerKeyRef(host, port)) {
            return Arc::clone(server);
        }
        if is_full(known.len()) {
            return Arc::clone(&self.other);
        }
        let server = Arc::new(Server {
            address: host.into(),
            port: port.map(|port| port.to_string()).unwrap_or_default().into(),
        });
        let mut grown = HashMap::clone(&known);
        grown.insert(ServerKey(host.into(), port), Arc::clone(&server));
        let is_last = is_full(grown.len());
        self.known.store(Arc::new(grown));
        // Without the lock: the log is the service's, which may call a server for a line.
        drop(growing);
        if is_last {
            // Once: nothing is added from now on.
            tracing::warn!(
                limit = MAX_SERVERS,
                "calls go to many servers: further ones are recorded as `_OTHER`; a `ServerName` holds them together"
            );
        }
        server
    }
}

/// Returns an IPv6 address without the brackets that it has in a URI.
pub(super) fn without_brackets(host: &str) -> &str {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inner.unwrap_or(host)
}

/// Returns a host as labels have it: `http` folds none.
fn folded(host: &str) -> Cow<'_, str> {
    let host = without_brackets(host);
    match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(host.to_ascii_lowercase()),
        false => Cow::Borrowed(host),
    }
}

/// Host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ServerKey(Box<str>, Option<u16>);

/// The same, borrowed: looking up allocates nothing.
#[derive(Hash)]
struct ServerKeyRef<'a>(&'a str, Option<u16>);

impl Hash for ServerKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ServerKeyRef(&self.0, self.1).hash(state);
    }
}

impl Equivalent<ServerKey> for ServerKeyRef<'_> {
    fn equivalent(&self, key: &ServerKey) -> bool {
        *self.0 == *key.0 && self.1 == key.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_one_however_its_host_is_written() {
        let servers = Servers::default();
        let server = servers.get("Billing", Some(8080));
        assert!(Arc::ptr_eq(&server, &servers.get("billing", Some(8080))));
        assert!(!Arc::ptr_eq(&server, &servers.get("billing", Some(80))));
        assert_eq!(&*servers.get("[::1]", None).address, "::1");
    }

    #[test]
    fn a_hundred_servers_keep_their_names_and_all_others_are_one() {
        let servers = Servers::default();
        for number in 0..MAX_SERVERS {
            let host = format!("host-{number}");
            assert_eq!(*servers.get(&host, Some(80)).address, *host);
        }
        assert!(servers.get("host-100", Some(80)).is_other());
        assert!(!servers.get("host-99", Some(80)).is_other());
    }
}
