//! The store of what must outlive the process.
//!
//! A store that falls behind loses what it holds when the process is killed. These figures say how
//! much that would be, and for how long it has been so.

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
        "Age of the oldest change that the store has not made durable yet; 0 if none is waiting",
        &[],
    );

    /// Commits, each try by itself.
    pub(crate) const COMMITS: MetricSpec = MetricSpec::new(
        MetricFamily::Store,
        "vantage.store.commits",
        Instrument::ObservableCounter,
        Unit::Count("{commit}"),
        "Commits to the store; each attempt counts",
        &[Attribute::one_of("result", &["failed", "ok"])],
    );

    /// Changes that were given up.
    pub(crate) const DROPPED: MetricSpec = MetricSpec::new(
        MetricFamily::Store,
        "vantage.store.dropped",
        Instrument::ObservableCounter,
        Unit::Count("{change}"),
        "Changes that were given up: too many were waiting, the store refused them while it accepted others, or it was closed",
        &[Attribute::one_of(
            "reason",
            &["closed", "overflow", "refused"],
        )],
    );
}
