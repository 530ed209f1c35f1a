//! An HTTP endpoint, asked with a plain GET. Why by hand? Because a client in the tree comes with a
//! feature, and one request on one connection needs none.

mod response;

use std::io;

use http::Uri;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use self::response::HttpResponse;
use super::health_json;
use super::tcp::{connect, error_code};
use crate::model::causes::one_line;
use crate::model::snapshot::health::HealthStatus;
use crate::watch::health::finding::Finding;

/// Bytes of a response that are read at most.
///
/// A health document is a few KiB; an endpoint that answers a film must not fill memory.
const MAX_RESPONSE_BYTES: u64 = 64 << 10;

/// Sends a GET and evaluates the status, and the body where it is a health document.
pub(in crate::watch::health) async fn check_http(url: &str) -> Finding {
    let Some(target) = HttpTarget::parse(url) else {
        return Finding::fail("bad_url")
            .with_detail(format!("{url}: only http://host[:port]/path"));
    };
    let failure =
        |error: io::Error| Finding::fail(error_code(&error)).with_detail(format!("{url}: {error}"));
    let response = async {
        let stream = connect(&target.address).await?;
        send_request(stream, &target).await.map_err(failure)
    };
    match response.await {
        Ok(bytes) => evaluate_bytes(&bytes, url),
        Err(failed) => failed,
    }
}

/// Returns the finding of all that was answered.
pub(crate) fn evaluate_bytes(bytes: &[u8], url: &str) -> Finding {
    match HttpResponse::parse(bytes) {
        Some(response) => evaluate_response(&response, url),
        None => Finding::fail("no_http").with_detail(url.to_owned()),
    }
}

/// Returns the finding of a response: its status, then the health that it reports.
fn evaluate_response(response: &HttpResponse, url: &str) -> Finding {
    let reported = response
        .is_health()
        .then(|| health_json::parse(&response.body))
        .flatten();
    let status = response.status;
    let finding = match (status, reported.as_ref().map(|reported| reported.status)) {
        // The status first: a proxy's error page has no health document.
        (500.., _) => Finding::fail("http_5xx"),
        (400.., _) => Finding::fail("http_4xx"),
        (200.., Some(HealthStatus::Fail)) => Finding::fail("reports_fail"),
        (200.., Some(HealthStatus::Warn)) => Finding::warn("reports_warn"),
        (200.., _) => return Finding::pass(),
        _ => Finding::fail("no_http"),
    };
    // The names are the dependency's own.
    let unhealthy = reported.map_or(String::new(), |reported| {
        format!(": {}", one_line(&reported.unhealthy.join(", ")))
    });
    finding.with_detail(format!("{url} answered {status}{unhealthy}"))
}

/// The address, host header and path of a request.
#[derive(Debug, PartialEq, Eq)]
struct HttpTarget {
    address: String,
    host: String,
    path: String,
}

impl HttpTarget {
    /// Parses an `http` URL; `None` for any other, such as one of `https`.
    fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let authority = uri
            .authority()
            // Without a client there is no TLS. The finding says so; asking in the clear instead
            // would send the path where it does not belong.
            .filter(|_| uri.scheme_str() == Some("http"))?;
        let port = authority.port_u16().unwrap_or(80);
        let path = uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        Some(Self {
            address: format!("{}:{port}", authority.host()),
            // Without the user name and password that may stand before it.
            host: authority.as_str().rsplit('@').next()?.to_owned(),
            path: path.to_owned(),
        })
    }
}

/// Sends the request and reads the response to its end, or up to [`MAX_RESPONSE_BYTES`].
async fn send_request(
    mut stream: tokio::net::TcpStream,
    target: &HttpTarget,
) -> io::Result<Vec<u8>> {
    let HttpTarget { host, path, .. } = target;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: vantage-obs/{}\r\n\
         accept: application/health+json, application/json;q=0.9, */*;q=0.1\r\n\
         connection: close\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream
        .take(MAX_RESPONSE_BYTES)
        .read_to_end(&mut bytes)
        .await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_that_a_dependency_reports_are_one_short_line() {
        let name = format!("db\\n\\u001b[2J{}", "x".repeat(5_000));
        let response = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/health+json\r\n\r\n\
             {{\"status\":\"warn\",\"checks\":{{\"{name}\":{{\"status\":\"fail\"}}}}}}"
        );
        let finding = evaluate_bytes(response.as_bytes(), "http://a");
        assert_eq!(finding.code(), "reports_warn");
        let detail = finding.detail().unwrap();
        assert!(
            detail.starts_with("http://a answered 200: db"),
            "{detail:?}"
        );
        assert!(
            detail.len() < 300 && !detail.contains(char::is_control),
            "{detail:?}"
        );
    }

    #[test]
    fn a_url_is_taken_apart() {
        let target =
            |url| HttpTarget::parse(url).map(|target| (target.address, target.host, target.path));
        let apart = |a: &str, h: &str, p: &str| Some((a.into(), h.into(), p.into()));
        assert_eq!(target("http://a"), apart("a:80", "a", "/"));
        assert_eq!(target("http://a:81/x?y=1"), apart("a:81", "a:81", "/x?y=1"));
        assert_eq!(target("http://u:p@a/x"), apart("a:80", "a", "/x"));
        assert_eq!(target("http://[::1]:8/"), apart("[::1]:8", "[::1]:8", "/"));
        for url in ["", "a", "/x", "https://a", "ftp://a", "http://"] {
            assert_eq!(target(url), None, "{url}");
        }
    }
}
