//! The routes of the SDK, a row each. The router, the routes that objectives and alerts leave out, the
//! navigation of the pages, and the tests that ask every path follow from them.
//!
//! A route stands here once. Nothing else holds a list of paths: one that is added here is served,
//! left out of objectives, and tested.

/// One route.
///
/// Paths are without `http.prefix`, which the router puts before all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    /// As axum writes it, with `{name}` for a segment that varies.
    pub(crate) path: &'static str,
    /// The path of a page as JSON.
    /// `None` where the path itself answers JSON only.
    pub(crate) json_path: Option<&'static str>,
    /// The handler, as data: this wing can't name functions of the router.
    pub(crate) kind: RouteKind,
}

/// The kind of a route, by what it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RouteKind {
    Health(HealthProbe),
    SloReport,
    WorkerList,
    /// One worker, and the receiver of its beats.
    Heartbeat,
    /// One worker, to be forgotten.
    Worker,
    Scrape,
    SloPage,
    OpenIncident,
    AddUpdate,
    AnnounceMaintenance,
    /// The development page.
    Dev,
    Public(PublicDocument),
}

/// A document for the public, served where a process shows the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublicDocument {
    Page(StatusPage),
    /// One incident or maintenance.
    Notice,
    Feed,
    Statuspage(StatuspageDocument),
}

/// The probe of a health route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HealthProbe {
    Health,
    Live,
    Startup,
    Ready,
    Detailed,
    /// One check.
    Check,
}

/// A page of components, incidents and maintenance, as HTML and as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatusPage {
    /// Components, unresolved incidents, planned maintenance.
    Status,
    /// Unresolved incidents and planned maintenance.
    Current,
    /// All incidents and maintenance.
    History,
}

/// A document of Statuspage's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatuspageDocument {
    Summary,
    Status,
    Components,
    Incidents,
    UnresolvedIncidents,
    Maintenances,
    ActiveMaintenances,
    UpcomingMaintenances,
}

use PublicDocument::{Feed, Notice, Page, Statuspage};
use RouteKind::{Health, Public};

/// All routes.
///
/// The order is that of the documentation; matching does not depend on it.
#[rustfmt::skip]
pub(crate) const ROUTES: &[Route] = &[
    route("/api/v1/health", Health(HealthProbe::Health)),
    route("/api/v1/health/live", Health(HealthProbe::Live)),
    route("/api/v1/health/startup", Health(HealthProbe::Startup)),
    route("/api/v1/health/ready", Health(HealthProbe::Ready)),
    route("/api/v1/health/detailed", Health(HealthProbe::Detailed)),
    route("/api/v1/health/check/{check_id}", Health(HealthProbe::Check)),
    route("/api/v1/slo", RouteKind::SloReport),
    route("/api/v1/workers/health", RouteKind::WorkerList),
    route("/api/v1/workers/{worker_id}", RouteKind::Worker),
    route("/api/v1/workers/{worker_id}/heartbeat", RouteKind::Heartbeat),
    // The default of `metrics.prometheus.path`, which takes its place.
    route("/metrics", RouteKind::Scrape),
    page("/status/slo", "/status/slo.json", RouteKind::SloPage),
    route("/api/v1/incidents", RouteKind::OpenIncident),
    route("/api/v1/incidents/{incident_id}/updates", RouteKind::AddUpdate),
    route("/api/v1/maintenance", RouteKind::AnnounceMaintenance),
    page("/dev", "/dev.json", RouteKind::Dev),
    page("/status", "/status.json", Public(Page(StatusPage::Status))),
    page("/status/incidents", "/status/incidents.json", Public(Page(StatusPage::Current))),
    page("/status/history", "/status/history.json", Public(Page(StatusPage::History))),
    // The id, or that and `.json`.
    route("/status/incidents/{incident_id}", Public(Notice)),
    route("/status/feed.atom", Public(Feed)),
    route("/api/v2/summary.json", Public(Statuspage(StatuspageDocument::Summary))),
    route("/api/v2/status.json", Public(Statuspage(StatuspageDocument::Status))),
    route("/api/v2/components.json", Public(Statuspage(StatuspageDocument::Components))),
    route("/api/v2/incidents.json", Public(Statuspage(StatuspageDocument::Incidents))),
    route("/api/v2/incidents/unresolved.json", Public(Statuspage(StatuspageDocument::UnresolvedIncidents))),
    route("/api/v2/scheduled-maintenances.json", Public(Statuspage(StatuspageDocument::Maintenances))),
    route("/api/v2/scheduled-maintenances/active.json", Public(Statuspage(StatuspageDocument::ActiveMaintenances))),
    route("/api/v2/scheduled-maintenances/upcoming.json", Public(Statuspage(StatuspageDocument::UpcomingMaintenances))),
];

/// A route without a twin for JSON.
const fn route(path: &'static str, kind: RouteKind) -> Route {
    Route {
        path,
        json_path: None,
        kind,
    }
}

/// A page, with the path of the same content as JSON.
const fn page(path: &'static str, json_path: &'static str, kind: RouteKind) -> Route {
    Route {
        path,
        json_path: Some(json_path),
        kind,
    }
}

impl Route {
    /// Returns the paths, the one for people first.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.path).chain(self.json_path)
    }
}

impl RouteKind {
    /// Returns true for a document for the public.
    pub(crate) const fn is_public(self) -> bool {
        matches!(self, Self::Public(_))
    }
}

/// Returns the path with a slash at its end, which is served too: probes are typed by hand. A file has none.
///
/// axum treats `/status` and `/status/` as two routes, and a 404 of a probe takes an instance out
/// of rotation.
pub(crate) fn with_slash(path: &str) -> Option<String> {
    let last_segment = path.rsplit('/').next().unwrap_or_default();
    let is_file = last_segment.contains('.');
    (!last_segment.is_empty() && !is_file).then(|| format!("{path}/"))
}
