//! The text that Kubernetes' own components answer with `?verbose`, line for line: `[+]` is fine,
//! `[-]` makes the probe fail, and the reason is withheld. What it has no word for is a check that is
//! unwell without making the probe fail: that is `[+]… degraded: ok`, in the grammar of its
//! `excluded: ok`.

use std::fmt::Write as _;

use super::{Probe, View};
use crate::model::snapshot::health::{CheckState, Status};

pub(super) fn render(view: &View<'_>) -> String {
    let mut text = String::from("[+]ping ok\n");
    for check in view.checks() {
        let _ = writeln!(text, "{}", line(view, check));
    }
    for (name, fine) in conditions(view) {
        text.push_str(&told(name, fine));
    }
    let unknown: Vec<_> = view
        .query
        .exclude
        .iter()
        .filter(|id| !is_known(view, id))
        .collect();
    if !unknown.is_empty() {
        let quoted: Vec<_> = unknown.iter().map(|id| format!("\"{id}\"")).collect();
        let names = quoted.join(", ");
        let _ = writeln!(
            text,
            "warn: some health checks cannot be excluded: no matches for {names}"
        );
    }
    let verdict = if view.fails() { "failed" } else { "passed" };
    let _ = writeln!(text, "{} check {verdict}", name(view.probe));
    text
}

const fn name(probe: Probe) -> &'static str {
    match probe {
        Probe::Health | Probe::Detailed => "healthz",
        Probe::Live => "livez",
        Probe::Startup => "startupz",
        Probe::Ready => "readyz",
    }
}

fn line(view: &View<'_>, check: &CheckState) -> String {
    let id = &check.id;
    let fails = match view.probe {
        Probe::Live => !check.is_alive(view.now),
        Probe::Ready => !check.effect(view.now).ready,
        _ => check.effect(view.now).status == Status::Fail,
    };
    if view.query.excludes(id) {
        format!("[+]{id} excluded: ok")
    } else if fails {
        format!("[-]{id} failed: reason withheld")
    } else if check.status(view.now) == Some(Status::Pass) {
        format!("[+]{id} ok")
    } else {
        format!("[+]{id} degraded: ok")
    }
}

/// What a probe asks beside the checks.
fn conditions(view: &View<'_>) -> Vec<(&'static str, bool)> {
    match view.probe {
        Probe::Ready => vec![
            ("samples", view.health.sampled),
            ("shutdown", !view.health.ending),
        ],
        Probe::Startup => vec![("startup", view.judgement.started)],
        Probe::Health | Probe::Live | Probe::Detailed => Vec::new(),
    }
}

fn told(name: &str, fine: bool) -> String {
    if fine {
        format!("[+]{name} ok\n")
    } else {
        format!("[-]{name} failed: reason withheld\n")
    }
}

fn is_known(view: &View<'_>, id: &str) -> bool {
    view.checks().any(|check| &*check.id == id)
}
