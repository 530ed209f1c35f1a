//! The telemetry itself, and the counters of events that error budgets are computed from.

use super::{Attribute, Instrument, MetricFamily, MetricSpec, api, family};
use crate::model::units::Unit;

/// The labels of one request to the SDK's own routes.
pub(crate) const OPERATIONAL_REQUEST: [Attribute; 3] = [
    api::METHOD,
    Attribute::integer(
        "http.response.status_code",
        "status code; absent when no answer was given",
    ),
    Attribute::open(
        "http.route",
        "template of the SDK's route, where the service has put it",
    ),
];
pub(crate) const BY_REFUSAL: [Attribute; 2] = [
    Attribute::one_of("realm", &["health", "heartbeat", "status"]),
    Attribute::one_of("reason", &["missing", "wrong"]),
];
pub(crate) const BY_INSTRUMENT: [Attribute; 1] =
    [Attribute::open("instrument", "name of the instrument")];
pub(crate) const BY_PART: [Attribute; 1] =
    [Attribute::one_of("part", &["vantage", "meter", "registry"])];
pub(crate) const BY_SAMPLER: [Attribute; 1] = [Attribute::open(
    "sampler",
    "kind and name of what is watched",
)];

pub(crate) const BY_ERROR: [Attribute; 1] = [ERROR];
pub(crate) const BY_EXPORTER: [Attribute; 2] = [
    ERROR,
    Attribute::one_of(
        "otel.component.type",
        &[
            "otlp_grpc_span_exporter",
            "otlp_http_span_exporter",
            "otlp_grpc_metric_exporter",
            "otlp_http_metric_exporter",
            "otlp_grpc_log_exporter",
            "otlp_http_log_exporter",
        ],
    ),
];

pub(crate) const BY_RESULT: [Attribute; 1] = [Attribute::one_of(
    "result",
    &["taken", "refused", "unavailable", "timeout", "connection"],
)];

const ERROR: Attribute = Attribute::open(
    "error.type",
    "`queue_full`, `shutdown`, `rejected`, `timeout`, `connection`, `web_page`, or the status of the receiver's answer; absent on success",
);

const OBJECTIVE: Attribute = Attribute::open("objective", "service and name of the objective");

family! {
    /// Good and bad events of each objective.
    pub(crate) const SLO_EVENTS: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.slo.events",
        Instrument::ObservableCounter,
        Unit::Count("{event}"),
        "Events that count towards an objective, good or bad",
        &[
            Attribute::open(
                "objective",
                "service and name of the objective, such as `api.latency`",
            ),
            Attribute::one_of("result", &["bad", "good"]),
        ],
    );

    /// Events of declared maintenance, which no objective counts.
    pub(crate) const SLO_MAINTENANCE_EVENTS: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.slo.maintenance.events",
        Instrument::ObservableCounter,
        Unit::Count("{event}"),
        "Good and bad events of declared maintenance, which `vantage.slo.events` leaves out",
        &[OBJECTIVE, Attribute::one_of("result", &["bad", "good"])],
    );

    /// Declared maintenance now.
    pub(crate) const SLO_MAINTENANCE: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.slo.maintenance",
        Instrument::ObservableGauge,
        Unit::Count("{maintenance}"),
        "1 while declared maintenance goes on, else 0",
        &[],
    );

    /// The start of declared maintenance.
    pub(crate) const SLO_MAINTENANCE_START: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.slo.maintenance.start.timestamp",
        Instrument::ObservableGauge,
        Unit::Seconds,
        "When declared maintenance begins or began, the current one or the next, since 1970; absent without one",
        &[],
    );

    /// The end of declared maintenance.
    pub(crate) const SLO_MAINTENANCE_END: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.slo.maintenance.end.timestamp",
        Instrument::ObservableGauge,
        Unit::Seconds,
        "When declared maintenance ends, the current one or the next, since 1970; absent without one",
        &[],
    );

    /// Requests that the time slices of an API's availability are judged by.
    pub(crate) const SLO_REQUESTS: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.slo.requests",
        Instrument::ObservableCounter,
        Unit::Count("{request}"),
        "Requests by whether the service itself failed them: the time slices of an API are judged by these, over all replicas together",
        &[Attribute::one_of("result", &["bad", "good"])],
    );

    /// The burn rate of an objective's budget.
    pub(crate) const SLO_BURN_RATE: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.slo.burn_rate",
        Instrument::ObservableGauge,
        Unit::Ratio,
        "Share of bad events over the permitted share, in a window; absent without events",
        &[
            OBJECTIVE,
            Attribute::open("window", "length of the window, such as `5m`"),
        ],
    );

    /// The remaining share of an objective's budget.
    pub(crate) const SLO_BUDGET_REMAINING: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.slo.error_budget.remaining",
        Instrument::ObservableGauge,
        Unit::Ratio,
        "Share of the error budget of the objective's whole window that is left, negative when overspent; there from the first minute on",
        &[OBJECTIVE],
    );

    /// The share of an objective's window that has samples.
    pub(crate) const SLO_COVERAGE: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.slo.coverage",
        Instrument::ObservableGauge,
        Unit::Ratio,
        "Share of the objective's window until now that has samples, declared maintenance left out",
        &[OBJECTIVE],
    );

    /// The alert state of an objective.
    pub(crate) const SLO_ALERT: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.slo.alert",
        Instrument::ObservableGauge,
        Unit::Count("{alert}"),
        "1 for what the objective raises, 0 for the others; frozen while samples are missing, so that it can't be said",
        &[
            OBJECTIVE,
            Attribute::one_of("severity", &["critical", "warning", "frozen"]),
        ],
    );

    /// Measurements that found their instrument full. Of an instrument of the user's own meter they are
    /// known for histograms; for others a scrape adds one when the overflow series has moved.
    pub(crate) const SERIES_OVERFLOW: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.telemetry.series_overflow",
        Instrument::Counter,
        Unit::Count("{measurement}"),
        "Measurements that went to the overflow series because the instrument holds its limit of series; of a meter of one's own at least so many",
        &BY_INSTRUMENT,
    );

    /// Time to collect and write a scrape.
    pub(crate) const SCRAPE_DURATION: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.telemetry.scrape.duration",
        Instrument::Histogram(&[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0]),
        Unit::Seconds,
        "Time to collect and write a scrape",
        &[],
    );

    /// The parts that a scrape had to leave out.
    pub(crate) const SCRAPE_ERRORS: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.telemetry.scrape.errors",
        Instrument::Counter,
        Unit::Count("{error}"),
        "Series, metrics or parts that a scrape had to leave out",
        &BY_PART,
    );

    /// Requests to the SDK's own routes.
    pub(crate) const OPERATIONAL_REQUESTS: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.telemetry.http.requests",
        Instrument::Counter,
        Unit::Count("{request}"),
        "Requests to the routes of the telemetry itself: scrape, probes, workers, objectives, pages, writes; no other metric of requests counts them",
        &OPERATIONAL_REQUEST,
    );

    /// Requests to the SDK's own routes that were refused for their bearer token.
    pub(crate) const REFUSED_TOKENS: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.telemetry.http.refused_tokens",
        Instrument::Counter,
        Unit::Count("{request}"),
        "Requests to the routes of the telemetry itself with a wrong bearer token, or without the one that they need",
        &BY_REFUSAL,
    );

    /// Samplers that panicked.
    pub(crate) const SAMPLER_ERRORS: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.telemetry.sampler.errors",
        Instrument::Counter,
        Unit::Count("{error}"),
        "Samples that were lost because a sampler panicked",
        &BY_SAMPLER,
    );

    /// Lines that no reader of the output took.
    pub(crate) const LOG_LINES_LOST: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.telemetry.log.lines.lost",
        Instrument::ObservableCounter,
        Unit::Count("{line}"),
        "Log lines that were not written: their queue was full, because the reader of the output stalls, or the output failed",
        &[],
    );

    /// Beats that were sent to another process.
    pub(crate) const HEARTBEAT_SENDS: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.heartbeat.sends",
        Instrument::Counter,
        Unit::Count("{beat}"),
        "Beats that were sent to the API of another process, by what became of them",
        &BY_RESULT,
    );

    /// Spans that left the queue, and those that never got into it.
    pub(crate) const SPANS_PROCESSED: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "otel.sdk.processor.span.processed",
        Instrument::Counter,
        Unit::Count("{span}"),
        "Spans that were handed to the exporter, or dropped before it",
        &BY_ERROR,
    );

    /// Spans that wait.
    pub(crate) const SPAN_QUEUE_SIZE: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "otel.sdk.processor.span.queue.size",
        Instrument::ObservableGauge,
        Unit::Count("{span}"),
        "Spans that wait for their export",
        &[],
    );

    /// Spans that may wait.
    pub(crate) const SPAN_QUEUE_CAPACITY: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "otel.sdk.processor.span.queue.capacity",
        Instrument::ObservableGauge,
        Unit::Count("{span}"),
        "Spans that may wait for their export",
        &[],
    );

    /// Spans that were exported, well or badly.
    pub(crate) const SPANS_EXPORTED: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "otel.sdk.exporter.span.exported",
        Instrument::Counter,
        Unit::Count("{span}"),
        "Spans that the receiver took; with an error type, those that it did not take",
        &BY_ERROR,
    );

    /// Log records that left the queue, and those that never got into it.
    pub(crate) const LOGS_PROCESSED: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "otel.sdk.processor.log.processed",
        Instrument::Counter,
        Unit::Count("{log_record}"),
        "Log records that were handed to the exporter, or dropped before it",
        &BY_ERROR,
    );

    /// Log records that wait.
    pub(crate) const LOG_QUEUE_SIZE: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "otel.sdk.processor.log.queue.size",
        Instrument::ObservableGauge,
        Unit::Count("{log_record}"),
        "Log records that wait for their export",
        &[],
    );

    /// Log records that may wait.
    pub(crate) const LOG_QUEUE_CAPACITY: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "otel.sdk.processor.log.queue.capacity",
        Instrument::ObservableGauge,
        Unit::Count("{log_record}"),
        "Log records that may wait for their export",
        &[],
    );

    /// Log records that were exported, well or badly.
    pub(crate) const LOGS_EXPORTED: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "otel.sdk.exporter.log.exported",
        Instrument::Counter,
        Unit::Count("{log_record}"),
        "Log records that the receiver took; with an error type, those that it did not take",
        &BY_ERROR,
    );

    /// Data points that were exported, well or badly.
    pub(crate) const POINTS_EXPORTED: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "otel.sdk.exporter.metric_data_point.exported",
        Instrument::Counter,
        Unit::Count("{data_point}"),
        "Metric data points that the receiver took; with an error type, those that it did not take",
        &BY_ERROR,
    );

    /// Time of one export request.
    pub(crate) const EXPORT_DURATION: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "otel.sdk.exporter.operation.duration",
        Instrument::Histogram(&[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]),
        Unit::Seconds,
        "Time that one export request took, answered or not",
        &BY_EXPORTER,
    );
}
