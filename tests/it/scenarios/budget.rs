use vantage_obs::alerts::{AlertSignal, Severity};

use super::scenario::{ExpectedAlert, Scenario, alert_texts, counter_values, scenario};

const SIGNAL: AlertSignal = AlertSignal::ErrorBudget;

fn events(objective: &str, result: &str) -> String {
    let job = if objective.starts_with("api") {
        "vantage-api"
    } else {
        "vantage-worker"
    };
    format!(
        "vantage_slo_events_total{{environment=\"production\", job=\"{job}\", instance=\"a:80\", \
         objective=\"{objective}\", result=\"{result}\"}}"
    )
}

fn burns(objective: &str, severity: Severity, rate: &str) -> ExpectedAlert {
    let (factor, long, short) = match severity {
        Severity::Critical => ("10", "1h", "5m"),
        _ => ("2", "6h", "30m"),
    };
    let labels = [
        ("objective", objective),
        ("long_window", long),
        ("short_window", short),
    ];
    let texts = alert_texts(
        format!("The error budget of {objective} burns more than {factor} times too fast"),
        format!(
            "In the last {long} the error budget of {objective} burned {rate} times as fast as it may to last for 30d; \
             the limit is {factor} times, in {long} and in {short} both."
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
            .quiet(SIGNAL, &["97m", "120m"]),
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
