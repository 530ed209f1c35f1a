//! HTTP routes and pages.

#[cfg(feature = "axum")]
mod time;

#[cfg(feature = "axum")]
pub(crate) mod link_base;

#[cfg(feature = "axum")]
pub(crate) mod notice;

pub mod pages;

#[cfg(feature = "axum")]
pub(crate) mod dev_guard;

#[cfg(feature = "axum")]
pub(crate) mod routes;

#[cfg(feature = "cli")]
pub mod dev_server;

#[cfg(feature = "axum")]
pub(crate) mod server;

#[cfg(feature = "axum")]
pub(crate) mod app_server;

#[cfg(feature = "axum")]
pub(crate) mod mount;
