use super::*;
use crate::model::dev::{DevLine, DevOperation, DevSpan, DevSpanKind};

fn span(trace: &str, id: &str, parent: &str, kind: DevSpanKind, at: (u64, u64)) -> DevSpan {
    DevSpan {
        trace: trace.into(),
        span: id.into(),
        parent: parent.into(),
        name: format!("span {id}"),
        kind,
        start_us: at.0,
        duration_us: at.1,
        attributes: vec![("http.route".into(), "/orders/{id}".into())],
        ..DevSpan::default()
    }
}

fn process(service: &str, spans: Vec<DevSpan>) -> DevProcess {
    let line = |level: &str, trace: &str, message: &str| DevLine {
        timestamp: "2027-01-15T08:00:00.123456Z".into(),
        level: level.into(),
        trace_id: trace.into(),
        span_id: "a1".into(),
        message: message.into(),
        ..DevLine::default()
    };
    DevProcess {
        service: service.into(),
        health: "pass".into(),
        ready: true,
        traced: true,
        operations: vec![DevOperation {
            kind: DevSpanKind::Server,
            name: "GET /orders/{id}".into(),
            total: 12_345,
            recent: 4,
            recent_errors: 1,
            ..DevOperation::default()
        }],
        spans,
        lines: vec![
            line("info", "t1", &format!("told by {service}")),
            line("error", "", "<b>loud</b>"),
        ],
        ..DevProcess::default()
    }
}

/// An API whose request is continued by a job of a worker.
fn two_processes() -> Vec<DevSource> {
    let api = process(
        "shop-api",
        vec![
            span("t1", "a1", "", DevSpanKind::Server, (1_000, 2_000)),
            span("t2", "b1", "", DevSpanKind::Server, (9_000, 10)),
        ],
    );
    let mut job = span("t1", "a2", "a1", DevSpanKind::Consumer, (5_000, 3_000));
    job.failed = true;
    let worker = process("shop-worker", vec![job]);
    let source = |process, url: &str| DevSource {
        url: Some(url.into()),
        process: Ok(process),
    };
    vec![
        source(api.clone(), "http://127.0.0.1:1/dev"),
        source(worker, "http://127.0.0.1:2/dev"),
        // The same process at another address.
        source(api, "http://127.0.0.1:3/dev"),
        DevSource {
            url: Some("http://127.0.0.1:4/dev".into()),
            process: Err("connection refused".into()),
        },
    ]
}

fn page(query: &[(&str, &str)]) -> String {
    render_dev(&two_processes(), DevQuery::parse(query.iter().copied()))
}

#[test]
fn a_trace_is_joined_over_processes_and_told_once() {
    let sources = two_processes();
    let named = named_processes(&sources);
    let traces = join_traces(&named);
    let t1 = traces.iter().find(|trace| trace.id == "t1").unwrap();
    assert_eq!(t1.spans.len(), 2, "each span once");
    assert_eq!(
        (t1.name(), t1.duration_us, t1.failed()),
        ("span a1".into(), 7_000, true)
    );
    assert_eq!(t1.labels(&named), ["shop-api", "shop-worker"]);
    assert_eq!(traces[0].id, "t2", "the latest first");
    let html = page(&[("trace", "t1")]);
    let (api, worker) = (
        html.find("id=\"s-a1\"").unwrap(),
        html.find("id=\"s-a2\"").unwrap(),
    );
    assert!(api < worker);
    assert!(
        html.contains("class=\"d1\""),
        "the job stands below the request"
    );
    // From 4 of 7 ms on, for 3 of 7.
    assert!(html.contains("x=\"57.14%\" width=\"42.85%\""), "{html}");
    assert!(html.contains("told by shop-worker") && !html.contains("loud"));
    assert!(
        !html.contains("http-equiv=\"refresh\""),
        "a trace is read, and does not reload"
    );
}

#[test]
fn the_overview_links_and_escapes() {
    let html = page(&[]);
    assert!(html.contains("http-equiv=\"refresh\" content=\"2\""));
    assert!(
        html.contains("href=\"?view=traces&amp;q=GET%20%2Forders%2F%7Bid%7D\"")
            || html.contains("href=\"?view=traces&#38;q=GET%20%2Forders%2F%7Bid%7D\""),
        "{html}"
    );
    assert!(html.contains("12,345") && html.contains("1 (25.0\u{a0}%)"));
    assert!(html.contains("connection refused"));
    assert!(html.contains("shop-api #2"));
    assert!(!html.contains("<b>loud") && html.contains("loud"));
    assert!(!html.contains("<script"));
}

#[test]
fn filters_leave_in_what_they_name() {
    let of = |query: &[(&str, &str)]| page(query);
    let errors = of(&[("view", "traces"), ("errors", "1")]);
    assert!(errors.contains("trace=t1") && !errors.contains("trace=t2"));
    let text = of(&[("view", "traces"), ("q", "SPAN B1")]);
    assert!(text.contains("trace=t2") && !text.contains("trace=t1"));
    let attribute = of(&[("view", "traces"), ("q", "/orders/{")]);
    assert!(attribute.contains("trace=t1") && attribute.contains("trace=t2"));
    let level = of(&[("view", "logs"), ("level", "warn")]);
    assert!(level.contains("loud") && !level.contains("told by"));
    let one = of(&[("view", "logs"), ("process", "shop-worker")]);
    assert!(one.contains("told by shop-worker") && !one.contains("told by shop-api"));
    let off = of(&[("refresh", "off")]);
    assert!(!off.contains("http-equiv=\"refresh\"") && off.contains("href=\"?\""));
    assert!(of(&[("trace", "gone")]).contains("This trace is not here"));
}

#[test]
fn calls_alone_are_hidden_until_they_are_asked_for() {
    let poll = span("poll", "p1", "", DevSpanKind::Client, (20_000, 5));
    let mut broken = span("broken", "p2", "", DevSpanKind::Client, (20_001, 5));
    broken.failed = true;
    // Answered by a service that is shown too.
    let call = span("call", "p3", "", DevSpanKind::Client, (20_002, 5));
    let answer = span("call", "a3", "p3", DevSpanKind::Server, (20_003, 3));
    let mut worker = process("shop-worker", vec![poll, broken, call]);
    worker.operations[0].kind = DevSpanKind::Client;
    let api = process("shop-api", vec![answer]);
    let sources = [worker, api].map(|process| DevSource {
        url: None,
        process: Ok(process),
    });
    let of = |query: &[(&str, &str)]| render_dev(&sources, DevQuery::parse(query.iter().copied()));
    for query in [&[][..], &[("view", "traces")]] {
        let hidden = of(query);
        assert!(!hidden.contains("trace=poll"), "{hidden}");
        assert!(hidden.contains("trace=broken") && hidden.contains("trace=call"));
        assert!(hidden.contains("1 more are one call alone"), "{hidden}");
        assert!(
            hidden.contains("href=\"?view=traces&#38;polls=1\""),
            "{hidden}"
        );
    }
    let shown = of(&[("view", "traces"), ("polls", "1")]);
    assert!(shown.contains("trace=poll") && shown.contains("trace=call"));
    assert!(shown.contains("href=\"?view=traces\">Hide them"), "{shown}");
    // The operation leads to its traces, which may be nothing else.
    let overview = of(&[]);
    assert!(overview.contains("%7Bid%7D&#38;polls=1\""), "{overview}");
    let alone = of(&[("view", "traces"), ("q", "p1")]);
    assert!(
        alone.contains("None to show.") && alone.contains("Show them"),
        "{alone}"
    );
    assert!(of(&[("trace", "poll")]).contains("id=\"s-p1\""));
}

#[test]
fn the_policy_names_the_hash_of_the_style() {
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};

    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
    assert!(
        DEV_CONTENT_SECURITY_POLICY.contains(&format!("'sha256-{hash}'")),
        "{hash}"
    );
}
