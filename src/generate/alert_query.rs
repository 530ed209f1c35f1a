//! What each alert looks at, as a query.

mod budget;
mod business;
mod database;
mod jobs;
mod presence;
mod process;
mod requests;
mod telemetry;

use std::time::Duration;

use super::Source;
use crate::model::alerts::Signal;
use crate::model::promql::{Vector, Window};
use crate::model::units::Ratio;

pub(super) use budget::{Budgets, budgets_left, burn_rate};
pub(super) use business::Usual;
pub(super) use presence::Presence;
pub(super) use requests::{answered, failed, records as requests};

/// What is known of a service as a whole.
const SERVICE: [&str; 2] = ["environment", "job"];

/// What an alert compares with its threshold, and what must hold besides.
#[derive(Debug, Clone)]
pub(super) struct Measure {
    pub(super) value: Vector,
    /// What must be so for the value to say anything, by labels of both.
    pub(super) only: Option<Vector>,
}

impl Measure {
    /// What a signal looks at; `None` of an error budget, which is looked at objective by objective.
    pub(super) fn of(signal: Signal, source: &Source) -> Option<Measure> {
        let time = Time { source };
        Some(match signal {
            Signal::ApiErrorRatio => requests::error_ratio(),
            Signal::ApiLatency => requests::latency(),
            Signal::MemoryUsage => process::memory(),
            Signal::CpuUsage => process::cpu(time),
            Signal::DiskFree => process::disk_free(),
            Signal::DiskFullIn => process::disk_full_in(time),
            Signal::WorkerOffline => jobs::worker_silence(),
            Signal::WorkersOffline => jobs::offline_share(),
            Signal::QueueDepth => jobs::queue_depth(),
            Signal::JobFailureRatio => jobs::failure_ratio(time),
            Signal::OldestJobAge => jobs::oldest_age(),
            Signal::ExecutionLag => jobs::execution_lag(time),
            Signal::SchedulerSuccessRatio => jobs::success_ratio(time),
            Signal::SchedulerOffline => jobs::scheduler_silence(),
            Signal::PoolUsage => database::pool_usage(),
            Signal::SlowQueryShare => database::slow_share(time),
            Signal::DatabaseGrowth => database::growth(time),
            Signal::DatabaseUnreachable => database::unreachable(),
            Signal::PostsPublished => Usual::posts(time).drop(),
            Signal::AiGenerations => Usual::generations(time).change(),
            Signal::Revenue => Usual::revenue(time).change(),
            Signal::ErrorBudget => return None,
            Signal::ServiceAbsent => Presence::services().gone(time),
            Signal::WorkersAbsent => Presence::workers().gone_or_never_seen(time),
            Signal::SchedulersAbsent => Presence::schedulers().gone_or_never_seen(time),
            Signal::DatabaseAbsent => Presence::databases().gone(time),
            Signal::QueuesAbsent => Presence::queues().gone(time),
            Signal::ObjectivesAbsent => Presence::objectives().gone(time),
            Signal::TargetDown => telemetry::target_down(time),
            Signal::NotReady => telemetry::not_ready(),
            Signal::ExportFailures => telemetry::export_failures(time),
            Signal::ScrapeIncomplete => telemetry::scrape_errors(time),
            Signal::SeriesOverflow => telemetry::overflow(time),
            Signal::StoreDelay => telemetry::store_delay(),
            Signal::Watchdog => Measure::of_value(Vector::constant(1_u32)),
        })
    }

    const fn of_value(value: Vector) -> Measure {
        Measure { value, only: None }
    }

    const fn only(value: Vector, only: Vector) -> Measure {
        Measure {
            value,
            only: Some(only),
        }
    }

    /// A ratio of which the whole is busy enough to be one: an event in 10 s on average.
    fn of_busy(value: Vector, whole: &Vector) -> Measure {
        Measure::only(value, whole.at_least(busy()))
    }
}

/// How many events a second a ratio needs: one in 10 s.
fn busy() -> Ratio {
    Ratio::new(1, 10).unwrap_or(Ratio::ZERO)
}

/// Windows at the pace of the source.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time<'a> {
    pub(super) source: &'a Source,
}

impl Time<'_> {
    fn minutes(self, minutes: u64) -> Window {
        let time = Duration::from_secs(60 * minutes);
        Window::Fixed(self.source.pace.of(time))
    }

    fn hours(self, hours: u64) -> Window {
        self.minutes(60 * hours)
    }

    fn days(self, days: u64) -> Window {
        self.hours(24 * days)
    }
}
