//! Jobs, executions, queries and money: what is counted, when, and how often.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use vantage_obs::QueueState;
use vantage_obs::instruments::{Currency, Schedule};
use vantage_obs::testing::TestTelemetry;
use vantage_obs::trace::Carrier;

use crate::support::{CapturedLog, events, named, scrape, with_objectives};

const PROCESSING_TIME: &str = "workers.processing_time";
const QUEUE_LAG: &str = "workers.queue_lag";
/// `threshold` of both in slo/workers.json.
const THRESHOLD: Duration = Duration::from_secs(300);
const NANOSECOND: Duration = Duration::from_nanos(1);
const SECOND: Duration = Duration::from_secs(1);

fn kind(name: &str) -> [(&str, &str); 1] {
    [("job_kind", name)]
}

fn busy(test: &TestTelemetry) -> Option<f64> {
    test.value("vantage_worker_busy_time_seconds_total", &kind("publish"))
}

#[test]
fn a_job_has_one_of_four_outcomes_and_is_active_until_then() {
    let test = TestTelemetry::new();
    let worker = test.telemetry().worker("w1");
    let start = || worker.start("publish", test.clock().wall(), &Carrier::EMPTY);
    let active = || test.value("vantage_worker_active_jobs", &kind("publish"));
    let job = start();
    assert_eq!(active(), Some(1.0));
    job.succeed();
    assert_eq!(active(), Some(0.0));
    start().fail("upstream_timeout");
    drop(start());
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _job = start();
        panic!("this job panics");
    }));
    assert!(panicked.is_err());
    assert_eq!(active(), Some(0.0));
    for outcome in ["succeeded", "failed", "aborted", "panicked"] {
        let labels = [("job_kind", "publish"), ("outcome", outcome)];
        for name in [
            "vantage_worker_jobs_total",
            "vantage_worker_job_duration_seconds_count",
        ] {
            assert_eq!(test.value(name, &labels), Some(1.0), "{name} {outcome}");
        }
    }
    let labels = [("job_kind", "publish"), ("reason", "upstream_timeout")];
    let failures = "vantage_worker_job_failures_total";
    assert_eq!(test.value(failures, &labels), Some(1.0));
    assert_eq!(named(&scrape(&test), failures).len(), 1);
}

#[test]
fn busy_time_grows_while_a_job_runs_and_is_the_whole_time_at_its_end() {
    let test = TestTelemetry::new();
    let job = test
        .telemetry()
        .worker("w1")
        .start("publish", test.clock().wall(), &Carrier::EMPTY);
    test.clock().advance(SECOND);
    test.tick();
    assert_eq!(busy(&test), Some(1.0));
    test.clock().advance(SECOND * 2);
    test.tick();
    assert_eq!(busy(&test), Some(3.0));
    test.clock().advance(SECOND);
    job.succeed();
    assert_eq!(busy(&test), Some(4.0));
    test.clock().advance(SECOND);
    test.tick();
    assert_eq!(busy(&test), Some(4.0), "it runs no more");
}

#[test]
fn a_job_that_passes_its_threshold_is_bad_at_that_moment_and_only_once() {
    let test = with_objectives();
    let job = test
        .telemetry()
        .worker("w1")
        .start("publish", test.clock().wall(), &Carrier::EMPTY);
    test.clock().advance(THRESHOLD);
    test.tick();
    assert_eq!(events(&test, PROCESSING_TIME), (0, 0), "not past it yet");
    test.clock().advance(NANOSECOND);
    test.tick();
    assert_eq!(events(&test, PROCESSING_TIME), (0, 1));
    test.clock().advance(THRESHOLD);
    test.tick();
    job.succeed();
    assert_eq!(events(&test, PROCESSING_TIME), (0, 1));
}

#[test]
fn a_job_counts_once_at_its_end_whatever_its_outcome() {
    for (elapsed, expected) in [(THRESHOLD, (1, 0)), (THRESHOLD + NANOSECOND, (0, 1))] {
        for end in 0..3 {
            let test = with_objectives();
            let worker = test.telemetry().worker("w1");
            let job = worker.start("publish", test.clock().wall(), &Carrier::EMPTY);
            test.clock().advance(elapsed);
            match end {
                0 => job.succeed(),
                1 => job.fail("upstream_timeout"),
                _ => drop(job),
            }
            assert_eq!(events(&test, PROCESSING_TIME), expected, "{elapsed:?}");
        }
    }
}

#[test]
fn queue_lag_is_the_time_since_a_job_was_due_and_early_ones_have_none() {
    let test = with_objectives();
    let worker = test.telemetry().worker("w1");
    let now = test.clock().wall();
    worker
        .start("publish", now - THRESHOLD, &Carrier::EMPTY)
        .succeed();
    worker
        .start("publish", now + THRESHOLD, &Carrier::EMPTY)
        .succeed();
    assert_eq!(events(&test, QUEUE_LAG), (2, 0));
    worker
        .start(
            "publish",
            now - THRESHOLD - NANOSECOND * 1000,
            &Carrier::EMPTY,
        )
        .succeed();
    assert_eq!(events(&test, QUEUE_LAG), (2, 1));
    let name = "vantage_worker_queue_lag_seconds";
    let value = |end: &str| test.value(&format!("{name}{end}"), &kind("publish"));
    assert_eq!(value("_count"), Some(3.0));
    assert_eq!(value("_sum").map(f64::round), Some(600.0));
}

#[test]
fn a_queue_that_is_no_longer_watched_takes_its_series_with_it() {
    let test = TestTelemetry::new();
    let depth = || test.value("vantage_worker_queue_depth", &[("queue", "publishing")]);
    let watch = test.telemetry().watch_queue("publishing", || QueueState {
        depth: 4,
        oldest: None,
    });
    test.tick();
    assert_eq!(depth(), Some(4.0));
    let oldest = "vantage_worker_queue_oldest_age_seconds";
    assert!(named(&scrape(&test), oldest).is_empty(), "none waits");
    drop(watch);
    test.tick();
    assert_eq!(depth(), None);
}

#[test]
fn an_execution_has_one_of_four_outcomes_and_a_lag() {
    let test = TestTelemetry::new();
    let scheduler = test.telemetry().scheduler();
    let due = test.clock().wall() - SECOND;
    scheduler.start("nightly", due).succeed();
    scheduler.start("nightly", due).fail("database_unreachable");
    drop(scheduler.start("nightly", due));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _execution = scheduler.start("nightly", due);
        panic!("this execution panics");
    }));
    assert!(panicked.is_err());
    for outcome in ["succeeded", "failed", "aborted", "panicked"] {
        let labels = [("outcome", outcome), ("schedule", "nightly")];
        let name = "vantage_scheduler_executions_total";
        assert_eq!(test.value(name, &labels), Some(1.0), "{outcome}");
    }
    let nightly = [("schedule", "nightly")];
    let lag = "vantage_scheduler_execution_lag_seconds_sum";
    assert_eq!(test.value(lag, &nightly), Some(4.0));
    let labels = [("reason", "database_unreachable"), ("schedule", "nightly")];
    let failures = "vantage_scheduler_execution_failures_total";
    assert_eq!(test.value(failures, &labels), Some(1.0));
}

#[test]
fn a_run_overlaps_only_an_earlier_one_of_its_own_schedule() {
    let test = TestTelemetry::new();
    let scheduler = test.telemetry().scheduler();
    let now = test.clock().wall();
    let value = |name: &str, schedule: &str| test.value(name, &[("schedule", schedule)]);
    let overlapping = |schedule| value("vantage_scheduler_overlapping_runs_total", schedule);
    let first = scheduler.start("nightly", now);
    let hourly = scheduler.start("hourly", now);
    assert_eq!(overlapping("nightly"), Some(0.0));
    assert_eq!(overlapping("hourly"), Some(0.0));
    let second = scheduler.start("nightly", now);
    assert_eq!(overlapping("nightly"), Some(1.0));
    assert_eq!(
        value("vantage_scheduler_active_executions", "nightly"),
        Some(2.0)
    );
    first.succeed();
    second.succeed();
    hourly.succeed();
    scheduler.start("nightly", now).succeed();
    assert_eq!(overlapping("nightly"), Some(1.0), "nothing ran any more");
    scheduler.record_missed("nightly", 3);
    scheduler.record_scheduled("nightly", 5);
    assert_eq!(
        value("vantage_scheduler_missed_runs_total", "nightly"),
        Some(3.0)
    );
    assert_eq!(
        value("vantage_scheduler_scheduled_jobs_total", "nightly"),
        Some(5.0)
    );
}

#[test]
fn a_run_that_was_expected_and_never_began_is_missed_without_a_call() {
    let test = TestTelemetry::new();
    let log = CapturedLog::default();
    let _default = log.install(&test);
    let told = || log.with_message("a scheduled run that was due has not started");
    let scheduler = test.telemetry().scheduler();
    let missed =
        |job: &str| test.value("vantage_scheduler_missed_runs_total", &[("schedule", job)]);
    // The clock of the kit starts on a Friday at 08:00 UTC, which is 09:00 in Berlin.
    let nightly = Schedule::cron("30 3 * * *", "Europe/Berlin").unwrap();
    scheduler.expect("backup", nightly, 600 * SECOND);
    scheduler.expect("digest", 3_600 * SECOND, 60 * SECOND);
    assert_eq!(missed("backup"), Some(0.0), "seen from 0 on");
    let pass = |minutes: u64, digest: bool| {
        for minute in 0..minutes {
            if digest && minute % 60 == 0 {
                scheduler.start("digest", test.clock().wall()).succeed();
            }
            test.clock().advance(60 * SECOND);
            test.tick();
        }
    };
    // Until 03:39 in Berlin.
    pass(18 * 60 + 39, true);
    assert_eq!((missed("backup"), missed("digest")), (Some(0.0), Some(0.0)));
    assert!(told().is_empty(), "{:?}", told());
    pass(1, false);
    assert_eq!(missed("backup"), Some(1.0));
    assert_eq!(told().len(), 1);
    assert_eq!(told()[0]["fields"]["schedule"], "backup");
    assert_eq!(told()[0]["fields"]["due"], "2027-01-16T02:30:00Z");
    // The next night it runs; what is no longer begun is missed once an interval.
    pass(23 * 60 + 50, false);
    scheduler.start("backup", test.clock().wall()).succeed();
    pass(20, false);
    assert_eq!(missed("backup"), Some(1.0));
    assert_eq!(missed("digest"), Some(24.0));
    scheduler.stop_expecting("digest");
    pass(120, false);
    assert_eq!(missed("digest"), Some(24.0));
}

#[test]
fn a_query_is_slow_strictly_above_one_second() {
    let test = TestTelemetry::new();
    let database = test.telemetry().database("sqlite");
    let labels = [
        ("db_collection_name", "posts"),
        ("db_operation_name", "SELECT"),
        ("db_system_name", "sqlite"),
    ];
    let slow = || test.value("vantage_database_slow_queries_total", &labels);
    let query = database.query("SELECT", "posts");
    test.clock().advance(SECOND);
    query.succeed();
    assert_eq!(slow(), None);
    let query = database.query("SELECT", "posts");
    test.clock().advance(SECOND + NANOSECOND);
    query.succeed();
    assert_eq!(slow(), Some(1.0));
    let count = "db_client_operation_duration_seconds_count";
    assert_eq!(test.value(count, &labels), Some(2.0), "slow ones are calls");
}

#[test]
fn a_panic_that_drops_a_query_a_call_and_a_transaction_is_named() {
    let test = TestTelemetry::new();
    let telemetry = test.telemetry();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let uri = http::Uri::from_static("http://billing:8080/");
        let _call = telemetry.http_call(&http::Method::GET, &uri, &mut http::HeaderMap::new());
        let database = telemetry.database("sqlite");
        let _transaction = database.transaction();
        database.query("SELECT", "posts").succeed();
        let _query = database.query("UPDATE", "posts");
        panic!("this query's caller panics");
    }));
    assert!(panicked.is_err());
    let durations = named(&scrape(&test), "db_client_operation_duration_seconds_count");
    let error_type = |operation: &str| {
        let mut queries = durations.iter();
        let query = queries.find(|query| query.labels["db_operation_name"] == operation);
        query.unwrap().labels.get("error_type").map(String::as_str)
    };
    assert_eq!(
        (error_type("UPDATE"), error_type("SELECT")),
        (Some("panic"), None)
    );
    let labels = [("db_system_name", "sqlite"), ("outcome", "aborted")];
    let transactions = test.value("vantage_database_transactions_total", &labels);
    assert_eq!(transactions, Some(1.0));
    assert_eq!(test.span("GET").error_type(), Some("panic"));
}

#[test]
fn an_unended_query_is_cancelled_and_a_transaction_aborted() {
    let test = TestTelemetry::new();
    let database = test.telemetry().database("sqlite");
    drop(database.query("SELECT", "posts"));
    drop(database.transaction());
    database.transaction().commit();
    database.transaction().roll_back();
    let durations = named(&scrape(&test), "db_client_operation_duration_seconds_count");
    assert_eq!(durations.len(), 1);
    assert_eq!(durations[0].labels["error_type"], "cancelled");
    for outcome in ["aborted", "committed", "rolled_back"] {
        let labels = [("db_system_name", "sqlite"), ("outcome", outcome)];
        let name = "vantage_database_transactions_total";
        assert_eq!(test.value(name, &labels), Some(1.0), "{outcome}");
    }
}

#[test]
fn money_is_summed_in_minor_units_by_currency() {
    let test = TestTelemetry::new();
    let business = test.telemetry().business();
    let (euro, yen) = (Currency::new("EUR").unwrap(), Currency::new("JPY").unwrap());
    business.record_revenue(euro, 1234);
    business.record_revenue(euro, 1);
    business.record_revenue(yen, 500);
    business.record_refund(euro, 34);
    let value = |name: &str, currency: &str| test.value(name, &[("currency", currency)]);
    let revenue = "vantage_business_revenue_total";
    assert_eq!(value(revenue, "EUR"), Some(1235.0));
    assert_eq!(value(revenue, "JPY"), Some(500.0));
    assert_eq!(value("vantage_business_refunds_total", "EUR"), Some(34.0));
}
