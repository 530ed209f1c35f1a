use super::context::{
    DashboardContext, RATE, counter, distribution_panel, gauge, histogram, over_time, percent,
    ratio_or_zero, traced_percentiles_panel,
};
use crate::generate::alerts::{select_answered, select_failed};
use crate::generate::grafana::{
    Color, DashboardModel, DashboardRow, DisplayUnit, FieldOverride, Panel, PanelQuery,
    Visualization,
};
use crate::model::alerts::{self, AlertSignal};
use crate::model::catalog::{api, health, process};
use crate::model::promql::{CounterQuery, InstantVector, QueryWindow, Select as _};

/// Returns the dashboard of requests and of the processes that answer them.
pub(super) fn dashboard(context: &DashboardContext<'_>) -> DashboardModel {
    DashboardModel {
        uid: alerts::DashboardId::Api.uid(),
        title: "API performance",
        description: "Requests: how many, how many fail, how long they take, and what the processes that answer them have left.",
        since: "1h",
        variables: context.variables(),
        annotations: context.annotations(),
        rows: vec![
            DashboardRow::new("Overview", overview(context)),
            DashboardRow::new("Requests: rate, errors, duration", requests(context)),
            DashboardRow::new("Saturation", saturation(context)),
            DashboardRow::new("Health", health(context)),
        ],
    }
}

fn requests_by(labels: &[&str]) -> InstantVector {
    counter(&api::REQUESTS).rate(RATE).sum_by(labels)
}

/// Returns users' requests that were answered, and those that the API itself failed, as alerts count
/// them: without probes, and without cancelled requests.
fn answered_and_failed(context: &DashboardContext<'_>) -> (CounterQuery, CounterQuery) {
    let (requests, windows) = (counter(&api::REQUESTS), context.windows());
    (
        select_answered(requests.clone(), windows),
        select_failed(requests, windows),
    )
}

/// Returns the share of failed requests.
fn error_ratio(context: &DashboardContext<'_>, by: &[&str]) -> InstantVector {
    let (answered, failed) = answered_and_failed(context);
    ratio_or_zero(
        &failed.rate(RATE).sum_by(by),
        &answered.rate(RATE).sum_by(by),
    )
}

fn overview(context: &DashboardContext<'_>) -> Vec<Panel> {
    let minutes = QueryWindow::minutes(5);
    let (all, bad) = answered_and_failed(context);
    let ratio = ratio_or_zero(
        &bad.increase(minutes).sum_by(&[]),
        &all.increase(minutes).sum_by(&[]),
    );
    let durations = select_answered(histogram(&api::REQUEST_DURATION), context.windows());
    let p95 = durations.quantile(percent(95), RATE, &[]);
    let connections = gauge(&api::ACTIVE_CONNECTIONS).now().sum_by(&[]);
    let error_ratio = Panel::new(Visualization::Stat, "Error rate")
        .describe(
            "The share of requests that ended in a 5xx, a panic or a timeout in 5 minutes, which is what the alert looks at: without probes, and without clients that went away.",
            "Below the first level; 0 % is usual.",
        )
        .unit(DisplayUnit::Share)
        .decimals(2)
        .no_value("no requests")
        .query(over_time(&ratio).legend("error rate"));
    let slow = Panel::new(Visualization::Stat, "Response time, p95")
        .describe(
            "95 of 100 requests were answered within this time.",
            "Below the first level, and no step after a release.",
        )
        .unit(DisplayUnit::Seconds)
        .no_value("no requests")
        .query(over_time(&p95).legend("p95"));
    vec![
        context.with_runbook(
            Panel::new(Visualization::Stat, "Request rate")
                .describe(
                    "Requests a second.",
                    "As usual at this hour; a sudden 0 is an outage in front of the API.",
                )
                .unit(DisplayUnit::RequestsPerSecond)
                .query(over_time(&requests_by(&[])).legend("requests")),
            "slow-performance",
        ),
        context.with_alert_levels(error_ratio, AlertSignal::ApiErrorRatio),
        context.with_alert_levels(slow, AlertSignal::ApiLatency),
        context.with_runbook(
            Panel::new(Visualization::Stat, "Open connections")
                .describe(
                    "Client connections that are open.",
                    "In step with the request rate.",
                )
                .unit(DisplayUnit::Count)
                .query(over_time(&connections).legend("connections")),
            "slow-performance",
        ),
        context.memory_stat(None),
        context.cpu_stat(None),
    ]
}

fn requests(context: &DashboardContext<'_>) -> Vec<Panel> {
    let duration = select_answered(histogram(&api::REQUEST_DURATION), context.windows());
    let rate = Panel::new(Visualization::Stacked, "Request rate")
        .describe(
            "Requests a second by route; requests without a route are those that nothing matched.",
            "The shape of the day before.",
        )
        .unit(DisplayUnit::RequestsPerSecond)
        .query(over_time(&requests_by(&["http.route"])).legend("{{http_route}}"));
    let percentiles = traced_percentiles_panel("Response time percentiles", &duration).describe(
        "50, 90, 95 and 99 of 100 requests were answered within these times, to the response's head. Points are traces: click one.",
        "p95 below the first line, and p99 not far from it.",
    );
    let by_route = duration.quantile(percent(95), RATE, &["http.route"]);
    let by_route = Panel::new(Visualization::Lines, "Response time p95 by route")
        .describe(
            "95 of 100 requests of each route were answered within this time.",
            "No route far from the others without a reason.",
        )
        .unit(DisplayUnit::Seconds)
        .query(
            over_time(&by_route)
                .legend("{{http_route}}")
                .with_exemplars(),
        );
    let distribution = distribution_panel("Response time distribution", &duration).describe(
        "How many requests a second took how long.",
        "One band; a second one above it is a dependency or a lock.",
    );
    vec![
        context.with_runbook(rate, "slow-performance"),
        error_rate(context),
        context.with_alert_levels(percentiles, AlertSignal::ApiLatency),
        context.with_alert_runbook(errors_by_kind(), AlertSignal::ApiErrorRatio),
        context.with_alert_levels(by_route, AlertSignal::ApiLatency),
        context.with_alert_runbook(distribution, AlertSignal::ApiLatency),
        routes_table(context),
        context.with_runbook(broken_bodies(), "high-error-rate"),
    ]
}

fn error_rate(context: &DashboardContext<'_>) -> Panel {
    let ratio = error_ratio(context, &["job"]);
    let panel = Panel::new(Visualization::Lines, "Error rate")
        .describe(
            "The share of requests that ended in a 5xx, a panic or a timeout.",
            "0 % most of the time; a plateau after a release is the release.",
        )
        .unit(DisplayUnit::Share)
        .query(over_time(&ratio).legend("{{job}}"))
        .link(context.dashboard_link("Error budgets", alerts::DashboardId::Slo))
        .link(context.dashboard_link("Database", alerts::DashboardId::Database));
    context.with_alert_levels(panel, AlertSignal::ApiErrorRatio)
}

fn errors_by_kind() -> Panel {
    let all = counter(&api::REQUESTS).with("error.type").is_not("");
    let by = ["error.type", "http.route"];
    Panel::new(Visualization::Bars, "Errors by kind")
        .describe(
            "Requests a second that did not end well, by kind and route; `cancelled` are clients that went away, which is no error of the API.",
            "Few, and no kind that was not there yesterday.",
        )
        .unit(DisplayUnit::RequestsPerSecond)
        .no_value("no errors")
        .query(over_time(&all.rate(RATE).sum_by(&by)).legend("{{error_type}} {{http_route}}"))
}

fn routes_table(context: &DashboardContext<'_>) -> Panel {
    let route = ["http.route", "http.request.method"];
    let ratio = error_ratio(context, &route);
    let slow = histogram(&api::REQUEST_DURATION).quantile(percent(95), RATE, &route);
    let table = |vector: &InstantVector| PanelQuery::table(vector.to_string());
    let panel = Panel::new(Visualization::Table, "Routes")
        .describe("Each route now: requests a second, the share that fails, and the time in which 95 of 100 are answered.", "No colours.")
        .query(table(&requests_by(&route)))
        .query(table(&ratio))
        .query(table(&slow))
        .merge_tables(&["http_request_method", "http_route", "Value #A", "Value #B", "Value #C"])
        .with_override(FieldOverride::by_name("http_request_method").display_name("Method"))
        .with_override(FieldOverride::by_name("http_route").display_name("Route"))
        .with_override(FieldOverride::by_name("Value #A").display_name("Rate").unit(DisplayUnit::RequestsPerSecond))
        .with_override(FieldOverride::by_name("Value #B").display_name("Error rate").unit(DisplayUnit::Share).steps(&context.threshold_steps(AlertSignal::ApiErrorRatio)))
        .with_override(FieldOverride::by_name("Value #C").display_name("p95").unit(DisplayUnit::Seconds).steps(&context.threshold_steps(AlertSignal::ApiLatency)));
    context.with_alert_runbook(panel, AlertSignal::ApiErrorRatio)
}

fn broken_bodies() -> Panel {
    let broken = counter(&api::BROKEN_BODIES).rate(RATE).sum_by(&["reason"]);
    Panel::new(Visualization::Bars, "Broken responses")
        .describe(
            "Responses a second whose body broke off, by reason.",
            "None, or clients that went away.",
        )
        .unit(DisplayUnit::PerSecond)
        .no_value("none")
        .query(over_time(&broken).legend("{{reason}}"))
}

fn saturation(context: &DashboardContext<'_>) -> Vec<Panel> {
    let by = ["job", "instance"];
    let connections = gauge(&api::ACTIVE_CONNECTIONS).now().sum_by(&by);
    let active = gauge(&api::ACTIVE_REQUESTS).now().sum_by(&by);
    let memory = gauge(&process::MEMORY).now().max_by(&by);
    let limit = gauge(&process::MEMORY_LIMIT).now().max_by(&by);
    let cpu = counter(&process::CPU_TIME)
        .rate(RATE)
        .sum_by(&["job", "instance", "cpu.mode"]);
    let processors = gauge(&process::CPU_LIMIT).now().max_by(&by);
    let descriptors = gauge(&process::FILE_DESCRIPTORS).now().max_by(&by);
    let limits =
        |panel: Panel| panel.with_override(FieldOverride::by_regex("limit.*").into_limit_line());
    vec![
        context.with_runbook(
            Panel::new(Visualization::Lines, "Active connections")
                .describe(
                    "Client connections that are open, by process.",
                    "Replicas have about as many each.",
                )
                .unit(DisplayUnit::Count)
                .query(over_time(&connections).legend("{{job}} {{instance}}")),
            "slow-performance",
        ),
        context.with_runbook(
            Panel::new(Visualization::Lines, "Active requests")
                .describe(
                    "Requests in progress, to the last byte of the response, by process.",
                    "Request rate × response time; rising at an even rate is a queue.",
                )
                .unit(DisplayUnit::Count)
                .query(over_time(&active).legend("{{job}} {{instance}}")),
            "slow-performance",
        ),
        context.memory_usage("Memory usage", None),
        context.cpu_usage("CPU usage", None),
        context.with_alert_runbook(
            limits(
                Panel::new(Visualization::Lines, "Memory in bytes")
                    .describe(
                        "Resident memory, and the limit that applies.",
                        "Far from the limit.",
                    )
                    .unit(DisplayUnit::Bytes)
                    .query(over_time(&memory).legend("{{job}} {{instance}}"))
                    .query(over_time(&limit).legend("limit {{instance}}")),
            ),
            AlertSignal::MemoryUsage,
        ),
        context.with_alert_runbook(
            limits(
                Panel::new(Visualization::Lines, "Processors in use")
                    .describe(
                        "Processors that are used, by mode, and those that the limit allows.",
                        "Mostly user time.",
                    )
                    .unit(DisplayUnit::Count)
                    .query(over_time(&cpu).legend("{{cpu_mode}} {{instance}}"))
                    .query(over_time(&processors).legend("limit {{instance}}")),
            ),
            AlertSignal::CpuUsage,
        ),
        context.with_runbook(
            Panel::new(Visualization::Lines, "Open file descriptors")
                .describe(
                    "Files and sockets that a process holds open.",
                    "In step with connections; a line that only rises is a leak.",
                )
                .unit(DisplayUnit::Count)
                .query(over_time(&descriptors).legend("{{job}} {{instance}}")),
            "slow-performance",
        ),
        free_disk_space(context),
    ]
}

fn free_disk_space(context: &DashboardContext<'_>) -> Panel {
    let used = gauge(&process::DISK_UTILIZATION).now();
    let free = used
        .max_by(&["instance", "system.filesystem.mountpoint"])
        .complement();
    let panel = Panel::new(Visualization::Lines, "Free disk space")
        .describe(
            "What is free of each file system that is watched, as a share.",
            "Well above the line, and not falling.",
        )
        .unit(DisplayUnit::Share)
        .query(over_time(&free).legend("{{system_filesystem_mountpoint}} {{instance}}"));
    context.with_alert_levels(panel, AlertSignal::DiskFree)
}

fn health(context: &DashboardContext<'_>) -> Vec<Panel> {
    let words = |panel: Panel| {
        panel
            .value_mapping(0.0, "pass", Color::Green)
            .value_mapping(1.0, "warn", Color::Yellow)
            .value_mapping(2.0, "fail", Color::Red)
    };
    let checks = status_level(
        &|status| gauge(&health::CHECK_STATUS).with("status").is(status).now(),
        &["check"],
    );
    let services = status_level(
        &|status| {
            gauge(&health::SERVICE_STATUS)
                .with("status")
                .is(status)
                .now()
        },
        &["job", "instance"],
    );
    let ready = gauge(&health::READY).now().min_by(&["job", "instance"]);
    let duration = gauge(&health::CHECK_DURATION).now().max_by(&["check"]);
    let age = gauge(&health::CHECK_AGE).now().max_by(&["check"]);
    let uptime = gauge(&process::UPTIME).now().min_by(&["job", "instance"]);
    vec![
        context.with_alert_runbook(
            words(Panel::new(
                Visualization::StateTimeline,
                "Health by process",
            ))
            .describe("The status that each process gives of itself.", "pass.")
            .query(over_time(&services).legend("{{job}} {{instance}}")),
            AlertSignal::NotReady,
        ),
        context.with_alert_runbook(
            words(Panel::new(Visualization::StateTimeline, "Health checks"))
                .describe(
                    "The status of each check after damping; the worst of all processes.",
                    "pass.",
                )
                .query(over_time(&checks).legend("{{check}}")),
            AlertSignal::NotReady,
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::StateTimeline, "Readiness")
                .value_mapping(0.0, "not ready", Color::Red)
                .value_mapping(1.0, "ready", Color::Green)
                .describe(
                    "Whether a process may be sent requests.",
                    "ready, but for the first seconds and the last.",
                )
                .query(over_time(&ready).legend("{{job}} {{instance}}")),
            AlertSignal::NotReady,
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::Lines, "Uptime")
                .describe(
                    "Time since each process started.",
                    "Rises; a saw is a crash loop.",
                )
                .unit(DisplayUnit::Seconds)
                .query(over_time(&uptime).legend("{{job}} {{instance}}")),
            AlertSignal::TargetDown,
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::Lines, "Time that checks take")
                .describe(
                    "How long the latest run of each check took.",
                    "Far below the deadline of a check (2 s unless configured).",
                )
                .unit(DisplayUnit::Seconds)
                .query(over_time(&duration).legend("{{check}}")),
            AlertSignal::NotReady,
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::Lines, "Age of check results")
                .describe(
                    "How old the latest result of each check is.",
                    "A saw not higher than the interval of the checks (10 s unless configured).",
                )
                .unit(DisplayUnit::Seconds)
                .query(over_time(&age).legend("{{check}}")),
            AlertSignal::NotReady,
        ),
    ]
}

/// Returns 0 for pass, 1 for warn, 2 for fail; the worst counts.
fn status_level(of: &dyn Fn(&str) -> InstantVector, by: &[&str]) -> InstantVector {
    let warn = of("warn").max_by(by);
    let fail = of("fail").max_by(by).mul_number(2_u32);
    warn.add(&fail)
}
