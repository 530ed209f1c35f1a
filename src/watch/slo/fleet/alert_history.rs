//! The history of fired alerts, with their durations.
//!
//! A Prometheus writes a sample of `ALERTS` at each evaluation while an alert fires. Asked for a range it
//! answers with these very samples, so that an alert of a single evaluation is not missed between the
//! steps of a graph, and its beginning is exact. Its end lies between its last sample and the next
//! evaluation; the last sample is what is told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::query::query_path;
use super::response::{self, MatrixSeries};
use super::{FleetError, PrometheusReporter};
use crate::model::alerts::AlertSignal;
use crate::model::units::format_duration;

/// The longest range of one query: a day of an alert that always fires is a few hundred kilobytes.
const MAX_RANGE: Duration = Duration::from_secs(6 * 3_600);
/// The evaluation interval where a single sample doesn't show it: Prometheus's default.
/// A default that is too short would split one episode into many.
const DEFAULT_INTERVAL: SignedDuration = SignedDuration::from_secs(60);

/// The labels of an alert, without its name and state.
type AlertLabels = BTreeMap<String, String>;

/// The alerts that fired in a range of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AlertHistory {
    /// The start of the range.
    pub from: Timestamp,
    /// The end of the range.
    pub to: Timestamp,
    /// The episodes of alerts, the earliest first.
    pub alerts: Vec<AlertEpisode>,
    /// The warnings of the API, and one where no alert was recorded at all.
    pub warnings: Vec<String>,
}

/// An episode in which an alert fired.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct AlertEpisode {
    /// The start of firing; [`AlertHistory::from`] if it fired then already.
    pub fired_at: Timestamp,
    /// The name of the alert.
    pub alert: String,
    /// Its severity; empty where the rule gives none.
    pub severity: String,
    /// Its further labels, such as the job and the instance.
    pub labels: AlertLabels,
    /// The last sample of firing; `None` if it still fires.
    pub ended_at: Option<Timestamp>,
    /// The duration in whole seconds, until [`AlertHistory::to`] if it still fires.
    pub seconds: i64,
    /// `true` if it fired already at the start of the range.
    pub since_before: bool,
}

impl PrometheusReporter {
    /// Returns [`alert_history`](Self::alert_history) for a program without an async runtime; blocks, and must not
    /// be called in one.
    ///
    /// # Errors
    ///
    /// As [`alert_history`](Self::alert_history).
    pub fn alert_history_blocking(
        &self,
        to: Timestamp,
        since: Duration,
    ) -> Result<AlertHistory, FleetError> {
        self.runtime()?.block_on(self.alert_history(to, since))
    }

    /// Returns the alerts that fired in the range of the length `since` that ends at `to`, without the watchdog,
    /// which always does. Takes [`deadline`](Self::deadline) at the most.
    ///
    /// # Errors
    ///
    /// [`FleetError`] if a part of the range failed: half a history would look like a calm day.
    pub async fn alert_history(
        &self,
        to: Timestamp,
        since: Duration,
    ) -> Result<AlertHistory, FleetError> {
        let client = self.client()?;
        let (mut samples, mut warnings) = (FiringSamples::default(), BTreeSet::new());
        // One after the other: a part is large, and the API has other callers.
        for (end, length) in split_range(to, since) {
            let body = client.get(&query_path(&firing_query(length), end)).await;
            let ranges = body.and_then(|body| response::parse_matrix(&body));
            let (ranges, reported) = ranges.map_err(|cause| self.error(cause))?;
            samples.add(ranges);
            warnings.extend(reported);
        }
        // Without it, "no alert" and "no rules" would look the same.
        let recorded = format!("count(count_over_time(ALERTS[{}]))", format_duration(since));
        let body = client.get(&query_path(&recorded, to)).await;
        let (recorded, _) = body
            .and_then(|body| response::parse_vector(&body))
            .map_err(|cause| self.error(cause))?;
        if recorded.is_empty() {
            let no_rules_hint =
                "no alert was recorded at all, not even the watchdog: are the rules loaded?";
            warnings.insert(no_rules_hint.to_owned());
        }
        let from = to.checked_sub(since).unwrap_or(Timestamp::MIN);
        Ok(AlertHistory {
            from,
            to,
            alerts: samples.episodes(from, to),
            warnings: warnings.into_iter().collect(),
        })
    }
}

/// Returns the query of all samples of firing alerts in a range, without the watchdog.
fn firing_query(length: Duration) -> String {
    let watchdog = AlertSignal::Watchdog.spec().name;
    let length = format_duration(length);
    format!("ALERTS{{alertstate=\"firing\", alertname!=\"{watchdog}\"}}[{length}]")
}

/// Returns the ends and lengths of the parts of a range, the last one first.
fn split_range(to: Timestamp, since: Duration) -> impl Iterator<Item = (Timestamp, Duration)> {
    let whole = since.as_secs().div_ceil(MAX_RANGE.as_secs());
    (0..whole).map_while(move |part| {
        let before = MAX_RANGE.checked_mul(u32::try_from(part).ok()?)?;
        let end = to.checked_sub(before).ok()?;
        Some((end, MAX_RANGE.min(since - before)))
    })
}

/// The times, in milliseconds, at which each alert fired.
#[derive(Debug, Default)]
struct FiringSamples(BTreeMap<AlertLabels, BTreeSet<i64>>);

impl FiringSamples {
    fn add(&mut self, ranges: Vec<MatrixSeries>) {
        for MatrixSeries { mut metric, values } in ranges {
            metric.remove("__name__");
            metric.remove("alertstate");
            let millis = values
                .iter()
                .map(|(seconds, _)| (seconds * 1_000.0).round() as i64);
            self.0.entry(metric).or_default().extend(millis);
        }
    }

    /// Returns the episodes of all alerts, the earliest first.
    fn episodes(&self, from: Timestamp, to: Timestamp) -> Vec<AlertEpisode> {
        let interval = self.evaluation_interval();
        let each = self.0.iter();
        let mut episodes: Vec<_> = each
            .flat_map(|(labels, at)| {
                contiguous_runs(at, interval)
                    .into_iter()
                    .map(move |run| (labels, run))
            })
            .filter_map(|(labels, run)| episode(labels, run, interval, from, to))
            .collect();
        episodes.sort_unstable();
        episodes
    }

    /// Returns the interval of rule evaluation: the shortest time between two samples of a series.
    fn evaluation_interval(&self) -> SignedDuration {
        let steps = self
            .0
            .values()
            .flat_map(|at| at.iter().zip(at.iter().skip(1)));
        let shortest = steps.map(|(one, next)| next - one).min();
        shortest.map_or(DEFAULT_INTERVAL, SignedDuration::from_millis)
    }
}

/// Returns first and last of the samples that follow each other without a gap. One evaluation may be late or
/// fail; two are the end.
fn contiguous_runs(at: &BTreeSet<i64>, interval: SignedDuration) -> Vec<(i64, i64)> {
    // Two and a half: one evaluation may be missing, and those that are there may be late.
    let gap = interval.as_millis() * 5 / 2;
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for &moment in at {
        match runs.last_mut() {
            Some((_, last)) if i128::from(moment - *last) <= gap => *last = moment,
            _ => runs.push((moment, moment)),
        }
    }
    runs
}

/// Returns the episode of a run of samples; `None` for times that no calendar has.
fn episode(
    labels: &AlertLabels,
    (first, last): (i64, i64),
    interval: SignedDuration,
    from: Timestamp,
    to: Timestamp,
) -> Option<AlertEpisode> {
    let first = Timestamp::from_millisecond(first).ok()?;
    let last = Timestamp::from_millisecond(last).ok()?;
    let near = |one: Timestamp, other: Timestamp| one.duration_until(other) <= interval * 5 / 2;
    // The first and last samples of a range lie anywhere within an interval of its ends.
    let (since_before, still) = (near(from, first), near(last, to));
    let fired_at = if since_before { from } else { first };
    let mut labels = labels.clone();
    Some(AlertEpisode {
        fired_at,
        alert: labels.remove("alertname").unwrap_or_default(),
        severity: labels.remove("severity").unwrap_or_default(),
        labels,
        ended_at: (!still).then_some(last),
        seconds: fired_at
            .duration_until(if still { to } else { last })
            .as_secs(),
        since_before,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn samples(all: &[(&str, &[i64])]) -> FiringSamples {
        let mut samples = FiringSamples::default();
        let ranges = all.iter().map(|(name, seconds)| {
            let labels = [
                ("__name__", "ALERTS"),
                ("alertname", *name),
                ("alertstate", "firing"),
                ("severity", "high"),
            ];
            let seconds = seconds
                .iter()
                .map(|second| (at(*second).as_second() as f64, "1".to_owned()));
            MatrixSeries {
                metric: labels
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into(),
                values: seconds.collect(),
            }
        });
        samples.add(ranges.collect());
        samples
    }

    fn reported(samples: &FiringSamples) -> Vec<(String, i64, Option<Timestamp>, i64, bool)> {
        let episodes = samples.episodes(at(0), at(1_000)).into_iter();
        let reported = episodes.map(|one| {
            let fired = one.fired_at.as_second() - at(0).as_second();
            (
                one.alert,
                fired,
                one.ended_at,
                one.seconds,
                one.since_before,
            )
        });
        reported.collect()
    }

    #[test]
    fn an_alert_that_fires_twice_has_two_episodes_and_a_late_evaluation_ends_none() {
        let fired = samples(&[("A", &[100, 115, 145, 160, 400, 415])]);
        assert_eq!(
            reported(&fired),
            [
                ("A".to_owned(), 100, Some(at(160)), 60, false),
                ("A".to_owned(), 400, Some(at(415)), 15, false),
            ]
        );
    }

    #[test]
    fn episodes_at_the_ends_of_the_range_are_marked() {
        let fired = samples(&[("A", &[10, 25, 40]), ("B", &[970, 985, 1_000])]);
        assert_eq!(
            reported(&fired),
            [
                ("A".to_owned(), 0, Some(at(40)), 40, true),
                ("B".to_owned(), 970, None, 30, false),
            ]
        );
    }

    #[test]
    fn a_single_evaluation_is_not_missed_and_a_duplicate_sample_counts_once() {
        let mut fired = samples(&[("A", &[500])]);
        fired.add(vec![]);
        assert_eq!(
            reported(&fired),
            [("A".to_owned(), 500, Some(at(500)), 0, false)]
        );
        let twice = samples(&[("A", &[500]), ("A", &[500])]);
        assert_eq!(reported(&twice), reported(&fired));
    }

    #[test]
    fn a_range_is_queried_in_parts_that_add_up() {
        let all: Vec<_> = split_range(at(0), Duration::from_secs(15 * 3_600)).collect();
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        assert_eq!(
            all,
            [
                (at(0), hours(6)),
                (at(-6 * 3_600), hours(6)),
                (at(-12 * 3_600), hours(3)),
            ]
        );
    }
}
