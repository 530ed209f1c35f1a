//! The API that the fleet's figures come from.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::config::endpoint::{Endpoint, validate_features};
use crate::config::field_value::serialize_duration;
use crate::config::reader::SectionReader;
use crate::config::secret::Secret;
use crate::config::validator::ConfigValidator;

/// The shortest and the longest time from one report to the next.
const INTERVAL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3_600));

/// A Prometheus-compatible API: Prometheus, Thanos, Mimir, VictoriaMetrics.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct SloPrometheusConfig {
    /// Its base, to which `/api/v1/query` is appended. Default: none, and there is no report of the
    /// fleet.
    pub url: Option<Endpoint>,
    /// The bearer token that is sent along. Default: none.
    pub token: Option<Secret>,
    /// The authority that signed its certificate, in PEM form. Default: the system's.
    pub ca: Option<PathBuf>,
    /// How often a service asks it for the report that `GET /api/v1/slo?source=prometheus` shows: 1 s to
    /// 1 h. A report is shown for five intervals, and then it is too old to stand by. Default: 1 min.
    #[serde(serialize_with = "serialize_duration")]
    pub interval: Duration,
}

impl Default for SloPrometheusConfig {
    fn default() -> Self {
        Self {
            url: None,
            token: None,
            ca: None,
            interval: Duration::from_secs(60),
        }
    }
}

impl SloPrometheusConfig {
    pub(super) fn read(&mut self, section: &mut SectionReader<'_, '_>) {
        section.read_field("url", &mut self.url);
        section.read_field("token", &mut self.token);
        section.read_field("ca", &mut self.ca);
        section.read_field("interval", &mut self.interval);
    }

    pub(super) fn validate(&self, validator: &mut ConfigValidator<'_>) {
        validate_features("slo.prometheus.url", self.url.as_ref(), validator);
        let fine = (INTERVAL.0..=INTERVAL.1).contains(&self.interval);
        validator.require_duration_in(fine, "slo.prometheus.interval", self.interval, "1s to 1h");
        if let Some(file) = &self.ca {
            let (path, shown) = ("slo.prometheus.ca", format!("{file:?}"));
            validator.require(file.is_file(), path, shown, "an existing file");
        }
        if let Some(token) = self.token.as_ref().and_then(Secret::expose) {
            let fine = Secret::is_bearer_token(token);
            let (path, mask) = ("slo.prometheus.token", crate::config::secret::MASK);
            validator.require(fine, path, mask, Secret::BEARER_TOKEN);
        }
    }
}
