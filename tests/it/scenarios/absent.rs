use vantage_obs::alerts::{Severity, Signal};

use super::story::{Firing, Story, Texts, gauge, story, texts};

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

/// What was there up to minute 10 is missed from 11 on, for 10 minutes.
fn gone(
    title: &'static str,
    series: &str,
    signal: Signal,
    labels: &[(&'static str, &str)],
    texts: Texts,
) -> Story {
    story(title)
        .series(series, "1+0x10 stale")
        .quiet(signal, &["10m", "20m"])
        .fires(
            signal,
            "21m",
            [Firing::new(Severity::Warning, labels, texts)],
        )
}

/// What is back after 8 minutes was never gone.
fn restarts(title: &'static str, series: &str, signal: Signal) -> Story {
    story(title)
        .series(series, "1+0x10 stale _x7 1+0x40")
        .quiet(signal, &["10m", "15m", "18m", "25m", "50m"])
}

fn no_worker() -> Texts {
    texts(
        "No worker beats",
        "For 10m nobody has reported a beat of any worker. Alerts about single workers are silent meanwhile.",
    )
}

fn no_scheduler() -> Texts {
    texts(
        "No scheduler beats",
        "For 10m nobody has reported a beat of any scheduler. Alerts about single schedulers are silent meanwhile.",
    )
}

pub(super) fn stories() -> Vec<Story> {
    [services(), workers_and_schedulers(), probes()]
        .into_iter()
        .flatten()
        .collect()
}

fn services() -> Vec<Story> {
    let signal = Signal::ServiceAbsent;
    let labels = [("environment", "production"), ("job", "vantage-api")];
    vec![
        gone(
            "the only instance of a service vanishes",
            &ready("vantage-api", "a:80"),
            signal,
            &labels,
            texts(
                "No instance of vantage-api is scraped any more",
                "vantage-api was scraped within the last day, and for 10m no instance of it has been. Alerts about it \
                 are silent meanwhile.",
            ),
        ),
        restarts("a service restarts", &ready("vantage-api", "a:80"), signal),
        story("one of two instances vanishes")
            .series(&ready("vantage-api", "a:80"), "1+0x10 stale")
            .series(&ready("vantage-api", "b:80"), "1+0x60")
            .quiet(signal, &["21m", "60m"]),
        story("a service that never was").quiet(signal, &["30m"]),
    ]
}

fn workers_and_schedulers() -> Vec<Story> {
    let (no_workers, no_schedulers) = (Signal::WorkersAbsent, Signal::SchedulersAbsent);
    vec![
        gone(
            "whoever hears the workers vanishes",
            &workers("online"),
            no_workers,
            &ENVIRONMENT,
            no_worker(),
        ),
        story("all workers go offline")
            .series(&workers("online"), gauge(&[(3, 10), (0, 30)]))
            .series(&workers("offline"), gauge(&[(0, 10), (3, 30)]))
            .quiet(no_workers, &["10m", "20m"])
            .fires(
                no_workers,
                "21m",
                [Firing::new(Severity::Warning, &ENVIRONMENT, no_worker())],
            ),
        story("a platform to which no worker and no scheduler was ever deployed")
            .series(&ready("vantage-api", "a:80"), "1+0x60")
            .quiet(no_workers, &["9m"])
            .quiet(no_schedulers, &["9m"])
            .fires(
                no_workers,
                "10m",
                [Firing::new(Severity::Warning, &[], no_worker())],
            )
            .fires(
                no_schedulers,
                "10m",
                [Firing::new(Severity::Warning, &[], no_scheduler())],
            ),
        restarts(
            "whoever hears the workers restarts",
            &workers("online"),
            no_workers,
        ),
        story("one of two environments has workers, and the other never had")
            .series(&workers("late"), "1+0x60")
            .quiet(no_workers, &["10m", "60m"]),
        gone(
            "the only scheduler vanishes",
            BEATS,
            no_schedulers,
            &ENVIRONMENT,
            no_scheduler(),
        ),
        restarts("a scheduler restarts", BEATS, no_schedulers),
    ]
}

fn probes() -> Vec<Story> {
    let labels = [
        ("environment", "production"),
        ("job", "vantage-api"),
        ("db_namespace", "vantage"),
    ];
    let queue = [("environment", "production"), ("queue", "publish")];
    let objective = [("environment", "production"), ("objective", "api.latency")];
    vec![
        gone(
            "nobody asks the database any more",
            UP,
            Signal::DatabaseAbsent,
            &labels,
            texts(
                "vantage-api no longer says whether database vantage answers",
                "vantage-api said within the last day whether database vantage answers, and has not for 10m. Alerts about \
                 it are silent meanwhile.",
            ),
        ),
        restarts(
            "whoever asks the database restarts",
            UP,
            Signal::DatabaseAbsent,
        ),
        gone(
            "nobody watches a queue any more",
            DEPTH,
            Signal::QueuesAbsent,
            &queue,
            texts(
                "Nobody says any more how many jobs wait in queue publish",
                "The depth of queue publish was reported within the last day, and has not been for 10m. Alerts about it \
                 are silent meanwhile.",
            ),
        ),
        restarts(
            "whoever watches a queue restarts",
            DEPTH,
            Signal::QueuesAbsent,
        ),
        gone(
            "events of an objective are no longer counted",
            EVENTS,
            Signal::ObjectivesAbsent,
            &objective,
            texts(
                "Events of api.latency are no longer counted",
                "Events of api.latency were counted within the last day, and have not been for 10m. Its error budget does \
                 not burn visibly meanwhile.",
            ),
        ),
        restarts(
            "whoever counts events restarts",
            EVENTS,
            Signal::ObjectivesAbsent,
        ),
    ]
}
