//! Every environment variable that decides a setting: one table, which the layering applies,
//! the documentation prints and the tests walk through.
//!
//! The SDK reads some of these itself and leaves out or misreads others: it doesn't decode
//! percent signs, ignores a bad timeout without a word, and lets `service.name` among the resource
//! attributes beat `OTEL_SERVICE_NAME`. So all of them are read here, and the SDK is told the
//! result.

use std::net::{Ipv4Addr, SocketAddr};

use super::Config;
use super::checks::is_printable;
use super::fault::{InvalidValue, join_path};
use super::field_value::VariableSyntax;
use super::log_levels::LogLevels;
use super::service::{ENVIRONMENT_ATTRIBUTE, FORMER_ENVIRONMENT_ATTRIBUTE, attribute_field};
use super::setting::{Decided, Setting, find};
use super::variable_syntax::{PAIRS, parse_exporters, parse_host, parse_pairs, parse_port};

/// The variable that names the config file.
pub(super) const CONFIG_FILE: &str = "VANTAGE_OBS_CONFIG";

/// The port that OpenTelemetry gives a Prometheus exporter when only its host is set.
///
/// See
/// <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#prometheus-exporter>.
const PROMETHEUS_PORT: u16 = 9464;

/// The paths of the settings that a variable decided.
type ApplyResult = Result<Vec<String>, InvalidValue>;

/// An environment variable that decides a setting.
#[derive(Clone, Copy, Debug)]
pub struct EnvVariable {
    /// Its name.
    pub name: &'static str,
    /// The dotted paths of the settings that it decides.
    pub paths: &'static [&'static str],
    /// Takes the place of the parsing by the setting's type.
    special: Option<fn(&mut Config, &str) -> ApplyResult>,
    /// `true` where commas separate items of which single ones can be left out.
    pub(super) list: bool,
    /// The text that a malformed one counts as. Default: none, and it is ignored.
    pub(super) malformed: Option<&'static str>,
}

impl EnvVariable {
    /// A single value that the setting's type reads.
    const PLAIN: Self = Self {
        name: "",
        paths: &[],
        special: None,
        list: false,
        malformed: None,
    };

    /// Returns whether the variable is shared with other programs, so that a value that can't be used is
    /// a warning and no fault.
    pub(super) fn is_standard(&self) -> bool {
        !self.name.starts_with("VANTAGE_OBS_")
    }

    /// Applies the variable's value to the config.
    pub(super) fn apply(&self, config: &mut Config, text: &str) -> ApplyResult {
        if let Some(special) = self.special {
            return special(config, text);
        }
        // `RUST_LOG` and our own variables are written as strings of the file are.
        let syntax = if self.name.starts_with("OTEL_") {
            VariableSyntax::OpenTelemetry
        } else {
            VariableSyntax::Plain
        };
        let mut decided = Vec::new();
        for path in self.paths {
            decided.extend(set_path(config, path, text, syntax)?);
        }
        Ok(decided)
    }
}

/// Sets the setting at a path.
fn set_path(config: &mut Config, path: &str, text: &str, syntax: VariableSyntax) -> ApplyResult {
    let Some(field) = find(config.fields(), path) else {
        // A test finds every path of the table.
        return Ok(Vec::new());
    };
    Ok(match field.setting.apply_text(text, syntax)? {
        Decided::Whole => vec![path.into()],
        Decided::Members(names) => names.iter().map(|name| join_path(path, name)).collect(),
    })
}

/// The rows of variables: name, paths, and in braces what is out of the ordinary.
macro_rules! variables {
    ($($name:expr => $($path:expr),+ $(=> { $($field:ident: $value:expr),+ })?;)+) => {
        &[$(EnvVariable {
            name: $name,
            paths: &[$($path),+],
            $($($field: $value,)+)?
            ..EnvVariable::PLAIN
        }),+]
    };
}

/// OpenTelemetry's variables. Resource attributes stand before the service name, which beats them.
const OTEL_VARIABLES: &[EnvVariable] = variables! {
    "OTEL_SDK_DISABLED" => "disabled" => { malformed: Some("false") };
    // Order is precedence: the specification lets `OTEL_SERVICE_NAME` win over `service.name` among
    // the attributes.
    "OTEL_RESOURCE_ATTRIBUTES" => "service.attributes" => { special: Some(apply_resource_attributes), list: true };
    "OTEL_SERVICE_NAME" => "service.name";
    "OTEL_TRACES_EXPORTER" => "traces.enabled" => { special: Some(apply_traces_exporter), list: true };
    "OTEL_METRICS_EXPORTER" => "metrics.prometheus.enabled", "metrics.otlp.enabled" => { special: Some(apply_metrics_exporter), list: true };
    "OTEL_LOGS_EXPORTER" => "logs.otlp" => { special: Some(apply_logs_exporter), list: true };
    "OTEL_PROPAGATORS" => "traces.propagators" => { list: true };
    "OTEL_TRACES_SAMPLER" => "traces.sampler";
    "OTEL_TRACES_SAMPLER_ARG" => "traces.sample_ratio";
    "OTEL_BSP_MAX_QUEUE_SIZE" => "traces.batch.queue_size";
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE" => "traces.batch.size";
    "OTEL_BSP_SCHEDULE_DELAY" => "traces.batch.delay";
    "OTEL_BLRP_MAX_QUEUE_SIZE" => "logs.batch.queue_size";
    "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE" => "logs.batch.size";
    "OTEL_BLRP_SCHEDULE_DELAY" => "logs.batch.delay";
    "OTEL_METRIC_EXPORT_INTERVAL" => "metrics.otlp.interval";
    "OTEL_METRIC_EXPORT_TIMEOUT" => "metrics.otlp.timeout";
    "OTEL_EXPORTER_PROMETHEUS_HOST" => "http.listen" => { special: Some(apply_prometheus_host) };
    "OTEL_EXPORTER_PROMETHEUS_PORT" => "http.listen" => { special: Some(apply_prometheus_port) };
};

/// The rows of OTLP: for all signals (`""`, `""`), or for one (`"TRACES_"`, `"traces."`).
macro_rules! otlp_variables {
    ($infix:literal, $section:literal) => {
        variables! {
            concat!("OTEL_EXPORTER_OTLP_", $infix, "ENDPOINT") => concat!("otlp.", $section, "endpoint");
            concat!("OTEL_EXPORTER_OTLP_", $infix, "PROTOCOL") => concat!("otlp.", $section, "protocol");
            concat!("OTEL_EXPORTER_OTLP_", $infix, "HEADERS") => concat!("otlp.", $section, "headers") => { list: true };
            concat!("OTEL_EXPORTER_OTLP_", $infix, "TIMEOUT") => concat!("otlp.", $section, "timeout");
            concat!("OTEL_EXPORTER_OTLP_", $infix, "COMPRESSION") => concat!("otlp.", $section, "compression");
            concat!("OTEL_EXPORTER_OTLP_", $infix, "CERTIFICATE") => concat!("otlp.", $section, "tls.ca");
            concat!("OTEL_EXPORTER_OTLP_", $infix, "CLIENT_CERTIFICATE") => concat!("otlp.", $section, "tls.client_certificate");
            concat!("OTEL_EXPORTER_OTLP_", $infix, "CLIENT_KEY") => concat!("otlp.", $section, "tls.client_key");
        }
    };
}

const OTLP_VARIABLES: [&[EnvVariable]; 4] = [
    otlp_variables!("", ""),
    otlp_variables!("TRACES_", "traces."),
    otlp_variables!("METRICS_", "metrics."),
    otlp_variables!("LOGS_", "logs."),
];

/// The variable that Rust programs share for the levels of their logs.
const RUST_VARIABLES: &[EnvVariable] = variables! {
    "RUST_LOG" => "logs.level" => { special: Some(apply_rust_log), list: true };
};

/// The variables of this crate. They stand last, because they are the more specific.
const VANTAGE_VARIABLES: &[EnvVariable] = variables! {
    "VANTAGE_OBS_ROLES" => "service.roles";
    "VANTAGE_OBS_REVISION" => "service.revision";
    "VANTAGE_OBS_ENVIRONMENT" => "service.environment";
    "VANTAGE_OBS_INSTANCE_ID" => "service.instance_id";
    "VANTAGE_OBS_LISTEN" => "http.listen";
    "VANTAGE_OBS_HTTP_HEADER_TIMEOUT" => "http.header_timeout";
    "VANTAGE_OBS_HTTP_BODY_TIMEOUT" => "http.body_timeout";
    "VANTAGE_OBS_HTTP_WRITE_TIMEOUT" => "http.write_timeout";
    "VANTAGE_OBS_HTTP_IDLE_TIMEOUT" => "http.idle_timeout";
    "VANTAGE_OBS_HTTP_MAX_CONNECTIONS" => "http.max_connections";
    "VANTAGE_OBS_HTTP_PREFIX" => "http.prefix";
    "VANTAGE_OBS_HTTP_SHUTDOWN_TIMEOUT" => "http.shutdown_timeout";
    "VANTAGE_OBS_LOG_FORMAT" => "logs.format";
    "VANTAGE_OBS_LOG_OUTPUT" => "logs.output";
    "VANTAGE_OBS_LOG_LEVEL" => "logs.level";
    "VANTAGE_OBS_LOG_PANICS" => "logs.panics";
    "VANTAGE_OBS_HEALTH_DETAILS_TOKEN" => "health.details_token";
    "VANTAGE_OBS_HEALTH_SHUTDOWN_DELAY" => "health.shutdown_delay";
    "VANTAGE_OBS_HEARTBEAT_INTERVAL" => "heartbeat.interval";
    "VANTAGE_OBS_HEARTBEAT_SINK" => "heartbeat.sink";
    "VANTAGE_OBS_HEARTBEAT_ENDPOINT" => "heartbeat.endpoint";
    "VANTAGE_OBS_HEARTBEAT_TOKEN" => "heartbeat.token";
    "VANTAGE_OBS_HEARTBEAT_OPEN" => "heartbeat.open";
    "VANTAGE_OBS_HEARTBEAT_OFFLINE_AFTER" => "heartbeat.offline_after";
    "VANTAGE_OBS_SLO_DIRECTORY" => "slo.directory";
    "VANTAGE_OBS_SLO_PROMETHEUS_URL" => "slo.prometheus.url";
    "VANTAGE_OBS_SLO_PROMETHEUS_TOKEN" => "slo.prometheus.token";
    "VANTAGE_OBS_SLO_PROMETHEUS_HEADERS" => "slo.prometheus.headers" => { list: true };
    "VANTAGE_OBS_STORE_KIND" => "store.kind";
    "VANTAGE_OBS_STORE_PATH" => "store.path";
    "VANTAGE_OBS_STORE_URL" => "store.url";
    "VANTAGE_OBS_STATUS_TOKEN" => "status.token";
    "VANTAGE_OBS_STORE_POOL_SIZE" => "store.pool_size";
    "VANTAGE_OBS_STATUS_TITLE" => "status.title";
    "VANTAGE_OBS_STATUS_URL" => "status.url";
    "VANTAGE_OBS_STATUS_TIME_ZONE" => "status.time_zone";
    "VANTAGE_OBS_STATUS_OPEN_AFTER" => "status.open_after";
    "VANTAGE_OBS_STATUS_RESOLVE_AFTER" => "status.resolve_after";
    "VANTAGE_OBS_STORE_RETENTION" => "store.retention";
    "VANTAGE_OBS_DEV_ENABLED" => "dev.enabled";
};

/// Variables that the SDK reads itself and that no setting shadows.
// Known, so that they are not reported as without effect.
const SDK_VARIABLES: &[&str] = &[
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
];

/// Every variable that decides a setting, in the order in which they are applied: where two decide
/// the same one, the later wins. `VANTAGE_OBS_CONFIG`, which names the file, stands beside them.
pub fn variables() -> impl Iterator<Item = EnvVariable> {
    OTEL_VARIABLES
        .iter()
        .chain(OTLP_VARIABLES.into_iter().flatten())
        .chain(RUST_VARIABLES)
        .chain(VANTAGE_VARIABLES)
        .copied()
}

/// Every variable name that means something, here or to the SDK.
pub(super) fn known_names() -> impl Iterator<Item = &'static str> {
    let ours = variables().map(|variable| variable.name);
    ours.chain([CONFIG_FILE])
        .chain(SDK_VARIABLES.iter().copied())
}

/// Sets resource attributes, each in its own field if it has one. The environment's former name counts
/// where its present one is absent.
fn apply_resource_attributes(config: &mut Config, text: &str) -> ApplyResult {
    let mut pairs = parse_pairs(text).map_err(|pair| InvalidValue::from_text(&pair, PAIRS))?;
    // The old name is still set by many deployments; with both, the new one is meant.
    if pairs.iter().any(|(name, _)| name == ENVIRONMENT_ATTRIBUTE) {
        pairs.retain(|(name, _)| name != FORMER_ENVIRONMENT_ATTRIBUTE);
    }
    let mut decided = Vec::new();
    for (name, value) in pairs {
        if !is_printable(&value) {
            let allowed = "a value of 1 to 255 bytes of printable text";
            return Err(InvalidValue::from_text(&format!("{name}={value}"), allowed));
        }
        let field = match name.as_str() {
            FORMER_ENVIRONMENT_ATTRIBUTE => attribute_field(ENVIRONMENT_ATTRIBUTE),
            name => attribute_field(name),
        };
        if let Some(path) = field {
            decided.extend(set_path(config, path, &value, VariableSyntax::Plain)?);
        } else {
            decided.push(join_path("service.attributes", &name));
            config.service.attributes.insert(name, value);
        }
    }
    Ok(decided)
}

/// `otlp` turns spans on, `none` off; other exporters don't exist here.
fn apply_traces_exporter(config: &mut Config, text: &str) -> ApplyResult {
    config.traces.enabled = !parse_exporters(text, &["otlp"])?.is_empty();
    Ok(vec!["traces.enabled".into()])
}

/// The list decides both readers: what it leaves out is off.
fn apply_metrics_exporter(config: &mut Config, text: &str) -> ApplyResult {
    let found = parse_exporters(text, &["otlp", "prometheus"])?;
    config.metrics.prometheus.enabled = found.contains(&"prometheus");
    config.metrics.otlp.enabled = found.contains(&"otlp");
    Ok(vec![
        "metrics.prometheus.enabled".into(),
        "metrics.otlp.enabled".into(),
    ])
}

/// Decides the push alone; lines are written in any case.
fn apply_logs_exporter(config: &mut Config, text: &str) -> ApplyResult {
    config.logs.otlp = !parse_exporters(text, &["otlp"])?.is_empty();
    Ok(vec!["logs.otlp".into()])
}

/// Only directives that a level by module can express are taken.
fn apply_rust_log(config: &mut Config, text: &str) -> ApplyResult {
    config.logs.level = LogLevels::parse_rust_log(text)?;
    Ok(vec!["logs.level".into()])
}

/// Sets the host, and the specification's port where none was set.
fn apply_prometheus_host(config: &mut Config, text: &str) -> ApplyResult {
    let listen = &mut config.http.listen;
    let port = listen.map_or(PROMETHEUS_PORT, |address| address.port());
    *listen = Some(SocketAddr::new(parse_host(text)?, port));
    Ok(vec!["http.listen".into()])
}

/// Sets the port, and the specification's host where none was set.
fn apply_prometheus_port(config: &mut Config, text: &str) -> ApplyResult {
    let listen = &mut config.http.listen;
    let host = listen.map_or(Ipv4Addr::LOCALHOST.into(), |address| address.ip());
    *listen = Some(SocketAddr::new(host, parse_port(text)?));
    Ok(vec!["http.listen".into()])
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
