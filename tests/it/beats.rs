//! Workers that beat to the API of another process, as that receives them.

mod receiver;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::json;
use vantage_obs::ExpositionFormat;
use vantage_obs::config::{Environment, HeartbeatSink, Secret};
use vantage_obs::trace::Carrier;
use vantage_obs::{Config, QueueState, Role, Telemetry};

use crate::support::sample_with;
use receiver::{Receiver, ReceiverResponse, until};

fn config(endpoint: &str) -> Config {
    let mut config = Config::new("digests", Role::Worker).version("1.4.2");
    config.heartbeat.sink = HeartbeatSink::Http;
    config.heartbeat.endpoint = Some(endpoint.parse().unwrap());
    config.heartbeat.interval = Duration::from_millis(200);
    config.heartbeat.timeout = Duration::from_millis(500);
    config
}

fn start(config: Config) -> Telemetry {
    Telemetry::without_globals(config, &Environment::empty()).expect("the configuration is valid")
}

fn sends(telemetry: &Telemetry, result: &str) -> f64 {
    let text = telemetry.scrape(ExpositionFormat::Text).unwrap();
    let labels = [("result", result)];
    sample_with(&text, "vantage_heartbeat_sends_total", &labels).unwrap_or_default()
}

#[test]
fn a_beat_comes_at_once_with_its_progress_and_its_token() {
    let receiver = Receiver::start();
    let mut config = config(&receiver.endpoint());
    config.heartbeat.token = Some(Secret::new("s3cret"));
    config.heartbeat.interval = Duration::from_secs(30);
    let telemetry = start(config);
    let _watch = telemetry.watch_queue("q", || QueueState {
        depth: 7,
        oldest: None,
    });
    let worker = telemetry.worker("w1");
    let first = receiver.next();
    assert_eq!(
        (first.id.as_str(), first.authorization.as_str()),
        ("w1", "Bearer s3cret")
    );
    assert_eq!(first.body["sequence"], 1);
    assert_eq!(first.body["state"], "running");
    assert_eq!(first.body["version"], "1.4.2");
    assert_eq!(first.body["interval_ms"], 30_000);
    assert_eq!(first.body["progress"]["processed_total"], 0);

    let now = std::time::SystemTime::now;
    worker.start("k", now(), &Carrier::EMPTY).succeed();
    worker.start("k", now(), &Carrier::EMPTY).fail("r");
    let _running = worker.start("k", now(), &Carrier::EMPTY);
    // The sampler has looked at the queue.
    until("the queue is seen", || {
        telemetry
            .scrape(ExpositionFormat::Text)
            .unwrap()
            .contains("vantage_worker_queue_depth{queue=\"q\"} 7")
    });
    telemetry.shutdown_blocking().unwrap();
    let beats: Vec<_> = std::iter::from_fn(|| receiver.try_next()).collect();
    let last = beats.last().unwrap();
    assert_eq!(last.body["state"], "stopped");
    let progress = &last.body["progress"];
    let fields = [
        "in_flight",
        "processed_total",
        "failed_total",
        "queue_depth",
    ];
    assert_eq!(
        fields.map(|name| progress[name].clone()),
        [json!(1), json!(2), json!(1), json!(7)]
    );
}

#[test]
fn goodbyes_are_delivered_before_shutdown_returns() {
    let receiver = Receiver::start();
    let telemetry = start(config(&receiver.endpoint()));
    for worker in 0..100 {
        let _ = telemetry.worker(&format!("w{worker}"));
    }
    telemetry.shutdown_blocking().unwrap();
    let beats: Vec<_> = std::iter::from_fn(|| receiver.try_next()).collect();
    let goodbyes = beats.iter().filter(|beat| beat.body["state"] == "stopped");
    let mut gone: Vec<_> = goodbyes.map(|beat| beat.id.clone()).collect();
    gone.sort();
    gone.dedup();
    assert_eq!(gone.len(), 100);
    for worker in gone {
        let last = beats.iter().rfind(|beat| beat.id == worker).unwrap();
        assert_eq!(
            last.body["state"], "stopped",
            "nothing after a goodbye: {worker}"
        );
    }
}

#[tokio::test]
async fn goodbyes_are_delivered_from_within_a_runtime_that_has_one_thread() {
    let receiver = Receiver::start();
    let telemetry = start(config(&receiver.endpoint()));
    let _ = telemetry.worker("w1");
    telemetry.drain().await;
    telemetry.shutdown().await.unwrap();
    let beats: Vec<_> = std::iter::from_fn(|| receiver.try_next()).collect();
    assert_eq!(beats.last().unwrap().body["state"], "stopped");
}

#[test]
fn a_runtime_that_is_blocked_beats_on_without_progress() {
    let receiver = Receiver::start();
    let telemetry = start(config(&receiver.endpoint()));
    let worker = telemetry.worker("w1");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (release, blocked) = mpsc::channel::<()>();
    let service = std::thread::spawn(move || {
        runtime.block_on(async {
            let job = worker.start("k", std::time::SystemTime::now(), &Carrier::EMPTY);
            let _ = blocked.recv();
            job.succeed();
        });
    });
    until("the job runs", || {
        receiver.next().body["progress"]["in_flight"] == 1
    });
    let beats: Vec<_> = (0..5).map(|_| receiver.next()).collect();
    let progressed = &beats[0].body["progress"]["last_progress_at"];
    for pair in beats.windows(2) {
        assert!(pair[1].sequence() > pair[0].sequence());
        assert_eq!(&pair[1].body["progress"]["last_progress_at"], progressed);
    }
    release.send(()).unwrap();
    service.join().unwrap();
}

#[test]
fn a_receiver_that_comes_back_gets_the_present_and_no_history() {
    let receiver = Receiver::start();
    receiver.respond_with(ReceiverResponse::Status(
        StatusCode::SERVICE_UNAVAILABLE,
        None,
    ));
    let telemetry = start(config(&receiver.endpoint()));
    let worker = telemetry.worker("w1");
    until("two tries", || sends(&telemetry, "unavailable") >= 2.0);
    for _ in 0..50 {
        worker
            .start("k", std::time::SystemTime::now(), &Carrier::EMPTY)
            .succeed();
    }
    while receiver.try_next().is_some() {}
    receiver.respond_with(ReceiverResponse::Accepted);
    until("it is taken", || sends(&telemetry, "taken") >= 1.0);
    let beats: Vec<_> = std::iter::from_fn(|| receiver.try_next()).collect();
    assert_eq!(
        beats.last().unwrap().body["progress"]["processed_total"],
        50
    );
    assert!(beats.len() <= 4, "{}", beats.len());
}

#[test]
fn retry_after_is_respected() {
    let receiver = Receiver::start();
    receiver.respond_with(ReceiverResponse::Status(
        StatusCode::TOO_MANY_REQUESTS,
        Some("1"),
    ));
    let telemetry = start(config(&receiver.endpoint()));
    let _ = telemetry.worker("w1");
    let first = receiver.next();
    let second = receiver.next();
    assert!(second.at - first.at >= Duration::from_millis(990));
}

#[test]
fn a_receiver_that_hangs_has_one_request_of_each_worker_and_few_of_all() {
    let receiver = Receiver::start();
    receiver.respond_with(ReceiverResponse::Never);
    let telemetry = start(config(&receiver.endpoint()));
    for worker in 0..50 {
        let _ = telemetry.worker(&format!("w{worker}"));
    }
    until("some are given up", || sends(&telemetry, "timeout") >= 4.0);
    assert!(
        receiver.max_in_flight() <= 4,
        "{}",
        receiver.max_in_flight()
    );
    let started = Instant::now();
    let _ = telemetry.shutdown_blocking();
    assert!(started.elapsed() < Duration::from_secs(6));
}

#[test]
fn a_sink_without_a_listener_costs_nothing_and_is_counted() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let telemetry = start(config(&format!("http://{address}")));
    let worker = telemetry.worker("w1");
    until("it is counted", || sends(&telemetry, "connection") >= 1.0);
    let started = Instant::now();
    for _ in 0..1000 {
        worker
            .start("k", std::time::SystemTime::now(), &Carrier::EMPTY)
            .succeed();
    }
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_refusal_is_not_tried_again_before_the_next_beat() {
    let receiver = Receiver::start();
    receiver.respond_with(ReceiverResponse::Status(StatusCode::UNAUTHORIZED, None));
    let mut config = config(&receiver.endpoint());
    config.heartbeat.interval = Duration::from_secs(1);
    let telemetry = start(config);
    let _ = telemetry.worker("w1");
    let first = receiver.next();
    let second = receiver.next();
    assert!(second.at - first.at >= Duration::from_millis(890));
    assert!(sends(&telemetry, "refused") >= 1.0);
}

#[test]
fn connections_are_kept_open() {
    let receiver = Receiver::start();
    let telemetry = start(config(&receiver.endpoint()));
    let _ = telemetry.worker("w1");
    let ports: Vec<_> = (0..5).map(|_| receiver.next().port).collect();
    assert!(ports.iter().all(|port| *port == ports[0]), "{ports:?}");
}

#[test]
fn one_that_is_stopped_says_goodbye_and_the_others_go_on() {
    let receiver = Receiver::start();
    let telemetry = start(config(&receiver.endpoint()));
    let (one, _two) = (telemetry.worker("w1"), telemetry.worker("w2"));
    until("both beat", || receiver.next().id == "w2");
    one.stop();
    until("it says goodbye", || {
        let beat = receiver.next();
        beat.id == "w1" && beat.body["state"] == "stopped"
    });
    for _ in 0..3 {
        assert_eq!(receiver.next().id, "w2");
    }
}

#[test]
fn the_scheduler_beats_under_the_services_name() {
    let receiver = Receiver::start();
    let mut config = config(&receiver.endpoint());
    config.service.roles = vec![Role::Scheduler];
    let telemetry = start(config);
    let beat = receiver.next();
    assert_eq!(
        (beat.id.as_str(), &beat.body["role"]),
        ("digests", &json!("scheduler"))
    );
    let execution = telemetry
        .scheduler()
        .start("nightly", std::time::SystemTime::now());
    until("the execution is told", || {
        receiver.next().body["progress"]["in_flight"] == 1
    });
    execution.succeed();
    until("its end is told", || {
        receiver.next().body["progress"]["processed_total"] == 1
    });
}
