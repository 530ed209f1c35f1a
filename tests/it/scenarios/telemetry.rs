use vantage_obs::alerts::{AlertSignal, Severity};

use super::scenario::{
    ExpectedAlert, Scenario, alert_texts, counter_values, gauge_values, scenario,
};

const INSTANCE: [(&str, &str); 3] = [
    ("environment", "production"),
    ("instance", "a:80"),
    ("job", "vantage-api"),
];

/// Returns a series of the instance, with further labels.
fn series(metric: &str, labels: &str) -> String {
    format!(
        "{metric}{{environment=\"production\", job=\"vantage-api\", instance=\"a:80\"{labels}}}"
    )
}

pub(super) fn scenarios() -> Vec<Scenario> {
    [
        targets(),
        exports(),
        scrapes(),
        threads(),
        store(),
        watchdog(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn targets() -> Vec<Scenario> {
    let (down, unready) = (AlertSignal::TargetDown, AlertSignal::NotReady);
    let ready = series("vantage_health_ready", "");
    vec![
        scenario("an instance goes down")
            .series(&series("up", ""), gauge_values(&[(1, 10), (0, 30)]))
            .series(&ready, "1+0x10 stale")
            .quiet(down, &["10m", "15m"])
            .fires(
                down,
                "16m",
                [ExpectedAlert::new(
                    Severity::Warning,
                    &INSTANCE,
                    alert_texts(
                        "a:80 of vantage-api cannot be scraped",
                        "Prometheus has not been able to scrape a:80 of vantage-api for 5m.",
                    ),
                )],
            ),
        scenario("an instance restarts")
            .series(&series("up", ""), gauge_values(&[(1, 10), (0, 4), (1, 20)]))
            .series(&ready, "1+0x10 stale _x3 1+0x20")
            .quiet(down, &["12m", "15m", "16m", "30m"]),
        scenario("a target of somebody else is down")
            .series("up{job=\"node\", instance=\"n:9100\"}", "0+0x60")
            .quiet(down, &["30m", "60m"]),
        scenario("an instance is not ready")
            .series(&ready, gauge_values(&[(1, 10), (0, 30)]))
            .quiet(unready, &["10m", "20m"])
            .fires(
                unready,
                "21m",
                [ExpectedAlert::new(
                    Severity::Warning,
                    &INSTANCE,
                    alert_texts(
                        "a:80 of vantage-api is not ready",
                        "a:80 of vantage-api has not been ready for 10m: load balancers send it no requests.",
                    ),
                )],
            ),
        scenario("an instance takes 9 minutes to start")
            .series(&ready, gauge_values(&[(0, 9), (1, 30)]))
            .quiet(unready, &["5m", "9m", "10m", "30m"]),
    ]
}

fn threads() -> Vec<Scenario> {
    let signal = AlertSignal::ThreadDown;
    let up = |thread: &str| {
        let thread = format!(", thread=\"{thread}\"");
        series("vantage_telemetry_thread_up", &thread)
    };
    let labels = [
        ("environment", "production"),
        ("instance", "a:80"),
        ("job", "vantage-api"),
        ("thread", "vantage-export"),
    ];
    vec![
        scenario("the system refuses the thread of the export")
            .series(&up("vantage-export"), gauge_values(&[(1, 10), (0, 30)]))
            .series(&up("vantage-health"), "1+0x40")
            .quiet(signal, &["10m", "20m"])
            .fires(
                signal,
                "21m",
                [ExpectedAlert::new(
                    Severity::Warning,
                    &labels,
                    alert_texts(
                        "Thread vantage-export of the telemetry of a:80 of vantage-api is down",
                        "The thread vantage-export of the telemetry of a:80 of vantage-api has been down for 10m: it panics in each round, or the system refuses it.",
                    ),
                )],
            ),
        scenario("a thread panics now and then")
            .series(
                &up("vantage-export"),
                gauge_values(&[(1, 5), (0, 1), (1, 5), (0, 9), (1, 20)]),
            )
            .quiet(signal, &["6m", "15m", "20m", "39m"]),
    ]
}

fn exports() -> Vec<Scenario> {
    let signal = AlertSignal::ExportFailures;
    let lost = |telemetry: &str, value: &str| {
        let labels = [
            ("environment", "production"),
            ("job", "vantage-api"),
            ("telemetry", telemetry),
        ];
        let texts = alert_texts(
            format!("More than 10% of the {telemetry} of vantage-api are lost"),
            format!(
                "{value} of the {telemetry} that vantage-api had to push in the last 15 minutes \
                 were dropped or not accepted; the limit is 10%."
            ),
        );
        ExpectedAlert::new(Severity::Warning, &labels, texts)
    };
    let refused = ", error_type=\"unavailable\"";
    vec![
        // Half of 60 a minute: more than 90 of the 900 of 15 minutes after 4 minutes, 420 when the 10
        // minutes of `for` are over. Of log records that many are dropped because the queue is full.
        scenario("a receiver takes half of what it is sent")
            .series(
                &series("otel_sdk_processor_span_processed_total", ""),
                "0+60x60",
            )
            .series(
                &series("otel_sdk_exporter_span_exported_total", ""),
                counter_values(&[(60, 20), (30, 40)]),
            )
            .series(
                &series("otel_sdk_exporter_span_exported_total", refused),
                counter_values(&[(0, 20), (30, 40)]),
            )
            .series(
                &series("otel_sdk_processor_log_processed_total", ""),
                counter_values(&[(60, 20), (30, 40)]),
            )
            .series(
                &series(
                    "otel_sdk_processor_log_processed_total",
                    ", error_type=\"queue_full\"",
                ),
                counter_values(&[(0, 20), (30, 40)]),
            )
            .series(
                &series("otel_sdk_exporter_metric_data_point_exported_total", ""),
                counter_values(&[(60, 20), (30, 40)]),
            )
            .series(
                &series(
                    "otel_sdk_exporter_metric_data_point_exported_total",
                    refused,
                ),
                counter_values(&[(0, 20), (30, 40)]),
            )
            .quiet(signal, &["20m", "33m"])
            .fires(
                signal,
                "34m",
                [
                    lost("spans", "46.67%"),
                    lost("log records", "46.67%"),
                    lost("data points", "46.67%"),
                ],
            ),
        scenario("a few spans, none of which is taken")
            .series(
                &series("otel_sdk_processor_span_processed_total", ""),
                "0+2x60",
            )
            .series(
                &series("otel_sdk_exporter_span_exported_total", refused),
                "0+2x60",
            )
            .quiet(signal, &["30m", "60m"]),
        scenario("all is taken, over a restart")
            .series(
                &series("otel_sdk_processor_span_processed_total", ""),
                "0+60x30 0+60x30",
            )
            .series(
                &series("otel_sdk_exporter_span_exported_total", ""),
                "0+60x30 0+60x30",
            )
            .quiet(signal, &["30m", "31m", "45m", "60m"]),
        scenario("nothing is pushed").quiet(signal, &["30m"]),
    ]
}

fn scrapes() -> Vec<Scenario> {
    let (incomplete, overflow) = (AlertSignal::ScrapeIncomplete, AlertSignal::SeriesOverflow);
    let errors = series("vantage_telemetry_scrape_errors_total", ", part=\"meter\"");
    let full = series(
        "vantage_telemetry_series_overflow_total",
        ", instrument=\"vantage.api.requests\"",
    );
    let labels = [
        ("environment", "production"),
        ("job", "vantage-api"),
        ("instrument", "vantage.api.requests"),
    ];
    vec![
        scenario("every scrape leaves something out")
            .series(&errors, counter_values(&[(0, 10), (1, 20)]))
            .quiet(incomplete, &["10m", "15m"])
            .fires(
                incomplete,
                "16m",
                [ExpectedAlert::new(
                    Severity::Warning,
                    &INSTANCE,
                    alert_texts(
                        "Scrapes of a:80 of vantage-api are incomplete",
                        "Scrapes of a:80 of vantage-api have been incomplete for 5m: 5 parts were left out in the last 5 \
                         minutes.",
                    ),
                )],
            ),
        scenario("one scrape left something out")
            .series(&errors, counter_values(&[(0, 10), (1, 1), (0, 30)]))
            .quiet(incomplete, &["11m", "15m", "16m", "30m"]),
        scenario("an instrument is full")
            .series(&full, counter_values(&[(0, 10), (10, 40)]))
            .quiet(overflow, &["10m", "25m"])
            .fires(
                overflow,
                "26m",
                [ExpectedAlert::new(
                    Severity::Warning,
                    &labels,
                    alert_texts(
                        "Instrument vantage.api.requests of vantage-api has too many series",
                        "Instrument vantage.api.requests of vantage-api has been at its limit of \
                         series for 15m: 150 measurements in the last 15 minutes lost their \
                         labels.",
                    ),
                )],
            ),
        scenario("an instrument was full once")
            .series(&full, counter_values(&[(0, 10), (10, 1), (0, 40)]))
            .quiet(overflow, &["11m", "25m", "26m", "50m"]),
        scenario("scrapes are complete, over a restart")
            .series(&errors, "3+0x30 0+0x30")
            .series(&full, "3+0x30 0+0x30")
            .quiet(incomplete, &["30m", "31m", "60m"])
            .quiet(overflow, &["30m", "31m", "60m"]),
    ]
}

fn store() -> Vec<Scenario> {
    let signal = AlertSignal::StoreDelay;
    let age = series("vantage_store_oldest_pending_age_seconds", "");
    vec![
        scenario("nothing is stored")
            .series(&age, gauge_values(&[(0, 10), (90, 20)]))
            .quiet(signal, &["10m", "12m"])
            .fires(
                signal,
                "13m",
                [ExpectedAlert::new(
                    Severity::Warning,
                    &INSTANCE,
                    alert_texts(
                        "a:80 of vantage-api has not stored anything for more than 1m",
                        "The oldest change of a:80 of vantage-api has waited 1m 30s to be made \
                         durable; the limit is 1m.",
                    ),
                )],
            ),
        scenario("the store is slow for a minute")
            .series(&age, gauge_values(&[(0, 10), (90, 2), (60, 20)]))
            .quiet(signal, &["12m", "13m", "30m"]),
    ]
}

fn watchdog() -> Vec<Scenario> {
    let fires = || {
        ExpectedAlert::without_severity(alert_texts(
            "Alerting works",
            "This alert always fires. Configure something outside to page when it stops arriving.",
        ))
    };
    vec![
        scenario("alerting works")
            .series("up{job=\"anything\"}", "1+0x60")
            .fires(AlertSignal::Watchdog, "0m", [fires()])
            .fires(AlertSignal::Watchdog, "60m", [fires()]),
    ]
}
