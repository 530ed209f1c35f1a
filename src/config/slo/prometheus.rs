//! The API that the fleet's figures come from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::checks::{bearer_token, existing_file, optional, range};
use crate::config::endpoint::Endpoint;
use crate::config::otlp::check_headers;
use crate::config::secret::Secret;
use crate::config::setting::section;

/// The minimum time from one report to the next.
///
/// Queries over 30 days cost a Prometheus noticeable time.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// The maximum time from one report to the next.
///
/// A report is served for five intervals; five hours are the most that may be called current.
const MAX_INTERVAL: Duration = Duration::from_secs(3_600);

section! {
    /// A Prometheus-compatible API: Prometheus, Thanos, Mimir, VictoriaMetrics.
    pub struct SloPrometheusConfig or null {
        /// The base URL, to which `/api/v1/query` is appended. Default: none, and there is no report of the
        /// fleet.
        pub url: Option<Endpoint>;
        /// The bearer token that is sent along. Default: none.
        pub token: Option<Secret>, optional(bearer_token);
        /// Sent along with every query, by lower-case name, such as `x-scope-orgid` for the tenant.
        /// Default: none. A later layer replaces single headers, not the whole map.
        pub headers: BTreeMap<String, Secret>, check_headers;
        /// The authority that signed its certificate, in PEM form. Default: the system's.
        pub ca: Option<PathBuf>, optional(existing_file);
        /// The interval at which a service queries it for the report of `GET /api/v1/slo?source=prometheus`:
        /// 1 s to 1 h. A report is shown for five intervals, then it is too old. Default: 1 min.
        pub interval: Duration = Duration::from_secs(60), range(MIN_INTERVAL..=MAX_INTERVAL);
    }
}
