use axum::http::Uri;

use crate::model::snapshot::health::is_check_id;
use crate::serve::routes::query_string::QueryString;

/// The query parameters, as Kubernetes' own health paths understand them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct HealthQuery {
    /// `verbose` is there, with whatever value.
    pub(super) verbose: bool,
    /// The values of `exclude` that could be ids; other text is not repeated in a response.
    pub(super) exclude: Vec<String>,
}

impl HealthQuery {
    /// Parses the query of a request; unknown parameters are ignored.
    pub(super) fn parse(uri: &Uri) -> Self {
        let mut query = Self::default();
        for (name, value) in QueryString::parse(uri).iter() {
            match name {
                "verbose" => query.verbose = true,
                "exclude" if is_check_id(value) => query.exclude.push(value.to_owned()),
                _ => {}
            }
        }
        // Kubernetes sorts, and names each once.
        query.exclude.sort_unstable();
        query.exclude.dedup();
        query
    }

    pub(super) fn excludes(&self, id: &str) -> bool {
        self.exclude.iter().any(|excluded| excluded == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> HealthQuery {
        HealthQuery::parse(&format!("/ready?{query}").parse().unwrap())
    }

    #[test]
    fn verbose_and_exclude_are_found_among_anything() {
        let query = parse("x=1&exclude=b&verbose&exclude=a&exclude=b&exclude=%0a&=&exclude=");
        assert!(query.verbose);
        assert_eq!(query.exclude, ["a", "b"]);
        assert!(query.excludes("a") && !query.excludes("c"));
        assert!(parse("verbose=false").verbose, "as in Kubernetes");
        assert_eq!(parse(""), HealthQuery::default());
    }

    #[test]
    fn an_excluded_id_is_decoded() {
        let query = parse("exclude=%D0%B6%D0%B0%D1%80&exclude=main+db&exclude=a%3Ab%2Fc");
        assert_eq!(query.exclude, ["a:b/c", "main db", "жар"]);
    }
}
