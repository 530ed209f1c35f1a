//! The whole platform in one process: an API, a queue, workers and a scheduler over a real database,
//! and the HTTP traffic that keeps them busy.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

mod api;
mod checks;
mod counts;
mod database;
mod display;
mod incidents;
mod jobs;
mod objectives;
mod pushed;
#[path = "../shared/stop.rs"]
mod stop;
mod traffic;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use tokio::net::TcpListener;
use vantage_obs::FlushError;
use vantage_obs::config::{Endpoint, HealthDetails, LogOutput, Protocol, TelemetrySignal};
use vantage_obs::units::parse_duration;
use vantage_obs::{Config, Role, Telemetry};

use counts::PhaseCounts;
use display::ProgressLine;
use pushed::PushedCounts;

type Error = Box<dyn std::error::Error + Send + Sync>;
type PlatformResult<T = ()> = Result<T, Error>;

/// A platform of an API, workers and a scheduler that makes its own traffic, to see vantage-obs at
/// work. Open the addresses that it prints.
#[derive(Debug, Parser)]
#[command(name = "platform")]
struct PlatformArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// How long to run, such as 30s or 5m [default: until Ctrl-C]
    #[arg(long, value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Requests a second
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Workers that empty the queue
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    workers: u32,
    /// Let requests and jobs fail and be slow for the middle third of the run, or from 20 s to 40 s
    /// of one without an end
    #[arg(long)]
    incident: bool,
    /// A PostgreSQL server instead of the embedded database; the table vantage_example_posts is made
    /// there, and stays
    #[arg(long, value_name = "postgres://USER:PASSWORD@HOST/NAME")]
    database: Option<String>,
    /// An OTLP receiver, such as Jaeger, for all traces, metrics and log records; by gRPC, or by
    /// HTTP where the port is 4318
    #[arg(long, value_name = "http://HOST:4317")]
    otlp: Option<Endpoint>,
}

/// The state that all parts of the platform share.
struct Platform {
    telemetry: Telemetry,
    database: database::Database,
    queue: jobs::Queue,
    posts: traffic::KnownPosts,
    in_incident: AtomicBool,
    calm: PhaseCounts,
    incident: PhaseCounts,
}

impl Platform {
    fn is_incident(&self) -> bool {
        self.in_incident.load(Ordering::Relaxed)
    }

    /// The figures of the present phase.
    fn counts(&self) -> &PhaseCounts {
        if self.is_incident() {
            &self.incident
        } else {
            &self.calm
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match start(&PlatformArgs::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("platform: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn start(args: &PlatformArgs) -> PlatformResult {
    let listener = TcpListener::bind(args.listen).await;
    let listener = listener.map_err(|error| {
        let address = args.listen;
        format!("cannot listen on {address} ({error}); --listen 127.0.0.1:0 takes a free port")
    })?;
    let telemetry = vantage_obs::init(config(args))?;
    display::announce_panics_briefly();

    let database = database::Database::open(&telemetry, args.database.as_deref()).await?;
    let platform = Arc::new(Platform {
        telemetry,
        database,
        queue: jobs::Queue::default(),
        posts: traffic::KnownPosts::default(),
        in_incident: AtomicBool::new(false),
        calm: PhaseCounts::default(),
        incident: PhaseCounts::default(),
    });
    let _watches = watch(&platform);
    let _server = watch_server(&platform.telemetry, args.database.as_deref())?;
    checks::register(&platform);
    jobs::restore_backlog(&platform).await?;

    let address = listener.local_addr()?;
    println!("listening on http://{address}");
    println!("  status page    http://{address}/status");
    println!("  metrics        http://{address}/metrics");
    println!("  health         http://{address}/api/v1/health");
    println!("  checks         http://{address}/api/v1/health/detailed");
    println!("  readiness      http://{address}/api/v1/health/ready?verbose");
    println!("  workers        http://{address}/api/v1/workers/health");
    println!("  objectives     http://{address}/status/slo");
    println!("  posts          http://{address}/api/v1/posts");
    println!("  organizations  http://{address}/api/v1/organizations");

    tokio::spawn(api::serve(listener, Arc::clone(&platform)));
    for number in 1..=args.workers {
        let id = format!("publisher-{number}");
        tokio::spawn(jobs::work(Arc::clone(&platform), id));
    }
    tokio::spawn(jobs::schedule(Arc::clone(&platform)));
    let traffic = tokio::spawn(traffic::send(Arc::clone(&platform), address, args.rate));

    run(&platform, args).await?;
    traffic.abort();
    display::await_workers(&platform, address).await;
    display::summarize(&platform, args.incident);
    display::print_workers(address).await;
    println!();
    objectives::print_report(&platform.telemetry);
    shut_down(&platform.telemetry).await;
    Ok(())
}

/// Shuts telemetry down, and prints the counts of what was sent. A receiver that takes only traces, as
/// Jaeger does, is no failure of the platform.
async fn shut_down(telemetry: &Telemetry) {
    let before =
        TelemetrySignal::ALL.map(|signal| (signal, PushedCounts::so_far(telemetry, signal)));
    let report = telemetry.shutdown().await;
    let report = report.unwrap_or_else(|FlushError(report)| report);
    if !report.signals.is_empty() {
        println!();
    }
    for (signal, before) in before {
        if let Some(report) = report.signal(signal) {
            display::print_pushed(signal, &before.plus_report(report));
        }
    }
}

fn config(args: &PlatformArgs) -> Config {
    let mut config = Config::new("vantage-platform", Role::Api)
        .role(Role::Worker)
        .role(Role::Scheduler)
        .role(Role::Web)
        .version(env!("CARGO_PKG_VERSION"));
    // Standard output is for people here; VANTAGE_OBS_LOG_OUTPUT=stderr shows the lines.
    config.logs.output = LogOutput::None;
    // Nobody is to need a token to look around; errors and addresses are not shown without one.
    config.health.details = HealthDetails::OpenCodes;
    config.health.interval = Duration::from_secs(1);
    // A run of seconds ends with what its workers have done until then; services beat every 30 s.
    config.heartbeat.interval = Duration::from_secs(1);
    let incident = incident_range(args).map(|incident| incident.end - incident.start);
    incidents::configure(&mut config, incident);
    if let Some(length) = incident {
        objectives::fit_windows(&mut config.slo, length);
    }
    if let Some(endpoint) = &args.otlp {
        if endpoint.port() == Some(4318) {
            config.otlp.protocol = Protocol::HttpProtobuf;
        }
        config.otlp.endpoint = Some(endpoint.clone());
        config.traces.sample_ratio = 1.0;
        config.metrics.otlp.enabled = true;
        config.metrics.otlp.interval = Duration::from_secs(5);
        config.logs.otlp = true;
    }
    config
}

fn watch(platform: &Arc<Platform>) -> [vantage_obs::WatchGuard; 2] {
    let (queue, pool) = (Arc::clone(platform), Arc::clone(platform));
    let telemetry = &platform.telemetry;
    [
        telemetry.watch_queue("posts", move || queue.queue.state()),
        telemetry.watch_pool("primary", move || pool.database.state()),
    ]
}

/// Watches a PostgreSQL server's own statistics, besides what its callers see.
#[cfg(feature = "postgres")]
fn watch_server(
    telemetry: &Telemetry,
    url: Option<&str>,
) -> PlatformResult<Option<vantage_obs::WatchGuard>> {
    let watch = |url| telemetry.watch_postgres("platform", &vantage_obs::config::Secret::new(url));
    Ok(url.map(watch).transpose()?)
}

#[cfg(not(feature = "postgres"))]
fn watch_server(_: &Telemetry, _: Option<&str>) -> PlatformResult<Option<vantage_obs::WatchGuard>> {
    Ok(None)
}

/// Shows the progress until the time is over or someone stops it.
async fn run(platform: &Platform, args: &PlatformArgs) -> PlatformResult {
    let progress = ProgressLine::start();
    let started = Instant::now();
    let incident = incident_range(args);
    objectives::print_alert_changes(&platform.telemetry, progress, started);
    if incident.is_some() {
        progress.print_line(&objectives::describe(
            &platform.telemetry.config().config.slo,
        ));
    }
    let mut interval = tokio::time::interval(Duration::from_millis(250));
    let (mut last_line, mut printed_updates) = (started, incidents::PrintedUpdates::default());
    let mut stop = std::pin::pin!(stop::requested());
    loop {
        tokio::select! {
            stopped = &mut stop => { stopped?; break }
            _ = interval.tick() => {}
        }
        let elapsed = started.elapsed();
        if args.duration.is_some_and(|duration| elapsed >= duration) {
            break;
        }
        let now = incident
            .as_ref()
            .is_some_and(|incident| incident.contains(&elapsed));
        if platform.in_incident.swap(now, Ordering::Relaxed) != now {
            let change = if now { "begins" } else { "is over" };
            progress.print_line(&format!(
                "{:>4} s  the incident {change}",
                elapsed.as_secs()
            ));
        }
        for line in printed_updates.new_lines(&platform.telemetry) {
            progress.print_line(&format!("{:>4} s  {line}", elapsed.as_secs()));
        }
        if last_line.elapsed() >= progress.interval() {
            last_line = Instant::now();
            progress.show(platform, elapsed)?;
        }
    }
    progress.clear();
    Ok(())
}

/// The middle third of a run, or 20 s to 40 s of one without an end.
fn incident_range(args: &PlatformArgs) -> Option<std::ops::Range<Duration>> {
    let third = args
        .duration
        .map_or(Duration::from_secs(20), |duration| duration / 3);
    args.incident.then(|| third..third * 2)
}
