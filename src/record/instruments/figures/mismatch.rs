//! Recordings that do not fit the declaration of their figure.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::model::catalog::telemetry::{BY_FIGURE, FIGURE_MISMATCHES};
use crate::model::string_enum::string_enum;
use crate::record::instruments::lazy::LazySeries;
use crate::record::series::{BoundSeries, Counter, Instruments};

/// The reason for which a recording does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// The figure is of another kind.
    Kind,
    /// The name can't be that of a figure, or there are too many.
    Name,
    /// A label is not declared.
    Label,
    /// The number is none, or a negative one in a histogram.
    Value,
}

string_enum!(pub(super) Mismatch {
    Kind: "kind",
    Name: "name",
    Label: "label",
    Value: "value",
});

/// The count of mismatches, which shows with the first.
#[derive(Clone, Debug)]
pub(super) struct Mismatches(LazySeries<BoundSeries<Counter, 2>>);

/// The reasons that the log has told of one figure.
#[derive(Debug, Default)]
pub(super) struct ToldReasons(AtomicU8);

impl Mismatches {
    pub(super) fn new(instruments: &Instruments) -> Self {
        let instruments = instruments.clone();
        Self(LazySeries::new(move || {
            instruments.series(&FIGURE_MISMATCHES, &BY_FIGURE)
        }))
    }

    pub(super) fn record(&self, figure: &str, mismatch: Mismatch) {
        self.0
            .with([figure, mismatch.as_str()], |series| series.add(1));
    }
}

impl ToldReasons {
    /// Returns whether this is the first mismatch of its kind.
    pub(super) fn is_new(&self, mismatch: Mismatch) -> bool {
        let bit = 1 << mismatch as u8;
        self.0.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }
}
