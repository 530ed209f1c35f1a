//! Series, one after another: its labels, its lines, and a report of what can't be exposed.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::family::FamilySource;
use super::labels::{KeyRules, LabelRenderer, LabelValue};
use super::writer::TextWriter;
use super::{ExpositionReport, OmissionReason};

/// The shared state of all families' series.
#[derive(Debug)]
pub(super) struct SeriesOutput<'o> {
    pub(super) writer: TextWriter<'o>,
    pub(super) report: ExpositionReport,
    /// Keeps layouts from family to family.
    labels: LabelRenderer,
    /// Of the family that is being written.
    label_sets: LabelSets,
}

impl<'o> SeriesOutput<'o> {
    pub(super) fn new(writer: TextWriter<'o>, report: ExpositionReport) -> SeriesOutput<'o> {
        SeriesOutput {
            writer,
            report,
            labels: LabelRenderer::new(),
            label_sets: LabelSets::default(),
        }
    }

    /// Forgets the label sets of the family before.
    pub(super) fn begin_family(&mut self) {
        self.label_sets.clear();
    }
}

/// The writer of the series of one source.
#[derive(Debug)]
pub(super) struct SeriesWriter<'r, 'o, 'f> {
    pub(super) output: &'r mut SeriesOutput<'o>,
    pub(super) name: &'f str,
    pub(super) source: &'f FamilySource<'f>,
}

impl SeriesWriter<'_, '_, '_> {
    /// Sets the rules for the keys of the label sets to come.
    pub(super) fn set_key_rules(&mut self, keys: KeyRules) {
        self.output.labels.set_key_rules(keys);
    }

    /// Writes the lines of one series by `write`, which is given the writer, the family's name and
    /// the label text, unless the series can't be exposed.
    pub(super) fn add(
        &mut self,
        labels: &[(&str, LabelValue<'_>)],
        write: impl FnOnce(&mut TextWriter<'_>, &str, &str) -> Result<(), OmissionReason>,
    ) {
        let output = &mut *self.output;
        let outcome = output.labels.render(labels).and_then(|text| {
            // Checked on the text, in which two key lists may have become equal.
            if output.label_sets.insert(text) {
                write(&mut output.writer, self.name, text)
            } else {
                Err(OmissionReason::DuplicateSeries)
            }
        });
        self.record_outcome(outcome);
    }

    /// Like [`SeriesWriter::add`], for a family that has one series: a repetition of it goes without
    /// saying, another one is left out.
    pub(super) fn add_only(
        &mut self,
        labels: &[(&str, LabelValue<'_>)],
        write: impl FnOnce(&mut TextWriter<'_>, &str, &str) -> Result<(), OmissionReason>,
    ) {
        let output = &mut *self.output;
        let outcome = output.labels.render(labels).and_then(|text| {
            let is_first = output.label_sets.is_empty();
            match (is_first, output.label_sets.insert(text)) {
                (true, _) => write(&mut output.writer, self.name, text),
                (false, true) => Err(OmissionReason::ResourceConflict),
                (false, false) => Ok(()),
            }
        });
        self.record_outcome(outcome);
    }

    fn record_outcome(&mut self, outcome: Result<(), OmissionReason>) {
        // Buckets were written; only sum and count are missing.
        if matches!(outcome, Ok(()) | Err(OmissionReason::InvalidSum)) {
            self.output.report.series += 1;
        }
        if let Err(reason) = outcome {
            self.omit(reason);
        }
    }

    /// Reports what was left out: a series, or the whole source if it isn't even looked into.
    pub(super) fn omit(&mut self, reason: OmissionReason) {
        let FamilySource { part, metric, .. } = self.source;
        self.output.report.omit(part, metric, reason);
    }
}

/// The label sets that a family already has, as hashes of their text.
///
/// With a random key, so that no choice of label values makes two of them meet: among 10,000 series
/// that happens by chance once in 3 × 10¹¹ scrapes.
#[derive(Debug, Default)]
struct LabelSets {
    key: RandomState,
    // Hashes alone: the texts of 10,000 series would be a second scrape in memory.
    hashes: HashTable<u64>,
}

impl LabelSets {
    fn insert(&mut self, labels: &str) -> bool {
        let hash = self.key.hash_one(labels);
        let entry = self
            .hashes
            .entry(hash, |other| *other == hash, |other| *other);
        match entry {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(hash);
                true
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    fn clear(&mut self) {
        self.hashes.clear();
    }
}
