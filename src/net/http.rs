//! The HTTP client, and how its answers are read.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, PROXY_AUTHORIZATION, RETRY_AFTER};
use http::{HeaderMap, Request};
use http_body_util::Full;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::TokioExecutor;

use super::proxy::{Proxies, ProxyConnector, tcp_connector};
use super::tls;
use crate::config::TlsConfig;

/// A client that keeps connections open between requests.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient {
    client: Client<tls::Connector, Full<Bytes>>,
    /// Asked once more for each request: forwarded ones carry the credentials themselves.
    proxies: Proxies,
}

/// Returns a client for `http`, and for `https` with these certificates where they are given, by way of the
/// proxies of the environment; needs a tokio runtime around it when it is used.
pub(crate) fn http_client(
    tls: Option<&TlsConfig>,
    connect_timeout: Duration,
) -> Result<HttpClient, String> {
    HttpClient::with_proxies(tls, connect_timeout, Proxies::from_env())
}

impl HttpClient {
    pub(super) fn with_proxies(
        tls: Option<&TlsConfig>,
        connect_timeout: Duration,
        proxies: Proxies,
    ) -> Result<Self, String> {
        let connector = ProxyConnector {
            tcp: tcp_connector(connect_timeout),
            proxies: proxies.clone(),
            forwards: true,
        };
        let connector = tls::for_http(tls, connector)?;
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            proxies,
        })
    }

    pub(crate) fn request(&self, mut request: Request<Full<Bytes>>) -> ResponseFuture {
        if let Some(credentials) = self.proxies.credentials(request.uri()) {
            let headers = request.headers_mut();
            // One that the caller has set stays.
            headers.entry(PROXY_AUTHORIZATION).or_insert(credentials);
        }
        self.client.request(request)
    }
}

/// Returns whether the answer is an HTML page: with status 200 too, that is no receiver that took anything.
pub(crate) fn is_a_web_page(headers: &HeaderMap) -> bool {
    has_type(headers, "text/html")
}

/// Returns whether the content type is `wanted`, with or without parameters.
pub(crate) fn has_type(headers: &HeaderMap, wanted: &str) -> bool {
    let kind = headers.get(CONTENT_TYPE);
    // Parameters such as `charset` follow; media types that begin alike and differ don't occur
    // here.
    kind.is_some_and(|kind| kind.as_bytes().starts_with(wanted.as_bytes()))
}

/// Returns the delay of a `Retry-After` header, which holds seconds or a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    // A date that has passed means now.
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, text.parse().unwrap());
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_700);
        retry_after(&headers, now).map(|delay| delay.as_secs())
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(after("120"), Some(120));
        assert_eq!(after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(77));
        assert_eq!(after("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(after("soon"), None);
    }
}
