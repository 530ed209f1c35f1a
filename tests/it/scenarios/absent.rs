use vantage_obs::alerts::{AlertSignal, Severity};

use super::scenario::{AlertTexts, ExpectedAlert, Scenario, alert_texts, gauge_values, scenario};

const ENVIRONMENT: [(&str, &str); 1] = [("environment", "production")];

fn ready(job: &str, instance: &str) -> String {
    format!(
        "vantage_health_ready{{environment=\"production\", job=\"{job}\", instance=\"{instance}\"}}"
    )
}

fn workers(state: &str) -> String {
    format!(
        "vantage_worker_workers{{environment=\"production\", job=\"vantage-api\", instance=\"a:80\", state=\"{state}\"}}"
    )
}

const BEATS: &str = "vantage_scheduler_heartbeat_timestamp_seconds{environment=\"production\", job=\"vantage-scheduler\", instance=\"s:80\", scheduler_id=\"nightly\"}";
const UP: &str = "vantage_database_up{environment=\"production\", job=\"vantage-api\", instance=\"a:80\", db_namespace=\"vantage\", db_system_name=\"postgresql\"}";
const DEPTH: &str = "vantage_worker_queue_depth{environment=\"production\", job=\"vantage-worker\", instance=\"w:80\", queue=\"publish\"}";
const EVENTS: &str = "vantage_slo_events_total{environment=\"production\", job=\"vantage-api\", instance=\"a:80\", objective=\"api.latency\", result=\"good\"}";

/// Returns a scenario of a series that is absent from minute 11 on, and raises an alert 10 minutes later.
fn absent_after_ten_minutes(
    title: &'static str,
    series: &str,
    signal: AlertSignal,
    labels: &[(&'static str, &str)],
    texts: AlertTexts,
) -> Scenario {
    scenario(title)
        .series(series, "1+0x10 stale")
        .quiet(signal, &["10m", "20m"])
        .fires(
            signal,
            "21m",
            [ExpectedAlert::new(Severity::Warning, labels, texts)],
        )
}

/// Returns a scenario of a series that is back after 8 minutes, and raises no alert.
fn restarted(title: &'static str, series: &str, signal: AlertSignal) -> Scenario {
    scenario(title)
        .series(series, "1+0x10 stale _x7 1+0x40")
        .quiet(signal, &["10m", "15m", "18m", "25m", "50m"])
}

fn no_worker() -> AlertTexts {
    alert_texts(
        "No heartbeats of workers arrive",
        "No heartbeat of any worker has been reported for 10m. Alerts about single workers are \
         silent in the meantime.",
    )
}

fn no_scheduler() -> AlertTexts {
    alert_texts(
        "No heartbeats of schedulers arrive",
        "No heartbeat of any scheduler has been reported for 10m. Alerts about single schedulers \
         are silent in the meantime.",
    )
}

pub(super) fn scenarios() -> Vec<Scenario> {
    [services(), workers_and_schedulers(), probes()]
        .into_iter()
        .flatten()
        .collect()
}

fn services() -> Vec<Scenario> {
    let signal = AlertSignal::ServiceAbsent;
    let labels = [("environment", "production"), ("job", "vantage-api")];
    vec![
        absent_after_ten_minutes(
            "the only instance of a service vanishes",
            &ready("vantage-api", "a:80"),
            signal,
            &labels,
            alert_texts(
                "No instance of vantage-api is being scraped",
                "vantage-api was scraped within the last day, but no instance of it has been for \
                 10m. Alerts about it are silent in the meantime.",
            ),
        ),
        restarted("a service restarts", &ready("vantage-api", "a:80"), signal),
        scenario("one of two instances vanishes")
            .series(&ready("vantage-api", "a:80"), "1+0x10 stale")
            .series(&ready("vantage-api", "b:80"), "1+0x60")
            .quiet(signal, &["21m", "60m"]),
        scenario("a service that never was").quiet(signal, &["30m"]),
    ]
}

fn workers_and_schedulers() -> Vec<Scenario> {
    let (no_workers, no_schedulers) = (AlertSignal::WorkersAbsent, AlertSignal::SchedulersAbsent);
    vec![
        absent_after_ten_minutes(
            "whoever hears the workers vanishes",
            &workers("online"),
            no_workers,
            &ENVIRONMENT,
            no_worker(),
        ),
        scenario("all workers go offline")
            .series(&workers("online"), gauge_values(&[(3, 10), (0, 30)]))
            .series(&workers("offline"), gauge_values(&[(0, 10), (3, 30)]))
            .quiet(no_workers, &["10m", "20m"])
            .fires(
                no_workers,
                "21m",
                [ExpectedAlert::new(
                    Severity::Warning,
                    &ENVIRONMENT,
                    no_worker(),
                )],
            ),
        scenario("a platform to which no worker and no scheduler was ever deployed")
            .series(&ready("vantage-api", "a:80"), "1+0x60")
            .quiet(no_workers, &["9m"])
            .quiet(no_schedulers, &["9m"])
            .fires(
                no_workers,
                "10m",
                [ExpectedAlert::new(Severity::Warning, &[], no_worker())],
            )
            .fires(
                no_schedulers,
                "10m",
                [ExpectedAlert::new(Severity::Warning, &[], no_scheduler())],
            ),
        restarted(
            "whoever hears the workers restarts",
            &workers("online"),
            no_workers,
        ),
        scenario("one of two environments has workers, and the other never had")
            .series(&workers("late"), "1+0x60")
            .quiet(no_workers, &["10m", "60m"]),
        absent_after_ten_minutes(
            "the only scheduler vanishes",
            BEATS,
            no_schedulers,
            &ENVIRONMENT,
            no_scheduler(),
        ),
        restarted("a scheduler restarts", BEATS, no_schedulers),
    ]
}

fn probes() -> Vec<Scenario> {
    let labels = [
        ("environment", "production"),
        ("job", "vantage-api"),
        ("db_namespace", "vantage"),
    ];
    let queue = [
        ("environment", "production"),
        ("job", "vantage-worker"),
        ("queue", "publish"),
    ];
    let objective = [
        ("environment", "production"),
        ("job", "vantage-api"),
        ("objective", "api.latency"),
    ];
    let objective_texts = || {
        alert_texts(
            "vantage-api no longer counts events of api.latency",
            "vantage-api counted events of api.latency within the last day, but has not done so for \
             10m. In the meantime its error budget does not show what it spends.",
        )
    };
    let no_objectives = AlertSignal::ObjectivesAbsent;
    vec![
        absent_after_ten_minutes(
            "nobody asks the database any more",
            UP,
            AlertSignal::DatabaseAbsent,
            &labels,
            alert_texts(
                "vantage-api no longer reports whether database vantage answers",
                "vantage-api reported within the last day whether database vantage answers, but \
                 has not done so for 10m. Alerts about the database are silent in the meantime.",
            ),
        ),
        restarted(
            "whoever asks the database restarts",
            UP,
            AlertSignal::DatabaseAbsent,
        ),
        absent_after_ten_minutes(
            "nobody watches a queue any more",
            DEPTH,
            AlertSignal::QueuesAbsent,
            &queue,
            alert_texts(
                "The depth of queue publish is no longer reported",
                "The depth of queue publish was reported within the last day, but has not been for \
                 10m. Alerts about the queue are silent in the meantime.",
            ),
        ),
        restarted(
            "whoever watches a queue restarts",
            DEPTH,
            AlertSignal::QueuesAbsent,
        ),
        scenario("another service goes on watching a queue")
            .series(DEPTH, "1+0x10 stale")
            .series(&DEPTH.replace("vantage-worker", "vantage-api"), "1+0x60")
            .quiet(AlertSignal::QueuesAbsent, &["10m", "21m", "50m"]),
        absent_after_ten_minutes(
            "events of an objective are no longer counted",
            EVENTS,
            no_objectives,
            &objective,
            objective_texts(),
        ),
        restarted("whoever counts events restarts", EVENTS, no_objectives),
        scenario("one of two services no longer counts events of an objective")
            .series(EVENTS, "1+0x10 stale")
            .series(&EVENTS.replace("vantage-api", "vantage-shop"), "1+0x60")
            .quiet(no_objectives, &["20m"])
            .fires(
                no_objectives,
                "21m",
                [ExpectedAlert::new(
                    Severity::Warning,
                    &objective,
                    objective_texts(),
                )],
            ),
    ]
}
