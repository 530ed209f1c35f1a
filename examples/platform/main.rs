//! The whole platform in one process: an API, a queue, workers and a scheduler over a real database,
//! and the HTTP traffic that keeps them busy.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

mod api;
mod database;
mod jobs;
mod traffic;

use std::io::IsTerminal as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use vantage_obs::units::parse_duration;
use vantage_obs::{Config, PoolState, QueueState, Role, Telemetry};

type Fallible<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A platform of API, workers and scheduler that makes its own traffic.
#[derive(Debug, Parser)]
struct Flags {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// How long to run, such as 30s; until Ctrl-C without it.
    #[arg(long, value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Requests a second.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Workers.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    workers: u32,
    /// A stretch of failures and slowness in the middle.
    #[arg(long)]
    incident: bool,
    /// A PostgreSQL server instead of the embedded database, as postgres://user:password@host/name.
    #[arg(long)]
    database: Option<String>,
}

/// What all parts of the platform share.
struct Platform {
    telemetry: Telemetry,
    database: database::Database,
    queue: jobs::Queue,
    incident: AtomicBool,
    sent: AtomicU64,
    failed: AtomicU64,
    jobs: AtomicU64,
}

#[tokio::main]
async fn main() -> Fallible {
    let flags = Flags::parse();
    let roles = Config::new("vantage-platform", Role::Api)
        .with_role(Role::Worker)
        .with_role(Role::Scheduler);
    let telemetry = vantage_obs::init(roles.with_version(env!("CARGO_PKG_VERSION")))?;
    jobs::announce_panics_briefly();

    let database = database::Database::open(&telemetry, flags.database.as_deref()).await?;
    let platform = Arc::new(Platform {
        telemetry,
        database,
        queue: jobs::Queue::default(),
        incident: AtomicBool::new(false),
        sent: AtomicU64::new(0),
        failed: AtomicU64::new(0),
        jobs: AtomicU64::new(0),
    });
    let _watches = watch(&platform);

    let listener = tokio::net::TcpListener::bind(flags.listen).await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}");
    println!("  metrics  http://{address}/metrics");
    println!("  health   http://{address}/api/v1/health");

    tokio::spawn(api::serve(listener, Arc::clone(&platform)));
    for number in 1..=flags.workers {
        tokio::spawn(jobs::work(
            Arc::clone(&platform),
            format!("publisher-{number}"),
        ));
    }
    tokio::spawn(jobs::schedule(Arc::clone(&platform)));
    tokio::spawn(traffic::send(Arc::clone(&platform), address, flags.rate));

    run(&platform, &flags).await?;
    summarize(&platform);
    println!("{}", platform.telemetry.shutdown().await?);
    Ok(())
}

fn watch(platform: &Arc<Platform>) -> [vantage_obs::Watch; 2] {
    let (queue, pool) = (Arc::clone(platform), Arc::clone(platform));
    let queue = platform.telemetry.watch_queue("posts", move || {
        let (depth, oldest) = queue.queue.state();
        QueueState { depth, oldest }
    });
    let pool = platform.telemetry.watch_pool("primary", move || {
        let (used, pending) = pool.database.load();
        PoolState {
            used,
            idle: database::CONNECTIONS - used,
            max: database::CONNECTIONS,
            pending,
        }
    });
    [queue, pool]
}

async fn run(platform: &Platform, flags: &Flags) -> Fallible {
    let terminal = std::io::stdout().is_terminal();
    let every = if terminal {
        Duration::from_millis(500)
    } else {
        Duration::from_secs(5)
    };
    let started = Instant::now();
    let incident = incident_of(flags);
    let mut interval = tokio::time::interval(Duration::from_millis(250));
    let mut last_line = started;
    loop {
        tokio::select! {
            stopped = tokio::signal::ctrl_c() => { stopped?; break }
            _ = interval.tick() => {}
        }
        let elapsed = started.elapsed();
        let now = incident
            .as_ref()
            .is_some_and(|incident| incident.contains(&elapsed));
        if platform.incident.swap(now, Ordering::Relaxed) != now {
            println!(
                "{}the incident {}",
                if terminal { "\n" } else { "" },
                if now { "begins" } else { "is over" }
            );
        }
        if last_line.elapsed() >= every {
            last_line = Instant::now();
            let line = progress(platform, elapsed);
            if terminal {
                print!("\r{line}");
            } else {
                println!("{line}");
            }
            std::io::stdout().flush()?;
        }
        if flags.duration.is_some_and(|duration| elapsed >= duration) {
            break;
        }
    }
    Ok(())
}

/// The middle third of a run, or 20 s to 40 s of one without an end.
fn incident_of(flags: &Flags) -> Option<std::ops::Range<Duration>> {
    let third = flags
        .duration
        .map_or(Duration::from_secs(20), |duration| duration / 3);
    flags.incident.then(|| third..third * 2)
}

fn progress(platform: &Platform, elapsed: Duration) -> String {
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    format!(
        "{:>4} s  {} requests, {} failed  {} jobs  {} waiting",
        elapsed.as_secs(),
        count(&platform.sent),
        count(&platform.failed),
        count(&platform.jobs),
        platform.queue.state().0
    )
}

fn summarize(platform: &Platform) {
    println!(
        "\n{:24} {:>8} {:>8} {:>9}",
        "objective", "good", "bad", "good of all"
    );
    for (objective, good, bad) in platform.telemetry.slo_events() {
        let total = good + bad;
        let share = if total == 0 {
            "no data".to_owned()
        } else {
            format!("{:.2} %", 100.0 * good as f64 / total as f64)
        };
        println!("{objective:24} {good:>8} {bad:>8} {share:>11}");
    }
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "{} requests sent, {} failed; {} jobs done",
        count(&platform.sent),
        count(&platform.failed),
        count(&platform.jobs)
    );
}
