//! What a scrape shows of the exemplars.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::PoisonError;
use std::time::Duration;

use opentelemetry::KeyValue;

use super::{Exemplar, Exemplars, Slot, Table, milliseconds};

/// Older exemplars stay unseen: where traces are kept for a short time, they would lead nowhere.
const SHOWN_FOR: Duration = Duration::from_secs(60 * 60);

/// All tables that there are, kept by the scrape from one time to the next: by metric and by the hash
/// of the labels.
#[derive(Debug, Default)]
pub(crate) struct Known(HashMap<&'static str, HashMap<u64, Table>>);

/// What one scrape shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    exemplars: &'a Exemplars,
    known: &'a Known,
    /// In milliseconds since 1970.
    since: u64,
}

/// What one scrape shows of a metric.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfMetric<'a> {
    shown: Shown<'a>,
    series: &'a HashMap<u64, Table>,
}

/// What one scrape shows of a series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfSeries<'a> {
    slots: &'a [Slot],
    since: u64,
}

impl Exemplars {
    /// What there is to show now.
    pub(crate) fn shown<'a>(&'a self, known: &'a mut Known) -> Shown<'a> {
        let mut arrived = self
            .0
            .arrived
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let new = std::mem::take(&mut *arrived);
        drop(arrived);
        for new in new {
            let series = known.0.entry(new.metric).or_default();
            series.insert(new.labels, new.table);
        }
        let since = self.0.clock.wall().checked_sub(SHOWN_FOR);
        let since = since.and_then(milliseconds);
        Shown {
            exemplars: self,
            known,
            since: since.map_or(0, NonZeroU64::get),
        }
    }
}

impl<'a> Shown<'a> {
    /// `None` where no series of the metric has any, so that it needs no further look.
    pub(crate) fn of_metric(self, metric: &str) -> Option<OfMetric<'a>> {
        let series = self.known.0.get(metric)?;
        Some(OfMetric {
            shown: self,
            series,
        })
    }
}

impl<'a> OfMetric<'a> {
    /// By its labels in the order of their keys, in which the catalog declares them.
    pub(crate) fn of_series<'l>(
        self,
        labels: impl Iterator<Item = &'l KeyValue>,
    ) -> Option<OfSeries<'a>> {
        let Shown {
            exemplars, since, ..
        } = self.shown;
        let slots = self.series.get(&exemplars.hash(labels))?;
        Some(OfSeries { slots, since })
    }
}

impl OfSeries<'_> {
    /// The exemplar of the `nth` bucket, which holds values above `low` up to `high`.
    pub(crate) fn of_bucket(&self, nth: usize, low: f64, high: f64) -> Option<Exemplar> {
        let slot = self.slots.get(nth)?;
        let exemplar = (*slot.lock().unwrap_or_else(PoisonError::into_inner))?;
        let is_within = low < exemplar.value && exemplar.value <= high;
        (is_within && exemplar.at.get() >= self.since).then_some(exemplar)
    }
}
