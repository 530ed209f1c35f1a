//! All figures of a process, by name and kind.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use arc_swap::ArcSwap;
use hashbrown::HashMap;

use super::cell::{FigureCell, Shared};
use super::declarations::Declarations;
use super::metrics::FigureMetrics;
use super::mismatch::Mismatches;
use super::recorder::{CounterRecorder, FigureRecorder, GaugeRecorder, HistogramRecorder};
use super::{FigureCounter, FigureGauge, FigureHistogram};
use crate::model::figure::{Figure, FigureSpec, Figures};
use crate::record::series::Instruments;
use crate::record::sync::lock;

/// The maximum number of names that are asked for of each kind: a name that is made of an id must not fill memory.
const MAX_NAMES: usize = 500;

/// The figures. A cheap clone.
#[derive(Clone, Debug)]
pub(crate) struct FigureInstruments(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    counters: Cells<CounterRecorder>,
    gauges: Cells<GaugeRecorder>,
    histograms: Cells<HistogramRecorder>,
}

/// The figures of one kind, found again without a lock.
struct Cells<T> {
    by_name: ArcSwap<HashMap<Box<str>, Arc<FigureCell<T>>>>,
    insert_lock: Mutex<()>,
    beyond_limit: OnceLock<Arc<FigureCell<T>>>,
}

impl FigureInstruments {
    pub(crate) fn new(
        instruments: &Instruments,
        metrics: FigureMetrics,
        declared: Figures,
    ) -> Self {
        let declarations = Declarations::new(declared, instruments.limit());
        Self(Arc::new(Inner {
            shared: Arc::new(Shared {
                instruments: instruments.clone(),
                metrics,
                mismatches: Mismatches::new(instruments),
                declarations: Mutex::new(declarations),
            }),
            counters: Cells::default(),
            gauges: Cells::default(),
            histograms: Cells::default(),
        }))
    }

    /// Declares figures that code has beside the configuration, which holds where both have one.
    pub(crate) fn declare(&self, figures: Vec<Figure>) {
        for figure in figures {
            let name = figure.name.clone();
            let declared = lock(&self.0.shared.declarations).declare(figure);
            declared.tell(&name);
        }
    }

    pub(crate) fn counter(&self, name: &str) -> FigureCounter {
        FigureCounter(self.0.counters.get(name, &self.0.shared))
    }

    pub(crate) fn gauge(&self, name: &str) -> FigureGauge {
        FigureGauge(self.0.gauges.get(name, &self.0.shared))
    }

    pub(crate) fn histogram(&self, name: &str) -> FigureHistogram {
        FigureHistogram(self.0.histograms.get(name, &self.0.shared))
    }

    /// Returns the handle of a counter that the library ships.
    pub(crate) fn preset_counter(&self, figure: FigureSpec) -> FigureCounter {
        FigureCounter(Arc::new(FigureCell::of(figure, &self.0.shared)))
    }

    /// Returns the handle of a gauge that the library ships.
    pub(crate) fn preset_gauge(&self, figure: FigureSpec) -> FigureGauge {
        FigureGauge(Arc::new(FigureCell::of(figure, &self.0.shared)))
    }
}

impl<T: FigureRecorder> Cells<T> {
    fn get(&self, name: &str, shared: &Arc<Shared>) -> Arc<FigureCell<T>> {
        match self.by_name.load().get(name) {
            Some(cell) => Arc::clone(cell),
            None => self.insert(name, shared),
        }
    }

    #[cold]
    fn insert(&self, name: &str, shared: &Arc<Shared>) -> Arc<FigureCell<T>> {
        let _growing = lock(&self.insert_lock);
        // Asked again under the lock: two cells of one name would be two instruments.
        let cells = self.by_name.load_full();
        if let Some(cell) = cells.get(name) {
            return Arc::clone(cell);
        }
        if cells.len() >= MAX_NAMES {
            let cell = self
                .beyond_limit
                .get_or_init(|| Arc::new(FigureCell::beyond_limit(shared)));
            return Arc::clone(cell);
        }
        let cell = Arc::new(FigureCell::new(name, shared));
        let mut grown = HashMap::clone(&cells);
        grown.insert(name.into(), Arc::clone(&cell));
        self.by_name.store(Arc::new(grown));
        cell
    }
}

impl<T> Default for Cells<T> {
    fn default() -> Self {
        Self {
            by_name: ArcSwap::default(),
            insert_lock: Mutex::default(),
            beyond_limit: OnceLock::new(),
        }
    }
}

impl<T> fmt::Debug for Cells<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.by_name.load().keys()).finish()
    }
}
