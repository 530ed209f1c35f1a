//! Families: everything of one name, from whichever scopes and parts, before any text is written.

use std::borrow::Cow;
use std::collections::HashMap;

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::data::AggregatedMetrics;

use super::Reason;
use crate::record::exemplars::OfMetric;

/// What a family's samples mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
    Summary,
    Unknown,
    /// `target_info`, the one family that describes where the others come from.
    Info,
}

impl Kind {
    /// What is appended to the family's name in its samples.
    fn suffixes(self) -> &'static [&'static str] {
        match self {
            Kind::Histogram => &["", "_bucket", "_sum", "_count"],
            Kind::Summary => &["", "_sum", "_count"],
            Kind::Counter | Kind::Gauge | Kind::Unknown | Kind::Info => &[""],
        }
    }
}

/// Who named a family; only names that were made by the same rules are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Otel,
    Registry,
}

#[derive(Debug)]
pub(super) struct Family<'a> {
    /// As in the text format: a counter's ends with `_total`, unless its owner named it otherwise.
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) origin: Origin,
    pub(super) help: &'a str,
    /// The last words of the name, where they are a unit.
    pub(super) unit: Option<Cow<'static, str>>,
    pub(super) sources: Vec<Source<'a>>,
}

/// One metric as it was collected.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) part: &'a str,
    /// The name before it was made a Prometheus name: what its owner would look for.
    pub(super) metric: &'a str,
    pub(super) samples: Samples<'a>,
}

#[derive(Debug)]
pub(super) enum Samples<'a> {
    Resource(&'a Resource),
    Otel(
        &'a InstrumentationScope,
        &'a AggregatedMetrics,
        Option<OfMetric<'a>>,
    ),
    Registry(&'a [prometheus::proto::Metric]),
}

/// The families of a scrape, none of whose samples can be taken for another's.
#[derive(Debug, Default)]
pub(super) struct Families<'a> {
    families: Vec<Family<'a>>,
    /// Every name that a sample may have, with the family that it belongs to.
    owners: HashMap<String, usize>,
}

impl<'a> Families<'a> {
    /// Adds a family, or its sources to the family of the same name, kind and origin.
    pub(super) fn add(&mut self, family: Family<'a>) -> Result<(), Reason> {
        if let Some(&owner) = self.owners.get(&family.name) {
            let known = &mut self.families[owner];
            if known.name != family.name || known.origin != family.origin {
                return Err(Reason::NameTaken);
            }
            if known.kind != family.kind {
                return Err(Reason::TypeConflict);
            }
            known.sources.extend(family.sources);
            return Ok(());
        }
        self.claim(&family)?;
        self.families.push(family);
        Ok(())
    }

    /// The families by name, so that two scrapes can be compared by eye.
    pub(super) fn in_order(&self) -> Vec<&Family<'a>> {
        let mut families: Vec<_> = self.families.iter().collect();
        families.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        families
    }

    /// The name and type that OpenMetrics knows a family under.
    ///
    /// There, a counter's family is named without the `_total` of its samples. Where that name
    /// isn't free, or there is no `_total`, the family keeps its name and becomes `unknown`: what
    /// its samples are called must not depend on the format.
    pub(super) fn open_metrics<'f>(&self, family: &'f Family<'a>) -> (&'f str, &'static str) {
        let name = family.name.as_str();
        match family.kind {
            Kind::Counter => match name.strip_suffix("_total") {
                Some(base) if self.is_free(base) => (base, "counter"),
                _ => (name, "unknown"),
            },
            Kind::Info => match name.strip_suffix("_info") {
                Some(base) if self.is_free(base) => (base, "info"),
                _ => (name, "gauge"),
            },
            Kind::Gauge => (name, "gauge"),
            Kind::Histogram => (name, "histogram"),
            Kind::Summary => (name, "summary"),
            Kind::Unknown => (name, "unknown"),
        }
    }

    fn claim(&mut self, family: &Family<'a>) -> Result<(), Reason> {
        let names = || {
            let suffixes = family.kind.suffixes().iter();
            suffixes.map(|suffix| format!("{}{suffix}", family.name))
        };
        if names().any(|name| self.owners.contains_key(&name)) {
            return Err(Reason::NameTaken);
        }
        let owner = self.families.len();
        self.owners.extend(names().map(|name| (name, owner)));
        Ok(())
    }

    /// Whether a name can be given to a counter's or an info's family: OpenMetrics also keeps the
    /// time of its creation under it.
    fn is_free(&self, base: &str) -> bool {
        !base.is_empty()
            && !self.owners.contains_key(base)
            && !self.owners.contains_key(&format!("{base}_created"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(name: &str, kind: Kind, origin: Origin) -> Family<'static> {
        Family {
            name: name.to_owned(),
            kind,
            origin,
            help: "",
            unit: None,
            sources: Vec::new(),
        }
    }

    #[test]
    fn a_name_belongs_to_whoever_comes_first() {
        let mut families = Families::default();
        let mut add = |name, kind, origin| families.add(family(name, kind, origin));
        assert_eq!(add("wait", Kind::Histogram, Origin::Otel), Ok(()));
        assert_eq!(add("wait", Kind::Histogram, Origin::Otel), Ok(()));
        assert_eq!(
            add("wait", Kind::Gauge, Origin::Otel),
            Err(Reason::TypeConflict)
        );
        assert_eq!(
            add("wait", Kind::Histogram, Origin::Registry),
            Err(Reason::NameTaken)
        );
        assert_eq!(
            add("wait_sum", Kind::Gauge, Origin::Otel),
            Err(Reason::NameTaken)
        );
        assert_eq!(add("size_count", Kind::Gauge, Origin::Otel), Ok(()));
        assert_eq!(
            add("size", Kind::Summary, Origin::Registry),
            Err(Reason::NameTaken)
        );
    }

    #[test]
    fn a_counter_without_a_free_base_is_unknown_to_open_metrics() {
        let mut families = Families::default();
        for (name, kind) in [
            ("jobs_total", Kind::Counter),
            ("users_total", Kind::Counter),
            ("users", Kind::Gauge),
            ("plain", Kind::Counter),
        ] {
            assert_eq!(families.add(family(name, kind, Origin::Registry)), Ok(()));
        }
        let seen: Vec<_> = families
            .in_order()
            .into_iter()
            .map(|family| families.open_metrics(family))
            .collect();
        let expected = [
            ("jobs", "counter"),
            ("plain", "unknown"),
            ("users", "gauge"),
            ("users_total", "unknown"),
        ];
        assert_eq!(seen, expected);
    }
}
