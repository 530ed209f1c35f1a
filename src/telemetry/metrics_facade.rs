//! The recorder of the `metrics` facade, of which a telemetry has one.

use std::sync::OnceLock;

use crate::Telemetry;
use crate::export::metrics_facade::MetricsRecorder;

/// The recorder, made with its first use.
#[derive(Debug, Default)]
pub(crate) struct MetricsFacade(OnceLock<MetricsRecorder>);

impl Telemetry {
    pub(crate) fn metrics_facade(&self) -> &MetricsRecorder {
        let recording = &self.0.recording;
        recording.metrics_facade.0.get_or_init(|| {
            let limit = self.0.config.config.metrics.cardinality_limit;
            let meter = recording.user.unguarded_meter("metrics");
            let self_telemetry = recording.self_telemetry.clone();
            MetricsRecorder::new(meter, limit, &recording.instruments, self_telemetry)
        })
    }
}
