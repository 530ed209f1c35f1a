//! Every environment variable that decides a setting: one table, which the layering applies,
//! the documentation prints and the tests walk through.
//!
//! The SDK reads some of these itself and leaves out or misreads others: it doesn't decode
//! percent signs, ignores a bad timeout without a word, and lets `service.name` among the resource
//! attributes beat `OTEL_SERVICE_NAME`. So all of them are read here, and the SDK is told the
//! result.

mod values;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use http::HeaderName;

use super::fault::InvalidValue;
use super::field_value::FieldValue;
use super::reader::join_path;
use super::secret::{MASK, Secret};
use super::{Config, Role};
#[cfg(feature = "otlp")]
pub(super) use values::percent_decode;
use values::{
    allow_none, parse_exporters, parse_host, parse_list, parse_milliseconds, parse_pairs,
    parse_port,
};

/// The variable that names the config file.
pub(super) const CONFIG_FILE: &str = "VANTAGE_OBS_CONFIG";

/// The port that OpenTelemetry gives a Prometheus exporter when only its host is set.
const PROMETHEUS_PORT: u16 = 9464;

/// An environment variable that decides a setting.
#[derive(Clone, Copy, Debug)]
pub struct EnvVariable {
    /// Its name.
    pub name: &'static str,
    /// The dotted paths of the settings that it decides.
    pub paths: &'static [&'static str],
    apply: fn(&mut Config, &str) -> ApplyResult,
}

impl EnvVariable {
    /// Applies the variable's value to the config; returns the paths of the decided settings.
    pub(super) fn apply(
        &self,
        config: &mut Config,
        text: &str,
    ) -> Result<Vec<String>, InvalidValue> {
        Ok(match (self.apply)(config, text)? {
            AppliedPaths::Declared => self.paths.iter().map(|path| (*path).to_owned()).collect(),
            AppliedPaths::These(paths) => paths,
            AppliedPaths::Members(names) => names
                .iter()
                .map(|name| join_path(self.paths[0], name))
                .collect(),
        })
    }
}

/// The paths of the settings that a variable decided.
enum AppliedPaths {
    /// The paths that it declares.
    Declared,
    /// These names in the map that it declares.
    Members(Vec<String>),
    /// Whatever it says.
    These(Vec<String>),
}

type ApplyResult = Result<AppliedPaths, InvalidValue>;

const fn variable(
    name: &'static str,
    paths: &'static [&'static str],
    apply: fn(&mut Config, &str) -> ApplyResult,
) -> EnvVariable {
    EnvVariable { name, paths, apply }
}

/// The rows of OTLP: for all signals (`""`, `otlp`), or for one (`"TRACES_"`, `otlp.traces`).
macro_rules! otlp_variables {
    ($infix:literal, $path:literal, $($field:ident).+) => {
        [
            variable(
                concat!("OTEL_EXPORTER_OTLP_", $infix, "ENDPOINT"),
                &[concat!($path, ".endpoint")],
                |c, text| assign(&mut c.$($field).+.endpoint, FieldValue::parse(text)),
            ),
            variable(
                concat!("OTEL_EXPORTER_OTLP_", $infix, "PROTOCOL"),
                &[concat!($path, ".protocol")],
                |c, text| assign(&mut c.$($field).+.protocol, FieldValue::parse(text)),
            ),
            variable(
                concat!("OTEL_EXPORTER_OTLP_", $infix, "HEADERS"),
                &[concat!($path, ".headers")],
                |c, text| apply_headers(&mut c.$($field).+.headers, text),
            ),
            variable(
                concat!("OTEL_EXPORTER_OTLP_", $infix, "TIMEOUT"),
                &[concat!($path, ".timeout")],
                |c, text| assign(&mut c.$($field).+.timeout, parse_milliseconds(text).map(Into::into)),
            ),
            variable(
                concat!("OTEL_EXPORTER_OTLP_", $infix, "COMPRESSION"),
                &[concat!($path, ".compression")],
                |c, text| assign(&mut c.$($field).+.compression, FieldValue::parse(text)),
            ),
            variable(
                concat!("OTEL_EXPORTER_OTLP_", $infix, "CERTIFICATE"),
                &[concat!($path, ".tls.ca")],
                |c, text| assign(&mut c.$($field).+.tls.ca, FieldValue::parse(text)),
            ),
            variable(
                concat!("OTEL_EXPORTER_OTLP_", $infix, "CLIENT_CERTIFICATE"),
                &[concat!($path, ".tls.client_certificate")],
                |c, text| assign(&mut c.$($field).+.tls.client_certificate, FieldValue::parse(text)),
            ),
            variable(
                concat!("OTEL_EXPORTER_OTLP_", $infix, "CLIENT_KEY"),
                &[concat!($path, ".tls.client_key")],
                |c, text| assign(&mut c.$($field).+.tls.client_key, FieldValue::parse(text)),
            ),
        ]
    };
}

/// OpenTelemetry's variables. Resource attributes stand before the service name, which beats them.
const OTEL_VARIABLES: &[EnvVariable] = &[
    variable("OTEL_SDK_DISABLED", &["disabled"], |c, text| {
        assign(&mut c.disabled, bool::parse(text))
    }),
    variable(
        "OTEL_RESOURCE_ATTRIBUTES",
        &["service.attributes"],
        apply_resource_attributes,
    ),
    variable("OTEL_SERVICE_NAME", &["service.name"], |c, text| {
        assign(&mut c.service.name, FieldValue::parse(text))
    }),
    variable("OTEL_TRACES_EXPORTER", &["traces.enabled"], |c, text| {
        assign(
            &mut c.traces.enabled,
            parse_exporters(text, &["otlp"]).map(|found| !found.is_empty()),
        )
    }),
    variable(
        "OTEL_METRICS_EXPORTER",
        &["metrics.prometheus.enabled", "metrics.otlp.enabled"],
        |c, text| {
            let found = parse_exporters(text, &["otlp", "prometheus"])?;
            c.metrics.prometheus.enabled = found.contains(&"prometheus");
            assign(&mut c.metrics.otlp.enabled, Ok(found.contains(&"otlp")))
        },
    ),
    variable("OTEL_LOGS_EXPORTER", &["logs.otlp"], |c, text| {
        assign(
            &mut c.logs.otlp,
            parse_exporters(text, &["otlp"]).map(|found| !found.is_empty()),
        )
    }),
    variable("OTEL_PROPAGATORS", &["traces.propagators"], |c, text| {
        let none = text.eq_ignore_ascii_case("none");
        let propagators = if none {
            Ok(Vec::new())
        } else {
            parse_list(text)
        };
        assign(
            &mut c.traces.propagators,
            propagators.map_err(|invalid| allow_none(&invalid)),
        )
    }),
    variable("OTEL_TRACES_SAMPLER", &["traces.sampler"], |c, text| {
        assign(&mut c.traces.sampler, FieldValue::parse(text))
    }),
    variable(
        "OTEL_TRACES_SAMPLER_ARG",
        &["traces.sample_ratio"],
        |c, text| assign(&mut c.traces.sample_ratio, FieldValue::parse(text)),
    ),
    variable(
        "OTEL_BSP_MAX_QUEUE_SIZE",
        &["traces.batch.queue_size"],
        |c, text| assign(&mut c.traces.batch.queue_size, FieldValue::parse(text)),
    ),
    variable(
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        &["traces.batch.size"],
        |c, text| assign(&mut c.traces.batch.size, FieldValue::parse(text)),
    ),
    variable(
        "OTEL_BSP_SCHEDULE_DELAY",
        &["traces.batch.delay"],
        |c, text| assign(&mut c.traces.batch.delay, parse_milliseconds(text)),
    ),
    variable(
        "OTEL_BLRP_MAX_QUEUE_SIZE",
        &["logs.batch.queue_size"],
        |c, text| assign(&mut c.logs.batch.queue_size, FieldValue::parse(text)),
    ),
    variable(
        "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
        &["logs.batch.size"],
        |c, text| assign(&mut c.logs.batch.size, FieldValue::parse(text)),
    ),
    variable(
        "OTEL_BLRP_SCHEDULE_DELAY",
        &["logs.batch.delay"],
        |c, text| assign(&mut c.logs.batch.delay, parse_milliseconds(text)),
    ),
    variable(
        "OTEL_METRIC_EXPORT_INTERVAL",
        &["metrics.otlp.interval"],
        |c, text| assign(&mut c.metrics.otlp.interval, parse_milliseconds(text)),
    ),
    variable(
        "OTEL_METRIC_EXPORT_TIMEOUT",
        &["metrics.otlp.timeout"],
        |c, text| assign(&mut c.metrics.otlp.timeout, parse_milliseconds(text)),
    ),
    variable(
        "OTEL_EXPORTER_PROMETHEUS_HOST",
        &["http.listen"],
        |c, text| {
            let port = c
                .http
                .listen
                .map_or(PROMETHEUS_PORT, |address| address.port());
            assign(
                &mut c.http.listen,
                parse_host(text).map(|host| Some(SocketAddr::new(host, port))),
            )
        },
    ),
    variable(
        "OTEL_EXPORTER_PROMETHEUS_PORT",
        &["http.listen"],
        |c, text| {
            let host = c
                .http
                .listen
                .map_or(Ipv4Addr::LOCALHOST.into(), |address| address.ip());
            assign(
                &mut c.http.listen,
                parse_port(text).map(|port| Some(SocketAddr::new(host, port))),
            )
        },
    ),
];

/// The variables of this crate. They stand last, because they are the more specific.
const VANTAGE_VARIABLES: &[EnvVariable] = &[
    variable("VANTAGE_OBS_ROLES", &["service.roles"], |c, text| {
        assign(&mut c.service.roles, parse_list::<Role>(text))
    }),
    variable(
        "VANTAGE_OBS_ENVIRONMENT",
        &["service.environment"],
        |c, text| assign(&mut c.service.environment, FieldValue::parse(text)),
    ),
    variable(
        "VANTAGE_OBS_INSTANCE_ID",
        &["service.instance_id"],
        |c, text| assign(&mut c.service.instance_id, FieldValue::parse(text)),
    ),
    variable("VANTAGE_OBS_LISTEN", &["http.listen"], |c, text| {
        assign(&mut c.http.listen, FieldValue::parse(text))
    }),
    variable("VANTAGE_OBS_LOG_FORMAT", &["logs.format"], |c, text| {
        assign(&mut c.logs.format, FieldValue::parse(text))
    }),
    variable("VANTAGE_OBS_LOG_OUTPUT", &["logs.output"], |c, text| {
        assign(&mut c.logs.output, FieldValue::parse(text))
    }),
    variable("VANTAGE_OBS_LOG_LEVEL", &["logs.level"], |c, text| {
        assign(&mut c.logs.level, FieldValue::parse(text))
    }),
    variable(
        "VANTAGE_OBS_HEALTH_DETAILS_TOKEN",
        &["health.details_token"],
        |c, text| assign(&mut c.health.details_token, FieldValue::parse(text)),
    ),
    variable(
        "VANTAGE_OBS_HEALTH_WRITE_TOKEN",
        &["health.write_token"],
        |c, text| assign(&mut c.health.write_token, FieldValue::parse(text)),
    ),
    variable(
        "VANTAGE_OBS_HEALTH_SHUTDOWN_DELAY",
        &["health.shutdown_delay"],
        |c, text| assign(&mut c.health.shutdown_delay, FieldValue::parse(text)),
    ),
    variable(
        "VANTAGE_OBS_HEARTBEAT_INTERVAL",
        &["heartbeat.interval"],
        |c, text| assign(&mut c.heartbeat.interval, FieldValue::parse(text)),
    ),
    variable(
        "VANTAGE_OBS_HEARTBEAT_SINK",
        &["heartbeat.sink"],
        |c, text| assign(&mut c.heartbeat.sink, FieldValue::parse(text)),
    ),
    variable(
        "VANTAGE_OBS_HEARTBEAT_ENDPOINT",
        &["heartbeat.endpoint"],
        |c, text| assign(&mut c.heartbeat.endpoint, FieldValue::parse(text)),
    ),
    variable(
        "VANTAGE_OBS_HEARTBEAT_TOKEN",
        &["heartbeat.token"],
        |c, text| assign(&mut c.heartbeat.token, FieldValue::parse(text)),
    ),
    variable(
        "VANTAGE_OBS_HEARTBEAT_OFFLINE_AFTER",
        &["heartbeat.offline_after"],
        |c, text| assign(&mut c.heartbeat.offline_after, FieldValue::parse(text)),
    ),
    variable(
        "VANTAGE_OBS_SLO_DIRECTORY",
        &["slo.directory"],
        |c, text| assign(&mut c.slo.directory, PathBuf::parse(text)),
    ),
    variable(
        "VANTAGE_OBS_SLO_PROMETHEUS_URL",
        &["slo.prometheus.url"],
        |c, text| assign(&mut c.slo.prometheus.url, FieldValue::parse(text)),
    ),
    variable(
        "VANTAGE_OBS_SLO_PROMETHEUS_TOKEN",
        &["slo.prometheus.token"],
        |c, text| assign(&mut c.slo.prometheus.token, FieldValue::parse(text)),
    ),
    variable("VANTAGE_OBS_STORE_KIND", &["store.kind"], |c, text| {
        assign(&mut c.store.kind, FieldValue::parse(text))
    }),
    variable("VANTAGE_OBS_STORE_PATH", &["store.path"], |c, text| {
        assign(&mut c.store.path, FieldValue::parse(text))
    }),
    variable("VANTAGE_OBS_STORE_URL", &["store.url"], |c, text| {
        assign(&mut c.store.url, FieldValue::parse(text))
    }),
    variable(
        "VANTAGE_OBS_STORE_POOL_SIZE",
        &["store.pool_size"],
        |c, text| assign(&mut c.store.pool_size, FieldValue::parse(text)),
    ),
    variable("VANTAGE_OBS_STATUS_TITLE", &["status.title"], |c, text| {
        assign(&mut c.status.title, FieldValue::parse(text))
    }),
    variable(
        "VANTAGE_OBS_STATUS_TIME_ZONE",
        &["status.time_zone"],
        |c, text| assign(&mut c.status.time_zone, FieldValue::parse(text)),
    ),
    variable(
        "VANTAGE_OBS_STATUS_OPEN_AFTER",
        &["status.open_after"],
        |c, text| assign(&mut c.status.open_after, FieldValue::parse(text)),
    ),
    variable(
        "VANTAGE_OBS_STATUS_RESOLVE_AFTER",
        &["status.resolve_after"],
        |c, text| assign(&mut c.status.resolve_after, FieldValue::parse(text)),
    ),
    variable(
        "VANTAGE_OBS_STORE_RETENTION",
        &["store.retention"],
        |c, text| assign(&mut c.store.retention, FieldValue::parse(text)),
    ),
];

/// Variables that the SDK reads itself and that no setting shadows.
const SDK_VARIABLES: &[&str] = &[
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
];

const OTLP_VARIABLES: [[EnvVariable; 8]; 4] = [
    otlp_variables!("", "otlp", otlp),
    otlp_variables!("TRACES_", "otlp.traces", otlp.traces),
    otlp_variables!("METRICS_", "otlp.metrics", otlp.metrics),
    otlp_variables!("LOGS_", "otlp.logs", otlp.logs),
];

/// Every variable that decides a setting, in the order in which they are applied: where two decide
/// the same one, the later wins. `VANTAGE_OBS_CONFIG`, which names the file, stands beside them.
pub fn variables() -> impl Iterator<Item = EnvVariable> {
    OTEL_VARIABLES
        .iter()
        .chain(OTLP_VARIABLES.as_flattened())
        .chain(VANTAGE_VARIABLES)
        .copied()
}

/// Every variable name that means something, here or to the SDK.
pub(super) fn known_names() -> impl Iterator<Item = &'static str> {
    let ours = variables().map(|variable| variable.name);
    ours.chain([CONFIG_FILE])
        .chain(SDK_VARIABLES.iter().copied())
}

fn assign<T>(slot: &mut T, value: Result<T, InvalidValue>) -> ApplyResult {
    *slot = value?;
    Ok(AppliedPaths::Declared)
}

fn apply_resource_attributes(config: &mut Config, text: &str) -> ApplyResult {
    let allowed = "name=value pairs, comma-separated, percent-encoded";
    let pairs = parse_pairs(text).map_err(|pair| InvalidValue::from_text(&pair, allowed))?;
    let set = |(name, value): (String, String)| config.service.set_attribute(&name, value);
    Ok(AppliedPaths::These(pairs.into_iter().map(set).collect()))
}

/// Reads headers. Nothing of a malformed one is shown, not even what looks like its name: it may
/// be a token with a `=` at its end.
fn apply_headers(slot: &mut BTreeMap<String, Secret>, text: &str) -> ApplyResult {
    let allowed = "name=value pairs, comma-separated, percent-encoded";
    let rejection = || InvalidValue::new(MASK, allowed);
    let pairs = parse_pairs(text).map_err(|_| rejection())?;
    let mut names = Vec::new();
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| rejection())?;
        slot.insert(name.as_str().into(), Secret::new(value));
        names.push(name.as_str().into());
    }
    Ok(AppliedPaths::Members(names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_variable_stands_twice() {
        let mut names: Vec<_> = known_names().collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
