//! What the platform needs, checked in the background: `/api/v1/health` only shows what was found.

use std::sync::Arc;

use vantage_obs::health::{Finding, Lag, Share};

use crate::Platform;

/// Jobs that wait: from here on somebody should have a look.
const CROWDED: u64 = 500;

pub(crate) fn register(platform: &Arc<Platform>) {
    let telemetry = &platform.telemetry;
    let (database, queue) = (Arc::clone(platform), Arc::clone(platform));
    telemetry
        .check("database")
        .database(platform.database.measured(), move || {
            let platform = Arc::clone(&database);
            async move { platform.database.count().await.map(drop) }
        });
    telemetry
        .check("queue")
        .degrading()
        .run(move || std::future::ready(judge(&queue)));
    telemetry.check("disk").disk("/", Share::DISK);
    telemetry.check("memory").memory(Share::MEMORY);
    telemetry.check("event_loop").event_loop(Lag::DEFAULT);
    telemetry.check("collector").collector();
}

/// The incident is one of the broker: jobs are lost, and the platform does its work worse.
fn judge(platform: &Platform) -> Finding {
    let waiting = platform.queue.state().depth;
    if platform.is_incident() {
        Finding::fail("incident").with_detail("the incident that --incident asked for")
    } else if waiting >= CROWDED {
        Finding::warn("crowded").with_detail(format!("{waiting} jobs wait"))
    } else {
        Finding::pass()
    }
}
