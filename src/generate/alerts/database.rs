//! Pools, calls and the server.

use super::{AlertQuery, AlertRow, SERVICE, ScaledWindows};
use crate::model::alerts::AlertSignal;
use crate::model::catalog::database::{
    CONNECTIONS, CONNECTIONS_MAX, OPERATION_DURATION, SLOW_QUERIES, UP, server,
};
use crate::model::promql::{CounterQuery, GaugeQuery, HistogramQuery, Select};

pub(super) const ALERTS: &[AlertRow] = &[
    AlertRow::new(
        AlertSignal::PoolUsage,
        |_| pool_usage(),
        include_str!("pool-usage-high.md"),
    ),
    AlertRow::new(
        AlertSignal::SlowQueryShare,
        slow_share,
        include_str!("slow-query-share-high.md"),
    ),
    AlertRow::new(
        AlertSignal::DatabaseGrowth,
        growth,
        include_str!("database-growth-high.md"),
    ),
    AlertRow::new(
        AlertSignal::DatabaseUnreachable,
        |_| unreachable(),
        include_str!("database-unreachable.md"),
    ),
];

const POOL: [&str; 4] = [
    "environment",
    "instance",
    "job",
    "db.client.connection.pool.name",
];
const DATABASE: [&str; 2] = ["environment", "db.namespace"];
/// Of a service: one that is cut off is not helped by another that isn't.
const REACHABILITY: [&str; 4] = ["environment", "job", "db.namespace", "db.system.name"];

fn pool_usage() -> AlertQuery {
    let used = GaugeQuery::new(&CONNECTIONS)
        .with("db.client.connection.state")
        .is("used");
    let max = GaugeQuery::new(&CONNECTIONS_MAX).now().sum_by(&POOL);
    AlertQuery::from_value(used.now().sum_by(&POOL).div(&max))
}

fn slow_share(windows: ScaledWindows<'_>) -> AlertQuery {
    let window = windows.minutes(10);
    let slow = CounterQuery::new(&SLOW_QUERIES)
        .rate(window)
        .sum_by(&SERVICE);
    let all = HistogramQuery::new(&OPERATION_DURATION)
        .count(window)
        .sum_by(&SERVICE);
    AlertQuery::with_min_rate(slow.div(&all), &all)
}

fn growth(windows: ScaledWindows<'_>) -> AlertQuery {
    let size = GaugeQuery::new(&server::SIZE);
    let (now, before) = (
        size.now().max_by(&DATABASE),
        size.offset(windows.days(1)).max_by(&DATABASE),
    );
    AlertQuery::from_value(now.sub(&before).div(&before))
}

fn unreachable() -> AlertQuery {
    AlertQuery::from_value(
        GaugeQuery::new(&UP)
            .now()
            .max_by(&REACHABILITY)
            // The maximum of a service's processes: one that reaches it is enough to say that it is
            // up.
            .equal(0_u32),
    )
}
