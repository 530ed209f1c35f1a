/// An HTTP/1.1 response that ended with its connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HttpResponse {
    pub(super) status: u16,
    content_type: String,
    pub(super) body: Vec<u8>,
}

impl HttpResponse {
    /// `None` where it is no HTTP.
    /// A body that was cut off at the limit is kept as far as it goes.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        // The request asks for `connection: close`, so that the end of the stream ends the body,
        // and lengths need no reading.
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let (head, body) = (std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 4..]);
        let mut lines = head.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
        let (mut content_type, mut chunked) = (String::new(), false);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim().to_ascii_lowercase();
            match name.to_ascii_lowercase().as_str() {
                "content-type" => content_type = value,
                "transfer-encoding" => chunked = value == "chunked",
                _ => {}
            }
        }
        let body = if chunked {
            decode_chunks(body)
        } else {
            body.to_vec()
        };
        Some(Self {
            status: status.parse().ok()?,
            content_type,
            body,
        })
    }

    /// Returns whether it claims to be a health document.
    pub(super) fn is_health(&self) -> bool {
        self.content_type.starts_with("application/health+json")
    }
}

/// Joins the contents of the chunks that are complete.
/// A chunk that is cut off ends the body: a document that is not whole is not parsed later.
fn decode_chunks(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).unwrap_or_default();
        // An extension may follow the size.
        let size = size.split(';').next().unwrap_or_default().trim();
        let Ok(size) = usize::from_str_radix(size, 16) else {
            break;
        };
        let from = end + 2;
        let Some(to) = from
            .checked_add(size)
            // Size 0 is the last chunk.
            .filter(|to| *to <= rest.len() && size > 0)
        else {
            break;
        };
        body.extend_from_slice(&rest[from..to]);
        rest = rest.get(to + 2..).unwrap_or_default();
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(response: &str) -> Option<String> {
        let response = HttpResponse::parse(response.as_bytes())?;
        String::from_utf8(response.body).ok()
    }

    #[test]
    fn a_body_is_read_with_and_without_chunks() {
        let plain = "HTTP/1.1 200 OK\r\nContent-Type: application/health+json\r\n\r\n{}";
        assert_eq!(body(plain).as_deref(), Some("{}"));
        assert!(HttpResponse::parse(plain.as_bytes()).unwrap().is_health());
        let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
             2;x=1\r\nab\r\nA\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(body(chunks).as_deref(), Some("ab0123456789"));
    }

    #[test]
    fn chunks_that_break_off_or_lie_end_there() {
        for (chunks, read) in [
            ("", ""),
            ("5\r\nab", ""),
            ("2\r\nab\r\nffffffffffffffff\r\nx", "ab"),
            ("zz\r\nab", ""),
            ("2\r\nab", "ab"),
        ] {
            let response = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
            assert_eq!(body(&response).as_deref(), Some(read), "{chunks}");
        }
    }

    #[test]
    fn what_is_no_http_is_none() {
        for bytes in [
            "",
            "SSH-2.0\r\n\r\n",
            "HTTP/1.1\r\n\r\n",
            "HTTP/1.1 abc\r\n\r\n",
        ] {
            assert_eq!(HttpResponse::parse(bytes.as_bytes()), None, "{bytes}");
        }
    }
}
