//! How OpenTelemetry writes values into variables: lists, milliseconds, percent-encoded pairs.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::config::fault::Refusal;
use crate::config::setting::Setting;

/// A comma-separated list.
pub(super) fn list<T: Setting>(text: &str) -> Result<Vec<T>, Refusal> {
    let refused = |refusal: Refusal| {
        Refusal::new(
            refusal.value,
            format!("a comma-separated list of {}", T::allowed()),
        )
    };
    text.split(',')
        .map(|item| T::parse(item.trim()).map_err(refused))
        .collect()
}

pub(super) fn or_none(refusal: &Refusal) -> Refusal {
    Refusal::new(
        refusal.value.as_str(),
        format!("{}, or none", refusal.allowed),
    )
}

/// The exporters that a list names; `none` is the empty list and stands alone.
pub(super) fn exporters(
    text: &str,
    allowed: &[&'static str],
) -> Result<Vec<&'static str>, Refusal> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Vec::new());
    }
    let known = |item: &str| {
        let known = allowed
            .iter()
            .find(|known| known.eq_ignore_ascii_case(item.trim()));
        known.copied().ok_or_else(|| {
            let allowed = format!("a comma-separated list of {}, or none", allowed.join(", "));
            Refusal::text(item.trim(), allowed)
        })
    };
    text.split(',').map(known).collect()
}

/// OpenTelemetry's durations are milliseconds without a unit.
pub(super) fn milliseconds(text: &str) -> Result<Duration, Refusal> {
    let refused = |_| Refusal::text(text, "whole milliseconds without a unit, such as 10000");
    text.parse().map(Duration::from_millis).map_err(refused)
}

pub(super) fn host(text: &str) -> Result<IpAddr, Refusal> {
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    text.parse()
        .map_err(|_| Refusal::text(text, "an IP address to listen on, or localhost"))
}

pub(super) fn port(text: &str) -> Result<u16, Refusal> {
    let port = text.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| Refusal::text(text, "a port from 1 to 65535"))
}

/// Splits `a=b,c=d` and decodes both sides; the error is the pair that isn't one.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let items = text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    items
        .map(|item| pair(item).ok_or_else(|| item.into()))
        .collect()
}

fn pair(item: &str) -> Option<(String, String)> {
    let (name, value) = item.split_once('=')?;
    let name = percent_decoded(name.trim())?;
    (!name.is_empty()).then_some((name, percent_decoded(value.trim())?))
}

pub(in crate::config) fn percent_decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
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
        assert_eq!(percent_decoded("a%20b%C3%A9+"), Some("a bé+".into()));
        for text in ["%", "%4", "%+4", "%zz", "%ff"] {
            assert_eq!(percent_decoded(text), None, "{text}");
        }
    }
}
