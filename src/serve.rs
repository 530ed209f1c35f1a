//! HTTP routes and pages.

pub mod pages;

#[cfg(feature = "axum")]
pub(crate) mod routes;
