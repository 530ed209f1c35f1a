//! The exemplars that a scrape exposes.
//!
//! Lookup goes by metric, then by the hash of a series' labels, then by bucket. A hash that two
//! series share shows at worst an exemplar of the other one, and only where its value fits the
//! bucket.

use std::collections::HashMap;
use std::num::NonZeroU64;

use std::time::Duration;

use opentelemetry::KeyValue;

use super::{Exemplar, ExemplarSlot, ExemplarSlots, Exemplars, millis_since_epoch};
use crate::record::sync::lock;

/// Older exemplars stay unseen: where traces are kept for a short time, they would lead nowhere.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);
/// A clock that is slowed down goes back by less.
const MAX_AHEAD: Duration = Duration::from_secs(1);

/// The slots of all series, kept by the scrape from one time to the next: by metric and by the hash
/// of the labels.
#[derive(Debug, Default)]
pub(crate) struct ExemplarTables(HashMap<&'static str, HashMap<u64, ExemplarSlots>>);

/// The exemplars of one scrape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScrapeExemplars<'a> {
    exemplars: &'a Exemplars,
    tables: &'a ExemplarTables,
    /// The oldest and the newest time to expose, in milliseconds since 1970: one of the future was recorded by a
    /// clock that was ahead.
    between: (u64, u64),
}

/// The exemplars of a metric in one scrape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MetricExemplars<'a> {
    scrape: ScrapeExemplars<'a>,
    series: &'a HashMap<u64, ExemplarSlots>,
}

/// The exemplars of a series in one scrape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeriesExemplars<'a> {
    slots: &'a [ExemplarSlot],
    between: (u64, u64),
}

impl Exemplars {
    /// Returns the exemplars to expose now.
    // The lock is held for the move of a vector: a recording thread that meets it loses one
    // exemplar at most.
    pub(crate) fn for_scrape<'a>(&'a self, tables: &'a mut ExemplarTables) -> ScrapeExemplars<'a> {
        let mut new_reservoirs = lock(&self.0.new_reservoirs);
        let new = std::mem::take(&mut *new_reservoirs);
        drop(new_reservoirs);
        for new in new {
            let series = tables.0.entry(new.metric).or_default();
            // Of two series whose labels have one hash, the later one is kept.
            series.insert(new.labels, new.slots);
        }
        let now = self.0.clock.wall();
        let since = now.checked_sub(MAX_AGE).and_then(millis_since_epoch);
        let until = now.checked_add(MAX_AHEAD).and_then(millis_since_epoch);
        ScrapeExemplars {
            exemplars: self,
            tables,
            between: (
                since.map_or(0, NonZeroU64::get),
                until.map_or(u64::MAX, NonZeroU64::get),
            ),
        }
    }
}

impl<'a> ScrapeExemplars<'a> {
    /// `None` where no series of the metric has any, so that it needs no further look.
    pub(crate) fn for_metric(self, metric: &str) -> Option<MetricExemplars<'a>> {
        let series = self.tables.0.get(metric)?;
        Some(MetricExemplars {
            scrape: self,
            series,
        })
    }
}

impl<'a> MetricExemplars<'a> {
    /// Returns the exemplars of the series with these labels in the order of their keys, in which
    /// the catalog declares them.
    pub(crate) fn for_series<'l>(
        self,
        labels: impl Iterator<Item = &'l KeyValue>,
    ) -> Option<SeriesExemplars<'a>> {
        let ScrapeExemplars {
            exemplars, between, ..
        } = self.scrape;
        let slots = self.series.get(&exemplars.hash(labels))?;
        Some(SeriesExemplars { slots, between })
    }
}

impl SeriesExemplars<'_> {
    /// The exemplar of the `nth` bucket, which holds values above `low` up to `high`.
    pub(crate) fn for_bucket(&self, nth: usize, low: f64, high: f64) -> Option<Exemplar> {
        let slot = self.slots.get(nth)?;
        // Copied under the lock, which a recording thread only tries.
        let exemplar = (*lock(slot))?;
        // Bounds may come from another instrument where hashes meet, and OpenMetrics requires the
        // exemplar's value to lie in its bucket.
        let is_within = low < exemplar.value && exemplar.value <= high;
        let (since, until) = self.between;
        let is_shown = is_within && (since..=until).contains(&exemplar.at.get());
        is_shown.then_some(exemplar)
    }
}
