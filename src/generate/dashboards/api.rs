//! Overview first: six numbers in the colours of their alerts, for whoever opens it from a page at
//! night. Everything below explains one of them.

use super::context::{
    DashboardContext, RATE, counter, gauge, greatest, histogram, least, rate, total,
};
use super::panel_spec::{
    CPU_STAT, MEMORY_STAT, PanelSpec, bars, cpu_usage, distribution, lines, memory_usage, row,
    stacked, stat, state_timeline, table, traced_percentiles, with_limit_lines, with_link,
};
use crate::generate::alerts::requests::{answered, failed, select_answered};
use crate::generate::grafana::{Color, DashboardModel, DisplayUnit, FieldOverride, Panel};
use crate::model::alerts::{AlertSignal, DashboardId};
use crate::model::catalog::{MetricSpec, api, client, health, process};
use crate::model::promql::{HistogramQuery, InstantVector, Select as _};

/// Returns the dashboard of requests and of the processes that answer them.
pub(super) fn dashboard(context: &DashboardContext<'_>) -> DashboardModel {
    context.dashboard(
        DashboardId::Api,
        "API performance",
        "Requests: how many there are, how many fail, how long they take, and how much headroom the processes that answer them have.",
        "1h",
        vec![
            row(context, "Overview", OVERVIEW),
            row(context, "Requests: rate, errors, duration", REQUESTS),
            row(context, "Saturation", SATURATION),
            row(context, "Health", HEALTH),
            row(context, "Calls to other services", CALLS),
            row(context, "gRPC: calls that were answered and made", GRPC),
        ],
    )
}

const OVERVIEW: &[PanelSpec] = &[
    stat("Request rate", DisplayUnit::RequestsPerSecond)
        .shows(
            "Requests per second.",
            "As usual for this hour; a sudden drop to 0 is an outage in front of the API.",
        )
        .query("requests", || rate(&api::REQUESTS, &[]))
        .page("slow-performance"),
    stat("Error rate", DisplayUnit::Share)
        .shows(
            "The share of requests that ended in a server error, a panic or a timeout in 5 minutes, which is what the alert looks at: without clients that went away.",
            "Below the first level; 0 % is usual.",
        )
        .query("error rate", || error_ratio(&[]))
        .with(|panel, _| panel.decimals(2).no_value("no requests"))
        .levels(AlertSignal::ApiErrorRatio),
    stat("Response time, p95", DisplayUnit::Seconds)
        .shows(
            "95 of 100 requests were answered within this time.",
            "Below the first level, and no step after a release.",
        )
        .query("p95", || durations().percentile(95, RATE, &[]))
        .with(|panel, _| panel.no_value("no requests"))
        .levels(AlertSignal::ApiLatency),
    stat("Open connections", DisplayUnit::Count)
        .shows(
            "Client connections that are open.",
            "In step with the request rate.",
        )
        .query("connections", || total(&api::ACTIVE_CONNECTIONS, &[]))
        .page("slow-performance"),
    MEMORY_STAT.query("memory", || greatest(&process::MEMORY_UTILIZATION, &[])),
    CPU_STAT.query("CPU", || greatest(&process::CPU_UTILIZATION, &[])),
];

const REQUESTS: &[PanelSpec] = &[
    stacked("Request rate", DisplayUnit::RequestsPerSecond)
        .shows(
            "Requests per second by route; requests without a route are those that nothing matched.",
            "The shape of the day before.",
        )
        .query("{{http_route}}", || rate(&api::REQUESTS, &["http.route"]))
        .page("slow-performance"),
    lines("Error rate", DisplayUnit::Share)
        .shows(
            "The share of requests that ended in a server error, a panic or a timeout in 5 minutes.",
            "0 % most of the time; a plateau that starts with a release is caused by it.",
        )
        .query("{{job}}", || error_ratio(&["job"]))
        .with(|panel, _| {
            let panel = with_link(panel, "Error budgets", DashboardId::Slo);
            with_link(panel, "Database", DashboardId::Database)
        })
        .levels(AlertSignal::ApiErrorRatio),
    traced_percentiles("Response time percentiles", durations)
        .shows(
            "50, 90, 95 and 99 of 100 requests were answered within these times, to the response's head. Points are traces: click one.",
            "p95 below the first line, and p99 not far from it.",
        )
        .levels(AlertSignal::ApiLatency),
    bars("Errors by kind", DisplayUnit::RequestsPerSecond)
        .shows(
            "Unsuccessful requests per second, by kind and route; `cancelled` are clients that went away, which is not an error of the API.",
            "Few, and no kind that was not there yesterday.",
        )
        .query("{{error_type}} {{http_route}}", || {
            let failed = counter(&api::REQUESTS).with("error.type").other_than("");
            failed.rate(RATE).sum_by(&["error.type", "http.route"])
        })
        .with(|panel, _| panel.no_value("no errors"))
        .alert(AlertSignal::ApiErrorRatio),
    lines("Response time p95 by route", DisplayUnit::Seconds)
        .shows(
            "95 of 100 requests of each route were answered within this time.",
            "No route far from the others without a reason.",
        )
        .traced("{{http_route}}", || durations().percentile(95, RATE, &["http.route"]))
        .levels(AlertSignal::ApiLatency),
    distribution("Response time distribution", durations)
        .shows(
            "How many requests per second took how long.",
            "One band; a second band above it is a dependency or a lock.",
        )
        .alert(AlertSignal::ApiLatency),
    table("Routes")
        .shows("Each route now: requests per second, the share that fails, and the time in which 95 of 100 are answered.", "No colours.")
        .rows(|| rate(&api::REQUESTS, ROUTE))
        .rows(|| error_ratio(ROUTE))
        .rows(|| histogram(&api::REQUEST_DURATION).percentile(95, RATE, ROUTE))
        .with(with_route_columns)
        .alert(AlertSignal::ApiErrorRatio),
    bars("Broken responses", DisplayUnit::PerSecond)
        .shows(
            "Responses per second whose body broke off, by reason.",
            "None, or clients that went away.",
        )
        .query("{{reason}}", || rate(&api::BROKEN_BODIES, &["reason"]))
        .with(|panel, _| panel.no_value("none"))
        .page("high-error-rate"),
];

const SATURATION: &[PanelSpec] = &[
    lines("Active connections", DisplayUnit::Count)
        .shows(
            "Client connections that are open, by process.",
            "Replicas have about as many each.",
        )
        .query("{{job}} {{instance}}", || {
            total(&api::ACTIVE_CONNECTIONS, PROCESS)
        })
        .page("slow-performance"),
    lines("Active requests", DisplayUnit::Count)
        .shows(
            "Requests in progress, to the last byte of the response, by process.",
            "Request rate × response time; rising at an even rate is a queue.",
        )
        .query("{{job}} {{instance}}", || {
            total(&api::ACTIVE_REQUESTS, PROCESS)
        })
        .page("slow-performance"),
    memory_usage("Memory usage").query("{{job}} {{instance}}", || {
        greatest(&process::MEMORY_UTILIZATION, PROCESS)
    }),
    cpu_usage("CPU usage").query("{{job}} {{instance}}", || {
        greatest(&process::CPU_UTILIZATION, PROCESS)
    }),
    lines("Memory in bytes", DisplayUnit::Bytes)
        .shows(
            "Resident memory, and the limit that applies.",
            "Far from the limit.",
        )
        .query("{{job}} {{instance}}", || {
            greatest(&process::MEMORY, PROCESS)
        })
        .query("limit {{instance}}", || {
            greatest(&process::MEMORY_LIMIT, PROCESS)
        })
        .with(|panel, _| with_limit_lines(panel))
        .alert(AlertSignal::MemoryUsage),
    lines("Processors in use", DisplayUnit::Count)
        .shows(
            "Processors in use, by mode, and the number that the limit allows.",
            "Mostly user time.",
        )
        .query("{{cpu_mode}} {{instance}}", || {
            rate(&process::CPU_TIME, &["job", "instance", "cpu.mode"])
        })
        .query("limit {{instance}}", || {
            greatest(&process::CPU_LIMIT, PROCESS)
        })
        .with(|panel, _| with_limit_lines(panel))
        .alert(AlertSignal::CpuUsage),
    lines("Busy threads of runtimes", DisplayUnit::Count)
        .shows(
            "Threads of each watched runtime that run tasks, and all that it has.",
            "Below 80 % of all; where all are busy, every request waits for a thread.",
        )
        .query("{{runtime}} {{instance}}", || {
            rate(&process::RUNTIME_BUSY, OF_RUNTIME)
        })
        .query("all {{runtime}} {{instance}}", || {
            greatest(&process::RUNTIME_WORKERS, OF_RUNTIME)
        })
        .with(|panel, _| panel.no_value("no runtime is watched"))
        .page("slow-performance"),
    lines("Tasks of runtimes", DisplayUnit::Count)
        .shows(
            "Tasks of each watched runtime that have not ended, and those that wait in its global queue.",
            "In step with requests in progress, and next to none that wait; a line that only rises is a leak.",
        )
        .query("{{runtime}} {{instance}}", || {
            greatest(&process::RUNTIME_TASKS, OF_RUNTIME)
        })
        .query("waiting {{runtime}} {{instance}}", || {
            greatest(&process::RUNTIME_GLOBAL_QUEUE, OF_RUNTIME)
        })
        .with(|panel, _| panel.no_value("no runtime is watched"))
        .page("slow-performance"),
    lines("Open file descriptors", DisplayUnit::Count)
        .shows(
            "Files and sockets that a process holds open.",
            "In step with connections; a line that only rises is a leak.",
        )
        .query("{{job}} {{instance}}", || {
            greatest(&process::FILE_DESCRIPTORS, PROCESS)
        })
        .page("slow-performance"),
    lines("Free disk space", DisplayUnit::Share)
        .shows(
            "Free space of each watched file system, as a share.",
            "Well above the line, and not falling.",
        )
        .query("{{system_filesystem_mountpoint}} {{instance}}", || {
            let by = ["instance", "system.filesystem.mountpoint"];
            greatest(&process::DISK_UTILIZATION, &by).complement()
        })
        .levels(AlertSignal::DiskFree),
];

const HEALTH: &[PanelSpec] = &[
    state_timeline("Health by process", DisplayUnit::Count)
        .shows("The status that each process reports.", "pass.")
        .query("{{job}} {{instance}}", || {
            status_level(&health::SERVICE_STATUS, PROCESS)
        })
        .with(with_status_words)
        .alert(AlertSignal::NotReady),
    state_timeline("Health checks", DisplayUnit::Count)
        .shows(
            "The status of each check after damping; the worst of all processes.",
            "pass.",
        )
        .query("{{check}}", || {
            status_level(&health::CHECK_STATUS, &["check"])
        })
        .with(with_status_words)
        .alert(AlertSignal::NotReady),
    state_timeline("Readiness", DisplayUnit::Count)
        .shows(
            "Whether a process may be sent requests.",
            "ready, except in the first and last seconds of a process.",
        )
        .query("{{job}} {{instance}}", || least(&health::READY, PROCESS))
        .with(|panel, _| {
            panel
                .value_mapping(0.0, "not ready", Color::Red)
                .value_mapping(1.0, "ready", Color::Green)
        })
        .alert(AlertSignal::NotReady),
    lines("Uptime", DisplayUnit::Seconds)
        .shows(
            "Time since each process started.",
            "Rises steadily; a sawtooth is a crash loop.",
        )
        .query("{{job}} {{instance}}", || least(&process::UPTIME, PROCESS))
        .alert(AlertSignal::TargetDown),
    table("Builds that run")
        .shows(
            "The version and the source revision of each service, and the number of its processes.",
            "One build of each service, except while a release rolls out.",
        )
        .rows(|| total(&process::BUILD_INFO, BUILD))
        .with(with_build_columns)
        .alert(AlertSignal::TargetDown),
    lines("Time that checks take", DisplayUnit::Seconds)
        .shows(
            "How long the latest run of each check took.",
            "Far below the timeout of a check (2 s by default).",
        )
        .query("{{check}}", || {
            greatest(&health::CHECK_DURATION, &["check"])
        })
        .alert(AlertSignal::NotReady),
    lines("Age of check results", DisplayUnit::Seconds)
        .shows(
            "How old the latest result of each check is.",
            "A sawtooth not higher than the interval of the checks (10 s by default).",
        )
        .query("{{check}}", || greatest(&health::CHECK_AGE, &["check"]))
        .alert(AlertSignal::NotReady),
];

const CALLS: &[PanelSpec] = &[
    stacked("Calls by server", DisplayUnit::RequestsPerSecond)
        .shows(
            "HTTP calls per second to each server.",
            "In step with the requests that cause them; a step without one is a loop of retries.",
        )
        .query("{{server_address}}", || calls().count(RATE).sum_by(SERVER))
        .with(|panel, _| panel.no_value("no calls"))
        .page("slow-performance"),
    // Not a share: the query of one by server is longer than a person reads.
    bars("Failed calls by server", DisplayUnit::RequestsPerSecond)
        .shows(
            "HTTP calls per second that ended without a response or with a status from 400 on, by server and kind; `cancelled` are those that the caller broke off.",
            "None, unless an API answers 404 to usual questions.",
        )
        .query("{{server_address}} {{error_type}}", || {
            let failed = calls().with("error.type").other_than("");
            failed.count(RATE).sum_by(&["server.address", "error.type"])
        })
        .with(|panel, _| panel.no_value("none"))
        .page("high-error-rate"),
    lines("Time of calls p95 by server", DisplayUnit::Seconds)
        .shows(
            "95 of 100 calls to each server were answered within this time. Points are traces: click one.",
            "Below what the requests that wait for it may take.",
        )
        .traced("{{server_address}}", || calls().percentile(95, RATE, SERVER))
        .with(|panel, _| panel.no_value("no calls"))
        .page("slow-performance"),
];

const GRPC: &[PanelSpec] = &[
    stacked("Answered gRPC calls by status", DisplayUnit::RequestsPerSecond)
        .shows(
            "gRPC calls per second that this service answered, by their status.",
            "`OK`, with few others; `UNAVAILABLE` and `INTERNAL` are this service's faults.",
        )
        .query("{{rpc_response_status_code}}", || {
            histogram(&api::RPC_DURATION).count(RATE).sum_by(GRPC_STATUS)
        })
        .with(|panel, _| panel.no_value("no calls"))
        .page("high-error-rate"),
    lines("Time to answer gRPC p95 by method", DisplayUnit::Seconds)
        .shows(
            "95 of 100 calls of each method had their status within this time. Points are traces: click one.",
            "As the day before; streams take as long as they last.",
        )
        .traced("{{rpc_method}}", || {
            histogram(&api::RPC_DURATION).percentile(95, RATE, GRPC_METHOD)
        })
        .with(|panel, _| panel.no_value("no calls"))
        .page("slow-performance"),
    stacked("Made gRPC calls by status", DisplayUnit::RequestsPerSecond)
        .shows(
            "gRPC calls per second to other services, by their status.",
            "`OK`; a call without a status ended before the other side answered.",
        )
        .query("{{rpc_response_status_code}}", || {
            histogram(&client::RPC_CALL_DURATION).count(RATE).sum_by(GRPC_STATUS)
        })
        .with(|panel, _| panel.no_value("no calls"))
        .page("high-error-rate"),
    lines("Time of made gRPC calls p95 by server", DisplayUnit::Seconds)
        .shows(
            "95 of 100 gRPC calls to each server had their status within this time.",
            "Below what the requests that wait for it may take.",
        )
        .traced("{{server_address}}", || {
            histogram(&client::RPC_CALL_DURATION).percentile(95, RATE, SERVER)
        })
        .with(|panel, _| panel.no_value("no calls"))
        .page("slow-performance"),
];

const SERVER: &[&str] = &["server.address"];
const GRPC_STATUS: &[&str] = &["rpc.response.status_code"];
const GRPC_METHOD: &[&str] = &["rpc.method"];
const PROCESS: &[&str] = &["job", "instance"];
const OF_RUNTIME: &[&str] = &["job", "instance", "runtime"];
const BUILD: &[&str] = &["job", "version", "revision"];
const ROUTE: &[&str] = &["http.route", "http.request.method"];

/// Returns the time to answer, without requests whose client went away.
fn durations() -> HistogramQuery {
    select_answered(histogram(&api::REQUEST_DURATION))
}

/// Returns the share of failed requests, as alerts count them.
fn error_ratio(by: &[&str]) -> InstantVector {
    let [answered, failed] =
        [answered(), failed()].map(|requests| requests.with_dashboard_variables().now().sum_by(by));
    failed.div(&answered.above(0_u32))
}

/// Returns the time of calls to other services.
fn calls() -> HistogramQuery {
    histogram(&client::HTTP_CALL_DURATION)
}

fn with_route_columns(panel: Panel, context: &DashboardContext<'_>) -> Panel {
    let column = |name, title| FieldOverride::by_name(name).display_name(title);
    let levels = |signal| context.threshold_steps(signal);
    panel
        .merge_tables(&[
            "http_request_method",
            "http_route",
            "Value #A",
            "Value #B",
            "Value #C",
        ])
        .with_override(column("http_request_method", "Method"))
        .with_override(column("http_route", "Route"))
        .with_override(column("Value #A", "Rate").unit(DisplayUnit::RequestsPerSecond))
        .with_override(
            column("Value #B", "Error rate")
                .unit(DisplayUnit::Share)
                .steps(&levels(AlertSignal::ApiErrorRatio)),
        )
        .with_override(
            column("Value #C", "p95")
                .unit(DisplayUnit::Seconds)
                .steps(&levels(AlertSignal::ApiLatency)),
        )
}

fn with_build_columns(panel: Panel, _: &DashboardContext<'_>) -> Panel {
    let column = |name, title| FieldOverride::by_name(name).display_name(title);
    panel
        .merge_tables(&["job", "version", "revision", "Value"])
        .with_override(column("job", "Service"))
        .with_override(column("version", "Version"))
        .with_override(column("revision", "Revision"))
        .with_override(column("Value", "Processes"))
}

fn with_status_words(panel: Panel, _: &DashboardContext<'_>) -> Panel {
    panel
        .value_mapping(0.0, "pass", Color::Green)
        .value_mapping(1.0, "warn", Color::Yellow)
        .value_mapping(2.0, "fail", Color::Red)
}

/// Returns 0 for pass, 1 for warn, 2 for fail; the worst counts.
fn status_level(status: &'static MetricSpec, by: &[&str]) -> InstantVector {
    let of = |value| gauge(status).with("status").is(value).now().max_by(by);
    of("warn").add(&of("fail").mul_number(2_u32))
}
