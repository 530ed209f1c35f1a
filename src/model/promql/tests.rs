use super::*;
use crate::model::catalog::{api, process, scheduler, worker};
use crate::model::units::Ratio;

const REQUESTS: CounterQuery = CounterQuery::new(&api::REQUESTS);

#[test]
fn a_quantile_sums_its_buckets_first() {
    let p95 = Ratio::new(95, 100).unwrap();
    let latency = HistogramQuery::new(&api::REQUEST_DURATION).with_dashboard_variables();
    assert_eq!(
        latency
            .quantile(p95, QueryWindow::RATE_INTERVAL, &["http.route"])
            .to_string(),
        "histogram_quantile(0.95, sum by (le, http_route) (rate(http_server_request_duration_seconds_bucket\
         {job=~\"$job\", instance=~\"$instance\", environment=~\"$environment\"}[$__rate_interval])))"
    );
}

#[test]
fn a_ratio_is_one_sum_over_the_other_and_parts_keep_their_parentheses() {
    let by = ["environment", "job"];
    let window = QueryWindow::minutes(5);
    let failed = REQUESTS
        .clone()
        .with("error.type")
        .like("5..|panic|timeout");
    let all = REQUESTS.rate(window).sum_by(&by);
    let ratio = failed.rate(window).sum_by(&by).div(&all);
    let floor = all.at_least(Ratio::new(1, 10).unwrap());
    assert_eq!(
        ratio
            .above(Ratio::new(5, 100).unwrap())
            .and(&floor)
            .to_string(),
        "((sum by (environment, job) (rate(vantage_api_requests_total{error_type=~\"5..|panic|timeout\"}[5m])) \
         / sum by (environment, job) (rate(vantage_api_requests_total[5m]))) > 0.05) \
         and (sum by (environment, job) (rate(vantage_api_requests_total[5m])) >= 0.1)"
    );
}

#[test]
fn values_are_escaped() {
    let route = REQUESTS.clone().with("http.route").is("/a\"b\\c\n");
    assert_eq!(
        route.presence().to_string(),
        "vantage_api_requests_total{http_route=\"/a\\\"b\\\\c\\n\"}"
    );
}

#[test]
#[should_panic(expected = "no label outcom among")]
fn a_label_that_is_not_declared_panics() {
    let _ = CounterQuery::new(&worker::JOBS).with("outcom");
}

#[test]
#[should_panic(expected = "outcome is never \"success\"")]
fn a_value_that_is_not_declared_panics() {
    CounterQuery::new(&worker::JOBS)
        .with("outcome")
        .is("success");
}

#[test]
#[should_panic(expected = "outcome is never \"fail.*\"")]
fn a_pattern_of_values_that_are_not_declared_panics() {
    CounterQuery::new(&worker::JOBS)
        .with("outcome")
        .like("succeeded|fail.*");
}

#[test]
#[should_panic(expected = "no label schedule among")]
fn a_label_that_was_summed_away_panics() {
    let lag = HistogramQuery::new(&scheduler::EXECUTION_LAG).count(QueryWindow::minutes(5));
    let _ = lag.sum_by(&["job"]).max_by(&["schedule"]);
}

#[test]
#[should_panic(expected = "labels of")]
fn partners_with_other_labels_panic() {
    let memory = GaugeQuery::new(&process::MEMORY).now();
    let _ = memory.sum_by(&["job"]).div(&memory.sum_by(&["instance"]));
}

#[test]
#[should_panic(expected = "not a counter")]
fn a_gauge_is_no_counter() {
    let _ = CounterQuery::new(&worker::QUEUE_DEPTH);
}

#[test]
#[should_panic(expected = "not a gauge")]
fn a_counter_is_no_gauge() {
    let _ = GaugeQuery::new(&worker::JOBS);
}

#[test]
fn a_total_falls_back_to_0() {
    let total = REQUESTS.rate(QueryWindow::RATE_INTERVAL).sum_by(&[]);
    let text = total.or_zero().div(&total.above(0_u32)).to_string();
    let sum = "sum(rate(vantage_api_requests_total[$__rate_interval]))";
    assert_eq!(text, format!("({sum} or vector(0)) / ({sum} > 0)"));
}

#[test]
#[should_panic(expected = "labels of")]
fn what_has_labels_does_not_fall_back_to_0() {
    let _ = REQUESTS.rate(QueryWindow::RATE_INTERVAL).or_zero();
}

#[test]
fn a_partner_may_lack_the_labels_that_are_ignored() {
    let disks = GaugeQuery::new(&process::DISK_USAGE).now();
    let by_state = disks.max_by(&["job", "system.filesystem.state"]);
    let ratio = by_state.div_ignoring(&["system.filesystem.state"], &disks.max_by(&["job"]));
    let max = "(system_filesystem_usage_bytes)";
    assert_eq!(
        ratio.to_string(),
        format!(
            "max by (job, system_filesystem_state) {max} / ignoring (system_filesystem_state) max by (job) {max}"
        )
    );
    assert_eq!(ratio.labels().iter().count(), 1);
}

#[test]
#[should_panic(expected = "labels of")]
fn a_partner_has_all_labels_that_are_not_ignored() {
    let disks = GaugeQuery::new(&process::DISK_USAGE).now();
    let _ = disks.div_ignoring(&["system.filesystem.state"], &disks.max_by(&["job"]));
}

#[test]
fn variables_choose_among_recorded_series_by_the_labels_that_they_have() {
    let recorded = |labels: &[&'static str]| {
        let series = RecordedSeries::with_labels("a:b:c", labels.iter().copied());
        series.with_dashboard_variables().now().to_string()
    };
    let chosen = "a:b:c{job=~\"$job\", environment=~\"$environment\"}";
    assert_eq!(recorded(&["environment", "http.route", "job"]), chosen);
    assert_eq!(recorded(&["objective"]), "a:b:c");
}

#[test]
fn a_window_of_a_while_ago_has_its_offset_inside_the_function() {
    let (hours, week) = (QueryWindow::hours(3), QueryWindow::hours(7 * 24));
    let name = "vantage_api_requests_total";
    let least = |ago| REQUESTS.min_over_time(hours, ago).to_string();
    assert_eq!(least(None), format!("min_over_time({name}[3h])"));
    let before = format!("min_over_time({name}[3h] offset 7d)");
    assert_eq!(least(Some(week)), before);
    assert_eq!(
        REQUESTS.increase_offset(hours, week).to_string(),
        format!("increase({name}[3h] offset 7d)")
    );
    assert_eq!(
        REQUESTS.offset(week).to_string(),
        format!("{name} offset 7d")
    );
    let uptime = GaugeQuery::new(&process::UPTIME).max_over_time(hours, Some(week));
    assert_eq!(
        uptime.to_string(),
        "max_over_time(process_uptime_seconds[3h] offset 7d)"
    );
}

#[test]
fn a_union_has_the_labels_that_all_of_it_have() {
    let first = RecordedSeries::with_labels("a:b:first", ["environment", "job", "part"]);
    let union = REQUESTS.increase(QueryWindow::hours(3)).union(&first.now());
    let labels: Vec<_> = union.labels().iter().collect();
    assert_eq!(labels, ["environment", "job"]);
    assert_eq!(
        union.sum_by(&["job"]).to_string(),
        "sum by (job) (increase(vantage_api_requests_total[3h]) or a:b:first)"
    );
}

#[test]
#[should_panic(expected = "no label http_route among")]
fn a_union_is_not_summed_by_a_label_that_a_part_of_it_lacks() {
    let first = RecordedSeries::with_labels("a:b:first", ["environment", "job", "part"]);
    let increase = REQUESTS.increase(QueryWindow::hours(3));
    let _ = increase.union(&first.now()).sum_by(&["http.route"]);
}

#[test]
#[should_panic(expected = "labels of")]
fn a_union_of_what_nothing_tells_apart_panics() {
    let memory = GaugeQuery::new(&process::MEMORY).now();
    let _ = memory.union(&memory.sum_by(&["job"]));
}

#[test]
fn a_condition_may_exclude_by_some_labels() {
    let memory = GaugeQuery::new(&process::MEMORY).now();
    let gone = RecordedSeries::with_labels("a:b:gone", ["environment"]);
    let seen = memory.unless_on(&["environment"], &gone.now());
    let name = process::MEMORY.prometheus_name();
    let expected = format!("{name} unless on (environment) a:b:gone");
    assert_eq!(seen.to_string(), expected);
    assert!(seen.labels().contains("instance"));
}
