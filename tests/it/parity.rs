//! One run of a service, reported by the process itself and by a Prometheus that has scraped it and evaluated
//! the generated rules: both report the same counts and alerts, within the error of a scrape.
//!
//! ```console
//! .ci/parity
//! ```
//!
//! How much may they differ? With a scrape interval `I`:
//!
//! * The events of a window `W` are extrapolated to its ends. Its first and last sample lie within an
//!   interval of them, a little more where a scrape is late (Prometheus itself takes 1.1 `I` for a gap);
//!   where the series are younger than the window, `T` seconds, within as much of their own. So a count is
//!   stretched by at most `2.2 I / (min(W, T) - 2 I)`, and rounded to a whole number. Windows are looked at
//!   while nothing happens at their ends, so that both see the same events.
//! * A slice begins with the minute of the clock in the process, and with its rule's evaluation in
//!   Prometheus: what fails for a while touches one slice more or less, and a window holds one more or less
//!   at each of its ends.
//! * A minute of a worker may have ended between two scrapes.
//! * What is older than the series: the process has counted slices before the first was recorded.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use jiff::Timestamp;
use tempfile::TempDir;
use vantage_obs::config::Environment;
use vantage_obs::fleet::PrometheusReporter;
use vantage_obs::generate::{GenerateInput, plan};
use vantage_obs::slo::report::{AlertState, DataQuality, ObjectiveReport, SloReport};
use vantage_obs::slo::{BudgetingMethod, Objectives};
use vantage_obs::trace::Carrier;
use vantage_obs::units::Ratio;
use vantage_obs::{Config, Role, Telemetry};

const FILE: &str = r#"{
    "api":{"availability":{"target":90,"window":"5m"},
           "latency":{"target":90,"threshold":100,"window":"5m"},
           "error_rate":{"target":90,"threshold":10,"window":"5m"}},
    "workers":{"availability":{"target":90,"window":"5m"},
               "processing_time":{"target":90,"threshold":100,"unit":"ms","window":"5m"},
               "queue_lag":{"target":90,"threshold":1,"window":"5m"}}}"#;
const SECOND: Duration = Duration::from_secs(1);
const SCRAPE: Duration = SECOND;
const SLICE: Duration = Duration::from_secs(5);
/// The short window of both alerts: the whole incident of the run and not the time before it.
const SHORT: Duration = Duration::from_secs(17);
/// Requests and jobs, each.
const A_SECOND: u32 = 10;
/// What is slow here takes longer than the thresholds.
const SLOW: Duration = Duration::from_millis(150);

fn config(folder: &Path) -> Config {
    let mut config = Config::new("parity", Role::Api).role(Role::Worker);
    config.health.interval = SECOND;
    config.metrics.prometheus.scrape_interval = SCRAPE;
    let slo = &mut config.slo;
    slo.directory = folder.into();
    (slo.sample_interval, slo.slice) = (SECOND, SLICE);
    let [critical, warning] = [&mut slo.burn_rate.critical, &mut slo.burn_rate.warning];
    critical.factor = Ratio::new(3, 2).unwrap();
    (critical.long, critical.short) = (45 * SECOND, SHORT);
    warning.factor = Ratio::ONE;
    (warning.long, warning.short) = (60 * SECOND, SHORT);
    slo.burn_rate.min_bad.timeslices = 2;
    config
}

/// Debian's Prometheus, with the generated recording rules, until it is dropped.
struct Prometheus {
    child: Child,
    base: String,
    _data: TempDir,
}

impl Prometheus {
    fn start(config: &Config, objectives: &Objectives, service: &str) -> Self {
        let binary = std::env::var("VANTAGE_TEST_PROMETHEUS2")
            .expect("VANTAGE_TEST_PROMETHEUS2 is not set: run .ci/parity");
        let data = tempfile::tempdir().unwrap();
        let files = plan(&GenerateInput::new(config.clone(), objectives.clone()));
        let mut rules = files
            .iter()
            .filter(|file| file.path.ends_with("-recording.yml"));
        let rules = rules.next().expect("recording rules are generated");
        std::fs::write(data.path().join("rules.yml"), &rules.text).unwrap();
        let text = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: [rules.yml]\n\
             scrape_configs:\n  - {{job_name: parity, static_configs: [{{targets: [\"{service}\"]}}]}}\n"
        );
        std::fs::write(data.path().join("prometheus.yml"), text).unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = Command::new(binary)
            .current_dir(data.path())
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn")
            .stdout(Stdio::inherit())
            .spawn()
            .expect("Prometheus starts");
        Self {
            child,
            base: format!("http://{address}"),
            _data: data,
        }
    }

    /// Waits until the first value of a query satisfies `wanted`.
    async fn wait_for(&self, query: &str, wanted: impl Fn(f64) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(120);
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let url = format!("{}/api/v1/query?query={encoded}", self.base);
        loop {
            if let Ok(response) = reqwest::get(&url).await {
                let text = response.text().await.unwrap_or_default();
                let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
                let value = json["data"]["result"][0]["value"][1].as_str();
                if value
                    .and_then(|value| value.parse().ok())
                    .is_some_and(&wanted)
                {
                    return;
                }
            }
            assert!(Instant::now() < deadline, "never true: {query}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves the service over real HTTP and returns its address.
async fn serve(telemetry: &Telemetry) -> String {
    let bad = || async {
        tokio::time::sleep(SLOW).await;
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let app = Router::new()
        .route("/good", get(|| async { StatusCode::OK }))
        .route("/bad", get(bad))
        .layer(telemetry.http_layer())
        .merge(telemetry.routes());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Runs requests and jobs for so many seconds, all of them good or none.
async fn run(telemetry: &Telemetry, service: &str, seconds: u32, well: bool) {
    let worker = telemetry.worker("publisher-1");
    let mut pace = tokio::time::interval(SECOND / A_SECOND);
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..seconds * A_SECOND {
        pace.tick().await;
        let path = if well { "good" } else { "bad" };
        let url = format!("http://{service}/{path}");
        let waited = if well { Duration::ZERO } else { 5 * SECOND };
        let job = worker.start("publish", SystemTime::now() - waited, &Carrier::EMPTY);
        running.spawn(async move {
            let _ = reqwest::get(url).await.expect("the service answers");
            if !well {
                tokio::time::sleep(SLOW).await;
            }
            job.succeed();
        });
    }
    running.join_all().await;
}

/// Returns both reports of nearly the same moment. Not within the first seconds of a minute: those of workers
/// are counted then.
async fn report_both(
    telemetry: &Telemetry,
    reporter: &PrometheusReporter,
    objectives: &Objectives,
) -> (SloReport, SloReport) {
    while Timestamp::now().as_second() % 60 < 4 {
        tokio::time::sleep(SECOND / 10).await;
    }
    let at = Timestamp::now();
    let own = telemetry.slo_report().expect("the objectives were judged");
    let remote = reporter.report(objectives, at, |_, _| ()).await.unwrap();
    assert_eq!(remote.failures, [""; 0]);
    (own, remote.report)
}

/// The age of the series, and the time that the process has counted before.
#[derive(Clone, Copy, Debug)]
struct Ages {
    series: Duration,
    before: Duration,
}

impl Ages {
    /// Returns the allowed difference of counts.
    fn allowed(self, objective: &ObjectiveReport, window: Duration, count: u64) -> f64 {
        let unseen = |slice: Duration| match window > self.series {
            true => (self.before.as_secs_f64() / slice.as_secs_f64()).ceil(),
            false => 0.0,
        };
        match (objective.service.as_str(), objective.method) {
            ("api", BudgetingMethod::Timeslices) => 2.0 + unseen(SLICE),
            (_, BudgetingMethod::Timeslices) => 1.0 + unseen(60 * SECOND),
            _ => count as f64 * self.stretched(window) + 1.0,
        }
    }

    fn stretched(self, window: Duration) -> f64 {
        let interval = SCRAPE.as_secs_f64();
        2.2 * interval / (window.min(self.series).as_secs_f64() - 2.0 * interval)
    }
}

/// Compares one window of one objective, as (good, bad).
fn agree(
    objective: &ObjectiveReport,
    window: Duration,
    ages: Ages,
    own: (u64, u64),
    remote: (u64, u64),
) -> Vec<String> {
    let mut faults = Vec::new();
    let id = format!("{}.{} over {window:?}", objective.service, objective.name);
    eprintln!("{id}: own {own:?}, fleet {remote:?}");
    let total = |(good, bad): (u64, u64)| good + bad;
    let pairs = [
        ("good", own.0, remote.0),
        ("bad", own.1, remote.1),
        ("total", total(own), total(remote)),
    ];
    for (what, own, remote) in pairs {
        let allowed = ages.allowed(objective, window, own);
        if own.abs_diff(remote) as f64 > allowed {
            faults.push(format!(
                "{id}: {what} {own} and {remote}, allowed {allowed:.1}"
            ));
        }
    }
    let share = |(good, bad): (u64, u64)| bad as f64 / (good + bad) as f64;
    if total(own) > 0 && total(remote) > 0 && objective.method == BudgetingMethod::Occurrences {
        let (own_share, remote_share) = (share(own), share(remote));
        let allowed = ages.stretched(window) + 1.0 / total(own) as f64;
        if (own_share - remote_share).abs() > allowed {
            faults.push(format!("{id}: shares {own_share} and {remote_share}"));
        }
    }
    faults
}

/// Returns whether no events are near the ends of this window at both comparisons.
fn is_quiet_at_its_ends(window: Duration, calm_again: bool) -> bool {
    !calm_again || window == SHORT || window >= Duration::from_secs(300)
}

fn compare(own: &SloReport, remote: &SloReport, ages: Ages, calm_again: bool) -> Vec<String> {
    let mut faults = Vec::new();
    for (own, remote) in own.objectives.iter().zip(&remote.objectives) {
        let id = format!("{}.{}", own.service, own.name);
        eprintln!("{id}: own {:?}, fleet {:?}", own.alert, remote.alert);
        if own.alert != remote.alert {
            faults.push(format!("{id}: {:?} and {:?}", own.alert, remote.alert));
        }
        let recorded = |data| {
            matches!(
                data,
                DataQuality::Ok | DataQuality::Partial | DataQuality::NoData
            )
        };
        if !(recorded(own.data) && recorded(remote.data)) {
            faults.push(format!("{id}: {:?} and {:?}", own.data, remote.data));
        }
        let length = own.length;
        let counts = ((own.good, own.bad), (remote.good, remote.bad));
        faults.extend(agree(own, length, ages, counts.0, counts.1));
        // A slice that has begun is covered in the process already, and so is the time before the first one that
        // was recorded.
        let unseen = match length > ages.series {
            true => ages.before,
            false => Duration::ZERO,
        };
        let unsure = (SCRAPE * 3 + SLICE * 2 + unseen).as_secs_f64() / length.as_secs_f64();
        if (own.coverage - remote.coverage).abs() > unsure {
            faults.push(format!(
                "{id}: covered {} and {}",
                own.coverage, remote.coverage
            ));
        }
        assert_eq!(own.burn_rate.len(), remote.burn_rate.len(), "{id}");
        for (own_rate, remote_rate) in own.burn_rate.iter().zip(&remote.burn_rate) {
            assert_eq!(own_rate.window, remote_rate.window, "{id}");
            if is_quiet_at_its_ends(own_rate.window, calm_again) {
                let counts = (
                    (own_rate.good, own_rate.bad),
                    (remote_rate.good, remote_rate.bad),
                );
                faults.extend(agree(own, own_rate.window, ages, counts.0, counts.1));
            }
        }
    }
    faults
}

fn alert(report: &SloReport, name: &str) -> AlertState {
    let mut objectives = report.objectives.iter();
    let found = objectives.find(|one| format!("{}.{}", one.service, one.name) == name);
    found.expect("it is reported").alert
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs .ci/parity"]
async fn the_process_and_a_prometheus_report_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.json"), FILE).unwrap();
    let config = config(folder.path());
    let objectives = Objectives::load(folder.path()).unwrap();
    let started = Instant::now();
    let telemetry = Telemetry::without_globals(config.clone(), &Environment::empty()).unwrap();
    let _worker = telemetry.worker("publisher-1");
    let service = serve(&telemetry).await;
    let prometheus = Prometheus::start(&config, &objectives, &service);
    let reporter = PrometheusReporter::with_config(prometheus.base.parse().unwrap(), &config);

    // Every counter is seen at zero before anything happens; that of workers' minutes begins with the first
    // one that ends.
    let all_series = "count(vantage_slo_events_total{result=\"good\"})";
    prometheus
        .wait_for(all_series, |series| series >= 6.0)
        .await;
    let began = Instant::now();
    let recorded = "count_over_time(vantage:slo_slices{result=\"good\"}[1m])";
    prometheus.wait_for(recorded, |slices| slices >= 1.0).await;
    let before = started.elapsed();
    prometheus.wait_for(recorded, |slices| slices >= 2.0).await;
    let ages = || Ages {
        series: began.elapsed(),
        before,
    };

    run(&telemetry, &service, 20, true).await;
    tokio::time::sleep(4 * SECOND).await;
    run(&telemetry, &service, 11, false).await;
    // Three scrapes later everything is known on both sides.
    tokio::time::sleep(3 * SECOND).await;
    let (own, remote) = report_both(&telemetry, &reporter, &objectives).await;
    let mut faults = compare(&own, &remote, ages(), false);
    for name in [
        "api.availability",
        "api.latency",
        "api.error_rate",
        "workers.processing_time",
        "workers.queue_lag",
    ] {
        assert_eq!(alert(&own, name), AlertState::Critical, "{name}");
    }
    assert_eq!(alert(&own, "workers.availability"), AlertState::None);

    tokio::time::sleep(24 * SECOND).await;
    let (own, remote) = report_both(&telemetry, &reporter, &objectives).await;
    faults.extend(compare(&own, &remote, ages(), true));
    for objective in &own.objectives {
        assert_eq!(objective.alert, AlertState::None, "{}", objective.name);
    }
    assert!(faults.is_empty(), "{faults:#?}");
    telemetry.shutdown().await.unwrap();
}
