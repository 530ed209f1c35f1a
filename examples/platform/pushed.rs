//! The counts of what was pushed by OTLP, from the platform's own metrics.

use vantage_obs::ExpositionFormat;
use vantage_obs::SignalReport;
use vantage_obs::Telemetry;
use vantage_obs::config::TelemetrySignal;

/// Spans, data points or log records.
#[derive(Default)]
pub(crate) struct PushedCounts {
    pub(crate) accepted: u64,
    pub(crate) lost: u64,
    /// The error type of lost items; empty if none were lost.
    pub(crate) reason: String,
}

impl PushedCounts {
    /// Reads the counts of one signal, from the start until now.
    pub(crate) fn so_far(telemetry: &Telemetry, signal: TelemetrySignal) -> Self {
        let item = match signal {
            TelemetrySignal::Traces => "span",
            TelemetrySignal::Metrics => "metric_data_point",
            _ => "log",
        };
        let exported = format!("otel_sdk_exporter_{item}_exported_total");
        let processed = format!("otel_sdk_processor_{item}_processed_total");
        let scrape = telemetry.scrape(ExpositionFormat::Text).unwrap_or_default();
        let mut pushed = Self::default();
        for line in scrape.lines() {
            let Some((series, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let value = value.parse().unwrap_or(0);
            let failed = series.contains("error_type=");
            match series.split('{').next() {
                Some(name) if name == exported && !failed => pushed.accepted += value,
                // Turned away by the receiver, or by a queue that was full.
                Some(name) if failed && (name == exported || name == processed) && value > 0 => {
                    pushed.lost += value;
                    pushed.reason = error_type(series).to_owned();
                }
                _ => {}
            }
        }
        pushed
    }

    /// Adds what a shutdown did after that.
    pub(crate) fn plus_report(self, report: &SignalReport) -> Self {
        Self {
            accepted: self.accepted + report.exported,
            lost: self.lost + report.refused + report.left,
            reason: report.cause.clone().unwrap_or(self.reason),
        }
    }
}

fn error_type(series: &str) -> &str {
    let value = series.split("error_type=\"").nth(1);
    value
        .and_then(|value| value.split('"').next())
        .unwrap_or("")
}
