//! Receivers that are reached by a proxy of the environment. Its variables are those of a whole process, so
//! that the command is run.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;
use vantage_obs::config::{Protocol, TelemetrySignal};

use super::{CANARY, run_command, variables};
use crate::otlp::PROTOCOLS;
use crate::otlp::broken_receiver::BrokenReceiver;
use crate::otlp::receiver::{Behaviour, Receiver};

/// `user:canary-9f3a` in base64.
const CREDENTIALS: &str = "Basic dXNlcjpjYW5hcnktOWYzYQ==";

/// A proxy, behind which every name is that of one receiver.
struct TestProxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl TestProxy {
    /// Starts one that answers every request with `refusal`, or else forwards it or opens a tunnel.
    fn start(receiver: Option<SocketAddr>, refusal: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            heads: Arc::default(),
        };
        let heads = Arc::clone(&proxy.heads);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let heads = Arc::clone(&heads);
                thread::spawn(move || serve(stream, receiver, refusal, &heads));
            }
        });
        proxy
    }

    fn url(&self) -> String {
        format!("http://user:{CANARY}@{}", self.address)
    }
}

fn serve(
    mut client: TcpStream,
    receiver: Option<SocketAddr>,
    refusal: &str,
    heads: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let is_tunnel = text.starts_with("CONNECT ");
    heads.lock().unwrap().push(text);
    let Some(receiver) = receiver else {
        let answer = format!("HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n");
        return client.write_all(answer.as_bytes());
    };
    let mut server = TcpStream::connect(receiver)?;
    match is_tunnel {
        true => client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?,
        false => server.write_all(&head)?,
    }
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    let answers = thread::spawn(move || {
        let _ = std::io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Write);
    });
    let _ = std::io::copy(&mut client, &mut server);
    let _ = server.shutdown(Shutdown::Write);
    let _ = answers.join();
    Ok(())
}

/// Runs the command about a receiver that only a proxy reaches; returns its steps.
fn diagnose_by(variable: &'static str, proxy: &str, protocol: Protocol) -> Vec<Value> {
    let mut variables = variables("http://collector.example:4319", protocol);
    variables.push((variable, proxy.to_owned()));
    let (_, text) = run_command(&["--format", "json"], &variables);
    assert!(!text.contains(CANARY), "{text}");
    let json: Value = serde_json::from_str(&text).unwrap();
    json["parts"][1]["steps"].as_array().unwrap().clone()
}

fn step<'a>(steps: &'a [Value], name: &str) -> &'a Value {
    let found = steps.iter().find(|step| step["name"] == name);
    found.unwrap_or_else(|| panic!("{name}: {steps:#?}"))
}

/// The only failure is this step's; its fix contains these words.
fn assert_only_failure(steps: &[Value], name: &str, words: &[&str]) {
    let failed: Vec<_> = steps
        .iter()
        .filter(|step| step["verdict"] == "fail")
        .collect();
    assert_eq!(failed.len(), 1, "{steps:#?}");
    assert_eq!(failed[0]["name"], name, "{steps:#?}");
    let fix = failed[0]["fix"].as_str().unwrap();
    for word in words {
        assert!(fix.contains(word), "{word:?} is not in {fix:?}");
    }
}

#[test]
fn a_receiver_behind_a_proxy_passes_and_gets_one_of_each_by_way_of_it() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Accept);
        let proxy = TestProxy::start(Some(receiver.address()), "");
        let steps = diagnose_by("HTTP_PROXY", &proxy.url(), protocol);
        for name in [
            "name", "tcp", "proxy", "protocol", "auth", "span", "metric", "log",
        ] {
            assert_eq!(step(&steps, name)["verdict"], "ok", "{name}: {steps:#?}");
        }
        for signal in TelemetrySignal::ALL {
            assert_eq!(receiver.count(signal), 1, "{protocol}: {signal}");
        }
        let action = match protocol {
            Protocol::Grpc => "opens a tunnel",
            _ => "forwards requests",
        };
        let expected = format!(
            "{} (HTTP_PROXY) {action} to collector.example:4319",
            proxy.address
        );
        assert_eq!(step(&steps, "proxy")["finding"], expected);
        let heads = proxy.heads.lock().unwrap();
        for head in heads.iter() {
            let first = match protocol {
                Protocol::Grpc => "CONNECT collector.example:4319 HTTP/1.1",
                _ => "POST http://collector.example:4319/v1/",
            };
            assert!(head.starts_with(first), "{head}");
            assert!(head.contains(CREDENTIALS), "{head}");
        }
    }
}

#[test]
fn a_proxy_that_refuses_is_the_failure_with_its_variable_as_fix() {
    for (status, protocol, words) in [
        (
            "407 Authenticate",
            Protocol::Grpc,
            "correct the user and password in ALL_PROXY",
        ),
        (
            "407 Authenticate",
            Protocol::HttpProtobuf,
            "correct the user and password in ALL_PROXY",
        ),
        (
            "403 Forbidden",
            Protocol::Grpc,
            "NO_PROXY=collector.example",
        ),
        (
            "502 Bad Gateway",
            Protocol::Grpc,
            "NO_PROXY=collector.example",
        ),
        (
            "504 Gateway Timeout",
            Protocol::HttpProtobuf,
            "NO_PROXY=collector.example",
        ),
    ] {
        let proxy = TestProxy::start(None, status);
        let steps = diagnose_by("ALL_PROXY", &proxy.url(), protocol);
        assert_only_failure(&steps, "proxy", &[words]);
        let finding = step(&steps, "proxy")["finding"].as_str().unwrap();
        assert!(finding.contains(&status[..3]), "{finding}");
        assert_eq!(step(&steps, "protocol")["verdict"], "skipped");
    }
    let proxy = TestProxy::start(None, "407 Authenticate");
    let url = format!("http://{}", proxy.address);
    let steps = diagnose_by("http_proxy", &url, Protocol::Grpc);
    let fix = format!(
        "set http_proxy to a URL with user and password: http://USER:PASSWORD@{}",
        proxy.address
    );
    assert_only_failure(&steps, "proxy", &[&fix]);
}

#[test]
fn a_proxy_that_is_not_there_differs_from_a_receiver_that_is_not_there() {
    let proxy = BrokenReceiver::refuses().endpoint();
    let steps = diagnose_by("HTTP_PROXY", &proxy, Protocol::Grpc);
    assert_only_failure(&steps, "tcp", &["start the proxy, or set HTTP_PROXY"]);
    assert_eq!(step(&steps, "proxy")["verdict"], "skipped");
    let steps = diagnose_by("HTTP_PROXY", "http://proxy.invalid:3128", Protocol::Grpc);
    assert_only_failure(&steps, "name", &["set HTTP_PROXY to a host"]);
}

#[test]
fn a_proxy_of_another_kind_is_a_warning_and_is_not_used() {
    let proxy = format!("socks5://user:{CANARY}@127.0.0.1:1080");
    let steps = diagnose_by("ALL_PROXY", &proxy, Protocol::Grpc);
    assert_eq!(step(&steps, "proxy")["verdict"], "warn");
    let expected = "ALL_PROXY names a socks5 proxy, which is not supported";
    assert_eq!(step(&steps, "proxy")["finding"], expected);
    let finding = step(&steps, "name")["finding"].as_str().unwrap();
    assert!(finding.starts_with("collector.example "), "{finding}");
}
