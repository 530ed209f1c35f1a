use axum::http::{HeaderMap, header};

use crate::config::Secret;
use crate::model::snapshot::private::Authorized;

/// Whether a request brings the token as RFC 6750 has it; never where there is none.
pub(super) fn bearer(headers: &HeaderMap, token: Option<&Secret>) -> Option<Authorized> {
    let token = token?.expose()?;
    let offered = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, offered) = offered.split_once(' ')?;
    let bearer = scheme.eq_ignore_ascii_case("bearer");
    Authorized::by(token, offered.trim()).filter(|_| bearer)
}

/// A header may come in several lines, which mean the same as one with commas.
pub(super) fn joined(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}
