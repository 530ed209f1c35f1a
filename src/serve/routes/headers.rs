use axum::http::{HeaderMap, header};

use crate::config::Secret;
use crate::model::snapshot::private::Authorized;

/// Verifies the bearer token of a request (RFC 6750); `None` without a configured token.
pub(super) fn authorize_bearer(headers: &HeaderMap, token: Option<&Secret>) -> Option<Authorized> {
    let token = token?.expose()?;
    let offered = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, offered) = offered.split_once(' ')?;
    let bearer = scheme.eq_ignore_ascii_case("bearer");
    Authorized::verify(token, offered.trim()).filter(|_| bearer)
}

/// Joins the lines of a header with commas, which means the same.
pub(super) fn join_values(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}
