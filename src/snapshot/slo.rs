//! The objectives as they were judged last.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::slo::report::Report;

/// The latest report, if the objectives were judged yet. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LatestSlo(Arc<ArcSwapOption<Report>>);

impl LatestSlo {
    pub(crate) fn read(&self) -> Option<Arc<Report>> {
        self.0.load_full()
    }

    pub(crate) fn publish(&self, report: Report) {
        self.0.store(Some(Arc::new(report)));
    }
}
