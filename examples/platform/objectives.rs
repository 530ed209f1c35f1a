//! Error budgets: windows that fit a run of seconds, alerts as they come and go, and the report.

use std::path::Path;
use std::time::{Duration, Instant};

use vantage_obs::config::SloConfig;
use vantage_obs::slo::report::{AlertState, render_table};
use vantage_obs::units::format_duration;
use vantage_obs::{SloAlertChange, Telemetry};

use crate::display::ProgressLine;

/// The interval of sampling, where windows are of seconds.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(500);
/// No window is shorter, or a single event would decide.
const MIN_WINDOW: Duration = Duration::from_secs(1);
/// A longer incident needs no longer windows to be seen.
const MAX_INCIDENT: Duration = Duration::from_secs(5 * 60);

/// Burn windows by which an incident of this length can fire an alert, and calm of the same length
/// clear it. Services leave them at hours.
pub(crate) fn fit_windows(slo: &mut SloConfig, incident: Duration) {
    slo.sample_interval = SAMPLE_INTERVAL;
    slo.slice = MIN_WINDOW;
    let seconds = incident.min(MAX_INCIDENT).as_secs();
    let short = Duration::from_secs(seconds / 5).max(MIN_WINDOW);
    let long = Duration::from_secs(seconds).max(short * 2);
    (slo.burn_rate.critical.short, slo.burn_rate.critical.long) = (short, long);
    (slo.burn_rate.warning.short, slo.burn_rate.warning.long) = (short * 2, long + short);
}

pub(crate) fn describe(slo: &SloConfig) -> String {
    let critical = &slo.burn_rate.critical;
    let [long, short] = [critical.long, critical.short].map(format_duration);
    let factor = critical.factor.to_f64();
    format!(
        "an alert is critical when a budget burns at more than {factor}x over {long} and {short}"
    )
}

/// Returns the line that shows a change of an alert, if one fires or ends.
pub(crate) fn alert_line(change: &SloAlertChange) -> Option<String> {
    let objective = &change.objective;
    let (from, to) = (change.from.as_str(), change.to.as_str());
    match (change.from, change.to) {
        (_, AlertState::Critical) => Some(format!("FIRING  {objective} is critical, was {from}")),
        (AlertState::Critical, _) => {
            Some(format!("CLEAR   {objective} is critical no more, but {to}"))
        }
        (_, AlertState::Warning) => Some(format!("firing  {objective} is a warning, was {from}")),
        (AlertState::Warning, _) => Some(format!(
            "clear   {objective} is a warning no more, but {to}"
        )),
        _ => None,
    }
}

/// Prints alerts among the lines of progress as they change.
pub(crate) fn print_alert_changes(telemetry: &Telemetry, progress: ProgressLine, started: Instant) {
    telemetry.on_slo_alert(move |change| {
        if let Some(line) = alert_line(change) {
            let elapsed = started.elapsed().as_secs();
            progress.print_line(&format!("{elapsed:>4} s  {line}"));
        }
    });
}

/// Prints the report of the objectives.
pub(crate) fn print_report(telemetry: &Telemetry) {
    let directory: &Path = &telemetry.config().config.slo.directory;
    match telemetry.slo_report() {
        Some(report) if !report.objectives.is_empty() => print!("{}", render_table(&report)),
        _ => println!(
            "no objectives: there is no folder {} here",
            directory.display()
        ),
    }
}
