//! The text that Kubernetes' own components answer with `?verbose`, line for line: `[+]` is fine,
//! `[-]` makes the probe fail, and the reason is withheld. What it has no word for is a check that is
//! unwell without making the probe fail: that is `[+]… degraded: ok`, in the grammar of its
//! `excluded: ok`.

use std::fmt::Write as _;

use super::HealthReport;
use crate::model::routes::HealthProbe;
use crate::model::snapshot::health::{CheckState, HealthStatus};

pub(super) fn render(report: &HealthReport<'_>) -> String {
    let mut text = String::from("[+]ping ok\n");
    for check in report.checks() {
        let _ = writeln!(text, "{}", check_line(report, check));
    }
    for (name, fine) in conditions(report) {
        text.push_str(&condition_line(name, fine));
    }
    let unknown: Vec<_> = report
        .query
        .exclude
        .iter()
        .filter(|id| !is_known(report, id))
        .collect();
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

const fn probe_name(probe: HealthProbe) -> &'static str {
    match probe {
        HealthProbe::Health | HealthProbe::Detailed => "healthz",
        HealthProbe::Live => "livez",
        HealthProbe::Startup => "startupz",
        HealthProbe::Ready => "readyz",
    }
}

fn check_line(report: &HealthReport<'_>, check: &CheckState) -> String {
    let id = &check.id;
    let fails = match report.probe {
        HealthProbe::Live => !check.is_live(report.now),
        HealthProbe::Ready => !check.effect(report.now).ready,
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

/// Returns the conditions of a probe beside the checks.
fn conditions(report: &HealthReport<'_>) -> Vec<(&'static str, bool)> {
    match report.probe {
        HealthProbe::Ready => vec![
            ("samples", report.health.sampled),
            ("shutdown", !report.health.shutting_down),
        ],
        HealthProbe::Startup => vec![("startup", report.overall.started)],
        HealthProbe::Health | HealthProbe::Live | HealthProbe::Detailed => Vec::new(),
    }
}

fn condition_line(name: &str, fine: bool) -> String {
    if fine {
        format!("[+]{name} ok\n")
    } else {
        format!("[-]{name} failed: reason withheld\n")
    }
}

fn is_known(report: &HealthReport<'_>, id: &str) -> bool {
    report.checks().any(|check| &*check.id == id)
}
