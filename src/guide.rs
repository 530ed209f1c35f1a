//! The pages of `docs/`, one for each subject; their code is compiled and run by the tests.

// A page's links are references, which it defines as files. `links.md` defines them as modules, and comes first: the first
// definition is the one that counts.
macro_rules! pages {
    ($($name:ident = $file:literal)*) => {$(
        #[doc = include_str!("guide/links.md")]
        #[doc = include_str!(concat!("../docs/", $file))]
        pub mod $name {}
    )*};
}

pages! {
    configuration = "configuration.md"
    development = "development.md"
    routes = "routes.md"
    metrics = "metrics-guide.md"
    traces = "traces.md"
    logs = "logs.md"
    health = "health.md"
    workers = "workers.md"
    objectives = "objectives.md"
    fleet = "fleet.md"
    status_pages = "status-pages.md"
    dashboards_and_alerts = "dashboards-and-alerts.md"
    stores = "stores.md"
    integrations = "integrations.md"
    testing = "testing.md"
    kubernetes = "kubernetes.md"
    reliability = "RELIABILITY.md"
    security = "../SECURITY.md"
    all_metrics = "METRICS.md"
    all_variables = "VARIABLES.md"
}

/// The README, whose code is compiled too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub mod readme {}
