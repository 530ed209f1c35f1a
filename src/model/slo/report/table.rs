//! The report as a table of at most 100 columns, readable without colour.

use std::fmt::Write;

use jiff::Timestamp;

use super::{Alert, BurnRate, ObjectiveReport, Report};
use crate::model::units::{Percent, Ratio, format_duration};

const COLUMNS: usize = 100;

/// The space between columns.
const GAP: usize = 2;

/// How wide the name of an objective is at least, and what it may grow to where there is room.
const NAME: (usize, usize) = (12, 40);

/// The signs of the sparkline of a budget: an eighth each of what was left.
const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// How many signs a budget has at most.
const SIGNS: usize = 12;

/// The steps of the sparkline of burn rates: a rate of at most this, and its sign. The same for all rows,
/// so that they can be compared; past the last it is `█`.
const STEPS: [(u32, u32, char); 7] = [
    (0, 1, '▁'),
    (1, 2, '▂'),
    (1, 1, '▃'),
    (2, 1, '▄'),
    (5, 1, '▅'),
    (10, 1, '▆'),
    (20, 1, '▇'),
];

const BUDGET_LEGEND: &str = "BUDGET is what was left of it, from the start of the window or of the samples to now: █ most of it  \
     ▁ less than an eighth  × overspent";
const LEGEND: &str =
    "▁ 0  ▂ to 0.5x  ▃ to 1x  ▄ to 2x  ▅ to 5x  ▆ to 10x  ▇ to 20x  █ above  · no data";

/// The report for people: a row for each objective, and beneath it what else there is to say.
///
/// What is left of a budget is rounded down and no rate is, so that a row never looks better than it
/// is. The sparkline shows what was left of the budget from the start of the window to now; where no row
/// has that, the burn rates from the longest window to the shortest. Its right end is now in both.
#[must_use]
pub fn render_table(report: &Report) -> String {
    let mut text = format!("{} {:.0}\n\n", report.source.as_str(), report.generated_at);
    let known = |objective: &ObjectiveReport| !objective.burn_down.is_empty();
    let burn_down = report.objectives.iter().any(known);
    let row = |objective| row(objective, burn_down);
    let mut rows: Vec<[String; 7]> = report.objectives.iter().map(row).collect();
    let headings = [
        "OBJECTIVE",
        "TARGET",
        "SLI",
        "LEFT",
        "HIGHEST BURN",
        if burn_down { "BUDGET" } else { "BURN" },
        "ALERT",
    ];
    let headings = headings.map(str::to_owned);
    let width = |rows: &[[String; 7]], column: usize| {
        let cells = rows.iter().chain([&headings]);
        let widths = cells.map(|row| row[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let others: usize = (1..7).map(|column| width(&rows, column) + GAP).sum();
    let room = COLUMNS.saturating_sub(others).clamp(NAME.0, NAME.1);
    rows.iter_mut()
        .for_each(|row| row[0] = shortened(&row[0], room));
    let widths: [usize; 7] = std::array::from_fn(|column| width(&rows, column));
    line(&mut text, &headings, widths);
    for (cells, objective) in rows.iter().zip(&report.objectives) {
        line(&mut text, cells, widths);
        for remark in remarks(objective) {
            wrapped(&mut text, &remark);
        }
    }
    if burn_down {
        text.push('\n');
        wrapped(&mut text, BUDGET_LEGEND);
        return text;
    }
    let windows = report
        .objectives
        .iter()
        .map(|objective| &objective.burn_rate);
    if let Some(windows) = windows.max_by_key(|windows| windows.len())
        && !windows.is_empty()
    {
        let names = windows
            .iter()
            .rev()
            .map(|rate| format_duration(rate.window));
        let names = names.collect::<Vec<_>>().join(" ");
        text.push('\n');
        wrapped(&mut text, &format!("BURN over {names}: {LEGEND}"));
    }
    text
}

fn row(objective: &ObjectiveReport, burn_down: bool) -> [String; 7] {
    let budget = objective.budget();
    let counted = objective.is_counted();
    let percent = |share: Option<Ratio>, places| match share.filter(|_| counted) {
        Some(share) => in_percent(share, places),
        None => "-".into(),
    };
    [
        format!("{}.{}", objective.service, objective.name),
        format!("{} %", shortened(&objective.target.to_string(), 9)),
        percent(budget.sli(), 4),
        percent(budget.remaining(), 2),
        highest(objective.target, &objective.burn_rate),
        match burn_down {
            true => left(&objective.burn_down),
            false => sparkline(objective.target, &objective.burn_rate),
        },
        alert(objective.alert).into(),
    ]
}

/// A word each, in capitals where somebody is woken: colour isn't needed to find it.
const fn alert(alert: Alert) -> &'static str {
    match alert {
        Alert::Critical => "CRITICAL",
        other => other.as_str(),
    }
}

/// What a row has no room for.
fn remarks(objective: &ObjectiveReport) -> Vec<String> {
    let mut remarks = Vec::new();
    if objective.data != super::Data::Ok {
        let reason = objective.reason.as_deref().unwrap_or("");
        let colon = if reason.is_empty() { "" } else { ": " };
        // Rounded down: 99.9 % covered is not all of it.
        let covered = (objective.coverage * 100.0).floor();
        let data = objective.data.as_str();
        remarks.push(format!("{data}, {covered} % covered{colon}{reason}"));
    }
    if let Some(at) = objective.exhausts_at {
        remarks.push(format!("exhausted at {at:.0} at the rate of now"));
    }
    if let Some(at) = objective.recovers_at {
        remarks.push(format!(
            "within its budget again at {at:.0} if nothing more happens"
        ));
    }
    if let Some((good, bad)) = objective.raw {
        remarks.push(format!("with maintenance: {good} good, {bad} bad"));
    }
    remarks
}

/// The highest burn rate, with its window.
fn highest(target: Percent, rates: &[BurnRate]) -> String {
    let rates = rates
        .iter()
        .filter_map(|rate| Some((rate.value(target)?, rate)));
    let highest = rates.max_by(|(left, _), (right, _)| left.cmp(right));
    match highest {
        Some((value, rate)) => {
            format!(
                "{}x over {}",
                value.rounded_up(2),
                format_duration(rate.window)
            )
        }
        None => "-".into(),
    }
}

/// What was left, from the start of the window to now; `×` where it was overspent.
fn left(points: &[(Timestamp, Ratio)]) -> String {
    let sign = |left: Ratio| {
        if left.is_negative() {
            return '×';
        }
        let reached =
            |eighth: &u32| Ratio::new((*eighth).into(), 8).is_some_and(|eighth| left >= eighth);
        let eighths = (1..8).rev().find(reached).unwrap_or(0);
        EIGHTHS[eighths as usize]
    };
    let last = points.len().saturating_sub(1);
    let signs = points.len().min(SIGNS);
    let place = |at: usize| last * at / signs.saturating_sub(1).max(1);
    (0..signs).map(|at| sign(points[place(at)].1)).collect()
}

/// From the longest window to the shortest.
fn sparkline(target: Percent, rates: &[BurnRate]) -> String {
    let sign = |rate: &BurnRate| match rate.value(target) {
        None => '·',
        Some(value) => STEPS
            .iter()
            .find(|(numerator, denominator, _)| {
                let limit = Ratio::new((*numerator).into(), (*denominator).into());
                limit.is_some_and(|limit| value <= limit)
            })
            .map_or('█', |(_, _, sign)| *sign),
    };
    rates.iter().rev().map(sign).collect()
}

pub(super) fn in_percent(share: Ratio, places: u32) -> String {
    match share.times(Ratio::from(100)) {
        Some(percent) => format!("{} %", percent.rounded_down(places)),
        None => format!("{:.2} %", share.to_f64() * 100.0),
    }
}

fn line(text: &mut String, cells: &[String; 7], widths: [usize; 7]) {
    let mut line = String::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let gap = " ".repeat(if column == 0 { 0 } else { GAP });
        // Numbers stand by their last digit.
        let _ = match column {
            1..=3 => write!(line, "{gap}{cell:>width$}"),
            _ => write!(line, "{gap}{cell:width$}"),
        };
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

/// Rows in columns; all but the first two and the last hold numbers.
pub(super) fn aligned(rows: &[[String; 7]]) -> String {
    let room = |column: usize| {
        rows.iter()
            .map(move |row| row[column].chars().count())
            .max()
    };
    let others: usize = (1..7).map(|column| room(column).unwrap_or(0) + GAP).sum();
    let name = COLUMNS.saturating_sub(others).clamp(NAME.0, NAME.1);
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = match column {
                0 => room(0).unwrap_or(0).min(name),
                _ => room(column).unwrap_or(0),
            };
            let gap = " ".repeat(if column == 0 { 0 } else { GAP });
            // Writing into a string doesn't fail.
            let _ = match column {
                0 => write!(line, "{:width$}", shortened(cell, name)),
                2..=5 => write!(line, "{gap}{cell:>width$}"),
                _ => write!(line, "{gap}{cell:width$}"),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Words in as many lines as they need, indented under their row.
fn wrapped(text: &mut String, words: &str) {
    let mut line = String::from(" ");
    for word in words.split(' ') {
        let word = shortened(word, COLUMNS - 2);
        if line.chars().count() + 1 + word.chars().count() > COLUMNS {
            text.push_str(&line);
            text.push('\n');
            line = String::from(" ");
        }
        line.push(' ');
        line.push_str(&word);
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

fn shortened(text: &str, longest: usize) -> String {
    // What a file or a server says must not move a terminal's cursor.
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().count() <= longest {
        return text;
    }
    let kept: String = text.chars().take(longest - 1).collect();
    format!("{kept}…")
}
