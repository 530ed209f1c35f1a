//! The public pages, and the same for programs.

mod slo;

use axum::Router;
use axum::http::Uri;

pub(crate) use slo::Page as SloPage;

/// Adds the routes.
pub(super) fn add(router: Router, page: SloPage) -> Router {
    slo::add(router, page)
}

/// Whether the reader wants a page to load itself anew: yes, unless it says `refresh=off`.
fn refreshes(uri: &Uri) -> bool {
    let mut pairs = uri.query().unwrap_or_default().split('&');
    !pairs.any(|pair| pair == "refresh=off")
}
