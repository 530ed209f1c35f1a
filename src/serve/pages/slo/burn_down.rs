//! The budget over its window as a line.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::super::moment::Moment;
use super::super::numbers::percent;
use crate::model::slo::report::ObjectiveReport;
use crate::model::units::Ratio;

/// The width and height of what the line is drawn on.
const SIDE: f64 = 1_000.0;
/// The part of the height that stays free above and below.
const MARGIN: f64 = 0.06;

/// A chart of what was left of a budget, and the same in words and as figures.
#[derive(Debug)]
pub(super) struct BurnDown {
    pub(super) line: String,
    pub(super) area: String,
    /// Where 100 % and 0 % are, of the drawing's height.
    pub(super) top: u32,
    pub(super) floor: u32,
    /// Where 0 % is, and what lies below, in percent of the height.
    pub(super) zero: String,
    pub(super) below: String,
    pub(super) gaps: Vec<Gap>,
    pub(super) from: Moment,
    pub(super) to: Moment,
    pub(super) left: String,
    pub(super) summary: String,
    pub(super) caption: String,
    pub(super) rows: Vec<Row>,
}

/// A time without samples, in percent of the width.
#[derive(Debug)]
pub(super) struct Gap {
    pub(super) x: String,
    pub(super) width: String,
}

/// What was left at a moment.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) at: String,
    pub(super) left: String,
}

impl BurnDown {
    /// `None` where there is nothing to draw.
    pub(super) fn of(report: &ObjectiveReport) -> Option<Self> {
        let points = &report.burn_down;
        let ((from, _), (to, left)) = (points.first()?, points.last()?);
        let scale = Scale::of(points)?;
        let pieces = pieces(points);
        let zero = scale.height(0.0) / SIDE * 100.0;
        let (summary, caption) = (
            summary(report, &pieces),
            caption(report, (*from, *to), &pieces),
        );
        Some(Self {
            line: scale.line(&pieces),
            area: scale.area(&pieces),
            top: scale.height(1.0) as u32,
            floor: scale.height(0.0) as u32,
            zero: format!("{zero:.1}"),
            below: format!("{:.1}", 100.0 - zero),
            gaps: scale.gaps(&pieces),
            from: Moment::utc(*from),
            to: Moment::utc(*to),
            left: percent(*left, 2),
            summary,
            caption,
            rows: points.iter().map(Row::of).collect(),
        })
    }
}

impl Row {
    fn of((at, left): &(Timestamp, Ratio)) -> Self {
        Self {
            at: Moment::utc(*at).text,
            left: percent(*left, 2),
        }
    }
}

type Point = (Timestamp, Ratio);

/// The points in pieces between which nobody looked.
fn pieces(points: &[Point]) -> Vec<&[Point]> {
    let steps = points
        .windows(2)
        .map(|pair| pair[1].0.duration_since(pair[0].0));
    let Some(step) = steps.min() else {
        return vec![points];
    };
    // Steps differ by an interval at most.
    let together = |one: &Point, next: &Point| next.0.duration_since(one.0) < step * 2;
    points.chunk_by(together).collect()
}

struct Scale {
    from: i64,
    length: f64,
    lowest: f64,
}

impl Scale {
    fn of(points: &[Point]) -> Option<Self> {
        let (from, to) = (points.first()?.0, points.last()?.0);
        let length = (to.as_millisecond() - from.as_millisecond()) as f64;
        let lowest = points.iter().map(|(_, left)| left.to_f64());
        (length > 0.0).then(|| Self {
            from: from.as_millisecond(),
            length,
            lowest: lowest.fold(0.0, f64::min),
        })
    }

    fn width(&self, at: Timestamp) -> f64 {
        (at.as_millisecond() - self.from) as f64 / self.length * SIDE
    }

    fn height(&self, left: f64) -> f64 {
        let down = (1.0 - left) / (1.0 - self.lowest);
        (MARGIN + down * (1.0 - 2.0 * MARGIN)) * SIDE
    }

    fn line(&self, pieces: &[&[Point]]) -> String {
        let mut path = String::new();
        for piece in pieces {
            self.draw(&mut path, 'M', piece);
        }
        path
    }

    /// Between the line and 0 %.
    fn area(&self, pieces: &[&[Point]]) -> String {
        let mut path = String::new();
        let zero = self.height(0.0);
        for piece in pieces {
            let (Some((first, _)), Some((last, _))) = (piece.first(), piece.last()) else {
                continue;
            };
            let _ = write!(path, "M{:.0} {zero:.0}", self.width(*first));
            self.draw(&mut path, 'L', piece);
            let _ = write!(path, "L{:.0} {zero:.0}z", self.width(*last));
        }
        path
    }

    fn draw(&self, path: &mut String, first: char, piece: &[Point]) {
        let mut sign = first;
        for (at, left) in piece {
            let (x, y) = (self.width(*at), self.height(left.to_f64()));
            let _ = write!(path, "{sign}{x:.0} {y:.0}");
            sign = 'L';
        }
        // A line to itself is a dot.
        if piece.len() == 1 {
            path.push_str("h.1");
        }
    }

    fn gaps(&self, pieces: &[&[Point]]) -> Vec<Gap> {
        let ends = pieces.windows(2).filter_map(|pair| {
            let (end, start) = (pair[0].last()?.0, pair[1].first()?.0);
            Some((self.width(end) / 10.0, self.width(start) / 10.0))
        });
        let gap = |(from, to): (f64, f64)| Gap {
            x: format!("{from:.1}"),
            width: format!("{:.1}", to - from),
        };
        ends.map(gap).collect()
    }
}

/// The line in words.
fn summary(report: &ObjectiveReport, pieces: &[&[Point]]) -> String {
    let points = || pieces.iter().copied().flatten();
    let (Some(first), Some(last)) = (points().next(), points().last()) else {
        return String::new();
    };
    let mut text = format!(
        "From {} on {} to {} on {}.",
        percent(first.1, 0),
        Moment::utc(first.0).text,
        percent(last.1, 2),
        Moment::utc(last.0).text
    );
    let steepest = report.burn_down.windows(2).max_by(|one, other| {
        let fall = |pair: &[Point]| pair[0].1.to_f64() - pair[1].1.to_f64();
        fall(one).total_cmp(&fall(other))
    });
    if let Some([before, after]) = steepest.filter(|pair| pair[1].1 < pair[0].1) {
        let _ = write!(
            text,
            " It fell most from {} to {}: from {} to {}.",
            Moment::utc(before.0).text,
            Moment::utc(after.0).text,
            percent(before.1, 2),
            percent(after.1, 2)
        );
    }
    if let Some((at, _)) = points().find(|(_, left)| *left < Ratio::ZERO) {
        let _ = write!(text, " It was overspent by {}.", Moment::utc(*at).text);
    }
    if pieces.len() > 1 {
        let _ = write!(
            text,
            " Nobody looked {} times in between.",
            pieces.len() - 1
        );
    }
    text
}

fn caption(
    report: &ObjectiveReport,
    (from, to): (Timestamp, Timestamp),
    pieces: &[&[Point]],
) -> String {
    let mut text =
        String::from("The line is what was left; the dashed one is a budget that is spent evenly.");
    if report.burn_down.iter().any(|(_, left)| left.is_negative()) {
        text.push_str(" Hatched below 0 %: overspent.");
    }
    if pieces.len() > 1 {
        text.push_str(" Hatched from top to bottom: no samples.");
    }
    let start = report.window.span(to).start;
    // The window starts within an interval.
    if from.duration_since(start) > to.duration_since(start) / 100 {
        let _ = write!(
            text,
            " Nobody looked before: the window starts on {}.",
            Moment::utc(start).text
        );
    }
    text
}
