//! The head of an HTTP/1.1 answer, as far as a diagnosis needs it.
//!
//! By hand, as the probe is: a client would hide what it does not understand.

/// The head of an HTTP/1.1 answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HttpHead {
    pub(super) status: u16,
    /// For the clock.
    pub(super) date: Option<String>,
    /// The target of a redirect.
    pub(super) location: Option<String>,
    pub(super) content_type: Option<String>,
}

impl HttpHead {
    /// Parses the head, whatever follows it; `None` for another protocol.
    pub(super) fn parse(answer: &[u8]) -> Option<Self> {
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
        Some(Self {
            status,
            date: header("date"),
            location: header("location"),
            content_type: header("content-type"),
        })
    }

    /// Returns true for a page for people: some servers answer every path with their start page, and
    /// an exporter would take its 200 for OTLP's.
    pub(super) fn is_html(&self) -> bool {
        let kind = self.content_type.as_deref().unwrap_or_default();
        (200..300).contains(&self.status) && kind.starts_with("text/html")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_http_1_is_read_whatever_the_case_of_its_names() {
        let text =
            b"HTTP/1.1 307 Temporary Redirect\r\nDATE: today\r\nLocation: https://a/\r\n\r\nx: y";
        let expected = HttpHead {
            status: 307,
            date: Some("today".into()),
            location: Some("https://a/".into()),
            content_type: None,
        };
        assert_eq!(HttpHead::parse(text), Some(expected));
        assert_eq!(HttpHead::parse(b"SSH-2.0-x\r\n"), None);
        assert_eq!(HttpHead::parse(b"HTTP/1.1\r\n"), None);
    }
}
