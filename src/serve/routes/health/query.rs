/// What a query asks for, as Kubernetes' own health paths understand it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// `verbose` is there, with whatever value.
    pub(super) verbose: bool,
    /// The values of `exclude` that could be ids.
    pub(super) exclude: Vec<String>,
}

impl Query {
    /// Whatever it does not know is left alone.
    pub(super) fn of(text: &str) -> Self {
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

/// Other text is no check of ours, and not ours to repeat.
fn is_id(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    !text.is_empty() && text.len() <= 64 && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbose_and_exclude_are_found_among_anything() {
        let query = Query::of("x=1&exclude=b&verbose&exclude=a&exclude=b&exclude=<i>&=&exclude=");
        assert!(query.verbose);
        assert_eq!(query.exclude, ["a", "b"]);
        assert!(query.excludes("a") && !query.excludes("c"));
        assert!(Query::of("verbose=false").verbose, "as in Kubernetes");
        assert_eq!(Query::of(""), Query::default());
    }
}
