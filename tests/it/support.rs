//! A scrape as data, and bodies and services that misbehave on purpose.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tracing_subscriber::layer::SubscriberExt as _;
use vantage_obs::ExpositionFormat;
use vantage_obs::logs::LogWriter;
use vantage_obs::testing::TestTelemetry;
use vantage_obs::{Config, Role};

/// The platform's own objectives, as a service reads them.
pub(crate) const OBJECTIVES: [(&str, &str); 2] = [
    ("api.json", include_str!("../../slo/api.json")),
    ("workers.json", include_str!("../../slo/workers.json")),
];

pub(crate) fn config() -> Config {
    Config::new("test", Role::Api)
        .role(Role::Worker)
        .role(Role::Scheduler)
}

/// Telemetry with the platform's own objectives.
pub(crate) fn with_objectives() -> TestTelemetry {
    TestTelemetry::with_config(config(), &OBJECTIVES).expect("the platform's objectives are valid")
}

/// Good and bad events of an objective.
pub(crate) fn events(test: &TestTelemetry, objective: &str) -> (u64, u64) {
    test.telemetry()
        .slo_events()
        .find(|counts| counts.objective == objective)
        .map(|counts| (counts.good, counts.bad))
        .expect("the objective has an account")
}

/// Everything that is written to a log, as JSON.
#[derive(Clone, Debug, Default)]
pub(crate) struct CapturedLog {
    bytes: Arc<Mutex<Vec<u8>>>,
    output: Arc<OnceLock<LogWriter>>,
}

impl CapturedLog {
    pub(crate) fn lines(&self) -> Vec<serde_json::Value> {
        if let Some(output) = self.output.get() {
            assert!(output.flush(Duration::from_secs(10)));
        }
        let text = String::from_utf8(self.bytes.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }

    /// The lines with this message.
    pub(crate) fn with_message(&self, message: &str) -> Vec<serde_json::Value> {
        let mut lines = self.lines();
        lines.retain(|line| line["message"] == message);
        lines
    }

    /// Makes this the log of the thread until the answer is dropped.
    pub(crate) fn install(&self, test: &TestTelemetry) -> tracing::subscriber::DefaultGuard {
        // While there is only one subscriber, a thread without it that meets a call site first turns that
        // off for all threads; with two more, tracing asks each of them.
        static OTHERS: LazyLock<[tracing::Dispatch; 2]> = LazyLock::new(|| {
            std::array::from_fn(|_| tracing::Dispatch::new(tracing_subscriber::registry()))
        });
        LazyLock::force(&OTHERS);
        let layer = test.telemetry().tracing_layer(self.writer());
        tracing::subscriber::set_default(tracing_subscriber::registry().with(layer))
    }

    /// The output that is captured, for a subscriber of the test's own.
    pub(crate) fn writer(&self) -> LogWriter {
        let writer = CapturedBytes(Arc::clone(&self.bytes));
        let output = self.output.get_or_init(|| LogWriter::from_writer(writer));
        output.clone()
    }
}

/// The writer of a log that is captured.
struct CapturedBytes(Arc<Mutex<Vec<u8>>>);

impl Write for CapturedBytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn scrape(test: &TestTelemetry) -> String {
    test.telemetry()
        .scrape(ExpositionFormat::Text)
        .expect("there is something to show")
}

/// One line of a scrape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// The samples of a scrape in its order.
pub(crate) fn samples(text: &str) -> Vec<Sample> {
    // An exemplar, which OpenMetrics puts behind the value, is no sample.
    let bare = |line: &'_ str| line.split(" # {").next().map(sample);
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(bare)
        .collect()
}

/// The samples of one name.
pub(crate) fn named(text: &str, name: &str) -> Vec<Sample> {
    let mut samples = samples(text);
    samples.retain(|sample| sample.name == name);
    samples
}

/// The value of the series that has exactly these labels.
pub(crate) fn sample_with(text: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let wanted: BTreeMap<_, _> = labels
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let found = named(text, name);
    let found = found.iter().find(|sample| sample.labels == wanted)?;
    Some(found.value)
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').expect("a value follows a space");
    let (name, labels) = match series.split_once('{') {
        None => (series, BTreeMap::new()),
        Some((name, rest)) => (
            name,
            labels(rest.strip_suffix('}').expect("labels are closed")),
        ),
    };
    Sample {
        name: name.to_owned(),
        labels,
        value: value.parse().expect("a value is a number"),
    }
}

/// `key="value",key="value"`; values may hold commas, braces and escaped quotes.
fn labels(mut rest: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    while let Some((key, after)) = rest.split_once("=\"") {
        let mut escaped = false;
        let end = after
            .find(|c| {
                let quote = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                quote
            })
            .expect("a value is closed");
        assert!(
            labels
                .insert(key.to_owned(), after[..end].to_owned())
                .is_none(),
            "{key} is there twice"
        );
        rest = after[end + 1..].trim_start_matches(',');
    }
    assert_eq!(rest, "", "labels are pairs");
    labels
}

#[test]
fn a_sample_line_is_read_with_its_labels() {
    let read = sample(r#"a_total{x="1,2",y="say \"}\" {"} 3"#);
    assert_eq!(read.name, "a_total");
    assert_eq!(read.labels["x"], "1,2");
    assert_eq!(read.labels["y"], r#"say \"}\" {"#);
    assert!((read.value - 3.0).abs() < f64::EPSILON);
}

/// What a body does next; after the last step it has ended.
#[derive(Debug)]
pub(crate) enum Step {
    Data(&'static str),
    /// Trailers with this `grpc-status`, if any.
    Trailers(Option<&'static str>),
    Fail,
    Panic,
    /// Nothing, for ever.
    Wait,
}

/// A body that takes its steps, and never says in advance that it is at its end.
#[derive(Debug, Default)]
pub(crate) struct ScriptedBody {
    steps: VecDeque<Step>,
    length: Option<u64>,
}

impl ScriptedBody {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            length: None,
        }
    }

    pub(crate) const fn with_length(mut self, length: u64) -> Self {
        self.length = Some(length);
        self
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(step) = self.steps.pop_front() else {
            return Poll::Ready(None);
        };
        let frame = match step {
            Step::Data(data) => Frame::data(Bytes::from_static(data.as_bytes())),
            Step::Trailers(status) => {
                let name = http::HeaderName::from_static("grpc-status");
                let status = status.map(|status| (name, http::HeaderValue::from_static(status)));
                Frame::trailers(status.into_iter().collect())
            }
            Step::Fail => return Poll::Ready(Some(Err(io::Error::other("the disk is gone")))),
            Step::Panic => panic!("this body panics"),
            Step::Wait => {
                self.steps.push_front(Step::Wait);
                return Poll::Pending;
            }
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, |left| {
            let mut sent = SizeHint::default();
            sent.set_exact(left);
            sent
        })
    }
}

/// Polls once; a test goes on with what is pending in its hand.
pub(crate) async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(move |cx| {
        Poll::Ready(match future.as_mut().poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

/// Runs a future as a layer that catches panics does; `None` when it panicked.
pub(crate) async fn catch_panic<F: Future>(future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    poll_fn(
        move |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
            Err(_) => Poll::Ready(None),
        },
    )
    .await
}

/// A request without a body.
pub(crate) fn request(method: &str, path: &str) -> http::Request<axum::body::Body> {
    http::Request::builder()
        .method(method)
        .uri(path)
        .body(axum::body::Body::empty())
        .expect("the request is well-formed")
}

/// Takes the error out of a result that has none.
pub(crate) fn into_ok<T>(result: Result<T, Infallible>) -> T {
    result.unwrap_or_else(|never| match never {})
}
