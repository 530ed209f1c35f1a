//! Inputs that have several parts.

use std::borrow::Cow;

/// The byte between two parts: it stands in no UTF-8, so that a part may hold any text.
pub(super) const SEPARATOR: u8 = 0xff;

/// Returns the parts of an input as texts, invalid UTF-8 replaced.
pub(super) fn parts(data: &[u8]) -> impl Iterator<Item = Cow<'_, str>> {
    data.split(|byte| *byte == SEPARATOR)
        .map(String::from_utf8_lossy)
}

/// Returns the first parts of an input, empty where there are fewer.
pub(super) fn texts<const N: usize>(data: &[u8]) -> [Cow<'_, str>; N] {
    let mut parts = parts(data);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

/// Returns `name: value` of each line.
pub(super) fn header_lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('\n').filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim(), value.strip_prefix(' ').unwrap_or(value)))
    })
}

/// Returns the header lines that HTTP can carry.
pub(super) fn headers(text: &str) -> http::HeaderMap {
    let mut headers = http::HeaderMap::new();
    for (name, value) in header_lines(text) {
        let name = http::HeaderName::from_bytes(name.as_bytes());
        let value = http::HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}
