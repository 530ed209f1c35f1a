//! A generated file may have a part that people write, below a marker line. Generation replaces
//! what stands above and keeps what stands below.

/// The marker line before the hand-written part of a generated file, which is kept.
/// A comment in Markdown, which readers of the page don't see.
pub const MANUAL_SECTION_MARKER: &str =
    "<!-- From here on written by hand, and kept when the rest is generated anew. -->";

/// A generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GeneratedFile {
    /// Its path below the output folder, with `/` on every system.
    pub path: String,
    /// Its text, which ends with a line end.
    pub text: String,
}

/// The state of the existing file at a generated file's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileStatus {
    /// Equal to the plan.
    Same,
    /// Different from the plan.
    Different,
    /// No such file.
    Missing,
    /// Different from the plan, and without the line [`MANUAL_SECTION_MARKER`] that the plan has:
    /// whether any of it was written by hand can't be told, so that it must not be overwritten.
    Unmarked,
}

impl GeneratedFile {
    /// Returns a file with this text.
    #[must_use]
    pub(crate) fn new(path: impl Into<String>, text: impl Into<String>) -> GeneratedFile {
        GeneratedFile {
            path: path.into(),
            text: text.into(),
        }
    }

    /// Returns the text to write over an existing file: where both have the line
    /// [`MANUAL_SECTION_MARKER`], what follows it there is kept.
    #[must_use]
    pub fn merged_with(&self, existing: &str) -> String {
        match (split_at_marker(&self.text), split_at_marker(existing)) {
            (Some((generated, _)), Some((_, written))) => format!("{generated}{written}"),
            _ => self.text.clone(),
        }
    }

    /// Compares the existing file with the plan. Line ends of a checkout on Windows are no difference.
    #[must_use]
    pub fn compare(&self, existing: Option<&str>) -> FileStatus {
        let existing = existing.map(|existing| existing.replace("\r\n", "\n"));
        match existing.as_deref() {
            None => FileStatus::Missing,
            Some(existing) if self.merged_with(existing) == existing => FileStatus::Same,
            Some(existing)
                if split_at_marker(&self.text).is_some() && split_at_marker(existing).is_none() =>
            {
                FileStatus::Unmarked
            }
            Some(_) => FileStatus::Different,
        }
    }
}

/// Splits a text before the marker line.
fn split_at_marker(text: &str) -> Option<(&str, &str)> {
    text.find(MANUAL_SECTION_MARKER).map(|at| text.split_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_written_part_is_kept() {
        let file = GeneratedFile::new("a.md", format!("new\n{MANUAL_SECTION_MARKER}\ndraft\n"));
        let existing = format!("old\n{MANUAL_SECTION_MARKER}\nours\n");
        assert_eq!(
            file.merged_with(&existing),
            format!("new\n{MANUAL_SECTION_MARKER}\nours\n")
        );
        assert_eq!(file.compare(Some(&existing)), FileStatus::Different);
        assert_eq!(
            file.compare(Some(&file.merged_with(&existing))),
            FileStatus::Same
        );
        assert_eq!(file.compare(None), FileStatus::Missing);
    }

    #[test]
    fn line_ends_of_windows_are_no_difference() {
        for text in [
            "a\nb\n".to_owned(),
            format!("a\n{MANUAL_SECTION_MARKER}\nours\n"),
        ] {
            let file = GeneratedFile::new("a.md", text.as_str());
            let checkout = text.replace('\n', "\r\n");
            assert_eq!(file.compare(Some(&checkout)), FileStatus::Same, "{text}");
            let changed = checkout.replace("a\r", "b\r");
            assert_eq!(
                file.compare(Some(&changed)),
                FileStatus::Different,
                "{text}"
            );
        }
    }

    #[test]
    fn file_without_marker_is_not_taken_for_generated() {
        let file = GeneratedFile::new("a.md", format!("new\n{MANUAL_SECTION_MARKER}\n"));
        assert_eq!(file.compare(Some("ours\n")), FileStatus::Unmarked);
    }

    #[test]
    fn without_the_marker_the_whole_file_is_generated() {
        let file = GeneratedFile::new("a.yml", "new\n");
        assert_eq!(file.merged_with("old\n"), "new\n");
        assert_eq!(
            file.merged_with(&format!("old\n{MANUAL_SECTION_MARKER}\n")),
            "new\n"
        );
    }
}
