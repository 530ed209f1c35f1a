//! Pages for people, written on the server from templates.
//!
//! Why no script? Because a page about an outage must work where nothing else does: in an old browser,
//! behind a strict proxy, printed, read aloud. So a page is one document: its style and its pictures are
//! in it, its [`CONTENT_SECURITY_POLICY`] lets nothing else in, and whatever it shows is escaped by the
//! template engine. State is never told by colour alone, but by word, sign and pattern too.

mod frame;
mod moment;
mod numbers;
mod slo;
#[cfg(feature = "axum")]
mod status;
mod style;

pub use slo::render_slo;
#[cfg(feature = "axum")]
pub(crate) use slo::{Served, serve_slo};
#[cfg(all(test, feature = "axum"))]
pub(crate) use status::tests::fixture;
#[cfg(feature = "axum")]
pub(crate) use status::{
    Overall, Reader, readable, render_feed, render_history, render_incident, render_incidents,
    render_message, render_status,
};
pub use style::CONTENT_SECURITY_POLICY;
