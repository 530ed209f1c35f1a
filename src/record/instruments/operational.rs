//! Requests to the SDK's own routes, those that were refused for their token, and connections that its own server
//! ended.
//!
//! They have a metric of their own, because probes and scrapes come all the time: among the API's
//! requests they would hide a bad error rate behind thousands of good ones.

use std::sync::Arc;

use http::StatusCode;

use crate::model::catalog::telemetry::{
    BY_CONNECTION_END, BY_REFUSAL, ENDED_CONNECTIONS, OPERATIONAL_REQUEST, OPERATIONAL_REQUESTS,
    REFUSED_TOKENS,
};
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

/// The counter of requests without the token that they need. A cheap clone.
#[derive(Clone, Debug)]
pub(crate) struct RefusedTokens(Arc<BoundSeries<Counter, 2>>);

impl RefusedTokens {
    pub(crate) fn new(instruments: &Instruments) -> Self {
        Self(Arc::new(instruments.series(&REFUSED_TOKENS, &BY_REFUSAL)))
    }

    pub(crate) fn record(&self, realm: &str, reason: &str) {
        self.0.with([realm, reason], |series| series.add(1));
    }
}

/// The counter of connections that the SDK's own server ended. A cheap clone.
#[derive(Clone, Debug)]
pub(crate) struct EndedConnections(Arc<BoundSeries<Counter, 1>>);

impl EndedConnections {
    pub(crate) fn new(instruments: &Instruments) -> Self {
        let series = instruments.series(&ENDED_CONNECTIONS, &BY_CONNECTION_END);
        Self(Arc::new(series))
    }

    pub(crate) fn record(&self, reason: &str) {
        self.0.with([reason], |series| series.add(1));
    }
}
