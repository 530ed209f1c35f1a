//! The fleet's report in a build without an HTTP client: there is none.
//!
//! The types have no value: code that handles a report compiles in both builds, and the compiler
//! knows that it never runs here.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::model::slo::report::SloReport;

/// A report that is never there.
#[derive(Clone, Debug)]
pub(crate) enum LatestFleetReport {}

/// A reason that is never given.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ReportUnavailable {}

impl LatestFleetReport {
    pub(crate) fn read(&self, _: Timestamp) -> Result<Arc<SloReport>, ReportUnavailable> {
        match *self {}
    }
}

impl fmt::Display for ReportUnavailable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}
