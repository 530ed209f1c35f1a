//! The store of what must outlive the process.

use super::{Attribute, Instrument, MetricFamily, MetricSpec, family};
use crate::model::units::Unit;

family! {
    /// Changes that wait for a commit.
    pub(crate) const PENDING: MetricSpec = MetricSpec::new(
        MetricFamily::Store,
        "vantage.store.pending",
        Instrument::ObservableGauge,
        Unit::Count("{change}"),
        "Changes that the store has not made durable yet",
        &[],
    );

    /// The age of the oldest of them.
    pub(crate) const OLDEST_PENDING_AGE: MetricSpec = MetricSpec::new(
        MetricFamily::Store,
        "vantage.store.oldest_pending_age",
        Instrument::ObservableGauge,
        Unit::Seconds,
        "Age of the oldest change that the store has not made durable yet; 0 while none waits",
        &[],
    );

    /// Commits, each try by itself.
    pub(crate) const COMMITS: MetricSpec = MetricSpec::new(
        MetricFamily::Store,
        "vantage.store.commits",
        Instrument::ObservableCounter,
        Unit::Count("{commit}"),
        "Commits to the store, each try by itself",
        &[Attribute::one_of("result", &["failed", "ok"])],
    );

    /// Changes that were given up.
    pub(crate) const DROPPED: MetricSpec = MetricSpec::new(
        MetricFamily::Store,
        "vantage.store.dropped",
        Instrument::ObservableCounter,
        Unit::Count("{change}"),
        "Changes that were given up: too many waited, the store refused them and took others, or it was closed",
        &[Attribute::one_of(
            "reason",
            &["closed", "overflow", "refused"],
        )],
    );
}
