//! The reader of the runbooks' Markdown: sections and directives.
//!
//! A directive is a line of its own, `{{name}}` or `{{name argument}}`: generated text takes its place.
//!
//! Not a Markdown parser: it splits at headings and replaces whole lines, which is all that the
//! pages need, and leaves everything else as it is.

/// Returns the sections of the second level: their headings, and what stands below them.
pub(super) fn sections(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let sections = text.split("\n## ").skip(1);
    sections.map(|section| {
        let (heading, body) = section.split_once('\n').unwrap_or((section, ""));
        (heading, body.trim())
    })
}

/// Returns what stands below a heading of the second level; nothing where there is no such heading.
pub(super) fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let mut found = sections(text).filter(|(name, _)| *name == heading);
    found.next().map_or("", |(_, body)| body)
}

/// Replaces each directive by its value; one without a value stays as it is.
pub(super) fn expand(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let lines = text.trim_end().lines().map(|line| {
        let directive = line
            .strip_prefix("{{")
            .and_then(|rest| rest.strip_suffix("}}"));
        directive
            .and_then(&value)
            .unwrap_or_else(|| line.to_owned())
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Formats a table.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let rows = rows.iter().map(|row| format!("\n| {} |", row.join(" | ")));
    format!(
        "| {} |\n|{}{}",
        head.join(" | "),
        "---|".repeat(N),
        rows.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A page\n\nIntroduction.\n\n## First\n\n1. One\n\n{{two words}}\n\n### Below it\n\nMore.\n\n## Last\n\nText\n";

    #[test]
    fn a_section_ends_at_the_next_of_its_level() {
        assert_eq!(
            sections(PAGE).collect::<Vec<_>>(),
            [
                ("First", "1. One\n\n{{two words}}\n\n### Below it\n\nMore."),
                ("Last", "Text")
            ]
        );
        assert_eq!(section(PAGE, "Last"), "Text");
        assert_eq!(section(PAGE, "Below it"), "");
    }

    #[test]
    fn a_section_may_be_absent_or_empty() {
        assert_eq!(sections("# Only a title\n").count(), 0);
        assert_eq!(sections("# Title\n\n## Empty").next(), Some(("Empty", "")));
    }

    #[test]
    fn only_known_directives_on_lines_of_their_own_are_replaced() {
        let value = |words: &str| (words == "two words").then(|| "2\n3".to_owned());
        assert_eq!(expand("a\n\n{{two words}}\n\nb\n", value), "a\n\n2\n3\n\nb");
        for unchanged in ["{{two  words}}", "- {{two words}}", "{{two words}}.", "{{"] {
            assert_eq!(expand(unchanged, value), unchanged);
        }
    }

    #[test]
    fn a_table_has_a_line_for_its_head() {
        let rows = [["1".to_owned(), "2".to_owned()]];
        assert_eq!(table(["A", "B"], &rows), "| A | B |\n|---|---|\n| 1 | 2 |");
        assert_eq!(table(["A"], &[]), "| A |\n|---|");
    }
}
