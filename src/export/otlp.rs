//! The OTLP exporter: one thread of our own, with a runtime of its own.
//!
//! Why not the SDK's processors and exporters? They block threads of the caller's, hang in a
//! current-thread runtime, and shut down one after another with timeouts of their own. Here every
//! connection lives on one thread, recording only puts into a bounded queue, and one deadline
//! bounds all signals together, in any runtime or none.
//!
//! | part | runs | bounded by |
//! |---|---|---|
//! | a queue for each of spans and log records | where the service records | `batch.queue_size`; what doesn't fit is dropped and counted |
//! | a batch worker each, a periodic reader for metrics | tasks on the export thread | one request at a time each |
//! | collecting, name resolution, log lines | helper threads of its runtime | five |
//! | flush and shutdown | the same thread | one deadline for all signals |
//!
//! Exports are counted in the conventions' `otel.sdk.*` metrics: nothing is lost without a
//! number.

mod batch;
mod collect;
mod delivery;
mod encode;
mod metrics;
mod periodic;
mod processor;
mod queue;
mod transport;

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use crate::background::log_queue::LogQueue;
use crate::config::{BatchConfig, Config, SignalOtlp, TelemetrySignal};
use crate::export::flush_report::{FlushReport, SignalReport};
use crate::export::providers::MetricProvider;
use crate::record::series::Instruments;
use batch::{BatchWorker, SignalFlush};
use delivery::{Delivery, FlushFailure};
use encode::{Encode, QueuedLogRecord, log_encoder, metric_encoder, span_encoder};
use metrics::{ExportCounts, ExportMetrics};
use periodic::PeriodicReader;
use queue::{QueueSender, bounded_queue};
use transport::Transport;

pub(crate) use processor::{QueueLogProcessor, QueueSpanProcessor};
pub use transport::ExportError;

/// The number of threads that may collect metrics, resolve names or write log lines at once, beside
/// the one. Callbacks of metrics keep two at the most and the log keeps one, if they hang.
const MAX_BLOCKING_THREADS: usize = 5;
/// Longer deadlines are as good as this one, and could not be added to the time of day.
const MAX_DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);
/// A constant, because a shutdown looks for it when the last answer came after all.
const DEADLINE_EXCEEDED: &str = "no answer before the deadline";
/// The time for the last log lines, after everything else has ended.
///
/// The log may be stuck; the process must end all the same.
const LOG_DRAIN_TIMEOUT: Duration = Duration::from_millis(100);

/// The export thread. Dropped without a shutdown, it ends without sending what waits.
#[derive(Debug)]
pub(crate) struct OtlpExporter {
    /// Unbounded, because only flushes go through it, and a flush must not be lost. Dropped, it
    /// ends the thread.
    requests: mpsc::UnboundedSender<FlushRequest>,
    /// `None` where the signal isn't pushed.
    spans: Option<QueueSender<SpanData>>,
    logs: Option<QueueSender<QueuedLogRecord>>,
    export_metrics: Vec<(TelemetrySignal, ExportMetrics)>,
}

/// A request to flush until a deadline.
struct FlushRequest {
    is_shutdown: bool,
    deadline: Instant,
    /// For async and blocking callers alike.
    reply: Box<dyn FnOnce(FlushReport) + Send>,
}

/// A signal that is to be carried out, up to its start on the thread.
struct SignalSetup {
    signal: TelemetrySignal,
    export_metrics: ExportMetrics,
    start: StartSignal,
}

/// Starts a signal on the thread.
// Called on the thread, because connections belong to its runtime.
type StartSignal = Box<dyn FnOnce(&LogQueue) -> Result<SignalTask, ExportError> + Send>;

/// Returns the number of items in a queue.
type QueueLength = Arc<dyn Fn() -> usize + Send + Sync>;

/// The destination of a signal.
struct SignalRoute {
    signal: TelemetrySignal,
    otlp: SignalOtlp,
    export_metrics: ExportMetrics,
    /// For the report of what waits; 0 for metrics, which have no queue.
    queue_length: QueueLength,
}

/// A signal that is being carried out.
struct SignalTask {
    signal: TelemetrySignal,
    /// One place: a second flush waits for the first.
    flushes: mpsc::Sender<SignalFlush>,
    export_metrics: ExportMetrics,
    queue_length: QueueLength,
    /// Ends the task at once, whatever it is doing.
    stop: oneshot::Sender<()>,
    /// Returns the number of items left when it was stopped.
    task: JoinHandle<u64>,
}

impl OtlpExporter {
    /// Starts the thread; `None` where nothing is to be pushed.
    pub(crate) fn start(
        config: &Config,
        resource: &Resource,
        instruments: &Instruments,
        sources: Vec<MetricProvider>,
    ) -> Result<Option<Self>, StartError> {
        // A signal that is off, or has no endpoint, makes neither queue nor metrics.
        let route = |signal: TelemetrySignal, wanted: bool| {
            let otlp = config.otlp.signal(signal).filter(|_| wanted)?;
            let export_metrics = ExportMetrics::new(instruments, signal, otlp.protocol);
            Some(SignalRoute {
                signal,
                otlp,
                export_metrics,
                queue_length: Arc::new(|| 0),
            })
        };
        let (mut spans, mut logs, mut signals) = (None, None, Vec::new());
        if let Some(route) = route(TelemetrySignal::Traces, config.traces.enabled) {
            let encode = route.encoder(span_encoder(resource))?;
            let (sender, setup) = route.with_queue(&config.traces.batch, encode, instruments);
            spans = Some(sender);
            signals.push(setup);
        }
        if let Some(route) = route(TelemetrySignal::Metrics, config.metrics.otlp.enabled) {
            let encode = route.encoder(metric_encoder())?;
            let (interval, timeout) = (config.metrics.otlp.interval, config.metrics.otlp.timeout);
            signals.push(route.setup(move |delivery, flushes, stopped| {
                PeriodicReader::new(sources, interval, timeout, encode, delivery, flushes)
                    .run(stopped)
            }));
        }
        if let Some(route) = route(TelemetrySignal::Logs, config.logs.otlp) {
            let encode = route.encoder(log_encoder(resource))?;
            let (sender, setup) = route.with_queue(&config.logs.batch, encode, instruments);
            logs = Some(sender);
            signals.push(setup);
        }
        if signals.is_empty() {
            return Ok(None);
        }
        let export_metrics = |setup: &SignalSetup| (setup.signal, setup.export_metrics.clone());
        let mut export_metrics: Vec<_> = signals.iter().map(export_metrics).collect();
        // A health check lists failing signals in this order.
        export_metrics.sort_by_key(|(signal, _)| *signal == TelemetrySignal::Metrics);
        Ok(Some(Self {
            requests: start_thread(signals)?,
            spans,
            logs,
            export_metrics,
        }))
    }

    /// Returns the processor of finished spans, if they are pushed.
    pub(crate) fn span_processor(&self) -> Option<QueueSpanProcessor> {
        self.spans.clone().map(QueueSpanProcessor)
    }

    /// Returns the processor of log records, if they are pushed.
    pub(crate) fn log_processor(&self) -> Option<QueueLogProcessor> {
        self.logs.clone().map(QueueLogProcessor)
    }

    /// Tells the signals whose latest request was in vain.
    pub(crate) fn failing_signals(&self) -> impl Fn() -> Vec<&'static str> + Send + Sync + use<> {
        let export_metrics = self.export_metrics.clone();
        move || {
            let down = export_metrics
                .iter()
                .filter(|(_, export_metrics)| export_metrics.is_down());
            down.map(|(signal, _)| signal.as_str()).collect()
        }
    }

    /// Sends everything that waits, and ends the export if `is_shutdown`.
    pub(crate) async fn flush(&self, is_shutdown: bool, within: Duration) -> FlushReport {
        let (reply, response) = oneshot::channel();
        self.send_request(is_shutdown, within, move |report| {
            let _ = reply.send(report);
        });
        // A thread that is gone has nothing to carry out.
        response.await.unwrap_or_default()
    }

    /// Does the same for a caller that has no runtime, or no time to wait in one.
    pub(crate) fn flush_blocking(&self, is_shutdown: bool, within: Duration) -> FlushReport {
        let (reply, response) = sync_channel(1);
        self.send_request(is_shutdown, within, move |report| {
            let _ = reply.send(report);
        });
        response.recv().unwrap_or_default()
    }

    fn send_request(
        &self,
        is_shutdown: bool,
        within: Duration,
        reply: impl FnOnce(FlushReport) + Send + 'static,
    ) {
        let request = FlushRequest {
            is_shutdown,
            // Fixed here: time that the request waits for the thread counts as well.
            deadline: Instant::now() + within.min(MAX_DEADLINE),
            reply: Box::new(reply),
        };
        // An order that can't be sent drops its reply, which the caller takes for an answer.
        let _ = self.requests.send(request);
    }
}

/// The reason why the thread could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Starts the thread, and waits until it has made its transports.
fn start_thread(
    signals: Vec<SignalSetup>,
) -> Result<mpsc::UnboundedSender<FlushRequest>, StartError> {
    let (requests, received) = mpsc::unbounded_channel();
    let (ready, started) = sync_channel(1);
    thread::Builder::new()
        .name("vantage-export".into())
        .spawn(move || {
            // What is exported about exporting would have to be exported, and so on.
            let _suppressed = Context::enter_telemetry_suppressed_scope();
            let runtime = match runtime() {
                Ok(runtime) => runtime,
                Err(error) => return drop(ready.send(Err(error.into()))),
            };
            runtime.block_on(serve(signals, received, &ready));
            // A name that is being resolved must not keep the process.
            runtime.shutdown_background();
        })?;
    let gone = || io::Error::other("the export thread ended immediately");
    // Waited for, so that a bad certificate or header is an error of `init` and not a line in a
    // log.
    started.recv().map_err(|_| gone())??;
    Ok(requests)
}

async fn serve(
    signals: Vec<SignalSetup>,
    mut requests: mpsc::UnboundedReceiver<FlushRequest>,
    ready: &SyncSender<Result<(), StartError>>,
) {
    let (log_queue, log_thread) = LogQueue::start();
    let started = signals.into_iter().map(|setup| (setup.start)(&log_queue));
    let signals: Vec<_> = match started.collect::<Result<_, ExportError>>() {
        Ok(signals) => signals,
        Err(error) => return drop(ready.send(Err(error.into()))),
    };
    let _ = ready.send(Ok(()));
    let mut flushing = JoinSet::new();
    let shutdown = loop {
        let Some(request) = requests.recv().await else {
            break None;
        };
        if request.is_shutdown {
            break Some(request);
        }
        // Ended flushes are taken out of the set, which would otherwise grow with each of them.
        while flushing.try_join_next().is_some() {}
        // Requested before the next order is read, so that a shutdown that follows can't overtake
        // it.
        let all = flush_all(&signals, request.deadline);
        flushing.spawn(async move { (request.reply)(all.await) });
    };
    shut_down(signals, shutdown).await;
    // Whoever still waits for a flush hears that the exporter has ended.
    flushing.join_all().await;
    // An order that is on its way at this moment would stay in the channel, and with it whoever
    // waits for its answer, until the last sender is dropped: which may be the one who waits.
    requests.close();
    while requests.recv().await.is_some() {}
    drop(log_queue);
    let _ = tokio::time::timeout(LOG_DRAIN_TIMEOUT, log_thread).await;
}

fn runtime() -> io::Result<runtime::Runtime> {
    runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .thread_keep_alive(Duration::from_secs(1))
        .thread_name("vantage-helper")
        .build()
}

/// Flushes and ends; what is not out by the deadline is lost, and counted. Without an order
/// nobody wants to know.
async fn shut_down(signals: Vec<SignalTask>, request: Option<FlushRequest>) {
    let before: Vec<_> = signals.iter().map(SignalTask::counts).collect();
    let mut report = match &request {
        Some(request) => flush_all(&signals, request.deadline).await,
        None => FlushReport::default(),
    };
    let export_metrics: Vec<_> = signals
        .iter()
        .map(|signal| signal.export_metrics.clone())
        .collect();
    // Stopped together, and then each is waited for.
    let tasks: Vec<_> = signals.into_iter().map(SignalTask::stop).collect();
    for (index, task) in tasks.into_iter().enumerate() {
        let in_flight = |_| export_metrics[index].counts().in_flight();
        // A task that panicked reports nothing; its counts still tell what it had.
        let left = task.await.unwrap_or_else(in_flight);
        if let Some(report) = report.signals.get_mut(index) {
            report.update_after_shutdown(before[index], export_metrics[index].counts(), left);
        }
    }
    if let Some(request) = request {
        (request.reply)(report);
    }
}

/// Flushes all signals at once; the report lists them in order.
fn flush_all(
    signals: &[SignalTask],
    deadline: Instant,
) -> impl Future<Output = FlushReport> + Send + use<> {
    let tasks: Vec<_> = signals
        .iter()
        .map(|signal| tokio::spawn(signal.flush(deadline)))
        .collect();
    async move {
        let mut signals = Vec::new();
        for task in tasks {
            signals.extend(task.await.ok());
        }
        FlushReport { signals }
    }
}

impl SignalReport {
    /// After the end nothing is on its way any more.
    fn update_after_shutdown(&mut self, before: ExportCounts, after: ExportCounts, left: u64) {
        self.exported = after.exported - before.exported;
        self.refused = after.refused - before.refused;
        self.left = left;
        // Metrics that weren't collected in time are in no count.
        let counted = self.signal != TelemetrySignal::Metrics;
        if left > 0 && self.cause.is_none() {
            self.cause = Some("recorded while the exporter was shutting down".into());
        } else if counted
            && left + self.refused == 0
            && self.cause.as_deref() == Some(DEADLINE_EXCEEDED)
        {
            // The last answer came between the deadline and the end.
            self.cause = None;
        }
    }
}

impl SignalRoute {
    /// Adds the signal's name to an error of making its encoder.
    fn encoder<T>(
        &self,
        made: Result<Encode<T>, ExporterBuildError>,
    ) -> Result<Encode<T>, ExportError> {
        made.map_err(|error| ExportError::new(self.signal, &error))
    }

    /// Opens the signal's queue, out of which a worker sends batches.
    fn with_queue<T: Send + 'static>(
        mut self,
        batch: &BatchConfig,
        encode: Encode<T>,
        instruments: &Instruments,
    ) -> (QueueSender<T>, SignalSetup) {
        let (sender, receiver) = bounded_queue(batch.queue_size, batch.size, &self.export_metrics);
        let queue = sender.clone();
        let queue_length: QueueLength = Arc::new(move || queue.len());
        self.queue_length = Arc::clone(&queue_length);
        ExportMetrics::observe_queue(instruments, self.signal, batch.queue_size, move || {
            queue_length()
        });
        let delay = batch.delay;
        let setup = self.setup(move |delivery, flushes, stopped| {
            BatchWorker::new(receiver, delay, encode, delivery, flushes).run(stopped)
        });
        (sender, setup)
    }

    /// Boxes the start of a worker, whose future's type differs by signal.
    fn setup<F>(
        self,
        work: impl FnOnce(Delivery, mpsc::Receiver<SignalFlush>, oneshot::Receiver<()>) -> F
        + Send
        + 'static,
    ) -> SignalSetup
    where
        F: Future<Output = u64> + Send + 'static,
    {
        SignalSetup {
            signal: self.signal,
            export_metrics: self.export_metrics.clone(),
            start: Box::new(move |log_queue| self.start(log_queue, work)),
        }
    }

    fn start<F>(
        self,
        log_queue: &LogQueue,
        work: impl FnOnce(Delivery, mpsc::Receiver<SignalFlush>, oneshot::Receiver<()>) -> F,
    ) -> Result<SignalTask, ExportError>
    where
        F: Future<Output = u64> + Send + 'static,
    {
        let (signal, export_metrics, queue_length) =
            (self.signal, self.export_metrics.clone(), self.queue_length);
        let delivery = Delivery {
            signal,
            transport: Transport::new(signal, &self.otlp)?,
            endpoint: self.otlp.endpoint,
            timeout: self.otlp.timeout,
            export_metrics: self.export_metrics,
            log_queue: log_queue.clone(),
            outage: delivery::DeliveryOutage::default(),
            last_failure: None,
        };
        let (flushes, received) = mpsc::channel(1);
        let (stop, stopped) = oneshot::channel();
        Ok(SignalTask {
            signal,
            flushes,
            export_metrics,
            queue_length,
            stop,
            task: tokio::spawn(work(delivery, received, stopped)),
        })
    }
}

impl SignalTask {
    /// Requests a flush and waits for it until the deadline; the rest continues in the background.
    fn flush(&self, deadline: Instant) -> impl Future<Output = SignalReport> + Send + use<> {
        let (signal, flushes, export_metrics) = (
            self.signal,
            self.flushes.clone(),
            self.export_metrics.clone(),
        );
        let queue_length = Arc::clone(&self.queue_length);
        async move {
            let before = export_metrics.counts();
            let (reply, response) = oneshot::channel();
            let deadline = deadline.into();
            let flushed = async {
                flushes.send(SignalFlush { deadline, reply }).await.ok()?;
                response.await.ok()
            };
            // The worker goes on after the deadline: only the waiting ends.
            let failure = match tokio::time::timeout_at(deadline, flushed).await {
                Ok(Some(failure)) => failure,
                Ok(None) => Some(FlushFailure::without_request("the exporter has ended")),
                Err(_) => Some(FlushFailure::without_request(DEADLINE_EXCEEDED)),
            };
            let (error_type, cause) = match failure {
                Some(failure) => (failure.error_type, Some(failure.message)),
                None => (None, None),
            };
            let after = export_metrics.counts();
            let waiting = after.in_flight() + queue_length() as u64;
            SignalReport {
                signal,
                exported: after.exported - before.exported,
                refused: after.refused - before.refused,
                // Without a failure everything that waited at the time was sent; what is in the
                // queue now came later.
                left: cause.as_ref().map_or(0, |_| waiting),
                cause,
                error_type: error_type.map(Cow::into_owned),
            }
        }
    }

    fn counts(&self) -> ExportCounts {
        self.export_metrics.counts()
    }

    /// Stops the task, which returns the number of items in flight or in the queue then.
    fn stop(self) -> JoinHandle<u64> {
        let _ = self.stop.send(());
        self.task
    }
}
