use serde_json::{Value, json};

use crate::model::alerts::{
    AlertSignal, AlertThreshold, Severity, ThresholdComparison, Thresholds,
};
use crate::model::units;

/// A named colour of Grafana, which follows the reader's theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Color {
    /// As it should be.
    Green,
    /// For working hours.
    Yellow,
    /// For today.
    Orange,
    /// A page, at any hour.
    Red,
    /// Neither good nor bad.
    Blue,
    /// Not known.
    Gray,
}

impl Color {
    /// Returns the colour of a severity.
    pub(crate) const fn from_severity(severity: Severity) -> Self {
        match severity {
            Severity::Warning => Self::Yellow,
            Severity::High => Self::Orange,
            Severity::Critical => Self::Red,
        }
    }

    /// Returns Grafana's name of the colour.
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

/// Threshold steps: the colours of a panel by value, and the lines that it draws.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ThresholdSteps {
    /// Below the first step.
    base: Color,
    steps: Vec<(f64, Color)>,
}

impl ThresholdSteps {
    /// Returns one colour for all values.
    pub(crate) const fn single(color: Color) -> Self {
        Self {
            base: color,
            steps: Vec::new(),
        }
    }

    /// Adds a step: this colour from a value on; values ascend.
    pub(crate) fn step(mut self, value: f64, color: Color) -> Self {
        self.steps.push((value, color));
        self
    }

    /// Returns the levels of an alert.
    pub(crate) fn from_alert(thresholds: &Thresholds, signal: AlertSignal) -> Self {
        let levels: Vec<_> = thresholds.levels(signal).collect();
        Self::from_levels(signal.spec().comparison, &levels)
    }

    /// Returns levels, the least urgent first.
    pub(crate) fn from_levels(
        comparison: ThresholdComparison,
        levels: &[(Severity, AlertThreshold)],
    ) -> Self {
        match comparison {
            ThresholdComparison::Below => Self::levels_below(levels),
            ThresholdComparison::Outside => Self::levels_outside(levels),
            _ => Self::levels_above(levels),
        }
    }

    fn levels_above(levels: &[(Severity, AlertThreshold)]) -> Self {
        let severe = |steps: Self, (severity, threshold): &(Severity, AlertThreshold)| {
            steps.step(threshold.lower_bound(), Color::from_severity(*severity))
        };
        levels.iter().fold(Self::single(Color::Green), severe)
    }

    /// The less urgent a level, the higher it lies: each colour ends where the next one begins.
    fn levels_below(levels: &[(Severity, AlertThreshold)]) -> Self {
        let Some((worst, _)) = levels.last() else {
            return Self::single(Color::Green);
        };
        let better = levels
            .iter()
            .rev()
            .skip(1)
            .map(|(next, _)| Color::from_severity(*next));
        let colors = better.chain([Color::Green]);
        let ends = levels.iter().rev().zip(colors);
        ends.fold(
            Self::single(Color::from_severity(*worst)),
            |steps, ((_, end), color)| steps.step(end.lower_bound(), color),
        )
    }

    fn levels_outside(levels: &[(Severity, AlertThreshold)]) -> Self {
        let ends = levels.iter().rev();
        let low = Self::levels_below(levels);
        ends.rev().fold(low, |steps, (severity, threshold)| {
            steps.step(threshold.upper_bound(), Color::from_severity(*severity))
        })
    }

    /// Returns the same for lines at the values: Grafana draws each in the colour of what lies above
    /// it, which for a level that is bad below would be green.
    pub(super) fn as_lines(&self) -> Self {
        let below = std::iter::once(self.base).chain(self.steps.iter().map(|(_, color)| *color));
        let lines = self.steps.iter().zip(below).map(|((value, above), below)| {
            let worse = if *above == Color::Green {
                below
            } else {
                *above
            };
            (*value, worse)
        });
        Self {
            base: Color::Green,
            steps: lines.collect(),
        }
    }

    /// Returns the lowest value at which the colour changes.
    pub(super) fn first_value(&self) -> Option<f64> {
        self.steps.first().map(|(value, _)| *value)
    }

    /// Returns the `thresholds` of `fieldConfig`.
    pub(super) fn to_json(&self) -> Value {
        let base = json!({"color": self.base.name(), "value": null});
        let from = self
            .steps
            .iter()
            .map(|(value, color)| json!({"color": color.name(), "value": number_json(*value)}));
        let steps: Vec<_> = [base].into_iter().chain(from).collect();
        json!({"mode": "absolute", "steps": steps})
    }
}

/// Returns a JSON number: 2 and not 2.0, as Grafana itself writes it.
pub(super) fn number_json(value: f64) -> Value {
    units::serialize_number(value, serde_json::value::Serializer).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step_list(signal: AlertSignal) -> Vec<(String, Option<f64>)> {
        let json = ThresholdSteps::from_alert(&Thresholds::default(), signal).to_json();
        let steps = json["steps"].as_array().unwrap().iter();
        let step = |step: &Value| {
            (
                step["color"].as_str().unwrap().into(),
                step["value"].as_f64(),
            )
        };
        steps.map(step).collect()
    }

    fn owned_steps(steps: &[(&str, Option<f64>)]) -> Vec<(String, Option<f64>)> {
        steps
            .iter()
            .map(|(color, value)| ((*color).into(), *value))
            .collect()
    }

    #[test]
    fn colours_change_where_the_alert_changes_its_level() {
        assert_eq!(
            step_list(AlertSignal::ApiErrorRatio),
            owned_steps(&[
                ("green", None),
                ("yellow", Some(0.02)),
                ("orange", Some(0.05)),
                ("red", Some(0.1))
            ])
        );
        assert_eq!(
            step_list(AlertSignal::SchedulerSuccessRatio),
            owned_steps(&[("orange", None), ("green", Some(0.9))])
        );
        assert_eq!(
            step_list(AlertSignal::Revenue),
            owned_steps(&[
                ("yellow", None),
                ("green", Some(0.5)),
                ("yellow", Some(2.0))
            ])
        );
        assert_eq!(step_list(AlertSignal::ApiLatency).len(), 3);
    }

    #[test]
    fn a_line_has_the_colour_of_its_bad_side() {
        let thresholds = Thresholds::default();
        let lines = |signal| {
            ThresholdSteps::from_alert(&thresholds, signal)
                .as_lines()
                .steps
        };
        assert_eq!(lines(AlertSignal::DiskFree), [(0.1, Color::Red)]);
        assert_eq!(
            lines(AlertSignal::Revenue),
            [(0.5, Color::Yellow), (2.0, Color::Yellow)]
        );
        let above = ThresholdSteps::from_alert(&thresholds, AlertSignal::ApiErrorRatio);
        assert_eq!(above.as_lines(), above);
    }

    #[test]
    fn a_level_that_is_switched_off_has_no_colour() {
        let mut thresholds = Thresholds::default();
        thresholds.set(AlertSignal::QueueDepth, Severity::High, None);
        let json = ThresholdSteps::from_alert(&thresholds, AlertSignal::QueueDepth).to_json();
        assert_eq!(json["steps"].as_array().unwrap().len(), 2);
        assert_eq!(json["steps"][1], json!({"color": "yellow", "value": 500}));
    }
}
