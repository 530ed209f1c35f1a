//! Which alerts fired, and for how long.
//!
//! A Prometheus writes a sample of `ALERTS` at each evaluation while an alert fires. Asked for a range it
//! answers with these very samples, so that an alert of a single evaluation is not missed between the
//! steps of a graph, and its beginning is exact. Its end lies between its last sample and the next
//! evaluation; the last sample is what is told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::answer::{self, Range};
use super::query::path;
use super::{Fleet, FleetError};
use crate::model::alerts::Signal;
use crate::model::units::format_duration;

/// So much is asked for at once: a day of an alert that always fires is a few hundred kilobytes.
const AT_ONCE: Duration = Duration::from_secs(6 * 3_600);
/// Where a single sample says nothing of how often rules are evaluated: Prometheus's default.
const INTERVAL: SignedDuration = SignedDuration::from_secs(60);

/// Labels of a series but for its name, or what of them tells alerts apart.
type Labels = BTreeMap<String, String>;

/// What fired in a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AlertHistory {
    /// The first moment that was asked about.
    pub from: Timestamp,
    /// The last.
    pub to: Timestamp,
    /// Each time that an alert fired, the earliest first.
    pub alerts: Vec<AlertEpisode>,
    /// What the API warned of, and what makes its silence worth nothing.
    pub warnings: Vec<String>,
}

/// Once that an alert fired.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct AlertEpisode {
    /// When it began to fire; [`AlertHistory::from`] where it fired then already.
    pub fired_at: Timestamp,
    /// The name of the alert.
    pub alert: String,
    /// Its severity; empty where the rule gives none.
    pub severity: String,
    /// Its further labels, such as the job and the instance.
    pub labels: Labels,
    /// When it was last seen to fire; `None` where it still does.
    pub ended_at: Option<Timestamp>,
    /// Whole seconds from the one to the other, or to [`AlertHistory::to`].
    pub seconds: i64,
    /// Whether it fired already when the while began.
    pub since_before: bool,
}

impl Fleet {
    /// Which alerts fired in the while that ends at `to`, without the watchdog, which always does. Blocks
    /// until [`deadline`](Self::deadline) at the most, and must not be called in a runtime.
    ///
    /// # Errors
    ///
    /// [`FleetError`] where a part of it was not answered: half a history would look like a calm day.
    pub fn alert_history_blocking(
        &self,
        to: Timestamp,
        since: Duration,
    ) -> Result<AlertHistory, FleetError> {
        self.runtime()?.block_on(self.alert_history(to, since))
    }

    async fn alert_history(
        &self,
        to: Timestamp,
        since: Duration,
    ) -> Result<AlertHistory, FleetError> {
        let api = self.api()?;
        let (mut samples, mut warnings) = (Samples::default(), BTreeSet::new());
        for (end, length) in parts(to, since) {
            let body = api.get(&path(&firing(length), end)).await;
            let ranges = body.and_then(|body| answer::parse_ranges(&body));
            let (ranges, told) = ranges.map_err(|cause| self.error(cause))?;
            samples.add(ranges);
            warnings.extend(told);
        }
        let recorded = format!("count(count_over_time(ALERTS[{}]))", format_duration(since));
        let body = api.get(&path(&recorded, to)).await;
        let (recorded, _) = body
            .and_then(|body| answer::parse(&body))
            .map_err(|cause| self.error(cause))?;
        if recorded.is_empty() {
            let silent = "no alert was recorded at all, not even a watchdog: are the rules loaded?";
            warnings.insert(silent.to_owned());
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

fn firing(length: Duration) -> String {
    let watchdog = Signal::Watchdog.spec().name;
    let length = format_duration(length);
    format!("ALERTS{{alertstate=\"firing\", alertname!=\"{watchdog}\"}}[{length}]")
}

/// The ends and lengths of the parts of a while, the last one first.
fn parts(to: Timestamp, since: Duration) -> impl Iterator<Item = (Timestamp, Duration)> {
    let whole = since.as_secs().div_ceil(AT_ONCE.as_secs());
    (0..whole).map_while(move |part| {
        let before = AT_ONCE.checked_mul(u32::try_from(part).ok()?)?;
        let end = to.checked_sub(before).ok()?;
        Some((end, AT_ONCE.min(since - before)))
    })
}

/// Milliseconds at which each alert was seen to fire.
#[derive(Debug, Default)]
struct Samples(BTreeMap<Labels, BTreeSet<i64>>);

impl Samples {
    fn add(&mut self, ranges: Vec<Range>) {
        for Range { mut metric, values } in ranges {
            metric.remove("__name__");
            metric.remove("alertstate");
            let millis = values
                .iter()
                .map(|(seconds, _)| (seconds * 1_000.0).round() as i64);
            self.0.entry(metric).or_default().extend(millis);
        }
    }

    fn episodes(&self, from: Timestamp, to: Timestamp) -> Vec<AlertEpisode> {
        let interval = self.interval();
        let each = self.0.iter();
        let mut episodes: Vec<_> = each
            .flat_map(|(labels, at)| runs(at, interval).into_iter().map(move |run| (labels, run)))
            .filter_map(|(labels, run)| episode(labels, run, interval, from, to))
            .collect();
        episodes.sort_unstable();
        episodes
    }

    /// How often rules are evaluated: the shortest time between two samples of a series.
    fn interval(&self) -> SignedDuration {
        let steps = self
            .0
            .values()
            .flat_map(|at| at.iter().zip(at.iter().skip(1)));
        let shortest = steps.map(|(one, next)| next - one).min();
        shortest.map_or(INTERVAL, SignedDuration::from_millis)
    }
}

/// First and last of the samples that follow each other without a gap. One evaluation may be late or
/// fail; two are the end.
fn runs(at: &BTreeSet<i64>, interval: SignedDuration) -> Vec<(i64, i64)> {
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

fn episode(
    labels: &Labels,
    (first, last): (i64, i64),
    interval: SignedDuration,
    from: Timestamp,
    to: Timestamp,
) -> Option<AlertEpisode> {
    let first = Timestamp::from_millisecond(first).ok()?;
    let last = Timestamp::from_millisecond(last).ok()?;
    let near = |one: Timestamp, other: Timestamp| one.duration_until(other) <= interval * 5 / 2;
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

    fn samples(all: &[(&str, &[i64])]) -> Samples {
        let mut samples = Samples::default();
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
            Range {
                metric: labels
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into(),
                values: seconds.collect(),
            }
        });
        samples.add(ranges.collect());
        samples
    }

    fn told(samples: &Samples) -> Vec<(String, i64, Option<Timestamp>, i64, bool)> {
        let episodes = samples.episodes(at(0), at(1_000)).into_iter();
        let told = episodes.map(|one| {
            let fired = one.fired_at.as_second() - at(0).as_second();
            (
                one.alert,
                fired,
                one.ended_at,
                one.seconds,
                one.since_before,
            )
        });
        told.collect()
    }

    #[test]
    fn an_alert_that_comes_twice_is_told_twice_and_a_late_evaluation_is_no_end() {
        let seen = samples(&[("A", &[100, 115, 145, 160, 400, 415])]);
        assert_eq!(
            told(&seen),
            [
                ("A".to_owned(), 100, Some(at(160)), 60, false),
                ("A".to_owned(), 400, Some(at(415)), 15, false),
            ]
        );
    }

    #[test]
    fn what_fired_before_and_what_still_fires_is_told_so() {
        let seen = samples(&[("A", &[10, 25, 40]), ("B", &[970, 985, 1_000])]);
        assert_eq!(
            told(&seen),
            [
                ("A".to_owned(), 0, Some(at(40)), 40, true),
                ("B".to_owned(), 970, None, 30, false),
            ]
        );
    }

    #[test]
    fn a_single_evaluation_is_not_missed_and_the_same_sample_twice_is_one() {
        let mut seen = samples(&[("A", &[500])]);
        seen.add(vec![]);
        assert_eq!(
            told(&seen),
            [("A".to_owned(), 500, Some(at(500)), 0, false)]
        );
        let twice = samples(&[("A", &[500]), ("A", &[500])]);
        assert_eq!(told(&twice), told(&seen));
    }

    #[test]
    fn a_while_is_asked_for_in_parts_that_add_up() {
        let all: Vec<_> = parts(at(0), Duration::from_secs(15 * 3_600)).collect();
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
