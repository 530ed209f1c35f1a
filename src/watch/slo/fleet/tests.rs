use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};

use super::*;
use crate::model::slo::report::{AlertState, DataQuality, ObjectiveReport};

const FILE: &str = r#"{"shop":{
    "idle":{"metric":"vantage.worker.jobs","good":{"outcome":"succeeded"},"target":99,"window":"30d"},
    "dead":{"metric":"vantage.worker.jobs","good":{"outcome":"succeeded"},"target":99,"window":"30d"},
    "flawless":{"metric":"vantage.worker.jobs","good":{"outcome":"succeeded"},"target":99,"window":"30d"},
    "odd":{"metric":"vantage.worker.jobs","good":{"outcome":"succeeded"},"target":99,"window":"30d"},
    "healthy":{"metric":"vantage.worker.jobs","good":{"outcome":"succeeded"},"target":99,"window":"30d"},
    "burning":{"metric":"vantage.worker.jobs","good":{"outcome":"succeeded"},"target":99,"window":"30d"},
    "unknown":{"metric":"vantage.worker.jobs","good":{"outcome":"succeeded"},"target":99,"window":"30d"}}}"#;
const NOW: i64 = 1_800_000_000;

fn at() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn element(objective: &str, result: &str, value: &str) -> String {
    let label = match result {
        "" => String::new(),
        result => format!(r#","result":"{result}""#),
    };
    format!(r#"{{"metric":{{"objective":"shop.{objective}"{label}}},"value":[{NOW}.0,"{value}"]}}"#)
}

fn vector(elements: &[String]) -> String {
    let elements = elements.join(",");
    format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{elements}]}}}}"#)
}

fn events() -> String {
    vector(&[
        element("idle", "good", "0"),
        element("idle", "bad", "0"),
        element("dead", "good", "70.2"),
        // A service that never failed may have no series of bad events.
        element("flawless", "good", "999.6"),
        element("odd", "good", "NaN"),
        element("odd", "bad", "1"),
        element("healthy", "good", "9950.3"),
        element("healthy", "bad", "49.8"),
        element("burning", "good", "500"),
        element("burning", "bad", "500"),
    ])
}

const REPORTED: [&str; 6] = ["idle", "dead", "flawless", "odd", "healthy", "burning"];

fn respond(path: &str) -> (u16, String) {
    let all = |value: &str| {
        let known = REPORTED.iter().map(|name| element(name, "", value));
        known.collect::<Vec<_>>()
    };
    if is_coverage(path) {
        (200, vector(&all(&steps(path).to_string())))
    } else if path.contains("maintenance") {
        (200, vector(&[]))
    } else if path.contains("increase") {
        (200, events())
    } else {
        let mut newest = all(&format!("{}", NOW - 10));
        newest.retain(|element| !element.contains("shop.dead"));
        (200, vector(&newest))
    }
}

/// Returns whether a path queries the coverage: how many steps have samples outside of maintenance.
fn is_coverage(path: &str) -> bool {
    path.contains("count_over_time%28max%20by")
}

/// Returns the number of steps that a query for the coverage looks at.
fn steps(path: &str) -> u64 {
    let range = path.rsplit("%5B").next().unwrap();
    let (window, rest) = range.split_once("ms%3A").unwrap();
    let step = rest.split_once('s').unwrap().0;
    let (window, step): (u64, u64) = (window.parse().unwrap(), step.parse().unwrap());
    (window + 1) / (step * 1_000)
}

/// Returns the response of an API about the slices of three replicas: `recorded` good and bad ones of each
/// window, or else those evaluated from raw samples.
fn slices(path: &str, recorded: Option<(u64, u64)>, raw: Option<(u64, u64)>) -> (u16, String) {
    let result = |objective: &str, result: &str, count: u64| {
        let objective = match objective {
            "" => String::new(),
            id => format!(r#""objective":"{id}","#),
        };
        format!(r#"{{"metric":{{{objective}"result":"{result}"}},"value":[{NOW},"{count}"]}}"#)
    };
    let both = |objective: &str, counts: Option<(u64, u64)>| {
        let (good, bad) = counts.unwrap_or_default();
        let known = counts.is_some();
        let both = [
            result(objective, "good", good),
            result(objective, "bad", bad),
        ];
        vector(if known { &both } else { &[] })
    };
    if path.contains("maintenance") && !is_coverage(path) {
        (200, vector(&[]))
    } else if path.contains("label_replace") {
        match raw {
            None => (503, "query timed out".into()),
            counts => (200, both("", counts)),
        }
    } else if path.contains("min_over_time") {
        let job = format!(
            r#"{{"metric":{{"job":"api"}},"value":[{NOW},"{}"]}}"#,
            NOW - 400
        );
        (200, vector(&[job]))
    } else if path.contains("sum_over_time") {
        (200, both("api.availability", recorded))
    } else {
        respond(path)
    }
}

/// The report of an API's availability over a window of five minutes, of which all has samples.
fn availability(recorded: Option<(u64, u64)>, raw: Option<(u64, u64)>) -> ObjectiveReport {
    let reporter = serve(move |path, _| match slices(path, recorded, raw) {
        (200, body) => (200, body.replace("shop.healthy", "api.availability")),
        failure => failure,
    });
    let file = r#"{"api":{"availability":{"target":99.9,"window":"5m"}}}"#;
    let objectives = Objectives::parse(&[("api.json", file)]).unwrap();
    let mut reporter = reporter;
    // No other windows than those of the policy's pairs would be asked for, if people didn't look.
    reporter.policy = BurnRatePolicy::new(
        Vec::new(),
        crate::model::slo::policy::MinBadEvents::default(),
    );
    let report = reporter.report_blocking(&objectives, at(), |_, _| ());
    report.unwrap().report.objectives.remove(0)
}

/// An API on loopback until the test ends; the function answers a path with a status and a body.
fn serve(
    respond: impl Fn(&str, &str) -> (u16, String) + Send + Clone + 'static,
) -> PrometheusReporter {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let respond = respond.clone();
            std::thread::spawn(move || serve_connection(stream, &respond));
        }
    });
    let mut reporter = PrometheusReporter::new(format!("http://{address}").parse().unwrap());
    reporter.deadline = Duration::from_secs(10);
    reporter
}

fn serve_connection(mut stream: TcpStream, respond: &dyn Fn(&str, &str) -> (u16, String)) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    loop {
        let head = lines.by_ref().map_while(Result::ok);
        let head: Vec<_> = head.take_while(|line| !line.is_empty()).collect();
        let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)) else {
            return;
        };
        let (status, body) = respond(path, &head.join("\n"));
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n");
        if stream.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

fn report(reporter: &PrometheusReporter) -> Result<FleetReport, FleetError> {
    let objectives = Objectives::parse(&[("shop.json", FILE)]).unwrap();
    reporter.report_blocking(&objectives, at(), |_, _| ())
}

fn objective<'a>(report: &'a FleetReport, name: &str) -> &'a ObjectiveReport {
    let mut objectives = report.report.objectives.iter();
    objectives.find(|objective| objective.name == name).unwrap()
}

#[test]
fn idle_dead_flawless_odd_and_healthy_services_have_five_results() {
    let report = report(&serve(|path, _| respond(path))).unwrap();
    assert_eq!(report.failures, [""; 0]);
    let outcome = |name| {
        let objective = objective(&report, name);
        let counts = (objective.good, objective.bad);
        (objective.data, counts, objective.alert)
    };
    assert_eq!(
        outcome("idle"),
        (DataQuality::NoData, (0, 0), AlertState::None)
    );
    assert_eq!(
        outcome("dead"),
        (DataQuality::Stale, (70, 0), AlertState::Frozen)
    );
    assert_eq!(
        outcome("flawless"),
        (DataQuality::Ok, (1_000, 0), AlertState::None)
    );
    assert_eq!(
        outcome("healthy"),
        (DataQuality::Ok, (9_950, 50), AlertState::None)
    );
    assert_eq!(
        outcome("burning"),
        (DataQuality::Ok, (500, 500), AlertState::Critical)
    );
    assert_eq!(
        outcome("unknown"),
        (DataQuality::Absent, (0, 0), AlertState::Frozen)
    );
    let odd = objective(&report, "odd");
    assert_eq!(
        (odd.data, odd.alert),
        (DataQuality::Inconsistent, AlertState::Frozen)
    );
    let reason = odd.reason.as_deref().unwrap();
    assert_eq!(reason, "NaN good in the events of 30d");
}

#[test]
fn a_failed_window_is_named_and_freezes_only_what_needs_it() {
    let reporter =
        serve(
            |path, _| match path.contains("slo_events") && path.contains("%5B2592000s") {
                true => (422, "too many samples".into()),
                false => respond(path),
            },
        );
    let report = report(&reporter).unwrap();
    let failure = "the events of 30d: 422 Unprocessable Entity: too many samples";
    assert_eq!(report.failures, [failure]);
    let healthy = objective(&report, "healthy");
    assert_eq!(
        (healthy.data, healthy.alert),
        (DataQuality::Inconsistent, AlertState::Frozen)
    );
    assert_eq!(objective(&report, "burning").alert, AlertState::Critical);
}

#[test]
fn a_failed_window_of_an_alert_leaves_the_other_figures_alone() {
    let reporter = serve(
        |path, _| match path.contains("increase") && path.contains("%5B3600s") {
            true => (422, "too many samples".into()),
            false => respond(path),
        },
    );
    let report = report(&reporter).unwrap();
    let healthy = objective(&report, "healthy");
    assert_eq!(
        (healthy.data, healthy.coverage, healthy.burn_rate.len()),
        (DataQuality::Inconsistent, 1.0, 6)
    );
    assert_eq!((healthy.good, healthy.bad), (9_950, 50));
    let reason = healthy.reason.as_deref();
    assert_eq!(reason, Some("the events of 1h are unknown"));
}

#[test]
fn values_of_two_series_are_inconsistent() {
    let reporter = serve(|path, _| match path.contains("increase") {
        true => {
            let twice = [
                element("healthy", "good", "5"),
                element("healthy", "good", "6"),
            ];
            (200, vector(&twice))
        }
        false => respond(path),
    });
    let report = report(&reporter).unwrap();
    let reason = objective(&report, "healthy").reason.clone().unwrap();
    assert!(reason.starts_with("2 values"), "{reason}");
}

#[test]
fn the_token_is_sent_and_without_it_the_response_is_an_error() {
    let mut reporter =
        serve(
            |path, head| match head.to_lowercase().contains("authorization: bearer s3cret") {
                true => respond(path),
                false => (401, "who are you?".into()),
            },
        );
    let refused = report(&reporter).unwrap_err().to_string();
    assert!(
        refused.contains("401 Unauthorized: who are you?"),
        "{refused}"
    );
    reporter.token = Some(Secret::new("s3cret"));
    assert_eq!(report(&reporter).unwrap().failures, [""; 0]);
}

#[test]
fn configured_headers_are_sent_and_without_the_tenant_nothing_is_answered() {
    let mut reporter =
        serve(
            |path, head| match head.to_lowercase().contains("x-scope-orgid: shop") {
                true => respond(path),
                false => (401, "no org id".into()),
            },
        );
    let refused = report(&reporter).unwrap_err().to_string();
    assert!(refused.contains("no org id"), "{refused}");
    let mut config = Config::default();
    let tenant = ("X-Scope-OrgID".to_owned(), Secret::new("shop"));
    config.slo.prometheus.headers.extend([tenant]);
    reporter = PrometheusReporter::with_config(reporter.url, &config);
    assert_eq!(report(&reporter).unwrap().failures, [""; 0]);
}

#[test]
fn a_silent_api_ends_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut reporter = PrometheusReporter::new(format!("http://{address}").parse().unwrap());
    reporter.deadline = Duration::from_millis(100);
    let cause = report(&reporter).unwrap_err().to_string();
    assert!(cause.contains("no answer within 100ms"), "{cause}");
}

#[test]
fn slices_of_all_replicas_are_those_that_rules_have_recorded() {
    let report = availability(Some((4, 1)), None);
    assert_eq!((report.good, report.bad), (4, 1));
    assert_eq!((report.data, report.coverage), (DataQuality::Ok, 1.0));
}

#[test]
fn slices_that_no_rule_has_recorded_are_evaluated_from_raw_samples() {
    let report = availability(None, Some((3, 2)));
    assert_eq!((report.good, report.bad), (3, 2));
    assert_eq!((report.data, report.coverage), (DataQuality::Ok, 1.0));
}

#[test]
fn unknown_slices_are_not_zero_slices() {
    let report = availability(None, None);
    assert_eq!(
        (report.data, report.alert),
        (DataQuality::Inconsistent, AlertState::Frozen)
    );
    let reason = report.reason.unwrap();
    assert!(reason.ends_with("no rule has recorded them"), "{reason}");
}

#[test]
fn slices_that_two_servers_have_recorded_are_not_summed() {
    let report = availability(Some((8, 2)), None);
    assert_eq!(report.data, DataQuality::Inconsistent);
    let reason = report.reason.unwrap();
    let expected = "10 slices in the recorded slices of 5m: more than one server has recorded them";
    assert_eq!(reason, expected);
}

/// Returns an element of a job's series of an objective.
fn service_element(job: &str, objective: &str, result: &str, value: &str) -> String {
    let labels = format!(r#"{{"metric":{{"job":"{job}","environment":"production","#);
    element(objective, result, value).replacen(r#"{"metric":{"#, &labels, 1)
}

/// Returns the response of an API about two services with the same objectives: one fails a tenth, one nothing.
fn two_services(path: &str) -> (u16, String) {
    let both = |result: &str, values: [&str; 2]| {
        let pairs = ["blog", "shop"].into_iter().zip(values);
        let elements = pairs.map(|(job, value)| service_element(job, "healthy", result, value));
        elements.collect::<Vec<_>>()
    };
    let elements = if path.contains("maintenance_events") {
        [both("good", ["0", "30"]), both("bad", ["0", "50"])].concat()
    } else if path.contains("increase") {
        [both("good", ["900", "5000"]), both("bad", ["100", "0"])].concat()
    } else if is_coverage(path) {
        let steps = steps(path).to_string();
        both("", [&steps, &steps])
    } else if path.contains("maintenance") {
        Vec::new()
    } else {
        let newest = (NOW - 10).to_string();
        both("", [&newest, &newest])
    };
    (200, vector(&elements))
}

#[test]
fn each_job_and_environment_has_figures_of_its_own() {
    let report = report(&serve(|path, _| two_services(path))).unwrap();
    assert_eq!(report.failures, [""; 0]);
    let objectives = report.report.objectives.iter();
    let healthy = objectives.filter(|one| one.name == "healthy");
    let figures = healthy.map(|one| {
        assert_eq!(one.environment.as_deref(), Some("production"));
        let job = one.job.as_deref().unwrap_or_default();
        (job, (one.good, one.bad), one.alert)
    });
    assert_eq!(
        figures.collect::<Vec<_>>(),
        [
            // A tenth is ten times the permitted hundredth, and not more.
            ("blog", (900, 100), AlertState::Warning),
            ("shop", (5_000, 0), AlertState::None),
        ]
    );
    // What has no series anywhere is one entry without labels.
    let idle = objective(&report, "idle");
    assert_eq!((idle.data, &idle.job), (DataQuality::Absent, &None));
    assert_eq!(report.report.objectives.len(), 8);
}

#[test]
fn maintenance_is_left_out_and_reported() {
    let report = report(&serve(|path, _| two_services(path))).unwrap();
    let raw = |job: &str| {
        let mut objectives = report.report.objectives.iter();
        let found = objectives.find(|one| one.job.as_deref() == Some(job));
        found.unwrap().raw
    };
    assert_eq!(raw("shop"), Some((5_030, 50)));
    assert_eq!(raw("blog"), None);
}

/// Of the first 18 minutes the coverage of a month is as precise as that of an hour.
#[test]
fn the_coverage_of_a_young_service_is_precise() {
    let age = 18 * 60;
    let reporter = serve(move |path, _| {
        if !is_coverage(path) {
            return respond(path);
        }
        let range = path.rsplit("%5B").next().unwrap();
        let (window, rest) = range.split_once("ms%3A").unwrap();
        let step: u64 = rest.split_once('s').unwrap().0.parse().unwrap();
        let before = range.split_once("offset%20");
        let before = before.map_or(0, |(_, offset)| {
            offset.split_once('s').unwrap().0.parse().unwrap()
        });
        let window = (window.parse::<u64>().unwrap() + 1) / 1_000;
        let covered = window.min(u64::saturating_sub(age, before)) / step;
        let elements = match covered {
            0 => Vec::new(),
            covered => vec![element("healthy", "", &covered.to_string())],
        };
        (200, vector(&elements))
    });
    let report = report(&reporter).unwrap();
    let coverage = objective(&report, "healthy").coverage;
    let expected = age as f64 / (30 * 86_400) as f64;
    assert!((coverage / expected - 1.0).abs() < 0.01, "{coverage}");
}

#[test]
fn slices_of_maintenance_are_covered_and_not_counted() {
    let reporter = serve(|path, _| {
        let slices = |good: u64, bad: u64| {
            let slice = |result, count: u64| {
                element("healthy", result, &count.to_string())
                    .replace("shop.healthy", "api.availability")
            };
            (200, vector(&[slice("good", good), slice("bad", bad)]))
        };
        if path.contains("maintenance_slices") {
            slices(0, 2)
        } else if path.contains("slo_slices") && path.contains("sum_over_time") {
            slices(3, 0)
        } else {
            let (status, body) = respond(path);
            (status, body.replace("shop.healthy", "api.availability"))
        }
    });
    let file = r#"{"api":{"availability":{"target":99.9,"window":"5m"}}}"#;
    let objectives = Objectives::parse(&[("api.json", file)]).unwrap();
    let report = reporter
        .report_blocking(&objectives, at(), |_, _| ())
        .unwrap();
    let report = &report.report.objectives[0];
    assert_eq!((report.good, report.bad, report.raw), (3, 0, Some((3, 2))));
    assert_eq!(report.coverage, 1.0);
}

/// Returns the alerts of two objectives of which one burns too fast at this moment and the other doesn't,
/// where the rules have an alert of this severity fire for both.
fn alerts_with_firing(severity: &'static str) -> [AlertState; 2] {
    let reporter = serve(move |path, _| match path.contains("alertstate") {
        true => {
            let both = ["healthy", "burning"].map(|name| element(name, severity, "1"));
            (200, vector(&both))
        }
        false => respond(path),
    });
    let report = report(&reporter).unwrap();
    ["healthy", "burning"].map(|name| objective(&report, name).alert)
}

#[test]
fn what_fires_by_the_rules_is_raised_though_it_holds_no_more() {
    use AlertState::{Critical, Warning};
    assert_eq!(alerts_with_firing("warning"), [Warning, Critical]);
    assert_eq!(alerts_with_firing("critical"), [Critical, Critical]);
    // Of another policy.
    assert_eq!(alerts_with_firing("high"), [AlertState::None, Critical]);
}
