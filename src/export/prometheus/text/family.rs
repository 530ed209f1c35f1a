//! Families: everything of one name, from whichever scopes and parts, before any text is written.
//!
//! Why before any text? A family has to stand together, with one TYPE line, however many scopes
//! contribute to it; and a name that two metrics claim must be noticed before the first of them is
//! written.

use std::borrow::Cow;
use std::collections::HashMap;

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::data::AggregatedMetrics;

use super::OmissionReason;
use crate::record::exemplars::MetricExemplars;

/// The type of a metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FamilyKind {
    Counter,
    Gauge,
    Histogram,
    Summary,
    /// `untyped` in the plain text.
    Unknown,
    /// `target_info`, the one family that describes where the others come from.
    Info,
}

impl FamilyKind {
    /// Returns the suffixes of the family's samples.
    // The empty suffix is the name itself, which no other family may have either.
    fn suffixes(self) -> &'static [&'static str] {
        match self {
            FamilyKind::Histogram => &["", "_bucket", "_sum", "_count"],
            FamilyKind::Summary => &["", "_sum", "_count"],
            FamilyKind::Counter | FamilyKind::Gauge | FamilyKind::Unknown | FamilyKind::Info => {
                &[""]
            }
        }
    }
}

/// The origin of a family's name; only names that were made by the same rules are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FamilyOrigin {
    Otel,
    Registry,
}

#[derive(Debug)]
pub(super) struct ExposedFamily<'a> {
    /// As in the text format: a counter's ends with `_total`, unless its owner named it otherwise.
    pub(super) name: String,
    pub(super) kind: FamilyKind,
    pub(super) origin: FamilyOrigin,
    pub(super) help: &'a str,
    /// The last words of the name, where they are a unit.
    pub(super) unit: Option<Cow<'static, str>>,
    pub(super) sources: Vec<FamilySource<'a>>,
}

/// A metric as it was collected.
#[derive(Debug)]
pub(super) struct FamilySource<'a> {
    pub(super) part: &'a str,
    /// The name before it was made a Prometheus name: what its owner would look for.
    pub(super) metric: &'a str,
    pub(super) samples: SourceSamples<'a>,
}

#[derive(Debug)]
pub(super) enum SourceSamples<'a> {
    Resource(&'a Resource),
    Otel(
        &'a InstrumentationScope,
        &'a AggregatedMetrics,
        Option<MetricExemplars<'a>>,
    ),
    Registry(&'a [prometheus::proto::Metric]),
}

/// The families of a scrape, none of whose samples can be taken for another's.
#[derive(Debug, Default)]
pub(super) struct ExposedFamilies<'a> {
    families: Vec<ExposedFamily<'a>>,
    /// Every name that a sample may have, with the family that it belongs to.
    ///
    /// A histogram `x` also owns `x_bucket`, `x_sum` and `x_count`: a counter named `x_count` would
    /// be read as part of it.
    owners: HashMap<String, usize>,
}

impl<'a> ExposedFamilies<'a> {
    /// Adds a family, or its sources to the family of the same name, kind and origin.
    pub(super) fn add(&mut self, family: ExposedFamily<'a>) -> Result<(), OmissionReason> {
        if let Some(&owner) = self.owners.get(&family.name) {
            let existing = &mut self.families[owner];
            // Owned as a sample's name of another family.
            if existing.name != family.name || existing.origin != family.origin {
                return Err(OmissionReason::NameTaken);
            }
            if existing.kind != family.kind {
                return Err(OmissionReason::TypeConflict);
            }
            existing.sources.extend(family.sources);
            return Ok(());
        }
        // Reserved together: a family is exposed with all of its names or not at all.
        self.reserve_names(&family)?;
        self.families.push(family);
        Ok(())
    }

    /// The families by name, so that two scrapes can be compared by eye.
    pub(super) fn sorted(&self) -> Vec<&ExposedFamily<'a>> {
        let mut families: Vec<_> = self.families.iter().collect();
        families.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        families
    }

    /// The name and type that OpenMetrics knows a family under.
    ///
    /// There, a counter's family is named without the `_total` of its samples. Where that name
    /// isn't free, or there is no `_total`, the family keeps its name and becomes `unknown`: what
    /// its samples are called must not depend on the format.
    pub(super) fn open_metrics<'f>(
        &self,
        family: &'f ExposedFamily<'a>,
    ) -> (&'f str, &'static str) {
        let name = family.name.as_str();
        match family.kind {
            FamilyKind::Counter => match name.strip_suffix("_total") {
                Some(base) if self.is_free(base) => (base, "counter"),
                _ => (name, "unknown"),
            },
            FamilyKind::Info => match name.strip_suffix("_info") {
                Some(base) if self.is_free(base) => (base, "info"),
                _ => (name, "gauge"),
            },
            FamilyKind::Gauge => (name, "gauge"),
            FamilyKind::Histogram => (name, "histogram"),
            FamilyKind::Summary => (name, "summary"),
            FamilyKind::Unknown => (name, "unknown"),
        }
    }

    fn reserve_names(&mut self, family: &ExposedFamily<'a>) -> Result<(), OmissionReason> {
        let names = || {
            let suffixes = family.kind.suffixes().iter();
            suffixes.map(|suffix| format!("{}{suffix}", family.name))
        };
        if names().any(|name| self.owners.contains_key(&name)) {
            return Err(OmissionReason::NameTaken);
        }
        let owner = self.families.len();
        self.owners.extend(names().map(|name| (name, owner)));
        Ok(())
    }

    /// Returns `true` if a name can be given to a counter's or an info's family: OpenMetrics also
    /// keeps the time of its creation under it.
    fn is_free(&self, base: &str) -> bool {
        !base.is_empty()
            && !self.owners.contains_key(base)
            && !self.owners.contains_key(&format!("{base}_created"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(name: &str, kind: FamilyKind, origin: FamilyOrigin) -> ExposedFamily<'static> {
        ExposedFamily {
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
        let mut families = ExposedFamilies::default();
        let mut add = |name, kind, origin| families.add(family(name, kind, origin));
        assert_eq!(
            add("wait", FamilyKind::Histogram, FamilyOrigin::Otel),
            Ok(())
        );
        assert_eq!(
            add("wait", FamilyKind::Histogram, FamilyOrigin::Otel),
            Ok(())
        );
        assert_eq!(
            add("wait", FamilyKind::Gauge, FamilyOrigin::Otel),
            Err(OmissionReason::TypeConflict)
        );
        assert_eq!(
            add("wait", FamilyKind::Histogram, FamilyOrigin::Registry),
            Err(OmissionReason::NameTaken)
        );
        assert_eq!(
            add("wait_sum", FamilyKind::Gauge, FamilyOrigin::Otel),
            Err(OmissionReason::NameTaken)
        );
        assert_eq!(
            add("size_count", FamilyKind::Gauge, FamilyOrigin::Otel),
            Ok(())
        );
        assert_eq!(
            add("size", FamilyKind::Summary, FamilyOrigin::Registry),
            Err(OmissionReason::NameTaken)
        );
    }

    #[test]
    fn a_counter_without_a_free_base_is_unknown_to_open_metrics() {
        let mut families = ExposedFamilies::default();
        for (name, kind) in [
            ("jobs_total", FamilyKind::Counter),
            ("users_total", FamilyKind::Counter),
            ("users", FamilyKind::Gauge),
            ("plain", FamilyKind::Counter),
        ] {
            assert_eq!(
                families.add(family(name, kind, FamilyOrigin::Registry)),
                Ok(())
            );
        }
        let actual: Vec<_> = families
            .sorted()
            .into_iter()
            .map(|family| families.open_metrics(family))
            .collect();
        let expected = [
            ("jobs", "counter"),
            ("plain", "unknown"),
            ("users", "gauge"),
            ("users_total", "unknown"),
        ];
        assert_eq!(actual, expected);
    }
}
