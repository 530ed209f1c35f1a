//! A client that writes its body before it reads finds the answer, and not a connection that was closed.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::{CLOSED, TOKEN, telemetry};

const KIB: usize = 1_024;

/// The time between the halves of a body, within which an early answer is seen.
const PAUSE: Duration = Duration::from_millis(50);

/// Sends a request with a body of so many bytes, the second half some time after the first, and then reads;
/// returns the status.
fn send(address: SocketAddr, method: &str, path: &str, headers: &str, bytes: usize) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    let patience = Some(Duration::from_secs(30));
    stream.set_read_timeout(patience).unwrap();
    stream.set_write_timeout(patience).unwrap();
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {bytes}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    if !headers.contains("expect") {
        let (first, rest) = (bytes / 2, bytes - bytes / 2);
        stream.write_all(&vec![b' '; first]).unwrap();
        // A server that answers now closes, and resets what still comes; the answer may be lost with it.
        stream.set_read_timeout(Some(PAUSE)).unwrap();
        let early = stream.peek(&mut [0]);
        assert!(early.is_err(), "{method} {path}: answered before its body");
        stream.set_read_timeout(patience).unwrap();
        stream.write_all(&vec![b' '; rest]).unwrap();
    }
    status(&mut stream)
}

fn status(stream: &mut TcpStream) -> u16 {
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    let line = std::str::from_utf8(&first).unwrap();
    line.strip_prefix("HTTP/1.1 ").unwrap().parse().unwrap()
}

#[test]
fn a_client_that_is_refused_reads_the_answer_after_its_body() {
    let test = telemetry();
    let address = test
        .telemetry()
        .serve("127.0.0.1:0".parse().unwrap())
        .unwrap();
    let token = format!("authorization: Bearer {TOKEN}\r\n");
    let text = format!("{token}content-type: text/plain\r\n");
    let json = format!("{token}content-type: application/json\r\n");
    for (_, method, path) in CLOSED.iter().filter(|(_, method, _)| *method != "GET") {
        let limit = if path.contains("workers") { 16 } else { 64 } * KIB;
        // As much as is read of a refused body, and somewhat more.
        for bytes in [1, limit - 1, limit, limit + 1, limit + KIB] {
            let refused = |headers: &str| send(address, method, path, headers, bytes);
            let case = format!("{method} {path} {bytes}");
            assert_eq!(refused(""), 401, "{case}");
            // A client that waits for a word before it sends is told at once, and sends nothing.
            assert_eq!(refused("expect: 100-continue\r\n"), 401, "{case}");
            if *method == "POST" {
                assert_eq!(refused(&text), 415, "{case}");
                let unread = if bytes > limit { 413 } else { 400 };
                assert_eq!(refused(&json), unread, "{case}");
            }
        }
    }
}

#[test]
fn a_client_that_writes_too_often_reads_the_answer_after_its_body() {
    let test = telemetry();
    let address = test
        .telemetry()
        .serve("127.0.0.1:0".parse().unwrap())
        .unwrap();
    let json = format!("authorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n");
    let statuses = (0..70).map(|_| send(address, "POST", "/api/v1/incidents", &json, 64 * KIB));
    let statuses: Vec<_> = statuses.collect();
    assert!(statuses.iter().all(|status| [400, 429].contains(status)));
    assert_eq!(statuses.last(), Some(&429));
}
