//! What a port really speaks, found out with a question that costs it nothing.
//!
//! Why not a client library? It would say that its protocol failed, and hide the bytes that tell
//! which other one is spoken. No credentials are part of a question: the protocol shows without.

use std::io::{self, Read as _, Write as _};

use super::stream::Line;

/// More than any head that tells something.
const LONGEST: usize = 8 * 1024;

/// The start of HTTP/2, and empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// What a port answered.
#[derive(Debug)]
pub(super) enum Answer {
    Http1(Head),
    /// As gRPC is spoken.
    Http2,
    /// A plain question was answered by a complaint of TLS.
    Tls,
    /// The connection was closed without a word.
    Closed,
    /// Nothing, for as long as one waits.
    Silent,
    /// Something else.
    Strange,
    /// The connection failed.
    Broken(io::Error),
}

/// The head of an HTTP/1.1 answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) date: Option<String>,
    pub(super) location: Option<String>,
    pub(super) content_type: Option<String>,
}

impl Head {
    /// Whether it is a page for people: some servers answer every path with their start page, and
    /// an exporter would take its 200 for OTLP's.
    pub(super) fn is_page(&self) -> bool {
        let kind = self.content_type.as_deref().unwrap_or_default();
        (200..300).contains(&self.status) && kind.starts_with("text/html")
    }
}

/// Sends an empty export request as HTTP/1.1.
pub(super) fn ask_http(line: Line<'_>, path: &str) -> Answer {
    let host = line.target.otlp.endpoint.host();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}:{}\r\nUser-Agent: vantage-obs-doctor\r\n\
         Content-Type: application/x-protobuf\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        line.target.port(),
    );
    ask(line, "http/1.1", request.as_bytes())
}

/// Sends the start of HTTP/2.
pub(super) fn ask_http2(line: Line<'_>) -> Answer {
    ask(line, "h2", PREFACE)
}

fn ask(line: Line<'_>, alpn: &str, question: &[u8]) -> Answer {
    let mut answer = Vec::new();
    let outcome = line.open(alpn).and_then(|mut stream| {
        stream.write_all(question)?;
        stream.flush()?;
        let mut part = [0; 1024];
        while answer.len() < LONGEST && !is_enough(&answer) {
            match stream.read(&mut part)? {
                0 => break,
                read => answer.extend_from_slice(&part[..read]),
            }
        }
        Ok(())
    });
    // What was said before it broke off says most.
    match (understood(&answer), outcome) {
        (Some(answer), _) => answer,
        (None, Err(error)) => match error.kind() {
            io::ErrorKind::TimedOut => Answer::Silent,
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe => Answer::Closed,
            _ => Answer::Broken(error),
        },
        (None, Ok(())) if answer.is_empty() => Answer::Closed,
        (None, Ok(())) => Answer::Strange,
    }
}

/// The protocol shows in the first bytes; HTTP/1.1 is read to the end of its head, and a little on.
fn is_enough(answer: &[u8]) -> bool {
    if answer.starts_with(b"HTTP/1.") {
        return answer.windows(4).any(|end| end == b"\r\n\r\n");
    }
    answer.len() >= 9
}

fn understood(answer: &[u8]) -> Option<Answer> {
    // A complaint of TLS is an alert: type 21, version 3.
    if answer.starts_with(&[21, 3]) {
        return Some(Answer::Tls);
    }
    // Go's server says in plain text that it wants TLS.
    if answer.starts_with(b"HTTP/1.") && contains(answer, b"HTTP request to an HTTPS server") {
        return Some(Answer::Tls);
    }
    if let Some(head) = head(answer) {
        return Some(Answer::Http1(head));
    }
    // A frame of HTTP/2 about the whole connection: settings, or the refusal to go on.
    let frame = answer.get(..9)?;
    let about_all = frame[5..9] == [0; 4] && frame[0] == 0;
    (about_all && matches!(frame[3], 4 | 7)).then_some(Answer::Http2)
}

fn contains(text: &[u8], words: &[u8]) -> bool {
    text.windows(words.len()).any(|window| window == words)
}

fn head(answer: &[u8]) -> Option<Head> {
    let text = String::from_utf8_lossy(answer);
    let mut lines = text.split("\r\n");
    let first = lines.next()?.strip_prefix("HTTP/1.")?;
    let status = first.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<_> = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(':'))
        .collect();
    let header = |name: &str| {
        let found = headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_owned())
    };
    Some(Head {
        status,
        date: header("date"),
        location: header("location"),
        content_type: header("content-type"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_http_1_is_read_whatever_the_case_of_its_names() {
        let text =
            b"HTTP/1.1 307 Temporary Redirect\r\nDATE: today\r\nLocation: https://a/\r\n\r\nx: y";
        let expected = Head {
            status: 307,
            date: Some("today".into()),
            location: Some("https://a/".into()),
            content_type: None,
        };
        assert_eq!(head(text), Some(expected));
        assert_eq!(head(b"SSH-2.0-x\r\n"), None);
        assert_eq!(head(b"HTTP/1.1\r\n"), None);
    }

    #[test]
    fn the_protocol_shows_in_the_first_bytes() {
        let settings = [0, 0, 6, 4, 0, 0, 0, 0, 0, 1, 2];
        assert!(matches!(understood(&settings), Some(Answer::Http2)));
        assert!(matches!(
            understood(&[21, 3, 1, 0, 2, 2, 40]),
            Some(Answer::Tls)
        ));
        let plain =
            b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
        assert!(matches!(understood(plain), Some(Answer::Tls)));
        assert!(understood(b"220 mail.example.org ESMTP").is_none());
        assert!(understood(b"").is_none());
    }
}
