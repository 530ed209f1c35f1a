//! Which text a scraper asked for.

/// The text formats that a scrape can be answered in.
///
/// Both carry the same series with the same names, labels and `le` values: which one a scraper
/// negotiates never changes the identity of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// The Prometheus text format, version 0.0.4: what every scraper and every person can read.
    #[default]
    Text,
    /// OpenMetrics 1.0: with units, typed counters and, at the end, proof that nothing is missing.
    OpenMetrics,
}

impl Format {
    /// The value of the `Content-Type` header that goes with the text.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Chooses the format that an `Accept` header prefers.
    ///
    /// OpenMetrics is sent to those who ask for it by name (in version 1.0.0 or without a version)
    /// with at least the weight of plain text; wildcards alone never select it, because a person's
    /// browser sends them too. Where nothing matches, the answer is still [`Format::Text`]: a 406
    /// would make the scrape go dark over a header.
    ///
    /// ```
    /// use vantage_obs::exposition::Format;
    ///
    /// let prometheus_2 = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    /// assert_eq!(Format::negotiate(Some(prometheus_2)), Format::OpenMetrics);
    /// assert_eq!(Format::negotiate(Some("*/*")), Format::Text);
    /// assert_eq!(Format::negotiate(None), Format::Text);
    /// ```
    pub fn negotiate(accept: Option<&str>) -> Format {
        let mut text = Preference::default();
        let mut open_metrics = Preference::default();
        for entry in entries(accept.unwrap_or_default()) {
            if entry.is("application/openmetrics-text", "1.0.0") {
                open_metrics.offer(Match::Exact, entry.weight);
            } else if entry.is("text/plain", "0.0.4") {
                text.offer(Match::Exact, entry.weight);
            } else if entry.is("text/*", "0.0.4") {
                text.offer(Match::Type, entry.weight);
            } else if entry.is("*/*", "0.0.4") {
                text.offer(Match::Any, entry.weight);
            }
        }
        if open_metrics.weight > 0.0 && open_metrics.weight >= text.weight {
            Format::OpenMetrics
        } else {
            Format::Text
        }
    }
}

/// Whether an `Accept-Encoding` header allows the answer to be compressed with gzip.
///
/// No header means no compression: a client that can decompress says so.
///
/// ```
/// use vantage_obs::exposition::accepts_gzip;
///
/// assert!(accepts_gzip(Some("gzip")));
/// assert!(!accepts_gzip(Some("gzip;q=0, *")));
/// assert!(!accepts_gzip(None));
/// ```
pub fn accepts_gzip(accept_encoding: Option<&str>) -> bool {
    let mut gzip = Preference::default();
    for entry in entries(accept_encoding.unwrap_or_default()) {
        let name = entry.name;
        if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            gzip.offer(Match::Exact, entry.weight);
        } else if name == "*" {
            gzip.offer(Match::Any, entry.weight);
        }
    }
    gzip.weight > 0.0
}

/// Whether an `Accept` header likes JSON better than a page. Wildcards alone do not: people send them.
#[cfg(feature = "axum")]
pub(crate) fn prefers_json(accept: Option<&str>) -> bool {
    let (mut json, mut html) = (Preference::default(), Preference::default());
    for entry in entries(accept.unwrap_or_default()) {
        let name = entry.name.to_ascii_lowercase();
        match name.as_str() {
            "application/json" => json.offer(Match::Exact, entry.weight),
            "text/html" | "application/xhtml+xml" => html.offer(Match::Exact, entry.weight),
            "text/*" => html.offer(Match::Type, entry.weight),
            "*/*" => html.offer(Match::Any, entry.weight),
            _ => {}
        }
    }
    let named = html.closeness == Match::Exact;
    json.weight > 0.0 && (json.weight > html.weight || !named && json.weight >= html.weight)
}

/// How closely a header's entry names what we have; the closer entry decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    #[default]
    None,
    Any,
    Type,
    Exact,
}

#[derive(Debug, Default)]
struct Preference {
    closeness: Match,
    weight: f32,
}

impl Preference {
    fn offer(&mut self, closeness: Match, weight: f32) {
        if closeness > self.closeness {
            *self = Preference { closeness, weight };
        } else if closeness == self.closeness {
            self.weight = self.weight.max(weight);
        }
    }
}

struct Entry<'a> {
    name: &'a str,
    version: Option<&'a str>,
    /// 0 (refused) to 1.
    weight: f32,
}

impl Entry<'_> {
    /// Whether this is what the entry names, in this version or without saying which.
    fn is(&self, name: &str, version: &str) -> bool {
        self.name.eq_ignore_ascii_case(name) && self.version.is_none_or(|it| it == version)
    }
}

/// The entries of an `Accept…` header; an entry with a malformed weight is passed over.
fn entries(header: &str) -> impl Iterator<Item = Entry<'_>> {
    header.split(',').filter_map(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let mut entry = Entry {
            name: parts.next()?,
            version: None,
            weight: 1.0,
        };
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match key.trim() {
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
        use Format::{OpenMetrics, Text};
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
            assert_eq!(Format::negotiate(accept), format, "{accept:?}");
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
