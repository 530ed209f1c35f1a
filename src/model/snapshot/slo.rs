//! The latest reports of the objectives, and the latest time slices that were bad.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;

use crate::model::slo::report::SloReport;

/// The latest report of the objectives, and their bad time slices, if any. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct LatestSloReport(Arc<LatestInner>);

#[derive(Debug, Default)]
struct LatestInner {
    report: ArcSwapOption<SloReport>,
    slices: ArcSwapOption<SliceOutcomes>,
}

/// The outcomes of the latest time slices of the objective that counts those of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SliceOutcomes {
    /// The id of the objective, such as `api.availability`.
    pub(crate) objective: Arc<str>,
    /// The latest periods of bad slices, oldest first.
    pub(crate) bad: Vec<BadPeriod>,
    /// True if the last slice was bad, and the one that is under way fails as well.
    pub(crate) is_failing: bool,
}

/// A period of whole time slices that were all bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadPeriod {
    pub(crate) start: Timestamp,
    /// The first moment after.
    pub(crate) end: Timestamp,
    /// True if the process was down, so that only other instances know what users saw.
    pub(crate) is_downtime: bool,
}

impl LatestSloReport {
    /// `None` before the first evaluation, and where no objective is tracked.
    pub(crate) fn read(&self) -> Option<Arc<SloReport>> {
        self.0.report.load_full()
    }

    pub(crate) fn publish(&self, report: SloReport) {
        self.0.report.store(Some(Arc::new(report)));
    }

    pub(crate) fn read_slices(&self) -> Option<Arc<SliceOutcomes>> {
        self.0.slices.load_full()
    }

    pub(crate) fn publish_slices(&self, slices: SliceOutcomes) {
        self.0.slices.store(Some(Arc::new(slices)));
    }
}
