//! The API that the fleet's figures come from.

use std::path::PathBuf;

use serde::Serialize;

use crate::config::check::Check;
use crate::config::endpoint::Endpoint;
use crate::config::reader::Section;
use crate::config::secret::Secret;

/// A Prometheus-compatible API: Prometheus, Thanos, Mimir, VictoriaMetrics.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct SloPrometheus {
    /// Its base, to which `/api/v1/query` is appended. Default: none, and there is no report of the
    /// fleet.
    pub url: Option<Endpoint>,
    /// The bearer token that is sent along. Default: none.
    pub token: Option<Secret>,
    /// The authority that signed its certificate, in PEM form. Default: the system's.
    pub ca: Option<PathBuf>,
}

impl SloPrometheus {
    pub(super) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.field("url", &mut self.url);
        section.field("token", &mut self.token);
        section.field("ca", &mut self.ca);
    }

    pub(super) fn check(&self, check: &mut Check<'_>) {
        if let Some(file) = &self.ca {
            let (path, shown) = ("slo.prometheus.ca", format!("{file:?}"));
            check.require(file.is_file(), path, shown, "an existing file");
        }
        if let Some(token) = self.token.as_ref().and_then(Secret::expose) {
            let fine = Secret::is_bearer_token(token);
            let (path, mask) = ("slo.prometheus.token", crate::config::secret::MASK);
            check.require(fine, path, mask, Secret::BEARER_TOKEN);
        }
    }
}
