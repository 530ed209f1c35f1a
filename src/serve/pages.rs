//! HTML pages, rendered on the server from templates.
//!
//! Why no script? Because a page about an outage must work where nothing else does: in an old browser,
//! behind a strict proxy, printed, read aloud. So a page is one document: its style and its pictures are
//! in it, its [`CONTENT_SECURITY_POLICY`] lets nothing else in, and whatever it shows is escaped by the
//! template engine. State is never told by colour alone, but by word, sign and pattern too.

mod display_time;
mod format;
mod layout;
mod visible_text;

#[cfg(feature = "axum")]
mod dev;
mod slo;
#[cfg(feature = "axum")]
mod status;
mod style;

#[cfg(feature = "axum")]
pub(crate) use dev::{DEV_CONTENT_SECURITY_POLICY, DevQuery, DevSource, render_dev};
pub use slo::render_slo;
#[cfg(feature = "axum")]
pub(crate) use slo::{SloPageOptions, render_served_slo};
#[cfg(all(test, feature = "axum"))]
pub(crate) use status::tests::fixture;
#[cfg(feature = "axum")]
pub(crate) use status::{
    OverallStatus, PageContext, history_page_count, notice_page_count, render_feed,
    render_incident, render_message, render_page,
};
pub use style::CONTENT_SECURITY_POLICY;
#[cfg(feature = "axum")]
pub(crate) use visible_text::is_invisible;

use askama::Template;

/// Renders a template.
fn render(page: &impl Template) -> String {
    // Only a writer can fail, and a string does not.
    visible_text::strip_invisible(page.render().unwrap_or_default())
}
