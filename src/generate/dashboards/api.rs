use super::sheet::{
    RATE, Sheet, counter, distribution, gauge, histogram, hundredths, over_time, share,
    traced_percentiles,
};
use crate::generate::alert_query::{answered, failed};
use crate::generate::grafana::{Color, Dashboard, Override, Panel, Query, Row, Unit, View};
use crate::model::alerts::{self, Signal};
use crate::model::catalog::{api, health, process};
use crate::model::promql::{Counter, Select as _, Vector, Window};

/// Requests, and the processes that answer them.
pub(super) fn dashboard(sheet: &Sheet<'_>) -> Dashboard {
    Dashboard {
        uid: alerts::Dashboard::Api.uid(),
        title: "API performance",
        description: "Requests: how many, how many fail, how long they take, and what the processes that answer them have left.",
        since: "1h",
        variables: sheet.variables(),
        annotations: sheet.annotations(),
        rows: vec![
            Row::new("Overview", overview(sheet)),
            Row::new("Requests: rate, errors, duration", requests(sheet)),
            Row::new("Saturation", saturation(sheet)),
            Row::new("Health", health(sheet)),
        ],
    }
}

fn requests_by(labels: &[&str]) -> Vector {
    counter(&api::REQUESTS).rate(RATE).sum_by(labels)
}

/// Of users' requests those that were answered, and those that the API itself failed, as alerts see them:
/// without probes, and without clients that went away.
fn judged(sheet: &Sheet<'_>) -> (Counter, Counter) {
    let (requests, time) = (counter(&api::REQUESTS), sheet.time());
    (answered(requests.clone(), time), failed(requests, time))
}

/// The share of failed requests.
fn failed_share(sheet: &Sheet<'_>, by: &[&str]) -> Vector {
    let (answered, failed) = judged(sheet);
    share(
        &failed.rate(RATE).sum_by(by),
        &answered.rate(RATE).sum_by(by),
    )
}

fn overview(sheet: &Sheet<'_>) -> Vec<Panel> {
    let minutes = Window::minutes(5);
    let (all, bad) = judged(sheet);
    let ratio = share(
        &bad.increase(minutes).sum_by(&[]),
        &all.increase(minutes).sum_by(&[]),
    );
    let durations = answered(histogram(&api::REQUEST_DURATION), sheet.time());
    let p95 = durations.quantile(hundredths(95), RATE, &[]);
    let connections = gauge(&api::ACTIVE_CONNECTIONS).now().sum_by(&[]);
    let error_ratio = Panel::new(View::Stat, "Error rate")
        .describe(
            "The share of requests that ended in a 5xx, a panic or a timeout in 5 minutes, which is what the alert looks at: without probes, and without clients that went away.",
            "Below the first level; 0 % is usual.",
        )
        .unit(Unit::Share)
        .decimals(2)
        .nothing("no requests")
        .query(over_time(&ratio).legend("error rate"));
    let slow = Panel::new(View::Stat, "Response time, p95")
        .describe(
            "95 of 100 requests were answered within this time.",
            "Below the first level, and no step after a release.",
        )
        .unit(Unit::Seconds)
        .nothing("no requests")
        .query(over_time(&p95).legend("p95"));
    vec![
        sheet.page(
            Panel::new(View::Stat, "Request rate")
                .describe(
                    "Requests a second.",
                    "As usual at this hour; a sudden 0 is an outage in front of the API.",
                )
                .unit(Unit::RequestsPerSecond)
                .query(over_time(&requests_by(&[])).legend("requests")),
            "slow-performance",
        ),
        sheet.alert(error_ratio, Signal::ApiErrorRatio),
        sheet.alert(slow, Signal::ApiLatency),
        sheet.page(
            Panel::new(View::Stat, "Open connections")
                .describe(
                    "Client connections that are open.",
                    "In step with the request rate.",
                )
                .unit(Unit::Count)
                .query(over_time(&connections).legend("connections")),
            "slow-performance",
        ),
        sheet.memory_stat(None),
        sheet.cpu_stat(None),
    ]
}

fn requests(sheet: &Sheet<'_>) -> Vec<Panel> {
    let duration = answered(histogram(&api::REQUEST_DURATION), sheet.time());
    let rate = Panel::new(View::Stacked, "Request rate")
        .describe(
            "Requests a second by route; requests without a route are those that nothing matched.",
            "The shape of the day before.",
        )
        .unit(Unit::RequestsPerSecond)
        .query(over_time(&requests_by(&["http.route"])).legend("{{http_route}}"));
    let percentiles = traced_percentiles("Response time percentiles", &duration).describe(
        "50, 90, 95 and 99 of 100 requests were answered within these times, to the response's head. Points are traces: click one.",
        "p95 below the first line, and p99 not far from it.",
    );
    let by_route = duration.quantile(hundredths(95), RATE, &["http.route"]);
    let by_route = Panel::new(View::Lines, "Response time p95 by route")
        .describe(
            "95 of 100 requests of each route were answered within this time.",
            "No route far from the others without a reason.",
        )
        .unit(Unit::Seconds)
        .query(
            over_time(&by_route)
                .legend("{{http_route}}")
                .with_exemplars(),
        );
    let distribution = distribution("Response time distribution", &duration).describe(
        "How many requests a second took how long.",
        "One band; a second one above it is a dependency or a lock.",
    );
    vec![
        sheet.page(rate, "slow-performance"),
        error_rate(sheet),
        sheet.alert(percentiles, Signal::ApiLatency),
        sheet.page_of(errors_by_kind(), Signal::ApiErrorRatio),
        sheet.alert(by_route, Signal::ApiLatency),
        sheet.page_of(distribution, Signal::ApiLatency),
        routes(sheet),
        sheet.page(broken(), "high-error-rate"),
    ]
}

fn error_rate(sheet: &Sheet<'_>) -> Panel {
    let ratio = failed_share(sheet, &["job"]);
    let panel = Panel::new(View::Lines, "Error rate")
        .describe(
            "The share of requests that ended in a 5xx, a panic or a timeout.",
            "0 % most of the time; a plateau after a release is the release.",
        )
        .unit(Unit::Share)
        .query(over_time(&ratio).legend("{{job}}"))
        .link(sheet.to("Error budgets", alerts::Dashboard::Slo))
        .link(sheet.to("Database", alerts::Dashboard::Database));
    sheet.alert(panel, Signal::ApiErrorRatio)
}

fn errors_by_kind() -> Panel {
    let all = counter(&api::REQUESTS).with("error.type").is_not("");
    let by = ["error.type", "http.route"];
    Panel::new(View::Bars, "Errors by kind")
        .describe(
            "Requests a second that did not end well, by kind and route; `cancelled` are clients that went away, which is no error of the API.",
            "Few, and no kind that was not there yesterday.",
        )
        .unit(Unit::RequestsPerSecond)
        .nothing("no errors")
        .query(over_time(&all.rate(RATE).sum_by(&by)).legend("{{error_type}} {{http_route}}"))
}

fn routes(sheet: &Sheet<'_>) -> Panel {
    let route = ["http.route", "http.request.method"];
    let ratio = failed_share(sheet, &route);
    let slow = histogram(&api::REQUEST_DURATION).quantile(hundredths(95), RATE, &route);
    let table = |vector: &Vector| Query::table(vector.to_string());
    let panel = Panel::new(View::Table, "Routes")
        .describe("Each route now: requests a second, the share that fails, and the time in which 95 of 100 are answered.", "No colours.")
        .query(table(&requests_by(&route)))
        .query(table(&ratio))
        .query(table(&slow))
        .joined(&["http_request_method", "http_route", "Value #A", "Value #B", "Value #C"])
        .differ(Override::of("http_request_method").renamed("Method"))
        .differ(Override::of("http_route").renamed("Route"))
        .differ(Override::of("Value #A").renamed("Rate").unit(Unit::RequestsPerSecond))
        .differ(Override::of("Value #B").renamed("Error rate").unit(Unit::Share).steps(&sheet.steps(Signal::ApiErrorRatio)))
        .differ(Override::of("Value #C").renamed("p95").unit(Unit::Seconds).steps(&sheet.steps(Signal::ApiLatency)));
    sheet.page_of(panel, Signal::ApiErrorRatio)
}

fn broken() -> Panel {
    let broken = counter(&api::BROKEN_BODIES).rate(RATE).sum_by(&["reason"]);
    Panel::new(View::Bars, "Broken responses")
        .describe(
            "Responses a second whose body broke off, by reason.",
            "None, or clients that went away.",
        )
        .unit(Unit::PerSecond)
        .nothing("none")
        .query(over_time(&broken).legend("{{reason}}"))
}

fn saturation(sheet: &Sheet<'_>) -> Vec<Panel> {
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
    let limits = |panel: Panel| panel.differ(Override::matching("limit.*").drawn_as_limit());
    vec![
        sheet.page(
            Panel::new(View::Lines, "Active connections")
                .describe(
                    "Client connections that are open, by process.",
                    "Replicas have about as many each.",
                )
                .unit(Unit::Count)
                .query(over_time(&connections).legend("{{job}} {{instance}}")),
            "slow-performance",
        ),
        sheet.page(
            Panel::new(View::Lines, "Active requests")
                .describe(
                    "Requests in progress, to the last byte of the response, by process.",
                    "Request rate × response time; rising at an even rate is a queue.",
                )
                .unit(Unit::Count)
                .query(over_time(&active).legend("{{job}} {{instance}}")),
            "slow-performance",
        ),
        sheet.memory_usage("Memory usage", None),
        sheet.cpu_usage("CPU usage", None),
        sheet.page_of(
            limits(
                Panel::new(View::Lines, "Memory in bytes")
                    .describe(
                        "Resident memory, and the limit that applies.",
                        "Far from the limit.",
                    )
                    .unit(Unit::Bytes)
                    .query(over_time(&memory).legend("{{job}} {{instance}}"))
                    .query(over_time(&limit).legend("limit {{instance}}")),
            ),
            Signal::MemoryUsage,
        ),
        sheet.page_of(
            limits(
                Panel::new(View::Lines, "Processors in use")
                    .describe(
                        "Processors that are used, by mode, and those that the limit allows.",
                        "Mostly user time.",
                    )
                    .unit(Unit::Count)
                    .query(over_time(&cpu).legend("{{cpu_mode}} {{instance}}"))
                    .query(over_time(&processors).legend("limit {{instance}}")),
            ),
            Signal::CpuUsage,
        ),
        sheet.page(
            Panel::new(View::Lines, "Open file descriptors")
                .describe(
                    "Files and sockets that a process holds open.",
                    "In step with connections; a line that only rises is a leak.",
                )
                .unit(Unit::Count)
                .query(over_time(&descriptors).legend("{{job}} {{instance}}")),
            "slow-performance",
        ),
        disk(sheet),
    ]
}

fn disk(sheet: &Sheet<'_>) -> Panel {
    let used = gauge(&process::DISK_UTILIZATION).now();
    let free = used
        .max_by(&["instance", "system.filesystem.mountpoint"])
        .complement();
    let panel = Panel::new(View::Lines, "Free disk space")
        .describe(
            "What is free of each file system that is watched, as a share.",
            "Well above the line, and not falling.",
        )
        .unit(Unit::Share)
        .query(over_time(&free).legend("{{system_filesystem_mountpoint}} {{instance}}"));
    sheet.alert(panel, Signal::DiskFree)
}

fn health(sheet: &Sheet<'_>) -> Vec<Panel> {
    let words = |panel: Panel| {
        panel
            .word(0.0, "pass", Color::Green)
            .word(1.0, "warn", Color::Yellow)
            .word(2.0, "fail", Color::Red)
    };
    let checks = grade(
        &|status| gauge(&health::CHECK_STATUS).with("status").is(status).now(),
        &["check"],
    );
    let services = grade(
        &|status| {
            gauge(&health::STATUS_OF_SERVICE)
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
        sheet.page_of(
            words(Panel::new(View::StateTimeline, "Health by process"))
                .describe("The status that each process gives of itself.", "pass.")
                .query(over_time(&services).legend("{{job}} {{instance}}")),
            Signal::NotReady,
        ),
        sheet.page_of(
            words(Panel::new(View::StateTimeline, "Health checks"))
                .describe(
                    "The status of each check after damping; the worst of all processes.",
                    "pass.",
                )
                .query(over_time(&checks).legend("{{check}}")),
            Signal::NotReady,
        ),
        sheet.page_of(
            Panel::new(View::StateTimeline, "Readiness")
                .word(0.0, "not ready", Color::Red)
                .word(1.0, "ready", Color::Green)
                .describe(
                    "Whether a process may be sent requests.",
                    "ready, but for the first seconds and the last.",
                )
                .query(over_time(&ready).legend("{{job}} {{instance}}")),
            Signal::NotReady,
        ),
        sheet.page_of(
            Panel::new(View::Lines, "Uptime")
                .describe(
                    "Time since each process started.",
                    "Rises; a saw is a crash loop.",
                )
                .unit(Unit::Seconds)
                .query(over_time(&uptime).legend("{{job}} {{instance}}")),
            Signal::TargetDown,
        ),
        sheet.page_of(
            Panel::new(View::Lines, "Time that checks take")
                .describe(
                    "How long the latest run of each check took.",
                    "Far below the deadline of a check (2 s unless configured).",
                )
                .unit(Unit::Seconds)
                .query(over_time(&duration).legend("{{check}}")),
            Signal::NotReady,
        ),
        sheet.page_of(
            Panel::new(View::Lines, "Age of check results")
                .describe(
                    "How old the latest result of each check is.",
                    "A saw not higher than the interval of the checks (10 s unless configured).",
                )
                .unit(Unit::Seconds)
                .query(over_time(&age).legend("{{check}}")),
            Signal::NotReady,
        ),
    ]
}

/// 0 for pass, 1 for warn, 2 for fail; the worst counts.
fn grade(of: &dyn Fn(&str) -> Vector, by: &[&str]) -> Vector {
    let warn = of("warn").max_by(by);
    let fail = of("fail").max_by(by).times(2_u32);
    warn.plus(&fail)
}
