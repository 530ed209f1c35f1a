use super::*;

const MAX: Amount = Amount {
    spans: 2_000,
    bytes: 2 << 20,
};

fn span(trace: &str, id: &str, parent: &str, kind: DevSpanKind) -> DevSpan {
    DevSpan {
        trace: trace.into(),
        span: id.into(),
        parent: parent.into(),
        kind,
        ..DevSpan::default()
    }
}

fn failed(span: DevSpan) -> DevSpan {
    DevSpan {
        failed: true,
        ..span
    }
}

/// Adds the trace of a job with a query in it, and a failure in every fifth.
fn push_job(traces: &mut Traces, number: usize) {
    let trace = format!("job {number}");
    traces.push(&span(&trace, "query", "job", DevSpanKind::Client));
    let mut job = span(&trace, "job", "", DevSpanKind::Consumer);
    job.failed = number.is_multiple_of(5);
    traces.push(&job);
}

fn push_poll(traces: &mut Traces, number: usize) {
    traces.push(&span(
        &format!("poll {number}"),
        "poll",
        "",
        DevSpanKind::Client,
    ));
}

/// Returns the spans of the traces whose id begins so, and holds them against the limits.
fn kept(traces: &Traces, prefix: &str) -> Vec<DevSpan> {
    let json = format!("[{}]", traces.join());
    let spans: Vec<DevSpan> = serde_json::from_str(&json).unwrap();
    let bytes: usize = spans
        .iter()
        .map(|span| serde_json::to_string(span).unwrap().len())
        .sum();
    let all = VALUES.map(|value| traces.kept(value).amount).into_iter();
    let counted = all.fold(Amount::default(), Amount::plus);
    assert_eq!((counted.spans, counted.bytes), (spans.len(), bytes));
    assert!(!counted.exceeds(traces.max), "{counted:?}");
    spans
        .into_iter()
        .filter(|span| span.trace.starts_with(prefix))
        .collect()
}

#[test]
fn polling_takes_nothing_from_the_work_that_was() {
    let mut traces = Traces::new(MAX);
    for number in 0..30 {
        push_job(&mut traces, number);
    }
    for number in 0..10_000 {
        push_poll(&mut traces, number);
    }
    let jobs = kept(&traces, "job");
    assert_eq!(jobs.len(), 60);
    assert_eq!(jobs.iter().filter(|span| span.failed).count(), 6);
    let polls = kept(&traces, "poll");
    assert_eq!(polls.len(), 200);
    assert_eq!(polls.last().unwrap().trace, "poll 9999");
    // And a loop with a span of its own around each call, which nothing tells from other work in the background.
    for number in 0..10_000 {
        let trace = format!("loop {number}");
        traces.push(&span(&trace, "call", "loop", DevSpanKind::Client));
        traces.push(&span(&trace, "loop", "", DevSpanKind::Internal));
    }
    assert_eq!(kept(&traces, "job").len(), 60);
    assert_eq!(kept(&traces, "loop").len(), 1_740);
}

#[test]
fn calls_that_fail_while_a_database_is_away_take_nothing_either() {
    let mut traces = Traces::new(MAX);
    for number in 0..30 {
        push_job(&mut traces, number);
    }
    for number in 0..10_000 {
        let call = span(&format!("call {number}"), "call", "", DevSpanKind::Client);
        traces.push(&failed(call));
        let request = format!("request {number}");
        traces.push(&span(&request, "request", "", DevSpanKind::Server));
    }
    let requests = kept(&traces, "request").len();
    assert!((1_700..=1_800).contains(&requests), "{requests}");
    assert_eq!(kept(&traces, "call").len(), 200);
    // Six failures are far from a quarter.
    assert_eq!(kept(&traces, "job").len(), 12);
}

#[test]
fn failed_work_stays_longer_but_for_a_quarter_alone() {
    let mut traces = Traces::new(MAX);
    for number in 0..400 {
        traces.push(&failed(span(
            &format!("bad {number}"),
            "s",
            "",
            DevSpanKind::Server,
        )));
    }
    for number in 0..10_000 {
        traces.push(&span(
            &format!("good {number}"),
            "s",
            "",
            DevSpanKind::Server,
        ));
    }
    assert_eq!(
        (kept(&traces, "bad").len(), kept(&traces, "good").len()),
        (400, 1_600)
    );
    for number in 0..10_000 {
        traces.push(&failed(span(
            &format!("worse {number}"),
            "s",
            "",
            DevSpanKind::Server,
        )));
    }
    // All fail: then as they come.
    assert_eq!(kept(&traces, "worse").len(), 2_000);
}

#[test]
fn each_kind_of_work_counts_and_each_trace_makes_room_as_a_whole() {
    let mut traces = Traces::new(Amount { spans: 40, ..MAX });
    let mut schedule = span("schedule", "s", "", DevSpanKind::Internal);
    schedule.attributes = vec![(SCHEDULE.into(), "digest".into())];
    traces.push(&schedule);
    for (name, kind) in [
        ("server", DevSpanKind::Server),
        ("consumer", DevSpanKind::Consumer),
        ("producer", DevSpanKind::Producer),
    ] {
        // The span around it ends later.
        traces.push(&span(name, "query", "s", DevSpanKind::Client));
        traces.push(&span(name, "s", "", kind));
    }
    for number in 0..100 {
        push_poll(&mut traces, number);
        traces.push(&span(
            &format!("other {number}"),
            "o",
            "",
            DevSpanKind::Internal,
        ));
    }
    for work in ["schedule", "server", "consumer", "producer"] {
        assert!(!kept(&traces, work).is_empty(), "{work}");
    }
    // 7 spans of work so far, of 23 that have room beside the shares of the others.
    for number in 0..19 {
        traces.push(&span(
            &format!("later {number}"),
            "s",
            "",
            DevSpanKind::Server,
        ));
    }
    assert_eq!(kept(&traces, "other").len(), 13);
    assert_eq!(kept(&traces, "poll").len(), 4);
    let left = ["schedule", "server", "consumer", "producer"].map(|work| kept(&traces, work).len());
    assert_eq!(left, [0, 0, 2, 2]);
}

#[test]
fn a_call_that_turns_out_to_be_part_of_work_is_no_poll() {
    let mut traces = Traces::new(MAX);
    traces.push(&span("t", "call", "", DevSpanKind::Client));
    // The service that was called is in the same process.
    traces.push(&span("t", "request", "call", DevSpanKind::Server));
    for number in 0..1_000 {
        push_poll(&mut traces, number);
    }
    assert_eq!(kept(&traces, "t").len(), 2);
}

#[test]
fn a_trace_is_a_quarter_at_most_and_keeps_what_stands_out() {
    let mut traces = Traces::new(MAX);
    push_job(&mut traces, 0);
    for number in 0..5_000 {
        let call = span("import", &number.to_string(), "job", DevSpanKind::Client);
        traces.push(&if number == 7 { failed(call) } else { call });
    }
    traces.push(&span("import", "job", "", DevSpanKind::Consumer));
    let import = kept(&traces, "import");
    assert_eq!(import.len(), 500);
    assert_eq!((&*import[0].span, &*import[499].span), ("7", "job"));
    assert_eq!(kept(&traces, "job").len(), 2);
}

#[test]
fn bytes_are_bounded_as_spans_are() {
    let mut traces = Traces::new(MAX);
    let large = |span: DevSpan| DevSpan {
        attributes: vec![("text".into(), "x".repeat(16 << 10))],
        ..span
    };
    for number in 0..10 {
        push_job(&mut traces, number);
    }
    for number in 0..200 {
        let poll = span(&format!("poll {number}"), "p", "", DevSpanKind::Client);
        traces.push(&large(poll));
        let other = span(&format!("other {number}"), "o", "", DevSpanKind::Internal);
        traces.push(&large(other));
    }
    assert_eq!(kept(&traces, "job").len(), 20);
    assert_eq!(kept(&traces, "poll").len(), 12);
    traces.push(&DevSpan {
        name: "x".repeat(MAX.bytes),
        ..span("huge", "s", "", DevSpanKind::Server)
    });
    assert!(kept(&traces, "huge").is_empty());
}
