use vantage_obs::alerts::{AlertSignal, Severity};

use super::scenario::{ExpectedAlert, Scenario, alert_texts, counter_values, scenario};

const SERVICE: [(&str, &str); 2] = [("environment", "production"), ("job", "vantage-scheduler")];
const SCHEDULER: [(&str, &str); 2] = [("environment", "production"), ("scheduler_id", "nightly")];

const BEATS: &str = "vantage_scheduler_heartbeat_timestamp_seconds{environment=\"production\", job=\"vantage-scheduler\", instance=\"s:80\", scheduler_id=\"nightly\"}";

fn lag(le: &str) -> String {
    format!(
        "vantage_scheduler_execution_lag_seconds_bucket{{environment=\"production\", job=\"vantage-scheduler\", \
         instance=\"s:80\", schedule=\"digest\", le=\"{le}\"}}"
    )
}

fn executions(outcome: &str) -> String {
    format!(
        "vantage_scheduler_executions_total{{environment=\"production\", job=\"vantage-scheduler\", \
         instance=\"s:80\", schedule=\"digest\", outcome=\"{outcome}\"}}"
    )
}

pub(super) fn scenarios() -> Vec<Scenario> {
    [lags(), success(), offline()]
        .into_iter()
        .flatten()
        .collect()
}

fn lags() -> Vec<Scenario> {
    let signal = AlertSignal::ExecutionLag;
    vec![
        // Half of 10 a minute start 5 to 10 minutes late. Of the 150 of 15 minutes fewer than 142.5 are
        // in time after 2 minutes; when the 5 minutes of `for` are over 115 are, and the 95th
        // percentile is 300 s + 300 s x 27.5 / 35 = 535.7 s.
        scenario("executions start late")
            .series(&lag("60.0"), counter_values(&[(10, 30), (5, 30)]))
            .series(&lag("300.0"), counter_values(&[(10, 30), (5, 30)]))
            .series(&lag("600.0"), "0+10x60")
            .series(&lag("+Inf"), "0+10x60")
            .quiet(signal, &["30m", "36m"])
            .fires(
                signal,
                "37m",
                [ExpectedAlert::new(
                    Severity::High,
                    &SERVICE,
                    alert_texts(
                        "Executions of vantage-scheduler start more than 5m late",
                        "One execution in twenty of vantage-scheduler started more than 8m 55s late in the last 15 \
                         minutes; the limit is 5m.",
                    ),
                )],
            ),
        scenario("nothing is executed")
            .series(&lag("300.0"), "7+0x60")
            .series(&lag("+Inf"), "9+0x60")
            .quiet(signal, &["30m", "60m"]),
        scenario("executions in time, over a restart")
            .series(&lag("300.0"), "0+10x30 0+10x30")
            .series(&lag("+Inf"), "0+10x30 0+10x30")
            .quiet(signal, &["30m", "31m", "37m", "60m"]),
    ]
}

fn success() -> Vec<Scenario> {
    let signal = AlertSignal::SchedulerSuccessRatio;
    let low = |value: &str| {
        let texts = alert_texts(
            "Less than 90% of the executions of vantage-scheduler succeed",
            format!(
                "{value} of the executions that vantage-scheduler finished in the last hour \
                 succeeded; at least 90% must."
            ),
        );
        ExpectedAlert::new(Severity::High, &SERVICE, texts)
    };
    vec![
        // Half of 10 a minute fail: of the 600 of an hour fewer than 540 succeeded after 13 minutes,
        // and 510 when the 5 minutes of `for` are over.
        scenario("executions fail")
            .series(
                &executions("succeeded"),
                counter_values(&[(10, 70), (5, 50)]),
            )
            .series(&executions("failed"), counter_values(&[(0, 70), (5, 50)]))
            .quiet(signal, &["70m", "87m"])
            .fires(signal, "88m", [low("85%")]),
        scenario("no execution ever succeeded")
            .series(&executions("failed"), "0+10x120")
            .fires(signal, "90m", [low("0%")]),
        scenario("a few executions, all of which fail")
            .series(&executions("failed"), "0+2x120")
            .quiet(signal, &["60m", "120m"]),
        scenario("exactly nine in ten succeed, over a restart")
            .series(&executions("succeeded"), "0+9x90 0+9x90")
            .series(&executions("failed"), "0+1x90 0+1x90")
            .quiet(signal, &["60m", "91m", "95m", "180m"]),
    ]
}

fn offline() -> Vec<Scenario> {
    let signal = AlertSignal::SchedulerOffline;
    vec![
        scenario("a scheduler falls silent")
            .series(BEATS, "0+60x10 600+0x20")
            .quiet(signal, &["10m", "15m"])
            .fires(
                signal,
                "16m",
                [ExpectedAlert::new(
                    Severity::Critical,
                    &SCHEDULER,
                    alert_texts(
                        "Scheduler nightly has sent no heartbeat for more than 5m",
                        "The last heartbeat of scheduler nightly arrived 6m 0s ago, and the \
                         scheduler did not sign off; after 5m it counts as offline.",
                    ),
                )],
            ),
        scenario("a scheduler restarts, and says goodbye later")
            .series(BEATS, "0+60x10 600+0x3 840+60x10 stale")
            .quiet(signal, &["13m", "15m", "24m", "40m"]),
    ]
}
