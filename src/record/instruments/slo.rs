//! Objectives as metrics: copied from the latest report when somebody collects.
//!
//! Objectives that are absent in this process have no series: a worker's scrape must not claim that
//! the API has no budget left.

use opentelemetry::KeyValue;
use opentelemetry::metrics::AsyncInstrument;

use crate::model::catalog::MetricSpec;
use crate::model::catalog::telemetry::{
    SLO_ALERT, SLO_BUDGET_REMAINING, SLO_BURN_RATE, SLO_COVERAGE,
};
use crate::model::slo::report::{AlertState, DataQuality, ObjectiveReport};
use crate::model::snapshot::slo::LatestSloReport;
use crate::model::units::format_duration;
use crate::record::series::Instruments;

/// Observes one objective, of which there are figures.
type ObserveObjective = fn(&ObjectiveReport, &dyn AsyncInstrument<f64>);

/// Each reads one figure; an objective without it has no series there.
const GAUGES: [(&MetricSpec, ObserveObjective); 4] = [
    (&SLO_COVERAGE, |objective, observer| {
        observer.observe(objective.coverage, &[objective_label(objective)]);
    }),
    (&SLO_BUDGET_REMAINING, |objective, observer| {
        if let Some(left) = objective.budget().remaining() {
            observer.observe(left.to_f64(), &[objective_label(objective)]);
        }
    }),
    (&SLO_BURN_RATE, |objective, observer| {
        for rate in &objective.burn_rate {
            if let Some(value) = rate.value(objective.target) {
                let window = KeyValue::new("window", format_duration(rate.window));
                observer.observe(value.to_f64(), &[objective_label(objective), window]);
            }
        }
    }),
    (&SLO_ALERT, |objective, observer| {
        // All three each time, so that an alert that ended goes to 0.
        for alert in [
            AlertState::Critical,
            AlertState::Warning,
            AlertState::Frozen,
        ] {
            let severity = KeyValue::new("severity", alert.as_str());
            let raised = f64::from(u8::from(objective.alert == alert));
            observer.observe(raised, &[objective_label(objective), severity]);
        }
    }),
];

/// Registers the gauges of the objectives.
pub(crate) fn observe_slo(instruments: &Instruments, latest: &LatestSloReport) {
    for (spec, observe) in GAUGES {
        instruments.observe_from(spec, latest, move |latest, observer| {
            let report = latest.read();
            let objectives = report.iter().flat_map(|report| &report.objectives);
            objectives
                .filter(|objective| objective.data != DataQuality::Absent)
                .for_each(|objective| observe(objective, observer));
        });
    }
}

fn objective_label(objective: &ObjectiveReport) -> KeyValue {
    KeyValue::new("objective", objective.id())
}
