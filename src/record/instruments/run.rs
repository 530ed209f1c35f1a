//! Work that ends by itself: the verdict of its handle follows from the `Result` of a future or a function.
//!
//! | the future | the handle |
//! |---|---|
//! | resolves to `Ok`, or to `()` | ends well |
//! | resolves to `Err` | ends badly, for the reason of the error |
//! | panics | is dropped by the panic, while that unwinds |
//! | is dropped after its first poll | is dropped |
//! | is dropped before | was never begun: nothing is recorded |

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{self, Poll};

use opentelemetry::Context;
use pin_project_lite::pin_project;

use crate::model::causes::{first_lines, line_of};
use crate::record::error_reasons::{ErrorReasons, OTHER, guarded};

/// The most characters of an error's text in a span.
const MAX_MESSAGE: usize = 1_024;

/// Work that has not begun, and all that its handle is started with.
pub trait Work {
    /// The handle.
    type Started: StartedWork;

    /// Starts it.
    fn start(self) -> Self::Started;
}

/// The handle of work that is under way. Dropped it has no verdict.
pub trait StartedWork {
    /// The context in which the work is polled; `None` where it has no span.
    fn context(&self) -> Option<&Context>;

    /// Returns `true` if its span is kept, and so is the text of its error.
    fn is_recording(&self) -> bool;

    /// The words for errors.
    fn error_reasons(&self) -> &ErrorReasons;

    /// Ends it, as failed if there is a failure.
    fn end(self, failure: Option<Failed<'_>>);
}

/// A failure as it is recorded.
#[derive(Debug)]
pub struct Failed<'a> {
    /// Out of a small set: it becomes a label.
    pub(crate) reason: &'a str,
    /// The text of the error, for the span alone; empty where there is none.
    pub(crate) message: String,
}

/// The way from an output to the reason of a failure.
pub trait Judge<O> {
    /// Returns `None` where the output is a success.
    fn failure(&self, output: &O, reasons: &ErrorReasons) -> Option<Cow<'static, str>>;

    /// Returns the text of the error; empty where none is known.
    fn message(&self, output: &O) -> String;
}

/// An output that tells by itself whether the work failed, and why: a `Result` whose error is an
/// [`Error`], a `Box<dyn Error>`, an `anyhow::Error` or an `eyre::Report`; or `()`, which is a success.
///
/// `V` follows from the output. It can't be implemented: the reason of an error type of one's own is set by
/// [`Telemetry::classify_errors`](crate::Telemetry::classify_errors), and that of anything else is given to `run_with`.
///
/// A `Result` in a `Result`, such as that of a time limit around work that may fail, is not judged, because it would be
/// a success whenever the outer one is. Make one of both:
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// # let test = vantage_obs::testing::TestTelemetry::new();
/// # let worker = test.telemetry().worker("publisher-1");
/// # let due = test.clock().wall();
/// use std::time::Duration;
/// use tokio::time::timeout;
/// use vantage_obs::trace::Carrier;
///
/// async fn publish() -> Result<(), std::io::Error> {
///     std::future::pending().await // a server that does not answer
/// }
///
/// let work = async { timeout(Duration::from_millis(1), publish()).await? };
/// let _ = worker.run("publish_post", due, &Carrier::EMPTY, work).await;
/// let labels = [("job_kind", "publish_post"), ("reason", "timeout")];
/// assert_eq!(test.value("vantage_worker_job_failures_total", &labels), Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// ```compile_fail,E0283
/// # use std::time::{Duration, SystemTime};
/// # use vantage_obs::{Telemetry, trace::Carrier};
/// # async fn publish() -> Result<(), std::io::Error> { Ok(()) }
/// # async fn f(telemetry: Telemetry) {
/// let worker = telemetry.worker("publisher-1");
/// let work = tokio::time::timeout(Duration::from_secs(1), publish());
/// let _ = worker.run("publish_post", SystemTime::now(), &Carrier::EMPTY, work).await;
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not tell whether the work failed",
    label = "neither a `Result` with an error nor `()`",
    note = "the error must be a `std::error::Error`, a `Box<dyn Error>`, an `anyhow::Error` or an `eyre::Report`; `run_with` takes any other, with its reason"
)]
pub trait RunOutput<V> {
    #[doc(hidden)]
    fn failure(&self) -> Option<Failure<'_>>;
}

/// The error of work that failed.
#[derive(Debug)]
pub enum Failure<'a> {
    /// One of a known type, with the type's name.
    Typed(&'a (dyn Error + 'static), &'static str),
    Boxed(&'a (dyn Error + 'static)),
    /// None that could be asked.
    Nested,
}

impl Failure<'_> {
    fn reason(&self, reasons: &ErrorReasons) -> Cow<'static, str> {
        match self {
            Self::Typed(error, type_name) => reasons.reason_of(*error, type_name),
            Self::Boxed(error) => reasons.reason(*error),
            Self::Nested => Cow::Borrowed(OTHER),
        }
    }

    /// Returns the texts of the error and its causes, as one line; empty where there is none.
    pub(crate) fn message(&self) -> String {
        let (Self::Typed(error, _) | Self::Boxed(error)) = self else {
            return String::new();
        };
        // The code of the service's errors runs here.
        let text = guarded(|| Some(first_lines(*error))).unwrap_or_default();
        line_of(&without_queries(&text), MAX_MESSAGE)
    }
}

/// Returns a text whose URLs have no query and no credentials: errors of HTTP clients name the URL that was asked.
fn without_queries(text: &str) -> String {
    let parts = text.split_inclusive([' ', ')', '"', '\'', '`', '>']);
    parts.map(without_query).collect()
}

fn without_query(part: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = part.split_once("://") else {
        return part.into();
    };
    let end = rest.trim_end_matches([' ', ')', '"', '\'', '`', '>', ':', ',']);
    let (address, end) = (end, &rest[end.len()..]);
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = match address.find('/') {
        Some(slash) => address.split_at(slash),
        None => (address, ""),
    };
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}{end}").into()
}

/// Markers of the kinds of output, which keep their implementations apart.
mod kind {
    /// A type that implements `Error`.
    #[derive(Debug)]
    pub struct Typed;
    /// A box around any error, of the sort that other threads may use.
    #[derive(Debug)]
    pub struct SharedBox;
    /// A box around any error that may be sent.
    #[derive(Debug)]
    pub struct SendBox;
    /// A box around any error.
    #[derive(Debug)]
    pub struct LocalBox;
    /// No result.
    #[derive(Debug)]
    pub struct Nothing;
    /// A result in a result.
    #[derive(Debug)]
    pub struct Nested;
}

impl<T, E: Error + 'static> RunOutput<kind::Typed> for Result<T, E> {
    fn failure(&self) -> Option<Failure<'_>> {
        let error = self.as_ref().err()?;
        Some(Failure::Typed(error, std::any::type_name::<E>()))
    }
}

// `DerefMut` and not `Deref`: a shared `Arc<dyn Error>` is an `Error` itself, and must not be both.
impl<T, E> RunOutput<kind::SharedBox> for Result<T, E>
where
    E: DerefMut<Target = dyn Error + Send + Sync + 'static>,
{
    fn failure(&self) -> Option<Failure<'_>> {
        self.as_ref().err().map(|error| Failure::Boxed(&**error))
    }
}

impl<T, E> RunOutput<kind::SendBox> for Result<T, E>
where
    E: DerefMut<Target = dyn Error + Send + 'static>,
{
    fn failure(&self) -> Option<Failure<'_>> {
        self.as_ref().err().map(|error| Failure::Boxed(&**error))
    }
}

impl<T, E: DerefMut<Target = dyn Error + 'static>> RunOutput<kind::LocalBox> for Result<T, E> {
    fn failure(&self) -> Option<Failure<'_>> {
        self.as_ref().err().map(|error| Failure::Boxed(&**error))
    }
}

impl RunOutput<kind::Nothing> for () {
    fn failure(&self) -> Option<Failure<'_>> {
        None
    }
}

/// A `Result` in a `Result` is ambiguous on purpose: read as the outer one alone, a failure inside would count as a
/// success. Use `?` on one of them, as the documentation of the trait shows.
impl<T, E, F> RunOutput<kind::Nested> for Result<Result<T, E>, F> {
    fn failure(&self) -> Option<Failure<'_>> {
        let failed = !matches!(self, Ok(Ok(_)));
        failed.then_some(Failure::Nested)
    }
}

/// Judges an output by itself.
pub struct ByOutput<V>(PhantomData<fn() -> V>);

/// Judges a `Result` of any error by a function that returns the reason.
pub struct ByReason<G>(pub(crate) G);

impl<V> ByOutput<V> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<V> fmt::Debug for ByOutput<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByOutput")
    }
}

impl<G> fmt::Debug for ByReason<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByReason")
    }
}

impl<V, O: RunOutput<V>> Judge<O> for ByOutput<V> {
    fn failure(&self, output: &O, reasons: &ErrorReasons) -> Option<Cow<'static, str>> {
        Some(output.failure()?.reason(reasons))
    }

    fn message(&self, output: &O) -> String {
        let failure = output.failure();
        failure.map_or_else(String::new, |failure| failure.message())
    }
}

impl<T, E, G, R> Judge<Result<T, E>> for ByReason<G>
where
    G: Fn(&E) -> R,
    R: Into<Cow<'static, str>>,
{
    fn failure(&self, output: &Result<T, E>, _: &ErrorReasons) -> Option<Cow<'static, str>> {
        let error = output.as_ref().err()?;
        let reason = guarded(|| Some((self.0)(error).into()));
        Some(reason.unwrap_or(Cow::Borrowed(OTHER)))
    }

    /// The error may be of any type: it need not have a text.
    fn message(&self, _: &Result<T, E>) -> String {
        String::new()
    }
}

pin_project! {
    /// A future whose work is recorded with the verdict of its output: made by
    /// [`Worker::run`](super::Worker::run), [`Scheduler::run`](super::Scheduler::run) and
    /// [`Database::run`](super::Database::run).
    ///
    /// The work begins with the first poll: one that is never polled is not recorded. The output is handed on as it is,
    /// and so is a panic. Dropped before its end, the work counts as its handle does when that is dropped.
    #[must_use = "work that is not awaited is not begun"]
    pub struct Run<F, W: Work, J> {
        #[pin]
        future: F,
        progress: Progress<W>,
        judge: J,
    }
}

enum Progress<W: Work> {
    Waiting(W),
    Started(W::Started),
    Over,
}

impl<F, W: Work, J> Run<F, W, J> {
    pub(crate) const fn new(work: W, future: F, judge: J) -> Self {
        Self {
            future,
            progress: Progress::Waiting(work),
            judge,
        }
    }
}

impl<F, W, J> Future for Run<F, W, J>
where
    F: Future,
    // Said once more for Rust 1.88, which takes the bound of an associated type for no use of the trait.
    W: Work<Started: StartedWork>,
    J: Judge<F::Output>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        // Taken out for the time of the poll: a panic drops the handle while it unwinds, also where something catches
        // it further up and keeps this future.
        let started = match std::mem::replace(this.progress, Progress::Over) {
            Progress::Waiting(work) => work.start(),
            Progress::Started(started) => started,
            Progress::Over => return this.future.poll(cx),
        };
        let guard = started.context().map(|context| context.clone().attach());
        let polled = this.future.poll(cx);
        drop(guard);
        match &polled {
            Poll::Ready(output) => conclude(started, this.judge, output),
            Poll::Pending => *this.progress = Progress::Started(started),
        }
        polled
    }
}

impl<F, W: Work, J> fmt::Debug for Run<F, W, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").finish_non_exhaustive()
    }
}

/// Runs a function in the context of the work, and ends that with the verdict of its output.
pub(crate) fn run_blocking<W: Work, O>(
    work: W,
    judge: &impl Judge<O>,
    run: impl FnOnce() -> O,
) -> O {
    let started = work.start();
    let guard = started.context().map(|context| context.clone().attach());
    let output = run();
    drop(guard);
    conclude(started, judge, &output);
    output
}

fn conclude<O>(started: impl StartedWork, judge: &impl Judge<O>, output: &O) {
    let Some(reason) = judge.failure(output, started.error_reasons()) else {
        return started.end(None);
    };
    let message = match started.is_recording() {
        true => judge.message(output),
        false => String::new(),
    };
    started.end(Some(Failed {
        reason: &reason,
        message,
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_in_a_text_have_neither_query_nor_credentials() {
        for (text, expected) in [
            (
                "error sending request for url (https://api.x/pay?api_key=SECRET): refused",
                "error sending request for url (https://api.x/pay): refused",
            ),
            (
                "postgres://app:SECRET@db/shop?x=SECRET",
                "postgres://db/shop",
            ),
            (
                "see \"http://a.x#SECRET\", then",
                "see \"http://a.x\", then",
            ),
            ("https://a.x?SECRET: timed out", "https://a.x: timed out"),
            ("is 1 > 0? yes", "is 1 > 0? yes"),
            ("", ""),
        ] {
            assert_eq!(without_queries(text), expected);
        }
    }
}
