use vantage_obs::alerts::{Severity, Signal};

use super::story::{Firing, Story, counter, gauge, story, texts};

const INSTANCE: [(&str, &str); 3] = [
    ("environment", "production"),
    ("instance", "a:80"),
    ("job", "vantage-api"),
];

/// A series of the instance, with further labels.
fn of(metric: &str, labels: &str) -> String {
    format!(
        "{metric}{{environment=\"production\", job=\"vantage-api\", instance=\"a:80\"{labels}}}"
    )
}

pub(super) fn stories() -> Vec<Story> {
    [targets(), exports(), scrapes(), store(), watchdog()]
        .into_iter()
        .flatten()
        .collect()
}

fn targets() -> Vec<Story> {
    let (down, unready) = (Signal::TargetDown, Signal::NotReady);
    let ready = of("vantage_health_ready", "");
    vec![
        story("an instance goes down")
            .series(&of("up", ""), gauge(&[(1, 10), (0, 30)]))
            .series(&ready, "1+0x10 stale")
            .quiet(down, &["10m", "15m"])
            .fires(
                down,
                "16m",
                [Firing::new(
                    Severity::Warning,
                    &INSTANCE,
                    texts(
                        "a:80 of vantage-api is not scraped",
                        "Prometheus has not been able to scrape a:80 of vantage-api for 5m.",
                    ),
                )],
            ),
        story("an instance restarts")
            .series(&of("up", ""), gauge(&[(1, 10), (0, 4), (1, 20)]))
            .series(&ready, "1+0x10 stale _x3 1+0x20")
            .quiet(down, &["12m", "15m", "16m", "30m"]),
        story("a target of somebody else is down")
            .series("up{job=\"node\", instance=\"n:9100\"}", "0+0x60")
            .quiet(down, &["30m", "60m"]),
        story("an instance is not ready")
            .series(&ready, gauge(&[(1, 10), (0, 30)]))
            .quiet(unready, &["10m", "20m"])
            .fires(
                unready,
                "21m",
                [Firing::new(
                    Severity::Warning,
                    &INSTANCE,
                    texts(
                        "a:80 of vantage-api is not ready",
                        "a:80 of vantage-api has not been ready for 10m: load balancers send it nothing.",
                    ),
                )],
            ),
        story("an instance takes 9 minutes to start")
            .series(&ready, gauge(&[(0, 9), (1, 30)]))
            .quiet(unready, &["5m", "9m", "10m", "30m"]),
    ]
}

fn exports() -> Vec<Story> {
    let signal = Signal::ExportFailures;
    let lost = |telemetry: &str, value: &str| {
        let labels = [
            ("environment", "production"),
            ("job", "vantage-api"),
            ("telemetry", telemetry),
        ];
        let texts = texts(
            format!("More than 10% of the {telemetry} of vantage-api are lost"),
            format!(
                "{value} of the {telemetry} that vantage-api had to push in the last 15 minutes were dropped or not \
                 taken; at most 10% may be."
            ),
        );
        Firing::new(Severity::Warning, &labels, texts)
    };
    let refused = ", error_type=\"unavailable\"";
    vec![
        // Half of 60 a minute: more than 90 of the 900 of 15 minutes after 4 minutes, 420 when the 10
        // minutes of `for` are over. Of log records that many are dropped because the queue is full.
        story("a receiver takes half of what it is sent")
            .series(
                &of("otel_sdk_processor_span_processed_total", ""),
                "0+60x60",
            )
            .series(
                &of("otel_sdk_exporter_span_exported_total", ""),
                counter(&[(60, 20), (30, 40)]),
            )
            .series(
                &of("otel_sdk_exporter_span_exported_total", refused),
                counter(&[(0, 20), (30, 40)]),
            )
            .series(
                &of("otel_sdk_processor_log_processed_total", ""),
                counter(&[(60, 20), (30, 40)]),
            )
            .series(
                &of(
                    "otel_sdk_processor_log_processed_total",
                    ", error_type=\"queue_full\"",
                ),
                counter(&[(0, 20), (30, 40)]),
            )
            .series(
                &of("otel_sdk_exporter_metric_data_point_exported_total", ""),
                counter(&[(60, 20), (30, 40)]),
            )
            .series(
                &of(
                    "otel_sdk_exporter_metric_data_point_exported_total",
                    refused,
                ),
                counter(&[(0, 20), (30, 40)]),
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
        story("a few spans, none of which is taken")
            .series(&of("otel_sdk_processor_span_processed_total", ""), "0+2x60")
            .series(
                &of("otel_sdk_exporter_span_exported_total", refused),
                "0+2x60",
            )
            .quiet(signal, &["30m", "60m"]),
        story("all is taken, over a restart")
            .series(
                &of("otel_sdk_processor_span_processed_total", ""),
                "0+60x30 0+60x30",
            )
            .series(
                &of("otel_sdk_exporter_span_exported_total", ""),
                "0+60x30 0+60x30",
            )
            .quiet(signal, &["30m", "31m", "45m", "60m"]),
        story("nothing is pushed").quiet(signal, &["30m"]),
    ]
}

fn scrapes() -> Vec<Story> {
    let (incomplete, overflow) = (Signal::ScrapeIncomplete, Signal::SeriesOverflow);
    let errors = of("vantage_telemetry_scrape_errors_total", ", part=\"meter\"");
    let full = of(
        "vantage_telemetry_series_overflow_total",
        ", instrument=\"vantage.api.requests\"",
    );
    let labels = [
        ("environment", "production"),
        ("job", "vantage-api"),
        ("instrument", "vantage.api.requests"),
    ];
    vec![
        story("every scrape leaves something out")
            .series(&errors, counter(&[(0, 10), (1, 20)]))
            .quiet(incomplete, &["10m", "15m"])
            .fires(
                incomplete,
                "16m",
                [Firing::new(
                    Severity::Warning,
                    &INSTANCE,
                    texts(
                        "Scrapes of a:80 of vantage-api leave something out",
                        "Scrapes of a:80 of vantage-api have been incomplete for 5m: 5 parts were left out in the last 5 \
                         minutes.",
                    ),
                )],
            ),
        story("one scrape left something out")
            .series(&errors, counter(&[(0, 10), (1, 1), (0, 30)]))
            .quiet(incomplete, &["11m", "15m", "16m", "30m"]),
        story("an instrument is full")
            .series(&full, counter(&[(0, 10), (10, 40)]))
            .quiet(overflow, &["10m", "25m"])
            .fires(
                overflow,
                "26m",
                [Firing::new(
                    Severity::Warning,
                    &labels,
                    texts(
                        "Instrument vantage.api.requests of vantage-api has too many series",
                        "Instrument vantage.api.requests of vantage-api has held as many series as it may for 15m: 150 \
                         measurements in the last 15 minutes lost their labels.",
                    ),
                )],
            ),
        story("an instrument was full once")
            .series(&full, counter(&[(0, 10), (10, 1), (0, 40)]))
            .quiet(overflow, &["11m", "25m", "26m", "50m"]),
        story("scrapes are complete, over a restart")
            .series(&errors, "3+0x30 0+0x30")
            .series(&full, "3+0x30 0+0x30")
            .quiet(incomplete, &["30m", "31m", "60m"])
            .quiet(overflow, &["30m", "31m", "60m"]),
    ]
}

fn store() -> Vec<Story> {
    let signal = Signal::StoreDelay;
    let age = of("vantage_store_oldest_pending_age_seconds", "");
    vec![
        story("nothing is stored")
            .series(&age, gauge(&[(0, 10), (90, 20)]))
            .quiet(signal, &["10m", "12m"])
            .fires(
                signal,
                "13m",
                [Firing::new(
                    Severity::Warning,
                    &INSTANCE,
                    texts(
                        "a:80 of vantage-api has not stored anything for more than 1m",
                        "The oldest change of a:80 of vantage-api has waited 1m 30s to be made durable; the limit is 1m.",
                    ),
                )],
            ),
        story("the store is slow for a minute")
            .series(&age, gauge(&[(0, 10), (90, 2), (60, 20)]))
            .quiet(signal, &["12m", "13m", "30m"]),
    ]
}

fn watchdog() -> Vec<Story> {
    let fires = || {
        Firing::of_nobody(texts(
            "Alerting works",
            "This alert always fires. Let something outside page when it stops arriving.",
        ))
    };
    vec![
        story("alerting works")
            .series("up{job=\"anything\"}", "1+0x60")
            .fires(Signal::Watchdog, "0m", [fires()])
            .fires(Signal::Watchdog, "60m", [fires()]),
    ]
}
