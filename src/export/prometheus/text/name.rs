//! The Prometheus names of OpenTelemetry instruments.
//!
//! The rules are those of OpenTelemetry's [compatibility specification], so that dashboards made for
//! other exporters fit: characters that Prometheus doesn't allow become `_`, the unit is appended,
//! and counters end in `_total`. Beyond `opentelemetry-prometheus`, a suffix that the name already
//! has isn't appended again, and `ratio` is the unit of gauges only: a count or a difference whose
//! unit is "1" is a number of things.
//!
//! Label keys follow the same rule without `:`. One that starts with a digit or with `__`, or that
//! is `le` or `quantile`, which belong to the formats, gets the prefix `key_`: `9x` is `key_9x`,
//! `le` is `key_le`, `__name__` is `key___name__`.
//!
//! [compatibility specification]: https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/

use std::borrow::Cow;

use super::family::FamilyKind;

/// The name of a metric, and its unit, if the name ends with one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MetricName {
    pub(crate) name: String,
    pub(super) unit: Option<Cow<'static, str>>,
}

/// The Prometheus name for an instrument, or nothing if no valid name is left of it.
///
/// `is_gauge` tells an instrument that reports a state from an up-down counter, which Prometheus
/// calls a gauge as well.
pub(crate) fn metric_name(
    name: &str,
    unit: &str,
    kind: FamilyKind,
    is_gauge: bool,
) -> Option<MetricName> {
    // Before anything is appended, so that units and `_total` are compared with what will stand
    // there.
    let mut name = sanitized(name);
    if kind == FamilyKind::Counter {
        // Taken off, and put back behind the unit.
        name.truncate(name.strip_suffix("_total").unwrap_or(&name).len());
    }
    if name.is_empty() {
        return None;
    }
    let unit = match unit {
        "1" if !is_gauge => None,
        unit => unit_suffix(unit),
    };
    if let Some(unit) = &unit {
        append_once(&mut name, unit);
    }
    if kind == FamilyKind::Counter {
        name.push_str("_total");
    }
    Some(MetricName { name, unit })
}

/// The label key for an attribute key: always a valid one, always the same one.
pub(super) fn label_key(key: &str) -> String {
    let replaced: String = key
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let starts_well = replaced.starts_with(|c: char| !c.is_ascii_digit());
    if starts_well && !replaced.starts_with("__") && !matches!(&*replaced, "le" | "quantile") {
        replaced
    } else {
        format!("key_{replaced}")
    }
}

/// `[a-zA-Z_:][a-zA-Z0-9_:]*`
pub(super) fn is_metric_name(name: &str) -> bool {
    name.starts_with(|c: char| !c.is_ascii_digit())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':'))
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`, without the `__` that Prometheus keeps for itself.
pub(super) fn is_label_key(key: &str) -> bool {
    is_metric_name(key) && !key.contains(':') && !key.starts_with("__")
}

fn sanitized(name: &str) -> String {
    let prefix = if name.starts_with(|c: char| c.is_ascii_digit()) {
        "_"
    } else {
        ""
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == ':';
    let replaced = name.chars().map(|c| if allowed(c) { c } else { '_' });
    prefix.chars().chain(replaced).collect()
}

/// Appends a unit, unless the name's last words are that unit already.
fn append_once(name: &mut String, unit: &str) {
    let already = name
        .strip_suffix(unit)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('_'));
    if !already {
        name.push('_');
        name.push_str(unit);
    }
}

/// The suffix for a UCUM unit; units in braces and unknown ones have none.
fn unit_suffix(unit: &str) -> Option<Cow<'static, str>> {
    if let Some(word) = unit_word(unit) {
        return Some(Cow::Borrowed(word));
    }
    // `By/s` and the like, which the specification names as "per".
    let (counted, per) = unit.split_once('/')?;
    let per = per_word(per)?;
    Some(Cow::Owned(match unit_word(counted) {
        // A rate of times or of nothing in particular is named by what it is per.
        Some(word) if !is_time_or_one(counted) => format!("{word}_per_{per}"),
        _ => format!("per_{per}"),
    }))
}

fn is_time_or_one(unit: &str) -> bool {
    matches!(unit, "1" | "d" | "h" | "min" | "s" | "ms" | "us" | "ns")
}

/// The words of the specification's table, and `None` for a unit that is not in it.
fn unit_word(unit: &str) -> Option<&'static str> {
    Some(match unit {
        "d" => "days",
        "h" => "hours",
        "min" => "minutes",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",

        "By" | "B" => "bytes",
        "KiBy" => "kibibytes",
        "MiBy" => "mebibytes",
        "GiBy" => "gibibytes",
        "TiBy" => "tibibytes",
        "KBy" | "KB" => "kilobytes",
        "MBy" | "MB" => "megabytes",
        "GBy" | "GB" => "gigabytes",
        "TBy" | "TB" => "terabytes",

        "m" => "meters",
        "V" => "volts",
        "A" => "amperes",
        "J" => "joules",
        "W" => "watts",
        "g" => "grams",

        "Cel" => "celsius",
        "Hz" => "hertz",
        "1" => "ratio",
        "%" => "percent",
        _ => return None,
    })
}

/// The singular, which stands behind "per".
fn per_word(unit: &str) -> Option<&'static str> {
    Some(match unit {
        "s" => "second",
        "m" => "minute",
        "h" => "hour",
        "d" => "day",
        "w" => "week",
        "mo" => "month",
        "y" => "year",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str, unit: &str, kind: FamilyKind) -> String {
        metric_name(name, unit, kind, kind == FamilyKind::Gauge)
            .map(|name| name.name)
            .unwrap_or_default()
    }

    #[test]
    fn names_get_their_unit_and_counters_total() {
        use FamilyKind::{Counter, Gauge, Histogram};
        let table = [
            (
                "http.server.request.duration",
                "s",
                Histogram,
                "http_server_request_duration_seconds",
            ),
            (
                "process.memory.usage",
                "By",
                Gauge,
                "process_memory_usage_bytes",
            ),
            ("network.io", "By/s", Gauge, "network_io_bytes_per_second"),
            ("turns", "1/m", Gauge, "turns_per_minute"),
            ("turns", "test/y", Gauge, "turns_per_year"),
            ("requests", "{request}", Counter, "requests_total"),
            ("busy", "s", Counter, "busy_seconds_total"),
            ("2nd", "", Gauge, "_2nd"),
            ("a-b/c:d é", "", Gauge, "a_b_c:d__"),
        ];
        for (instrument, unit, kind, expected) in table {
            assert_eq!(name(instrument, unit, kind), expected);
        }
    }

    #[test]
    fn no_suffix_is_appended_twice() {
        assert_eq!(name("jobs_total", "", FamilyKind::Counter), "jobs_total");
        assert_eq!(
            name("busy_seconds_total", "s", FamilyKind::Counter),
            "busy_seconds_total"
        );
        assert_eq!(
            name("wait_seconds", "s", FamilyKind::Histogram),
            "wait_seconds"
        );
        assert_eq!(name("seconds", "s", FamilyKind::Gauge), "seconds");
        assert_eq!(
            name("nanoseconds", "s", FamilyKind::Gauge),
            "nanoseconds_seconds"
        );
        assert_eq!(name("hit_ratio", "1", FamilyKind::Gauge), "hit_ratio");
    }

    #[test]
    fn ratio_is_a_unit_of_gauges_only() {
        assert_eq!(name("hits", "1", FamilyKind::Gauge), "hits_ratio");
        assert_eq!(name("hits", "1", FamilyKind::Counter), "hits_total");
        assert_eq!(name("hits", "1", FamilyKind::Histogram), "hits");
        let up_down = metric_name("hits", "1", FamilyKind::Gauge, false);
        assert_eq!(up_down.map(|name| name.name).as_deref(), Some("hits"));
    }

    #[test]
    fn nothing_is_no_name() {
        assert_eq!(metric_name("", "s", FamilyKind::Gauge, true), None);
        assert_eq!(metric_name("_total", "", FamilyKind::Counter, false), None);
    }

    #[test]
    fn label_keys_are_always_valid() {
        let table = [
            ("http.route", "http_route"),
            ("9x", "key_9x"),
            ("a:b", "a_b"),
            ("le", "key_le"),
            ("quantile", "key_quantile"),
            ("__name__", "key___name__"),
            (".x", "_x"),
            ("..x", "key___x"),
            ("größe", "gr__e"),
            ("", "key_"),
        ];
        for (key, expected) in table {
            assert_eq!(label_key(key), expected);
            assert!(is_label_key(expected), "{expected}");
        }
    }

    #[test]
    fn the_catalog_names_metrics_and_labels_as_the_exposition_does() {
        use crate::model::catalog::{self, Instrument};
        for spec in catalog::all() {
            let kind = match spec.prometheus_type() {
                "counter" => FamilyKind::Counter,
                "histogram" => FamilyKind::Histogram,
                _ => FamilyKind::Gauge,
            };
            let is_gauge =
                spec.instrument != Instrument::UpDownCounter && kind == FamilyKind::Gauge;
            let named = metric_name(spec.name, spec.unit.ucum(), kind, is_gauge);
            assert_eq!(named.map(|name| name.name), Some(spec.prometheus_name()));
            for attribute in spec.attributes {
                assert_eq!(attribute.label(), label_key(attribute.key));
            }
        }
    }
}
