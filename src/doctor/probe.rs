//! The probe of the protocol that a port really speaks, by a request that costs it nothing.
//!
//! Why not a client library? It would say that its protocol failed, and hide the bytes that tell
//! which other one is spoken. No credentials are part of a question: the protocol shows without.
//!
//! | first bytes | protocol |
//! |---|---|
//! | `15 03` | a TLS alert, in answer to plain text |
//! | `HTTP/1.` | HTTP/1.1; with Go's sentence about HTTPS, TLS |
//! | a frame of type 4 or 7 on stream 0 | HTTP/2 |

use std::io::{self, Read as _, Write as _};

use super::http_head::HttpHead;
use super::stream::{Connection, authorization_line};

/// The most bytes read of an answer: more than any head that is of use.
const MAX_ANSWER_BYTES: usize = 8 * 1024;

/// The start of HTTP/2, and empty settings.
/// RFC 9113, section 3.4: the connection preface, then a SETTINGS frame without content.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// The answer of a port.
#[derive(Debug)]
pub(super) enum ProbeAnswer {
    Http1(HttpHead),
    /// HTTP/2, which gRPC needs.
    Http2,
    /// An alert of TLS in answer to a plain request.
    Tls,
    /// The connection was closed without an answer.
    Closed,
    /// No answer within the time limit.
    TimedOut,
    /// Another protocol.
    Unknown,
    /// The connection failed.
    Failed(io::Error),
}

/// Sends an empty export request as HTTP/1.1. A proxy that forwards it is told where to.
pub(super) fn probe_http(connection: Connection<'_>, path: &str) -> ProbeAnswer {
    let authority = connection.target.authority();
    let (origin, credentials) = match connection.forwarding_proxy() {
        Some(proxy) => (format!("http://{authority}"), authorization_line(proxy)),
        None => (String::new(), String::new()),
    };
    let request = format!(
        "POST {origin}{path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: vantage-obs-doctor\r\n\
         {credentials}Content-Type: application/x-protobuf\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    probe(connection, "http/1.1", request.as_bytes())
}

/// Sends the start of HTTP/2.
pub(super) fn probe_http2(connection: Connection<'_>) -> ProbeAnswer {
    probe(connection, "h2", PREFACE)
}

/// Sends a request and returns what the answer is spoken in; never an error, because each failure
/// is an answer too.
fn probe(connection: Connection<'_>, alpn: &str, request: &[u8]) -> ProbeAnswer {
    let mut answer = Vec::new();
    let outcome = connection.open(alpn).and_then(|mut stream| {
        stream.write_all(request)?;
        stream.flush()?;
        let mut chunk = [0; 1024];
        while answer.len() < MAX_ANSWER_BYTES && !is_complete(&answer) {
            match stream.read(&mut chunk)? {
                0 => break,
                read => answer.extend_from_slice(&chunk[..read]),
            }
        }
        Ok(())
    });
    // What was said before it broke off says most.
    match (parse_answer(&answer), outcome) {
        (Some(answer), _) => answer,
        (None, Err(error)) => match error.kind() {
            io::ErrorKind::TimedOut => ProbeAnswer::TimedOut,
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe => ProbeAnswer::Closed,
            _ => ProbeAnswer::Failed(error),
        },
        (None, Ok(())) if answer.is_empty() => ProbeAnswer::Closed,
        (None, Ok(())) => ProbeAnswer::Unknown,
    }
}

/// The protocol shows in the first bytes; HTTP/1.1 is read to the end of its head, and a little on.
fn is_complete(answer: &[u8]) -> bool {
    if answer.starts_with(b"HTTP/1.") {
        return answer.windows(4).any(|end| end == b"\r\n\r\n");
    }
    // The head of a frame.
    answer.len() >= 9
}

/// Recognises a protocol by its first bytes; `None` where too few have come.
fn parse_answer(answer: &[u8]) -> Option<ProbeAnswer> {
    // A complaint of TLS is an alert: type 21, version 3.
    if answer.starts_with(&[21, 3]) {
        return Some(ProbeAnswer::Tls);
    }
    // Go's server says in plain text that it wants TLS.
    if answer.starts_with(b"HTTP/1.") && contains(answer, b"HTTP request to an HTTPS server") {
        return Some(ProbeAnswer::Tls);
    }
    if let Some(head) = HttpHead::parse(answer) {
        return Some(ProbeAnswer::Http1(head));
    }
    // A frame of HTTP/2 about the whole connection: settings, or the refusal to go on.
    let frame = answer.get(..9)?;
    let is_connection_frame = frame[5..9] == [0; 4] && frame[0] == 0;
    (is_connection_frame && matches!(frame[3], 4 | 7)).then_some(ProbeAnswer::Http2)
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_shows_in_the_first_bytes() {
        let settings = [0, 0, 6, 4, 0, 0, 0, 0, 0, 1, 2];
        assert!(matches!(parse_answer(&settings), Some(ProbeAnswer::Http2)));
        assert!(matches!(
            parse_answer(&[21, 3, 1, 0, 2, 2, 40]),
            Some(ProbeAnswer::Tls)
        ));
        let plain =
            b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
        assert!(matches!(parse_answer(plain), Some(ProbeAnswer::Tls)));
        assert!(parse_answer(b"220 mail.example.org ESMTP").is_none());
        assert!(parse_answer(b"").is_none());
    }
}
