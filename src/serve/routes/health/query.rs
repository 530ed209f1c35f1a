/// The query parameters, as Kubernetes' own health paths understand them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct HealthQuery {
    /// `verbose` is there, with whatever value.
    pub(super) verbose: bool,
    /// The values of `exclude` that could be ids.
    pub(super) exclude: Vec<String>,
}

impl HealthQuery {
    /// Parses a query string; unknown parameters are ignored.
    pub(super) fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for pair in text.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "verbose" => query.verbose = true,
                "exclude" if is_id(value) => query.exclude.push(value.to_owned()),
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

/// Returns true for a possible check id; other text is not repeated in a response.
fn is_id(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    !text.is_empty() && text.len() <= 64 && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbose_and_exclude_are_found_among_anything() {
        let query =
            HealthQuery::parse("x=1&exclude=b&verbose&exclude=a&exclude=b&exclude=<i>&=&exclude=");
        assert!(query.verbose);
        assert_eq!(query.exclude, ["a", "b"]);
        assert!(query.excludes("a") && !query.excludes("c"));
        assert!(
            HealthQuery::parse("verbose=false").verbose,
            "as in Kubernetes"
        );
        assert_eq!(HealthQuery::parse(""), HealthQuery::default());
    }
}
