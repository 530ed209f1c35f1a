//! Every metric of the catalog, recorded once as a service records it, under its literal name.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tower::{Layer as _, Service as _, ServiceExt as _};
use vantage_obs::ExpositionFormat;
use vantage_obs::catalog::{self, MetricSpec};
use vantage_obs::instruments::{Currency, Engagement};
use vantage_obs::slo::maintenance::SloMaintenance;
use vantage_obs::testing::TestTelemetry;
use vantage_obs::trace::Carrier;
use vantage_obs::{PoolState, QueueState, WatchGuard};

use crate::support::{OBJECTIVES, ScriptedBody, Step, config, into_ok, request, samples, scrape};

/// What dashboards and rules out there are written against: changing a line breaks them.
#[rustfmt::skip]
const NAMES: &[(&str, &str, &str)] = &[
    ("vantage.api.requests", "vantage_api_requests_total", "counter"),
    ("http.server.request.duration", "http_server_request_duration_seconds", "histogram"),
    ("rpc.server.call.duration", "rpc_server_call_duration_seconds", "histogram"),
    ("http.server.active_requests", "http_server_active_requests", "gauge"),
    ("vantage.api.broken_responses", "vantage_api_broken_responses_total", "counter"),
    ("vantage.api.active_connections", "vantage_api_active_connections", "gauge"),
    ("http.client.request.duration", "http_client_request_duration_seconds", "histogram"),
    ("rpc.client.call.duration", "rpc_client_call_duration_seconds", "histogram"),
    ("vantage.worker.jobs", "vantage_worker_jobs_total", "counter"),
    ("vantage.worker.job.failures", "vantage_worker_job_failures_total", "counter"),
    ("vantage.worker.job.duration", "vantage_worker_job_duration_seconds", "histogram"),
    ("vantage.worker.active_jobs", "vantage_worker_active_jobs", "gauge"),
    ("vantage.worker.busy_time", "vantage_worker_busy_time_seconds_total", "counter"),
    ("vantage.worker.queue.lag", "vantage_worker_queue_lag_seconds", "histogram"),
    ("vantage.worker.queue.depth", "vantage_worker_queue_depth", "gauge"),
    ("vantage.worker.queue.oldest_age", "vantage_worker_queue_oldest_age_seconds", "gauge"),
    ("vantage.worker.heartbeat.timestamp", "vantage_worker_heartbeat_timestamp_seconds", "gauge"),
    ("vantage.worker.heartbeat.clock_skew", "vantage_worker_heartbeat_clock_skew_seconds", "gauge"),
    ("vantage.worker.workers", "vantage_worker_workers", "gauge"),
    ("vantage.worker.beats", "vantage_worker_beats_total", "counter"),
    ("vantage.worker.beat.unknown_fields", "vantage_worker_beat_unknown_fields_total", "counter"),
    ("vantage.scheduler.scheduled_jobs", "vantage_scheduler_scheduled_jobs_total", "counter"),
    ("vantage.scheduler.executions", "vantage_scheduler_executions_total", "counter"),
    ("vantage.scheduler.execution.failures", "vantage_scheduler_execution_failures_total", "counter"),
    ("vantage.scheduler.execution.lag", "vantage_scheduler_execution_lag_seconds", "histogram"),
    ("vantage.scheduler.execution.duration", "vantage_scheduler_execution_duration_seconds", "histogram"),
    ("vantage.scheduler.active_executions", "vantage_scheduler_active_executions", "gauge"),
    ("vantage.scheduler.missed_runs", "vantage_scheduler_missed_runs_total", "counter"),
    ("vantage.scheduler.overlapping_runs", "vantage_scheduler_overlapping_runs_total", "counter"),
    ("vantage.scheduler.heartbeat.timestamp", "vantage_scheduler_heartbeat_timestamp_seconds", "gauge"),
    ("vantage.scheduler.heartbeat.clock_skew", "vantage_scheduler_heartbeat_clock_skew_seconds", "gauge"),
    ("db.client.operation.duration", "db_client_operation_duration_seconds", "histogram"),
    ("vantage.database.slow_queries", "vantage_database_slow_queries_total", "counter"),
    ("vantage.database.transactions", "vantage_database_transactions_total", "counter"),
    ("vantage.database.up", "vantage_database_up", "gauge"),
    ("db.client.connection.count", "db_client_connection_count", "gauge"),
    ("db.client.connection.max", "db_client_connection_max", "gauge"),
    ("db.client.connection.pending_requests", "db_client_connection_pending_requests", "gauge"),
    ("db.client.connection.timeouts", "db_client_connection_timeouts_total", "counter"),
    ("db.client.connection.wait_time", "db_client_connection_wait_time_seconds", "histogram"),
    ("vantage.database.size", "vantage_database_size_bytes", "gauge"),
    ("vantage.database.server.transactions", "vantage_database_server_transactions_total", "counter"),
    ("vantage.database.deadlocks", "vantage_database_deadlocks_total", "counter"),
    ("vantage.database.block_reads", "vantage_database_block_reads_total", "counter"),
    ("vantage.database.server.connection.count", "vantage_database_server_connection_count", "gauge"),
    ("vantage.database.server.connection.max", "vantage_database_server_connection_max", "gauge"),
    ("vantage.database.table.size", "vantage_database_table_size_bytes", "gauge"),
    ("vantage.database.table.scans", "vantage_database_table_scans_total", "counter"),
    ("vantage.database.index.size", "vantage_database_index_size_bytes", "gauge"),
    ("vantage.database.index.scans", "vantage_database_index_scans_total", "counter"),
    ("vantage.database.index.usage", "vantage_database_index_usage_ratio", "gauge"),
    ("vantage.business.active_organizations", "vantage_business_active_organizations", "gauge"),
    ("vantage.business.posts_published", "vantage_business_posts_published_total", "counter"),
    ("vantage.business.ai_generations", "vantage_business_ai_generations_total", "counter"),
    ("vantage.business.revenue", "vantage_business_revenue_total", "counter"),
    ("vantage.business.refunds", "vantage_business_refunds_total", "counter"),
    ("vantage.business.engagement", "vantage_business_engagement_total", "counter"),
    ("vantage.build.info", "vantage_build_info", "gauge"),
    ("process.memory.usage", "process_memory_usage_bytes", "gauge"),
    ("vantage.process.memory.limit", "vantage_process_memory_limit_bytes", "gauge"),
    ("vantage.process.memory.utilization", "vantage_process_memory_utilization_ratio", "gauge"),
    ("process.cpu.time", "process_cpu_time_seconds_total", "counter"),
    ("vantage.process.cpu.limit", "vantage_process_cpu_limit", "gauge"),
    ("process.cpu.utilization", "process_cpu_utilization_ratio", "gauge"),
    ("process.unix.file_descriptor.count", "process_unix_file_descriptor_count", "gauge"),
    ("process.uptime", "process_uptime_seconds", "gauge"),
    ("system.filesystem.usage", "system_filesystem_usage_bytes", "gauge"),
    ("system.filesystem.utilization", "system_filesystem_utilization_ratio", "gauge"),
    ("vantage.process.runtime.workers", "vantage_process_runtime_workers", "gauge"),
    ("vantage.process.runtime.alive_tasks", "vantage_process_runtime_alive_tasks", "gauge"),
    ("vantage.process.runtime.global_queue_depth", "vantage_process_runtime_global_queue_depth", "gauge"),
    ("vantage.process.runtime.busy_time", "vantage_process_runtime_busy_time_seconds_total", "counter"),
    ("vantage.health.status", "vantage_health_status", "gauge"),
    ("vantage.health.ready", "vantage_health_ready", "gauge"),
    ("vantage.health.check.status", "vantage_health_check_status", "gauge"),
    ("vantage.health.check.duration", "vantage_health_check_duration_seconds", "gauge"),
    ("vantage.health.check.age", "vantage_health_check_age_seconds", "gauge"),
    ("vantage.store.pending", "vantage_store_pending", "gauge"),
    ("vantage.store.oldest_pending_age", "vantage_store_oldest_pending_age_seconds", "gauge"),
    ("vantage.store.commits", "vantage_store_commits_total", "counter"),
    ("vantage.store.dropped", "vantage_store_dropped_total", "counter"),
    ("vantage.slo.events", "vantage_slo_events_total", "counter"),
    ("vantage.slo.maintenance.events", "vantage_slo_maintenance_events_total", "counter"),
    ("vantage.slo.maintenance", "vantage_slo_maintenance", "gauge"),
    ("vantage.slo.maintenance.start.timestamp", "vantage_slo_maintenance_start_timestamp_seconds", "gauge"),
    ("vantage.slo.maintenance.end.timestamp", "vantage_slo_maintenance_end_timestamp_seconds", "gauge"),
    ("vantage.slo.requests", "vantage_slo_requests_total", "counter"),
    ("vantage.slo.burn_rate", "vantage_slo_burn_rate_ratio", "gauge"),
    ("vantage.slo.error_budget.remaining", "vantage_slo_error_budget_remaining_ratio", "gauge"),
    ("vantage.slo.coverage", "vantage_slo_coverage_ratio", "gauge"),
    ("vantage.slo.alert", "vantage_slo_alert", "gauge"),
    ("vantage.telemetry.series_overflow", "vantage_telemetry_series_overflow_total", "counter"),
    ("vantage.telemetry.figure_mismatches", "vantage_telemetry_figure_mismatches_total", "counter"),
    ("vantage.telemetry.scrape.duration", "vantage_telemetry_scrape_duration_seconds", "histogram"),
    ("vantage.telemetry.scrape.errors", "vantage_telemetry_scrape_errors_total", "counter"),
    ("vantage.telemetry.http.requests", "vantage_telemetry_http_requests_total", "counter"),
    ("vantage.telemetry.http.refused_tokens", "vantage_telemetry_http_refused_tokens_total", "counter"),
    ("vantage.telemetry.http.ended_connections", "vantage_telemetry_http_ended_connections_total", "counter"),
    ("vantage.telemetry.sampler.errors", "vantage_telemetry_sampler_errors_total", "counter"),
    ("vantage.telemetry.callbacks.hanging", "vantage_telemetry_callbacks_hanging", "gauge"),
    ("vantage.telemetry.log.lines.lost", "vantage_telemetry_log_lines_lost_total", "counter"),
    ("vantage.telemetry.thread.up", "vantage_telemetry_thread_up", "gauge"),
    ("vantage.heartbeat.sends", "vantage_heartbeat_sends_total", "counter"),
    ("otel.sdk.processor.span.processed", "otel_sdk_processor_span_processed_total", "counter"),
    ("otel.sdk.processor.span.queue.size", "otel_sdk_processor_span_queue_size", "gauge"),
    ("otel.sdk.processor.span.queue.capacity", "otel_sdk_processor_span_queue_capacity", "gauge"),
    ("otel.sdk.exporter.span.exported", "otel_sdk_exporter_span_exported_total", "counter"),
    ("otel.sdk.processor.log.processed", "otel_sdk_processor_log_processed_total", "counter"),
    ("otel.sdk.processor.log.queue.size", "otel_sdk_processor_log_queue_size", "gauge"),
    ("otel.sdk.processor.log.queue.capacity", "otel_sdk_processor_log_queue_capacity", "gauge"),
    ("otel.sdk.exporter.log.exported", "otel_sdk_exporter_log_exported_total", "counter"),
    ("otel.sdk.exporter.metric_data_point.exported", "otel_sdk_exporter_metric_data_point_exported_total", "counter"),
    ("otel.sdk.exporter.operation.duration", "otel_sdk_exporter_operation_duration_seconds", "histogram"),
];

/// What only a database server can tell.
pub(crate) const DATABASE_SERVER: [&str; 11] = [
    "vantage.database.size",
    "vantage.database.server.transactions",
    "vantage.database.deadlocks",
    "vantage.database.block_reads",
    "vantage.database.server.connection.count",
    "vantage.database.server.connection.max",
    "vantage.database.table.size",
    "vantage.database.table.scans",
    "vantage.database.index.size",
    "vantage.database.index.scans",
    "vantage.database.index.usage",
];

/// Only on Linux is the process looked at, and only where something is pushed are there figures of
/// the push: the tests of OTLP have those. What a database server tells of itself needs a server: the
/// tests with back ends have one.
fn is_expected(spec: &MetricSpec) -> bool {
    let looked_at = cfg!(target_os = "linux") || spec.family != catalog::MetricFamily::Process;
    let reported_by_a_server = DATABASE_SERVER.contains(&spec.name);
    let sent_elsewhere = spec.name == "vantage.heartbeat.sends";
    looked_at && !spec.name.starts_with("otel.sdk.") && !reported_by_a_server && !sent_elsewhere
}

/// Does everything that a service can do, once; what is watched is watched while the answer lives.
/// Telemetry with the platform's own objectives and a declared maintenance, which is to come.
fn with_maintenance() -> TestTelemetry {
    let time = |text: &str| text.parse().unwrap();
    let (from, to) = (time("2099-01-01T00:00:00Z"), time("2099-01-01T01:00:00Z"));
    let mut config = config();
    config.slo.maintenance = vec![SloMaintenance::new(from, to, "a move").unwrap()];
    config.http.max_connections = 1;
    TestTelemetry::with_config(config, &OBJECTIVES).unwrap()
}

async fn record_everything(test: &TestTelemetry) -> Vec<WatchGuard> {
    let telemetry = test.telemetry();
    requests(test).await;
    connections(test);
    jobs(test);
    executions(test);
    queries(test);
    let business = telemetry.business();
    let euro = Currency::new("EUR").unwrap();
    business.record_active_organizations(3);
    business.record_posts_published(2);
    business.record_ai_generation("caption");
    business.record_revenue(euro, 1234);
    business.record_refund(euro, 34);
    business.record_engagement(Engagement::Like);
    // No name of a figure.
    telemetry.counter("Orders").add(1, &[]);
    // Left out, and counted as such.
    let registry = prometheus::Registry::new();
    let taken = prometheus::IntCounter::new("vantage_worker_jobs_total", "not ours").unwrap();
    registry.register(Box::new(taken)).unwrap();
    telemetry.merge_registry(registry);
    let watches = vec![
        telemetry.watch_queue("publishing", || QueueState {
            depth: 4,
            oldest: Some(Duration::from_secs(9)),
        }),
        telemetry.watch_pool("main", || PoolState {
            used: 1,
            idle: 2,
            max: 10,
            pending: 3,
        }),
        telemetry.watch_queue("broken", || panic!("a sampler that panics")),
        telemetry.watch_runtime("main", &tokio::runtime::Handle::current()),
    ];
    // Never run again, so that it gets older; by the manual clock a run takes no time.
    let slow = test.clock().clone();
    telemetry
        .health_check("slow")
        .interval(Duration::from_secs(60))
        .run(move || {
            slow.advance(Duration::from_millis(5));
            async { Ok::<_, std::io::Error>(()) }
        });
    test.tick();
    tokio::spawn(std::future::pending::<()>());
    tokio::task::yield_now().await;
    // The process is looked at every fifth tick, and utilisation needs two looks.
    for _ in 0..6 {
        test.clock().advance(Duration::from_secs(1));
        test.tick();
    }
    // Its own duration is in the next scrape.
    let _ = telemetry.scrape(ExpositionFormat::Text);
    watches
}

async fn requests(test: &TestTelemetry) {
    let app = Router::new()
        .route(
            "/posts/{id}",
            get(|| async {
                axum::body::Body::new(ScriptedBody::new([Step::Data("a"), Step::Data("b")]))
            }),
        )
        .merge(test.telemetry().routes())
        .layer(test.telemetry().http_layer());
    // The second without a token; the third has a thread.
    for path in ["/api/v1/health", "/api/v1/health/detailed", "/metrics"] {
        into_ok(app.clone().oneshot(request("GET", path)).await);
    }
    let response = into_ok(app.clone().oneshot(request("GET", "/posts/7")).await);
    drop(response);
    grpc_calls(test, app.clone()).await;
    let make = tower::service_fn(move |(): ()| {
        let app = app.clone();
        async move { Ok::<_, std::convert::Infallible>(app) }
    });
    let mut make = test.telemetry().count_connections(make);
    drop(into_ok(make.call(()).await));
}

/// One that a client of the service makes, and one that the service makes itself.
async fn grpc_calls(test: &TestTelemetry, app: Router) {
    let call = || {
        let call = http::Request::post("http://billing:50051/shop.Orders/Get");
        let call = call.header("content-type", "application/grpc");
        call.body(axum::body::Body::empty()).unwrap()
    };
    into_ok(app.clone().oneshot(call()).await);
    let client = test.telemetry().grpc_client_layer().layer(app);
    drop(client.oneshot(call()).await.unwrap());
}

/// Two where there is place for one.
fn connections(test: &TestTelemetry) {
    let loopback = "127.0.0.1:0".parse().unwrap();
    let address = test.telemetry().serve(loopback).unwrap();
    let _evicted = TcpStream::connect(address).unwrap();
    let mut other = TcpStream::connect(address).unwrap();
    other
        .write_all(b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    other.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
}

fn jobs(test: &TestTelemetry) {
    let worker = test.telemetry().worker("w1");
    let job = worker.start("publish_post", test.clock().wall(), &Carrier::EMPTY);
    test.clock().advance(Duration::from_secs(2));
    job.fail("upstream_timeout");
}

fn executions(test: &TestTelemetry) {
    let scheduler = test.telemetry().scheduler();
    scheduler.record_scheduled("nightly", 1);
    scheduler.record_missed("nightly", 1);
    let first = scheduler.start("nightly", test.clock().wall());
    scheduler.start("nightly", test.clock().wall()).succeed();
    first.fail("database_unreachable");
}

fn queries(test: &TestTelemetry) {
    let database = test.telemetry().database("sqlite");
    let query = database.query("SELECT", "posts");
    test.clock().advance(Duration::from_secs(2));
    query.fail("timeout");
    database.transaction().commit();
    let uri = http::Uri::from_static("http://billing:8080/invoices");
    let telemetry = test.telemetry();
    let call = telemetry.http_call(&http::Method::GET, &uri, &mut http::HeaderMap::new());
    call.complete(http::StatusCode::OK);
    database.record_up(true);
    database
        .pool("main")
        .record_timeout(Duration::from_millis(5));
}

#[test]
fn the_table_of_names_is_the_catalog() {
    let table: Vec<_> = NAMES.iter().map(|(name, ..)| *name).collect();
    let catalog: Vec<_> = catalog::all().map(|spec| spec.name).collect();
    assert_eq!(table, catalog);
}

#[tokio::test]
async fn every_metric_is_scraped_under_its_literal_name_and_type_with_its_help() {
    let test = with_maintenance();
    let _watches = record_everything(&test).await;
    let text = scrape(&test);
    for (name, prometheus, kind) in NAMES {
        let spec = catalog::find(name).unwrap();
        if !is_expected(spec) {
            continue;
        }
        let type_line = format!("# TYPE {prometheus} {kind}");
        let help_line = format!("# HELP {prometheus} {}", spec.description);
        let count = |wanted: &str| text.lines().filter(|line| *line == wanted).count();
        assert_eq!(count(&type_line), 1, "{type_line}\n{text}");
        assert_eq!(count(&help_line), 1, "{help_line}\n{text}");
        let sample = match *kind {
            "histogram" => format!("{prometheus}_count"),
            _ => (*prometheus).to_owned(),
        };
        assert!(
            samples(&text).iter().any(|found| found.name == sample),
            "{sample} has no series"
        );
    }
}

#[tokio::test]
async fn every_metric_was_really_recorded_and_not_only_bound() {
    let test = with_maintenance();
    let _watches = record_everything(&test).await;
    let text = scrape(&test);
    // They are back where they began, or nothing happened to them.
    let at_rest = [
        "http_server_active_requests",
        "vantage_api_active_connections",
        "vantage_worker_active_jobs",
        "vantage_scheduler_active_executions",
        "vantage_telemetry_series_overflow_total",
        // A process of its own, whose output stalls, shows it.
        "vantage_telemetry_log_lines_lost_total",
        // No function of the service's hangs.
        "vantage_telemetry_callbacks_hanging",
        // Nothing bad happened to an objective.
        "vantage_slo_burn_rate_ratio",
        // Its maintenance is to come.
        "vantage_slo_maintenance_events_total",
        "vantage_slo_maintenance",
        // No file system needs to be in use, and no processor time to pass, while a test runs.
        "process_cpu_utilization_ratio",
        "process_cpu_time_seconds_total",
        "system_filesystem_utilization_ratio",
        // No task waits, and none needs to have run for long.
        "vantage_process_runtime_busy_time_seconds_total",
        "vantage_process_runtime_global_queue_depth",
        "vantage_worker_beat_unknown_fields_total",
        "vantage_worker_heartbeat_clock_skew_seconds",
        "vantage_scheduler_heartbeat_clock_skew_seconds",
        "vantage_store_pending",
        "vantage_store_oldest_pending_age_seconds",
        "vantage_store_dropped_total",
        "vantage_store_commits_total",
        "vantage_slo_burn_rate",
        "vantage_slo_alert",
    ];
    for (name, prometheus, kind) in NAMES {
        if at_rest.contains(prometheus) || !is_expected(catalog::find(name).unwrap()) {
            continue;
        }
        let sample = match *kind {
            "histogram" => format!("{prometheus}_count"),
            _ => (*prometheus).to_owned(),
        };
        let found = samples(&text);
        let mut values = found.iter().filter(|found| found.name == sample);
        assert!(values.any(|found| found.value > 0.0), "{sample} is zero");
    }
}

#[tokio::test]
async fn a_scrape_holds_nothing_but_declared_names_and_labels() {
    let test = with_maintenance();
    let _watches = record_everything(&test).await;
    let text = scrape(&test);
    let mut declared: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, prometheus, kind) in NAMES {
        let keys = catalog::find(name).unwrap().attributes;
        let keys: BTreeSet<_> = keys.iter().map(|key| key.key.replace('.', "_")).collect();
        if *kind == "histogram" {
            declared.insert(format!("{prometheus}_count"), keys.clone());
            declared.insert(format!("{prometheus}_sum"), keys.clone());
            let with_bound = keys.into_iter().chain(["le".to_owned()]).collect();
            declared.insert(format!("{prometheus}_bucket"), with_bound);
        } else {
            declared.insert((*prometheus).to_owned(), keys);
        }
    }
    for sample in samples(&text) {
        if sample.name == "target_info" {
            continue;
        }
        let keys = declared.get(&sample.name);
        let keys = keys.unwrap_or_else(|| panic!("{} is not declared", sample.name));
        let present: BTreeSet<_> = sample.labels.into_keys().collect();
        assert!(
            present.is_subset(keys),
            "{}: {present:?} {keys:?}",
            sample.name
        );
    }
    for line in text.lines().filter(|line| line.starts_with("# TYPE ")) {
        let name = line.split(' ').nth(2).unwrap();
        let known = NAMES.iter().any(|(_, prometheus, _)| *prometheus == name);
        assert!(known || name == "target_info", "{line}");
    }
}

#[tokio::test]
async fn every_occurrence_objective_has_a_good_and_a_bad_series() {
    let test = TestTelemetry::with_config(config(), &OBJECTIVES).unwrap();
    for objective in [
        "api.latency",
        "api.error_rate",
        "workers.processing_time",
        "workers.queue_lag",
    ] {
        for result in ["good", "bad"] {
            let labels = [("objective", objective), ("result", result)];
            assert_eq!(test.value("vantage_slo_events_total", &labels), Some(0.0));
        }
    }
    assert!(
        !scrape(&test).contains("availability"),
        "slices are no events"
    );
}

#[test]
fn the_build_is_told_by_version_and_revision() {
    let config = config().version("1.4.2").revision("9f2c1e7");
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    let own = ("obs_version", env!("CARGO_PKG_VERSION"));
    let labels = [own, ("revision", "9f2c1e7"), ("version", "1.4.2")];
    assert_eq!(test.value("vantage_build_info", &labels), Some(1.0));
    assert!(scrape(&test).contains("vcs_ref_head_revision=\"9f2c1e7\""));
    // A build that knows none, as `option_env!` has it, says none.
    let unknown = TestTelemetry::with_config(self::config().revision(""), &[]).unwrap();
    assert_eq!(unknown.value("vantage_build_info", &[own]), Some(1.0));
}

#[test]
fn the_guide_names_every_metric_that_promtool_remarks_on() {
    let ending: Vec<_> = NAMES
        .iter()
        .filter(|(_, name, _)| name.ends_with("_count"))
        .map(|(_, name, _)| *name)
        .collect();
    let guide = std::fs::read_to_string("docs/metrics-guide.md").unwrap();
    let words = [
        "No name",
        "One name",
        "Two names",
        "Three names",
        "Four names",
        "Five names",
    ];
    let start = guide
        .find(&format!("{} end in `_count`", words[ending.len()]))
        .unwrap_or_else(|| panic!("{} end so: {ending:?}", words[ending.len()]));
    let paragraph = guide[start..].split("\n\n").next().unwrap();
    for name in ending {
        assert!(paragraph.contains(&format!("`{name}`")), "{name}");
    }
}
