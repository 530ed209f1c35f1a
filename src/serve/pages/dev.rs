//! The development page: one process or several, with links from a route to its traces, from a trace to its lines,
//! and from a line to its trace.
//!
//! The same page is served by a service and by the command. Without a script: it reloads every two seconds, and its
//! whole state is in its address.

mod format;
mod lines;
mod overview;
mod query;
mod traces;
mod waterfall;

use askama::Template;

use self::lines::{LineRow, line_rows};
use self::overview::{OperationTable, ProcessRow, SectionRows};
pub(crate) use self::query::DevQuery;
use self::query::DevView;
use self::traces::{Trace, TraceRow, join_traces, trace_rows};
use self::waterfall::Waterfall;
use super::layout::PageLayout;
use super::render;
use crate::model::dev::DevProcess;

/// The refresh interval in seconds: often enough to be live.
const REFRESH_SECONDS: u32 = 2;

/// The traces and lines of the overview.
const FEW: usize = 10;

/// The most traces, and the most lines, of a view.
const MANY: usize = 200;
const MANY_LINES: usize = 500;

/// The part of the style sheet that only this page has.
const STYLE: &str = include_str!("../../../templates/dev.css");

/// The content security policy of the page: that of the others, with a form that leads to the page itself.
pub(crate) const DEV_CONTENT_SECURITY_POLICY: &str = concat!(
    "default-src 'none'; style-src 'sha256-",
    include_str!("../../../templates/style.sha256"),
    "' 'sha256-",
    include_str!("../../../templates/dev.sha256"),
    "'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
);

/// A process to show, or the reason why it can't be.
#[derive(Clone, Debug)]
pub(crate) struct DevSource {
    /// Its address, where it isn't the one that serves the page.
    pub(crate) url: Option<String>,
    pub(crate) process: Result<DevProcess, String>,
}

/// A process with the name that the page has for it.
struct NamedProcess<'a> {
    label: String,
    process: &'a DevProcess,
}

#[derive(Debug, Template)]
#[template(path = "dev.html", whitespace = "minimize")]
struct DevPage {
    layout: PageLayout,
    style: &'static str,
    query: DevQuery,
    views: Vec<ViewLink>,
    /// The names of the processes, for the choice of one.
    labels: Vec<String>,
    processes: Vec<ProcessRow>,
    operations: Vec<OperationTable>,
    rows: SectionRows,
    traces: Vec<TraceRow>,
    trace_count: usize,
    /// The number of traces of one call alone that the filters leave in, shown or not.
    poll_count: usize,
    /// The link that shows or hides these.
    other_polls: String,
    lines: Vec<LineRow>,
    line_count: usize,
    waterfall: Option<Waterfall>,
    /// True if a trace was asked for that isn't there.
    is_missing: bool,
    /// The link that ends or begins reloading.
    other_refresh: String,
}

/// A link to a view.
#[derive(Debug)]
struct ViewLink {
    text: &'static str,
    count: Option<usize>,
    href: String,
    current: bool,
}

/// Renders the page.
pub(crate) fn render_dev(sources: &[DevSource], query: DevQuery) -> String {
    let named = named_processes(sources);
    let shown: Vec<_> = named
        .iter()
        .filter(|one| query.process.is_empty() || one.label == query.process)
        .collect();
    let traces = join_traces(&named);
    let of_shown: Vec<_> = traces
        .iter()
        .filter(|trace| {
            query.process.is_empty() || trace.labels(&named).contains(&query.process.as_str())
        })
        .collect();
    let trace = traces.iter().find(|trace| trace.id == query.trace);
    let view = query.view();
    let mut matching: Vec<&Trace<'_>> = of_shown
        .into_iter()
        .filter(|trace| trace.matches(&query))
        .collect();
    let poll_count = matching.iter().filter(|trace| trace.is_poll()).count();
    matching.retain(|trace| query.polls || !trace.is_poll());
    let trace_count = matching.len();
    matching.truncate(if view == DevView::Overview { FEW } else { MANY });
    let mut lines = line_rows(&shown, &query, &traces);
    let line_count = lines.len();
    lines.truncate(if view == DevView::Overview {
        FEW
    } else {
        MANY_LINES
    });
    let page = DevPage {
        layout: layout(&named, &query),
        style: STYLE,
        views: view_links(&query, trace_count, line_count),
        labels: named.iter().map(|one| one.label.clone()).collect(),
        processes: overview::process_rows(sources, &named),
        operations: overview::operation_tables(&shown, &query),
        rows: SectionRows::new(&shown),
        traces: trace_rows(&matching, &named, &query),
        trace_count,
        poll_count,
        other_polls: query
            .with_view(DevView::Traces)
            .with_polls(!query.polls)
            .link(),
        lines,
        line_count,
        waterfall: trace.map(|trace| Waterfall::new(trace, &named, &query)),
        is_missing: view == DevView::Trace && trace.is_none(),
        other_refresh: query.with_refresh(!query.refresh).link(),
        query,
    };
    render(&page)
}

/// Names processes by their service, and those of one service by a number too.
fn named_processes(sources: &[DevSource]) -> Vec<NamedProcess<'_>> {
    let mut named: Vec<NamedProcess<'_>> = Vec::new();
    for process in sources
        .iter()
        .filter_map(|source| source.process.as_ref().ok())
    {
        let same = named
            .iter()
            .filter(|one| one.process.service == process.service);
        let label = match same.count() {
            0 => process.service.clone(),
            others => format!("{} #{}", process.service, others + 1),
        };
        named.push(NamedProcess { label, process });
    }
    named
}

fn layout(named: &[NamedProcess<'_>], query: &DevQuery) -> PageLayout {
    let brand = match named {
        [] => "vantage-obs".to_owned(),
        [one] => one.label.clone(),
        several => format!("{} processes", several.len()),
    };
    PageLayout {
        // A trace is finished, and is read.
        refresh_seconds: (query.refresh && query.view() != DevView::Trace)
            .then_some(REFRESH_SECONDS),
        policy: None,
        ..PageLayout::standalone(format!("Development – {brand}"), brand)
    }
}

fn view_links(query: &DevQuery, traces: usize, lines: usize) -> Vec<ViewLink> {
    let link = |text, view, count: Option<usize>| ViewLink {
        text,
        // Beside a trace they would be those of nothing.
        count: count.filter(|_| !query.is_trace()),
        href: query.with_view(view).link(),
        current: query.view() == view,
    };
    vec![
        link("Overview", DevView::Overview, None),
        link("Traces", DevView::Traces, Some(traces)),
        link("Log lines", DevView::Lines, Some(lines)),
    ]
}

#[cfg(test)]
mod tests;
