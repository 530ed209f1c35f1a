//! Collected metrics as the text that a scraper reads: OpenMetrics 1.0 or Prometheus text 0.0.4.
//!
//! Why not leave this to `opentelemetry-prometheus`? It spends nine tenths of a scrape between the
//! collected data and the text, knows one format, lets label keys through at which Prometheus
//! rejects the whole scrape, and drops in silence what it can't express. Here
//!
//! - the text is written straight from the collected data;
//! - **every series that can be exposed is**, and whatever is left out is in the [`ExpositionReport`], so
//!   that it can be counted and logged;
//! - a series has the same name and labels in both formats. Bucket bounds are written in the way of
//!   OpenMetrics ("1.0", "1e+06", "+Inf") in the plain text too, because `le="1"` and `le="1.0"` are
//!   two series to Prometheus before 3.0; Prometheus 3 rewrites them to the same form;
//! - a family appears once, with all its series together, from however many scopes and parts.
//!
//! Parts are added in order of precedence. Metrics of several OpenTelemetry parts with the same name
//! and type are merged; of two series with the same labels the first is exposed; the help text is
//! the first's. A registry's family never mixes with an OpenTelemetry metric: the name is whose came
//! first. A resource becomes the labels of `target_info` only; a histogram's least and greatest
//! value are not exposed.
//!
//! In OpenMetrics the buckets of the crate's own histograms have exemplars: the trace of the latest
//! measurement in each that was made in a kept trace, for an hour. Text 0.0.4 has no place for them,
//! and neither has OTLP as the SDK speaks it. The service's own metrics have none.
//!
//! A counter of a registry whose name doesn't end with `_total` keeps its name, and is `unknown` to
//! OpenMetrics; so is one whose name without `_total` is that of another family.
//!
//! Names and label keys are made as OpenTelemetry's specification says, with these additions: a
//! suffix that is there already isn't repeated; `ratio`, for the unit "1", is the suffix of gauges
//! alone; a label key that starts with a digit or `__`, or is `le` or `quantile`, is given the
//! prefix `key_`.
//!
//! | module | does |
//! |---|---|
//! | `otel`, `registry` | turn collected data into families |
//! | `family` | merges families, and refuses names that would collide |
//! | `name`, `labels` | make valid names and label sets |
//! | `renderer`, `series`, `writer` | write lines, without intermediate structures |
//! | `report` | says what is missing |
//! | `format` | chooses the format by the `Accept` header |

mod family;
mod format;
mod labels;
mod name;
mod otel;
mod registry;
mod renderer;
mod report;
mod sample_value;
mod series;
#[cfg(test)]
mod tests;
mod writer;

pub use format::ExpositionFormat;
#[cfg(any(feature = "axum", test))]
pub(crate) use format::accepts_gzip;
#[cfg(feature = "axum")]
pub(crate) use format::{named_weight, prefers_json};
pub(crate) use report::{ExpositionReport, Omission, OmissionReason};
#[cfg(feature = "metrics")]
pub(crate) use {family::FamilyKind, name::metric_name};

use opentelemetry_sdk::metrics::data::ResourceMetrics;
use prometheus::proto::MetricFamily;

use self::family::ExposedFamilies;
use self::renderer::FamilyRenderer;
use self::writer::TextWriter;
use crate::record::exemplars::ScrapeExemplars;

/// The text of one scrape in the making: parts are added, then it is written.
///
/// It only borrows what was collected; nothing is copied before [`finish`](Exposition::finish).
#[derive(Debug)]
#[must_use = "nothing is written before `finish`"]
pub(crate) struct Exposition<'a> {
    format: ExpositionFormat,
    scope_labels: bool,
    families: ExposedFamilies<'a>,
    report: ExpositionReport,
}

impl<'a> Exposition<'a> {
    /// Starts an exposition without parts.
    pub(crate) fn new(format: ExpositionFormat) -> Exposition<'a> {
        Exposition {
            format,
            scope_labels: false,
            families: ExposedFamilies::default(),
            report: ExpositionReport::default(),
        }
    }

    /// Adds labels for its instrumentation scope to each OpenTelemetry sample (`otel_scope_name`,
    /// `otel_scope_version`, `otel_scope_schema_url` and the scope's attributes). Off by default:
    /// they make every line longer and tell a reader of dashboards nothing, but without them the same
    /// series from two scopes is exposed once.
    pub(crate) fn scope_labels(mut self, scope_labels: bool) -> Exposition<'a> {
        self.scope_labels = scope_labels;
        self
    }

    /// Adds what a reader of an OpenTelemetry meter provider collected, cumulatively.
    ///
    /// `part` names the provider in the report.
    pub(crate) fn otel(mut self, part: &'a str, collected: &'a ResourceMetrics) -> Exposition<'a> {
        otel::collect(&mut self.families, &mut self.report, part, collected, None);
        self
    }

    /// Adds the same as [`otel`](Exposition::otel), with exemplars of its histograms, which only
    /// OpenMetrics has.
    pub(crate) fn otel_with_exemplars(
        mut self,
        part: &'a str,
        collected: &'a ResourceMetrics,
        exemplars: ScrapeExemplars<'a>,
    ) -> Exposition<'a> {
        let exemplars = Some(exemplars).filter(|_| self.format == ExpositionFormat::OpenMetrics);
        otel::collect(
            &mut self.families,
            &mut self.report,
            part,
            collected,
            exemplars,
        );
        self
    }

    /// Adds what a [`prometheus::Registry`] gathered.
    ///
    /// `part` names the registry in the report. Names and labels are exposed as they are; those
    /// that Prometheus would refuse are left out.
    pub(crate) fn families(
        mut self,
        part: &'a str,
        gathered: &'a [MetricFamily],
    ) -> Exposition<'a> {
        registry::collect(&mut self.families, &mut self.report, part, gathered);
        self
    }

    /// Appends the whole text to `out`, and reports what isn't in it.
    ///
    /// Keep `out` from scrape to scrape (cleared): with tens of thousands of series, growing a new
    /// one takes longer than writing into it.
    ///
    /// Without any series the text is empty, apart from the mark of its end in OpenMetrics: whether
    /// that is an answer is for the caller to say, by [`ExpositionReport::series`].
    pub(crate) fn finish(self, out: &mut String) -> ExpositionReport {
        let writer = TextWriter::new(out, self.format);
        let mut renderer = FamilyRenderer::new(writer, self.report, self.scope_labels);
        for family in self.families.sorted() {
            renderer.render_family(family, &self.families);
        }
        renderer.finish()
    }
}
