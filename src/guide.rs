//! The pages of `docs/`, one for each subject; their code is compiled and run by the tests.

macro_rules! pages {
    ($($name:ident = $file:literal)*) => {$(
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
    readme = "../README.md"
}
