//! The lines of one family.
//!
//! | line | text 0.0.4 | OpenMetrics 1.0 |
//! |---|---|---|
//! | counter's family | with `_total` | without |
//! | unit | – | `# UNIT` |
//! | exemplar | – | behind a bucket |
//! | timestamp | milliseconds | seconds |
//! | quotes in help texts | as they are | escaped |
//! | the end | – | `# EOF` |
//!
//! See <https://prometheus.io/docs/instrumenting/exposition_formats/> and
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>.

use std::fmt::Write as _;

use super::family::{ExposedFamilies, ExposedFamily, FamilyKind};
use super::labels::escape;
use super::sample_value::SampleValue;
use super::{ExpositionFormat, OmissionReason};
use crate::model::units::format_canonical;
use crate::record::exemplars::{Exemplar, SeriesExemplars};

/// The time of a sample, in milliseconds since 1970, if its owner sets it. Ours don't: the scrape's
/// own time is theirs.
pub(super) type SampleTimestamp = Option<i64>;

/// A histogram's figures.
pub(super) struct HistogramPoint<'e, B, N> {
    /// Upper bounds, finite and ascending, each with the number of values up to it.
    pub(super) buckets: B,
    pub(super) count: u64,
    pub(super) sum: N,
    pub(super) exemplars: Option<SeriesExemplars<'e>>,
}

/// Writes the lines of series; one for all families of a scrape, so that its buffers are.
#[derive(Debug)]
pub(super) struct TextWriter<'o> {
    out: &'o mut String,
    format: ExpositionFormat,
    /// The first part of all bucket lines of a series.
    /// Written once for each series, and copied for each bucket.
    head: String,
    /// The `le` values of the latest histogram, by the bits of the bound, as `0.005"} `.
    /// Formatting a float takes longer than comparing its bits.
    bounds: Vec<(u64, String)>,
}

impl<'o> TextWriter<'o> {
    pub(super) fn new(out: &'o mut String, format: ExpositionFormat) -> TextWriter<'o> {
        TextWriter {
            out,
            format,
            head: String::new(),
            bounds: Vec::new(),
        }
    }

    /// Returns the end of the text; see [`TextWriter::rewind`].
    pub(super) fn position(&self) -> usize {
        self.out.len()
    }

    /// Deletes everything that was written since `position`.
    pub(super) fn rewind(&mut self, position: usize) {
        self.out.truncate(position);
    }

    pub(super) fn write_header(
        &mut self,
        family: &ExposedFamily<'_>,
        families: &ExposedFamilies<'_>,
    ) {
        let (name, kind) = match self.format {
            ExpositionFormat::Text => (family.name.as_str(), text_type(family.kind)),
            ExpositionFormat::OpenMetrics => families.open_metrics(family),
        };
        if !family.help.is_empty() {
            self.write_comment("HELP", name);
            escape(
                family.help,
                self.format == ExpositionFormat::OpenMetrics,
                self.out,
            );
            self.out.push('\n');
        }
        self.write_comment("TYPE", name);
        self.out.push_str(kind);
        self.out.push('\n');
        if let (ExpositionFormat::OpenMetrics, Some(unit)) = (self.format, &family.unit) {
            // A counter that is `unknown` ends with `_total` instead.
            if name.ends_with(unit.as_ref()) {
                self.write_comment("UNIT", name);
                self.out.push_str(unit);
                self.out.push('\n');
            }
        }
    }

    pub(super) fn write_scalar(
        &mut self,
        name: &str,
        labels: &str,
        value: impl SampleValue,
        at: SampleTimestamp,
    ) {
        self.write_sample(name, "", labels, value, at);
    }

    /// Writes the buckets, the sum and the count of one series.
    pub(super) fn write_histogram<N: SampleValue>(
        &mut self,
        name: &str,
        labels: &str,
        histogram: HistogramPoint<'_, impl Iterator<Item = (f64, u64)>, N>,
        at: SampleTimestamp,
    ) -> Result<(), OmissionReason> {
        self.start_buckets(name, labels);
        let mut has_negative_bound = false;
        let (mut nth, mut low, mut below) = (0, f64::NEG_INFINITY, 0);
        // The last bucket is the count by definition, so that the two can't differ.
        let last = (f64::INFINITY, histogram.count);
        for (bound, count) in histogram.buckets.chain([last]) {
            // A histogram of values that may be negative has a sum that may fall.
            has_negative_bound |= bound < 0.0;
            let of_bucket = |all: SeriesExemplars<'_>| all.for_bucket(nth, low, bound);
            // None that came after the figures were collected.
            // An exemplar may be recorded between collecting and writing: its bucket may still be
            // empty in the figures.
            let exemplars = histogram.exemplars.filter(|_| count > below);
            self.write_bucket(nth, bound, count, at, exemplars.and_then(of_bucket));
            (nth, low, below) = (nth + 1, bound, count);
        }
        let is_plain = !has_negative_bound && histogram.sum.to_f64() >= 0.0;
        self.write_sum_and_count(name, labels, histogram.sum, histogram.count, is_plain, at)
    }

    /// Writes the quantiles, the sum and the count of one series.
    pub(super) fn write_summary(
        &mut self,
        name: &str,
        labels: &str,
        quantiles: impl Iterator<Item = (f64, f64)>,
        (sum, count): (f64, u64),
        at: SampleTimestamp,
    ) -> Result<(), OmissionReason> {
        for (quantile, value) in quantiles {
            self.write_series_name(name, "", labels);
            self.out.push_str(if labels.is_empty() { "{" } else { "," });
            // Writing to a `String` never fails.
            let _ = write!(self.out, "quantile=\"{}\"}} ", format_canonical(quantile));
            self.write_value(value, at);
            self.out.push('\n');
        }
        self.write_sum_and_count(name, labels, sum, count, sum >= 0.0, at)
    }

    /// Ends the whole text.
    pub(super) fn finish(self) {
        if self.format == ExpositionFormat::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
    }

    fn write_comment(&mut self, keyword: &str, name: &str) {
        for text in ["# ", keyword, " ", name, " "] {
            self.out.push_str(text);
        }
    }

    /// Writes the sum and the count. In OpenMetrics a sum is a counter: one that is NaN, negative,
    /// or made of values that may be negative has no place there, nor has the count without the
    /// sum. The count is that of the last bucket, so that only the sum is lost.
    fn write_sum_and_count<N: SampleValue>(
        &mut self,
        name: &str,
        labels: &str,
        sum: N,
        count: u64,
        is_plain: bool,
        at: SampleTimestamp,
    ) -> Result<(), OmissionReason> {
        if self.format == ExpositionFormat::OpenMetrics && !is_plain {
            return Err(OmissionReason::InvalidSum);
        }
        self.write_sample(name, "_sum", labels, sum, at);
        self.write_sample(name, "_count", labels, count, at);
        Ok(())
    }

    fn start_buckets(&mut self, name: &str, labels: &str) {
        self.head.clear();
        let comma = if labels.is_empty() { "" } else { "," };
        for text in [name, "_bucket{", labels, comma, "le=\""] {
            self.head.push_str(text);
        }
    }

    /// Writes the line of a series' `nth` bucket.
    fn write_bucket(
        &mut self,
        nth: usize,
        bound: f64,
        count: u64,
        at: SampleTimestamp,
        exemplar: Option<Exemplar>,
    ) {
        self.out.push_str(&self.head);
        let bits = bound.to_bits();
        match self.bounds.get(nth) {
            // By bits: NaN and −0 compare with themselves this way.
            Some((cached, text)) if *cached == bits => self.out.push_str(text),
            _ => {
                let text = format!("{}\"}} ", format_canonical(bound));
                self.out.push_str(&text);
                self.bounds.truncate(nth);
                self.bounds.push((bits, text));
            }
        }
        self.write_value(count, at);
        if let Some(exemplar) = exemplar {
            self.write_exemplar(&exemplar);
        }
        self.out.push('\n');
    }

    /// Follows a bucket's value in OpenMetrics: ` # {trace_id="…",span_id="…"} 0.43 1520879607.789`.
    fn write_exemplar(&mut self, exemplar: &Exemplar) {
        self.out.push_str(" # {trace_id=\"");
        hex(exemplar.trace_id(), self.out);
        self.out.push_str("\",span_id=\"");
        hex(exemplar.span_id(), self.out);
        self.out.push_str("\"} ");
        self.write_value(exemplar.value(), Some(exemplar.unix_millis()));
    }

    fn write_sample(
        &mut self,
        name: &str,
        suffix: &str,
        labels: &str,
        value: impl SampleValue,
        at: SampleTimestamp,
    ) {
        self.write_series_name(name, suffix, labels);
        self.out
            .push_str(if labels.is_empty() { " " } else { "} " });
        self.write_value(value, at);
        self.out.push('\n');
    }

    fn write_series_name(&mut self, name: &str, suffix: &str, labels: &str) {
        self.out.push_str(name);
        self.out.push_str(suffix);
        if !labels.is_empty() {
            self.out.push('{');
            self.out.push_str(labels);
        }
    }

    /// Appends the value, and the time if it has one.
    fn write_value(&mut self, value: impl SampleValue, at: SampleTimestamp) {
        value.write(self.out);
        if let Some(milliseconds) = at {
            self.write_timestamp(milliseconds);
        }
    }

    /// Milliseconds in the plain text, seconds with a fraction in OpenMetrics.
    fn write_timestamp(&mut self, milliseconds: i64) {
        self.out.push(' ');
        match self.format {
            ExpositionFormat::Text => milliseconds.write(self.out),
            ExpositionFormat::OpenMetrics => {
                let sign = if milliseconds < 0 { "-" } else { "" };
                let positive = milliseconds.unsigned_abs();
                let (seconds, rest) = (positive / 1000, positive % 1000);
                // Writing to a `String` never fails.
                let _ = write!(self.out, "{sign}{seconds}.{rest:03}");
            }
        }
    }
}

/// Lower-case digits, straight into the text.
fn hex(bytes: &[u8], out: &mut String) {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    out.extend(digits.filter_map(|digit| char::from_digit(digit.into(), 16)));
}

/// Returns the word of the plain text; OpenMetrics has others.
fn text_type(kind: FamilyKind) -> &'static str {
    match kind {
        FamilyKind::Counter => "counter",
        FamilyKind::Gauge | FamilyKind::Info => "gauge",
        FamilyKind::Histogram => "histogram",
        FamilyKind::Summary => "summary",
        FamilyKind::Unknown => "untyped",
    }
}
