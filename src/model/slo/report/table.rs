//! The report as a table of at most 100 columns, readable without colour.

use std::fmt::Write;
use std::iter;
use std::ops::RangeInclusive;

use jiff::Timestamp;

use super::{AlertState, BurnRate, DataQuality, ObjectiveReport, SloReport};
use crate::model::slo::BudgetingMethod;
use crate::model::units::{Percent, Ratio, format_duration};

/// Fits into a terminal of a split screen, and into a ticket.
const MAX_WIDTH: usize = 100;

/// The space between columns.
const COLUMN_GAP: usize = 2;

/// The minimum and maximum width of an objective's name, in columns.
const NAME_WIDTH: (usize, usize) = (12, 40);

/// The bars of the budget sparkline: an eighth of the budget each.
const BUDGET_BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The maximum number of bars of a budget sparkline.
const MAX_BUDGET_BARS: usize = 12;

/// The bars of the burn rate sparkline: a maximum rate as numerator and denominator, and its bar. The same for all rows,
/// so that they can be compared; past the last it is `█`.
const BURN_RATE_BARS: [(u32, u32, char); 7] = [
    (0, 1, '▁'),
    (1, 2, '▂'),
    (1, 1, '▃'),
    (2, 1, '▄'),
    (5, 1, '▅'),
    (10, 1, '▆'),
    (20, 1, '▇'),
];

const BUDGET_BARS_LEGEND: &str = "BUDGET is the remaining budget, from the start of the window or of the samples to now: █ most of it  \
     ▁ less than an eighth  × overspent";
const BURN_RATE_BARS_LEGEND: &str =
    "▁ 0  ▂ to 0.5x  ▃ to 1x  ▄ to 2x  ▅ to 5x  ▆ to 10x  ▇ to 20x  █ above  · no data";

/// The report for people: a row for each objective, and beneath it what else there is to say.
///
/// What is left of a budget is rounded down and no rate is, so that a row never looks better than it
/// is. The sparkline shows what was left of the budget from the start of the window to now; where no row
/// has that, the burn rates from the longest window to the shortest. Its right end is now in both.
#[must_use]
pub fn render_table(report: &SloReport) -> String {
    let mut text = format!("{} {:.0}\n\n", report.source.as_str(), report.generated_at);
    let known = |objective: &ObjectiveReport| !objective.burn_down.is_empty();
    let burn_down = report.objectives.iter().any(known);
    let row = |objective| table_row(objective, burn_down);
    let headings = [
        "OBJECTIVE",
        "TARGET",
        "SLI",
        "LEFT",
        "HIGHEST BURN",
        if burn_down { "BUDGET" } else { "BURN" },
        "ALERT",
    ];
    let mut rows = vec![headings.map(str::to_owned)];
    rows.extend(report.objectives.iter().map(row));
    let lines = align_columns(&rows, 1..=3);
    let notes = report.objectives.iter().map(|objective| {
        // Of one service alone there is nothing to tell apart.
        let mut same = report
            .objectives
            .iter()
            .filter(|one| one.id() == objective.id());
        let service = objective.service_text().filter(|_| same.nth(1).is_some());
        let mut notes: Vec<_> = service.into_iter().collect();
        notes.extend(row_notes(objective));
        notes
    });
    for (line, notes) in lines.iter().zip(iter::once(Vec::new()).chain(notes)) {
        text.push_str(line);
        notes.iter().for_each(|note| write_wrapped(&mut text, note));
    }
    if burn_down {
        text.push('\n');
        write_wrapped(&mut text, BUDGET_BARS_LEGEND);
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
        write_wrapped(
            &mut text,
            &format!("BURN over {names}: {BURN_RATE_BARS_LEGEND}"),
        );
    }
    text
}

fn table_row(objective: &ObjectiveReport, burn_down: bool) -> [String; 7] {
    [
        objective.id(),
        format!("{} %", truncate(&objective.target.to_string(), 9)),
        format_percent(objective.sli(), 4),
        format_percent(objective.remaining(), 2),
        format_highest_burn_rate(objective.target, &objective.burn_rate),
        match burn_down {
            true => budget_sparkline(&objective.burn_down),
            false => burn_rate_sparkline(objective.target, &objective.burn_rate),
        },
        alert_label(objective.alert).into(),
    ]
}

/// Returns the label of an alert state, in capitals if critical: colour isn't needed to find it.
const fn alert_label(alert: AlertState) -> &'static str {
    match alert {
        AlertState::Critical => "CRITICAL",
        other => other.as_str(),
    }
}

/// Returns the notes below a row.
fn row_notes(objective: &ObjectiveReport) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(data_note(objective));
    if objective.alert == AlertState::Frozen {
        notes.push(
            "its alert is frozen: samples are missing, so that nothing is raised or cleared".into(),
        );
    }
    // Earlier releases gave a budget that is spent already the time of the report.
    let is_spent = objective
        .remaining()
        .is_some_and(|left| left <= Ratio::ZERO);
    if let Some(at) = objective.exhausts_at.filter(|_| !is_spent) {
        notes.push(format!("exhausted at {at:.0} at the rate of the last hour"));
    }
    if let Some(at) = objective.recovers_at {
        notes.push(format!(
            "within its budget again at {at:.0} if there are no more bad events"
        ));
    }
    if let Some((good, bad)) = objective.raw {
        notes.push(format!("with maintenance: {good} good, {bad} bad"));
    }
    notes
}

/// Returns the words for figures that are not those of a full window, and the reason.
fn data_note(objective: &ObjectiveReport) -> Option<String> {
    let words = match objective.data {
        DataQuality::Ok | DataQuality::Partial => None,
        DataQuality::NoData => Some(match objective.method {
            BudgetingMethod::Timeslices => "no time slice was counted yet",
            BudgetingMethod::Occurrences => "nothing happened: neither good nor bad",
        }),
        DataQuality::Stale => Some("stale, no new samples arrive"),
        DataQuality::Absent => Some("nothing of it was recorded here so far"),
        DataQuality::Inconsistent => Some("inconsistent figures"),
    };
    let reason = objective.reason.as_deref();
    let data = [words, reason].into_iter().flatten().collect::<Vec<_>>();
    let data = (!data.is_empty()).then(|| data.join(": "));
    let notes: Vec<_> = data
        .into_iter()
        .chain(objective.collecting_text())
        .collect();
    (!notes.is_empty()).then(|| notes.join("; "))
}

/// Formats the highest burn rate with its window: the shortest of those that have it, because those of a
/// young process are all the same.
fn format_highest_burn_rate(target: Percent, rates: &[BurnRate]) -> String {
    let rates = rates
        .iter()
        .filter_map(|rate| Some((rate.value(target)?, rate)));
    let highest = rates.rev().max_by(|(left, _), (right, _)| left.cmp(right));
    match highest {
        Some((value, rate)) => {
            format!(
                "{}x over {}",
                value.format_ceil(2),
                format_duration(rate.window)
            )
        }
        None => "-".into(),
    }
}

/// Returns the sparkline of the remaining budget, from the start of the window to now; `×` if overspent.
fn budget_sparkline(points: &[(Timestamp, Ratio)]) -> String {
    let sign = |left: Ratio| {
        if left.is_negative() {
            return '×';
        }
        let reached =
            |eighth: &u32| Ratio::new((*eighth).into(), 8).is_some_and(|eighth| left >= eighth);
        let eighths = (1..8).rev().find(reached).unwrap_or(0);
        BUDGET_BARS[eighths as usize]
    };
    let last = points.len().saturating_sub(1);
    let signs = points.len().min(MAX_BUDGET_BARS);
    let place = |at: usize| last * at / signs.saturating_sub(1).max(1);
    (0..signs).map(|at| sign(points[place(at)].1)).collect()
}

/// Returns the sparkline of the burn rates, from the longest window to the shortest.
fn burn_rate_sparkline(target: Percent, rates: &[BurnRate]) -> String {
    let sign = |rate: &BurnRate| match rate.value(target) {
        None => '·',
        Some(value) => BURN_RATE_BARS
            .iter()
            .find(|(numerator, denominator, _)| {
                let limit = Ratio::new((*numerator).into(), (*denominator).into());
                limit.is_some_and(|limit| value <= limit)
            })
            .map_or('█', |(_, _, sign)| *sign),
    };
    rates.iter().rev().map(sign).collect()
}

pub(super) fn format_percent(share: Option<Ratio>, places: u32) -> String {
    let Some(share) = share else {
        return "-".into();
    };
    match share.checked_mul(Ratio::from(100)) {
        Some(percent) => format!("{} %", percent.format_floor(places)),
        None => format!("{:.2} %", share.to_f64() * 100.0),
    }
}

/// Aligns rows in columns, of which these hold numbers, and returns the line of each.
pub(super) fn align_columns(rows: &[[String; 7]], numbers: RangeInclusive<usize>) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: [usize; 7] = std::array::from_fn(width);
    let others: usize = widths[1..].iter().map(|width| width + COLUMN_GAP).sum();
    let name = MAX_WIDTH
        .saturating_sub(others)
        // What is left of the line, so that the figures are never cut.
        .clamp(NAME_WIDTH.0, NAME_WIDTH.1)
        .min(widths[0]);
    let line = |row: &[String; 7]| {
        let mut line = format!("{:name$}", truncate(&row[0], name));
        for (column, (cell, width)) in row.iter().zip(widths).enumerate().skip(1) {
            line.push_str(&" ".repeat(COLUMN_GAP));
            // Numbers stand by their last digit. Writing into a string doesn't fail.
            let _ = match numbers.contains(&column) {
                true => write!(line, "{cell:>width$}"),
                false => write!(line, "{cell:width$}"),
            };
        }
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}

/// Writes words in as many lines as they need, indented under their row.
pub(super) fn write_wrapped(text: &mut String, words: &str) {
    let mut line = String::from(" ");
    for word in words.split(' ') {
        let word = truncate(word, MAX_WIDTH - 2);
        if line.chars().count() + 1 + word.chars().count() > MAX_WIDTH {
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

fn truncate(text: &str, longest: usize) -> String {
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
