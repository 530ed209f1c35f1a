use vantage_obs::alerts::{AlertSignal, Severity};

use super::scenario::{
    AlertTexts, ExpectedAlert, Scenario, alert_texts, counter_values, gauge_values, scenario,
};

const WORKER: [(&str, &str); 2] = [("environment", "production"), ("worker_id", "publisher-1")];
const QUEUE: [(&str, &str); 2] = [("environment", "production"), ("queue", "publish")];
const SERVICE: [(&str, &str); 2] = [("environment", "production"), ("job", "vantage-worker")];
const REGISTRY: [(&str, &str); 2] = [("environment", "production"), ("job", "vantage-api")];

fn beats(instance: &str) -> String {
    format!(
        "vantage_worker_heartbeat_timestamp_seconds{{environment=\"production\", job=\"vantage-api\", \
         instance=\"{instance}\", worker_id=\"publisher-1\"}}"
    )
}

fn workers(state: &str) -> String {
    format!(
        "vantage_worker_workers{{environment=\"production\", job=\"vantage-api\", instance=\"a:80\", state=\"{state}\"}}"
    )
}

fn queue(metric: &str) -> String {
    format!(
        "{metric}{{environment=\"production\", job=\"vantage-worker\", instance=\"w:80\", queue=\"publish\"}}"
    )
}

fn jobs(outcome: &str) -> String {
    format!(
        "vantage_worker_jobs_total{{environment=\"production\", job=\"vantage-worker\", instance=\"w:80\", \
         job_kind=\"publish\", outcome=\"{outcome}\"}}"
    )
}

fn deep(threshold: &str, value: &str) -> AlertTexts {
    alert_texts(
        format!("More than {threshold} jobs are waiting in queue publish"),
        format!("{value} jobs are waiting in queue publish; the limit is {threshold}."),
    )
}

pub(super) fn scenarios() -> Vec<Scenario> {
    [offline(), queues(), failures()]
        .into_iter()
        .flatten()
        .collect()
}

fn offline() -> Vec<Scenario> {
    let (offline, many) = (AlertSignal::WorkerOffline, AlertSignal::WorkersOffline);
    let silent = |value: &str| {
        let texts = alert_texts(
            "Worker publisher-1 has sent no heartbeat for more than 5m",
            format!(
                "The last heartbeat of worker publisher-1 arrived {value} ago, and the worker did \
                 not sign off; after 5m it counts as offline."
            ),
        );
        ExpectedAlert::new(Severity::Critical, &WORKER, texts)
    };
    vec![
        // The last beat anybody hears is at minute 10; at minute 15 it is exactly 5 minutes old.
        scenario("a worker falls silent")
            .series(&beats("a:80"), "0+60x10 600+0x20")
            .series(&beats("b:80"), "0+60x5 300+0x25")
            .quiet(offline, &["10m", "15m"])
            .fires(offline, "16m", [silent("6m 0s")])
            .fires(offline, "30m", [silent("20m 0s")]),
        scenario("a worker is heard by one replica alone")
            .series(&beats("a:80"), "0+60x60")
            .series(&beats("b:80"), "0+60x5 300+0x55")
            .quiet(offline, &["10m", "30m", "60m"]),
        scenario("a worker says goodbye")
            .series(&beats("a:80"), "0+60x10 stale")
            .quiet(offline, &["10m", "16m", "30m"]),
        // It beats again 4 minutes later.
        scenario("a worker restarts")
            .series(&beats("a:80"), "0+60x10 600+0x3 840+60x30")
            .quiet(offline, &["10m", "13m", "14m", "30m"]),
        // 30 of 1530.
        scenario("a few of very many workers are offline")
            .series(&workers("online"), "1500+0x30")
            .series(&workers("offline"), gauge_values(&[(0, 10), (30, 20)]))
            .series(&workers("stopped"), "900+0x30")
            .quiet(many, &["10m"])
            .fires(
                many,
                "11m",
                [ExpectedAlert::new(
                    Severity::Critical,
                    &REGISTRY,
                    alert_texts(
                        "More than 1% of the workers are offline",
                        "1.961% of more than 1000 workers are offline and did not sign off; the \
                         limit is 1%. There are too many workers to name each one.",
                    ),
                )],
            ),
        scenario("workers that can be named are named")
            .series(&workers("online"), "900+0x30")
            .series(&workers("offline"), "100+0x30")
            .quiet(many, &["10m", "30m"]),
    ]
}

fn queues() -> Vec<Scenario> {
    let (depth, oldest) = (AlertSignal::QueueDepth, AlertSignal::OldestJobAge);
    let warning = |value| ExpectedAlert::new(Severity::Warning, &QUEUE, deep("500", value));
    let high = |value| ExpectedAlert::new(Severity::High, &QUEUE, deep("1000", value));
    let depths = queue("vantage_worker_queue_depth");
    let ages = queue("vantage_worker_queue_oldest_age_seconds");
    vec![
        scenario("a queue fills level by level")
            .series(&depths, gauge_values(&[(100, 10), (600, 20), (1200, 20)]))
            .quiet(depth, &["10m", "15m"])
            .fires(depth, "16m", [warning("600")])
            .fires(depth, "35m", [warning("1.2k")])
            .fires(depth, "36m", [high("1.2k"), warning("1.2k")]),
        scenario("a queue at exactly a threshold, and a burst of 4 minutes")
            .series(&depths, gauge_values(&[(500, 20), (5000, 4), (500, 20)]))
            .quiet(depth, &["20m", "24m", "25m", "26m", "40m"]),
        scenario("a queue that nobody watches").quiet(depth, &["30m"]).quiet(oldest, &["30m"]),
        scenario("a job waits")
            .series(&ages, gauge_values(&[(30, 10), (400, 20)]))
            .quiet(oldest, &["10m", "11m"])
            .fires(
                oldest,
                "12m",
                [ExpectedAlert::new(
                    Severity::Warning,
                    &QUEUE,
                    alert_texts(
                        "A job in queue publish has been due for more than 5m",
                        "The oldest job in queue publish has been due for 6m 40s; no job should wait longer than 5m.",
                    ),
                )],
            ),
        // While none waits there is no age.
        scenario("a job waits for exactly 5 minutes, and then none waits")
            .series(&ages, "300+0x10 stale")
            .quiet(oldest, &["10m", "12m", "20m"]),
    ]
}

fn failures() -> Vec<Scenario> {
    let ratio = AlertSignal::JobFailureRatio;
    vec![
        // 20 of 100 a minute; of the 1500 of 15 minutes more than 150 are failed after 8 minutes, and
        // 260 when the 5 minutes of `for` are over.
        scenario("jobs fail")
            .series(&jobs("succeeded"), counter_values(&[(100, 30), (80, 30)]))
            .series(&jobs("failed"), counter_values(&[(0, 30), (10, 30)]))
            .series(&jobs("panicked"), counter_values(&[(0, 30), (10, 30)]))
            .quiet(ratio, &["30m", "42m"])
            .fires(
                ratio,
                "43m",
                [ExpectedAlert::new(
                    Severity::Warning,
                    &SERVICE,
                    alert_texts(
                        "More than 10% of the jobs of vantage-worker fail",
                        "17.33% of the jobs that vantage-worker finished in the last 15 minutes \
                         failed, panicked or were abandoned; the limit is 10%.",
                    ),
                )],
            ),
        scenario("a few jobs, all of which fail")
            .series(&jobs("failed"), "0+4x60")
            .quiet(ratio, &["20m", "60m"]),
        scenario("a worker restarts and its counters with it")
            .series(&jobs("succeeded"), "0+95x30 0+95x30")
            .series(&jobs("failed"), "0+5x30 0+5x30")
            .quiet(ratio, &["30m", "31m", "36m", "60m"]),
        scenario("no jobs").quiet(ratio, &["30m"]),
    ]
}
