//! Verdicts that follow from results: of jobs, executions, calls and transactions.

use std::error::Error;
use std::fmt;
use std::future::{Future, pending, ready};
use std::io;
use std::ops::{Deref, DerefMut};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use vantage_obs::testing::TestTelemetry;
use vantage_obs::trace::Carrier;

const JOBS: &str = "vantage_worker_jobs_total";

#[derive(Debug, thiserror::Error)]
enum ShopError {
    #[error("the order {0} is gone")]
    OrderGone(u64),
    #[error("the upstream {host} did not answer")]
    UpstreamTimeout { host: String },
    #[error("no stock")]
    OutOfStock,
    #[error("the database failed")]
    Database(#[from] io::Error),
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn jobs(test: &TestTelemetry, outcome: &str) -> Option<f64> {
    test.value(JOBS, &[("job_kind", "publish"), ("outcome", outcome)])
}

fn failures(test: &TestTelemetry, reason: &str) -> Option<f64> {
    let labels = [("job_kind", "publish"), ("reason", reason)];
    test.value("vantage_worker_job_failures_total", &labels)
}

/// Runs a job that ends at once with this result.
fn publish<T, E: Error + 'static>(test: &TestTelemetry, result: Result<T, E>) -> Result<T, E> {
    let worker = test.telemetry().worker("w1");
    let due = test.clock().wall();
    let run = pin!(worker.run("publish", due, &Carrier::EMPTY, ready(result)));
    match poll_once(run) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("it was ready"),
    }
}

#[tokio::test]
async fn a_job_ends_with_the_result_of_its_future_which_is_handed_on() {
    let test = TestTelemetry::new();
    assert_eq!(publish::<_, io::Error>(&test, Ok(7)).unwrap(), 7);
    assert_eq!(jobs(&test, "succeeded"), Some(1.0));
    for (error, reason) in [
        (ShopError::OrderGone(4711), "order_gone"),
        (
            ShopError::UpstreamTimeout {
                host: "10.0.0.1".into(),
            },
            "upstream_timeout",
        ),
        (ShopError::OutOfStock, "out_of_stock"),
        (
            ShopError::Database(io::ErrorKind::BrokenPipe.into()),
            "database",
        ),
    ] {
        let text = error.to_string();
        assert_eq!(
            publish::<(), _>(&test, Err(error)).unwrap_err().to_string(),
            text
        );
        assert_eq!(failures(&test, reason), Some(1.0), "{reason}");
    }
    assert_eq!(jobs(&test, "failed"), Some(4.0));
    // Nothing of the messages is anywhere.
    let text = test
        .telemetry()
        .scrape(vantage_obs::ExpositionFormat::Text)
        .unwrap();
    assert!(
        !text.contains("4711") && !text.contains("10.0.0.1"),
        "{text}"
    );
}

#[tokio::test]
async fn errors_that_everybody_has_have_a_reason_of_their_own() {
    let test = TestTelemetry::new();
    let elapsed = tokio::time::timeout(Duration::ZERO, pending::<()>()).await;
    let panicked = tokio::spawn(async { panic!("a bug") }).await;
    let aborted = tokio::spawn(pending::<()>());
    aborted.abort();
    let _ = publish(&test, elapsed);
    let _ = publish::<(), _>(&test, panicked);
    let _ = publish(&test, aborted.await);
    let _ = publish(&test, "x".parse::<u8>());
    let _ = publish(&test, serde_json::from_str::<u8>("{"));
    for kind in [
        io::ErrorKind::ConnectionRefused,
        io::ErrorKind::TimedOut,
        io::ErrorKind::PermissionDenied,
    ] {
        let _ = publish::<(), _>(&test, Err(io::Error::new(kind, "of 10.0.0.1")));
    }
    // What is inside says more than that it is inside; a text says nothing.
    let _ = publish::<(), _>(&test, Err(io::Error::other(ShopError::OutOfStock)));
    let _ = publish::<(), _>(&test, Err(io::Error::other("10.0.0.1 is away")));
    for (reason, times) in [
        ("timeout", 2.0),
        ("panic", 1.0),
        ("cancelled", 1.0),
        ("parse_int_error", 1.0),
        ("invalid_json", 1.0),
        ("connection_refused", 1.0),
        ("permission_denied", 1.0),
        ("out_of_stock", 1.0),
        ("io_error", 1.0),
    ] {
        assert_eq!(failures(&test, reason), Some(times), "{reason}");
    }
}

/// An error whose `Debug` is its message, as that of many crates is.
struct Told(&'static str, Option<io::Error>);

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Told {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_ref().map(|cause| cause as _)
    }
}

#[test]
fn a_message_is_never_a_reason() {
    let test = TestTelemetry::new();
    let messages = [
        "order 4711 is gone",
        "Order 4711 is gone",
        "Order4711",
        "Alice: no such user",
        "timeout",
        "",
        "Ärger",
        "A_very_long_identifier_that_is_longer_than_what_may_be_a_name_of_a_variant",
    ];
    for message in messages {
        let _ = publish::<(), _>(&test, Err(Told(message, None)));
    }
    assert_eq!(failures(&test, "told"), Some(messages.len() as f64));
    // It is looked through to its cause.
    let cause = io::ErrorKind::ConnectionReset.into();
    let _ = publish::<(), _>(&test, Err(Told("can't load", Some(cause))));
    assert_eq!(failures(&test, "connection_reset"), Some(1.0));
}

/// An error as those of `anyhow` and `eyre` are: no `Error` itself, and a box around any.
#[derive(Debug)]
struct Any(Box<dyn Error + Send + Sync>);

impl<E: Error + Send + Sync + 'static> From<E> for Any {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl Deref for Any {
    type Target = dyn Error + Send + Sync;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl DerefMut for Any {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut *self.0
    }
}

#[tokio::test]
async fn boxes_around_any_error_are_understood_and_so_is_work_without_a_result() {
    let test = TestTelemetry::new();
    let worker = test.telemetry().worker("w1");
    let due = test.clock().wall();
    let empty = &Carrier::EMPTY;
    let stock = || ShopError::OutOfStock;
    let boxed = async { Err::<(), Box<dyn Error>>(stock().into()) };
    let _ = worker.run("publish", due, empty, boxed).await;
    let boxed = async { Err::<(), Box<dyn Error + Send>>(Box::new(stock())) };
    let _ = worker.run("publish", due, empty, boxed).await;
    let boxed = async { Err::<(), Box<dyn Error + Send + Sync>>(stock().into()) };
    let _ = worker.run("publish", due, empty, boxed).await;
    let any = async { Err::<(), Any>(stock().into()) };
    let _ = worker.run("publish", due, empty, any).await;
    let shared = async { Err::<(), Arc<dyn Error>>(Arc::new(stock())) };
    let _ = worker.run("publish", due, empty, shared).await;
    assert_eq!(failures(&test, "out_of_stock"), Some(5.0));
    let text = async { Err::<(), Box<dyn Error>>("the order 4711 is gone".into()) };
    let _ = worker.run("publish", due, empty, text).await;
    assert_eq!(failures(&test, "_OTHER"), Some(1.0));
    worker.run("publish", due, empty, async {}).await;
    assert_eq!(jobs(&test, "succeeded"), Some(1.0));
}

#[tokio::test]
async fn the_services_own_word_for_an_error_holds_wherever_it_is_the_cause() {
    let test = TestTelemetry::new();
    let telemetry = test.telemetry();
    telemetry.classify_errors(|_: &ShopError| "replaced by the next");
    telemetry.classify_errors(|error: &ShopError| match error {
        ShopError::Database(error) => format!("database_{:?}", error.kind()).to_lowercase(),
        _ => "shop".to_owned(),
    });
    let _ = publish::<(), _>(&test, Err(ShopError::OutOfStock));
    let _ = publish::<(), _>(&test, Err(io::Error::other(ShopError::OutOfStock)));
    assert_eq!(failures(&test, "shop"), Some(2.0));
    let _ = publish::<(), _>(
        &test,
        Err(ShopError::Database(io::ErrorKind::TimedOut.into())),
    );
    assert_eq!(failures(&test, "database_timedout"), Some(1.0));
    let worker = telemetry.worker("w1");
    let due = test.clock().wall();
    let failed = async { Err::<(), _>(503_u16) };
    let word = |status: &u16| format!("status_{status}");
    let output = worker
        .run_with("publish", due, &Carrier::EMPTY, failed, word)
        .await;
    assert_eq!(
        (output, failures(&test, "status_503")),
        (Err(503), Some(1.0))
    );
    // The service's own code may have a fault; its output still arrives.
    let output = worker.run_with(
        "publish",
        due,
        &Carrier::EMPTY,
        async { Err::<(), _>(1) },
        |_| -> &str { panic!("a bug") },
    );
    assert_eq!(
        (output.await, failures(&test, "_OTHER")),
        (Err(1), Some(1.0))
    );
    assert_eq!(jobs(&test, "failed"), Some(5.0));
}

#[tokio::test]
async fn a_panic_counts_as_one_and_goes_on() {
    let test = TestTelemetry::new();
    let worker = test.telemetry().worker("w1");
    let due = test.clock().wall();
    let bug = async || -> Result<(), ShopError> { panic!("a bug") };
    // A runtime catches it, with the future still in its task.
    let run = worker.run("publish", due, &Carrier::EMPTY, bug());
    assert!(tokio::spawn(run).await.unwrap_err().is_panic());
    assert_eq!(jobs(&test, "panicked"), Some(1.0));
    // So does the service, which keeps the future for longer than the panic unwinds.
    let run = worker.run("publish", due, &Carrier::EMPTY, bug());
    let mut run = Box::pin(run);
    let polled = std::panic::catch_unwind(AssertUnwindSafe(|| poll_once(run.as_mut())));
    assert_eq!(*polled.unwrap_err().downcast::<&str>().unwrap(), "a bug");
    assert_eq!(jobs(&test, "panicked"), Some(2.0));
    drop(run);
    assert_eq!(
        (jobs(&test, "aborted"), jobs(&test, "panicked")),
        (None, Some(2.0))
    );
    let bug = || -> Result<(), ShopError> { panic!("a bug") };
    let blocking = || worker.run_blocking("publish", due, &Carrier::EMPTY, bug);
    assert!(std::panic::catch_unwind(AssertUnwindSafe(blocking)).is_err());
    assert_eq!(jobs(&test, "panicked"), Some(3.0));
    let active = [("job_kind", "publish")];
    assert_eq!(test.value("vantage_worker_active_jobs", &active), Some(0.0));
}

#[tokio::test]
async fn work_begins_with_the_first_poll_and_is_broken_off_by_a_drop_after_it() {
    let test = TestTelemetry::new();
    let worker = test.telemetry().worker("w1");
    let due = test.clock().wall();
    let stuck = || pending::<Result<(), io::Error>>();
    let active = || test.value("vantage_worker_active_jobs", &[("job_kind", "publish")]);
    let mut first = Box::pin(worker.run("publish", due, &Carrier::EMPTY, stuck()));
    let second = worker.run("publish", due, &Carrier::EMPTY, stuck());
    assert_eq!(active(), None);
    test.clock().advance(Duration::from_secs(3));
    assert!(poll_once(first.as_mut()).is_pending());
    assert_eq!(active(), Some(1.0));
    let lag = test.value(
        "vantage_worker_queue_lag_seconds_sum",
        &[("job_kind", "publish")],
    );
    assert_eq!(lag, Some(3.0));
    test.clock().advance(Duration::from_secs(5));
    drop(first);
    assert_eq!((active(), jobs(&test, "aborted")), (Some(0.0), Some(1.0)));
    let labels = [("job_kind", "publish"), ("outcome", "aborted")];
    let took = test.value("vantage_worker_job_duration_seconds_sum", &labels);
    assert_eq!(took, Some(5.0));
    // Never begun: there is nothing to count.
    drop(second);
    assert_eq!(jobs(&test, "aborted"), Some(1.0));
}

#[tokio::test]
async fn the_span_is_around_the_future_and_below_whoever_called_run() {
    let test = TestTelemetry::new();
    let telemetry = test.telemetry().clone();
    let now = test.clock().wall();
    let request = telemetry.scheduler().start("request", now);
    let carrier = request.carrier();
    let database = telemetry.database("postgresql");
    let job = telemetry
        .worker("w1")
        .run("publish", now, &carrier, async move {
            tokio::task::yield_now().await;
            database
                .run("SELECT", "posts", async {
                    Err::<(), _>(ShopError::OutOfStock)
                })
                .await
        });
    let execution = request.in_scope(|| {
        let scheduler = telemetry.scheduler();
        scheduler.run("digest", now, async { Ok::<_, io::Error>(()) })
    });
    // Elsewhere, where none of that is current.
    assert!(tokio::spawn(job).await.unwrap().is_err());
    tokio::spawn(execution).await.unwrap().unwrap();
    request.succeed();
    let spans = test.spans();
    let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["SELECT posts", "publish", "digest", "request"]);
    for (child, parent) in [(0, 1), (1, 3), (2, 3)] {
        spans[child].assert_child_of(&spans[parent]);
    }
    let failed = |span: usize| spans[span].is_error();
    assert_eq!([0, 1, 2].map(failed), [true, true, false]);
    let labels = [
        ("db_collection_name", "posts"),
        ("db_operation_name", "SELECT"),
        ("db_system_name", "postgresql"),
        ("error_type", "out_of_stock"),
    ];
    let calls = test.value("db_client_operation_duration_seconds_count", &labels);
    assert_eq!(calls, Some(1.0));
}

/// An error that counts how often its text is made, and makes none for 0.
#[derive(Debug)]
struct Counted(&'static AtomicUsize, usize);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fetch_add(1, Ordering::Relaxed);
        assert_ne!(self.1, 0, "a bug in the service's own code");
        f.write_str(&"ä".repeat(self.1))
    }
}

impl Error for Counted {}

#[tokio::test]
async fn the_text_of_an_error_is_in_the_span_and_in_no_label() {
    static TOLD: AtomicUsize = AtomicUsize::new(0);
    let test = TestTelemetry::new();
    let telemetry = test.telemetry();
    let (worker, now) = (telemetry.worker("w1"), test.clock().wall());
    let away = || ShopError::Database(io::Error::other("10.0.0.7 is away\n\tfor 4711 s"));
    // The first line of each: what follows may hold values of a row.
    let text = "the database failed: 10.0.0.7 is away";
    let _ = publish::<(), _>(&test, Err(away()));
    let boxed: Result<(), Box<dyn Error + Send + Sync>> = Err(away().into());
    let _ = worker.run_blocking("boxed", now, &Carrier::EMPTY, || boxed);
    let scheduler = telemetry.scheduler();
    let _ = scheduler
        .run("digest", now, ready(Err::<(), _>(away())))
        .await;
    let database = telemetry.database("postgresql");
    let _ = database
        .run("INSERT", "posts", ready(Err::<(), _>(away())))
        .await;
    for span in ["publish", "boxed", "digest", "INSERT posts"] {
        let span = test.span(span);
        assert_eq!((span.is_error(), span.error_message()), (true, Some(text)));
    }
    let scraped = telemetry
        .scrape(vantage_obs::ExpositionFormat::Text)
        .unwrap();
    assert!(
        !scraped.contains("10.0.0.7") && !scraped.contains("4711"),
        "{scraped}"
    );
    // As much as a line may hold.
    let long = worker.run(
        "long",
        now,
        &Carrier::EMPTY,
        ready(Err::<(), _>(Counted(&TOLD, 5_000))),
    );
    let _ = long.await;
    assert_eq!(test.span("long").error_message(), Some(&*"ä".repeat(1_024)));
    // The output arrives whatever the text does.
    let bug = worker.run(
        "bug",
        now,
        &Carrier::EMPTY,
        ready(Err::<(), _>(Counted(&TOLD, 0))),
    );
    assert_eq!(bug.await.unwrap_err().1, 0);
    assert_eq!(TOLD.load(Ordering::Relaxed), 2);
    // Without an error there is no text.
    worker.start("explicit", now, &Carrier::EMPTY).fail("told");
    let told = worker.run_with(
        "word",
        now,
        &Carrier::EMPTY,
        ready(Err::<(), _>(5)),
        |_| "told",
    );
    let _ = told.await;
    worker.run("well", now, &Carrier::EMPTY, ready(())).await;
    for span in ["bug", "explicit", "word", "well"] {
        assert_eq!(test.span(span).error_message(), None, "{span}");
    }
}

#[tokio::test]
async fn the_text_of_an_error_is_not_made_for_a_span_that_is_not_kept() {
    static TOLD: AtomicUsize = AtomicUsize::new(0);
    let mut config = crate::support::config();
    config.traces.sample_ratio = 0.0;
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    let _ = publish::<(), _>(&test, Err(Counted(&TOLD, 1)));
    assert_eq!(jobs(&test, "failed"), Some(1.0));
    assert_eq!(TOLD.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn executions_calls_and_transactions_end_as_jobs_do() {
    let test = TestTelemetry::new();
    let telemetry = test.telemetry();
    let scheduler = telemetry.scheduler();
    let now = test.clock().wall();
    scheduler.run("digest", now, async {}).await;
    let _ = scheduler
        .run_with("digest", now, ready(Err::<(), _>(())), |()| "told")
        .await;
    let _ = scheduler.run_blocking("digest", now, || std::fs::read("/no/such/file"));
    let mut stuck = Box::pin(scheduler.run("digest", now, pending::<()>()));
    assert!(poll_once(stuck.as_mut()).is_pending());
    drop(stuck);
    for (outcome, times) in [("succeeded", 1.0), ("failed", 2.0), ("aborted", 1.0)] {
        let labels = [("outcome", outcome), ("schedule", "digest")];
        let executions = test.value("vantage_scheduler_executions_total", &labels);
        assert_eq!(executions, Some(times), "{outcome}");
    }
    for reason in ["told", "not_found"] {
        let labels = [("reason", reason), ("schedule", "digest")];
        let failures = test.value("vantage_scheduler_execution_failures_total", &labels);
        assert_eq!(failures, Some(1.0), "{reason}");
    }

    let database = telemetry.database("sqlite");
    let failed = || ready(Err::<(), _>(ShopError::OutOfStock));
    let _ = database.run("INSERT", "posts", failed()).await;
    let _ = database
        .run_with("INSERT", "posts", failed(), |_| "23505")
        .await;
    let _ = database.run_blocking("INSERT", "posts", || "x".parse::<u8>());
    let mut stuck = Box::pin(database.run("INSERT", "posts", pending::<()>()));
    assert!(poll_once(stuck.as_mut()).is_pending());
    drop(stuck);
    let bug = database.run("INSERT", "posts", async { panic!("a bug") });
    let _: Result<(), _> = tokio::spawn(bug).await;
    for error_type in [
        "out_of_stock",
        "23505",
        "parse_int_error",
        "cancelled",
        "panic",
    ] {
        let labels = [
            ("db_collection_name", "posts"),
            ("db_operation_name", "INSERT"),
            ("db_system_name", "sqlite"),
            ("error_type", error_type),
        ];
        let calls = test.value("db_client_operation_duration_seconds_count", &labels);
        assert_eq!(calls, Some(1.0), "{error_type}");
    }

    let _ = database
        .run_transaction(ready(Ok::<_, io::Error>(())))
        .await;
    let _ = database.run_transaction(failed()).await;
    let mut stuck = Box::pin(database.run_transaction(pending::<()>()));
    assert!(poll_once(stuck.as_mut()).is_pending());
    drop(stuck);
    for outcome in ["committed", "rolled_back", "aborted"] {
        let labels = [("db_system_name", "sqlite"), ("outcome", outcome)];
        let transactions = test.value("vantage_database_transactions_total", &labels);
        assert_eq!(transactions, Some(1.0), "{outcome}");
    }
}

#[test]
fn a_run_holds_its_future_once() {
    let test = TestTelemetry::new();
    let worker = test.telemetry().worker("w1");
    let large = [0_u8; 4096];
    let work = async move {
        tokio::task::yield_now().await;
        std::hint::black_box(large);
        Ok::<_, io::Error>(())
    };
    let size = size_of_val(&work);
    let run = worker.run("publish", test.clock().wall(), &Carrier::EMPTY, work);
    assert!(
        size_of_val(&run) < size + 512,
        "{} of {size}",
        size_of_val(&run)
    );
}
