//! The telemetry itself, and the counters of events that error budgets are computed from.
//!
//! The operator of a service must see when its telemetry lies: what was dropped, refused or left
//! out is counted here, and alerts look at these counters. Where the OpenTelemetry conventions name
//! a metric of an SDK (`otel.sdk.…`), that name is used.

use super::{Attribute, Instrument, MetricFamily, MetricSpec, api, family};
use crate::model::units::Unit;

/// The labels of one request to the SDK's own routes.
pub(crate) const OPERATIONAL_REQUEST: [Attribute; 3] = [
    api::METHOD,
    Attribute::integer(
        "http.response.status_code",
        "status code; absent when no answer was given",
    )
    .or_absent("no status"),
    Attribute::open(
        "http.route",
        "template of the SDK's route, as the service mounts it",
    ),
];
pub(crate) const BY_REFUSAL: [Attribute; 2] = [
    Attribute::one_of("realm", &["health", "heartbeat", "status"]),
    Attribute::one_of("reason", &["missing", "wrong"]),
];
/// The limit that a connection met.
pub(crate) const BY_CONNECTION_END: [Attribute; 1] = [Attribute::one_of(
    "reason",
    &[
        "header_timeout",
        "body_timeout",
        "write_timeout",
        "idle_timeout",
        "evicted",
    ],
)];
/// The instrument that is at its limit of series.
pub(crate) const BY_INSTRUMENT: [Attribute; 1] =
    [Attribute::open("instrument", "name of the instrument")];
/// The figure of the service, and the reason for which a recording does not fit its declaration.
pub(crate) const BY_FIGURE: [Attribute; 2] = [
    Attribute::open("figure", "name of the figure"),
    Attribute::one_of("reason", &["kind", "label", "name", "value"]),
];
/// The part of a scrape that is incomplete: this crate's own series, those of a meter of the
/// service, or those of a Prometheus registry.
pub(crate) const BY_PART: [Attribute; 1] =
    [Attribute::one_of("part", &["vantage", "meter", "registry"])];
pub(crate) const BY_SAMPLER: [Attribute; 1] = [Attribute::open(
    "sampler",
    "kind and name of the watched source",
)];

pub(crate) const BY_THREAD: [Attribute; 1] = [Attribute::open(
    "thread",
    "name of the thread, such as `vantage-export`",
)];

/// The kind of a function of the service's that the SDK calls.
pub(crate) const BY_CALLBACK: [Attribute; 1] = [Attribute::one_of(
    "callback.kind",
    &["check", "metric", "notification", "sampler"],
)];

/// The reason of a loss; absent on success.
pub(crate) const BY_ERROR: [Attribute; 1] = [ERROR];
/// The exporter and the reason for its failure.
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

/// The fate of a beat that was sent to another process.
pub(crate) const BY_RESULT: [Attribute; 1] = [Attribute::one_of(
    "result",
    &["taken", "refused", "unavailable", "timeout", "connection"],
)];

const ERROR: Attribute = Attribute::open(
    "error.type",
    "`queue_full`, `shutdown`, `rejected`, `timeout`, `connection`, `web_page`, or the status of the receiver's answer; absent on success",
)
.or_absent("no error");

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
    ///
    /// Slices of one process can't be added up over replicas, but requests can: a slice of the
    /// fleet is bad when more than 10 % of all requests failed.
    pub(crate) const SLO_REQUESTS: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.slo.requests",
        Instrument::ObservableCounter,
        Unit::Count("{request}"),
        "Requests, good or bad by whether the service itself failed them; the time slices of an API are evaluated from these over all replicas",
        &[Attribute::one_of("result", &["bad", "good"])],
    );

    /// The burn rate of an objective's budget.
    pub(crate) const SLO_BURN_RATE: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.slo.burn_rate",
        Instrument::ObservableGauge,
        Unit::Ratio,
        "Share of bad events in a window divided by the permitted share; absent without events",
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
        "Share of the error budget of the objective's whole window that remains, negative if it is overspent; present from the first minute on",
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
        "1 for the current alert state of the objective, 0 for the others; frozen means that too many samples are missing to tell",
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
        "Measurements that went to the overflow series because the instrument is at its limit of series; a lower bound for instruments of the service's own meters",
        &BY_INSTRUMENT,
    );

    /// Recordings of figures that their declaration has no place for.
    pub(crate) const FIGURE_MISMATCHES: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.telemetry.figure_mismatches",
        Instrument::Counter,
        Unit::Count("{measurement}"),
        "Recordings of the service's figures that do not fit the declaration, of a label that is not declared the rest was kept; and values that histograms of the `metrics` facade refuse",
        &BY_FIGURE,
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
        "Requests to the telemetry's own routes: scrape, probes, workers, objectives, pages, writes; no other request metric counts them",
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

    /// Connections that the SDK's own server ended.
    pub(crate) const ENDED_CONNECTIONS: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.telemetry.http.ended_connections",
        Instrument::Counter,
        Unit::Count("{connection}"),
        "Connections that the telemetry's own server ended, by the limit that they met; those that are evicted made room for others",
        &BY_CONNECTION_END,
    );

    /// Samplers that failed, panicked or hang.
    pub(crate) const SAMPLER_ERRORS: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.telemetry.sampler.errors",
        Instrument::Counter,
        Unit::Count("{error}"),
        "Samples that were lost because a sampler failed, panicked or hangs",
        &BY_SAMPLER,
    );

    /// Calls of the service's functions that were given up.
    pub(crate) const HANGING_CALLBACKS: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.telemetry.callbacks.hanging",
        Instrument::ObservableGauge,
        Unit::Count("{call}"),
        "Calls of the service's own functions that did not return in time and have not returned yet, by what calls them: health checks, metric callbacks with collectors, notifications of changes, samplers of queues and pools",
        &BY_CALLBACK,
    );

    /// Lines that no reader of the output took.
    pub(crate) const LOG_LINES_LOST: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.telemetry.log.lines.lost",
        Instrument::ObservableCounter,
        Unit::Count("{line}"),
        "Log lines that were not written because their queue was full (the reader of the output stalls) or the output failed",
        &[],
    );

    /// Threads and tasks of the telemetry itself.
    pub(crate) const THREAD_UP: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.telemetry.thread.up",
        Instrument::ObservableGauge,
        Unit::Count("{thread}"),
        "1 if the thread or task of the telemetry works, 0 from a panic, or a refusal of the system to start it, until it works again",
        &BY_THREAD,
    );

    /// Beats that were sent to another process.
    pub(crate) const HEARTBEAT_SENDS: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "vantage.heartbeat.sends",
        Instrument::Counter,
        Unit::Count("{beat}"),
        "Heartbeats that were sent to the API of another process, by result",
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
        "Spans that are waiting to be exported",
        &[],
    );

    /// Spans that may wait.
    pub(crate) const SPAN_QUEUE_CAPACITY: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "otel.sdk.processor.span.queue.capacity",
        Instrument::ObservableGauge,
        Unit::Count("{span}"),
        "Maximum number of spans that may wait to be exported",
        &[],
    );

    /// Spans that were exported, well or badly.
    pub(crate) const SPANS_EXPORTED: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "otel.sdk.exporter.span.exported",
        Instrument::Counter,
        Unit::Count("{span}"),
        "Spans that the receiver accepted; with an error type, those that it did not accept",
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
        "Log records that are waiting to be exported",
        &[],
    );

    /// Log records that may wait.
    pub(crate) const LOG_QUEUE_CAPACITY: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "otel.sdk.processor.log.queue.capacity",
        Instrument::ObservableGauge,
        Unit::Count("{log_record}"),
        "Maximum number of log records that may wait to be exported",
        &[],
    );

    /// Log records that were exported, well or badly.
    pub(crate) const LOGS_EXPORTED: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "otel.sdk.exporter.log.exported",
        Instrument::Counter,
        Unit::Count("{log_record}"),
        "Log records that the receiver accepted; with an error type, those that it did not accept",
        &BY_ERROR,
    );

    /// Data points that were exported, well or badly.
    pub(crate) const POINTS_EXPORTED: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "otel.sdk.exporter.metric_data_point.exported",
        Instrument::Counter,
        Unit::Count("{data_point}"),
        "Metric data points that the receiver accepted; with an error type, those that it did not accept",
        &BY_ERROR,
    );

    /// Time of one export request.
    pub(crate) const EXPORT_DURATION: MetricSpec = MetricSpec::new(
        MetricFamily::Telemetry,
        "otel.sdk.exporter.operation.duration",
        Instrument::Histogram(&[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]),
        Unit::Seconds,
        "Duration of one export request, answered or not",
        &BY_EXPORTER,
    );
}
