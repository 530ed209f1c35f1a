//! The query of each alert.

mod budget;
mod business;
mod database;
mod jobs;
mod presence;
mod process;
mod requests;
mod telemetry;

use std::time::Duration;

use super::GenerateInput;
use crate::model::alerts::AlertSignal;
use crate::model::promql::{InstantVector, QueryWindow};
use crate::model::units::Ratio;

pub(super) use budget::{BudgetRules, burn_rate, remaining_budgets};
pub(super) use business::Baseline;
pub(super) use presence::Presence;
pub(super) use requests::{recording_rules as requests, select_answered, select_failed};

/// The labels of a service as a whole.
const SERVICE: [&str; 2] = ["environment", "job"];

/// An alert's query: the value compared with its threshold, and a condition.
#[derive(Debug, Clone)]
pub(super) struct AlertQuery {
    pub(super) value: InstantVector,
    /// Series that must exist for the value to be meaningful, matched by the labels of both.
    pub(super) condition: Option<InstantVector>,
}

impl AlertQuery {
    /// Returns the query of a signal; `None` for an error budget, which has one for each objective.
    pub(super) fn for_signal(signal: AlertSignal, input: &GenerateInput) -> Option<AlertQuery> {
        let windows = ScaledWindows { input };
        Some(match signal {
            AlertSignal::ApiErrorRatio => requests::error_ratio(),
            AlertSignal::ApiLatency => requests::latency(),
            AlertSignal::MemoryUsage => process::memory(),
            AlertSignal::CpuUsage => process::cpu(windows),
            AlertSignal::DiskFree => process::disk_free(),
            AlertSignal::DiskFullIn => process::time_to_disk_full(windows),
            AlertSignal::WorkerOffline => jobs::worker_heartbeat_age(),
            AlertSignal::WorkersOffline => jobs::offline_share(),
            AlertSignal::QueueDepth => jobs::queue_depth(),
            AlertSignal::JobFailureRatio => jobs::failure_ratio(windows),
            AlertSignal::OldestJobAge => jobs::oldest_age(),
            AlertSignal::ExecutionLag => jobs::execution_lag(windows),
            AlertSignal::SchedulerSuccessRatio => jobs::success_ratio(windows),
            AlertSignal::SchedulerOffline => jobs::scheduler_heartbeat_age(),
            AlertSignal::PoolUsage => database::pool_usage(),
            AlertSignal::SlowQueryShare => database::slow_share(windows),
            AlertSignal::DatabaseGrowth => database::growth(windows),
            AlertSignal::DatabaseUnreachable => database::unreachable(),
            AlertSignal::PostsPublished => Baseline::posts(windows).drop_query(),
            AlertSignal::AiGenerations => Baseline::generations(windows).change_query(),
            AlertSignal::Revenue => Baseline::revenue(windows).change_query(),
            AlertSignal::ErrorBudget => return None,
            AlertSignal::ServiceAbsent => Presence::services().absent(windows),
            AlertSignal::WorkersAbsent => Presence::workers().absent_or_never_seen(windows),
            AlertSignal::SchedulersAbsent => Presence::schedulers().absent_or_never_seen(windows),
            AlertSignal::DatabaseAbsent => Presence::databases().absent(windows),
            AlertSignal::QueuesAbsent => Presence::queues().absent(windows),
            AlertSignal::ObjectivesAbsent => Presence::objectives().absent(windows),
            AlertSignal::TargetDown => telemetry::target_down(windows),
            AlertSignal::NotReady => telemetry::not_ready(),
            AlertSignal::ExportFailures => telemetry::export_failures(windows),
            AlertSignal::ScrapeIncomplete => telemetry::scrape_errors(windows),
            AlertSignal::SeriesOverflow => telemetry::series_overflow(windows),
            AlertSignal::StoreDelay => telemetry::store_delay(),
            AlertSignal::Watchdog => AlertQuery::from_value(InstantVector::constant(1_u32)),
        })
    }

    const fn from_value(value: InstantVector) -> AlertQuery {
        AlertQuery {
            value,
            condition: None,
        }
    }

    const fn with_condition(value: InstantVector, condition: InstantVector) -> AlertQuery {
        AlertQuery {
            value,
            condition: Some(condition),
        }
    }

    /// Returns a ratio that counts only while its whole has enough events: one in 10 s on average.
    fn with_min_rate(value: InstantVector, whole: &InstantVector) -> AlertQuery {
        AlertQuery::with_condition(value, whole.at_least(min_event_rate()))
    }
}

/// Returns the events a second that a ratio needs: one in 10 s.
fn min_event_rate() -> Ratio {
    Ratio::new(1, 10).unwrap_or(Ratio::ZERO)
}

/// Windows in the time scale of the input.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScaledWindows<'a> {
    pub(super) input: &'a GenerateInput,
}

impl ScaledWindows<'_> {
    fn minutes(self, minutes: u64) -> QueryWindow {
        let duration = Duration::from_secs(60 * minutes);
        QueryWindow::Fixed(self.input.time_scale.scale(duration))
    }

    fn hours(self, hours: u64) -> QueryWindow {
        self.minutes(60 * hours)
    }

    fn days(self, days: u64) -> QueryWindow {
        self.hours(24 * days)
    }
}
