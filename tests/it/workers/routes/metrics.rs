use super::*;
use crate::support::{named, samples, scrape};

const SEEN: &str = "vantage_worker_heartbeat_timestamp_seconds";
const WORKERS: &str = "vantage_worker_workers";

#[tokio::test]
async fn each_worker_has_its_last_beat_until_it_says_goodbye() {
    let test = open();
    beat(&test, "w1", "a", 1).await;
    let labels = [("worker_id", "w1")];
    assert_eq!(test.value(SEEN, &labels), Some(1_800_000_000.0));
    wait(&test, 400);
    assert_eq!(
        test.value(SEEN, &labels),
        Some(1_800_000_000.0),
        "also when offline"
    );
    assert_eq!(test.value(WORKERS, &[("state", "offline")]), Some(1.0));
    goodbye(&test, "w1", "a", 2).await;
    assert_eq!(test.value(SEEN, &labels), None);
    assert_eq!(test.value(WORKERS, &[("state", "stopped")]), Some(1.0));
}

#[tokio::test]
async fn one_that_expires_takes_its_series_along() {
    let test = open();
    beat(&test, "w1", "a", 1).await;
    wait(&test, 3_599);
    assert!(test.value(SEEN, &[("worker_id", "w1")]).is_some());
    wait(&test, 1);
    assert!(!scrape(&test).contains("w1"), "it counts no more");
    wait(&test, 86_400 - 3_600);
    assert!(!scrape(&test).contains("w1"));
    assert_eq!(test.value(WORKERS, &[("state", "offline")]), Some(0.0));
}

#[tokio::test]
async fn beyond_1000_workers_there_are_counts_only() {
    let test = open();
    for n in 0..1000 {
        beat(&test, &format!("w{n}"), "a", 1).await;
    }
    assert_eq!(named(&scrape(&test), SEEN).len(), 1000);
    beat(&test, "one-more", "a", 1).await;
    assert!(named(&scrape(&test), SEEN).is_empty());
    assert_eq!(test.value(WORKERS, &[("state", "online")]), Some(1001.0));
}

#[tokio::test]
async fn results_and_unknown_fields_are_counted() {
    let test = open();
    beat(&test, "w1", "a", 1).await;
    beat(&test, "w1", "a", 1).await;
    beat(&test, "w1", "b", 1).await;
    post(
        &test,
        "w1",
        r#"{"boot_id":"b","sequence":2,"x":1,"progress":{"y":2}}"#,
    )
    .await;
    let value = |name: &str, labels: &[(&str, &str)]| test.value(name, labels);
    assert_eq!(
        value("vantage_worker_beat_unknown_fields_total", &[]),
        Some(2.0)
    );
    for (result, beats) in [("accepted", 2.0), ("duplicate", 1.0), ("restarted", 1.0)] {
        let found = value("vantage_worker_beats_total", &[("result", result)]);
        assert_eq!(found, Some(beats), "{result}");
    }
}

#[test]
fn a_process_that_nobody_beats_to_says_nothing_of_workers() {
    let test = open();
    let text = scrape(&test);
    let about = |name: &str| name == WORKERS || name == SEEN || name.contains("_beats");
    assert!(samples(&text).iter().all(|sample| !about(&sample.name)));
}

#[tokio::test]
async fn a_scheduler_has_a_last_beat_of_its_own() {
    let test = open();
    post(
        &test,
        "s1",
        r#"{"boot_id":"a","sequence":1,"role":"scheduler"}"#,
    )
    .await;
    let name = "vantage_scheduler_heartbeat_timestamp_seconds";
    assert_eq!(
        test.value(name, &[("scheduler_id", "s1")]),
        Some(1_800_000_000.0)
    );
    assert!(named(&scrape(&test), SEEN).is_empty());
}
