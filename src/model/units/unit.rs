/// The unit of a metric, in the notation OpenTelemetry prescribes (UCUM).
///
/// Only base units are offered, so that no panel ever divides by a thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Seconds: `s`.
    Seconds,
    /// Bytes: `By`.
    Bytes,
    /// A fraction between 0 and 1: `1`. Prometheus appends `_ratio`, so it is for gauges alone.
    Ratio,
    /// A count, with its UCUM annotation such as `{request}`. Prometheus names ignore it.
    Count(&'static str),
}

impl Unit {
    /// Returns the unit as OpenTelemetry writes it.
    ///
    /// See <https://ucum.org/ucum> and
    /// <https://opentelemetry.io/docs/specs/semconv/general/metrics/#units>.
    #[must_use]
    pub const fn ucum(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Bytes => "By",
            Self::Ratio => "1",
            Self::Count(annotation) => annotation,
        }
    }

    /// Returns the suffix that the Prometheus exporter's naming rules append for this unit.
    pub(crate) const fn suffix(self) -> Option<&'static str> {
        match self {
            Self::Seconds => Some("seconds"),
            Self::Bytes => Some("bytes"),
            Self::Ratio => Some("ratio"),
            Self::Count(_) => None,
        }
    }
}
