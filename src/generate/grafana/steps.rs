use serde_json::{Value, json};

use crate::model::alerts::{Comparison, Severity, Signal, Threshold, Thresholds};
use crate::model::units;

/// A colour that Grafana knows by name, so that it follows the reader's theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Color {
    /// As it should be.
    Green,
    /// Somebody should look at it in working hours.
    Yellow,
    /// Somebody should look at it today.
    Orange,
    /// Somebody is woken.
    Red,
    /// Neither good nor bad.
    Blue,
    /// Not known.
    Gray,
}

impl Color {
    /// The colour of a severity, on every panel.
    pub(crate) const fn of(severity: Severity) -> Self {
        match severity {
            Severity::Warning => Self::Yellow,
            Severity::High => Self::Orange,
            Severity::Critical => Self::Red,
        }
    }

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Orange => "orange",
            Self::Red => "red",
            Self::Blue => "blue",
            Self::Gray => "gray",
        }
    }
}

/// From which value on a panel has which colour, and where it draws lines.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Steps {
    below: Color,
    from: Vec<(f64, Color)>,
}

impl Steps {
    /// One colour for all values.
    pub(crate) const fn plain(color: Color) -> Self {
        Self {
            below: color,
            from: Vec::new(),
        }
    }

    /// With this colour from a value on; values ascend.
    pub(crate) fn from(mut self, value: f64, color: Color) -> Self {
        self.from.push((value, color));
        self
    }

    /// The levels of an alert.
    pub(crate) fn of(thresholds: &Thresholds, signal: Signal) -> Self {
        let levels: Vec<_> = thresholds.levels(signal).collect();
        match signal.spec().comparison {
            Comparison::Below => Self::bad_below(&levels),
            Comparison::Outside => Self::bad_outside(&levels),
            _ => Self::bad_above(&levels),
        }
    }

    fn bad_above(levels: &[(Severity, Threshold)]) -> Self {
        let severe = |steps: Self, (severity, threshold): &(Severity, Threshold)| {
            steps.from(threshold.low(), Color::of(*severity))
        };
        levels.iter().fold(Self::plain(Color::Green), severe)
    }

    /// The less urgent a level, the higher it lies: each colour ends where the next one begins.
    fn bad_below(levels: &[(Severity, Threshold)]) -> Self {
        let Some((worst, _)) = levels.last() else {
            return Self::plain(Color::Green);
        };
        let better = levels
            .iter()
            .rev()
            .skip(1)
            .map(|(next, _)| Color::of(*next));
        let colors = better.chain([Color::Green]);
        let ends = levels.iter().rev().zip(colors);
        ends.fold(
            Self::plain(Color::of(*worst)),
            |steps, ((_, end), color)| steps.from(end.low(), color),
        )
    }

    fn bad_outside(levels: &[(Severity, Threshold)]) -> Self {
        let ends = levels.iter().rev();
        let low = Self::bad_below(levels);
        ends.rev().fold(low, |steps, (severity, threshold)| {
            steps.from(threshold.high(), Color::of(*severity))
        })
    }

    /// The same for lines at the values: Grafana draws each in the colour of what lies above it, which
    /// for a level that is bad below would be green.
    pub(super) fn as_lines(&self) -> Self {
        let below = std::iter::once(self.below).chain(self.from.iter().map(|(_, color)| *color));
        let lines = self.from.iter().zip(below).map(|((value, above), below)| {
            let worse = if *above == Color::Green {
                below
            } else {
                *above
            };
            (*value, worse)
        });
        Self {
            below: Color::Green,
            from: lines.collect(),
        }
    }

    /// The lowest value at which the colour changes.
    pub(super) fn first(&self) -> Option<f64> {
        self.from.first().map(|(value, _)| *value)
    }

    /// As `fieldConfig` has them.
    pub(super) fn json(&self) -> Value {
        let base = json!({"color": self.below.name(), "value": null});
        let from = self
            .from
            .iter()
            .map(|(value, color)| json!({"color": color.name(), "value": number(*value)}));
        let steps: Vec<_> = [base].into_iter().chain(from).collect();
        json!({"mode": "absolute", "steps": steps})
    }
}

/// 2 and not 2.0, as Grafana itself writes it.
pub(super) fn number(value: f64) -> Value {
    units::number(value, serde_json::value::Serializer).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(signal: Signal) -> Vec<(String, Option<f64>)> {
        let json = Steps::of(&Thresholds::default(), signal).json();
        let steps = json["steps"].as_array().unwrap().iter();
        let step = |step: &Value| {
            (
                step["color"].as_str().unwrap().into(),
                step["value"].as_f64(),
            )
        };
        steps.map(step).collect()
    }

    fn are(steps: &[(&str, Option<f64>)]) -> Vec<(String, Option<f64>)> {
        steps
            .iter()
            .map(|(color, value)| ((*color).into(), *value))
            .collect()
    }

    #[test]
    fn colours_change_where_the_alert_changes_its_level() {
        assert_eq!(
            steps(Signal::ApiErrorRatio),
            are(&[
                ("green", None),
                ("yellow", Some(0.02)),
                ("orange", Some(0.05)),
                ("red", Some(0.1))
            ])
        );
        assert_eq!(
            steps(Signal::SchedulerSuccessRatio),
            are(&[("orange", None), ("green", Some(0.9))])
        );
        assert_eq!(
            steps(Signal::Revenue),
            are(&[
                ("yellow", None),
                ("green", Some(0.5)),
                ("yellow", Some(2.0))
            ])
        );
        assert_eq!(steps(Signal::ApiLatency).len(), 3);
    }

    #[test]
    fn a_line_has_the_colour_of_its_bad_side() {
        let thresholds = Thresholds::default();
        let lines = |signal| Steps::of(&thresholds, signal).as_lines().from;
        assert_eq!(lines(Signal::DiskFree), [(0.1, Color::Red)]);
        assert_eq!(
            lines(Signal::Revenue),
            [(0.5, Color::Yellow), (2.0, Color::Yellow)]
        );
        let above = Steps::of(&thresholds, Signal::ApiErrorRatio);
        assert_eq!(above.as_lines(), above);
    }

    #[test]
    fn a_level_that_is_switched_off_has_no_colour() {
        let mut thresholds = Thresholds::default();
        thresholds.set(Signal::QueueDepth, Severity::High, None);
        let json = Steps::of(&thresholds, Signal::QueueDepth).json();
        assert_eq!(json["steps"].as_array().unwrap().len(), 2);
        assert_eq!(json["steps"][1], json!({"color": "yellow", "value": 500}));
    }
}
