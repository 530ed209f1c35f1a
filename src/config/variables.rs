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

use super::fault::Refusal;
use super::reader::member;
use super::secret::{MASK, Secret};
use super::setting::Setting;
use super::{Config, Role};
#[cfg(feature = "otlp")]
pub(super) use values::percent_decoded;
use values::{exporters, host, list, milliseconds, or_none, pairs, port};

/// The variable that names the config file.
pub(super) const CONFIG_FILE: &str = "VANTAGE_OBS_CONFIG";

/// The port that OpenTelemetry gives a Prometheus exporter when only its host is set.
const PROMETHEUS_PORT: u16 = 9464;

/// An environment variable that decides a setting.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The dotted paths of the settings that it decides.
    pub paths: &'static [&'static str],
    apply: fn(&mut Config, &str) -> Applied,
}

impl Variable {
    /// Puts the variable's value into the config; says which settings it decided.
    pub(super) fn apply(&self, config: &mut Config, text: &str) -> Result<Vec<String>, Refusal> {
        Ok(match (self.apply)(config, text)? {
            Decided::Declared => self.paths.iter().map(|path| (*path).to_owned()).collect(),
            Decided::These(paths) => paths,
            Decided::Members(names) => names
                .iter()
                .map(|name| member(self.paths[0], name))
                .collect(),
        })
    }
}

/// What a variable decided.
enum Decided {
    /// The paths that it declares.
    Declared,
    /// These names in the map that it declares.
    Members(Vec<String>),
    /// Whatever it says.
    These(Vec<String>),
}

type Applied = Result<Decided, Refusal>;

const fn row(
    name: &'static str,
    paths: &'static [&'static str],
    apply: fn(&mut Config, &str) -> Applied,
) -> Variable {
    Variable { name, paths, apply }
}

/// The rows of OTLP: for all signals (`""`, `otlp`), or for one (`"TRACES_"`, `otlp.traces`).
macro_rules! otlp_rows {
    ($infix:literal, $path:literal, $($field:ident).+) => {
        [
            row(
                concat!("OTEL_EXPORTER_OTLP_", $infix, "ENDPOINT"),
                &[concat!($path, ".endpoint")],
                |c, text| put(&mut c.$($field).+.endpoint, Setting::parse(text)),
            ),
            row(
                concat!("OTEL_EXPORTER_OTLP_", $infix, "PROTOCOL"),
                &[concat!($path, ".protocol")],
                |c, text| put(&mut c.$($field).+.protocol, Setting::parse(text)),
            ),
            row(
                concat!("OTEL_EXPORTER_OTLP_", $infix, "HEADERS"),
                &[concat!($path, ".headers")],
                |c, text| headers(&mut c.$($field).+.headers, text),
            ),
            row(
                concat!("OTEL_EXPORTER_OTLP_", $infix, "TIMEOUT"),
                &[concat!($path, ".timeout")],
                |c, text| put(&mut c.$($field).+.timeout, milliseconds(text).map(Into::into)),
            ),
            row(
                concat!("OTEL_EXPORTER_OTLP_", $infix, "COMPRESSION"),
                &[concat!($path, ".compression")],
                |c, text| put(&mut c.$($field).+.compression, Setting::parse(text)),
            ),
            row(
                concat!("OTEL_EXPORTER_OTLP_", $infix, "CERTIFICATE"),
                &[concat!($path, ".tls.ca")],
                |c, text| put(&mut c.$($field).+.tls.ca, Setting::parse(text)),
            ),
            row(
                concat!("OTEL_EXPORTER_OTLP_", $infix, "CLIENT_CERTIFICATE"),
                &[concat!($path, ".tls.client_certificate")],
                |c, text| put(&mut c.$($field).+.tls.client_certificate, Setting::parse(text)),
            ),
            row(
                concat!("OTEL_EXPORTER_OTLP_", $infix, "CLIENT_KEY"),
                &[concat!($path, ".tls.client_key")],
                |c, text| put(&mut c.$($field).+.tls.client_key, Setting::parse(text)),
            ),
        ]
    };
}

/// OpenTelemetry's variables. Resource attributes stand before the service name, which beats them.
const STANDARD: &[Variable] = &[
    row("OTEL_SDK_DISABLED", &["disabled"], |c, text| {
        put(&mut c.disabled, bool::parse(text))
    }),
    row(
        "OTEL_RESOURCE_ATTRIBUTES",
        &["service.attributes"],
        resource_attributes,
    ),
    row("OTEL_SERVICE_NAME", &["service.name"], |c, text| {
        put(&mut c.service.name, Setting::parse(text))
    }),
    row("OTEL_TRACES_EXPORTER", &["traces.enabled"], |c, text| {
        put(
            &mut c.traces.enabled,
            exporters(text, &["otlp"]).map(|found| !found.is_empty()),
        )
    }),
    row(
        "OTEL_METRICS_EXPORTER",
        &["metrics.prometheus.enabled", "metrics.otlp.enabled"],
        |c, text| {
            let found = exporters(text, &["otlp", "prometheus"])?;
            c.metrics.prometheus.enabled = found.contains(&"prometheus");
            put(&mut c.metrics.otlp.enabled, Ok(found.contains(&"otlp")))
        },
    ),
    row("OTEL_LOGS_EXPORTER", &["logs.otlp"], |c, text| {
        put(
            &mut c.logs.otlp,
            exporters(text, &["otlp"]).map(|found| !found.is_empty()),
        )
    }),
    row("OTEL_PROPAGATORS", &["traces.propagators"], |c, text| {
        let none = text.eq_ignore_ascii_case("none");
        let propagators = if none { Ok(Vec::new()) } else { list(text) };
        put(
            &mut c.traces.propagators,
            propagators.map_err(|refusal| or_none(&refusal)),
        )
    }),
    row("OTEL_TRACES_SAMPLER", &["traces.sampler"], |c, text| {
        put(&mut c.traces.sampler, Setting::parse(text))
    }),
    row(
        "OTEL_TRACES_SAMPLER_ARG",
        &["traces.sample_ratio"],
        |c, text| put(&mut c.traces.sample_ratio, Setting::parse(text)),
    ),
    row(
        "OTEL_BSP_MAX_QUEUE_SIZE",
        &["traces.batch.queue_size"],
        |c, text| put(&mut c.traces.batch.queue_size, Setting::parse(text)),
    ),
    row(
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        &["traces.batch.size"],
        |c, text| put(&mut c.traces.batch.size, Setting::parse(text)),
    ),
    row(
        "OTEL_BSP_SCHEDULE_DELAY",
        &["traces.batch.delay"],
        |c, text| put(&mut c.traces.batch.delay, milliseconds(text)),
    ),
    row(
        "OTEL_BLRP_MAX_QUEUE_SIZE",
        &["logs.batch.queue_size"],
        |c, text| put(&mut c.logs.batch.queue_size, Setting::parse(text)),
    ),
    row(
        "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
        &["logs.batch.size"],
        |c, text| put(&mut c.logs.batch.size, Setting::parse(text)),
    ),
    row(
        "OTEL_BLRP_SCHEDULE_DELAY",
        &["logs.batch.delay"],
        |c, text| put(&mut c.logs.batch.delay, milliseconds(text)),
    ),
    row(
        "OTEL_METRIC_EXPORT_INTERVAL",
        &["metrics.otlp.interval"],
        |c, text| put(&mut c.metrics.otlp.interval, milliseconds(text)),
    ),
    row(
        "OTEL_METRIC_EXPORT_TIMEOUT",
        &["metrics.otlp.timeout"],
        |c, text| put(&mut c.metrics.otlp.timeout, milliseconds(text)),
    ),
    row(
        "OTEL_EXPORTER_PROMETHEUS_HOST",
        &["http.listen"],
        |c, text| {
            let port = c
                .http
                .listen
                .map_or(PROMETHEUS_PORT, |address| address.port());
            put(
                &mut c.http.listen,
                host(text).map(|host| Some(SocketAddr::new(host, port))),
            )
        },
    ),
    row(
        "OTEL_EXPORTER_PROMETHEUS_PORT",
        &["http.listen"],
        |c, text| {
            let host = c
                .http
                .listen
                .map_or(Ipv4Addr::LOCALHOST.into(), |address| address.ip());
            put(
                &mut c.http.listen,
                port(text).map(|port| Some(SocketAddr::new(host, port))),
            )
        },
    ),
];

/// Ours. They stand last, because they are the more specific.
const OURS: &[Variable] = &[
    row("VANTAGE_OBS_ROLES", &["service.roles"], |c, text| {
        put(&mut c.service.roles, list::<Role>(text))
    }),
    row(
        "VANTAGE_OBS_ENVIRONMENT",
        &["service.environment"],
        |c, text| put(&mut c.service.environment, Setting::parse(text)),
    ),
    row(
        "VANTAGE_OBS_INSTANCE_ID",
        &["service.instance_id"],
        |c, text| put(&mut c.service.instance_id, Setting::parse(text)),
    ),
    row("VANTAGE_OBS_LISTEN", &["http.listen"], |c, text| {
        put(&mut c.http.listen, Setting::parse(text))
    }),
    row("VANTAGE_OBS_LOG_FORMAT", &["logs.format"], |c, text| {
        put(&mut c.logs.format, Setting::parse(text))
    }),
    row("VANTAGE_OBS_LOG_OUTPUT", &["logs.output"], |c, text| {
        put(&mut c.logs.output, Setting::parse(text))
    }),
    row("VANTAGE_OBS_LOG_LEVEL", &["logs.level"], |c, text| {
        put(&mut c.logs.level, Setting::parse(text))
    }),
    row(
        "VANTAGE_OBS_HEALTH_DETAILS_TOKEN",
        &["health.details_token"],
        |c, text| put(&mut c.health.details_token, Setting::parse(text)),
    ),
    row(
        "VANTAGE_OBS_HEALTH_WRITE_TOKEN",
        &["health.write_token"],
        |c, text| put(&mut c.health.write_token, Setting::parse(text)),
    ),
    row(
        "VANTAGE_OBS_HEALTH_SHUTDOWN_DELAY",
        &["health.shutdown_delay"],
        |c, text| put(&mut c.health.shutdown_delay, Setting::parse(text)),
    ),
    row(
        "VANTAGE_OBS_HEARTBEAT_INTERVAL",
        &["heartbeat.interval"],
        |c, text| put(&mut c.heartbeat.interval, Setting::parse(text)),
    ),
    row(
        "VANTAGE_OBS_HEARTBEAT_SINK",
        &["heartbeat.sink"],
        |c, text| put(&mut c.heartbeat.sink, Setting::parse(text)),
    ),
    row(
        "VANTAGE_OBS_HEARTBEAT_ENDPOINT",
        &["heartbeat.endpoint"],
        |c, text| put(&mut c.heartbeat.endpoint, Setting::parse(text)),
    ),
    row(
        "VANTAGE_OBS_HEARTBEAT_TOKEN",
        &["heartbeat.token"],
        |c, text| put(&mut c.heartbeat.token, Setting::parse(text)),
    ),
    row(
        "VANTAGE_OBS_HEARTBEAT_OFFLINE_AFTER",
        &["heartbeat.offline_after"],
        |c, text| put(&mut c.heartbeat.offline_after, Setting::parse(text)),
    ),
    row(
        "VANTAGE_OBS_SLO_DIRECTORY",
        &["slo.directory"],
        |c, text| put(&mut c.slo.directory, PathBuf::parse(text)),
    ),
    row(
        "VANTAGE_OBS_SLO_PROMETHEUS_URL",
        &["slo.prometheus.url"],
        |c, text| put(&mut c.slo.prometheus.url, Setting::parse(text)),
    ),
    row(
        "VANTAGE_OBS_SLO_PROMETHEUS_TOKEN",
        &["slo.prometheus.token"],
        |c, text| put(&mut c.slo.prometheus.token, Setting::parse(text)),
    ),
    row("VANTAGE_OBS_STORE_KIND", &["store.kind"], |c, text| {
        put(&mut c.store.kind, Setting::parse(text))
    }),
    row("VANTAGE_OBS_STORE_PATH", &["store.path"], |c, text| {
        put(&mut c.store.path, Setting::parse(text))
    }),
    row("VANTAGE_OBS_STORE_URL", &["store.url"], |c, text| {
        put(&mut c.store.url, Setting::parse(text))
    }),
    row(
        "VANTAGE_OBS_STORE_POOL_SIZE",
        &["store.pool_size"],
        |c, text| put(&mut c.store.pool_size, Setting::parse(text)),
    ),
    row("VANTAGE_OBS_STATUS_TITLE", &["status.title"], |c, text| {
        put(&mut c.status.title, Setting::parse(text))
    }),
    row(
        "VANTAGE_OBS_STATUS_TIME_ZONE",
        &["status.time_zone"],
        |c, text| put(&mut c.status.time_zone, Setting::parse(text)),
    ),
    row(
        "VANTAGE_OBS_STATUS_OPEN_AFTER",
        &["status.open_after"],
        |c, text| put(&mut c.status.open_after, Setting::parse(text)),
    ),
    row(
        "VANTAGE_OBS_STATUS_RESOLVE_AFTER",
        &["status.resolve_after"],
        |c, text| put(&mut c.status.resolve_after, Setting::parse(text)),
    ),
    row(
        "VANTAGE_OBS_STORE_RETENTION",
        &["store.retention"],
        |c, text| put(&mut c.store.retention, Setting::parse(text)),
    ),
];

/// Variables that the SDK reads itself and that no setting shadows.
const LEFT_TO_THE_SDK: &[&str] = &[
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
];

const OTLP: [[Variable; 8]; 4] = [
    otlp_rows!("", "otlp", otlp),
    otlp_rows!("TRACES_", "otlp.traces", otlp.traces),
    otlp_rows!("METRICS_", "otlp.metrics", otlp.metrics),
    otlp_rows!("LOGS_", "otlp.logs", otlp.logs),
];

/// Every variable that decides a setting, in the order in which they are applied: where two decide
/// the same one, the later wins. `VANTAGE_OBS_CONFIG`, which names the file, stands beside them.
pub fn variables() -> impl Iterator<Item = Variable> {
    STANDARD
        .iter()
        .chain(OTLP.as_flattened())
        .chain(OURS)
        .copied()
}

/// Every variable name that means something, here or to the SDK.
pub(super) fn known_names() -> impl Iterator<Item = &'static str> {
    let ours = variables().map(|variable| variable.name);
    ours.chain([CONFIG_FILE])
        .chain(LEFT_TO_THE_SDK.iter().copied())
}

fn put<T>(slot: &mut T, value: Result<T, Refusal>) -> Applied {
    *slot = value?;
    Ok(Decided::Declared)
}

fn resource_attributes(config: &mut Config, text: &str) -> Applied {
    let allowed = "name=value pairs, comma-separated, percent-encoded";
    let pairs = pairs(text).map_err(|pair| Refusal::text(&pair, allowed))?;
    let set = |(name, value): (String, String)| config.service.set_attribute(&name, value);
    Ok(Decided::These(pairs.into_iter().map(set).collect()))
}

/// Reads headers. Nothing of a malformed one is shown, not even what looks like its name: it may
/// be a token with a `=` at its end.
fn headers(slot: &mut BTreeMap<String, Secret>, text: &str) -> Applied {
    let allowed = "name=value pairs, comma-separated, percent-encoded";
    let refused = || Refusal::new(MASK, allowed);
    let pairs = pairs(text).map_err(|_| refused())?;
    let mut names = Vec::new();
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
        slot.insert(name.as_str().into(), Secret::new(value));
        names.push(name.as_str().into());
    }
    Ok(Decided::Members(names))
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
