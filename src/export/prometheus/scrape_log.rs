//! The log of what scrapes leave out: each metric once, with the reason, and a part that fails once in each
//! outage. A scrape comes every few seconds, and what is wrong with a metric's name stays wrong.

use std::collections::HashSet;
use std::time::Instant;

use super::text::{Omission, OmissionReason};
use crate::background::outage::OutageTracker;

/// The most metrics that are named; more than that are a kind.
const MAX_NAMED: usize = 100;

/// The omissions and failures that were logged so far.
#[derive(Debug, Default)]
pub(super) struct ScrapeLog {
    named: HashSet<(String, String, OmissionReason)>,
    catalog: OutageTracker,
    meter: OutageTracker,
}

/// A part of a scrape that the SDK collects as a whole.
#[derive(Clone, Copy, Debug)]
pub(super) enum OtelPart {
    /// The crate's own metrics.
    Catalog,
    /// The metrics of the service's meter.
    Meter,
}

impl OtelPart {
    /// The name in metrics and log lines.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Catalog => "vantage",
            Self::Meter => "meter",
        }
    }
}

impl ScrapeLog {
    /// Names a metric that was left out, if it wasn't named for this reason before.
    pub(super) fn record_omission(&mut self, omission: &Omission) {
        let Omission { part, metric, .. } = omission;
        let key = (part.clone(), metric.clone(), omission.reason);
        if self.named.len() >= MAX_NAMED || !self.named.insert(key) {
            tracing::debug!(%omission, "a metric was omitted from a scrape");
            return;
        }
        tracing::warn!(
            part,
            metric,
            reason = %omission.reason,
            "a metric is left out of scrapes; told once"
        );
        if self.named.len() == MAX_NAMED {
            tracing::warn!("others that are left out of scrapes are told at debug level only");
        }
    }

    /// Tells of a part that is missing, when it begins to.
    pub(super) fn record_failure(&mut self, part: OtelPart, failure: &str, now: Instant) {
        if self.outage(part).record_failure(now) {
            let part = part.as_str();
            tracing::warn!(part, failure, "a part is missing from the scrape");
        }
    }

    /// Tells of a part that is back.
    pub(super) fn record_success(&mut self, part: OtelPart, now: Instant) {
        if let Some(outage) = self.outage(part).record_success(now) {
            let (part, scrapes) = (part.as_str(), outage.failures);
            let seconds = outage.lasted.as_secs();
            tracing::info!(part, scrapes, seconds, "a part is in the scrape again");
        }
    }

    fn outage(&mut self, part: OtelPart) -> &mut OutageTracker {
        match part {
            OtelPart::Catalog => &mut self.catalog,
            OtelPart::Meter => &mut self.meter,
        }
    }
}
