//! Log lines of all processes, the latest first.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde_json::Value;

use super::format::time_of_text;
use super::query::LEVELS;
use super::traces::Trace;
use super::{DevQuery, NamedProcess};
use crate::model::dev::DevLine;

#[derive(Debug)]
pub(super) struct LineRow {
    pub(super) time: String,
    pub(super) level: String,
    pub(super) tone: &'static str,
    pub(super) process: String,
    pub(super) target: String,
    pub(super) message: String,
    pub(super) fields: Vec<(String, String)>,
    /// The link to its trace, where that is here.
    pub(super) href: Option<String>,
}

/// Returns the lines that the filters leave in; those of a trace alone where one is asked for, oldest first.
pub(super) fn line_rows(
    shown: &[&NamedProcess<'_>],
    query: &DevQuery,
    traces: &[Trace<'_>],
) -> Vec<LineRow> {
    let all = shown.iter().flat_map(|one| {
        let lines = one.process.lines.iter();
        lines.map(|line| (one.label.as_str(), line))
    });
    let mut lines: Vec<_> = all.filter(|(_, line)| matches(line, query)).collect();
    // Of one form in all processes, so that they sort as text.
    lines.sort_by_key(|(_, line)| Reverse(line.timestamp.as_str()));
    if query.is_trace() {
        lines.reverse();
    }
    let here: BTreeSet<_> = traces.iter().map(|trace| trace.id).collect();
    let rows = lines.into_iter().map(|(label, line)| LineRow {
        time: time_of_text(&line.timestamp),
        level: line.level.clone(),
        tone: tone(&line.level),
        process: label.into(),
        target: line.target.clone(),
        message: line.message.clone(),
        fields: fields(line),
        href: (!query.is_trace() && here.contains(line.trace_id.as_str())).then(|| {
            let anchor = format!("#s-{}", line.span_id);
            query.with_trace(&line.trace_id).link() + &anchor
        }),
    });
    rows.collect()
}

fn matches(line: &DevLine, query: &DevQuery) -> bool {
    if query.is_trace() {
        return line.trace_id == query.trace;
    }
    let place = |level: &str| LEVELS.iter().position(|one| *one == level);
    // A level of another release is shown.
    let is_severe = place(&line.level).is_none_or(|found| Some(found) >= place(&query.level));
    let fields = fields(line);
    let fields = fields
        .iter()
        .flat_map(|(key, value)| [key.as_str(), value.as_str()]);
    let texts = [&*line.message, &*line.target, &*line.trace_id];
    is_severe && query.finds(fields.chain(texts))
}

fn fields(line: &DevLine) -> Vec<(String, String)> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let fields = line.fields.iter();
    fields
        .map(|(key, value)| (key.clone(), text(value)))
        .collect()
}

fn tone(level: &str) -> &'static str {
    match level {
        "error" => "major",
        "warn" => "deg",
        "info" => "maint",
        _ => "none",
    }
}
