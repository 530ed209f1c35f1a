/// The id of a dashboard.
///
/// Alerts, runbooks and links between panels name a dashboard by this id, so that a link to a
/// dashboard that is not generated does not compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DashboardId {
    /// Requests, and the processes that answer them.
    Api,
    /// Jobs, queues and workers.
    Workers,
    /// Schedules and their executions.
    Scheduler,
    /// Pools, queries and the server.
    Database,
    /// Posts, AI generations, revenue and engagement.
    Business,
    /// The figures that the configuration declares.
    Figures,
    /// Objectives and their error budgets.
    Slo,
}

impl DashboardId {
    /// All of them.
    pub const ALL: [DashboardId; 7] = [
        DashboardId::Api,
        DashboardId::Workers,
        DashboardId::Scheduler,
        DashboardId::Database,
        DashboardId::Business,
        DashboardId::Figures,
        DashboardId::Slo,
    ];

    /// Its uid, which is also the name of its file: `/d/api-performance`.
    ///
    /// The uid is part of links that people keep: it does not change when a dashboard's title does.
    #[must_use]
    pub const fn uid(self) -> &'static str {
        match self {
            Self::Api => "api-performance",
            Self::Workers => "worker-health",
            Self::Scheduler => "scheduler-performance",
            Self::Database => "database-performance",
            Self::Business => "business-metrics",
            Self::Figures => "service-figures",
            Self::Slo => "slo-overview",
        }
    }
}
