//! Access to the development page: clients of this machine, and no pages of other origins in its browsers.
//!
//! | refused | because |
//! |---|---|
//! | a peer that is not on loopback, or not known | spans and log lines are for whoever sits here |
//! | a `Host` that is not a name of loopback | a page of another origin may have its name resolved to this machine (DNS rebinding), and would read the answer |
//! | a request with a header that a proxy adds | its peer is on loopback, and its client may be anywhere |
//! | a request with `Origin`, or of another site by `Sec-Fetch-Site` | a layer for CORS around the routes may let a page of another origin read the answer |
//!
//! A link of another site leads to the page, because what it opens at the top can't be read from there. A proxy on this
//! machine that adds no header, and asks for a name of loopback, can't be told from a client: `SECURITY.md` names them.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};

use crate::serve::pages::DEV_CONTENT_SECURITY_POLICY;

/// The headers that proxies add.
const PROXY_HEADERS: [&str; 6] = [
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

const UNKNOWN_PEER: &str = "the development page needs the client's address: serve it by Telemetry::serve_app, \
    Telemetry::serve or http.listen, or by into_make_service_with_connect_info::<SocketAddr>()";
const OTHER_PEER: &str =
    "the development page is for clients on this machine: connect to 127.0.0.1";
const OTHER_HOST: &str =
    "the development page is at 127.0.0.1, [::1] and localhost alone, and not at another name";
const PROXIED: &str =
    "the development page is for clients on this machine, and not through a proxy";
const OTHER_ORIGIN: &str =
    "the development page is not for pages of other origins: open it at the top of a tab";

/// Returns the refusal of a request; `None` if it may see the page.
pub(crate) fn refuse(extensions: &Extensions, uri: &Uri, headers: &HeaderMap) -> Option<Response> {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    let reason = match peer {
        None => UNKNOWN_PEER,
        Some(ConnectInfo(peer)) if !peer.ip().to_canonical().is_loopback() => OTHER_PEER,
        Some(_) if !is_local_host(uri, headers) => OTHER_HOST,
        Some(_) if PROXY_HEADERS.iter().any(|name| headers.contains_key(*name)) => PROXIED,
        Some(_) if is_of_other_origin(headers) => OTHER_ORIGIN,
        Some(_) => return None,
    };
    let json = [(header::CONTENT_TYPE, "application/json")];
    let body = format!("{{\"error\":\"{reason}\"}}");
    Some(protect((StatusCode::FORBIDDEN, json, body).into_response()))
}

/// Returns whether a script or an element of another origin's page asks. Programs that are no browsers send none of
/// these headers.
fn is_of_other_origin(headers: &HeaderMap) -> bool {
    let has = |name, expected: &[&str]| {
        let mut values = headers.get_all(name).iter();
        values.all(|value| expected.iter().any(|expected| value == expected))
    };
    let is_own = has("sec-fetch-site", &["same-origin", "none"]);
    let is_sent = |name| headers.contains_key(name);
    let is_at_top = is_sent("sec-fetch-mode")
        && has("sec-fetch-mode", &["navigate"])
        && is_sent("sec-fetch-dest")
        && has("sec-fetch-dest", &["document"]);
    // The page's own requests are navigations and have none.
    is_sent("origin") || !(is_own || is_at_top)
}

/// Returns whether the host that was asked for is a name of loopback.
fn is_local_host(uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let authority = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        // HTTP/2 has it in the address.
        (None, _) => uri.authority().map(|authority| authority.as_str()),
        (Some(_), Some(_)) => None,
    };
    let parsed = authority.and_then(|text| text.parse::<axum::http::uri::Authority>().ok());
    parsed.is_some_and(|authority| is_local_name(authority.host()))
}

fn is_local_name(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    // Browsers resolve no name below it elsewhere.
    let is_localhost = host == "localhost" || host.ends_with(".localhost");
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let address = bare.unwrap_or(&host).parse::<IpAddr>();
    is_localhost || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Returns a page of HTML.
pub(crate) fn page_response(html: impl Into<Body>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    protect((kind, html.into()).into_response())
}

/// Adds the headers of each answer, which keep it out of caches and from other origins.
pub(crate) fn protect(mut response: Response) -> Response {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, DEV_CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn status(peer: Option<&str>, host: Option<&str>, proxy: Option<&str>) -> Option<StatusCode> {
        let mut request = Request::builder().uri("/dev");
        if let Some(host) = host {
            request = request.header("host", host);
        }
        if let Some(name) = proxy {
            request = request.header(name, "x");
        }
        let mut request = request.body(()).unwrap();
        if let Some(peer) = peer {
            let peer: SocketAddr = peer.parse().unwrap();
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        let (parts, ()) = request.into_parts();
        refuse(&parts.extensions, &parts.uri, &parts.headers).map(|response| response.status())
    }

    const LOCAL: Option<&str> = Some("127.0.0.1:5000");

    #[test]
    fn this_machine_sees_it_by_each_of_its_names() {
        for peer in [
            "127.0.0.1:1",
            "127.9.9.9:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert_eq!(
                status(Some(peer), Some("localhost:8080"), None),
                None,
                "{peer}"
            );
        }
        for host in [
            "127.0.0.1",
            "127.0.0.1:8080",
            "[::1]:8080",
            "LOCALHOST",
            "shop.localhost:1",
        ] {
            assert_eq!(status(LOCAL, Some(host), None), None, "{host}");
        }
    }

    #[test]
    fn other_machines_names_and_proxies_are_refused() {
        let refused = Some(StatusCode::FORBIDDEN);
        for peer in [
            "10.0.0.1:1",
            "[::ffff:10.0.0.1]:1",
            "[fe80::1]:1",
            "0.0.0.0:1",
        ] {
            assert_eq!(
                status(Some(peer), Some("localhost"), None),
                refused,
                "{peer}"
            );
        }
        assert_eq!(status(None, Some("localhost"), None), refused);
        for host in [
            "rebind.example",
            "rebind.example:8080",
            "localhost.example",
            "127.0.0.1.example",
            "evillocalhost",
            "10.0.0.1",
            "[::ffff:10.0.0.1]",
            "user@rebind.example",
            "",
        ] {
            assert_eq!(status(LOCAL, Some(host), None), refused, "{host}");
        }
        assert_eq!(status(LOCAL, None, None), refused);
        for name in PROXY_HEADERS {
            assert_eq!(
                status(LOCAL, Some("localhost"), Some(name)),
                refused,
                "{name}"
            );
        }
    }

    #[test]
    fn pages_of_other_origins_are_refused_and_links_are_not() {
        let is_refused = |fetch: [&str; 3], origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            for (name, value) in ["sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"]
                .into_iter()
                .zip(fetch)
                .filter(|(_, value)| !value.is_empty())
            {
                headers.insert(name, value.parse().unwrap());
            }
            if let Some(origin) = origin {
                headers.insert("origin", HeaderValue::from_static(origin));
            }
            headers.insert(header::HOST, HeaderValue::from_static("localhost:8080"));
            let mut extensions = Extensions::new();
            let peer: SocketAddr = "127.0.0.1:5000".parse().unwrap();
            extensions.insert(ConnectInfo(peer));
            refuse(&extensions, &Uri::from_static("/dev"), &headers).is_some()
        };
        for fetch in [
            ["", "", ""],
            ["none", "navigate", "document"],
            ["same-origin", "navigate", "document"],
            ["same-origin", "cors", "empty"],
            ["cross-site", "navigate", "document"],
            ["same-site", "navigate", "document"],
        ] {
            assert!(!is_refused(fetch, None), "{fetch:?}");
            for origin in ["https://evil.example", "null", "http://localhost:8080"] {
                assert!(is_refused(fetch, Some(origin)), "{fetch:?} {origin}");
            }
        }
        for fetch in [
            ["cross-site", "cors", "empty"],
            ["same-site", "cors", "empty"],
            ["cross-site", "no-cors", "image"],
            ["cross-site", "navigate", "iframe"],
            ["cross-site", "navigate", ""],
            ["cross-site", "", "document"],
            ["cross-site", "", ""],
        ] {
            assert!(is_refused(fetch, None), "{fetch:?}");
        }
    }

    #[test]
    fn two_hosts_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, HeaderValue::from_static("localhost"));
        headers.append(header::HOST, HeaderValue::from_static("rebind.example"));
        assert!(!is_local_host(&Uri::from_static("/dev"), &headers));
        let http2 = Uri::from_static("http://localhost:8080/dev");
        assert!(is_local_host(&http2, &HeaderMap::new()));
    }
}
