//! The line of progress and the summary.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use vantage_obs::Telemetry;
use vantage_obs::config::TelemetrySignal;

use crate::Platform;
use crate::counts::{JobOutcome, PhaseCounts, RequestOutcome};
use crate::pushed::PushedCounts;

/// Back to the line's first column, and away with what stands there.
const CLEAR: &str = "\r\x1b[K";

/// On a terminal one line that is rewritten, elsewhere a line every 5 s.
#[derive(Clone, Copy)]
pub(crate) struct ProgressLine {
    terminal: bool,
}

impl ProgressLine {
    pub(crate) fn start() -> Self {
        Self {
            terminal: std::io::stdout().is_terminal(),
        }
    }

    pub(crate) const fn interval(&self) -> Duration {
        if self.terminal {
            Duration::from_millis(500)
        } else {
            Duration::from_secs(5)
        }
    }

    pub(crate) fn show(&self, platform: &Platform, elapsed: Duration) -> std::io::Result<()> {
        let line = progress_line(platform, elapsed);
        let mut out = std::io::stdout();
        if self.terminal {
            // Without wrapping while it is written, or it would scroll on a narrow terminal.
            write!(out, "{CLEAR}\x1b[?7l{line}\x1b[?7h")?;
        } else {
            writeln!(out, "{line}")?;
        }
        out.flush()
    }

    /// A line that stays.
    pub(crate) fn print_line(&self, text: &str) {
        self.clear();
        println!("{text}");
    }

    pub(crate) fn clear(&self) {
        if self.terminal {
            print!("{CLEAR}");
        }
    }
}

/// One line for a panic; the metrics have the rest.
pub(crate) fn announce_panics_briefly() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, ToString::to_string);
        // The line of progress may stand there.
        let clear = if std::io::stderr().is_terminal() {
            CLEAR
        } else {
            ""
        };
        eprintln!("{clear}a job panicked at {place}");
    }));
}

/// Prints the counts of one signal.
pub(crate) fn print_pushed(signal: TelemetrySignal, pushed: &PushedCounts) {
    let PushedCounts {
        accepted,
        lost,
        reason,
    } = pushed;
    let lost = if *lost == 0 {
        String::new()
    } else {
        format!(", {lost} lost ({reason})")
    };
    let label = format!("{signal} sent by OTLP");
    println!("{label:24} {accepted:>10}{lost}");
}

fn progress_line(platform: &Platform, elapsed: Duration) -> String {
    let phases = [&platform.calm, &platform.incident];
    let requests = |request| {
        phases
            .map(|phase| phase.requests(request))
            .iter()
            .sum::<u64>()
    };
    let jobs: u64 = phases
        .map(|phase| phase.jobs(JobOutcome::Done))
        .iter()
        .sum();
    format!(
        "{:>4} s  {} answered, {} failed, {jobs} jobs done, {} waiting{}",
        elapsed.as_secs(),
        requests(RequestOutcome::Answered),
        requests(RequestOutcome::Failed),
        platform.queue.state().depth,
        describe_spans(&platform.telemetry)
    )
}

/// Describes the number of spans that the receiver has, if there is one: while it is away, the number stands still.
fn describe_spans(telemetry: &Telemetry) -> String {
    if telemetry.config().config.otlp.endpoint.is_none() {
        return String::new();
    }
    let PushedCounts { accepted, lost, .. } =
        PushedCounts::so_far(telemetry, TelemetrySignal::Traces);
    if lost == 0 {
        format!(", {accepted} spans sent")
    } else {
        format!(", {accepted} spans sent, {lost} lost")
    }
}

pub(crate) fn summarize(platform: &Platform, with_incident: bool) {
    let row = |label: &str, read: &dyn Fn(&PhaseCounts) -> String| {
        let calm = read(&platform.calm);
        if with_incident {
            println!("{label:24} {calm:>10} {:>10}", read(&platform.incident));
        } else {
            println!("{label:24} {calm:>10}");
        }
    };
    println!();
    if with_incident {
        println!("{:24} {:>10} {:>10}", "", "otherwise", "incident");
    }
    for (request, label) in RequestOutcome::ALL {
        row(label, &|phase| phase.requests(request).to_string());
    }
    row("  95 % within", &|phase| {
        let p95 = phase.p95();
        p95.map_or("-".to_owned(), |p95| format!("{} ms", p95.as_millis()))
    });
    for (job, label) in JobOutcome::ALL {
        row(label, &|phase| phase.jobs(job).to_string());
    }
}

/// Waits until the workers have ended what was asked for, and their beats say so: at most 3 s.
pub(crate) async fn await_workers(platform: &Platform, address: SocketAddr) {
    for _ in 0..30 {
        let phases = [&platform.calm, &platform.incident];
        let ended = JobOutcome::ALL.map(|(job, _)| phases.map(|phase| phase.jobs(job)));
        let ended: u64 = ended.as_flattened().iter().sum();
        let told = list_workers(address).await;
        let told = told
            .iter()
            .filter_map(|one| one["processed_total"].as_u64());
        if platform.queue.state().depth == 0 && told.sum::<u64>() >= ended {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The workers as a probe sees them: by the route, so that what is shown is what others get.
pub(crate) async fn print_workers(address: SocketAddr) {
    let workers = list_workers(address).await;
    println!();
    println!(
        "{:26} {:>8} {:>10} {:>9}",
        "worker", "state", "jobs ended", "failed"
    );
    for worker in workers {
        let text = |name: &str| worker[name].as_str().unwrap_or_default().to_owned();
        println!(
            "{:26} {:>8} {:>10} {:>9}",
            text("worker_id"),
            text("state"),
            worker["processed_total"].to_string(),
            worker["failed_total"].to_string()
        );
    }
}

async fn list_workers(address: SocketAddr) -> Vec<serde_json::Value> {
    let url = format!("http://{address}/api/v1/workers/health");
    let Ok(answer) = reqwest::get(url).await else {
        return Vec::new();
    };
    let body = answer.text().await.unwrap_or_default();
    let list: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
    list["workers"].as_array().cloned().unwrap_or_default()
}
