use vantage_obs::alerts::{AlertSignal, Severity};

use super::scenario::{ExpectedAlert, Scenario, alert_texts, counter_values, scenario};

const SIGNAL: AlertSignal = AlertSignal::ErrorBudget;

fn job(objective: &str) -> &'static str {
    match objective.starts_with("api") {
        true => "vantage-api",
        false => "vantage-worker",
    }
}

fn events(objective: &str, result: &str) -> String {
    service_events(job(objective), "a:80", objective, result)
}

fn service_events(job: &str, instance: &str, objective: &str, result: &str) -> String {
    format!(
        "vantage_slo_events_total{{environment=\"production\", job=\"{job}\", instance=\"{instance}\", \
         objective=\"{objective}\", result=\"{result}\"}}"
    )
}

fn burns(objective: &str, severity: Severity, rate: &str) -> ExpectedAlert {
    service_burns(job(objective), objective, severity, rate)
}

fn service_burns(job: &str, objective: &str, severity: Severity, rate: &str) -> ExpectedAlert {
    let (factor, long, short) = match severity {
        Severity::Critical => ("10", "1h", "5m"),
        _ => ("2", "6h", "30m"),
    };
    let labels = [
        ("environment", "production"),
        ("job", job),
        ("objective", objective),
        ("long_window", long),
        ("short_window", short),
    ];
    let of = format!("{objective} of {job} in production");
    let texts = alert_texts(
        format!("The error budget of {of} burns more than {factor} times too fast"),
        format!(
            "In the last {long} the error budget of {of} burned {rate} times as fast as it may if it is to last for 30d; \
             the limit is {factor} times, over both {long} and {short}."
        ),
    );
    ExpectedAlert::new(severity, &labels, texts)
}

/// A scenario of 100 events a minute, of which `bad` are bad from the second hour on.
struct BurnScenario {
    title: &'static str,
    objective: &'static str,
    bad: u64,
    /// Minute before the warning, minute of the warning, and the burn rate then.
    warning: (&'static str, &'static str, &'static str),
    /// Minute before the critical level, the warning's burn rate then, minute of the critical level, and
    /// the burn rates of both then.
    critical: (
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        &'static str,
    ),
}

impl BurnScenario {
    fn scenario(&self) -> Scenario {
        let objective = self.objective;
        let warning = |rate| burns(objective, Severity::Warning, rate);
        let critical = |rate| burns(objective, Severity::Critical, rate);
        let (quiet, warned, rate) = self.warning;
        let (before, meanwhile, woken, fast, slow) = self.critical;
        scenario(self.title)
            .series(
                &events(objective, "good"),
                counter_values(&[(100, 60), (100 - self.bad, 60)]),
            )
            .series(
                &events(objective, "bad"),
                counter_values(&[(0, 60), (self.bad, 60)]),
            )
            .quiet(SIGNAL, &["60m", quiet])
            .fires(SIGNAL, warned, [warning(rate)])
            .fires(SIGNAL, before, [warning(meanwhile)])
            .fires(SIGNAL, woken, [critical(fast), warning(slow)])
    }
}

/// k minutes after the hour b x k are bad, of 6000 in an hour and 6000 + 100 x k in all. Critical is
/// b x k / 6000 > 10 x permitted, a warning b x k / (6000 + 100 x k) > 2 x permitted; the short windows
/// are beyond both long before.
const BURN_SCENARIOS: [BurnScenario; 5] = [
    // 5 % and 1 %: k = 16 (5.33 %) and 4 (80 / 6400 = 1.25 %).
    BurnScenario {
        title: "a fifth of all requests fails",
        objective: "api.error_rate",
        bad: 20,
        warning: ("63m", "64m", "2.5"),
        critical: ("75m", "8", "76m", "10.67", "8.421"),
    },
    // 50 % and 10 %: k = 34 (51 %) and 8 (720 / 6800 = 10.59 %).
    BurnScenario {
        title: "nine requests of ten are slow",
        objective: "api.latency",
        bad: 90,
        warning: ("67m", "68m", "2.118"),
        critical: ("93m", "6.387", "94m", "10.2", "6.511"),
    },
    BurnScenario {
        title: "a fifth of the workers is offline",
        objective: "workers.availability",
        bad: 20,
        warning: ("63m", "64m", "2.5"),
        critical: ("75m", "8", "76m", "10.67", "8.421"),
    },
    BurnScenario {
        title: "nine jobs of ten take too long",
        objective: "workers.processing_time",
        bad: 90,
        warning: ("67m", "68m", "2.118"),
        critical: ("93m", "6.387", "94m", "10.2", "6.511"),
    },
    // 10 % and 2 %: k = 21 (10.5 %) and 5 (150 / 6500 = 2.31 %).
    BurnScenario {
        title: "three jobs of ten start late",
        objective: "workers.queue_lag",
        bad: 30,
        warning: ("64m", "65m", "2.308"),
        critical: ("80m", "7.5", "81m", "10.5", "7.778"),
    },
];

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut scenarios: Vec<_> = BURN_SCENARIOS.iter().map(BurnScenario::scenario).collect();
    scenarios.extend(availability());
    scenarios.extend(quiet());
    scenarios
}

/// The share of an objective's budget that is left, as recorded.
fn remaining(objective: &str) -> String {
    format!("vantage:slo_error_budget_remaining:ratio{{objective=\"{objective}\"}}")
}

fn sample_labels(objective: &str) -> String {
    let job = job(objective);
    format!("{{environment=\"production\", job=\"{job}\", objective=\"{objective}\"}}")
}

const UP: &str = "up{environment=\"production\", job=\"vantage-api\", instance=\"a:80\"}";

/// Scenarios of the first hour, of gaps, restarts, maintenance and several services.
pub(super) fn first_hour() -> Vec<Scenario> {
    let mut scenarios = young();
    scenarios.extend(missing_data());
    scenarios.extend(maintenance());
    scenarios.push(two_services());
    scenarios
}

fn young() -> Vec<Scenario> {
    let errors = |result| events("api.error_rate", result);
    let (errors_left, slices_left) = (remaining("api.error_rate"), remaining("api.availability"));
    let (of_errors, of_slices) = (
        sample_labels("api.error_rate"),
        sample_labels("api.availability"),
    );
    let critical = |rate| burns("api.error_rate", Severity::Critical, rate);
    let warning = |rate| burns("api.error_rate", Severity::Warning, rate);
    let ready = replica("vantage_health_ready", "a:80", "");
    let good = replica("vantage_slo_requests_total", "a:80", ", result=\"good\"");
    let bad = replica("vantage_slo_requests_total", "a:80", ", result=\"bad\"");
    vec![
        // Two bad minutes of the 43.2 of 30 days, and not of the 17 that were seen: 95.37 % are left.
        scenario("two bad minutes of the first eighteen")
            .every("15s")
            .series(&ready, "1+0x72")
            .series(&good, "0+100x36 3600+0x8 3700+100x27")
            .series(&bad, "0+0x36 100+100x7 800+0x27")
            .quiet(SIGNAL, &["1m", "12m", "18m"])
            .measures("18m", slices_left.clone(), &[(&of_slices, "0.9537")]),
        // A service that is younger than the short windows misses no samples: ten bad events are enough.
        scenario("a first deploy fails from its first minute")
            .every("15s")
            .series(&errors("good"), "0+0x120")
            .series(&errors("bad"), "0+100x120")
            .quiet(SIGNAL, &["0m"])
            .fires(SIGNAL, "1m", [critical("200"), warning("200")])
            .fires(SIGNAL, "3m", [critical("200"), warning("200")])
            .fires(SIGNAL, "20m", [critical("200"), warning("200")])
            // 41 steps of 30 s of 200 times too fast are 200 x 1230 / 2592000 of 30 days.
            .measures("20m", errors_left.clone(), &[(&of_errors, "0.9051")]),
        // At 105 s 3.2 % are bad: calm for a minute, it is no longer critical, before half of
        // the short window is over. At 180 s 100 of 8100 and what is before the first sample are bad.
        scenario("an outage in the first minute is over after the second")
            .every("15s")
            .series(UP, "1+0x44")
            .series(&errors("good"), "0+0x4 1000+1000x40")
            .series(&errors("bad"), "0+25x4 100+0x40")
            .fires(SIGNAL, "1m", [critical("200"), warning("200")])
            .fires(SIGNAL, "3m", [warning("2.469")]),
        // 33 s of 21 min are 2.619 %: 5.238 times 0.5 %, a warning and not critical. Of 40 min they are
        // 1.375 % (81 steps of 30 s), 2.75 x 2430 / 2592000 of the budget.
        scenario("an outage of 33 s after 20 minutes")
            .every("3s")
            .series(&errors("good"), "0+30x400 12000+0x10 12030+30x788")
            .series(&errors("bad"), "0+0x400 30+30x10 330+0x789")
            .quiet(SIGNAL, &["20m"])
            .fires(SIGNAL, "21m", [warning("5.238")])
            .quiet(SIGNAL, &["60m"])
            .measures("19m", errors_left.clone(), &[(&of_errors, "1")])
            .measures("40m", errors_left, &[(&of_errors, "0.9974")]),
        // One slice is bad, and one bad minute of a month is no alert.
        scenario("an outage of 33 s of a single replica")
            .every("3s")
            .series(&ready, "1+0x1200")
            .series(&good, "0+30x402 12060+0x10 12090+30x786")
            .series(&bad, "0+0x402 30+30x10 330+0x787")
            .quiet(SIGNAL, &["20m", "21m", "25m", "60m"])
            .measures("40m", slices_left, &[(&of_slices, "0.9769")]),
        scenario("the first twenty minutes of a healthy service")
            .every("15s")
            .series(&errors("good"), "0+100x80")
            .series(&errors("bad"), "0+0x80")
            .quiet(SIGNAL, &["1m", "5m", "20m"])
            .measures("20m", remaining("api.error_rate"), &[(&of_errors, "1")]),
    ]
}

fn missing_data() -> Vec<Scenario> {
    let errors = |result| events("api.error_rate", result);
    let second = |result| service_events("vantage-api", "b:80", "api.error_rate", result);
    let critical = |rate| burns("api.error_rate", Severity::Critical, rate);
    let warning = |rate| burns("api.error_rate", Severity::Warning, rate);
    vec![
        // The service can't be scraped from minute 41 on, but has a target until minute 56.
        scenario(
            "what was raised goes on while its service is not scraped, and ends with its targets",
        )
        .series(UP, "1+0x40 0+0x15 stale")
        .series(&errors("good"), "0+50x40 stale")
        .series(&errors("bad"), "0+50x40 stale")
        .fires(SIGNAL, "40m", [critical("100"), warning("100")])
        .fires(SIGNAL, "50m", [critical("100"), warning("100")])
        .fires(SIGNAL, "55m", [critical("100"), warning("100")])
        .quiet(SIGNAL, &["63m"]),
        // The gap is longer than the long window of the critical pair, which is empty from minute 101 on.
        scenario("what was raised goes on also in a gap longer than the long window")
            .series(UP, "1+0x40 0+0x140")
            .series(&errors("good"), "0+50x40 stale")
            .series(&errors("bad"), "0+50x40 stale")
            .fires(SIGNAL, "100m", [critical("100"), warning("100")])
            .fires(SIGNAL, "180m", [critical("100"), warning("100")]),
        // Its last sample is of minute 40, and the last coverage of the 30 min before minute 70: a day later
        // nothing is held.
        scenario(
            "what was raised of an objective that is removed from a live service ends after a day",
        )
        .series(UP, "1+0x1600")
        .series(&errors("good"), "0+50x40 stale")
        .series(&errors("bad"), "0+50x40 stale")
        .fires(SIGNAL, "1400m", [critical("100"), warning("100")])
        .quiet(SIGNAL, &["1520m"]),
        // Back after 10 minutes and well: it ends as soon as half of the short window says so.
        scenario("what was raised before a gap ends after it")
            .series(UP, "1+0x40 0+0x9 1+0x40")
            .series(&errors("good"), "0+50x40 stale _x9 3000+1000x39")
            .series(&errors("bad"), "0+50x40 stale _x9 2000+0x39")
            .fires(SIGNAL, "45m", [critical("100"), warning("100")])
            .quiet(SIGNAL, &["85m"]),
        // Nobody knows what happened meanwhile: no alert comes from a gap.
        scenario("a gap raises nothing")
            .series(UP, "1+0x30 0+0x10 1+0x40")
            .series(&errors("good"), "0+100x30 stale _x10 4000+100x40")
            .series(&errors("bad"), "0+0x30 stale _x10 0+0x40")
            .quiet(SIGNAL, &["31m", "36m", "41m", "42m", "60m"]),
        // Of the 5 min before minute 43 less than half have samples: the critical pair isn't judged yet, while
        // that of 30 min is. 200 of 3250 (half a minute of the old instance's is added) are 12.31 times 0.5 %.
        scenario("what fails after a gap is not critical until half of the short window is known")
            .series(&errors("good"), "0+100x30 stale")
            .series(&errors("bad"), "0+0x30 stale")
            .series(&second("good"), "_x41 0+0x40")
            .series(&second("bad"), "_x41 0+100x40")
            .fires(SIGNAL, "43m", [warning("12.31")])
            .fires(SIGNAL, "44m", [critical("17.91"), warning("17.91")]),
        // 6 of 100 of each instance: the second one's counters begin anew.
        scenario("a new instance goes on with the same budget")
            .series(&errors("good"), "0+94x30 stale")
            .series(&errors("bad"), "0+6x30 stale")
            .series(&second("good"), "_x30 0+94x60")
            .series(&second("bad"), "_x30 0+6x60")
            .fires(SIGNAL, "30m", [critical("12"), warning("12")])
            .fires(SIGNAL, "40m", [critical("12"), warning("12")])
            .fires(SIGNAL, "90m", [critical("12"), warning("12")]),
    ]
}

fn maintenance() -> Vec<Scenario> {
    let errors = |result| events("api.error_rate", result);
    let ready = replica("vantage_health_ready", "a:80", "");
    let good = replica("vantage_slo_requests_total", "a:80", ", result=\"good\"");
    let bad = replica("vantage_slo_requests_total", "a:80", ", result=\"bad\"");
    let start = replica(
        "vantage_slo_maintenance_start_timestamp_seconds",
        "a:80",
        "",
    );
    let end = replica("vantage_slo_maintenance_end_timestamp_seconds", "a:80", "");
    let excluded = errors("bad").replace("vantage_slo_events", "vantage_slo_maintenance_events");
    let (of_slices, left) = (
        sample_labels("api.availability"),
        remaining("api.availability"),
    );
    let of = |result: &str| {
        let labels =
            "environment=\"production\", job=\"vantage-api\", objective=\"api.availability\"";
        format!("{{{labels}, result=\"{result}\"}}")
    };
    vec![
        // Declared from minute 30 to 40. The process is gone from minute 32 to 38, which was ready for most of
        // minute 32.
        scenario("slices of maintenance are recorded apart, also while the process is down")
            .series("other", "1+0x60")
            .series(UP, "1+0x31 0+0x6 1+0x22")
            .series(&ready, "1+0x31 stale _x5 1+0x22")
            .series(&good, "0+100x30 3000 stale _x5 0+0x2 100+100x19")
            .series(&bad, "0+0x30 100 stale _x5 0+100x2 200+0x19")
            .series(&start, "1800+0x31 stale _x5 1800+0x3 stale")
            .series(&end, "2400+0x31 stale _x5 2400+0x3 stale")
            .quiet(SIGNAL, &["30m", "35m", "40m", "45m", "59m"])
            .measures("59m", &left, &[(&of_slices, "1")])
            .measures(
                "59m",
                "sum by (environment, job, objective, result) (sum_over_time(vantage:slo_maintenance_slices[1h]))",
                &[(&of("bad"), "9"), (&of("good"), "1")],
            ),
        // Declared from minute 10 to 240, and taken back by a restart at minute 30. From minute 40 on every
        // request fails: 20 of the 41 slices outside of minutes 11 to 29.
        scenario("maintenance that is cut short ends with the restart that takes it back")
            .series(UP, "1+0x60")
            .series(&ready, "1+0x60")
            .series(&good, "0+100x40 4000+0x20")
            .series(&bad, "0+0x40 100+100x19")
            .series(&start, "600+0x29 stale")
            .series(&end, "14400+0x29 stale")
            .quiet(SIGNAL, &["29m", "40m"])
            .fires(
                SIGNAL,
                "60m",
                [
                    burns("api.availability", Severity::Critical, "487.8"),
                    burns("api.availability", Severity::Warning, "487.8"),
                ],
            )
            .measures("29m", "vantage:slo_maintenance_sources:count", &[("{environment=\"production\", job=\"vantage-api\"}", "1")])
            .measures("30m", "vantage:slo_maintenance_sources:count", &[]),
        // Declared from minute 10 to 310: 5 of 720 hours. The 10 bad slices are 23.15 % of the budget of all 720,
        // and 23.31 % of that of the other 715.
        scenario("maintenance is no part of the window that a budget is of")
            .series(UP, "1+0x370")
            .series(&ready, "1+0x370")
            .series(&good, "0+100x340 34000+0x10 34100+100x20")
            .series(&bad, "0+0x340 100+100x9 1000+0x21")
            .series(&start, "600+0x370")
            .series(&end, "18600+0x370")
            .measures("370m", &left, &[(&of_slices, "0.7669")]),
        // The process counts what happens meanwhile in other series.
        scenario("events of maintenance burn nothing")
            .series(&errors("good"), "0+100x30 3000+0x10 3100+100x20")
            .series(&errors("bad"), "0+0x60")
            .series(&excluded, "0+0x30 100+100x9 1000+0x20")
            .quiet(SIGNAL, &["30m", "35m", "41m", "60m"])
            .measures(
                "60m",
                remaining("api.error_rate"),
                &[(&sample_labels("api.error_rate"), "1")],
            ),
    ]
}

/// One of two services with the same objectives fails a tenth of its requests: of both together that would
/// be a hundredth.
fn two_services() -> Scenario {
    let series = |job, result| service_events(job, "a:80", "api.error_rate", result);
    let burns = |severity| service_burns("vantage-blog", "api.error_rate", severity, "20");
    scenario("one of two services burns its budget")
        .series(&series("vantage-blog", "good"), "0+90x60")
        .series(&series("vantage-blog", "bad"), "0+10x60")
        .series(&series("vantage-shop", "good"), "0+900x60")
        .series(&series("vantage-shop", "bad"), "0+0x60")
        .fires(
            SIGNAL,
            "60m",
            [burns(Severity::Critical), burns(Severity::Warning)],
        )
        .measures(
            "60m",
            remaining("api.error_rate"),
            &[
                (
                    "{environment=\"production\", job=\"vantage-blog\", objective=\"api.error_rate\"}",
                    "0.972",
                ),
                (
                    "{environment=\"production\", job=\"vantage-shop\", objective=\"api.error_rate\"}",
                    "1",
                ),
            ],
        )
}

/// Replicas, of which all requests of a minute are judged together.
fn replica(metric: &str, instance: &str, labels: &str) -> String {
    format!(
        "{metric}{{environment=\"production\", job=\"vantage-api\", instance=\"{instance}\"{labels}}}"
    )
}

fn availability() -> Vec<Scenario> {
    let burn = |severity, rate| burns("api.availability", severity, rate);
    let ready = |instance| replica("vantage_health_ready", instance, "");
    let good = |instance| replica("vantage_slo_requests_total", instance, ", result=\"good\"");
    let bad = |instance| replica("vantage_slo_requests_total", instance, ", result=\"bad\"");
    vec![
        // Slices are bad from minute 61 on, and three of them is the least: 3 of the 60 of an hour are
        // 50 times 0.1 %, 3 of the 63 of all 47.62 times.
        scenario("a fifth of the requests of both replicas fails")
            .series(&ready("a:80"), "1+0x120")
            .series(&ready("b:80"), "1+0x120")
            .series(&good("a:80"), counter_values(&[(100, 60), (60, 60)]))
            .series(&bad("a:80"), counter_values(&[(0, 60), (40, 60)]))
            .series(&good("b:80"), "0+100x120")
            .series(&bad("b:80"), "0+0x120")
            .quiet(SIGNAL, &["60m", "62m"])
            .fires(
                SIGNAL,
                "63m",
                [
                    burn(Severity::Critical, "50"),
                    burn(Severity::Warning, "47.62"),
                ],
            ),
        // One replica fails all that it is asked, which is a twentieth of all.
        scenario("one of twenty replicas fails")
            .series(&ready("a:80"), "1+0x120")
            .series(&ready("b:80"), "1+0x120")
            .series(&good("a:80"), "0+950x120")
            .series(&bad("a:80"), "0+0x120")
            .series(&good("b:80"), "0+0x120")
            .series(&bad("b:80"), "0+50x120")
            .quiet(SIGNAL, &["30m", "63m", "120m"]),
    ]
}

fn quiet() -> Vec<Scenario> {
    let errors = |result| events("api.error_rate", result);
    vec![
        // 5 % is 10 times 0.5 %, and not more.
        scenario("exactly 10 times is not critical")
            .series(&errors("good"), "0+95x120")
            .series(&errors("bad"), "0+5x120")
            .fires(
                SIGNAL,
                "90m",
                [burns("api.error_rate", Severity::Warning, "10")],
            ),
        scenario("exactly 2 times is no warning")
            .series(&errors("good"), "0+99x120")
            .series(&errors("bad"), "0+1x120")
            .quiet(SIGNAL, &["90m", "120m"]),
        // The tenth bad event is at minute 70.
        scenario("the first bad events of a quiet service wake nobody")
            .series(&errors("good"), "0+0x120")
            .series(&errors("bad"), counter_values(&[(0, 60), (1, 60)]))
            .quiet(SIGNAL, &["61m", "69m"])
            .fires(
                SIGNAL,
                "70m",
                [
                    burns("api.error_rate", Severity::Critical, "200"),
                    burns("api.error_rate", Severity::Warning, "200"),
                ],
            ),
        scenario("two bad events of a quiet service")
            .series(&errors("good"), "0+0x120")
            .series(&errors("bad"), counter_values(&[(0, 60), (1, 2), (0, 58)]))
            .quiet(SIGNAL, &["61m", "62m", "70m", "120m"]),
        scenario("what is over is no longer critical, though the hour remembers it")
            .series(
                &errors("good"),
                counter_values(&[(100, 60), (0, 6), (100, 54)]),
            )
            .series(
                &errors("bad"),
                counter_values(&[(0, 60), (100, 6), (0, 54)]),
            )
            .fires(
                SIGNAL,
                "66m",
                [
                    burns("api.error_rate", Severity::Critical, "20"),
                    burns("api.error_rate", Severity::Warning, "18.18"),
                ],
            )
            // Calm since minute 96, for a fifth of the short window.
            .fires(
                SIGNAL,
                "97m",
                [burns("api.error_rate", Severity::Warning, "12.63")],
            )
            .quiet(SIGNAL, &["103m", "120m"]),
        scenario("a restart sets counters to zero")
            .series(&errors("good"), "1000+100x60 0+100x60")
            .series(&errors("bad"), "500+0x60 0+0x60")
            .quiet(SIGNAL, &["60m", "61m", "66m", "120m"]),
        scenario("an idle service has no ratio")
            .series(&errors("good"), "5000+0x120")
            .series(&errors("bad"), "700+0x120")
            .quiet(SIGNAL, &["30m", "120m"]),
        scenario("no data burns nothing").quiet(SIGNAL, &["30m"]),
    ]
}
