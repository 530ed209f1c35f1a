//! "Did you mean": the allowed word that is nearest to what was written.
//!
//! A key that is not known is refused, and mostly it is a typing error: the nearest allowed word in
//! the message saves the reader a look into the documentation.

/// Returns the candidate that takes the fewest edits, if few enough for a typing error: a third of the word.
pub(super) fn nearest<'a>(written: &str, candidates: &[&'a str]) -> Option<&'a str> {
    nearest_within(written, candidates.iter().copied(), |length| {
        length.div_ceil(3)
    })
}

/// Returns the candidate that takes the fewest edits, if at most `max_edits` of its length.
///
/// Case does not count, and neither does a hyphen in place of an underscore.
pub(crate) fn nearest_within<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    max_edits: fn(usize) -> usize,
) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let written = plain(written);
    let length = written.chars().count();
    candidates
        .into_iter()
        // Lengths apart are edits: a key of a megabyte is compared with nothing.
        .filter(|candidate| {
            length.abs_diff(candidate.chars().count()) <= max_edits(candidate.len())
        })
        .map(|candidate| (edit_distance(&written, &plain(candidate)), candidate))
        .filter(|(edits, candidate)| *edits <= max_edits(candidate.len()))
        // The first of several equally near ones, which is the order of the documentation.
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Returns the Levenshtein distance, computed one row at a time.
fn edit_distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    // One row instead of a matrix: words are short, but a key of a hostile file need not be.
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, left) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, right) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_its_word() {
        let words = ["target", "threshold", "window", "unit"];
        assert_eq!(nearest("treshold", &words), Some("threshold"));
        assert_eq!(nearest("Target", &words), Some("target"));
        assert_eq!(nearest("widow", &words), Some("window"));
        assert_eq!(nearest("error-rate", &["error_rate"]), Some("error_rate"));
    }

    #[test]
    fn a_different_word_finds_none() {
        assert_eq!(
            nearest("severity", &["target", "threshold", "window"]),
            None
        );
        assert_eq!(nearest("", &["unit"]), None);
        let long = "unit".repeat(1 << 22);
        assert_eq!(nearest(&long, &["unit", "window"]), None);
    }
}
