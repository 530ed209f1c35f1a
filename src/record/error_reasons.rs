//! Reasons of errors: a short word for each, out of a small set, because it becomes a label.
//!
//! | the outermost error that | gives |
//! |---|---|
//! | a [classifier](ErrorReasons::classify) of the service or of an integration knows | the classifier's word |
//! | else: is one of the standard library, tokio, tower or serde_json | `timeout`, `connection_refused`, `panic`, `invalid_json`, … |
//! | derives `Debug` | the name of its variant or struct, in snake case: `upstream_timeout` |
//! | is named `Status` or `Failure`, and has a name for its first field, `code` or `kind` | that name: `not_found` |
//! | is named `Error`, with such a field, and has no cause with a word | likewise: `unexpected_eof` |
//!
//! An error without any of these, such as the context that a crate wraps around another error, is looked through
//! to its cause.
//!
//! `Error`, `Status` and `Failure` are the same for all that fails, so that the field says more. A name such as
//! `ParseIntError` is kept: that its kind is `InvalidDigit` says less.
//!
//! Why the name that `Debug` prints? It is the one thing that every error says about its kind without being asked,
//! also inside a box: `derive(Debug)` begins with the name. A message is never taken: text that is not one
//! capitalised identifier is no name, and neither is one with the digits of an id.

use std::any::TypeId;
use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Write as _};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;

use crate::model::causes::causes;
use crate::record::sync::lock;

/// The conventions' word for an error of which nothing is known.
pub(crate) const OTHER: &str = "_OTHER";
/// As the conventions have it for all that ran out of time.
const TIMEOUT: &str = "timeout";
/// The longest name that is taken, in bytes.
const MAX_NAME: usize = 64;
/// Names that say no more than that something failed.
const GENERIC_NAMES: [&str; 2] = ["Status", "Failure"];
/// The name of which not even that is said: contexts of errors are named so.
const NO_NAME: &str = "Error";
/// The fields that hold the kind of a failure, where the first one is such.
const KIND_FIELDS: [&str; 2] = ["code: ", "kind: "];
/// The most characters of a `Debug` that are looked at: a name, and the kind in the first field.
const MAX_DEBUG: usize = MAX_NAME + " { kind: ".len() + MAX_NAME + " }".len();
/// From so many digits on in a row a name holds an id. Names such as `Sha256` hold less.
const ID_DIGITS: usize = 4;

/// The words for errors. Clones share the classifiers.
#[derive(Clone, Default)]
pub struct ErrorReasons(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Read without a lock: reasons are looked up while work ends.
    classifiers: ArcSwap<Vec<Classifier>>,
    /// Held while the list is replaced.
    replacing: Mutex<()>,
}

type ClassifyError = dyn Fn(&(dyn Error + 'static)) -> Option<Cow<'static, str>> + Send + Sync;

/// The service's own word for errors of one type.
#[derive(Clone)]
struct Classifier {
    error: TypeId,
    reason: Arc<ClassifyError>,
}

impl Classifier {
    fn new<E: Error + 'static, R: Into<Cow<'static, str>>>(
        reason: impl Fn(&E) -> R + Send + Sync + 'static,
    ) -> Self {
        Self {
            error: TypeId::of::<E>(),
            reason: Arc::new(move |error| error.downcast_ref().map(|error| reason(error).into())),
        }
    }
}

impl fmt::Debug for ErrorReasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classifiers = self.0.classifiers.load().len();
        f.debug_tuple("ErrorReasons").field(&classifiers).finish()
    }
}

impl ErrorReasons {
    /// Uses `reason` for errors of this type from now on, wherever one is among the causes. A later one for the same
    /// type takes its place, so that the list is no longer than the service has types.
    pub(crate) fn classify<E: Error + 'static, R: Into<Cow<'static, str>>>(
        &self,
        reason: impl Fn(&E) -> R + Send + Sync + 'static,
    ) {
        self.add(Classifier::new(reason), true);
    }

    fn add(&self, classifier: Classifier, replaces: bool) {
        let _replacing = lock(&self.0.replacing);
        let mut classifiers = Vec::clone(&self.0.classifiers.load());
        let is_same = |known: &Classifier| known.error == classifier.error;
        if !replaces && classifiers.iter().any(is_same) {
            return;
        }
        classifiers.retain(|known| !is_same(known));
        classifiers.push(classifier);
        self.0.classifiers.store(Arc::new(classifiers));
    }

    /// Uses `reason` for errors of this type unless the service has said something, or says so later.
    #[cfg(any(feature = "deadpool", feature = "reqwest", feature = "sqlx"))]
    pub(crate) fn classify_by_default<E: Error + 'static>(
        &self,
        reason: impl Fn(&E) -> &'static str + Send + Sync + 'static,
    ) {
        self.add(Classifier::new(reason), false);
    }

    /// Returns the reason of an error of any type.
    pub(crate) fn reason(&self, error: &(dyn Error + 'static)) -> Cow<'static, str> {
        self.find(error).unwrap_or(Cow::Borrowed(OTHER))
    }

    /// Returns the reason of an error whose type is known: that has a name in any case.
    pub(crate) fn reason_of(
        &self,
        error: &(dyn Error + 'static),
        type_name: &str,
    ) -> Cow<'static, str> {
        let from_type = || Cow::Owned(reason_of_type(type_name));
        self.find(error).unwrap_or_else(from_type)
    }

    fn find(&self, error: &(dyn Error + 'static)) -> Option<Cow<'static, str>> {
        // The code of the service's errors runs here, and the future's output must reach its caller whatever
        // that does.
        guarded(|| {
            // First all that the service has said: the name of what wraps an error must not hide it.
            let classified = causes(error).find_map(|error| self.find_classified(error));
            let named = || causes(error).find_map(find_named);
            let kind = || causes(error).find_map(kind_of_nameless);
            classified.or_else(named).or_else(|| kind().map(Cow::Owned))
        })
    }

    /// Returns what the service says of an error without its causes.
    fn find_classified(&self, error: &(dyn Error + 'static)) -> Option<Cow<'static, str>> {
        let classifiers = self.0.classifiers.load();
        let find = |error| classifiers.iter().find_map(|one| (one.reason)(error));
        find(error).or_else(|| find(inside_io(error.downcast_ref()?)?))
    }
}

/// Returns the error inside of one of I/O that has no kind: it is none of its causes. One level deep: errors that wrap
/// each other for ever must not be followed.
fn inside_io(error: &io::Error) -> Option<&(dyn Error + 'static)> {
    let inner = error.get_ref()? as &(dyn Error + 'static);
    (error.kind() == io::ErrorKind::Other && !inner.is::<io::Error>()).then_some(inner)
}

/// Returns the word for an error by its own type, without its causes.
fn find_named(error: &(dyn Error + 'static)) -> Option<Cow<'static, str>> {
    match error.downcast_ref::<io::Error>() {
        Some(error) if error.kind() == io::ErrorKind::Other => inside_io(error).and_then(name_of),
        Some(error) => name_of_kind(error.kind()),
        None => name_of(error),
    }
}

fn name_of(error: &(dyn Error + 'static)) -> Option<Cow<'static, str>> {
    let known = known_reason(error).map(Cow::Borrowed);
    known.or_else(|| variant_name(error).map(Cow::Owned))
}

fn name_of_kind(kind: io::ErrorKind) -> Option<Cow<'static, str>> {
    // One of the system's that has no kind says nothing.
    let other = || variant_name(&kind).filter(|kind| kind != "uncategorized");
    let known = io_class(kind).map(Cow::Borrowed);
    known.or_else(|| other().map(Cow::Owned))
}

/// Returns the word for a kind that says more than that something failed.
pub(crate) const fn io_class(kind: io::ErrorKind) -> Option<&'static str> {
    use io::ErrorKind;
    Some(match kind {
        ErrorKind::TimedOut => TIMEOUT,
        ErrorKind::ConnectionRefused => "connection_refused",
        ErrorKind::ConnectionReset => "connection_reset",
        ErrorKind::ConnectionAborted => "connection_aborted",
        ErrorKind::BrokenPipe => "broken_pipe",
        ErrorKind::NotConnected => "not_connected",
        ErrorKind::HostUnreachable => "host_unreachable",
        ErrorKind::NetworkUnreachable => "network_unreachable",
        ErrorKind::NetworkDown => "network_down",
        ErrorKind::AddrNotAvailable => "address_not_available",
        ErrorKind::UnexpectedEof => "unexpected_eof",
        // Most often a certificate.
        ErrorKind::InvalidData => "invalid_data",
        ErrorKind::NotFound => "not_found",
        ErrorKind::PermissionDenied => "permission_denied",
        _ => return None,
    })
}

/// Returns what the service's code answers; `None` where it panics.
pub(crate) fn guarded<R>(reason: impl FnOnce() -> Option<R>) -> Option<R> {
    // Only read: what it borrows is as whole as before.
    catch_unwind(AssertUnwindSafe(reason)).ok().flatten()
}

/// Returns the reason of an error of a crate that nearly every service has.
fn known_reason(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if error.is::<tokio::time::error::Elapsed>() || error.is::<tower::timeout::error::Elapsed>() {
        return Some(TIMEOUT);
    }
    if let Some(error) = error.downcast_ref::<tokio::task::JoinError>() {
        return Some(if error.is_panic() {
            "panic"
        } else {
            "cancelled"
        });
    }
    // With an error of I/O the cause says more.
    let json = error.downcast_ref::<serde_json::Error>()?;
    (!json.is_io()).then_some("invalid_json")
}

/// Returns the name that a derived `Debug` begins with, in snake case; `None` where it begins with anything else. Of
/// a name that says nothing, the kind that follows.
fn variant_name(value: &dyn fmt::Debug) -> Option<String> {
    let text = DebugStart::of(value);
    let (name, rest) = text.name()?;
    let kind = || kind_in(rest).filter(|_| GENERIC_NAMES.contains(&name));
    (name != NO_NAME).then(|| snake_case(kind().unwrap_or(name)))
}

/// Returns the kind of an error whose name is none, in snake case.
fn kind_of_nameless(error: &(dyn Error + 'static)) -> Option<String> {
    let text = DebugStart::of(error);
    let (name, rest) = text.name()?;
    let kind = kind_in(rest).filter(|_| name == NO_NAME);
    kind.map(snake_case)
}

/// Returns the value of the first field where that is the kind, and one name.
fn kind_in(fields: &str) -> Option<&str> {
    let first = fields.strip_prefix(" { ")?;
    let value = KIND_FIELDS
        .iter()
        .find_map(|field| first.strip_prefix(field))?;
    let (kind, rest) = split_name(value)?;
    (rest.starts_with(',') || rest.starts_with(" }")).then_some(kind)
}

/// Splits a text behind the capitalised identifier that it begins with; `None` where that is none, or no label.
fn split_name(text: &str) -> Option<(&str, &str)> {
    let length = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let (name, rest) = text.split_at(length.unwrap_or(text.len()));
    let is_name = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.len() <= MAX_NAME
        && !holds_id(name);
    is_name.then_some((name, rest))
}

/// The beginning of what `Debug` prints.
struct DebugStart {
    text: String,
    /// The characters that have room.
    room: usize,
}

impl DebugStart {
    fn of(value: &(impl fmt::Debug + ?Sized)) -> Self {
        let mut start = Self {
            text: String::new(),
            room: MAX_DEBUG,
        };
        // The error is how the rest is left unwritten.
        let _ = write!(start, "{value:?}");
        start
    }

    /// Returns the name that it begins with, and what follows it; `None` where that can't follow a name in a derived
    /// `Debug`.
    fn name(&self) -> Option<(&str, &str)> {
        let (name, rest) = split_name(&self.text)?;
        let ends = rest.is_empty() || rest.starts_with('(') || rest.starts_with(" {");
        ends.then_some((name, rest))
    }
}

impl fmt::Write for DebugStart {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            self.room = self.room.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(letter);
        }
        Ok(())
    }
}

/// Returns `true` for a name with so many digits in a row as an id has, which must not become a label.
pub(crate) fn holds_id(name: &str) -> bool {
    let runs = name.split(|c: char| !c.is_ascii_digit());
    runs.map(str::len)
        .max()
        .is_some_and(|longest| longest >= ID_DIGITS)
}

/// Returns the last part of a type's path in snake case; before the name `Error`, which many crates have one of, its
/// crate.
fn reason_of_type(path: &str) -> String {
    let path = path.split('<').next().unwrap_or(path);
    let name = path.rsplit("::").next().unwrap_or(path);
    // Of the standard library, the module.
    let mut owners = path
        .split("::")
        .skip_while(|part| matches!(*part, "std" | "core" | "alloc"));
    match owners.next() {
        Some(owner) if name == "Error" && owner != name => format!("{owner}_error"),
        _ => snake_case(name),
    }
}

/// Returns a name such as `HTTPError` as `http_error`.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let letters: Vec<_> = name.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| letters.get(before));
        let after = letters.get(at + 1);
        let is_start = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                let ends_word = before.is_ascii_lowercase() || before.is_ascii_digit();
                let ends_acronym =
                    before.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase);
                ends_word || ends_acronym
            });
        if is_start {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("query")]
    enum QueryError {
        Unique,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("shop")]
    enum ShopError {
        Database(#[from] QueryError),
        System(#[from] io::Error),
        OutOfStock,
    }

    #[test]
    fn the_name_of_what_wraps_an_error_hides_no_classifier() {
        let reasons = ErrorReasons::default();
        let wrapped = ShopError::from(QueryError::Unique);
        assert_eq!(reasons.reason(&wrapped), "database");
        reasons.classify(|_: &QueryError| "unique_violation");
        assert_eq!(reasons.reason(&wrapped), "unique_violation");
        assert_eq!(reasons.reason(&ShopError::OutOfStock), "out_of_stock");
        // Inside of an error of I/O, which is none of its causes.
        let hidden = ShopError::from(io::Error::other(QueryError::Unique));
        assert_eq!(reasons.reason(&hidden), "unique_violation");
        // Of two that are known the outermost.
        reasons.classify(|_: &ShopError| "shop");
        assert_eq!(reasons.reason(&wrapped), "shop");
    }

    /// An error whose `Debug` is this text, and its cause.
    struct Printed(&'static str, Option<io::Error>);

    impl fmt::Debug for Printed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl fmt::Display for Printed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("printed")
        }
    }

    impl Error for Printed {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_ref().map(|cause| cause as _)
        }
    }

    #[test]
    fn the_kind_in_the_first_field_is_the_word_where_the_name_says_nothing() {
        let reasons = ErrorReasons::default();
        for (debug, expected) in [
            // As tonic's.
            (
                "Status { code: NotFound, message: \"order 4711\", metadata: MetadataMap { headers: {} } }",
                "not_found",
            ),
            ("Status { code: NotFound }", "not_found"),
            ("Failure { kind: DiskFull, path: \"/srv\" }", "disk_full"),
            (
                "Error { kind: UnexpectedEof, cause: None }",
                "unexpected_eof",
            ),
            // As hyper's, which has a kind of its own form; and one with more inside.
            ("hyper::Error(IncompleteMessage)", OTHER),
            ("Error { kind: Parse(Header(Token)), cause: None }", OTHER),
            // A name that says something stays, and so does one whose field is no name.
            ("ParseIntError { kind: InvalidDigit }", "parse_int_error"),
            ("OutOfStock { code: Sold }", "out_of_stock"),
            ("Status { code: 404, message: \"gone\" }", "status"),
            ("Status { code: \"Gone\" }", "status"),
            ("Status { code: Some(NotFound) }", "status"),
            ("Status { code: notFound }", "status"),
            ("Status { code: Order4711 }", "status"),
            ("Status { message: \"x\", code: NotFound }", "status"),
            ("Status { code: NotFound", "status"),
            ("Status", "status"),
            ("Error { code: 404 }", OTHER),
            ("Error { code: Order4711 }", OTHER),
            // A text that looks like it.
            ("Error: { code: NotFound }", OTHER),
        ] {
            assert_eq!(reasons.reason(&Printed(debug, None)), expected, "{debug}");
        }
        let longest = format!("Status {{ code: A{} }}", "a".repeat(MAX_NAME - 1));
        let longest = Printed(Box::leak(longest.into()), None);
        assert_eq!(
            reasons.reason(&longest),
            format!("a{}", "a".repeat(MAX_NAME - 1))
        );
        let longer = format!("Status {{ code: A{} }}", "a".repeat(MAX_NAME));
        let longer = Printed(Box::leak(longer.into()), None);
        assert_eq!(reasons.reason(&longer), "status");
    }

    #[test]
    fn a_cause_says_more_than_the_kind_of_a_nameless_error() {
        let reasons = ErrorReasons::default();
        let refused = || Some(io::ErrorKind::ConnectionRefused.into());
        let error = Printed("Error { kind: Connect, source: Os }", refused());
        assert_eq!(reasons.reason(&error), "connection_refused");
        let status = Printed("Status { code: Unavailable, source: Os }", refused());
        assert_eq!(reasons.reason(&status), "unavailable");
        let text = Some(io::Error::other("10.0.0.1 is away"));
        let error = Printed("Error { kind: Connect, source: Os }", text);
        assert_eq!(reasons.reason(&error), "connect");
    }

    #[derive(Debug, thiserror::Error)]
    enum Transparent {
        #[error(transparent)]
        Query(#[from] QueryError),
    }

    #[test]
    fn an_error_that_passes_another_one_on_hides_it() {
        let reasons = ErrorReasons::default();
        reasons.classify(|_: &QueryError| "unique_violation");
        let hidden = Transparent::from(QueryError::Unique);
        assert_eq!(reasons.reason(&hidden), "query");
        // The way out that the guide names.
        let inner = reasons.clone();
        reasons.classify(move |Transparent::Query(error): &Transparent| inner.reason(error));
        assert_eq!(reasons.reason(&hidden), "unique_violation");
    }

    #[cfg(any(feature = "deadpool", feature = "reqwest", feature = "sqlx"))]
    #[test]
    fn what_the_service_says_stays_before_a_default_in_either_order() {
        let reasons = ErrorReasons::default();
        reasons.classify_by_default(|_: &QueryError| "default");
        assert_eq!(reasons.reason(&QueryError::Unique), "default");
        reasons.classify(|_: &QueryError| "own");
        reasons.classify_by_default(|_: &QueryError| "default");
        assert_eq!(reasons.reason(&QueryError::Unique), "own");
    }
}
