//! Pools, calls and the server.

use super::{Measure, SERVICE, Time};
use crate::model::catalog::database::{
    CONNECTIONS, CONNECTIONS_MAX, OPERATION_DURATION, SLOW_QUERIES, UP, server,
};
use crate::model::promql::{Counter, Gauge, Histogram, Select};

const POOL: [&str; 4] = [
    "environment",
    "instance",
    "job",
    "db.client.connection.pool.name",
];
const DATABASE: [&str; 2] = ["environment", "db.namespace"];
/// Of a service: one that is cut off is not helped by another that isn't.
const REACHED: [&str; 4] = ["environment", "job", "db.namespace", "db.system.name"];

pub(super) fn pool_usage() -> Measure {
    let used = Gauge::of(&CONNECTIONS)
        .with("db.client.connection.state")
        .is("used");
    let most = Gauge::of(&CONNECTIONS_MAX).now().sum_by(&POOL);
    Measure::of_value(used.now().sum_by(&POOL).over(&most))
}

pub(super) fn slow_share(time: Time<'_>) -> Measure {
    let window = time.minutes(10);
    let slow = Counter::of(&SLOW_QUERIES).rate(window).sum_by(&SERVICE);
    let all = Histogram::of(&OPERATION_DURATION)
        .count(window)
        .sum_by(&SERVICE);
    Measure::of_busy(slow.over(&all), &all)
}

pub(super) fn growth(time: Time<'_>) -> Measure {
    let size = Gauge::of(&server::SIZE);
    let (now, before) = (
        size.now().max_by(&DATABASE),
        size.before(time.days(1)).max_by(&DATABASE),
    );
    Measure::of_value(now.minus(&before).over(&before))
}

pub(super) fn unreachable() -> Measure {
    Measure::of_value(Gauge::of(&UP).now().max_by(&REACHED).equal(0_u32))
}
