//! The latest reports of the objectives.

use std::sync::Arc;

use crate::model::slo::report::SloReport;
use arc_swap::ArcSwapOption;

/// The latest report of the objectives, if any. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LatestSloReport(Arc<ArcSwapOption<SloReport>>);

impl LatestSloReport {
    pub(crate) fn read(&self) -> Option<Arc<SloReport>> {
        self.0.load_full()
    }

    pub(crate) fn publish(&self, report: SloReport) {
        self.0.store(Some(Arc::new(report)));
    }
}
