//! An HTTP endpoint, asked with a plain GET. Why by hand? Because a client in the tree comes with a
//! feature, and one request on one connection needs none.

mod answer;

use std::io;

use http::Uri;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use self::answer::Answer;
use super::draft;
use super::tcp::{code, connect};
use crate::model::snapshot::health::Status;
use crate::watch::health::finding::Finding;

/// More than this of an answer is not read.
const LONGEST: u64 = 64 << 10;

/// Whether a GET is answered with 2xx or 3xx, and what the answer says where it is a health document.
pub(in crate::watch::health) async fn http(url: &str) -> Finding {
    let Some(target) = Target::of(url) else {
        return Finding::fail("bad_url")
            .with_detail(format!("{url}: only http://host[:port]/path"));
    };
    let told =
        |error: io::Error| Finding::fail(code(&error)).with_detail(format!("{url}: {error}"));
    let asked = async {
        let stream = connect(&target.address).await?;
        let bytes = ask(stream, &target).await.map_err(told)?;
        Answer::parse(&bytes).ok_or_else(|| Finding::fail("no_http").with_detail(url.to_owned()))
    };
    asked
        .await
        .map_or_else(|failed| failed, |answer| judge(&answer, url))
}

fn judge(answer: &Answer, url: &str) -> Finding {
    let said = answer
        .is_health()
        .then(|| draft::read(&answer.body))
        .flatten();
    let status = answer.status;
    let finding = match (status, said.as_ref().map(|said| said.status)) {
        (500.., _) => Finding::fail("http_5xx"),
        (400.., _) => Finding::fail("http_4xx"),
        (200.., Some(Status::Fail)) => Finding::fail("reports_fail"),
        (200.., Some(Status::Warn)) => Finding::warn("reports_warn"),
        (200.., _) => return Finding::pass(),
        _ => Finding::fail("no_http"),
    };
    let unwell = said.map_or(String::new(), |said| {
        format!(": {}", said.unwell.join(", "))
    });
    finding.with_detail(format!("{url} answered {status}{unwell}"))
}

/// Where to connect and what to ask.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    address: String,
    host: String,
    path: String,
}

impl Target {
    fn of(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let authority = uri
            .authority()
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

async fn ask(mut stream: tokio::net::TcpStream, target: &Target) -> io::Result<Vec<u8>> {
    let Target { host, path, .. } = target;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: vantage-obs/{}\r\n\
         accept: application/health+json, application/json;q=0.9, */*;q=0.1\r\n\
         connection: close\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.take(LONGEST).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let target = |url| Target::of(url).map(|target| (target.address, target.host, target.path));
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
