//! Health checks of the platform, run in the background: `/api/v1/health` shows the latest results.

use std::sync::Arc;

use vantage_obs::health::{Finding, LagLimits, UsageLimits};

use crate::Platform;

/// The queue depth from which the check warns.
const QUEUE_WARNING: u64 = 500;

pub(crate) fn register(platform: &Arc<Platform>) {
    let telemetry = &platform.telemetry;
    let (database, queue) = (Arc::clone(platform), Arc::clone(platform));
    telemetry
        .health_check("database")
        .database(platform.database.metrics(), move || {
            let platform = Arc::clone(&database);
            async move { platform.database.count().await.map(drop) }
        });
    telemetry
        .health_check("queue")
        .degrading()
        .run(move || std::future::ready(check_queue(&queue)));
    telemetry.health_check("disk").disk("/", UsageLimits::DISK);
    telemetry.health_check("memory").memory(UsageLimits::MEMORY);
    telemetry
        .health_check("event_loop")
        .event_loop(LagLimits::DEFAULT);
    telemetry.health_check("collector").otlp_receiver();
}

/// Returns the queue's finding. The incident is one of the broker: jobs are lost, and the platform is
/// degraded.
fn check_queue(platform: &Platform) -> Finding {
    let depth = platform.queue.state().depth;
    if platform.is_incident() {
        Finding::fail("incident").with_detail("the incident that --incident asked for")
    } else if depth >= QUEUE_WARNING {
        Finding::warn("crowded").with_detail(format!("{depth} jobs wait"))
    } else {
        Finding::pass()
    }
}
