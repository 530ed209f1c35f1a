//! Objectives that name an instrument of the catalog.

use super::*;

const LATENCY: &str = r#"{"checkout":{"latency":{"metric":"http.server.request.duration",
    "where":{"http.route":"/api/v1/checkout","http.response.status_code":[200,"201",null]},
    "good":{"at_most":500,"unit":"ms"},"target":99,"window":"30d"}}}"#;

/// The only fault of an objective with these fields.
fn custom_fault(fields: &str) -> SloFault {
    fault(&format!(
        r#"{{"checkout":{{"x":{{"target":99,"window":"1d",{fields}}}}}}}"#
    ))
}

#[test]
fn a_histogram_is_good_up_to_a_limit() {
    let objectives = Objectives::parse(&[("checkout.json", LATENCY)]).unwrap();
    let objective = objectives.get("checkout.latency").unwrap();
    assert_eq!(objective.kind(), ObjectiveKind::Custom);
    assert_eq!(objective.method(), BudgetingMethod::Occurrences);
    let limit = Duration::from_millis(500);
    assert_eq!(
        objective.threshold(),
        Some(ObjectiveThreshold::Duration(limit))
    );
    assert_eq!(objective.threshold_unit(), Some("ms"));
    let indicator = objective.indicator().unwrap();
    assert_eq!(indicator.metric.name, "http.server.request.duration");
    assert_eq!(indicator.good, GoodCriterion::AtMost(limit));
    let accepts = |route: &'static str, status: Option<&'static str>| {
        indicator.filter.matches(|key| match key {
            "http.route" => Some(route.into()),
            "http.response.status_code" => status.map(Into::into),
            _ => None,
        })
    };
    assert!(accepts("/api/v1/checkout", Some("200")));
    assert!(accepts("/api/v1/checkout", None));
    assert!(!accepts("/api/v1/checkout", Some("500")));
    assert!(!accepts("/api/v1/posts", Some("200")));
}

#[test]
fn a_counter_is_good_by_its_labels_and_any_service_may_have_one() {
    let fields = r#""metric":"vantage.worker.jobs","where":{"job.kind":"publish"},
                    "good":{"outcome":"succeeded"},"target":99.5,"window":"7d""#;
    for service in ["workers", "publishing-eu"] {
        let objective = one(service, "publish", fields);
        assert_eq!(objective.id(), format!("{service}.publish"));
        assert_eq!(objective.threshold(), None);
    }
}

#[test]
fn an_unknown_metric_suggests_the_nearest() {
    let good = r#""good":{"at_most":1,"unit":"s"}"#;
    for written in [
        "http.server.requests.duration",
        "http_server_request_duration_seconds",
        "http_server_request_duration_seconds_bucket",
    ] {
        let fault = custom_fault(&format!(r#""metric":"{written}",{good}"#));
        assert_eq!(fault.problem, SloProblem::UnknownMetric);
        let meant = "did you mean http.server.request.duration?";
        assert!(fault.allowed.ends_with(meant), "{fault}");
    }
}

#[test]
fn what_does_not_count_events_is_refused() {
    for metric in [
        "process.memory.usage",
        "http.server.active_requests",
        "vantage.worker.busy_time",
        "vantage.telemetry.scrape.duration",
        "vantage.slo.events",
    ] {
        let found = custom_fault(&format!(r#""metric":"{metric}","good":{{}}"#));
        let problems = [SloProblem::UncountableMetric, SloProblem::UnknownMetric];
        assert!(problems.contains(&found.problem), "{found}");
    }
}

#[test]
fn labels_and_their_values_are_validated_by_the_catalog() {
    let jobs = |filter: &str| {
        let fields = format!(
            r#""metric":"vantage.worker.jobs","where":{filter},"good":{{"outcome":"succeeded"}}"#
        );
        let fault = custom_fault(&fields);
        (fault.path.clone(), fault.problem, fault.allowed)
    };
    let (path, problem, allowed) = jobs(r#"{"job.kin":"x"}"#);
    assert_eq!(
        (path.as_str(), problem),
        ("$.checkout.x.where.job.kin", SloProblem::UnknownAttribute)
    );
    assert!(allowed.ends_with("did you mean job.kind?"), "{allowed}");
    let (_, problem, allowed) = jobs(r#"{"outcome":["succeded",null]}"#);
    assert_eq!(problem, SloProblem::UnknownValue);
    assert!(allowed.starts_with("succeeded, "), "{allowed}");
    for filter in [
        r#"{"job.kind":""}"#,
        r#"{"job.kind":7}"#,
        r#"{"job.kind":[]}"#,
        &format!(r#"{{"job.kind":"{}"}}"#, "x".repeat(129)),
    ] {
        assert_eq!(jobs(filter).1, SloProblem::UnknownValue, "{filter}");
    }
}

#[test]
fn the_good_criterion_is_required() {
    let histogram = |good: &str| {
        let metric = "http.server.request.duration";
        custom_fault(&format!(r#""metric":"{metric}"{good}"#)).problem
    };
    assert_eq!(histogram(""), SloProblem::Missing);
    assert_eq!(histogram(r#","good":{"at_most":1}"#), SloProblem::Missing);
    assert_eq!(
        histogram(r#","good":{"at_most":0,"unit":"s"}"#),
        SloProblem::OutOfRange
    );
    assert_eq!(
        histogram(r#","good":{"at_most":1,"unit":"h"}"#),
        SloProblem::UnknownUnit
    );
    let fields = r#""metric":"vantage.worker.jobs","good":{}"#;
    assert_eq!(custom_fault(fields).problem, SloProblem::OutOfRange);
}

#[test]
fn every_fault_of_a_custom_objective_shows_at_once() {
    let text = r#"{"checkout":{"x":{"metric":"http.server.request.duration","were":1,
        "where":{"route":"a","url.scheme":"ftp"},"good":{"at_most":"x","unit":"h"},
        "target":100,"window":"0d"}}, "a.b":{}, "":{}}"#;
    let found = faults(&[("checkout.json", text)]);
    let problems: Vec<_> = found.iter().map(|fault| fault.problem).collect();
    let expected = [
        SloProblem::UnknownKey,
        SloProblem::OutOfRange,
        SloProblem::InvalidWindow,
        SloProblem::UnknownAttribute,
        SloProblem::UnknownValue,
        SloProblem::UnknownUnit,
        SloProblem::WrongType,
        SloProblem::InvalidName,
        SloProblem::InvalidName,
    ];
    assert_eq!(problems, expected);
}

#[test]
fn an_objective_of_another_service_needs_a_metric() {
    let fault = fault(r#"{"worker":{"availability":{"target":99,"window":"30d"}}}"#);
    assert_eq!(
        fault.to_string(),
        "api.json: $.worker.availability: unknown objective: availability; \
         allowed: an objective with a \"metric\"; did you mean workers.availability?"
    );
}
