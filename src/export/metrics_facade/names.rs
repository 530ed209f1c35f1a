//! Names: valid for the SDK, and each in Prometheus of one metric alone.

use std::collections::HashMap;

use metrics::{KeyName, Unit};

use super::MAX_METRICS;
use crate::export::prometheus::text::{FamilyKind, metric_name};
use crate::model::catalog::{self, MetricSpec};

/// The longest name of an instrument, by the specification.
const MAX_NAME: usize = 255;

/// The description that a dependency gives of its metric.
pub(super) struct Description {
    pub(super) unit: Option<Unit>,
    pub(super) text: String,
}

/// The parts of an instrument.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) unit: &'static str,
    pub(super) description: String,
}

/// Why a metric is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NameError {
    #[error("its name is that of a metric of this crate")]
    Reserved,
    #[error("another metric has its name, once it is written as Prometheus has it")]
    Taken,
    #[error("its name has no character that a name may have")]
    Invalid,
    #[error("there are 1,000 metrics already")]
    TooMany,
}

/// The names that are in use, and the descriptions of metrics that may come.
#[derive(Default)]
pub(super) struct Names {
    descriptions: HashMap<(&'static str, KeyName), Description>,
    /// Prometheus's names.
    claimed: HashMap<String, (&'static str, String)>,
}

impl Names {
    pub(super) fn describe(&mut self, kind: &'static str, name: KeyName, text: Description) {
        let key = (kind, name);
        if self.descriptions.len() < MAX_METRICS || self.descriptions.contains_key(&key) {
            self.descriptions.insert(key, text);
        }
    }

    /// Takes the name for a metric.
    pub(super) fn claim(&mut self, kind: &'static str, name: &str) -> Result<Identity, NameError> {
        let key = (kind, KeyName::from(name.to_owned()));
        let description = self.descriptions.get(&key);
        let unit = description.and_then(|description| description.unit);
        let identity = Identity {
            name: instrument_name(name),
            unit: unit.map_or("", ucum),
            description: description.map_or(String::new(), |found| found.text.clone()),
        };
        let family = match kind {
            "counter" => FamilyKind::Counter,
            "gauge" => FamilyKind::Gauge,
            _ => FamilyKind::Histogram,
        };
        let exposed = metric_name(&identity.name, identity.unit, family, kind == "gauge");
        let exposed = exposed.ok_or(NameError::Invalid)?.name;
        let is_ours = |spec: &MetricSpec| spec.prometheus_name() == exposed;
        if catalog::all().any(is_ours) || exposed == "target_info" {
            return Err(NameError::Reserved);
        }
        if self.claimed.contains_key(&exposed) {
            return Err(NameError::Taken);
        }
        if self.claimed.len() >= MAX_METRICS {
            return Err(NameError::TooMany);
        }
        self.claimed.insert(exposed, (kind, name.to_owned()));
        Ok(identity)
    }
}

/// Returns a name that the SDK takes: it refuses all others, and records nothing.
fn instrument_name(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/');
    let prefix = match name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true => "",
        false => "m_",
    };
    let replaced = name.chars().map(|c| if allowed(c) { c } else { '_' });
    prefix.chars().chain(replaced).take(MAX_NAME).collect()
}

/// Returns a unit as OpenTelemetry writes it.
const fn ucum(unit: Unit) -> &'static str {
    match unit {
        // No unit, but a number of things.
        Unit::Count => "",
        Unit::Percent => "%",
        Unit::Seconds => "s",
        Unit::Milliseconds => "ms",
        Unit::Microseconds => "us",
        Unit::Nanoseconds => "ns",
        Unit::Tebibytes => "TiBy",
        Unit::Gibibytes => "GiBy",
        Unit::Mebibytes => "MiBy",
        Unit::Kibibytes => "KiBy",
        Unit::Bytes => "By",
        Unit::TerabitsPerSecond => "Tbit/s",
        Unit::GigabitsPerSecond => "Gbit/s",
        Unit::MegabitsPerSecond => "Mbit/s",
        Unit::KilobitsPerSecond => "kbit/s",
        Unit::BitsPerSecond => "bit/s",
        Unit::CountPerSecond => "1/s",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_claimed_once_as_prometheus_has_it() {
        let mut names = Names::default();
        assert_eq!(
            names.claim("counter", "cache.hits").unwrap().name,
            "cache.hits"
        );
        for name in ["cache_hits", "cache hits", "cache_hits_total"] {
            assert_eq!(
                names.claim("counter", name),
                Err(NameError::Taken),
                "{name}"
            );
        }
        assert_eq!(
            names.claim("gauge", "cache_hits").unwrap().name,
            "cache_hits"
        );
        assert_eq!(
            names.claim("histogram", "cache.hits"),
            Err(NameError::Taken)
        );
    }

    #[test]
    fn names_of_the_crate_are_reserved() {
        let mut names = Names::default();
        for (kind, name) in [
            ("counter", "vantage_api_requests"),
            ("counter", "vantage.api.requests"),
            ("histogram", "http_server_request_duration_seconds"),
            ("gauge", "target_info"),
        ] {
            assert_eq!(names.claim(kind, name), Err(NameError::Reserved), "{name}");
        }
    }

    #[test]
    fn a_name_is_one_that_the_sdk_takes() {
        assert_eq!(instrument_name("db::pool size"), "db__pool_size");
        assert_eq!(instrument_name("2xx"), "m_2xx");
        assert_eq!(instrument_name("größe"), "gr__e");
        assert_eq!(instrument_name(&"x".repeat(300)).len(), MAX_NAME);
    }

    #[test]
    fn there_are_so_many_and_no_more() {
        let mut names = Names::default();
        for number in 0..MAX_METRICS {
            names.claim("gauge", &format!("gauge{number}")).unwrap();
        }
        assert_eq!(names.claim("gauge", "one_more"), Err(NameError::TooMany));
    }
}
