//! Figures as methods of a struct, whose labels are parameters.

use super::{FigureCounter, FigureGauge, FigureHistogram, FigureValue};

/// A figure with the values of its labels, ready to record; the methods that [`figures!`](crate::figures) makes
/// return it.
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is recorded yet"]
pub struct LabelledFigure<'a, F, const N: usize> {
    figure: &'a F,
    labels: [(&'a str, &'a str); N],
}

impl<'a, F, const N: usize> LabelledFigure<'a, F, N> {
    #[doc(hidden)]
    pub const fn new(figure: &'a F, labels: [(&'a str, &'a str); N]) -> Self {
        Self { figure, labels }
    }
}

impl<const N: usize> LabelledFigure<'_, FigureCounter, N> {
    /// Counts events.
    pub fn add(&self, events: u64) {
        self.figure.add(events, &self.labels);
    }
}

impl<const N: usize> LabelledFigure<'_, FigureGauge, N> {
    /// Sets the value.
    pub fn set(&self, value: impl FigureValue) {
        self.figure.set(value, &self.labels);
    }
}

impl<const N: usize> LabelledFigure<'_, FigureHistogram, N> {
    /// Records a value.
    pub fn record(&self, value: impl FigureValue) {
        self.figure.record(value, &self.labels);
    }
}
