//! From the families to their lines, series by series: what can't be exposed is reported instead.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use super::family::{Families, Family, Samples, Source};
use super::labels::{Keys, LabelValue, Labels};
use super::writer::Writer;
use super::{Reason, Report, otel, registry};

/// What is at work while the families are written, one after another.
#[derive(Debug)]
pub(super) struct Rendering<'o> {
    writer: Writer<'o>,
    report: Report,
    scope_labels: bool,
    labels: Labels,
    seen: Seen,
}

impl<'o> Rendering<'o> {
    pub(super) fn new(writer: Writer<'o>, report: Report, scope_labels: bool) -> Rendering<'o> {
        Rendering {
            writer,
            report,
            scope_labels,
            labels: Labels::new(),
            seen: Seen::default(),
        }
    }

    /// Writes a family, or nothing at all if none of its series can be exposed.
    pub(super) fn family(&mut self, family: &Family<'_>, families: &Families<'_>) {
        let start = self.writer.position();
        self.writer.header(family, families);
        let body = self.writer.position();
        self.seen.clear();
        for source in &family.sources {
            self.source(family, source);
        }
        if self.writer.position() == body {
            self.writer.rewind(start);
        }
    }

    pub(super) fn finish(self) -> Report {
        self.writer.finish();
        self.report
    }

    fn source(&mut self, family: &Family<'_>, source: &Source<'_>) {
        let scope_labels = self.scope_labels;
        let mut series = SeriesOf {
            rendering: self,
            name: &family.name,
            source,
        };
        match source.samples {
            Samples::Resource(resource) => otel::render_resource(&mut series, resource),
            Samples::Otel(scope, metric, exemplars) => {
                let scope = scope_labels.then_some(scope);
                otel::render_metric(&mut series, scope, metric, exemplars);
            }
            Samples::Registry(metrics) => registry::render(&mut series, family.kind, metrics),
        }
    }
}

/// Where the series of one source go.
#[derive(Debug)]
pub(super) struct SeriesOf<'r, 'o, 'f> {
    rendering: &'r mut Rendering<'o>,
    name: &'f str,
    source: &'f Source<'f>,
}

impl SeriesOf<'_, '_, '_> {
    /// Says what the keys of the label sets to come are.
    pub(super) fn expect(&mut self, keys: Keys) {
        self.rendering.labels.expect(keys);
    }

    /// Writes the lines of one series by `write`, which is given the writer, the family's name and
    /// the label text, unless the series can't be exposed.
    pub(super) fn add(
        &mut self,
        labels: &[(&str, LabelValue<'_>)],
        write: impl FnOnce(&mut Writer<'_>, &str, &str) -> Result<(), Reason>,
    ) {
        let rendering = &mut *self.rendering;
        let outcome = rendering.labels.render(labels).and_then(|text| {
            if rendering.seen.insert(text) {
                write(&mut rendering.writer, self.name, text)
            } else {
                Err(Reason::DuplicateSeries)
            }
        });
        self.account(outcome);
    }

    /// Like [`SeriesOf::add`], for a family that has one series: a repetition of it goes without
    /// saying, another one is left out.
    pub(super) fn add_only(
        &mut self,
        labels: &[(&str, LabelValue<'_>)],
        write: impl FnOnce(&mut Writer<'_>, &str, &str) -> Result<(), Reason>,
    ) {
        let rendering = &mut *self.rendering;
        let outcome = rendering.labels.render(labels).and_then(|text| {
            let is_first = rendering.seen.is_empty();
            match (is_first, rendering.seen.insert(text)) {
                (true, _) => write(&mut rendering.writer, self.name, text),
                (false, true) => Err(Reason::ResourceConflict),
                (false, false) => Ok(()),
            }
        });
        self.account(outcome);
    }

    fn account(&mut self, outcome: Result<(), Reason>) {
        if matches!(outcome, Ok(()) | Err(Reason::InvalidSum)) {
            self.rendering.report.series += 1;
        }
        if let Err(reason) = outcome {
            self.omit(reason);
        }
    }

    /// Reports what was left out: a series, or the whole source if it isn't even looked into.
    pub(super) fn omit(&mut self, reason: Reason) {
        let Source { part, metric, .. } = self.source;
        self.rendering.report.omit(part, metric, reason);
    }
}

/// The label sets that a family already has, as hashes of their text.
///
/// With a random key, so that no choice of label values makes two of them meet: among 10,000 series
/// that happens by chance once in 3 × 10¹¹ scrapes.
#[derive(Debug, Default)]
struct Seen {
    key: RandomState,
    hashes: HashSet<u64, BuildHasherDefault<AlreadyHashed>>,
}

impl Seen {
    fn insert(&mut self, labels: &str) -> bool {
        self.hashes.insert(self.key.hash_one(labels))
    }

    fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    fn clear(&mut self) {
        self.hashes.clear();
    }
}

/// Takes a hash for what it is instead of hashing it again.
#[derive(Debug, Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
