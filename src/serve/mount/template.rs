//! Templates of paths, and which of two is the more specific.

/// A template such as `/posts/{id}` or `/{*path}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathTemplate<'a>(&'a str);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Segment<'a> {
    Static(&'a str),
    Parameter,
    /// The rest of the path.
    Wildcard,
}

/// The order of two templates that match one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Specificity {
    Less,
    SameOrMore,
}

impl<'a> PathTemplate<'a> {
    pub(crate) const fn new(template: &'a str) -> Self {
        Self(template)
    }

    fn segments(self) -> impl Iterator<Item = Segment<'a>> {
        self.0.split('/').map(|segment| {
            if segment.starts_with("{*") {
                Segment::Wildcard
            // `{{` is a brace. A parameter may have text around it.
            } else if segment.split("{{").any(|text| text.contains('{')) {
                Segment::Parameter
            } else {
                Segment::Static(segment)
            }
        })
    }

    /// Returns whether a path has this template.
    pub(crate) fn matches(self, path: &str) -> bool {
        let mut segments = path.split('/');
        for segment in self.segments() {
            let Some(text) = segments.next() else {
                return false;
            };
            match segment {
                Segment::Static(own) if own == text => {}
                Segment::Parameter if !text.is_empty() => {}
                Segment::Wildcard => return true,
                Segment::Static(_) | Segment::Parameter => return false,
            }
        }
        segments.next().is_none()
    }

    /// Returns whether it matches one path only.
    pub(super) fn is_exact(self) -> bool {
        self.segments()
            .all(|segment| matches!(segment, Segment::Static(_)))
    }

    /// Returns a path that matches.
    pub(super) fn sample(self) -> String {
        let segments = self.segments().map(|segment| match segment {
            Segment::Static(text) => text,
            Segment::Parameter | Segment::Wildcard => "x",
        });
        segments.collect::<Vec<_>>().join("/")
    }

    /// Compares it with another one that matches the same path, by the first segment in which they differ.
    pub(super) fn compare(self, other: PathTemplate<'_>) -> Specificity {
        for (own, other) in self.segments().zip(other.segments()) {
            match (own, other) {
                (Segment::Wildcard, _) | (Segment::Parameter, Segment::Static(_)) => {
                    return Specificity::Less;
                }
                (Segment::Static(_), Segment::Parameter | Segment::Wildcard)
                | (Segment::Parameter, Segment::Wildcard) => return Specificity::SameOrMore,
                _ => {}
            }
        }
        Specificity::SameOrMore
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_matches_whole_segments() {
        for (template, path, expected) in [
            ("/metrics", "/metrics", true),
            ("/metrics", "/metrics/", false),
            ("/metrics/", "/metrics/", true),
            ("/status/{id}", "/status/7", true),
            ("/status/{id}", "/status/", false),
            ("/status/{id}", "/status/7/8", false),
            ("/status/{id}", "/status", false),
            ("/status/{id}.json", "/status/7.json", true),
            ("/{*path}", "/a/b", true),
            ("/", "/", true),
            ("/", "/a", false),
        ] {
            let matches = PathTemplate::new(template).matches(path);
            assert_eq!(matches, expected, "{template} {path}");
        }
    }

    #[test]
    fn text_is_more_specific_than_a_parameter_and_that_than_a_wildcard() {
        use Specificity::{Less, SameOrMore};
        for (own, other, expected) in [
            ("/status", "/status", SameOrMore),
            ("/{page}", "/status", Less),
            ("/{*path}", "/status", Less),
            ("/status/{*path}", "/status/incidents/{id}", Less),
            ("/{a}/incidents/x", "/status/incidents/{id}", Less),
            ("/status/incidents/{a}", "/status/incidents/{b}", SameOrMore),
            ("/status/incidents/x", "/status/incidents/{b}", SameOrMore),
        ] {
            let [own, other] = [own, other].map(PathTemplate::new);
            assert_eq!(own.compare(other), expected, "{own:?} {other:?}");
        }
    }

    #[test]
    fn a_sample_matches_its_template() {
        for template in ["/metrics", "/a/{b}/c", "/a/{*b}", "/"] {
            let template = PathTemplate::new(template);
            assert!(template.matches(&template.sample()), "{template:?}");
        }
    }
}
