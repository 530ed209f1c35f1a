//! The query string of a request: the one reader of all routes.
//!
//! Percent signs and `+` are decoded, as forms have them. Of a parameter that may stand once, the last counts.
//! Unknown parameters are ignored: caches and load balancers add their own.

use axum::extract::Query;
use axum::http::Uri;

use super::response::MAX_FAULTS;
use crate::model::fault::Fault;

/// The most characters of a value that a fault repeats.
const MAX_FOUND_CHARS: usize = 64;

/// The parameters of a query, decoded, in order; invalid UTF-8 becomes text that is allowed nowhere.
#[derive(Debug)]
pub(super) struct QueryString(Vec<(String, String)>);

impl QueryString {
    pub(super) fn parse(uri: &Uri) -> Self {
        let pairs = Query::try_from_uri(uri).map(|Query(pairs)| pairs);
        Self(pairs.unwrap_or_default())
    }

    /// Returns every parameter with its value, which is empty without `=`.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the value of a parameter that may stand once: the last one, so that a link can be overridden by
    /// appending to it.
    pub(super) fn last(&self, name: &str) -> Option<&str> {
        let named = self.iter().filter(|(found, _)| *found == name);
        named.last().map(|(_, value)| value)
    }
}

/// The faults of a query, up to the most that a response names.
#[derive(Debug, Default)]
pub(super) struct QueryFaults(Vec<Fault>);

impl QueryFaults {
    /// Adds a fault; beyond the most, it is left out.
    pub(super) fn add(&mut self, name: &str, found: &str, allowed: impl FnOnce() -> String) {
        if self.0.len() < MAX_FAULTS {
            self.0.push(Fault {
                path: name.into(),
                found: found.chars().take(MAX_FOUND_CHARS).collect(),
                allowed: allowed(),
            });
        }
    }

    /// Returns the value if there were no faults.
    pub(super) fn or_value<T>(self, value: T) -> Result<T, Vec<Fault>> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> QueryString {
        QueryString::parse(&format!("/a?{query}").parse().unwrap())
    }

    #[test]
    fn parameters_are_decoded_and_the_last_of_a_name_counts() {
        let query = parse("a=1&b=%C3%A9+x&&a=2&c&=d&a%3D=3");
        assert_eq!(query.last("a"), Some("2"));
        assert_eq!(query.last("b"), Some("é x"));
        assert_eq!(query.last("c"), Some(""));
        assert_eq!(query.last("a="), Some("3"));
        assert_eq!(query.last("d"), None);
        assert_eq!(parse("").iter().count(), 0);
        assert_eq!(parse("a=%ff%zz").last("a"), Some("\u{fffd}%zz"));
    }

    #[test]
    fn faults_are_few_and_short_whatever_was_sent() {
        let mut faults = QueryFaults::default();
        for _ in 0..1_000 {
            faults.add("state", &"é".repeat(10_000), || "online".into());
        }
        let faults = faults.or_value(()).unwrap_err();
        assert_eq!(faults.len(), MAX_FAULTS);
        assert_eq!(faults[0].found.chars().count(), MAX_FOUND_CHARS);
    }
}
