//! The route of the objectives' report.

use std::fmt;
use std::sync::{Arc, Weak};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use jiff::Timestamp;

use super::document::{HttpDocument, MediaType};
use super::document_cache::{DocumentCache, DocumentSource};
use super::query_string::QueryString;
use super::response::error_response;
use crate::background::Supervisor;
use crate::model::slo::report::SloReport;
use crate::model::snapshot::fleet::LatestFleetReport;
use crate::model::snapshot::slo::LatestSloReport;
use crate::record::clock::Clock;

/// The state of the report's route.
#[derive(Debug)]
pub(crate) struct SloReportRoutes {
    /// Report of this process.
    local: DocumentCache<ReportReader>,
    /// Report of the fleet, if configured.
    fleet: Option<FleetReport>,
}

#[derive(Debug)]
struct FleetReport {
    latest: LatestFleetReport,
    clock: Clock,
    documents: DocumentCache<ReportReader>,
}

/// Reads the latest report, if there is one.
struct ReportReader(Box<dyn Fn() -> Option<Arc<SloReport>> + Send + Sync>);

/// Responds with the latest report of this process or of the fleet.
pub(super) async fn respond(
    State(routes): State<Arc<SloReportRoutes>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let documents = match QueryString::parse(&uri).last("source") {
        None | Some("local") => &routes.local,
        Some("prometheus") => {
            let Some(fleet) = &routes.fleet else {
                let message = "this service does not report on the fleet: slo.prometheus.url is not configured";
                return error_response(StatusCode::NOT_FOUND, message);
            };
            if let Err(error) = fleet.latest.read(now(&fleet.clock)) {
                return error_response(StatusCode::SERVICE_UNAVAILABLE, &error.to_string());
            }
            &fleet.documents
        }
        Some(_) => {
            return error_response(
                StatusCode::BAD_REQUEST,
                "no such source; allowed: local, prometheus",
            );
        }
    };
    match documents.get(()).await {
        Ok(document) => match &*document {
            Some(document) => document.respond(&headers, ""),
            None => error_response(
                StatusCode::SERVICE_UNAVAILABLE,
                "the objectives have not been evaluated yet",
            ),
        },
        Err(error) => error.to_response(),
    }
}

impl SloReportRoutes {
    pub(crate) fn new(
        local: LatestSloReport,
        fleet: Option<LatestFleetReport>,
        clock: Clock,
        supervisor: &Supervisor,
    ) -> Self {
        Self {
            local: ReportReader(Box::new(move || local.read())).into_cache(supervisor),
            fleet: fleet.map(|latest| FleetReport::new(latest, clock, supervisor)),
        }
    }
}

fn now(clock: &Clock) -> Timestamp {
    Timestamp::try_from(clock.wall()).unwrap_or_default()
}

impl FleetReport {
    fn new(latest: LatestFleetReport, clock: Clock, supervisor: &Supervisor) -> Self {
        let (supervisor, moments, reports) = (supervisor.clone(), clock.clone(), latest.clone());
        let read = move || reports.read(now(&moments)).ok();
        Self {
            latest,
            clock,
            documents: ReportReader(Box::new(read)).into_cache(&supervisor),
        }
    }
}

impl ReportReader {
    /// Returns the cache of its one document.
    fn into_cache(self, supervisor: &Supervisor) -> DocumentCache<Self> {
        DocumentCache::new(self, 1, supervisor.clone())
    }
}

impl fmt::Debug for ReportReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReportReader").finish_non_exhaustive()
    }
}

impl DocumentSource for ReportReader {
    type Key = ();
    type State = Option<Arc<SloReport>>;
    type Revision = Weak<SloReport>;
    /// `None` without a report.
    type Document = Option<HttpDocument>;

    fn read(&self) -> (Weak<SloReport>, Self::State) {
        let report = (self.0)();
        let revision = report.as_ref().map(Arc::downgrade);
        (revision.unwrap_or_default(), report)
    }

    fn is_current(&self, revision: &Weak<SloReport>) -> bool {
        self.read().0.ptr_eq(revision)
    }

    fn render(&self, _: &(), report: Self::State) -> Self::Document {
        let json = report?.to_json();
        Some(HttpDocument::new(MediaType::Json, json).not_stored())
    }
}
