use vantage_obs::alerts::{AlertSignal, Severity};

use super::scenario::{
    ExpectedAlert, Scenario, alert_texts, counter_values, gauge_values, scenario,
};

const POOL: [(&str, &str); 4] = [
    ("environment", "production"),
    ("instance", "a:80"),
    ("job", "vantage-api"),
    ("db_client_connection_pool_name", "main"),
];
const SERVICE: [(&str, &str); 2] = [("environment", "production"), ("job", "vantage-api")];
const SERVER: [(&str, &str); 2] = [("db_namespace", "vantage"), ("environment", "production")];
const REACHED: [(&str, &str); 4] = [
    ("environment", "production"),
    ("job", "vantage-api"),
    ("db_namespace", "vantage"),
    ("db_system_name", "postgresql"),
];

const USED: &str = "db_client_connection_count{environment=\"production\", job=\"vantage-api\", instance=\"a:80\", db_client_connection_pool_name=\"main\", db_client_connection_state=\"used\"}";
const MOST: &str = "db_client_connection_max{environment=\"production\", job=\"vantage-api\", instance=\"a:80\", db_client_connection_pool_name=\"main\"}";
const SLOW: &str = "vantage_database_slow_queries_total{environment=\"production\", job=\"vantage-api\", instance=\"a:80\", db_operation_name=\"SELECT\"}";
const CALLS: &str = "db_client_operation_duration_seconds_count{environment=\"production\", job=\"vantage-api\", instance=\"a:80\", db_operation_name=\"SELECT\"}";
const SIZE: &str = "vantage_database_size_bytes{environment=\"production\", job=\"vantage-api\", instance=\"a:80\", db_namespace=\"vantage\"}";

fn up(instance: &str) -> String {
    format!(
        "vantage_database_up{{environment=\"production\", job=\"vantage-api\", instance=\"{instance}\", \
         db_namespace=\"vantage\", db_system_name=\"postgresql\"}}"
    )
}

pub(super) fn scenarios() -> Vec<Scenario> {
    [pool(), calls(), reached()].into_iter().flatten().collect()
}

fn pool() -> Vec<Scenario> {
    let signal = AlertSignal::PoolUsage;
    vec![
        scenario("a pool runs out")
            .series(USED, gauge_values(&[(2, 10), (9, 20)]))
            .series(MOST, "10+0x30")
            .quiet(signal, &["10m", "15m"])
            .fires(
                signal,
                "16m",
                [ExpectedAlert::new(
                    Severity::Warning,
                    &POOL,
                    alert_texts(
                        "Pool main of vantage-api on a:80 is more than 80% in use",
                        "90% of the connections of pool main of vantage-api on a:80 are in use; the limit of this alert \
                         is 80%.",
                    ),
                )],
            ),
        scenario("a pool at exactly the threshold, and full for 4 minutes")
            .series(USED, gauge_values(&[(8, 20), (10, 4), (8, 20)]))
            .series(MOST, "10+0x44")
            .quiet(signal, &["20m", "24m", "25m", "26m", "40m"]),
        scenario("a pool of which the maximum is not known")
            .series(USED, "100+0x30")
            .quiet(signal, &["30m"]),
    ]
}

fn calls() -> Vec<Scenario> {
    let signal = AlertSignal::SlowQueryShare;
    vec![
        // 12 of 600 a minute: of the 6000 of 10 minutes more than 60 are slow after 6 minutes.
        scenario("calls get slow")
            .series(SLOW, counter_values(&[(0, 20), (12, 30)]))
            .series(CALLS, "0+600x50")
            .quiet(signal, &["20m", "30m"])
            .fires(
                signal,
                "31m",
                [ExpectedAlert::new(
                    Severity::Warning,
                    &SERVICE,
                    alert_texts(
                        "More than 1% of the database calls of vantage-api take longer than a second",
                        "2% of the database calls of vantage-api took longer than a second in the \
                         last 10 minutes; the limit is 1%.",
                    ),
                )],
            ),
        scenario("a few calls, all of which are slow")
            .series(SLOW, "0+4x60")
            .series(CALLS, "0+4x60")
            .quiet(signal, &["20m", "60m"]),
        scenario("fewer than one call in a hundred is slow, over a restart")
            .series(SLOW, "0+5x30 0+5x30")
            .series(CALLS, "0+600x30 0+600x30")
            .quiet(signal, &["20m", "31m", "36m", "60m"]),
        scenario("no call was ever slow")
            .series(CALLS, "0+600x60")
            .quiet(signal, &["60m"]),
    ]
}

fn reached() -> Vec<Scenario> {
    let signal = AlertSignal::DatabaseUnreachable;
    vec![
        scenario("no instance reaches the database")
            .series(&up("a:80"), gauge_values(&[(1, 10), (0, 20)]))
            .series(&up("b:80"), gauge_values(&[(1, 8), (0, 22)]))
            .quiet(signal, &["10m", "11m"])
            .fires(
                signal,
                "12m",
                [ExpectedAlert::new(
                    Severity::Critical,
                    &REACHED,
                    alert_texts(
                        "vantage-api cannot reach database vantage",
                        "No instance of vantage-api has had an answer from database vantage (postgresql) for 1m.",
                    ),
                )],
            ),
        scenario("one of two instances reaches the database")
            .series(&up("a:80"), "1+0x30")
            .series(&up("b:80"), "0+0x30")
            .quiet(signal, &["10m", "30m"]),
        scenario("the database restarts")
            .series(&up("a:80"), gauge_values(&[(1, 10), (0, 1), (1, 10)]))
            .quiet(signal, &["11m", "12m", "20m"]),
        scenario("nobody asks the database").quiet(signal, &["30m"]),
    ]
}

/// In steps of 5 minutes: 288 are a day.
pub(super) fn long_scenarios() -> Vec<Scenario> {
    let signal = AlertSignal::DatabaseGrowth;
    vec![
        scenario("a database grows by 30 % at once")
            .series(SIZE, gauge_values(&[(10_000_000_000_u64, 288), (13_000_000_000, 20)]))
            .quiet(signal, &["1d", "1d15m"])
            .fires(
                signal,
                "1d20m",
                [ExpectedAlert::new(
                    Severity::Warning,
                    &SERVER,
                    alert_texts(
                        "Database vantage has grown by more than 20% in a day",
                        "Database vantage has grown by 30% in the last 24 hours; up to 20% is usual.",
                    ),
                )],
            ),
        scenario("a database grows by exactly 20 %")
            .series(SIZE, gauge_values(&[(10_000_000_000_u64, 288), (12_000_000_000, 20)]))
            .quiet(signal, &["1d", "1d20m", "1d1h"]),
        scenario("a database is younger than a day")
            .series(SIZE, "1000000000+1000000000x200")
            .quiet(signal, &["1h", "16h"]),
        scenario("a database that is no longer watched")
            .series(SIZE, "1000000000+0x288 stale")
            .quiet(signal, &["1d", "1d30m"]),
    ]
}
