use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};

use super::*;
use crate::model::slo::report::{Alert, Data, ObjectiveReport};

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

const KNOWN: [&str; 6] = ["idle", "dead", "flawless", "odd", "healthy", "burning"];

fn answer(path: &str) -> (u16, String) {
    let all = |value: &str| {
        let known = KNOWN.iter().map(|name| element(name, "", value));
        known.collect::<Vec<_>>()
    };
    if path.contains("increase") {
        (200, events())
    } else if path.contains("count_over_time") {
        let window = path.rsplit("%5B").next().unwrap();
        let window = window.split_once('s').unwrap().0.parse().unwrap();
        (200, vector(&all(&query::steps(window).to_string())))
    } else {
        let mut newest = all(&format!("{}", NOW - 10));
        newest.retain(|element| !element.contains("shop.dead"));
        (200, vector(&newest))
    }
}

/// What an API answers about the slices of three replicas: `recorded` good and bad ones of each window, or
/// else what it judges from raw samples.
fn slices(path: &str, recorded: Option<(u64, u64)>, judged: Option<(u64, u64)>) -> (u16, String) {
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
    if path.contains("label_replace") {
        match judged {
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
        answer(path)
    }
}

/// The report of an API's availability over a window of five minutes, of which all has samples.
fn availability(recorded: Option<(u64, u64)>, judged: Option<(u64, u64)>) -> ObjectiveReport {
    let fleet = serve(move |path, _| match slices(path, recorded, judged) {
        (200, body) => (200, body.replace("shop.healthy", "api.availability")),
        failure => failure,
    });
    let file = r#"{"api":{"availability":{"target":99.9,"window":"5m"}}}"#;
    let objectives = Objectives::parse(&[("api.json", file)]).unwrap();
    let mut fleet = fleet;
    // No other windows than those of the policy's pairs would be asked for, if people didn't look.
    fleet.policy = Policy::new(Vec::new(), crate::model::slo::policy::MinBad::default());
    let report = fleet.report_blocking(&objectives, at(), |_, _| ());
    report.unwrap().report.objectives.remove(0)
}

/// An API on loopback until the test ends; the function answers a path with a status and a body.
fn serve(answer: impl Fn(&str, &str) -> (u16, String) + Send + Clone + 'static) -> Fleet {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || converse(stream, &answer));
        }
    });
    let mut fleet = Fleet::new(format!("http://{address}").parse().unwrap());
    fleet.deadline = Duration::from_secs(10);
    fleet
}

fn converse(mut stream: TcpStream, answer: &dyn Fn(&str, &str) -> (u16, String)) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    loop {
        let head = lines.by_ref().map_while(Result::ok);
        let head: Vec<_> = head.take_while(|line| !line.is_empty()).collect();
        let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)) else {
            return;
        };
        let (status, body) = answer(path, &head.join("\n"));
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n");
        if stream.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

fn report(fleet: &Fleet) -> Result<FleetReport, FleetError> {
    let objectives = Objectives::parse(&[("shop.json", FILE)]).unwrap();
    fleet.report_blocking(&objectives, at(), |_, _| ())
}

fn of<'a>(report: &'a FleetReport, name: &str) -> &'a ObjectiveReport {
    let mut objectives = report.report.objectives.iter();
    objectives.find(|objective| objective.name == name).unwrap()
}

#[test]
fn idle_dead_flawless_odd_and_healthy_services_get_five_answers() {
    let report = report(&serve(|path, _| answer(path))).unwrap();
    assert_eq!(report.failures, [""; 0]);
    let said = |name| {
        let objective = of(&report, name);
        let counts = (objective.good, objective.bad);
        (objective.data, counts, objective.alert)
    };
    assert_eq!(said("idle"), (Data::NoData, (0, 0), Alert::None));
    assert_eq!(said("dead"), (Data::Stale, (70, 0), Alert::Frozen));
    assert_eq!(said("flawless"), (Data::Ok, (1_000, 0), Alert::None));
    assert_eq!(said("healthy"), (Data::Ok, (9_950, 50), Alert::None));
    assert_eq!(said("burning"), (Data::Ok, (500, 500), Alert::Critical));
    assert_eq!(said("unknown"), (Data::Absent, (0, 0), Alert::Frozen));
    let odd = of(&report, "odd");
    assert_eq!((odd.data, odd.alert), (Data::Inconsistent, Alert::Frozen));
    let reason = odd.reason.as_deref().unwrap();
    assert_eq!(reason, "NaN good in the events of 30d");
}

#[test]
fn a_window_that_fails_is_named_and_freezes_what_needs_it_only() {
    let fleet = serve(
        |path, _| match path.contains("increase") && path.contains("%5B2592000s") {
            true => (422, "too many samples".into()),
            false => answer(path),
        },
    );
    let report = report(&fleet).unwrap();
    let failure = "the events of 30d: 422 Unprocessable Entity: too many samples";
    assert_eq!(report.failures, [failure]);
    let healthy = of(&report, "healthy");
    assert_eq!(
        (healthy.data, healthy.alert),
        (Data::Inconsistent, Alert::Frozen)
    );
    assert_eq!(of(&report, "burning").alert, Alert::Critical);
}

#[test]
fn figures_of_two_series_are_not_one_of_them() {
    let fleet = serve(|path, _| match path.contains("increase") {
        true => {
            let twice = [
                element("healthy", "good", "5"),
                element("healthy", "good", "6"),
            ];
            (200, vector(&twice))
        }
        false => answer(path),
    });
    let report = report(&fleet).unwrap();
    let reason = of(&report, "healthy").reason.clone().unwrap();
    assert!(reason.starts_with("2 values"), "{reason}");
}

#[test]
fn the_token_is_sent_and_a_refusal_is_an_error_without_it() {
    let mut fleet =
        serve(
            |path, head| match head.to_lowercase().contains("authorization: bearer s3cret") {
                true => answer(path),
                false => (401, "who are you?".into()),
            },
        );
    let refused = report(&fleet).unwrap_err().to_string();
    assert!(
        refused.contains("401 Unauthorized: who are you?"),
        "{refused}"
    );
    fleet.token = Some(Secret::new("s3cret"));
    assert_eq!(report(&fleet).unwrap().failures, [""; 0]);
}

#[test]
fn a_silent_api_ends_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut fleet = Fleet::new(format!("http://{address}").parse().unwrap());
    fleet.deadline = Duration::from_millis(100);
    let cause = report(&fleet).unwrap_err().to_string();
    assert!(cause.contains("no answer within 100ms"), "{cause}");
}

#[test]
fn slices_of_all_replicas_are_those_that_rules_have_recorded() {
    let report = availability(Some((4, 1)), None);
    assert_eq!((report.good, report.bad), (4, 1));
    assert_eq!((report.data, report.coverage), (Data::Ok, 1.0));
}

#[test]
fn slices_that_no_rule_has_recorded_are_judged_from_raw_samples() {
    let report = availability(None, Some((3, 2)));
    assert_eq!((report.good, report.bad), (3, 2));
    assert_eq!((report.data, report.coverage), (Data::Ok, 1.0));
}

#[test]
fn slices_that_nobody_can_tell_of_are_not_no_slices() {
    let report = availability(None, None);
    assert_eq!(
        (report.data, report.alert),
        (Data::Inconsistent, Alert::Frozen)
    );
    let reason = report.reason.unwrap();
    assert!(reason.ends_with("no rule has recorded them"), "{reason}");
}

#[test]
fn slices_that_two_servers_have_recorded_are_not_added_up() {
    let report = availability(Some((8, 2)), None);
    assert_eq!(report.data, Data::Inconsistent);
    let reason = report.reason.unwrap();
    let expected = "10 slices in the recorded slices of 5m: more than one server has recorded them";
    assert_eq!(reason, expected);
}
