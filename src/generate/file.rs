/// The line from which on a generated file belongs to people: what follows it is kept.
pub const HAND_WRITTEN: &str =
    "<!-- From here on written by hand, and kept when the rest is generated anew. -->";

/// A file of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GeneratedFile {
    /// Its path below the output folder, with `/` on every system.
    pub path: String,
    /// Its text, which ends with a line end.
    pub text: String,
}

/// What stands at a file's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// What the plan says.
    Same,
    /// Something else.
    Different,
    /// Nothing.
    Missing,
    /// Something else, and without the line [`HAND_WRITTEN`] that the plan has: whether any of it was
    /// written by hand can't be told, so that it must not be overwritten.
    Unmarked,
}

impl GeneratedFile {
    /// A file with this text.
    #[must_use]
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> GeneratedFile {
        GeneratedFile {
            path: path.into(),
            text: text.into(),
        }
    }

    /// The text to write where a file exists already: where both have the line [`HAND_WRITTEN`], what
    /// follows it there is kept.
    #[must_use]
    pub fn over(&self, existing: &str) -> String {
        match (split(&self.text), split(existing)) {
            (Some((generated, _)), Some((_, written))) => format!("{generated}{written}"),
            _ => self.text.clone(),
        }
    }

    /// How what stands at its place differs from the plan.
    #[must_use]
    pub fn compare(&self, existing: Option<&str>) -> Found {
        match existing {
            None => Found::Missing,
            Some(existing) if self.over(existing) == existing => Found::Same,
            Some(existing) if split(&self.text).is_some() && split(existing).is_none() => {
                Found::Unmarked
            }
            Some(_) => Found::Different,
        }
    }
}

/// Before the line, and from it on.
fn split(text: &str) -> Option<(&str, &str)> {
    text.find(HAND_WRITTEN).map(|at| text.split_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_by_hand_is_kept() {
        let file = GeneratedFile::new("a.md", format!("new\n{HAND_WRITTEN}\ndraft\n"));
        let existing = format!("old\n{HAND_WRITTEN}\nours\n");
        assert_eq!(file.over(&existing), format!("new\n{HAND_WRITTEN}\nours\n"));
        assert_eq!(file.compare(Some(&existing)), Found::Different);
        assert_eq!(file.compare(Some(&file.over(&existing))), Found::Same);
        assert_eq!(file.compare(None), Found::Missing);
    }

    #[test]
    fn what_may_have_been_written_by_hand_is_not_taken_for_generated() {
        let file = GeneratedFile::new("a.md", format!("new\n{HAND_WRITTEN}\n"));
        assert_eq!(file.compare(Some("ours\n")), Found::Unmarked);
    }

    #[test]
    fn without_the_line_all_is_generated() {
        let file = GeneratedFile::new("a.yml", "new\n");
        assert_eq!(file.over("old\n"), "new\n");
        assert_eq!(file.over(&format!("old\n{HAND_WRITTEN}\n")), "new\n");
    }
}
