//! The paths of the public pages.

/// Pages, each with its path for people and the one for programs.
pub(crate) const STATUS_PATHS: [[&str; 2]; 3] = [
    ["/status", "/status.json"],
    ["/status/incidents", "/status/incidents.json"],
    ["/status/history", "/status/history.json"],
];

/// The path of one incident or maintenance, with its id or that and `.json`.
pub(crate) const INCIDENT_PATH: &str = "/status/incidents/{incident_id}";

/// The path of the feed of incidents.
pub(crate) const FEED_PATH: &str = "/status/feed.atom";

/// The paths of Statuspage's API.
pub(crate) const STATUSPAGE_PATHS: [&str; 8] = [
    "/api/v2/summary.json",
    "/api/v2/status.json",
    "/api/v2/components.json",
    "/api/v2/incidents.json",
    "/api/v2/incidents/unresolved.json",
    "/api/v2/scheduled-maintenances.json",
    "/api/v2/scheduled-maintenances/active.json",
    "/api/v2/scheduled-maintenances/upcoming.json",
];

/// All of them.
pub(crate) fn public_paths() -> impl Iterator<Item = &'static str> {
    let pages = STATUS_PATHS.into_iter().flatten();
    pages
        .chain([INCIDENT_PATH, FEED_PATH])
        .chain(STATUSPAGE_PATHS)
}
