//! The series of a scrape, found by some of their labels, and the nearest ones where none is found.

use std::fmt::{self, Write as _};

use crate::model::suggest::nearest_within;

/// The most series that a message lists.
const MAX_LISTED: usize = 10;

/// A series of a scrape: its Prometheus name, its labels in their order, and its value.
///
/// Its text is that of the scrape: `vantage_worker_jobs_total{job_kind="mail",outcome="succeeded"} 1`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Series {
    /// The name, such as `vantage_api_requests_total`.
    pub name: String,
    /// The labels, as names and values.
    pub labels: Vec<(String, String)>,
    /// The value.
    pub value: f64,
}

impl Series {
    /// Returns the value of a label; `None` where the series has no such label.
    ///
    /// ```
    /// use vantage_obs::testing::TestTelemetry;
    ///
    /// let test = TestTelemetry::new();
    /// test.telemetry().database("sqlite").query("SELECT", "posts").succeed();
    /// let series = &test.series("db_client_operation_duration_seconds_count")[0];
    /// assert_eq!(series.label("db_operation_name"), Some("SELECT"));
    /// assert_eq!((series.label("elsewhere"), series.value), (None, 1.0));
    /// ```
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        let found = self.labels.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the number of these labels that it has.
    fn shared(&self, labels: &[(&str, &str)]) -> usize {
        let has = |(name, value): &&(&str, &str)| self.label(name) == Some(value);
        labels.iter().filter(has).count()
    }

    fn has_all(&self, labels: &[(&str, &str)]) -> bool {
        self.shared(labels) == labels.len()
    }

    /// Reads one line of a scrape; `None` for a comment.
    fn parse(line: &str) -> Option<Self> {
        let end = line.find(['{', ' '])?;
        let (name, rest) = line.split_at(end);
        if name.is_empty() || name.starts_with('#') {
            return None;
        }
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(inside) => parse_labels(inside)?,
            None => (Vec::new(), rest),
        };
        Some(Self {
            name: name.to_owned(),
            labels,
            value: rest.split_whitespace().next()?.parse().ok()?,
        })
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self.labels.iter();
        let labels = labels.map(|(name, value)| (name.as_str(), value.as_str()));
        write!(f, "{} {}", selector(&self.name, labels), self.value)
    }
}

/// Reads labels up to the closing brace, and returns what follows it.
fn parse_labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        loop {
            match characters.next()? {
                (at, '"') => {
                    rest = &quoted[at + 1..];
                    break;
                }
                (_, '\\') => value.push(match characters.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => value.push(other),
            }
        }
        labels.push((name.to_owned(), value));
    }
}

/// Returns a name and labels as PromQL writes them.
fn selector<'a>(name: &str, labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let escape = |value: &str| {
        let value = value.replace('\\', r"\\").replace('"', r#"\""#);
        value.replace('\n', r"\n")
    };
    let labels = labels.map(|(name, value)| format!("{name}=\"{}\"", escape(value)));
    let labels: Vec<_> = labels.collect();
    match labels.is_empty() {
        true => name.to_owned(),
        false => format!("{name}{{{}}}", labels.join(",")),
    }
}

/// All series of a scrape.
#[derive(Debug, Default)]
pub(super) struct Scrape(Vec<Series>);

/// The series that a name and some labels stand for.
#[derive(Debug, PartialEq)]
pub(super) enum Matched<'a> {
    None,
    One(&'a Series),
    Several(Vec<&'a Series>),
}

impl Scrape {
    pub(super) fn parse(text: &str) -> Self {
        Self::from_series(text.lines().filter_map(Series::parse))
    }

    pub(super) fn from_series(series: impl Iterator<Item = Series>) -> Self {
        Self(series.collect())
    }

    /// Returns the series of a name, in the order of the scrape.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = &Series> {
        self.0.iter().filter(move |series| series.name == name)
    }

    /// Returns the series that have these labels.
    pub(super) fn matching(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Series> {
        let found = self.named(name);
        found.filter(|series| series.has_all(labels)).collect()
    }

    /// Returns the series that is meant: one that has exactly these labels, or else the ones that have them among
    /// others.
    pub(super) fn find(&self, name: &str, labels: &[(&str, &str)]) -> Matched<'_> {
        let found = self.matching(name, labels);
        let mut exact = found.iter();
        if let Some(exact) = exact.find(|series| series.labels.len() == labels.len()) {
            return Matched::One(exact);
        }
        match found[..] {
            [] => Matched::None,
            [one] => Matched::One(one),
            _ => Matched::Several(found),
        }
    }

    /// Returns why nothing was found: the nearest series of that name, or the nearest names.
    pub(super) fn explain_none(&self, name: &str, labels: &[(&str, &str)]) -> String {
        let mut said = format!("no series {}", selector(name, labels.iter().copied()));
        let mut named: Vec<_> = self.named(name).collect();
        if !named.is_empty() {
            // Those that have most of the labels first.
            named.sort_by_cached_key(|series| {
                let shared = std::cmp::Reverse(series.shared(labels));
                (shared, series.to_string())
            });
            said.push_str("; of this name there are, the nearest first:");
            let lines: Vec<_> = named.iter().map(ToString::to_string).collect();
            append_lines(&mut said, &lines);
            return said;
        }
        match self.similar(name) {
            Some(similar) => {
                let _ = write!(said, ": no metric has this name; did you mean {similar}?");
            }
            None => said.push_str(": no metric has this name, or nothing was recorded in it"),
        }
        said
    }

    /// Returns the name that was probably meant.
    fn similar(&self, name: &str) -> Option<&str> {
        // As the code has it: `vantage.api.requests`, without the unit and `_total`.
        let prometheus = name.replace('.', "_");
        let names = || self.0.iter().map(|series| series.name.as_str());
        let extended = names().find(|known| {
            let rest = known.strip_prefix(prometheus.as_str());
            rest.is_some_and(|rest| rest.starts_with('_'))
        });
        extended.or_else(|| nearest_within(&prometheus, names(), |length| length.div_ceil(3)))
    }
}

/// Returns that several series were found where one is meant.
pub(super) fn explain_several(name: &str, labels: &[(&str, &str)], found: &[&Series]) -> String {
    let mut said = format!(
        "{} series have {}; name more of their labels, or ask for their sum:",
        found.len(),
        selector(name, labels.iter().copied())
    );
    append_list(&mut said, found);
    said
}

/// Returns that a value is another one, and the series that it is made of.
pub(super) fn explain_value(expected: f64, found: f64, series: &[&Series]) -> String {
    let mut said = format!("expected {expected}, found {found}:");
    append_list(&mut said, series);
    said
}

/// Appends the first of these series, in the order of their text.
fn append_list(said: &mut String, series: &[&Series]) {
    let mut lines: Vec<_> = series.iter().map(ToString::to_string).collect();
    lines.sort();
    append_lines(said, &lines);
}

fn append_lines(said: &mut String, series: &[String]) {
    for one in series.iter().take(MAX_LISTED) {
        let _ = write!(said, "\n  {one}");
    }
    if let more @ 1.. = series.len().saturating_sub(MAX_LISTED) {
        let _ = write!(said, "\n  and {more} more");
    }
}

/// Returns whether two values are the same, but for the rounding of sums such as 0.1 + 0.2.
pub(super) fn is_same(left: f64, right: f64) -> bool {
    let tolerance = 1e-12 * left.abs().max(right.abs());
    left == right || (left - right).abs() <= tolerance || (left.is_nan() && right.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# HELP jobs_total Jobs.
# TYPE jobs_total counter
jobs_total{kind="mail",outcome="succeeded"} 3
jobs_total{kind="mail",outcome="failed"} 1
jobs_total{kind="a \"b\", {c}\\ \n",outcome="succeeded"} 2 1800000000000
up 1
open{state="idle"} NaN
open{state="idle",pool="main"} +Inf
"#;

    fn scrape() -> Scrape {
        Scrape::parse(TEXT)
    }

    #[test]
    fn a_line_is_taken_apart_whatever_its_labels_hold() {
        let scrape = scrape();
        assert_eq!(scrape.0.len(), 6);
        let odd = &scrape.0[2];
        assert_eq!(odd.label("kind"), Some("a \"b\", {c}\\ \n"));
        assert_eq!(odd.value, 2.0);
        let shown = r#"jobs_total{kind="a \"b\", {c}\\ \n",outcome="succeeded"} 2"#;
        assert_eq!(odd.to_string(), shown);
        assert_eq!(scrape.0[3].to_string(), "up 1");
        assert!(scrape.0[4].value.is_nan() && scrape.0[5].value == f64::INFINITY);
    }

    #[test]
    fn some_labels_find_one_series_and_all_of_them_go_first() {
        let scrape = scrape();
        let found = |name: &str, labels: &[(&str, &str)]| match scrape.find(name, labels) {
            Matched::None => 0.0,
            Matched::One(series) => series.value,
            Matched::Several(found) => -(found.len() as f64),
        };
        assert_eq!(found("jobs_total", &[("outcome", "failed")]), 1.0);
        assert_eq!(found("jobs_total", &[("kind", "mail")]), -2.0);
        assert_eq!(found("jobs_total", &[]), -3.0);
        assert_eq!(found("jobs_total", &[("kind", "mai")]), 0.0);
        assert_eq!(found("jobs", &[]), 0.0);
        assert!(
            found("open", &[("state", "idle")]).is_nan(),
            "exactly these labels"
        );
    }

    #[test]
    fn a_failure_shows_the_nearest_series_or_name() {
        let scrape = scrape();
        let said = scrape.explain_none("jobs_total", &[("kind", "mail"), ("outcome", "lost")]);
        let first = said.lines().nth(1).unwrap();
        assert_eq!(first, r#"  jobs_total{kind="mail",outcome="failed"} 1"#);
        let head = r#"no series jobs_total{kind="mail",outcome="lost"}; of this name"#;
        assert!(said.starts_with(head), "{said}");
        for (name, meant) in [
            ("job_total", Some("jobs_total")),
            ("jobs", Some("jobs_total")),
            ("elsewhere", None),
        ] {
            let said = scrape.explain_none(name, &[]);
            let expected = meant.map(|meant| format!("did you mean {meant}?"));
            assert_eq!(said.contains("did you mean"), meant.is_some(), "{said}");
            assert!(said.contains(expected.as_deref().unwrap_or("nothing was recorded")));
        }
    }

    #[test]
    fn sums_of_fractions_are_the_same_and_counts_are_exact() {
        assert!(is_same(0.1 + 0.2, 0.3) && is_same(0.0, 0.0));
        assert!(is_same(f64::INFINITY, f64::INFINITY) && is_same(f64::NAN, f64::NAN));
        assert!(!is_same(1e9, 1e9 + 1.0) && !is_same(0.0, 1e-300));
    }
}
