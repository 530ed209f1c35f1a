//! The report of what a scrape leaves out.
//!
//! Leaving out beats failing: one bad label of one collector must not take the whole scrape dark.
//! But what is missing has to be seen, so that each omission is counted by part, and each metric that
//! is left out is warned of once with the reason.

use std::fmt;

/// The result of an exposition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) struct ExpositionReport {
    /// The number of series written; a histogram with all its buckets is one.
    pub(crate) series: u64,
    /// The omissions, in order of occurrence.
    /// One entry for each metric and reason, with a count, so that a thousand bad series don't make
    /// a thousand entries.
    pub(crate) omissions: Vec<Omission>,
}

/// An omission of one metric for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) struct Omission {
    /// The part that the metric belongs to, as the caller named it.
    pub(crate) part: String,
    /// The metric's name as its owner wrote it.
    pub(crate) metric: String,
    /// The reason of the omission.
    pub(crate) reason: OmissionReason,
    /// The number of series that were left out, or 1 for a metric that was left out as a whole
    /// ([`OmissionReason::is_whole_metric`]).
    pub(crate) count: u64,
}

/// The reason why a series or a metric is not exposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub(crate) enum OmissionReason {
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

impl OmissionReason {
    /// Returns `true` if the metric is left out with all its series, whose number isn't known then.
    pub(crate) const fn is_whole_metric(self) -> bool {
        matches!(
            self,
            OmissionReason::InvalidName
                | OmissionReason::NameTaken
                | OmissionReason::TypeConflict
                | OmissionReason::ExponentialHistogram
                | OmissionReason::DeltaTemporality
        )
    }
}

impl fmt::Display for OmissionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OmissionReason::InvalidName => "its name is not a Prometheus metric name",
            OmissionReason::NameTaken => "its name belongs to another metric",
            OmissionReason::TypeConflict => "a metric of the same name has another type",
            OmissionReason::ExponentialHistogram => "exponential histograms have no text form",
            OmissionReason::DeltaTemporality => "its values are deltas, not totals",
            OmissionReason::ResourceConflict => "its resource differs from the first part's",
            OmissionReason::InvalidLabel => "a label is invalid, reserved or repeated",
            OmissionReason::DuplicateSeries => "the same series was already exposed",
            OmissionReason::InvalidValue => "its type does not allow the value",
            OmissionReason::Untyped => "its untyped value cannot be read",
            OmissionReason::InvalidSum => "OpenMetrics does not allow the sum",
        })
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
            OmissionReason::InvalidSum => "sums",
            _ => "series",
        };
        if reason.is_whole_metric() {
            write!(f, "{part}: {metric} omitted: {reason}")
        } else {
            write!(f, "{part}: {count} {series} of {metric} omitted: {reason}")
        }
    }
}

impl ExpositionReport {
    /// Adds the omission of one more series of a metric, or of the metric itself.
    pub(super) fn omit(&mut self, part: &str, metric: &str, reason: OmissionReason) {
        /// A metric's series are met one after another, so that its earlier entries are near.
        const NEAR: usize = 8;
        let mut near = self.omissions.iter_mut().rev().take(NEAR);
        let existing = near.find(|omission| {
            omission.reason == reason && omission.metric == metric && omission.part == part
        });
        match existing {
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
        let mut report = ExpositionReport::default();
        for _ in 0..1000 {
            report.omit("user", "jobs", OmissionReason::DuplicateSeries);
            report.omit("user", "jobs", OmissionReason::InvalidValue);
        }
        report.omit("registry", "jobs", OmissionReason::NameTaken);
        let lines: Vec<_> = report.omissions.iter().map(ToString::to_string).collect();
        let expected = [
            "user: 1000 series of jobs omitted: the same series was already exposed",
            "user: 1000 series of jobs omitted: its type does not allow the value",
            "registry: jobs omitted: its name belongs to another metric",
        ];
        assert_eq!(lines, expected);
    }
}
