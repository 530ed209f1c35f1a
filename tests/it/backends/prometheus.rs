//! Metrics by OTLP straight into Prometheus 3: the same names and numbers as our own scrape.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use vantage_obs::ExpositionFormat;
use vantage_obs::config::{Protocol, TelemetrySignal};
use vantage_obs::instruments::{Currency, Engagement};
use vantage_obs::trace::Carrier;
use vantage_obs::{Role, Telemetry};

use super::{all, json, setting, start, unique, wait_for};
use crate::support::{Sample, samples};

type Labels = BTreeMap<String, String>;

/// Every series that Prometheus has of a service, without the labels that name the service.
async fn series(service: &str) -> Option<BTreeMap<(String, Labels), f64>> {
    let query = format!("%7Bjob%3D%22{service}%22%7D");
    let server = setting("VANTAGE_TEST_PROMETHEUS3");
    let answer = json(&format!("{server}/api/v1/query?query={query}")).await?;
    let found = all(&answer["data"]["result"]).map(|series| {
        let mut labels: Labels = serde_json::from_value(series["metric"].clone()).unwrap();
        labels.retain(|key, _| key != "job" && key != "instance");
        let name = labels.remove("__name__").unwrap();
        ((name, canonical(labels)), number(&series["value"][1]))
    });
    Some(found.collect()).filter(|found: &BTreeMap<_, _>| !found.is_empty())
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// What both write in a way of their own: a bound is `1` or `1.0`; and who the target is, stands in
/// `target_info` of a scrape, and over OTLP in the labels `job` and `instance` of every series.
fn canonical(mut labels: Labels) -> Labels {
    labels.remove("service_name");
    labels.remove("service_instance_id");
    if let Some(bound) = labels.get_mut("le") {
        *bound = bound.parse::<f64>().unwrap().to_string();
    }
    labels
}

fn record(telemetry: &Telemetry) {
    let business = telemetry.business();
    business.record_active_organizations(42);
    business.record_posts_published(3);
    business.record_revenue(Currency::new("EUR").unwrap(), 1_999);
    business.record_engagement(Engagement::Like);
    let database = telemetry.database("postgresql");
    database.record_up(true);
    database.query("SELECT", "posts").succeed();
    database.query("UPDATE", "posts").fail("timeout");
    database.transaction().commit();
    database
        .pool("primary")
        .record_wait(Duration::from_millis(250));
    let worker = telemetry.worker("w");
    let due = SystemTime::now() - Duration::from_secs(400);
    worker.start("mail", due, &Carrier::EMPTY).succeed();
    worker
        .start("mail", due, &Carrier::EMPTY)
        .fail("upstream_timeout");
    let scheduler = telemetry.scheduler();
    scheduler.record_missed("cleanup", 2);
    scheduler.start("cleanup", due).succeed();
    let own = telemetry.meter("newsletter");
    own.u64_counter("newsletter.sent").build().add(7, &[]);
}

/// Whether the worker and the scheduler have beaten.
fn has_beats(telemetry: &Telemetry) -> bool {
    let scraped = samples(&telemetry.scrape(ExpositionFormat::Text).unwrap());
    ["worker", "scheduler"].iter().all(|who| {
        let beat = format!("vantage_{who}_heartbeat_timestamp_seconds");
        scraped.iter().any(|sample| sample.name == beat)
    })
}

/// Figures of the moment, which move between a push and a scrape.
fn moves(name: &str) -> bool {
    let own = [
        "process_",
        "system_",
        "otel_sdk_",
        "vantage_telemetry_",
        "vantage_store_",
    ];
    own.iter().any(|prefix| name.starts_with(prefix))
}

#[tokio::test]
#[ignore = "needs the back ends that .ci/backends starts"]
async fn prometheus_takes_otlp_and_has_what_a_scrape_shows() {
    let service = unique("pushed");
    let mut config = vantage_obs::Config::new(&*service, Role::Api)
        .role(Role::Worker)
        .role(Role::Scheduler)
        .version("1.2.3");
    let server = setting("VANTAGE_TEST_PROMETHEUS3");
    let receiver = format!("{server}/api/v1/otlp/v1/metrics");
    config.otlp.metrics.endpoint = Some(receiver.parse().unwrap());
    config.otlp.metrics.protocol = Some(Protocol::HttpProtobuf);
    config.metrics.otlp.enabled = true;
    let telemetry = start(config);
    record(&telemetry);
    // Worker and scheduler beat on a thread of their own. The first scrape's own time is shown from
    // the second on.
    wait_for("the first beats", async || {
        has_beats(&telemetry).then_some(())
    })
    .await;
    let scraped = telemetry.scrape(ExpositionFormat::Text).unwrap();
    let report = telemetry.flush().await.unwrap();
    assert!(
        report.signal(TelemetrySignal::Metrics).unwrap().exported > 50,
        "{report}"
    );

    let pushed = wait_for("a series", async || series(&service).await).await;
    for Sample {
        name,
        labels,
        value,
    } in samples(&scraped)
    {
        let key = (name, canonical(labels));
        let found = pushed.get(&key);
        if !moves(&key.0) {
            assert_eq!(found, Some(&value), "{key:?}");
        }
    }
    let names = |names: Vec<&String>| names.into_iter().cloned().collect::<BTreeSet<_>>();
    let scraped = samples(&scraped);
    let scraped = names(scraped.iter().map(|sample| &sample.name).collect());
    let pushed = names(pushed.keys().map(|(name, _)| name).collect());
    let only_scraped: Vec<_> = scraped.difference(&pushed).collect();
    let only_pushed: Vec<_> = pushed.difference(&scraped).collect();
    assert_eq!((only_scraped, only_pushed), (vec![], vec![]));
    telemetry.shutdown().await.unwrap();
}
