//! The common issues: several alerts have the same causes.

use super::page::RunbookPage;
use super::queries::{self, RunbookQuery};
use crate::generate::GenerateInput;
use crate::model::alerts::{self, AlertSignal};

/// A common issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommonIssue {
    HighErrorRate,
    SlowPerformance,
    Workers,
    Database,
}

/// Returns the common issue that an alert is a symptom of.
pub(super) fn issue_for(signal: AlertSignal) -> Option<CommonIssue> {
    match signal {
        AlertSignal::ApiErrorRatio | AlertSignal::ErrorBudget | AlertSignal::NotReady => {
            Some(CommonIssue::HighErrorRate)
        }
        AlertSignal::ApiLatency | AlertSignal::MemoryUsage | AlertSignal::CpuUsage => {
            Some(CommonIssue::SlowPerformance)
        }
        AlertSignal::WorkerOffline
        | AlertSignal::WorkersOffline
        | AlertSignal::WorkersAbsent
        | AlertSignal::QueueDepth
        | AlertSignal::QueuesAbsent
        | AlertSignal::OldestJobAge
        | AlertSignal::JobFailureRatio => Some(CommonIssue::Workers),
        AlertSignal::PoolUsage
        | AlertSignal::SlowQueryShare
        | AlertSignal::DatabaseGrowth
        | AlertSignal::DatabaseUnreachable
        | AlertSignal::DatabaseAbsent
        | AlertSignal::DiskFree
        | AlertSignal::DiskFullIn => Some(CommonIssue::Database),
        _ => None,
    }
}

pub(super) fn pages(input: &GenerateInput) -> Vec<RunbookPage> {
    CommonIssue::ALL
        .into_iter()
        .map(|issue| issue.page(input))
        .collect()
}

impl CommonIssue {
    pub(super) const ALL: [CommonIssue; 4] = [
        CommonIssue::HighErrorRate,
        CommonIssue::SlowPerformance,
        CommonIssue::Workers,
        CommonIssue::Database,
    ];

    /// Returns the name of its page, without `.md`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::HighErrorRate => "high-error-rate",
            Self::SlowPerformance => "slow-performance",
            Self::Workers => "worker-issues",
            Self::Database => "database-issues",
        }
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::HighErrorRate => "High error rate",
            Self::SlowPerformance => "Slow performance",
            Self::Workers => "Worker issues",
            Self::Database => "Database issues",
        }
    }

    const fn steps(self) -> &'static [&'static str] {
        match self {
            Self::HighErrorRate => &[
                "**What changed?** Releases and restarts are marked in every panel. If errors began with one, roll it back before you look for the reason.",
                "**Logs.** Take a trace id from an exemplar of the duration panel, or the `trace_id` of any error line, and read all lines of that trace. A `panic` names its place in the code.",
                "**Database connections.** A pool in use to the last connection, or a database that some instances do not reach, turns into 500s within seconds.",
                "**External APIs.** The route that fails tells which of them it calls; its health check and its span tell whether that one answers. If it doesn't, switch off what depends on it rather than retry.",
            ],
            Self::SlowPerformance => &[
                "**Is it all routes or one?** One: look at its spans. All: look at what they share, which is the database, the processors and the memory.",
                "**Database queries.** Which call is slow, and did it get slower or more frequent? A call without an index gets slow with the table.",
                "**Memory.** Near its limit a process spends its time freeing pages, and is killed at it.",
                "**Processors.** At the limit of a control group everything waits, also the health checks. Add instances before you look for the hot spot.",
            ],
            Self::Workers => &[
                "**Queue depth.** Does it grow because more comes in or because less is done? Compare jobs done now and an hour ago.",
                "**Are they there?** `GET /api/v1/workers/health` lists who is online, late, stalled (beats and gets nothing done) and offline, and since when.",
                "**Worker logs.** Look for the reason of failures by kind, and for the last lines of a worker that is gone. An offline worker without a line was killed from outside: ask the kernel's log for the memory killer.",
                "**Resources.** A worker at its memory or processor limit is stalled before it is offline.",
            ],
            Self::Database => &[
                "**Connection pool.** In use to the last connection: is the database slow, or is a connection held while something else is waited for?",
                "**Query performance.** Look for the slowest calls, and at `pg_stat_activity` for what runs long and what waits for a lock.",
                "**Disk space.** A full disk stops every write, and PostgreSQL with it. Free space first; never delete below its data directory.",
                "**The server itself.** Deadlocks, cache hits and unused indexes are on the dashboard, from its own statistics.",
            ],
        }
    }

    fn queries(self, input: &GenerateInput) -> Vec<RunbookQuery> {
        match self {
            Self::HighErrorRate => vec![
                queries::failing_requests(input),
                queries::failing_checks(),
                queries::pools(),
                queries::burn_rates(),
            ],
            Self::SlowPerformance => vec![
                queries::slow_routes(input),
                queries::slow_calls(),
                queries::memory(),
                queries::busy_routes(input),
            ],
            Self::Workers => vec![
                queries::workers(),
                queries::jobs(),
                queries::job_failures(),
                queries::memory(),
            ],
            Self::Database => vec![
                queries::pools(),
                queries::slow_calls(),
                queries::free_bytes(),
            ],
        }
    }

    fn page(self, input: &GenerateInput) -> RunbookPage {
        let mut page = RunbookPage::new(self.name(), self.title())
            .section("In this order")
            .numbered(self.steps());
        page = page.section("Questions");
        for query in self.queries(input) {
            page = page.query(query.caption, &query.vector);
        }
        let alerts = alerts::ALL
            .iter()
            .filter(|spec| issue_for(spec.signal) == Some(self));
        let alerts: Vec<_> = alerts
            .map(|spec| format!("[{}]({}.md): {}", spec.name, spec.runbook(), spec.meaning))
            .collect();
        page.section("Alerts that point here").bullets(&alerts)
    }
}
