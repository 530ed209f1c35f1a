//! A URL of the configuration that a diagnosis connects to.

use std::sync::Arc;

use http::Uri;

use super::fix::SettingFixes;
use crate::config::{EffectiveConfig, Endpoint, TlsConfig};

/// A server of HTTP or gRPC that a setting names.
#[derive(Debug)]
pub(super) struct UrlTarget {
    pub(super) effective: Arc<EffectiveConfig>,
    pub(super) endpoint: Endpoint,
    /// The URL without user and password.
    pub(super) uri: Uri,
    pub(super) tls: TlsConfig,
    pub(super) settings: UrlSettings,
}

/// The settings of a URL, and the terms of messages about it.
#[derive(Clone, Debug)]
pub(super) struct UrlSettings {
    /// The path of the setting that holds the URL.
    pub(super) endpoint: String,
    /// The path of the section with the setting `ca`.
    pub(super) tls: String,
    /// The noun for the server.
    pub(super) noun: &'static str,
    /// The port on which such a server usually is.
    pub(super) usual_port: u16,
    /// The URL's path as the setting has it, without what is appended.
    pub(super) path: String,
    /// gRPC goes through a proxy by a tunnel, whatever the scheme.
    pub(super) is_grpc: bool,
}

impl UrlTarget {
    pub(super) fn new(
        effective: &Arc<EffectiveConfig>,
        endpoint: Endpoint,
        tls: TlsConfig,
        settings: UrlSettings,
    ) -> Self {
        Self {
            effective: Arc::clone(effective),
            uri: endpoint.without_user().parse().unwrap_or_default(),
            endpoint,
            tls,
            settings,
        }
    }

    /// Returns the instruction to set this path to this value.
    pub(super) fn suggest(&self, path: &str, value: &str) -> String {
        SettingFixes(&self.effective).suggest(path, value)
    }

    /// Returns the instruction to give the URL another scheme or port.
    pub(super) fn suggest_endpoint(&self, scheme: Option<&str>, port: Option<u16>) -> String {
        self.suggest(&self.settings.endpoint, &self.endpoint_with(scheme, port))
    }

    /// Returns the host without the brackets of an IPv6 address.
    pub(super) fn host(&self) -> &str {
        self.endpoint.host().trim_matches(['[', ']'])
    }

    /// Returns the port of the URL, or that of its scheme, which is what HTTP's clients take.
    pub(super) fn port(&self) -> u16 {
        let default = if self.is_https() { 443 } else { 80 };
        self.endpoint.port().unwrap_or(default)
    }

    /// Returns host and port, as requests and proxies name the server.
    pub(super) fn authority(&self) -> String {
        format!("{}:{}", self.endpoint.host(), self.port())
    }

    pub(super) fn scheme(&self) -> &str {
        self.uri.scheme_str().unwrap_or_default()
    }

    pub(super) fn is_https(&self) -> bool {
        self.endpoint.is_https()
    }

    /// Returns scheme, host and port, with other ones where they are given.
    pub(super) fn origin_with(&self, scheme: Option<&str>, port: Option<u16>) -> String {
        let scheme = scheme.unwrap_or_else(|| self.scheme());
        let port = port.unwrap_or_else(|| self.port());
        format!("{scheme}://{}:{port}", self.endpoint.host())
    }

    /// Returns the URL to set so that it has another scheme or port and keeps its path.
    pub(super) fn endpoint_with(&self, scheme: Option<&str>, port: Option<u16>) -> String {
        let path = self.settings.path.trim_end_matches('/');
        format!("{}{path}", self.origin_with(scheme, port))
    }

    /// Returns the URL's path, as requests have it.
    pub(super) fn path(&self) -> &str {
        self.uri.path()
    }

    /// Returns the URL for people, with user and password masked.
    pub(super) fn shown(&self) -> String {
        let user = self.endpoint.user().map_or("", |_| "***@");
        format!("{}://{user}{}", self.scheme(), self.authority())
    }
}
