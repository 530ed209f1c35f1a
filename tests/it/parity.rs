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
//!
//! The second run has two services with the same objectives. One fails from its first moment on, and is
//! started again after a gap; the other one fails during its maintenance alone.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::task::AbortHandle;
use vantage_obs::config::{Environment, StoreKind};
use vantage_obs::fleet::PrometheusReporter;
use vantage_obs::generate::{GenerateInput, plan};
use vantage_obs::slo::maintenance::SloMaintenance;
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
const ANY_PORT: &str = "127.0.0.1:0";
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
    /// Scrapes these jobs at their addresses.
    fn start(config: &Config, objectives: &Objectives, jobs: &[(&str, &str)]) -> Self {
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
             scrape_configs:\n{}",
            jobs.iter().map(scrape_config).collect::<String>()
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

    /// Returns the first value of a query, if it has one.
    async fn value(&self, query: &str) -> Option<f64> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let url = format!("{}/api/v1/query?query={encoded}", self.base);
        let response = reqwest::get(&url).await.ok()?;
        let text = response.text().await.unwrap_or_default();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        json["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }

    /// Waits until the first value of a query satisfies `wanted`.
    async fn wait_for(&self, query: &str, wanted: impl Fn(f64) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            if self.value(query).await.is_some_and(&wanted) {
                return;
            }
            assert!(Instant::now() < deadline, "never true: {query}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn scrape_config((job, address): &(&str, &str)) -> String {
    let target = format!("{{targets: [\"{address}\"], labels: {{environment: test}}}}");
    format!("  - {{job_name: {job}, static_configs: [{target}]}}\n")
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves the service over real HTTP and returns its address, and what ends it.
async fn serve(telemetry: &Telemetry, address: &str) -> (String, AbortHandle) {
    let bad = || async {
        tokio::time::sleep(SLOW).await;
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let app = Router::new()
        .route("/good", get(|| async { StatusCode::OK }))
        .route("/bad", get(bad))
        .layer(telemetry.http_layer())
        .merge(telemetry.routes());
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = tokio::spawn(async move {
        let _ = axum::serve(listener, app).await;
    });
    (address, server.abort_handle())
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

/// The age of the series, the time that the process has counted before, and how often it was down: each end
/// of that touches a slice more or less.
#[derive(Clone, Copy, Debug)]
struct Ages {
    series: Duration,
    before: Duration,
    downtimes: u32,
}

impl Ages {
    /// Returns the allowed difference of counts.
    fn allowed(self, objective: &ObjectiveReport, window: Duration, count: u64) -> f64 {
        let unseen = |slice: Duration| match window > self.series {
            true => (self.before.as_secs_f64() / slice.as_secs_f64()).ceil(),
            false => 0.0,
        };
        match (objective.service.as_str(), objective.method) {
            ("api", BudgetingMethod::Timeslices) => {
                2.0 + unseen(SLICE) + 2.0 * f64::from(self.downtimes)
            }
            (_, BudgetingMethod::Timeslices) => 1.0 + unseen(60 * SECOND),
            _ => count as f64 * self.stretched(window) + 1.0,
        }
    }

    /// Returns the share of the seen time that the two may differ by.
    fn unseen_share(self, window: Duration) -> f64 {
        (self.before + 3 * SCRAPE).as_secs_f64() / window.min(self.series).as_secs_f64()
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
    let (service, _) = serve(&telemetry, ANY_PORT).await;
    let prometheus = Prometheus::start(&config, &objectives, &[("parity", &service)]);
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
        downtimes: 0,
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

/// One of two services with the same objectives.
struct Service {
    job: &'static str,
    config: Config,
    address: String,
    telemetry: Telemetry,
    server: AbortHandle,
}

impl Service {
    async fn start(job: &'static str, config: Config, address: &str) -> Self {
        let telemetry = Telemetry::without_globals(config.clone(), &Environment::empty()).unwrap();
        let (address, server) = serve(&telemetry, address).await;
        Self {
            job,
            config,
            address,
            telemetry,
            server,
        }
    }

    /// Ends it, and starts it again at the same address so much later.
    async fn restart(self, after: Duration) -> Self {
        self.server.abort();
        self.telemetry.shutdown().await.unwrap();
        let (job, config, address) = (self.job, self.config.clone(), self.address.clone());
        drop(self);
        tokio::time::sleep(after).await;
        Self::start(job, config, &address).await
    }

    /// Requests for so many seconds, all of them good or none.
    async fn requests(&self, seconds: u32, well: bool) {
        let mut pace = tokio::time::interval(SECOND / A_SECOND);
        let mut running = tokio::task::JoinSet::new();
        let path = if well { "good" } else { "bad" };
        for _ in 0..seconds * A_SECOND {
            pace.tick().await;
            running.spawn(reqwest::get(format!("http://{}/{path}", self.address)));
        }
        for answered in running.join_all().await {
            answered.expect("the service answers");
        }
    }

    /// Returns both reports of the service at nearly the same moment.
    async fn report(
        &self,
        reporter: &PrometheusReporter,
        objectives: &Objectives,
    ) -> (SloReport, SloReport) {
        let (own, mut remote) = report_both(&self.telemetry, reporter, objectives).await;
        remote
            .objectives
            .retain(|one| one.job.as_deref() == Some(self.job));
        let environment = |one: &ObjectiveReport| one.environment.clone();
        let environments: Vec<_> = remote.objectives.iter().map(environment).collect();
        assert_eq!(
            environments,
            vec![Some("test".to_owned()); 3],
            "{}",
            self.job
        );
        (own, remote)
    }
}

/// Compares the window, the raw counts and the budget of each objective.
fn compare_budgets(own: &SloReport, remote: &SloReport, ages: Ages) -> Vec<String> {
    let mut faults = Vec::new();
    for (own, remote) in own.objectives.iter().zip(&remote.objectives) {
        let id = format!("{}.{} of {:?}", own.service, own.name, remote.job);
        let counts = ((own.good, own.bad), (remote.good, remote.bad));
        faults.extend(agree(own, own.length, ages, counts.0, counts.1));
        let raw = |report: &ObjectiveReport| report.raw.unwrap_or((report.good, report.bad));
        faults.extend(agree(own, own.length, ages, raw(own), raw(remote)));
        let left = |report: &ObjectiveReport| report.budget().remaining().map(Ratio::to_f64);
        let (own_left, remote_left) = (left(own), left(remote));
        eprintln!("{id}: left {own_left:?}, fleet {remote_left:?}");
        // A slice is a sixth of the budget of 5 min. Of the others the spent part is as exact as the time that
        // was seen.
        let allowed = match own.method {
            BudgetingMethod::Timeslices => ages.allowed(own, own.length, 0) / 6.0,
            _ => (1.0 - own_left.unwrap_or(1.0)) * ages.unseen_share(own.length) + 0.01,
        };
        match own_left.zip(remote_left) {
            Some((own, remote)) if (own - remote).abs() <= allowed => {}
            _ => faults.push(format!("{id}: left {own_left:?} and {remote_left:?}")),
        }
    }
    faults
}

/// The objectives that are compared while slices of both sides lie differently.
const OCCURRENCES: [&str; 2] = ["api.latency", "api.error_rate"];

/// Compares the alerts of these objectives with the state that is expected, in the process, in the report
/// and in the rules.
async fn compare_alerts(
    service: &Service,
    prometheus: &Prometheus,
    reports: &(SloReport, SloReport),
    names: &[&str],
    expected: AlertState,
) -> Vec<String> {
    let mut faults = Vec::new();
    for name in names {
        let (own, remote) = (alert(&reports.0, name), alert(&reports.1, name));
        let raised = format!(
            "vantage:slo_raised:rate45s_17s{{objective=\"{name}\",job=\"{}\"}}",
            service.job
        );
        let raised = prometheus.value(&raised).await.is_some();
        eprintln!(
            "{name} of {}: own {own:?}, fleet {remote:?}, rules {raised}",
            service.job
        );
        let is_critical = expected == AlertState::Critical;
        if own != expected || remote != expected || raised != is_critical {
            faults.push(format!("{name}: {own:?}, {remote:?}, rules {raised}"));
        }
    }
    faults
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs .ci/parity"]
async fn two_services_are_reported_alike_from_their_first_moment_on() {
    const ALL: [&str; 3] = ["api.availability", "api.latency", "api.error_rate"];
    let folder = tempfile::tempdir().unwrap();
    let text: serde_json::Value = serde_json::from_str(FILE).unwrap();
    let text = serde_json::json!({"api": text["api"]}).to_string();
    let slo = folder.path().join("slo");
    std::fs::create_dir(&slo).unwrap();
    std::fs::write(slo.join("api.json"), text).unwrap();
    let objectives = Objectives::load(&slo).unwrap();
    let (started, clock) = (Instant::now(), Timestamp::now());
    let named = |job: &str| {
        let mut config = config(&slo);
        config.service.roles.retain(|role| *role == Role::Api);
        config.store.kind = StoreKind::File;
        config.store.path = Some(folder.path().join(job));
        config
    };
    let (from, until) = (clock + 60 * SECOND, clock + 80 * SECOND);
    let mut shop = named("shop");
    shop.slo.maintenance = vec![SloMaintenance::new(from, until, "a move").unwrap()];
    let blog = Service::start("blog", named("blog"), ANY_PORT).await;
    let shop = Service::start("shop", shop, ANY_PORT).await;
    let jobs = [("blog", &*blog.address), ("shop", &*shop.address)];
    let prometheus = Prometheus::start(&blog.config, &objectives, &jobs);
    let reporter = PrometheusReporter::with_config(prometheus.base.parse().unwrap(), &blog.config);
    let all_series = "count(vantage_slo_events_total{result=\"good\"})";
    prometheus
        .wait_for(all_series, |series| series >= 6.0)
        .await;
    let began = Instant::now();
    let recorded = "count(count_over_time(vantage:slo_slices{result=\"good\"}[1m]) >= 1)";
    prometheus.wait_for(recorded, |jobs| jobs >= 2.0).await;
    let before = started.elapsed();
    let ages = || Ages {
        series: began.elapsed(),
        before,
        downtimes: 0,
    };
    let until_moment = |moment: Timestamp| async move {
        let left = Timestamp::now().duration_until(moment);
        tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
    };

    // The first minutes: one of them has failed from its first moment on.
    tokio::join!(blog.requests(14, false), shop.requests(14, true));
    tokio::time::sleep(6 * SECOND).await;
    let of_blog = blog.report(&reporter, &objectives).await;
    let of_shop = shop.report(&reporter, &objectives).await;
    let (critical, none) = (AlertState::Critical, AlertState::None);
    let mut faults = compare_alerts(&blog, &prometheus, &of_blog, &ALL, critical).await;
    faults.extend(compare_alerts(&shop, &prometheus, &of_shop, &ALL, none).await);
    faults.extend(compare_budgets(&of_blog.0, &of_blog.1, ages()));
    faults.extend(compare_budgets(&of_shop.0, &of_shop.1, ages()));

    // All that the other one fails is within its maintenance.
    assert!(Timestamp::now() < from, "the first part took too long");
    until_moment(from + 2 * SECOND).await;
    shop.requests(5, false).await;
    until_moment(until + 6 * SECOND).await;
    let of_shop = shop.report(&reporter, &objectives).await;
    faults.extend(compare_alerts(&shop, &prometheus, &of_shop, &ALL, none).await);
    faults.extend(compare_budgets(&of_shop.0, &of_shop.1, ages()));
    for report in [&of_shop.0, &of_shop.1] {
        for objective in &report.objectives {
            assert_eq!(objective.bad, 0, "{}", objective.name);
            assert!(
                objective.raw.is_some_and(|(_, bad)| bad > 0),
                "{}",
                objective.name
            );
        }
    }

    // A process that was down for some seconds goes on where it was.
    let blog = blog.restart(8 * SECOND).await;
    prometheus
        .wait_for("up{job=\"blog\"}", |up| up == 1.0)
        .await;
    tokio::time::sleep(2 * SECOND).await;
    blog.requests(8, true).await;
    tokio::time::sleep(6 * SECOND).await;
    let of_blog = blog.report(&reporter, &objectives).await;
    faults.extend(compare_alerts(&blog, &prometheus, &of_blog, &OCCURRENCES, none).await);
    let ages = Ages {
        downtimes: 1,
        ..ages()
    };
    faults.extend(compare_budgets(&of_blog.0, &of_blog.1, ages));
    assert!(faults.is_empty(), "{faults:#?}");
    blog.telemetry.shutdown().await.unwrap();
    shop.telemetry.shutdown().await.unwrap();
}
