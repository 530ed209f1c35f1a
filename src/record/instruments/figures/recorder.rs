//! One series of a figure: its instrument, and its daily total where it has one.

use std::borrow::Cow;

use opentelemetry::KeyValue;

use crate::model::figure::{FigureKind, FigureSpec};
use crate::record::business_totals::{TotalPeak, TotalSum};
use crate::record::series::{
    Bindable as _, Binder, Counter, Histogram, Instruments, NumberGauge, is_overflow,
};
use crate::record::trace::SampledSpan;

/// The total of a figure with one label whose values are over the limit.
const OTHERS: &str = "(others)";

/// A series of a kind of figure.
pub(super) trait FigureRecorder: Sized + Send + Sync + 'static {
    const KIND: FigureKind;

    /// Builds the figure's instrument and returns its binder.
    fn binder(instruments: &Instruments, figure: FigureSpec) -> Binder<Self>;
}

#[derive(Debug)]
pub(super) struct CounterRecorder {
    counter: Counter,
    total: TotalSum,
}

#[derive(Debug)]
pub(super) struct GaugeRecorder {
    gauge: NumberGauge,
    /// The day's largest value: an average over a day would depend on how often it is set.
    total: TotalPeak,
}

#[derive(Debug)]
pub(super) struct HistogramRecorder(Histogram);

impl FigureRecorder for CounterRecorder {
    const KIND: FigureKind = FigureKind::Counter;

    fn binder(instruments: &Instruments, figure: FigureSpec) -> Binder<Self> {
        let counter = Counter::binder(instruments, figure.metric);
        let totals = instruments.business_totals().clone();
        Box::new(move |labels| Self {
            counter: counter(labels),
            total: match figure.daily_total {
                Some(name) => totals.register_sum(
                    name,
                    (total_label(figure), &total_attribute(figure, labels)),
                ),
                None => TotalSum::default(),
            },
        })
    }
}

impl FigureRecorder for GaugeRecorder {
    const KIND: FigureKind = FigureKind::Gauge;

    fn binder(instruments: &Instruments, figure: FigureSpec) -> Binder<Self> {
        let gauge = NumberGauge::binder(instruments, figure.metric);
        let totals = instruments.business_totals().clone();
        Box::new(move |labels| Self {
            gauge: gauge(labels),
            total: match figure.daily_total {
                Some(name) => totals.register_peak(
                    name,
                    (total_label(figure), &total_attribute(figure, labels)),
                ),
                None => TotalPeak::default(),
            },
        })
    }
}

impl FigureRecorder for HistogramRecorder {
    const KIND: FigureKind = FigureKind::Histogram;

    fn binder(instruments: &Instruments, figure: FigureSpec) -> Binder<Self> {
        let histogram = Histogram::binder(instruments, figure.metric);
        Box::new(move |labels| Self(histogram(labels)))
    }
}

impl CounterRecorder {
    #[inline]
    pub(super) fn add(&self, events: u64) {
        self.counter.add(events);
        self.total.add(events);
    }
}

impl GaugeRecorder {
    #[inline]
    pub(super) fn set(&self, value: f64) {
        self.gauge.set(value);
        // Saturates: below 0 is 0, as the rows of the store are.
        self.total.set(value.round() as u64);
    }
}

impl HistogramRecorder {
    #[inline]
    pub(super) fn record(&self, value: f64) {
        self.0.record_in(SampledSpan::current(), value);
    }
}

/// Returns the label of a figure that has one; an object of several names them itself.
fn total_label(figure: FigureSpec) -> &'static str {
    match figure.metric.attributes {
        [label] => label.key,
        _ => "",
    }
}

/// Returns the text that distinguishes the totals of one figure: the value of its label, or of a figure that
/// declares several an object of them, which SQL reads as JSON.
fn total_attribute(figure: FigureSpec, labels: &[KeyValue]) -> Cow<'static, str> {
    let has_several = figure.metric.attributes.len() > 1;
    if is_overflow(labels) {
        // Its labels are lost, and its money is not. No label of a figure has this key.
        return match has_several {
            true => r#"{"otel.metric.overflow":true}"#.into(),
            false => OTHERS.into(),
        };
    }
    if !has_several {
        let value = labels.first().map(|label| label.value.as_str());
        let value = value.unwrap_or_default().into_owned();
        // A value that begins so gets a space: none is taken for the overflow series, and no two become one.
        return match value.starts_with(OTHERS) {
            true => format!("{value} ").into(),
            false => value.into(),
        };
    }
    let members = labels.iter().map(|label| {
        let value = serde_json::Value::from(label.value.as_str().into_owned());
        (label.key.as_str().to_owned(), value)
    });
    let object: serde_json::Map<_, _> = members.collect();
    serde_json::Value::from(object).to_string().into()
}
