//! What a scrape doesn't show, and why.

use std::fmt;

/// What became of an exposition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How many series were written; a histogram with all its buckets is one.
    pub series: u64,
    /// What was left out, in the order in which it was met.
    pub omissions: Vec<Omission>,
}

/// What was left out of one metric for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Omission {
    /// The part that the metric belongs to, as the caller named it.
    pub part: String,
    /// The metric's name as its owner wrote it.
    pub metric: String,
    /// Why it isn't exposed.
    pub reason: Reason,
    /// How often: the number of series that were left out, or 1 for a metric that was left out as a
    /// whole ([`Reason::is_whole_metric`]).
    pub count: u64,
}

/// Why a series or a metric is not exposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The metric's name is not one that Prometheus allows.
    InvalidName,
    /// Another metric, added before it, has the name, or writes samples of that name.
    NameTaken,
    /// A metric of the same name, added before it, is of another type.
    TypeConflict,
    /// An exponential histogram: the text formats have no place for it, and fixed buckets made from
    /// it would change their bounds, which are part of a series' identity, as values come in.
    ExponentialHistogram,
    /// The figures are changes since the last collection; a scraper needs totals.
    DeltaTemporality,
    /// Another part's resource differs from the first one's, and there can be one `target_info`.
    ResourceConflict,
    /// A label of a registry's metric is invalid, reserved, or there twice.
    InvalidLabel,
    /// The same name and labels were exposed before, in the same scrape.
    DuplicateSeries,
    /// A figure that the metric's type can't have, such as a negative or undefined count.
    InvalidValue,
    /// The value of a registry's untyped metric, which can't be read when `prometheus` is compiled
    /// with its feature `protobuf`.
    Untyped,
    /// In OpenMetrics only: sum and count (not the buckets) of a histogram or summary whose sum is
    /// negative or undefined, or can fall.
    InvalidSum,
}

impl Reason {
    /// The reason in one word, for a label: `duplicate_series`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::InvalidName => "invalid_name",
            Reason::NameTaken => "name_taken",
            Reason::TypeConflict => "type_conflict",
            Reason::ExponentialHistogram => "exponential_histogram",
            Reason::DeltaTemporality => "delta_temporality",
            Reason::ResourceConflict => "resource_conflict",
            Reason::InvalidLabel => "invalid_label",
            Reason::DuplicateSeries => "duplicate_series",
            Reason::InvalidValue => "invalid_value",
            Reason::Untyped => "untyped",
            Reason::InvalidSum => "invalid_sum",
        }
    }

    /// Whether the metric is left out with all its series, whose number isn't known then.
    pub const fn is_whole_metric(self) -> bool {
        matches!(
            self,
            Reason::InvalidName
                | Reason::NameTaken
                | Reason::TypeConflict
                | Reason::ExponentialHistogram
                | Reason::DeltaTemporality
        )
    }

    const fn explanation(self) -> &'static str {
        match self {
            Reason::InvalidName => "its name is not a Prometheus metric name",
            Reason::NameTaken => "its name belongs to another metric",
            Reason::TypeConflict => "a metric of the same name has another type",
            Reason::ExponentialHistogram => "exponential histograms have no text form",
            Reason::DeltaTemporality => "its figures are changes, not totals",
            Reason::ResourceConflict => "its resource differs from the first part's",
            Reason::InvalidLabel => "a label is invalid, reserved or repeated",
            Reason::DuplicateSeries => "the same series was already exposed",
            Reason::InvalidValue => "its type does not allow the value",
            Reason::Untyped => "its untyped value cannot be read",
            Reason::InvalidSum => "OpenMetrics does not allow the sum",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.explanation())
    }
}

impl fmt::Display for Omission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Omission {
            part,
            metric,
            reason,
            count,
        } = self;
        let series = match reason {
            Reason::InvalidSum => "sums",
            _ => "series",
        };
        if reason.is_whole_metric() {
            write!(f, "{part}: {metric} left out: {reason}")
        } else {
            write!(f, "{part}: {count} {series} of {metric} left out: {reason}")
        }
    }
}

impl Report {
    /// One more series of a metric, or the metric itself, is left out.
    pub(super) fn omit(&mut self, part: &str, metric: &str, reason: Reason) {
        /// A metric's series are met one after another, so that its earlier entries are near.
        const NEAR: usize = 8;
        let mut near = self.omissions.iter_mut().rev().take(NEAR);
        let known = near.find(|omission| {
            omission.reason == reason && omission.metric == metric && omission.part == part
        });
        match known {
            Some(omission) => omission.count += 1,
            None => self.omissions.push(Omission {
                part: part.to_owned(),
                metric: metric.to_owned(),
                reason,
                count: 1,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn omissions_of_one_metric_are_counted_not_listed() {
        let mut report = Report::default();
        for _ in 0..1000 {
            report.omit("user", "jobs", Reason::DuplicateSeries);
            report.omit("user", "jobs", Reason::InvalidValue);
        }
        report.omit("registry", "jobs", Reason::NameTaken);
        let lines: Vec<_> = report.omissions.iter().map(ToString::to_string).collect();
        let expected = [
            "user: 1000 series of jobs left out: the same series was already exposed",
            "user: 1000 series of jobs left out: its type does not allow the value",
            "registry: jobs left out: its name belongs to another metric",
        ];
        assert_eq!(lines, expected);
    }
}
