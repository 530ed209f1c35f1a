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
    let expected = "sum by (environment, job, objective, result) \
        (increase(vantage_slo_events_total{objective!=\"api.availability\"}[300s]))\n\
        or\n\
        sum by (environment, job, objective, result) (sum_over_time(vantage:slo_slices[299999ms]))";
    assert_eq!(events_query(&objectives(), 5 * MINUTE), expected);
}

#[test]
fn without_fleet_wide_slices_all_is_read_from_counters() {
    let file = r#"{"workers":{"availability":{"target":99,"window":"30d"}}}"#;
    let objectives = Objectives::parse(&[("workers.json", file)]).unwrap();
    let expected =
        "sum by (environment, job, objective, result) (increase(vantage_slo_events_total[60s]))";
    assert_eq!(events_query(&objectives, MINUTE), expected);
    assert_eq!(slices().input_rules(&objectives), []);
    assert_eq!(SliceExpressions::result_rules(&objectives), []);
    assert_eq!(SliceExpressions::recording_rules(&objectives), []);
}

#[test]
fn each_slice_is_recorded_as_bad_or_good_and_those_of_maintenance_apart() {
    let results = SliceExpressions::result_rules(&objectives());
    let bad = "(vantage:slo_slice_sources:count unless (vantage:slo_slice_ready:ratio >= 0.5 \
        unless ignoring (result) 9 * vantage:slo_slice_requests:increase{result=\"bad\"} \
        > ignoring (result) vantage:slo_slice_requests:increase{result=\"good\"})) > bool 0 \
        or vantage:slo_slice_sources:count * 0";
    assert_eq!(results[0].expr, bad);
    assert_eq!(
        results[0].labels,
        [("objective", "api.availability".into())]
    );
    let rules = SliceExpressions::recording_rules(&objectives());
    for rule in &rules {
        assert!(rule.expr.contains(results[0].record));
        assert!(
            rule.expr.ends_with(maintenance_rule().record),
            "{}",
            rule.expr
        );
    }
    let label = |rule: &SliceRecordingRule| (rule.record, rule.labels[0].1.clone());
    assert_eq!(
        rules.iter().map(label).collect::<Vec<_>>(),
        [
            (SLICE_METRIC, "bad".into()),
            (SLICE_METRIC, "good".into()),
            (MAINTENANCE_SLICE_METRIC, "bad".into()),
            (MAINTENANCE_SLICE_METRIC, "good".into()),
        ]
    );
}

#[test]
fn services_are_named_literally_and_each_has_its_own_start() {
    let target = |environment: &str, job: &str, since| KnownTargets {
        service: ServiceLabels {
            environment: environment.into(),
            job: job.into(),
        },
        since,
    };
    let seen = [target("", "a.b", 1_000.0), target("p", "c\"d", 2_000.0)];
    let text = slices().raw_slices_query(MINUTE, &seen, SliceSelection::All);
    for expected in [
        r#"up{environment="",job="a.b"} offset 60s) and on () (vector(time()) > 1060)"#,
        r#"up{environment="p",job="c\"d"} offset 60s) and on () (vector(time()) > 2060)"#,
    ] {
        assert!(text.contains(expected), "{text}");
    }
    assert!(!text.contains("maintenance"), "{text}");
    let counted = slices().raw_slices_query(MINUTE, &seen, SliceSelection::Counted);
    assert!(counted.contains(
        " unless (count by (environment, job) ((vantage_slo_maintenance_end_timestamp_seconds or "
    ));
}

#[test]
fn a_part_of_a_window_is_looked_at_up_to_its_end_before_now() {
    let part = SteppedWindow {
        length: 9 * MINUTE,
        before: MINUTE,
        step: MINUTE,
    };
    let text = part.objective_steps_query("a or b");
    let expected =
        "count_over_time(max by (environment, job, objective) (a or b)[539999ms:60s] offset 60s)";
    assert_eq!(text, expected);
}
