//! The tables of the overview.

use super::format::{age, micros, tone};
use super::query::DevView;
use super::{DevQuery, DevSource, NamedProcess};
use crate::model::dev::{DevOperation, DevSpanKind};
use crate::serve::pages::format::group_digits;

/// A process, or an address at which there is none.
#[derive(Debug)]
pub(super) struct ProcessRow {
    pub(super) label: String,
    pub(super) url: Option<String>,
    pub(super) tone: &'static str,
    pub(super) state: String,
    /// The reason why there is nothing of it.
    pub(super) error: Option<String>,
    pub(super) facts: String,
}

/// The operations of a kind.
#[derive(Debug)]
pub(super) struct OperationTable {
    pub(super) heading: &'static str,
    pub(super) column: &'static str,
    pub(super) rows: Vec<OperationRow>,
}

#[derive(Debug)]
pub(super) struct OperationRow {
    pub(super) name: String,
    pub(super) href: String,
    pub(super) process: String,
    pub(super) rate: String,
    pub(super) p50: String,
    pub(super) p95: String,
    pub(super) errors: String,
    pub(super) has_errors: bool,
    pub(super) total: String,
}

/// A line about a worker, a check or an objective: a name, a state, and figures.
#[derive(Debug)]
pub(super) struct StateRow {
    pub(super) name: String,
    pub(super) process: String,
    pub(super) tone: &'static str,
    pub(super) state: String,
    pub(super) figures: String,
}

/// Workers, checks and objectives.
#[derive(Debug)]
pub(super) struct SectionRows {
    pub(super) sections: Vec<(&'static str, Vec<StateRow>)>,
    /// True if a process has no spans to show.
    pub(super) untraced: bool,
}

/// Returns a line for each address.
pub(super) fn process_rows(sources: &[DevSource], named: &[NamedProcess<'_>]) -> Vec<ProcessRow> {
    let mut labels = named.iter().map(|one| one.label.clone());
    let rows = sources.iter().map(|source| match &source.process {
        Err(error) => ProcessRow {
            label: source.url.clone().unwrap_or_default(),
            url: None,
            tone: "major",
            state: "not reached".into(),
            error: Some(error.clone()),
            facts: String::new(),
        },
        Ok(process) => {
            let version = process
                .version
                .as_ref()
                .map(|version| format!("version {version}"));
            let since = process.started_at.get(11..19).unwrap_or_default();
            let facts = [
                Some(process.roles.join(", ")),
                version,
                process.environment.clone(),
                process.instance.clone(),
                Some(format!("process {}", process.pid)),
                Some(format!("since {since} UTC")),
            ];
            let facts: Vec<_> = facts.into_iter().flatten().collect();
            ProcessRow {
                label: labels.next().unwrap_or_default(),
                url: source.url.clone(),
                tone: tone(&process.health),
                state: match process.ready {
                    true => process.health.clone(),
                    false => format!("{}, not ready", process.health),
                },
                error: None,
                facts: facts.join(" · "),
            }
        }
    });
    rows.collect()
}

/// The kinds of operations, with their heading and the heading of their names.
const KINDS: [(DevSpanKind, &str, &str); 5] = [
    (DevSpanKind::Server, "Requests", "Route"),
    (DevSpanKind::Consumer, "Jobs", "Kind"),
    (
        DevSpanKind::Internal,
        "Scheduled runs and other work",
        "Name",
    ),
    (DevSpanKind::Client, "Calls", "Call"),
    (DevSpanKind::Producer, "Messages sent", "Name"),
];

/// Returns the tables of operations that have any.
pub(super) fn operation_tables(
    shown: &[&NamedProcess<'_>],
    query: &DevQuery,
) -> Vec<OperationTable> {
    let tables = KINDS.map(|(kind, heading, column)| {
        let rows = shown.iter().flat_map(|one| {
            let operations = one.process.operations.iter();
            let of_kind = operations.filter(|operation| operation.kind == kind);
            of_kind.map(|operation| OperationRow::new(operation, &one.label, query))
        });
        OperationTable {
            heading,
            column,
            rows: rows.collect(),
        }
    });
    tables
        .into_iter()
        .filter(|table| !table.rows.is_empty())
        .collect()
}

impl OperationRow {
    fn new(operation: &DevOperation, label: &str, query: &DevQuery) -> Self {
        let recent = operation.recent.max(1);
        let errors = operation.recent_errors * 1_000 / recent;
        Self {
            href: query
                .with_view(DevView::Traces)
                .with_text(&operation.name)
                // Those of a call are often polls alone.
                .with_polls(query.polls || operation.kind == DevSpanKind::Client)
                .link(),
            name: match operation.kind {
                // As the conventions name a request that no route took.
                DevSpanKind::Server if !operation.name.contains(' ') => {
                    format!("{}, no route", operation.name)
                }
                _ => operation.name.clone(),
            },
            process: label.into(),
            rate: format!("{:.2}", operation.rate),
            p50: micros(operation.p50_us),
            p95: micros(operation.p95_us),
            errors: match operation.recent_errors {
                0 => "–".into(),
                count => format!("{count} ({}.{}\u{a0}%)", errors / 10, errors % 10),
            },
            has_errors: operation.recent_errors > 0,
            total: group_digits(operation.total),
        }
    }
}

impl SectionRows {
    pub(super) fn new(shown: &[&NamedProcess<'_>]) -> Self {
        let sections = [
            ("Workers and schedulers", rows(shown, workers)),
            ("Health checks", rows(shown, checks)),
            ("Objectives", rows(shown, objectives)),
        ];
        let sections = sections.into_iter().filter(|(_, rows)| !rows.is_empty());
        Self {
            sections: sections.collect(),
            untraced: shown.iter().any(|one| !one.process.traced),
        }
    }
}

fn rows(shown: &[&NamedProcess<'_>], of: fn(&NamedProcess<'_>) -> Vec<StateRow>) -> Vec<StateRow> {
    shown.iter().flat_map(|one| of(one)).collect()
}

fn workers(one: &NamedProcess<'_>) -> Vec<StateRow> {
    let workers = one.process.workers.iter().map(|worker| {
        let waiting = worker.queue_depth.map(|depth| format!(", {depth} waiting"));
        StateRow {
            name: worker.id.clone(),
            process: one.label.clone(),
            tone: tone(&worker.state),
            state: worker.state.clone(),
            figures: format!(
                "{} running, {} done, {} failed{}; seen {} ago",
                worker.in_flight,
                group_digits(worker.processed),
                group_digits(worker.failed),
                waiting.unwrap_or_default(),
                age(worker.age_ms)
            ),
        }
    });
    workers.collect()
}

fn checks(one: &NamedProcess<'_>) -> Vec<StateRow> {
    let checks = one.process.checks.iter().map(|check| StateRow {
        name: check.id.clone(),
        process: one.label.clone(),
        tone: tone(&check.status),
        state: check.status.clone(),
        figures: format!(
            "{}, {}; ran {} ago for {}",
            check.code,
            check.criticality,
            age(check.age_ms),
            age(check.duration_ms)
        ),
    });
    checks.collect()
}

fn objectives(one: &NamedProcess<'_>) -> Vec<StateRow> {
    let objectives = one.process.objectives.iter().map(|objective| {
        let unknown = || "unknown".to_owned();
        let tone = match (objective.alert.as_str(), objective.data.as_str()) {
            ("critical", _) => "major",
            ("warning", _) => "deg",
            ("none", "ok" | "partial") => "ok",
            _ => "none",
        };
        let state = match (objective.alert.as_str(), objective.data.as_str()) {
            ("none", "ok" | "partial") => "no alert".to_owned(),
            ("none", data) => data.replace('_', " "),
            (alert, _) => alert.to_owned(),
        };
        StateRow {
            name: objective.id.clone(),
            process: one.label.clone(),
            tone,
            state,
            figures: format!(
                "good {} of a target of {}\u{a0}%; budget left {}",
                objective.sli.clone().unwrap_or_else(unknown),
                objective.target,
                objective.budget_left.clone().unwrap_or_else(unknown)
            ),
        }
    });
    objectives.collect()
}
