//! One series after another: its labels, its lines, and a report of what can't be exposed.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use super::family::Source;
use super::labels::{Keys, LabelValue, Labels};
use super::writer::Writer;
use super::{Reason, Report};

/// What the series of all families are written with.
#[derive(Debug)]
pub(super) struct Output<'o> {
    pub(super) writer: Writer<'o>,
    pub(super) report: Report,
    labels: Labels,
    seen: Seen,
}

impl<'o> Output<'o> {
    pub(super) fn new(writer: Writer<'o>, report: Report) -> Output<'o> {
        Output {
            writer,
            report,
            labels: Labels::new(),
            seen: Seen::default(),
        }
    }

    /// Forgets the label sets of the family before.
    pub(super) fn begin_family(&mut self) {
        self.seen.clear();
    }
}

/// Where the series of one source go.
#[derive(Debug)]
pub(super) struct SeriesOf<'r, 'o, 'f> {
    pub(super) output: &'r mut Output<'o>,
    pub(super) name: &'f str,
    pub(super) source: &'f Source<'f>,
}

impl SeriesOf<'_, '_, '_> {
    /// Says what the keys of the label sets to come are.
    pub(super) fn expect(&mut self, keys: Keys) {
        self.output.labels.expect(keys);
    }

    /// Writes the lines of one series by `write`, which is given the writer, the family's name and
    /// the label text, unless the series can't be exposed.
    pub(super) fn add(
        &mut self,
        labels: &[(&str, LabelValue<'_>)],
        write: impl FnOnce(&mut Writer<'_>, &str, &str) -> Result<(), Reason>,
    ) {
        let output = &mut *self.output;
        let outcome = output.labels.render(labels).and_then(|text| {
            if output.seen.insert(text) {
                write(&mut output.writer, self.name, text)
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
        let output = &mut *self.output;
        let outcome = output.labels.render(labels).and_then(|text| {
            let is_first = output.seen.is_empty();
            match (is_first, output.seen.insert(text)) {
                (true, _) => write(&mut output.writer, self.name, text),
                (false, true) => Err(Reason::ResourceConflict),
                (false, false) => Ok(()),
            }
        });
        self.account(outcome);
    }

    fn account(&mut self, outcome: Result<(), Reason>) {
        if matches!(outcome, Ok(()) | Err(Reason::InvalidSum)) {
            self.output.report.series += 1;
        }
        if let Err(reason) = outcome {
            self.omit(reason);
        }
    }

    /// Reports what was left out: a series, or the whole source if it isn't even looked into.
    pub(super) fn omit(&mut self, reason: Reason) {
        let Source { part, metric, .. } = self.source;
        self.output.report.omit(part, metric, reason);
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
