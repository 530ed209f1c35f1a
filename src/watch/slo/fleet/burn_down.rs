//! The burn-down of a fleet's budgets over their windows.
//!
//! The events of each step are asked for, and added up. They are counters' increases, stretched to the
//! ends of steps instead of the window, so that their sum is a little off what the report counts; it is
//! scaled to that, and the burn-down ends with the budget of the report.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::client::PrometheusClient;
use super::plan::elapsed_seconds;
use super::query::query_range_path;
use super::response::{self, MatrixSeries, ValueLabels};
use crate::model::slo::promql::ServiceLabels;
use crate::model::slo::report::{ObjectiveReport, SloReport};
use crate::model::slo::{Objectives, promql};
use crate::model::units::{Ratio, format_duration};
use crate::watch::slo::evaluate::{self, BURN_DOWN_STEPS};

/// The bad events of an objective by the ends of the steps with samples, in milliseconds.
type BadEventsByStep = BTreeMap<i64, f64>;

/// Adds the burn-downs to the report of these objectives and returns the failed queries.
pub(super) async fn add_burn_downs(
    client: &PrometheusClient,
    report: &mut SloReport,
    objectives: &Objectives,
    at: Timestamp,
) -> Vec<String> {
    let lengths: BTreeSet<_> = objectives
        .iter()
        .map(|one| elapsed_seconds(one, at))
        .collect();
    let mut failures = Vec::new();
    // One query for each length, because a range query has one step for all its series.
    for length in lengths {
        let step = length.div_ceil(BURN_DOWN_STEPS).max(1);
        let ranges = match query_steps(client, objectives, at, length, step).await {
            Ok(ranges) => ranges,
            Err(cause) => {
                let window = format_duration(Duration::from_secs(length));
                failures.push(format!("the course of {window}: {cause}"));
                continue;
            }
        };
        let bad = bad_events_by_objective(&ranges);
        for reported in &mut report.objectives {
            let objective = objectives.get(&reported.id());
            let is_of_length = objective.is_some_and(|one| elapsed_seconds(one, at) == length);
            let steps = bad.get(&value_labels(reported)).filter(|_| is_of_length);
            if let Some(steps) = steps {
                reported.burn_down = burn_down_points(reported, steps, at, step);
            }
        }
    }
    failures
}

/// Asks for the events of each step of a window that ends at `at`; lengths are in seconds.
async fn query_steps(
    client: &PrometheusClient,
    objectives: &Objectives,
    at: Timestamp,
    length: u64,
    step: u64,
) -> Result<Vec<MatrixSeries>, String> {
    // Whole steps that end with the window: the last one ends when the report does.
    let before = (length / step).saturating_sub(1) * step;
    let first = at.checked_sub(Duration::from_secs(before));
    let first = first.map_err(|error| error.to_string())?;
    let events = promql::events_query(objectives, Duration::from_secs(step));
    let body = client
        .get(&query_range_path(&events, first, at, step))
        .await?;
    response::parse_matrix(&body).map(|(ranges, _)| ranges)
}

/// Returns the labels of a report's series.
fn value_labels(report: &ObjectiveReport) -> ValueLabels {
    let label = |label: &Option<String>| label.clone().unwrap_or_default();
    ValueLabels {
        objective: report.id(),
        service: ServiceLabels {
            environment: label(&report.environment),
            job: label(&report.job),
        },
        result: String::new(),
    }
}

/// Returns the bad events of each step by objective and service; a step with good ones alone is there with 0.
fn bad_events_by_objective(ranges: &[MatrixSeries]) -> BTreeMap<ValueLabels, BadEventsByStep> {
    let mut all: BTreeMap<ValueLabels, BadEventsByStep> = BTreeMap::new();
    for MatrixSeries { metric, values } in ranges {
        let mut labels = ValueLabels::from_metric(metric);
        let is_bad = std::mem::take(&mut labels.result) == "bad";
        let steps = all.entry(labels).or_default();
        for (second, value) in values {
            let value: f64 = value.parse().unwrap_or_default();
            let bad = if is_bad { value.max(0.0) } else { 0.0 };
            *steps.entry((second * 1_000.0).round() as i64).or_default() += bad;
        }
    }
    all
}

/// Returns the points from a whole budget at the start of the first sampled step to that of the report.
fn burn_down_points(
    report: &ObjectiveReport,
    steps: &BadEventsByStep,
    at: Timestamp,
    step: u64,
) -> Vec<(Timestamp, Ratio)> {
    let all: f64 = steps.values().sum();
    let Some(left) = report.remaining() else {
        return Vec::new();
    };
    // Without bad events in the steps, any that the report counts fall to its last point.
    let scale = if all > 0.0 {
        report.bad as f64 / all
    } else {
        0.0
    };
    let first = steps.keys().next().map(|end| end - step as i64 * 1_000);
    let mut spent = 0.0;
    let ends = steps.iter().map(|(end, bad)| {
        spent += bad * scale;
        (*end, spent)
    });
    let bad_events = first.map(|start| (start, 0.0)).into_iter().chain(ends);
    let bad_events = bad_events.filter_map(|(millis, bad)| {
        Some((
            Timestamp::from_millisecond(millis).ok()?,
            bad.round() as u64,
        ))
    });
    let mut points = evaluate::burn_down(report, bad_events);
    // The API knows no finer time than a millisecond.
    let is_last = |(last, _): &(Timestamp, Ratio)| last.as_millisecond() >= at.as_millisecond();
    if points.last().is_some_and(is_last) {
        // The report's own value is exact; that of the steps is rounded.
        points.pop();
    }
    points.push((at, left));
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(NOW + second).unwrap()
    }

    fn report(good: u64, bad: u64) -> ObjectiveReport {
        let file = r#"{"api":{"error_rate":{"target":99,"threshold":1,"window":"1h"}}}"#;
        let objectives = Objectives::parse(&[("api.json", file)]).unwrap();
        let mut report = ObjectiveReport::new(objectives.get("api.error_rate").unwrap(), at(0));
        (report.good, report.bad, report.coverage) = (good, bad, 1.0);
        report.data = crate::model::slo::report::DataQuality::Ok;
        report
    }

    fn range(result: &str, values: &[(i64, &str)]) -> MatrixSeries {
        let labels = [("objective", "api.error_rate"), ("result", result)];
        let values = values.iter();
        MatrixSeries {
            metric: labels
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            values: values
                .map(|(second, value)| ((NOW + second) as f64, (*value).to_owned()))
                .collect(),
        }
    }

    fn relative_points(report: &ObjectiveReport, ranges: &[MatrixSeries]) -> Vec<(i64, f64)> {
        let all = bad_events_by_objective(ranges);
        let points = burn_down_points(report, &all[&value_labels(report)], at(0), 60).into_iter();
        points
            .map(|(moment, left)| (moment.as_second() - NOW, left.to_f64()))
            .collect()
    }

    #[test]
    fn it_starts_whole_and_ends_with_the_budget_of_the_report() {
        // A permitted hundredth of 1,000 is 10; half of it was spent, and all but a part in one step.
        let ranges = [
            range("good", &[(-180, "500"), (-120, "250"), (0, "250")]),
            range("bad", &[(-120, "4"), (0, "1")]),
        ];
        assert_eq!(
            relative_points(&report(995, 5), &ranges),
            [(-240, 1.0), (-180, 1.0), (-120, 0.6), (0, 0.5)]
        );
    }

    #[test]
    fn stretched_increases_are_scaled_to_the_counts() {
        let ranges = [range("bad", &[(-60, "4.4"), (0, "6.6")])];
        assert_eq!(
            relative_points(&report(990, 10), &ranges),
            [(-120, 1.0), (-60, 0.6), (0, 0.0)]
        );
    }

    #[test]
    fn the_end_is_one_point_though_the_api_cuts_it_to_a_millisecond() {
        let ranges = bad_events_by_objective(&[range("good", &[(-60, "1"), (0, "1")])]);
        let end = at(0) + Duration::from_nanos(700);
        let report = report(2, 0);
        let points = burn_down_points(&report, &ranges[&value_labels(&report)], end, 60);
        assert_eq!(points.len(), 3);
        assert_eq!(points[2], (end, Ratio::ONE));
    }

    #[test]
    fn without_events_there_is_nothing_to_burn() {
        assert!(relative_points(&report(0, 0), &[range("good", &[(0, "0")])]).is_empty());
    }
}
