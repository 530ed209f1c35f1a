//! The burn-down chart: the budget over its window as a line.
//!
//! | in words | in the drawing |
//! |---|---|
//! | the budget that was left | a line, with its area down to 0 % |
//! | an even spending | a dashed line |
//! | overspent | hatched below 0 % |
//! | no samples | hatched over the whole height |
//!
//! The same is there as a sentence and as a table, for those who see no drawing.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::super::display_time::DisplayTime;
use super::super::format::format_percent;
use crate::model::slo::report::ObjectiveReport;
use crate::model::units::Ratio;

/// The width and height of the view box.
const SIDE: f64 = 1_000.0;
/// The share of the height that stays free above and below.
const MARGIN: f64 = 0.06;

/// A chart of a remaining budget, and the same as text and as a table.
#[derive(Debug)]
pub(super) struct BurnDownChart {
    pub(super) line: String,
    pub(super) area: String,
    /// Positions of 100 % and 0 % in the view box.
    pub(super) top: u32,
    pub(super) floor: u32,
    /// Position of the end of a budget that is spent evenly over the whole window.
    pub(super) even_end: u32,
    /// True if the budget was overspent at some time.
    pub(super) is_overspent: bool,
    /// Position of 0 %, and the height below it, in percent of the height.
    pub(super) zero: String,
    pub(super) below: String,
    pub(super) gaps: Vec<SampleGap>,
    pub(super) from: DisplayTime,
    pub(super) to: DisplayTime,
    pub(super) left: String,
    pub(super) summary: String,
    pub(super) caption: String,
    pub(super) rows: Vec<BurnDownRow>,
}

/// A period without samples, in percent of the width.
#[derive(Debug)]
pub(super) struct SampleGap {
    pub(super) x: String,
    pub(super) width: String,
}

/// The remaining budget at a point in time.
#[derive(Debug)]
pub(super) struct BurnDownRow {
    pub(super) at: String,
    pub(super) left: String,
}

impl BurnDownChart {
    /// Returns the chart; `None` without points.
    pub(super) fn from_report(report: &ObjectiveReport) -> Option<Self> {
        let points = &report.burn_down;
        let ((from, _), (to, left)) = (points.first()?, points.last()?);
        let scale = ChartScale::from_points(points)?;
        let segments = segments(points);
        let zero = scale.y(0.0) / SIDE * 100.0;
        let (summary, caption) = (
            summary(report, &segments),
            caption(report, (*from, *to), &segments),
        );
        Some(Self {
            line: scale.line_path(&segments),
            area: scale.area_path(&segments),
            top: scale.y(1.0) as u32,
            floor: scale.y(0.0) as u32,
            even_end: scale.y(even_remainder(report, *from, *to)) as u32,
            is_overspent: points.iter().any(|(_, left)| left.is_negative()),
            zero: format!("{zero:.1}"),
            below: format!("{:.1}", 100.0 - zero),
            gaps: scale.gaps(&segments),
            from: DisplayTime::utc(*from),
            to: DisplayTime::utc(*to),
            left: format_percent(*left, 2),
            summary,
            caption,
            rows: points.iter().map(BurnDownRow::from_point).collect(),
        })
    }
}

/// Returns the share of the budget that is left of one that is spent evenly over the whole window, 0 to 1.
fn even_remainder(report: &ObjectiveReport, from: Timestamp, to: Timestamp) -> f64 {
    let drawn = to.duration_since(from).as_secs_f64();
    1.0 - (drawn / report.length.as_secs_f64().max(1.0)).clamp(0.0, 1.0)
}

impl BurnDownRow {
    fn from_point((at, left): &(Timestamp, Ratio)) -> Self {
        Self {
            at: DisplayTime::utc(*at).text,
            left: format_percent(*left, 2),
        }
    }
}

/// A moment, and the share of the budget that was left then.
type BudgetPoint = (Timestamp, Ratio);

/// Splits the points into segments at gaps without samples.
fn segments(points: &[BudgetPoint]) -> Vec<&[BudgetPoint]> {
    let steps = points
        .windows(2)
        .map(|pair| pair[1].0.duration_since(pair[0].0));
    let Some(step) = steps.min() else {
        return vec![points];
    };
    // Steps differ by an interval at most.
    let together = |one: &BudgetPoint, next: &BudgetPoint| next.0.duration_since(one.0) < step * 2;
    points.chunk_by(together).collect()
}

/// From times and ratios to the view box, whose origin is at the top left.
struct ChartScale {
    from: i64,
    length: f64,
    /// The lowest remaining budget, at most 0, so that the zero line is always in the drawing.
    lowest: f64,
}

impl ChartScale {
    fn from_points(points: &[BudgetPoint]) -> Option<Self> {
        let (from, to) = (points.first()?.0, points.last()?.0);
        let length = (to.as_millisecond() - from.as_millisecond()) as f64;
        let lowest = points.iter().map(|(_, left)| left.to_f64());
        (length > 0.0).then(|| Self {
            from: from.as_millisecond(),
            length,
            lowest: lowest.fold(0.0, f64::min),
        })
    }

    /// Returns the place of a moment, 0 to [`SIDE`].
    fn x(&self, at: Timestamp) -> f64 {
        (at.as_millisecond() - self.from) as f64 / self.length * SIDE
    }

    /// Returns the place of a share; greater is lower.
    fn y(&self, left: f64) -> f64 {
        let down = (1.0 - left) / (1.0 - self.lowest);
        (MARGIN + down * (1.0 - 2.0 * MARGIN)) * SIDE
    }

    fn line_path(&self, segments: &[&[BudgetPoint]]) -> String {
        let mut path = String::new();
        for segment in segments {
            self.append_segment(&mut path, 'M', segment);
        }
        path
    }

    /// Returns the path of the area between the line and 0 %.
    fn area_path(&self, segments: &[&[BudgetPoint]]) -> String {
        let mut path = String::new();
        let zero = self.y(0.0);
        for segment in segments {
            let (Some((first, _)), Some((last, _))) = (segment.first(), segment.last()) else {
                continue;
            };
            let _ = write!(path, "M{:.0} {zero:.0}", self.x(*first));
            self.append_segment(&mut path, 'L', segment);
            let _ = write!(path, "L{:.0} {zero:.0}z", self.x(*last));
        }
        path
    }

    /// Appends the points of a segment, the first with this command.
    fn append_segment(&self, path: &mut String, first: char, segment: &[BudgetPoint]) {
        let mut sign = first;
        for (at, left) in segment {
            let (x, y) = (self.x(*at), self.y(left.to_f64()));
            let _ = write!(path, "{sign}{x:.0} {y:.0}");
            sign = 'L';
        }
        // A line to itself is a dot.
        if segment.len() == 1 {
            path.push_str("h.1");
        }
    }

    /// Returns the gaps between the segments.
    fn gaps(&self, segments: &[&[BudgetPoint]]) -> Vec<SampleGap> {
        let ends = segments.windows(2).filter_map(|pair| {
            let (end, start) = (pair[0].last()?.0, pair[1].first()?.0);
            Some((self.x(end) / 10.0, self.x(start) / 10.0))
        });
        let gap = |(from, to): (f64, f64)| SampleGap {
            x: format!("{from:.1}"),
            width: format!("{:.1}", to - from),
        };
        ends.map(gap).collect()
    }
}

/// Describes the line in sentences.
fn summary(report: &ObjectiveReport, segments: &[&[BudgetPoint]]) -> String {
    let points = || segments.iter().copied().flatten();
    let (Some(first), Some(last)) = (points().next(), points().last()) else {
        return String::new();
    };
    let mut text = format!(
        "From {} on {} to {} on {}.",
        format_percent(first.1, 0),
        DisplayTime::utc(first.0).text,
        format_percent(last.1, 2),
        DisplayTime::utc(last.0).text
    );
    let steepest = report.burn_down.windows(2).max_by(|one, other| {
        let fall = |pair: &[BudgetPoint]| pair[0].1.to_f64() - pair[1].1.to_f64();
        fall(one).total_cmp(&fall(other))
    });
    if let Some([before, after]) = steepest.filter(|pair| pair[1].1 < pair[0].1) {
        let _ = write!(
            text,
            " The steepest drop was between {} and {}: from {} to {}.",
            DisplayTime::utc(before.0).text,
            DisplayTime::utc(after.0).text,
            format_percent(before.1, 2),
            format_percent(after.1, 2)
        );
    }
    if let Some((at, _)) = points().find(|(_, left)| *left < Ratio::ZERO) {
        let _ = write!(text, " It was overspent by {}.", DisplayTime::utc(*at).text);
    }
    if segments.len() > 1 {
        let _ = write!(
            text,
            " Samples are missing in {}.",
            match segments.len() - 1 {
                1 => "one period".to_owned(),
                many => format!("{many} periods"),
            }
        );
    }
    text
}

/// Explains the signs that this chart has, and no others.
fn caption(
    report: &ObjectiveReport,
    (from, to): (Timestamp, Timestamp),
    segments: &[&[BudgetPoint]],
) -> String {
    let mut text = String::from(
        "The solid line is the remaining budget; the dashed line is a budget that is spent evenly over the window.",
    );
    if report.burn_down.iter().any(|(_, left)| left.is_negative()) {
        text.push_str(" Hatched below 0 %: overspent.");
    }
    if segments.len() > 1 {
        text.push_str(" Hatched from top to bottom: no samples.");
    }
    let start = report.window.range_at(to).start;
    // The window starts within an interval.
    if from.duration_since(start) > to.duration_since(start) / 100 {
        let _ = write!(
            text,
            " The samples begin at the left edge; the window starts on {}.",
            DisplayTime::utc(start).text
        );
    }
    text
}
