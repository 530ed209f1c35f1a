use super::*;

const API: &str = include_str!("../../../../slo/api.json");
const MINUTE: Duration = Duration::from_secs(60);

fn objectives() -> Objectives {
    Objectives::parse(&[("api.json", API)]).unwrap()
}

fn slices() -> SliceExpressions {
    SliceExpressions::new(MINUTE, Duration::from_secs(15))
}

#[test]
fn slices_are_added_up_as_recorded_and_all_else_from_its_counters() {
    let expected = "sum by (objective, result) \
        (increase(vantage_slo_events_total{objective!=\"api.availability\"}[300s]))\n\
        or\n\
        sum by (objective, result) (sum_over_time(vantage:slo_slices[299999ms]))";
    assert_eq!(events_query(&objectives(), 5 * MINUTE), expected);
}

#[test]
fn without_fleet_wide_slices_all_is_read_from_counters() {
    let file = r#"{"workers":{"availability":{"target":99,"window":"30d"}}}"#;
    let objectives = Objectives::parse(&[("workers.json", file)]).unwrap();
    let expected = "sum by (objective, result) (increase(vantage_slo_events_total[60s]))";
    assert_eq!(events_query(&objectives, MINUTE), expected);
    assert_eq!(slices().input_rules(&objectives), []);
    assert_eq!(SliceExpressions::recording_rules(&objectives), []);
}

#[test]
fn each_slice_is_recorded_as_bad_or_good_from_inputs_of_their_own() {
    let rules = SliceExpressions::recording_rules(&objectives());
    let labels = |rule: &SliceRecordingRule| rule.labels.clone();
    let of = |result: &str| {
        vec![
            ("objective", "api.availability".to_owned()),
            ("result", result.to_owned()),
        ]
    };
    assert_eq!(
        rules.iter().map(labels).collect::<Vec<_>>(),
        [of("bad"), of("good")]
    );
    let bad = "(vantage:slo_slice_ready:ratio < bool 0.5) + ((9 * \
        vantage:slo_slice_requests:increase{result=\"bad\"} > bool ignoring (result) \
        vantage:slo_slice_requests:increase{result=\"good\"}) or vector(0)) > bool 0";
    let counted = "and on () vantage:slo_slice_sources:count";
    assert_eq!(rules[0].expr, format!("({bad}) {counted}"));
    assert_eq!(rules[1].expr, format!("(1 - ({bad})) {counted}"));
    let inputs = slices().input_rules(&objectives());
    assert!(
        inputs
            .iter()
            .all(|input| rules[0].expr.contains(input.record))
    );
}

#[test]
fn jobs_are_named_literally() {
    let seen = KnownTargets {
        jobs: vec!["a.b".into(), "c\"d".into()],
        since: 1_000.0,
    };
    let text = slices().raw_slices_query(MINUTE, &seen);
    assert!(
        text.contains(r#"up{job=~"a\\.b|c\"d"} offset 60s"#),
        "{text}"
    );
    assert!(text.contains("vector(time()) > 1060"), "{text}");
}
