//! The text that Kubernetes' own components answer with `?verbose`, line for line: `[+]` is fine,
//! `[-]` makes the probe fail, and the reason is withheld. What it has no word for is a check that is
//! unwell without making the probe fail: that is `[+]… degraded: ok`, in the grammar of its
//! `excluded: ok`.

use std::fmt::Write as _;

use super::HealthReport;
use crate::model::routes::HealthProbe;
use crate::model::snapshot::health::{CheckState, HealthState, HealthStatus};

/// A part of health that is no check, in the place of a line.
struct Part<'a> {
    name: &'a str,
    fine: bool,
    /// `true` if it has a line when nothing is wrong.
    always_shown: bool,
}

/// The name of the check that passes with any answer at all.
const PING: &str = "ping";

pub(super) fn render(report: &HealthReport<'_>) -> String {
    let mut text = part_line(report, PING, true);
    for check in report.checks() {
        let _ = writeln!(text, "{}", check_line(report, check));
    }
    let parts = parts(report);
    for part in &parts {
        if part.always_shown || !part.fine || report.query.excludes(part.name) {
            text.push_str(&part_line(report, part.name, part.fine));
        }
    }
    let is_known = |id: &str| {
        id == PING
            || report.checks().any(|check| &*check.id == id)
            || parts.iter().any(|part| part.name == id)
    };
    let excluded = report.query.exclude.iter();
    // Where checks are not shown it would tell which there are.
    let excluded = excluded.filter(|_| report.shows_checks);
    let unknown: Vec<_> = excluded.filter(|id| !is_known(id)).collect();
    if !unknown.is_empty() {
        let quoted: Vec<_> = unknown.iter().map(|id| format!("\"{id}\"")).collect();
        let names = quoted.join(", ");
        let _ = writeln!(
            text,
            "warn: some health checks cannot be excluded: no matches for {names}"
        );
    }
    let result = if report.is_failing() {
        "failed"
    } else {
        "passed"
    };
    let _ = writeln!(text, "{} check {result}", probe_name(report.probe));
    text
}

/// Returns the name that Kubernetes' own paths have.
const fn probe_name(probe: HealthProbe) -> &'static str {
    match probe {
        HealthProbe::Health | HealthProbe::Detailed | HealthProbe::Check => "healthz",
        HealthProbe::Live => "livez",
        HealthProbe::Startup => "startupz",
        HealthProbe::Ready => "readyz",
    }
}

/// Returns a check's line; whether it makes this probe fail, and not whether it fails, decides on
/// its sign.
fn check_line(report: &HealthReport<'_>, check: &CheckState) -> String {
    let id = &check.id;
    let fails = match report.probe {
        HealthProbe::Live => !check.is_live(report.now),
        HealthProbe::Ready => !check.effect(report.now).ready,
        HealthProbe::Check => report.is_failing(),
        _ => check.effect(report.now).status == HealthStatus::Fail,
    };
    if report.query.excludes(id) {
        format!("[+]{id} excluded: ok")
    } else if fails {
        format!("[-]{id} failed: reason withheld")
    } else if check.status(report.now) == Some(HealthStatus::Pass) {
        format!("[+]{id} ok")
    } else {
        format!("[+]{id} degraded: ok")
    }
}

/// Returns the parts of a probe beside the checks.
fn parts<'a>(report: &HealthReport<'a>) -> Vec<Part<'a>> {
    let health = report.health;
    let part = |name, fine, always_shown| Part {
        name,
        fine,
        always_shown,
    };
    let shutdown = |always_shown| part(HealthState::SHUTDOWN, !health.shutting_down, always_shown);
    match report.probe {
        HealthProbe::Health => vec![shutdown(false)],
        HealthProbe::Ready => vec![
            part(HealthState::SAMPLES, health.sampled, true),
            part(HealthState::STARTUP, report.overall.started, false),
            shutdown(true),
        ],
        HealthProbe::Startup => startup_parts(health, report.shows_checks)
            .chain([part(HealthState::STARTUP, report.overall.started, true)])
            .collect(),
        HealthProbe::Live | HealthProbe::Detailed | HealthProbe::Check => Vec::new(),
    }
}

/// Returns what start-up waits for; checks only while it does, and none of what the service has named where
/// checks are not shown.
fn startup_parts(health: &HealthState, shows_checks: bool) -> impl Iterator<Item = Part<'_>> {
    let part = |name, fine| Part {
        name,
        fine: fine || health.started,
        always_shown: false,
    };
    let checks = health
        .startup_checks()
        .map(move |check| part(&check.id, check.last_result.is_some()));
    let conditions = health.conditions.iter().map(|condition| Part {
        name: &condition.name,
        fine: condition.met,
        always_shown: true,
    });
    [
        part(HealthState::SAMPLES, health.sampled),
        part(HealthState::REGISTRATION, health.registered),
    ]
    .into_iter()
    .chain(checks.chain(conditions).filter(move |_| shows_checks))
}

fn part_line(report: &HealthReport<'_>, name: &str, fine: bool) -> String {
    if report.query.excludes(name) {
        format!("[+]{name} excluded: ok\n")
    } else if fine {
        format!("[+]{name} ok\n")
    } else {
        format!("[-]{name} failed: reason withheld\n")
    }
}
