//! What became of what is pushed by OTLP, as the platform's own metrics count it.

use vantage_obs::Telemetry;
use vantage_obs::config::Signal;
use vantage_obs::exposition::Format;
use vantage_obs::report::SignalReport;

/// Spans, data points or log records.
#[derive(Default)]
pub(crate) struct Pushed {
    pub(crate) taken: u64,
    pub(crate) lost: u64,
    /// Why some were lost; empty where none were.
    pub(crate) why: String,
}

impl Pushed {
    /// Of one signal, from the start until now.
    pub(crate) fn of(telemetry: &Telemetry, signal: Signal) -> Self {
        let item = match signal {
            Signal::Traces => "span",
            Signal::Metrics => "metric_data_point",
            _ => "log",
        };
        let exported = format!("otel_sdk_exporter_{item}_exported_total");
        let processed = format!("otel_sdk_processor_{item}_processed_total");
        let scrape = telemetry.scrape(Format::Text).unwrap_or_default();
        let mut pushed = Self::default();
        for line in scrape.lines() {
            let Some((series, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let value = value.parse().unwrap_or(0);
            let failed = series.contains("error_type=");
            match series.split('{').next() {
                Some(name) if name == exported && !failed => pushed.taken += value,
                // Turned away by the receiver, or by a queue that was full.
                Some(name) if failed && (name == exported || name == processed) && value > 0 => {
                    pushed.lost += value;
                    pushed.why = error_type(series).to_owned();
                }
                _ => {}
            }
        }
        pushed
    }

    /// With what a shutdown did after that.
    pub(crate) fn and(self, report: &SignalReport) -> Self {
        Self {
            taken: self.taken + report.exported,
            lost: self.lost + report.refused + report.left,
            why: report.cause.clone().unwrap_or(self.why),
        }
    }
}

fn error_type(series: &str) -> &str {
    let value = series.split("error_type=\"").nth(1);
    value
        .and_then(|value| value.split('"').next())
        .unwrap_or("")
}
