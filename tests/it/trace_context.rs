//! The cases of the W3C's validation suite for trace context, by its names
//! (<https://github.com/w3c/trace-context>, `test/test.py`, levels 1 and 2, strict): a service behind the
//! layer calls another one, and what it sends there is looked at.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::routing::post;
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt as _;
use tower::ServiceExt as _;
use vantage_obs::Telemetry;
use vantage_obs::testing::TestTelemetry;

use crate::support::{config, into_ok, request};

const TRACE: &str = "12345678901234567890123456789012";
const SPAN: &str = "1234567890123456";
const SAMPLED: &str = "00-12345678901234567890123456789012-1234567890123456-01";
const UNSAMPLED: &str = "00-12345678901234567890123456789012-1234567890123456-00";

/// The expectation of a case, about what goes out.
enum Expected {
    /// The caller's trace, and this `tracestate`.
    Continued(&'static str),
    /// A trace of its own, without a `tracestate`.
    Restarted,
}
use Expected::{Continued, Restarted};

struct Case {
    name: &'static str,
    headers: Vec<(&'static str, String)>,
    expected: Expected,
}

fn parent(name: &'static str, value: &str, expected: Expected) -> Case {
    let headers = vec![("traceparent", value.to_owned())];
    Case {
        name,
        headers,
        expected,
    }
}

fn states(name: &'static str, values: &[&str], expected: &'static str) -> Case {
    let mut case = parent(name, UNSAMPLED, Continued(expected));
    let states = values.iter().map(|value| ("tracestate", (*value).into()));
    case.headers.extend(states);
    case
}

fn case(name: &'static str, headers: &[(&'static str, &str)], expected: Expected) -> Case {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).into()));
    Case {
        name,
        headers: headers.collect(),
        expected,
    }
}

/// Of `traceparent`.
fn parent_cases() -> Vec<Case> {
    let with = |from: &str, to: &str| SAMPLED.replacen(from, to, 1);
    vec![
        case("both_traceparent_and_tracestate_missing", &[], Restarted),
        parent(
            "traceparent_included_tracestate_missing",
            SAMPLED,
            Continued(""),
        ),
        case(
            "traceparent_duplicated",
            &[
                ("traceparent", SAMPLED),
                ("traceparent", &with("9012", "9011")),
            ],
            Restarted,
        ),
        case(
            "traceparent_header_name",
            &[("trace-parent", SAMPLED)],
            Restarted,
        ),
        case(
            "traceparent_header_name",
            &[("trace.parent", SAMPLED)],
            Restarted,
        ),
        parent(
            "traceparent_version_0x00",
            &format!("{SAMPLED}."),
            Restarted,
        ),
        parent(
            "traceparent_version_0x00",
            &format!("{SAMPLED}-what-the-future-will-be-like"),
            Restarted,
        ),
        parent(
            "traceparent_version_0xcc",
            &with("00-", "cc-"),
            Continued(""),
        ),
        parent(
            "traceparent_version_0xcc",
            &format!("{}-what-the-future-will-be-like", with("00-", "cc-")),
            Continued(""),
        ),
        parent(
            "traceparent_version_0xcc",
            &format!("{}.what-the-future-will-be-like", with("00-", "cc-")),
            Restarted,
        ),
        parent("traceparent_version_0xff", &with("00-", "ff-"), Restarted),
        parent(
            "traceparent_version_illegal_characters",
            &with("00-", ".0-"),
            Restarted,
        ),
        parent(
            "traceparent_version_illegal_characters",
            &with("00-", "0.-"),
            Restarted,
        ),
        parent(
            "traceparent_version_too_long",
            &with("00-", "000-"),
            Restarted,
        ),
        parent(
            "traceparent_version_too_long",
            &with("00-", "0000-"),
            Restarted,
        ),
        parent(
            "traceparent_version_too_short",
            &with("00-", "0-"),
            Restarted,
        ),
        parent(
            "traceparent_trace_id_all_zero",
            &with(TRACE, &"0".repeat(32)),
            Restarted,
        ),
        parent(
            "traceparent_trace_id_illegal_characters",
            &with("-1234", "-.234"),
            Restarted,
        ),
        parent(
            "traceparent_trace_id_illegal_characters",
            &with("9012-", "901.-"),
            Restarted,
        ),
        parent(
            "traceparent_trace_id_too_long",
            &with("9012-", "90123-"),
            Restarted,
        ),
        parent(
            "traceparent_trace_id_too_short",
            &with("9012-", "901-"),
            Restarted,
        ),
        parent(
            "traceparent_parent_id_all_zero",
            &with(&format!("-{SPAN}-"), &format!("-{}-", "0".repeat(16))),
            Restarted,
        ),
        parent(
            "traceparent_parent_id_illegal_characters",
            &with("2-1234", "2-.234"),
            Restarted,
        ),
        parent(
            "traceparent_parent_id_illegal_characters",
            &with("3456-", "345.-"),
            Restarted,
        ),
        parent(
            "traceparent_parent_id_too_long",
            &with("3456-", "34567-"),
            Restarted,
        ),
        parent(
            "traceparent_parent_id_too_short",
            &with("3456-", "345-"),
            Restarted,
        ),
        parent(
            "traceparent_trace_flags_illegal_characters",
            &with("-01", "-.0"),
            Restarted,
        ),
        parent(
            "traceparent_trace_flags_illegal_characters",
            &with("-01", "-0."),
            Restarted,
        ),
        parent(
            "traceparent_trace_flags_too_long",
            &with("-01", "-001"),
            Restarted,
        ),
        parent(
            "traceparent_trace_flags_too_short",
            &with("-01", "-1"),
            Restarted,
        ),
        parent(
            "traceparent_ows_handling",
            &format!(" {SAMPLED}"),
            Continued(""),
        ),
        parent(
            "traceparent_ows_handling",
            &format!("\t{SAMPLED}"),
            Continued(""),
        ),
        parent(
            "traceparent_ows_handling",
            &format!("{SAMPLED} "),
            Continued(""),
        ),
        parent(
            "traceparent_ows_handling",
            &format!("{SAMPLED}\t"),
            Continued(""),
        ),
        parent(
            "traceparent_ows_handling",
            &format!("\t {SAMPLED} \t"),
            Continued(""),
        ),
    ]
}

/// Of `tracestate`.
fn state_cases() -> Vec<Case> {
    vec![
        case(
            "tracestate_included_traceparent_missing",
            &[("tracestate", "foo=1,bar=2")],
            Restarted,
        ),
        states(
            "tracestate_included_traceparent_included",
            &["foo=1,bar=2"],
            "foo=1,bar=2",
        ),
        case(
            "tracestate_header_name",
            &[("traceparent", UNSAMPLED), ("trace-state", "foo=1")],
            Continued(""),
        ),
        case(
            "tracestate_header_name",
            &[("traceparent", UNSAMPLED), ("trace.state", "foo=1")],
            Continued(""),
        ),
        states("tracestate_empty_header", &[""], ""),
        states("tracestate_empty_header", &["foo=1", ""], "foo=1"),
        states("tracestate_empty_header", &["", "foo=1"], "foo=1"),
        states(
            "tracestate_multiple_headers_different_keys",
            &["foo=1,bar=2", "rojo=1,congo=2", "baz=3"],
            "foo=1,bar=2,rojo=1,congo=2,baz=3",
        ),
        states("tracestate_duplicated_keys", &["foo=1,foo=1"], "foo=1"),
        states("tracestate_duplicated_keys", &["foo=1,foo=2"], "foo=1"),
        states("tracestate_duplicated_keys", &["foo=1", "foo=1"], "foo=1"),
        states("tracestate_duplicated_keys", &["foo=1", "foo=2"], "foo=1"),
        states(
            "tracestate_all_allowed_characters",
            &["abcdefghijklmnopqrstuvwxyz0123456789_-*/= !\"#$%&'()*+-./0:;<>?@AZ[\\]^_`az{|}~"],
            "abcdefghijklmnopqrstuvwxyz0123456789_-*/= !\"#$%&'()*+-./0:;<>?@AZ[\\]^_`az{|}~",
        ),
        states(
            "tracestate_all_allowed_characters",
            &["a9_-*/@a-z0-9_-*/=~"],
            "a9_-*/@a-z0-9_-*/=~",
        ),
        states(
            "tracestate_ows_handling",
            &["foo=1 \t , \t bar=2, \t baz=3"],
            "foo=1,bar=2,baz=3",
        ),
        states(
            "tracestate_ows_handling",
            &["foo=1\t \t,\t \tbar=2,\t \tbaz=3"],
            "foo=1,bar=2,baz=3",
        ),
        states("tracestate_ows_handling", &[" foo=1"], "foo=1"),
        states("tracestate_ows_handling", &["\tfoo=1"], "foo=1"),
        states("tracestate_ows_handling", &["foo=1 "], "foo=1"),
        states("tracestate_ows_handling", &["foo=1\t"], "foo=1"),
        states("tracestate_ows_handling", &["\t foo=1 \t"], "foo=1"),
        states("tracestate_key_illegal_characters", &["foo =1"], ""),
        states("tracestate_key_illegal_characters", &["FOO=1"], ""),
        states("tracestate_key_illegal_characters", &["foo.bar=1"], ""),
        states(
            "tracestate_key_illegal_vendor_format",
            &["foo@=1,bar=2"],
            "foo@=1,bar=2",
        ),
        states(
            "tracestate_key_illegal_vendor_format",
            &["@foo=1,bar=2"],
            "",
        ),
        states(
            "tracestate_key_illegal_vendor_format",
            &["foo@@bar=1,bar=2"],
            "foo@@bar=1,bar=2",
        ),
        states(
            "tracestate_key_illegal_vendor_format",
            &["foo@bar@baz=1,bar=2"],
            "foo@bar@baz=1,bar=2",
        ),
        states("tracestate_value_illegal_characters", &["foo=bar=baz"], ""),
        states("tracestate_value_illegal_characters", &["foo=,bar=3"], ""),
    ]
}

/// Answers with the headers that the call to the next service carried.
async fn forward(State(telemetry): State<Telemetry>, _: Request) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let uri = Uri::from_static("http://next/");
    let call = telemetry.http_call(&Method::POST, &uri, &mut headers);
    call.complete(axum::http::StatusCode::OK);
    let baggage = Context::current().baggage().to_string();
    headers.insert("seen-baggage", baggage.parse().unwrap());
    headers
}

struct Service {
    app: Router,
    _test: TestTelemetry,
}

impl Service {
    fn new() -> Self {
        let mut config = config();
        config.traces.sample_ratio = 1.0;
        let test = TestTelemetry::with_config(config, &[]).unwrap();
        let telemetry = test.telemetry();
        let app = Router::new()
            .route("/test", post(forward))
            .layer(telemetry.http_layer())
            .with_state(telemetry.clone());
        Self { app, _test: test }
    }

    /// Sends a request with these headers; returns those of the call that it made.
    async fn call(&self, headers: &[(&'static str, String)]) -> HeaderMap {
        let mut asked = request("POST", "/test");
        for (name, value) in headers {
            asked.headers_mut().append(*name, value.parse().unwrap());
        }
        into_ok(self.app.clone().oneshot(asked).await)
            .headers()
            .clone()
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// Splits a `traceparent` that is well formed.
fn split(parent: &str) -> [&str; 4] {
    let parts: Vec<_> = parent.split('-').collect();
    let parts: [&str; 4] = parts.try_into().unwrap();
    assert_eq!(parts.map(str::len), [2, 32, 16, 2], "{parent}");
    parts
}

#[tokio::test]
async fn every_case_of_the_suite_passes() {
    let service = Service::new();
    for Case {
        name,
        headers,
        expected,
    } in parent_cases().into_iter().chain(state_cases())
    {
        let sent = service.call(&headers).await;
        let [version, trace, span, _] = split(text(&sent, "traceparent"));
        let state = text(&sent, "tracestate");
        assert_eq!(version, "00", "{name}");
        match expected {
            Continued(expected) => {
                assert_eq!(trace, TRACE, "{name}: {headers:?}");
                assert_ne!(span, SPAN, "{name}: {headers:?}");
                assert_eq!(state, expected, "{name}: {headers:?}");
            }
            Restarted => {
                let given = headers.iter().any(|(_, value)| value.contains(trace));
                assert!(!given, "{name}: {headers:?}: {trace}");
                assert_eq!(state, "", "{name}: {headers:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_tracestate_has_at_most_32_members() {
    let service = Service::new();
    let members = |count: usize| {
        let members: Vec<_> = (1..=count)
            .map(|at| format!("bar{at:02}={at:02}"))
            .collect();
        let lines = members
            .chunks(10)
            .map(|line| ("tracestate", line.join(",")));
        let parent = ("traceparent", UNSAMPLED.to_owned());
        let headers: Vec<_> = [parent].into_iter().chain(lines).collect();
        (headers, members.join(","))
    };
    let (headers, state) = members(32);
    assert_eq!(text(&service.call(&headers).await, "tracestate"), state);
    let (headers, _) = members(33);
    assert_eq!(text(&service.call(&headers).await, "tracestate"), "");
}

#[tokio::test]
async fn a_key_of_tracestate_has_at_most_256_characters() {
    let service = Service::new();
    for (key, kept) in [
        ("z".repeat(256), true),
        ("z".repeat(257), false),
        (format!("{}@{}", "t".repeat(241), "v".repeat(14)), true),
        (format!("{}@v", "t".repeat(242)), true),
        (format!("t@{}", "v".repeat(15)), true),
    ] {
        let headers = [
            ("traceparent", UNSAMPLED.to_owned()),
            ("tracestate", "foo=1".to_owned()),
            ("tracestate", format!("{key}=1")),
        ];
        let expected = if kept {
            format!("foo=1,{key}=1")
        } else {
            String::new()
        };
        assert_eq!(
            text(&service.call(&headers).await, "tracestate"),
            expected,
            "{key}"
        );
    }
}

#[tokio::test]
async fn each_call_has_a_span_of_its_own() {
    let service = Service::new();
    let parent = [("traceparent", SAMPLED.to_owned())];
    let mut spans = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let sent = service.call(&parent).await;
        let [_, trace, span, flags] = split(text(&sent, "traceparent"));
        assert_eq!((trace, flags), (TRACE, "01"));
        spans.insert(span.to_owned());
    }
    assert_eq!(spans.len(), 3);
}

#[tokio::test]
async fn the_flag_of_a_random_trace_id_is_passed_on() {
    let service = Service::new();
    for (given, expected) in [
        ("02", "02"),
        ("03", "03"),
        ("01", "01"),
        ("fd", "01"),
        ("ff", "03"),
    ] {
        let parent = format!("00-{TRACE}-{SPAN}-{given}");
        let sent = service.call(&[("traceparent", parent)]).await;
        let [_, trace, _, flags] = split(text(&sent, "traceparent"));
        assert_eq!((trace, flags), (TRACE, expected), "{given}");
    }
}

#[tokio::test]
async fn the_baggage_of_all_headers_is_joined() {
    let service = Service::new();
    let headers = [
        ("baggage", "a=1,b=2".to_owned()),
        ("baggage", "c=3".to_owned()),
    ];
    let seen = service.call(&headers).await;
    let mut members: Vec<_> = text(&seen, "seen-baggage").split(',').collect();
    members.sort_unstable();
    assert_eq!(members, ["a=1", "b=2", "c=3"]);
    assert_eq!(text(&seen, "baggage").split(',').count(), 3);
}

#[tokio::test]
async fn properties_of_baggage_go_on_as_they_came() {
    let service = Service::new();
    for given in [
        "a=1;p=%2Cb=2",
        "a=1;p=%0D%0Ax",
        "a=1;p=%C3%9F;q",
        "a=1;p=%25",
    ] {
        let seen = service.call(&[("baggage", given.to_owned())]).await;
        assert_eq!(text(&seen, "baggage"), given);
    }
}
