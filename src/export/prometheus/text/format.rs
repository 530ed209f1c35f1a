//! Negotiation of the text format.
//!
//! RFC 9110, section 12.5: entries with weights, of which the most specific match counts; a weight
//! of 0 refuses.

/// The text formats that a scrape can be answered in.
///
/// Both carry the same series with the same names, labels and `le` values: which one a scraper
/// negotiates never changes the identity of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExpositionFormat {
    /// The Prometheus text format, version 0.0.4: what every scraper and every person can read.
    #[default]
    Text,
    /// OpenMetrics 1.0: with units, typed counters and, at the end, proof that nothing is missing.
    OpenMetrics,
}

impl ExpositionFormat {
    /// Returns the value of the `Content-Type` header that goes with the text.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            ExpositionFormat::Text => "text/plain; version=0.0.4; charset=utf-8",
            ExpositionFormat::OpenMetrics => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }
    }

    /// Chooses the format that an `Accept` header prefers.
    ///
    /// OpenMetrics is sent to those who ask for it by name (in version 1.0.0 or without a version)
    /// with at least the weight of plain text; wildcards alone never select it, because a person's
    /// browser sends them too. Where nothing matches, the answer is still [`ExpositionFormat::Text`]: a 406
    /// would make the scrape go dark over a header.
    ///
    /// ```
    /// use vantage_obs::ExpositionFormat;
    ///
    /// let prometheus_2 = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    /// assert_eq!(ExpositionFormat::negotiate(Some(prometheus_2)), ExpositionFormat::OpenMetrics);
    /// assert_eq!(ExpositionFormat::negotiate(Some("*/*")), ExpositionFormat::Text);
    /// assert_eq!(ExpositionFormat::negotiate(None), ExpositionFormat::Text);
    /// ```
    #[must_use]
    pub fn negotiate(accept: Option<&str>) -> ExpositionFormat {
        let mut text = AcceptPreference::default();
        let mut open_metrics = AcceptPreference::default();
        for entry in entries(accept.unwrap_or_default()) {
            // Only version 1.0.0 is written: what asks for 0.0.1 alone reads another grammar.
            if entry.matches("application/openmetrics-text", "1.0.0") {
                open_metrics.update(MatchSpecificity::Exact, entry.weight);
            } else if entry.matches("text/plain", "0.0.4") {
                text.update(MatchSpecificity::Exact, entry.weight);
            } else if entry.matches("text/*", "0.0.4") {
                text.update(MatchSpecificity::Type, entry.weight);
            } else if entry.matches("*/*", "0.0.4") {
                text.update(MatchSpecificity::Any, entry.weight);
            }
        }
        // At equal weights OpenMetrics, because only it has exemplars and units.
        if open_metrics.weight > 0.0 && open_metrics.weight >= text.weight {
            ExpositionFormat::OpenMetrics
        } else {
            ExpositionFormat::Text
        }
    }
}

/// Returns `true` if an `Accept-Encoding` header allows the response to be compressed with gzip.
///
/// No header means no compression: a client that can decompress says so.
#[cfg(any(feature = "axum", test))]
pub(crate) fn accepts_gzip(accept_encoding: Option<&str>) -> bool {
    let mut gzip = AcceptPreference::default();
    for entry in entries(accept_encoding.unwrap_or_default()) {
        let name = entry.name;
        if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            gzip.update(MatchSpecificity::Exact, entry.weight);
        } else if name == "*" {
            gzip.update(MatchSpecificity::Any, entry.weight);
        }
    }
    // An identity that is preferred does not matter: a scrape of megabytes is worth compressing
    // wherever it is allowed.
    gzip.weight > 0.0
}

/// Returns `true` if an `Accept` header prefers JSON to HTML. Wildcards alone do not: people send
/// them.
#[cfg(feature = "axum")]
pub(crate) fn prefers_json(accept: Option<&str>) -> bool {
    let (mut json, mut html) = (AcceptPreference::default(), AcceptPreference::default());
    for entry in entries(accept.unwrap_or_default()) {
        let name = entry.name.to_ascii_lowercase();
        match name.as_str() {
            "application/json" => json.update(MatchSpecificity::Exact, entry.weight),
            "text/html" | "application/xhtml+xml" => {
                html.update(MatchSpecificity::Exact, entry.weight);
            }
            "text/*" => html.update(MatchSpecificity::Type, entry.weight),
            "*/*" => html.update(MatchSpecificity::Any, entry.weight),
            _ => {}
        }
    }
    // A browser names HTML; a tool that names only JSON gets it also beside a wildcard.
    let named = html.specificity == MatchSpecificity::Exact;
    json.weight > 0.0 && (json.weight > html.weight || !named && json.weight >= html.weight)
}

/// Returns the weight that an `Accept` header gives a media type by its name; 0 without it.
#[cfg(feature = "axum")]
pub(crate) fn named_weight(accept: Option<&str>, name: &str) -> f32 {
    let mut named = AcceptPreference::default();
    for entry in entries(accept.unwrap_or_default()) {
        if entry.name.eq_ignore_ascii_case(name) {
            named.update(MatchSpecificity::Exact, entry.weight);
        }
    }
    named.weight
}

/// The specificity of a header's entry; the more specific entry decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum MatchSpecificity {
    #[default]
    None,
    Any,
    Type,
    Exact,
}

#[derive(Debug, Default)]
struct AcceptPreference {
    specificity: MatchSpecificity,
    weight: f32,
}

impl AcceptPreference {
    /// Takes an entry in; of several with one specificity the greatest weight counts.
    fn update(&mut self, specificity: MatchSpecificity, weight: f32) {
        if specificity > self.specificity {
            *self = AcceptPreference {
                specificity,
                weight,
            };
        } else if specificity == self.specificity {
            self.weight = self.weight.max(weight);
        }
    }
}

struct AcceptEntry<'a> {
    name: &'a str,
    version: Option<&'a str>,
    /// 0 (refused) to 1.
    weight: f32,
}

impl AcceptEntry<'_> {
    /// Returns `true` if the entry names this type, in this version or without a version.
    fn matches(&self, name: &str, version: &str) -> bool {
        self.name.eq_ignore_ascii_case(name) && self.version.is_none_or(|it| it == version)
    }
}

/// The entries of an `Accept…` header; an entry with a malformed weight is passed over.
fn entries(header: &str) -> impl Iterator<Item = AcceptEntry<'_>> {
    header.split(',').filter_map(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let mut entry = AcceptEntry {
            name: parts.next()?,
            version: None,
            weight: 1.0,
        };
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match key.trim() {
                // A malformed weight drops its entry, and not the whole header.
                key if key.eq_ignore_ascii_case("q") => entry.weight = weight(value)?,
                key if key.eq_ignore_ascii_case("version") => entry.version = Some(value),
                _ => {}
            }
        }
        Some(entry)
    })
}

fn weight(value: &str) -> Option<f32> {
    let weight: f32 = value.parse().ok()?;
    (0.0..=1.0).contains(&weight).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "axum")]
    fn only_who_names_json_gets_it_instead_of_a_page() {
        for (accept, json) in [
            ("application/json", true),
            ("application/json, */*", true),
            ("application/json;q=0.9, text/html;q=0.1", true),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                false,
            ),
            ("text/html, application/json", false),
            ("application/json;q=0", false),
            ("*/*", false),
            ("", false),
        ] {
            assert_eq!(prefers_json(Some(accept)), json, "{accept}");
        }
        assert!(!prefers_json(None));
    }

    #[test]
    fn the_format_follows_the_accept_header() {
        use ExpositionFormat::{OpenMetrics, Text};
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,\
            application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_2_5 =
            "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_2_protobuf = "application/vnd.google.protobuf;\
            proto=io.prometheus.client.MetricFamily;encoding=delimited,\
            application/openmetrics-text;version=1.0.0;q=0.8,\
            application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            application/openmetrics-text;version=0.0.1;q=0.5,\
            text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let prometheus_3_text = "text/plain;version=0.0.4,\
            application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,*/*;q=0.2";
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        let table = [
            (None, Text),
            (Some(""), Text),
            (Some("*/*"), Text),
            (Some(browser), Text),
            (Some("application/json"), Text),
            (Some("application/*"), Text),
            (Some(prometheus_2), OpenMetrics),
            (Some(prometheus_2_5), Text),
            (Some(prometheus_2_protobuf), OpenMetrics),
            (Some(prometheus_3), OpenMetrics),
            (Some(prometheus_3_text), Text),
            (Some("application/openmetrics-text"), OpenMetrics),
            (
                Some("Application/OpenMetrics-Text; Version=\"1.0.0\""),
                OpenMetrics,
            ),
            (
                Some("application/openmetrics-text, text/plain"),
                OpenMetrics,
            ),
            (Some("application/openmetrics-text;version=2.0.0"), Text),
            (Some("application/openmetrics-text;q=0"), Text),
            (
                Some("application/openmetrics-text;q=0.1,text/*;q=0.2"),
                Text,
            ),
            (Some("application/openmetrics-text;q=NaN"), Text),
            (
                Some("application/openmetrics-text;q=0.2,text/plain;q=0.1,*/*;q=0.9"),
                OpenMetrics,
            ),
        ];
        for (accept, format) in table {
            assert_eq!(ExpositionFormat::negotiate(accept), format, "{accept:?}");
        }
    }

    #[test]
    fn gzip_needs_to_be_asked_for_and_can_be_refused() {
        let table = [
            (None, false),
            (Some(""), false),
            (Some("identity"), false),
            (Some("gzip"), true),
            (Some("deflate, GZIP;q=0.5"), true),
            (Some("x-gzip"), true),
            (Some("*"), true),
            (Some("*;q=0"), false),
            (Some("gzip;q=0"), false),
            (Some("gzip; q=0.000, *"), false),
            (Some("gzip;q=banana"), false),
        ];
        for (accept_encoding, accepted) in table {
            assert_eq!(
                accepts_gzip(accept_encoding),
                accepted,
                "{accept_encoding:?}"
            );
        }
    }
}
