//! Headers as several routes read them.

use axum::http::{HeaderMap, header};

/// Joins the lines of a header with commas, which means the same.
pub(super) fn join_values(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}
