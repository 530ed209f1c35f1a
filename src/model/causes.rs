//! An error and its causes.

use std::error::Error;
use std::fmt::Write as _;

/// The most causes that are looked at: an error of another crate may be its own cause.
const MAX_CAUSES: usize = 32;

/// Returns an error, the error that caused it, and so on.
pub(crate) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source()).take(1 + MAX_CAUSES)
}

/// Returns the texts of an error and of its causes, as `a: b: c`. A cause that the text before it ends with
/// already, as that of an error that only passes it on, is left out.
///
/// Each cause stands once: an error must not repeat its source in its own text, or it would be read
/// twice here.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    joined(error, |text| text)
}

/// Returns the first lines of the texts that [`with_causes`] returns: of an error of PostgreSQL without its details, which
/// hold values of the row.
pub(crate) fn first_lines(error: &(dyn Error + 'static)) -> String {
    joined(error, |text| text.lines().next().unwrap_or_default())
}

fn joined(error: &(dyn Error + 'static), part: impl Fn(&str) -> &str) -> String {
    let mut text = String::new();
    for cause in causes(error) {
        let cause = cause.to_string();
        let cause = part(&cause);
        if text.is_empty() {
            cause.clone_into(&mut text);
        } else if text != cause && !text.ends_with(&format!(": {cause}")) {
            let _ = write!(text, ": {cause}");
        }
    }
    text
}

/// Returns a text from outside as one printable line of at most 200 characters.
pub(crate) fn one_line(text: &str) -> String {
    // A server may answer with a page.
    line_of(text, 200)
}

/// Returns a text as one printable line of at most so many characters.
pub(crate) fn line_of(text: &str, max_chars: usize) -> String {
    // The text may come from a server: a control character would break the log line that it ends up
    // in.
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String = printable.take(max_chars).collect();
    line.truncate(line.trim_end().len());
    line
}

/// Implements `Debug` of an error by its text and those of its causes: that is how a `main` that returns it, and
/// an `unwrap`, show it.
///
/// The derived `Debug` would print a tree of structs in the one place where most services print
/// their configuration errors.
macro_rules! debug_as_text {
    ($error:ty) => {
        impl std::fmt::Debug for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&crate::model::causes::with_causes(self))
            }
        }
    };
}
pub(crate) use debug_as_text;

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Cause(&'static str, Option<Box<Cause>>);

    impl fmt::Display for Cause {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Cause {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[derive(Debug)]
    struct Ring;

    impl fmt::Display for Ring {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("round")
        }
    }

    impl Error for Ring {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(self)
        }
    }

    #[test]
    fn causes_follow_their_error() {
        let error = Cause("a", Some(Cause("b", Some(Cause("c", None).into())).into()));
        assert_eq!(with_causes(&error), "a: b: c");
        assert_eq!(with_causes(&Cause("alone", None)), "alone");
    }

    #[test]
    fn first_lines_leave_details_out() {
        let detailed = Cause("the key is taken\nDETAIL: Key (email)=(a@b.c)", None);
        let error = Cause("not saved", Some(detailed.into()));
        assert_eq!(first_lines(&error), "not saved: the key is taken");
    }

    #[test]
    fn a_cause_is_told_once() {
        let told = |texts: &[&'static str]| {
            let chain = texts
                .iter()
                .rev()
                .fold(None, |cause, text| Some(Box::new(Cause(text, cause))));
            with_causes(&*chain.unwrap())
        };
        let gone = "PostgreSQL is not there";
        assert_eq!(told(&[gone, gone]), gone);
        assert_eq!(told(&[gone, gone, "refused"]), format!("{gone}: refused"));
        assert_eq!(told(&["no: b", "b", "c"]), "no: b: c");
        assert_eq!(
            told(&["ab", "b"]),
            "ab: b",
            "a part of a word is another text"
        );
    }

    #[derive(thiserror::Error)]
    #[error("it failed")]
    struct Readable(#[source] Cause);
    debug_as_text!(Readable);

    #[test]
    fn the_error_of_a_main_is_its_text() {
        let error: Box<dyn Error> = Readable(Cause("no disk", None)).into();
        assert_eq!(format!("Error: {error:?}"), "Error: it failed: no disk");
    }

    #[test]
    fn a_ring_of_causes_has_an_end() {
        assert_eq!(causes(&Ring).count(), 33);
    }
}
