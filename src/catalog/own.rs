//! The SDK's own condition, and the ledger of events that error budgets are made of.

use super::{Attribute, Family, Instrument, MetricSpec};
use crate::units::Unit;

pub(crate) const BY_INSTRUMENT: [Attribute; 1] =
    [Attribute::open("instrument", "name of the instrument")];
pub(crate) const BY_PART: [Attribute; 1] =
    [Attribute::one_of("part", &["vantage", "meter", "registry"])];
pub(crate) const BY_SAMPLER: [Attribute; 1] = [Attribute::open(
    "sampler",
    "kind and name of what is watched",
)];

/// Good and bad events of each objective.
pub const SLO_EVENTS: MetricSpec = MetricSpec::new(
    Family::Own,
    "vantage.slo.events",
    Instrument::ObservableCounter,
    Unit::Things("{event}"),
    "Events that count towards an objective, good or bad",
    &[
        Attribute::open(
            "objective",
            "service and name of the objective, such as `api.latency`",
        ),
        Attribute::one_of("result", &["bad", "good"]),
    ],
);
/// Measurements that found their instrument full.
pub const SERIES_OVERFLOW: MetricSpec = MetricSpec::new(
    Family::Own,
    "vantage.telemetry.series_overflow",
    Instrument::Counter,
    Unit::Things("{measurement}"),
    "Measurements that went to the overflow series because the instrument holds its limit of series",
    &BY_INSTRUMENT,
);
/// Time to collect and write a scrape.
pub const SCRAPE_DURATION: MetricSpec = MetricSpec::new(
    Family::Own,
    "vantage.telemetry.scrape.duration",
    Instrument::Histogram(&[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0]),
    Unit::Seconds,
    "Time to collect and write a scrape",
    &[],
);
/// What a scrape had to leave out.
pub const SCRAPE_ERRORS: MetricSpec = MetricSpec::new(
    Family::Own,
    "vantage.telemetry.scrape.errors",
    Instrument::Counter,
    Unit::Things("{error}"),
    "Series, metrics or parts that a scrape had to leave out",
    &BY_PART,
);
/// Samplers that panicked.
pub const SAMPLER_ERRORS: MetricSpec = MetricSpec::new(
    Family::Own,
    "vantage.telemetry.sampler.errors",
    Instrument::Counter,
    Unit::Things("{error}"),
    "Samples that were lost because a sampler panicked",
    &BY_SAMPLER,
);

/// The family, in the order of its table.
pub const ALL: &[&MetricSpec] = &[
    &SLO_EVENTS,
    &SERIES_OVERFLOW,
    &SCRAPE_DURATION,
    &SCRAPE_ERRORS,
    &SAMPLER_ERRORS,
];
