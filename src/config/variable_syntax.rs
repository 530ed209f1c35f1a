//! OpenTelemetry's syntax of values in variables: lists, milliseconds, percent-encoded pairs.

use std::net::{IpAddr, Ipv4Addr};

use super::fault::InvalidValue;
use super::field_value::{FieldValue, VariableSyntax};

/// The accepted form of pairs, for messages.
pub(super) const PAIRS: &str = "name=value pairs, comma-separated, percent-encoded";

/// Parses a comma-separated list; in OpenTelemetry's syntax, `none` is the empty one.
pub(super) fn parse_list<T: FieldValue>(
    text: &str,
    syntax: VariableSyntax,
) -> Result<Vec<T>, InvalidValue> {
    // An empty variable counts as unset, so that the specification needs a word for "nothing".
    let or_none = syntax == VariableSyntax::OpenTelemetry;
    if or_none && text.eq_ignore_ascii_case("none") {
        return Ok(Vec::new());
    }
    let or_none = if or_none { ", or none" } else { "" };
    let rejection = |invalid: InvalidValue| {
        let allowed = format!("a comma-separated list of {}{or_none}", T::allowed());
        InvalidValue::new(invalid.value, allowed)
    };
    text.split(',')
        .map(|item| T::parse(item.trim()).map_err(rejection))
        .collect()
}

/// The exporters that a list names; `none` is the empty list and stands alone.
pub(super) fn parse_exporters(
    text: &str,
    allowed: &[&'static str],
) -> Result<Vec<&'static str>, InvalidValue> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Vec::new());
    }
    let known = |item: &str| {
        let known = allowed
            .iter()
            .find(|known| known.eq_ignore_ascii_case(item.trim()));
        known.copied().ok_or_else(|| {
            let allowed = format!("a comma-separated list of {}, or none", allowed.join(", "));
            InvalidValue::from_text(item.trim(), allowed)
        })
    };
    text.split(',').map(known).collect()
}

/// Parses an address to listen on. Names other than `localhost` are refused: they may resolve to
/// several addresses, and to others tomorrow.
pub(super) fn parse_host(text: &str) -> Result<IpAddr, InvalidValue> {
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    text.parse()
        .map_err(|_| InvalidValue::from_text(text, "an IP address to listen on, or localhost"))
}

/// Parses a port; 0 is refused, because nobody could scrape a random one.
pub(super) fn parse_port(text: &str) -> Result<u16, InvalidValue> {
    let port = text.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| InvalidValue::from_text(text, "a port from 1 to 65535"))
}

/// Splits `a=b,c=d` and decodes both sides; the error is the pair that isn't one.
pub(super) fn parse_pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let items = text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    items
        .map(|item| parse_pair(item).ok_or_else(|| item.into()))
        .collect()
}

// Split at the first `=`: values such as base64 end with some.
fn parse_pair(item: &str) -> Option<(String, String)> {
    let (name, value) = item.split_once('=')?;
    let name = percent_decode(name.trim())?;
    (!name.is_empty()).then_some((name, percent_decode(value.trim())?))
}

/// Decodes `%41`; `None` for an incomplete or malformed escape, and for bytes that are not UTF-8.
pub(super) fn percent_decode(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        // `from_str_radix` takes a sign, too: `%+1` is no escape.
        let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| plain)?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_decoded_or_refused() {
        assert_eq!(percent_decode("a%20b%C3%A9+"), Some("a bé+".into()));
        for text in ["%", "%4", "%+4", "%zz", "%ff"] {
            assert_eq!(percent_decode(text), None, "{text}");
        }
    }
}
