//! Requests to the SDK's own routes.

use std::sync::Arc;

use http::StatusCode;

use crate::model::catalog::telemetry::{OPERATIONAL_REQUEST, OPERATIONAL_REQUESTS};
use crate::record::series::{BoundSeries, Counter, Instruments};

/// The counter of requests to the SDK's own routes. A cheap clone.
#[derive(Clone, Debug)]
pub(crate) struct OperationalRequests(Arc<BoundSeries<Counter, 3>>);

impl OperationalRequests {
    pub(crate) fn new(instruments: &Instruments) -> Self {
        let series = instruments.series(&OPERATIONAL_REQUESTS, &OPERATIONAL_REQUEST);
        Self(Arc::new(series))
    }

    /// Records a request; `status` is `None` where nothing was answered.
    pub(crate) fn record(&self, method: &str, status: Option<StatusCode>, route: &str) {
        let status = status.as_ref().map_or("", StatusCode::as_str);
        self.0.with([method, status, route], |series| series.add(1));
    }
}
