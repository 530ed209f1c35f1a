use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower::Service as _;

use super::*;
use crate::net::error::explain;
use crate::net::http::HttpClient;

/// `user:p@ss` in base64.
const CREDENTIALS: &str = "Basic dXNlcjpwQHNz";

/// A proxy that answers each request as it is told.
struct TestProxy {
    listener: TcpListener,
    authority: String,
}

impl TestProxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        Self {
            listener,
            authority,
        }
    }

    fn url(&self) -> String {
        format!("http://user:p%40ss@{}", self.authority)
    }

    /// Returns the head of the next connection's request in lower case, after answering it.
    async fn answer(&self, status: &str) -> (String, TcpStream) {
        let (mut stream, _) = self.listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let response = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(response.as_bytes()).await.unwrap();
        let head = String::from_utf8(head).unwrap();
        (head, stream)
    }
}

fn client(matcher: Matcher) -> HttpClient {
    let proxies = Proxies(Arc::new(matcher));
    HttpClient::with_proxies(None, Duration::from_secs(5), proxies).unwrap()
}

fn request(uri: &str) -> Request<Full<Bytes>> {
    Request::post(uri).body(Full::default()).unwrap()
}

fn has_line(head: &str, line: &str) -> bool {
    head.lines().any(|other| other.eq_ignore_ascii_case(line))
}

#[tokio::test]
async fn a_proxy_forwards_http_and_learns_where_to() {
    let proxy = TestProxy::start().await;
    let client = client(Matcher::builder().http(proxy.url()).build());
    let response = client.request(request("http://collector.example:4318/v1/traces"));
    let (response, (head, _stream)) = tokio::join!(response, proxy.answer("202 Accepted"));
    assert_eq!(response.unwrap().status(), StatusCode::ACCEPTED);
    let first = "POST http://collector.example:4318/v1/traces HTTP/1.1";
    assert_eq!(head.lines().next(), Some(first));
    assert!(has_line(&head, "host: collector.example:4318"), "{head}");
    let credentials = format!("proxy-authorization: {CREDENTIALS}");
    assert!(has_line(&head, &credentials), "{head}");
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn a_proxy_opens_a_tunnel_for_https_and_sees_no_request() {
    let proxy = TestProxy::start().await;
    let client = client(Matcher::builder().all(proxy.url()).build());
    let response = client.request(request("https://collector.example/v1/traces"));
    let tunnel = async {
        let (head, mut stream) = proxy.answer("200 Connection established").await;
        let mut hello = [0; 256];
        let length = stream.read(&mut hello).await.unwrap();
        (head, hello[..length].to_vec())
    };
    let (response, (head, hello)) = tokio::join!(response, tunnel);
    assert!(response.is_err(), "the tunnel ends in the handshake");
    assert_eq!(
        head.lines().next(),
        Some("CONNECT collector.example:443 HTTP/1.1")
    );
    let credentials = format!("proxy-authorization: {CREDENTIALS}");
    assert!(has_line(&head, &credentials), "{head}");
    assert_eq!(hello[0], 22, "a handshake of TLS");
    let name = b"collector.example";
    assert!(hello.windows(name.len()).any(|part| part == name));
}

#[tokio::test]
async fn grpc_goes_through_a_tunnel_without_encryption_too() {
    let proxy = TestProxy::start().await;
    let connector = ProxyConnector {
        tcp: tcp_connector(Duration::from_secs(5)),
        proxies: Proxies(Arc::new(Matcher::builder().http(proxy.url()).build())),
        forwards: false,
    };
    for (uri, authority) in [
        ("http://collector.example:4317", "collector.example:4317"),
        ("http://collector.example", "collector.example:80"),
    ] {
        let connected = connector.clone().call(Uri::from_static(uri));
        let (connected, (head, _stream)) = tokio::join!(connected, proxy.answer("200 OK"));
        assert!(connected.is_ok());
        let first = format!("CONNECT {authority} HTTP/1.1");
        assert_eq!(head.lines().next(), Some(first.as_str()));
    }
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn a_proxy_that_opens_no_tunnel_is_named() {
    let proxy = TestProxy::start().await;
    let client = client(Matcher::builder().https(proxy.url()).build());
    for (status, cause) in [
        (
            "407 Authenticate",
            "tunnel error: proxy authorization required",
        ),
        ("403 Forbidden", "tunnel error: unsuccessful"),
    ] {
        let response = client.request(request("https://collector.example/"));
        let (response, _) = tokio::join!(response, proxy.answer(status));
        let expected = format!("the proxy {}: {cause}", proxy.authority);
        assert_eq!(explain(&response.unwrap_err()), expected);
    }
}

#[tokio::test]
async fn a_proxy_that_is_away_is_named_without_its_password() {
    let proxy = TestProxy::start().await;
    let (url, authority) = (proxy.url(), proxy.authority.clone());
    drop(proxy);
    let client = client(Matcher::builder().http(url).build());
    let error = client.request(request("http://collector.example/")).await;
    let explained = explain(&error.unwrap_err());
    let cause = "Connection refused (os error 111)";
    assert_eq!(explained, format!("the proxy {authority}: {cause}"));
}

#[test]
fn a_proxy_of_an_unsupported_kind_is_told_and_not_used() {
    let proxies = |url: &str| Proxies(Arc::new(Matcher::builder().all(url).build()));
    let destinations = ["http://collector.example/", "https://collector.example/"];
    for url in ["socks5://user:secret@proxy:1080", "https://proxy:3128"] {
        let proxies = proxies(url);
        let scheme = url.split_once(':').map(|(scheme, _)| scheme.to_owned());
        assert_eq!(proxies.unsupported_scheme(), scheme);
        for destination in destinations.map(Uri::from_static) {
            assert!(
                proxies.find(&destination).is_none(),
                "{destination} by {url}"
            );
        }
    }
    let usable = proxies("http://proxy:3128");
    assert_eq!(usable.unsupported_scheme(), None);
    assert!(usable.find(&Uri::from_static(destinations[1])).is_some());
}

#[tokio::test]
async fn what_is_not_to_be_proxied_is_reached_directly() {
    let (receiver, proxy) = (TestProxy::start().await, TestProxy::start().await);
    let client = client(Matcher::builder().all(proxy.url()).build());
    let response = client.request(request(&format!("http://{}/v1/traces", receiver.authority)));
    let (response, (head, _stream)) = tokio::join!(response, receiver.answer("200 OK"));
    assert!(response.is_ok());
    assert_eq!(head.lines().next(), Some("POST /v1/traces HTTP/1.1"));
    assert!(
        !head.to_lowercase().contains("proxy-authorization"),
        "{head}"
    );
}

#[test]
fn no_proxy_and_this_host_are_exempt() {
    let matcher = Matcher::builder()
        .all("proxy.example:3128")
        .no("internal.example, 10.0.0.0/8");
    let proxies = Proxies(Arc::new(matcher.build()));
    for (host, is_proxied) in [
        ("collector.example", true),
        ("localhost.example", true),
        ("192.0.2.1", true),
        ("internal.example", false),
        ("a.internal.example", false),
        ("10.1.2.3", false),
        ("localhost", false),
        ("LOCALHOST", false),
        ("127.0.0.1", false),
        ("127.1.2.3", false),
        ("[::1]", false),
    ] {
        for scheme in ["http", "https"] {
            let uri = format!("{scheme}://{host}:4318/").parse().unwrap();
            assert_eq!(proxies.find(&uri).is_some(), is_proxied, "{uri}");
        }
    }
}
