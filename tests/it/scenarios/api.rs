use vantage_obs::alerts::{AlertSignal, Severity};

use super::scenario::{AlertTexts, ExpectedAlert, Scenario, alert_texts, counter_values, scenario};

const LABELS: [(&str, &str); 2] = [("environment", "production"), ("job", "vantage-api")];

fn requests(status: &str, error: &str) -> String {
    let error = match error {
        "" => String::new(),
        error => format!(", error_type=\"{error}\""),
    };
    format!(
        "vantage_api_requests_total{{environment=\"production\", job=\"vantage-api\", \
         instance=\"a:80\", http_route=\"/posts\", http_response_status_code=\"{status}\"{error}}}"
    )
}

fn failing(start: &str, threshold: &str, value: &str) -> AlertTexts {
    alert_texts(
        format!("{start}vantage-api fails more than {threshold} of its requests"),
        format!(
            "{value} of the requests that vantage-api answered in the last 5 minutes ended in a \
             server error, a panic or a timeout; the limit is {threshold}."
        ),
    )
}

fn slow(threshold: &str, value: &str) -> AlertTexts {
    alert_texts(
        format!("vantage-api answers slowly: its 95th percentile is above {threshold}"),
        format!(
            "One request in twenty to vantage-api took longer than {value} in the last 5 minutes; \
             the limit is {threshold}."
        ),
    )
}

fn bucket(le: &str) -> String {
    format!(
        "http_server_request_duration_seconds_bucket{{environment=\"production\", job=\"vantage-api\", \
         instance=\"a:80\", http_route=\"/posts\", le=\"{le}\"}}"
    )
}

const COUNT: &str = "http_server_request_duration_seconds_count{environment=\"production\", \
                     job=\"vantage-api\", instance=\"a:80\", http_route=\"/posts\"}";

pub(super) fn scenarios() -> Vec<Scenario> {
    let warning = |value| ExpectedAlert::new(Severity::Warning, &LABELS, failing("", "2%", value));
    let high = |value| ExpectedAlert::new(Severity::High, &LABELS, failing("", "5%", value));
    let critical = |value| {
        ExpectedAlert::new(
            Severity::Critical,
            &LABELS,
            failing("API down: ", "10%", value),
        )
    };
    let errors = AlertSignal::ApiErrorRatio;
    let latency = AlertSignal::ApiLatency;
    vec![
        // 100 a minute, of which 1, 3, 7, 12 fail. Of the 500 of 5 minutes more than 10 are failed 3
        // minutes after the first change (2 x 1 + 3 x 3 = 11), more than 25 as soon after the second
        // (2 x 3 + 3 x 7 = 27), more than 50 4 minutes after the third (7 + 4 x 12 = 55); then 2
        // minutes for `for`.
        scenario("errors rise level by level")
            .series(
                &requests("200", ""),
                counter_values(&[(99, 20), (97, 20), (93, 20), (88, 20)]),
            )
            .series(
                &requests("500", "500"),
                counter_values(&[(1, 20), (1, 20), (3, 20), (4, 20)]),
            )
            .series(
                &requests("500", "panic"),
                counter_values(&[(0, 20), (2, 20), (3, 20), (4, 20)]),
            )
            .series(
                &requests("504", "timeout"),
                counter_values(&[(0, 20), (0, 20), (1, 20), (4, 20)]),
            )
            .quiet(errors, &["20m", "24m"])
            .fires(errors, "25m", [warning("3%")])
            .fires(errors, "44m", [warning("6.2%")])
            .fires(errors, "45m", [high("7%"), warning("7%")])
            .fires(errors, "65m", [high("12%"), warning("12%")])
            .fires(
                errors,
                "66m",
                [critical("12%"), high("12%"), warning("12%")],
            ),
        // All of it fails, and is one request in 15 s.
        scenario("too little traffic for a ratio")
            .series(&requests("500", "500"), "0+4x60")
            .quiet(errors, &["10m", "30m", "60m"]),
        scenario("a restart sets all counters to zero")
            .series(&requests("200", ""), "0+99x30 0+99x30")
            .series(&requests("500", "500"), "0+1x30 0+1x30")
            .quiet(errors, &["29m", "31m", "33m", "36m", "60m"]),
        scenario("clients that go away are no errors")
            .series(&requests("200", ""), "0+60x60")
            .series(
                "vantage_api_requests_total{environment=\"production\", job=\"vantage-api\", \
                 instance=\"a:80\", http_route=\"/posts\", error_type=\"cancelled\"}",
                "0+60x60",
            )
            .quiet(errors, &["30m", "60m"]),
        scenario("probes that fail are not what users see")
            .series(&requests("200", ""), "0+60x60")
            .series(
                "vantage_telemetry_http_requests_total{environment=\"production\", job=\"vantage-api\", \
                 instance=\"a:80\", http_route=\"/api/v1/health/ready\", \
                 http_response_status_code=\"503\"}",
                "0+60x60",
            )
            .quiet(errors, &["30m", "60m"]),
        scenario("no data is no error")
            .quiet(errors, &["30m"])
            .quiet(latency, &["30m"]),
        // Exactly a tenth, which is not more than a tenth.
        scenario("exactly a threshold is not above it")
            .series(&requests("200", ""), "0+90x60")
            .series(&requests("500", "500"), "0+10x60")
            .fires(errors, "30m", [high("10%"), warning("10%")]),
        // 90 of 100 up to 1 s and the rest up to 2 s is a 95th percentile of 1.5 s; 88 up to 2 s and the
        // rest up to 2.5 s one of 2 s + 0.5 s x 35 / 60. Of 500 fewer than 475 are fast 3 minutes later.
        scenario("latency rises level by level")
            .series(
                &bucket("0.5"),
                counter_values(&[(100, 20), (90, 20), (88, 20)]),
            )
            .series(
                &bucket("1.0"),
                counter_values(&[(100, 20), (90, 20), (88, 20)]),
            )
            .series(
                &bucket("2.0"),
                counter_values(&[(100, 20), (100, 20), (88, 20)]),
            )
            .series(
                &bucket("2.5"),
                counter_values(&[(100, 20), (100, 20), (100, 20)]),
            )
            .series(
                &bucket("+Inf"),
                counter_values(&[(100, 20), (100, 20), (100, 20)]),
            )
            .series(COUNT, "0+100x60")
            .series(&requests("200", ""), "0+100x60")
            .quiet(latency, &["20m", "24m"])
            .fires(
                latency,
                "25m",
                [ExpectedAlert::new(
                    Severity::Warning,
                    &LABELS,
                    slow("1s", "1.5s"),
                )],
            )
            .fires(
                latency,
                "44m",
                [ExpectedAlert::new(
                    Severity::Warning,
                    &LABELS,
                    slow("1s", "2.24s"),
                )],
            )
            .fires(
                latency,
                "45m",
                [
                    ExpectedAlert::new(Severity::High, &LABELS, slow("2s", "2.292s")),
                    ExpectedAlert::new(Severity::Warning, &LABELS, slow("1s", "2.292s")),
                ],
            ),
        scenario("one slow request in a quiet hour is no percentile")
            .series(&bucket("1.0"), "0+0x60")
            .series(&bucket("+Inf"), "0+1x60")
            .series(COUNT, "0+1x60")
            .series(&requests("200", ""), "0+1x60")
            .quiet(latency, &["10m", "30m", "60m"]),
        scenario("latency over a restart")
            .series(&bucket("1.0"), "0+100x30 0+100x30")
            .series(&bucket("+Inf"), "0+100x30 0+100x30")
            .series(COUNT, "0+100x30 0+100x30")
            .series(&requests("200", ""), "0+100x30 0+100x30")
            .quiet(latency, &["31m", "33m", "60m"]),
    ]
}
