//! One figure of one kind, declared or not.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use super::declarations::Declarations;
use super::metrics::FigureMetrics;
use super::mismatch::{Mismatch, Mismatches, ToldReasons};
use super::recorder::FigureRecorder;
use crate::model::catalog::Attribute;
use crate::model::figure::{Figure, FigureKind, FigureSpec, MAX_LABELS};
use crate::record::series::{BoundSeries, Instruments};
use crate::record::sync::lock;

/// The maximum number of values of each label of a figure that is not declared.
const UNDECLARED_VALUES: usize = 100;

/// The parts that all figures share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) instruments: Instruments,
    pub(super) metrics: FigureMetrics,
    pub(super) mismatches: Mismatches,
    pub(super) declarations: Mutex<Declarations>,
}

/// A figure: its series, or the reason for which it has none.
pub(super) struct FigureCell<T> {
    name: Box<str>,
    shared: Arc<Shared>,
    /// Empty until the first recording of a figure that is not declared.
    state: OnceLock<Result<FigureSeries<T>, Mismatch>>,
    told: ToldReasons,
}

/// The series of a figure, by its labels.
struct FigureSeries<T> {
    labels: &'static [Attribute],
    bound: BoundSeries<T, MAX_LABELS>,
}

impl<T: FigureRecorder> FigureCell<T> {
    /// Creates the cell of a name. That of a declared figure has its instrument at once, so that a scrape shows 0
    /// before the first event.
    pub(super) fn new(name: &str, shared: &Arc<Shared>) -> Self {
        let cell = Self::empty(name, shared);
        let declared = lock(&shared.declarations).use_figure(name);
        if let Some(figure) = declared {
            cell.state.get_or_init(|| shared.build(&figure));
        }
        cell
    }

    /// Creates the cell of a figure that the library ships.
    pub(super) fn of(figure: FigureSpec, shared: &Arc<Shared>) -> Self {
        let cell = Self::empty(figure.metric.name, shared);
        cell.state.get_or_init(|| Ok(shared.build_series(figure)));
        cell
    }

    /// Creates the cell of the names for which there is no room.
    pub(super) fn beyond_limit(shared: &Arc<Shared>) -> Self {
        let cell = Self::empty("_OTHER", shared);
        cell.state.get_or_init(|| Err(Mismatch::Name));
        cell
    }

    fn empty(name: &str, shared: &Arc<Shared>) -> Self {
        Self {
            name: name.into(),
            shared: Arc::clone(shared),
            state: OnceLock::new(),
            told: ToldReasons::default(),
        }
    }

    /// Records into the series with these labels by name; `unit` is that of the value, for a figure that is not
    /// declared.
    #[inline]
    pub(super) fn record(
        &self,
        labels: &[(&str, &str)],
        unit: Option<&'static str>,
        record: impl FnOnce(&T),
    ) {
        let state = match self.state.get() {
            Some(state) => state,
            None => self.declare(labels, unit),
        };
        let series = match state {
            Ok(series) => series,
            Err(mismatch) => return self.tell(*mismatch),
        };
        let mut values = [""; MAX_LABELS];
        for (key, value) in labels {
            let index = series.labels.iter().position(|label| label.key == *key);
            match index.and_then(|index| values.get_mut(index)) {
                Some(place) => *place = value,
                None => self.tell(Mismatch::Label),
            }
        }
        series.bound.with(values, record);
    }

    /// Records into the series with these values, in the order of the declaration.
    #[inline]
    pub(super) fn record_to(&self, given: &[&str], record: impl FnOnce(&T)) {
        if let Some(Ok(series)) = self.state.get() {
            let mut values = [""; MAX_LABELS];
            for (place, value) in values.iter_mut().zip(given) {
                *place = value;
            }
            series.bound.with(values, record);
        }
    }

    /// Counts a mismatch, and logs the first of its kind.
    #[cold]
    pub(super) fn tell(&self, mismatch: Mismatch) {
        self.shared.mismatches.record(&self.name, mismatch);
        if !self.told.is_new(mismatch) {
            return;
        }
        let name = &*self.name;
        let kind = T::KIND.as_str();
        match mismatch {
            Mismatch::Kind => tracing::warn!(
                figure = name,
                recorded = kind,
                "a figure is declared as another kind: what is recorded is only counted"
            ),
            Mismatch::Name => tracing::warn!(
                figure = name,
                "a figure can't have this name, or there are too many: what is recorded is only counted"
            ),
            Mismatch::Label => tracing::warn!(
                figure = name,
                "a figure was recorded with a label that is not declared, and is kept without it"
            ),
            Mismatch::Value => tracing::warn!(
                figure = name,
                recorded = kind,
                "a figure was given a number that is none, or a negative one: it is only counted"
            ),
        }
    }

    /// Declares the figure as it is recorded for the first time.
    #[cold]
    fn declare(
        &self,
        labels: &[(&str, &str)],
        unit: Option<&'static str>,
    ) -> &Result<FigureSeries<T>, Mismatch> {
        let mut is_new = false;
        let state = self.state.get_or_init(|| {
            let mut declarations = lock(&self.shared.declarations);
            if declarations.get(&self.name).is_none() {
                let figure = undeclared(&self.name, T::KIND, labels, unit);
                if !declarations.add_recorded(figure) {
                    return Err(Mismatch::Name);
                }
                is_new = true;
            }
            // Of another kind, where it was recorded as such meanwhile.
            let figure = declarations.use_figure(&self.name);
            drop(declarations);
            figure.map_or(Err(Mismatch::Name), |figure| self.shared.build(&figure))
        });
        // Out of the lock and the cell: the log is the service's, which may count its lines in a figure.
        if is_new {
            tracing::warn!(
                figure = &*self.name,
                kind = T::KIND.as_str(),
                "a figure is not declared: it is recorded with the labels of its first recording; \
                 declare it in the configuration's `figures`"
            );
        }
        state
    }
}

impl Shared {
    /// Builds the instrument of a figure of this kind.
    fn build<T: FigureRecorder>(&self, figure: &Figure) -> Result<FigureSeries<T>, Mismatch> {
        if figure.kind != T::KIND {
            return Err(Mismatch::Kind);
        }
        let spec = figure.spec().ok_or(Mismatch::Name)?;
        Ok(self.build_series(spec))
    }

    fn build_series<T: FigureRecorder>(&self, figure: FigureSpec) -> FigureSeries<T> {
        self.metrics.add(figure.metric);
        let bind = T::binder(&self.instruments, figure);
        let bound = self.instruments.limited_series(figure.metric, bind);
        if figure.metric.attributes.is_empty() {
            // It has one series only, which shows before the first event.
            bound.get([""; MAX_LABELS]);
        }
        FigureSeries {
            labels: figure.metric.attributes,
            bound,
        }
    }
}

/// Returns the declaration that a first recording implies, without labels that can't be declared.
fn undeclared(
    name: &str,
    kind: FigureKind,
    labels: &[(&str, &str)],
    unit: Option<&'static str>,
) -> Figure {
    let mut figure = Figure::new(name, kind);
    figure.unit = unit.map(Into::into);
    let other_faults = figure.faults().len();
    for (key, _) in labels {
        let wider = figure.clone().label(*key, UNDECLARED_VALUES);
        if wider.faults().len() == other_faults {
            figure = wider;
        }
    }
    figure
}

impl<T> fmt::Debug for FigureCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FigureCell")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tracing::{Event, Subscriber};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

    use crate::Telemetry;
    use crate::testing::TestTelemetry;

    /// A layer of a service that counts its log lines.
    struct LinesCounter(Telemetry);

    impl<S: Subscriber> Layer<S> for LinesCounter {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            if *event.metadata().level() == tracing::Level::WARN {
                self.0.counter("shop.warnings").add(1, &[]);
                self.0
                    .counter("shop.orders")
                    .add(1, &[("status", "warned")]);
            }
        }
    }

    #[test]
    fn a_service_may_count_the_lines_that_are_logged_of_its_figures() {
        let (ended, end) = mpsc::channel();
        let run = std::thread::spawn(move || {
            let test = TestTelemetry::new();
            let telemetry = test.telemetry().clone();
            let layers = tracing_subscriber::registry().with(LinesCounter(telemetry.clone()));
            tracing::subscriber::with_default(layers, || {
                telemetry
                    .counter("shop.orders")
                    .add(1, &[("status", "new")]);
                // Past the limit of a label that is not declared, which is told too.
                for number in 0..150 {
                    let status = format!("s{number}");
                    telemetry
                        .counter("shop.orders")
                        .add(1, &[("status", &*status)]);
                }
            });
            let _ = ended.send(test.sum("shop_warnings_total", &[]));
        });
        let warnings = end.recv_timeout(Duration::from_secs(60));
        // The line of `shop.orders` and that of its limit: `tracing` leaves out what is logged within a layer.
        assert_eq!(warnings, Ok(Some(2.0)));
        run.join().unwrap();
    }
}
