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
//! | collecting, name resolution, log lines | threads of the supervisor and of `net` | one at a time for each provider and name |
//! | flush and shutdown | the same thread | one deadline for all signals |
//!
//! Exports are counted in the conventions' `otel.sdk.*` metrics: nothing is lost without a
//! number.

mod batch;
mod collect;
mod delivery;
pub(crate) mod encode;
mod metrics;
mod periodic;
mod processor;
mod queue;
pub(crate) mod transport;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};
use std::{fmt, io};

use opentelemetry::Context;
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use crate::background::thread::{RuntimeGuard, Stopped, ThreadRuntime};
use crate::background::{Supervisor, ThreadStatus};
use crate::config::{BatchConfig, Config, SignalOtlp, TelemetrySignal};
use crate::export::flush_report::{FlushReport, SignalReport};
use crate::export::providers::MetricProvider;
use crate::record::series::Instruments;
use batch::{BatchWorker, SignalFlush};
use collect::MetricSource;
use delivery::{Delivery, FlushFailure};
use encode::{Encode, QueuedLogRecord, log_encoder, metric_encoder, span_encoder};
use metrics::{ExportCounts, ExportMetrics};
use periodic::PeriodicReader;
use queue::{QueueSender, bounded_queue};
use transport::Transport;

pub(crate) use processor::{QueueLogProcessor, QueueSpanProcessor};
pub use transport::ExportError;

/// The name of the thread.
const THREAD: &str = "vantage-export";
/// The number of threads for blocking calls beside the one. Nothing here makes any: names are resolved,
/// metrics collected, and log lines written, elsewhere.
const MAX_BLOCKING_THREADS: usize = 1;
/// Longer deadlines are as good as this one, and could not be added to the time of day.
const MAX_DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);
/// A constant, because a shutdown looks for it when the last answer came after all.
const DEADLINE_EXCEEDED: &str = "no answer before the deadline";
/// The cause where the thread panicked over a flush.
const UNANSWERED: &str = "the export thread panicked before it answered";
/// The time beyond its deadline that a blocking flush waits for the answer, which comes at the deadline.
const ANSWER_SLACK: Duration = Duration::from_secs(1);

/// The export thread. Dropped without a shutdown, it ends without sending what waits.
pub(crate) struct OtlpExporter {
    /// Unbounded, because only flushes go through it, and a flush must not be lost. Dropped, it
    /// ends the thread.
    requests: mpsc::UnboundedSender<FlushRequest>,
    /// `None` where the signal isn't pushed.
    spans: Option<QueueSender<SpanData>>,
    logs: Option<QueueSender<QueuedLogRecord>>,
    export_metrics: Vec<(TelemetrySignal, ExportMetrics)>,
    /// The numbers of items that wait, for the report of a thread that is down.
    waiting: Vec<(TelemetrySignal, QueueLength)>,
    supervisor: Supervisor,
    _guard: RuntimeGuard,
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
    queue_length: QueueLength,
    start: StartSignal,
}

/// Starts a signal in the thread's runtime.
// Called within that runtime, because connections belong to it.
type StartSignal = Box<dyn FnOnce(&Supervisor) -> Result<SignalTask, ExportError> + Send>;

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

impl fmt::Debug for OtlpExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpExporter")
            .field("export_metrics", &self.export_metrics)
            .finish_non_exhaustive()
    }
}

impl OtlpExporter {
    /// Starts the thread; `None` where nothing is to be pushed.
    pub(crate) fn start(
        config: &Config,
        resource: &Resource,
        instruments: &Instruments,
        sources: Vec<MetricProvider>,
        supervisor: &Supervisor,
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
            let collecting = supervisor.clone();
            signals.push(route.setup(move |delivery, flushes, stopped, thread| {
                let sources = MetricSource::all(sources, &collecting);
                PeriodicReader::new(sources, interval, timeout, encode, delivery, flushes)
                    .run(stopped, thread)
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
        let waiting = |setup: &SignalSetup| (setup.signal, Arc::clone(&setup.queue_length));
        let waiting = signals.iter().map(waiting).collect();
        let (requests, guard) = start_thread(signals, supervisor)?;
        Ok(Some(Self {
            requests,
            spans,
            logs,
            export_metrics,
            waiting,
            supervisor: supervisor.clone(),
            _guard: guard,
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
        if let Some(report) = self.down_report() {
            return report;
        }
        let (reply, response) = oneshot::channel();
        let is_sent = self.send_request(is_shutdown, within, move |report| {
            let _ = reply.send(report);
        });
        // A thread that has ended has nothing to carry out.
        if !is_sent {
            return FlushReport::default();
        }
        response.await.unwrap_or_else(|_| self.unanswered_report())
    }

    /// Does the same for a caller that has no runtime, or no time to wait in one.
    pub(crate) fn flush_blocking(&self, is_shutdown: bool, within: Duration) -> FlushReport {
        if let Some(report) = self.down_report() {
            return report;
        }
        let (reply, response) = sync_channel(1);
        let is_sent = self.send_request(is_shutdown, within, move |report| {
            let _ = reply.send(report);
        });
        if !is_sent {
            return FlushReport::default();
        }
        // The thread keeps the deadline, unless it is stuck itself.
        self.wait_for_answer(&response, within.min(MAX_DEADLINE) + ANSWER_SLACK)
    }

    fn wait_for_answer(&self, response: &Receiver<FlushReport>, limit: Duration) -> FlushReport {
        match response.recv_timeout(limit) {
            Ok(report) => report,
            Err(RecvTimeoutError::Timeout) => self.report_of_loss(DEADLINE_EXCEEDED),
            Err(RecvTimeoutError::Disconnected) => self.unanswered_report(),
        }
    }

    /// Returns the report of a flush by a thread that is down, and so keeps no deadline; `None` where it is up.
    fn down_report(&self) -> Option<FlushReport> {
        // The last chance of one that was refused.
        self.supervisor.nudge();
        let failure = self.supervisor.down().remove(THREAD)?;
        Some(self.report_of_loss(&format!("the export thread is down: {failure}")))
    }

    /// Returns the report of a flush whose answer was dropped, as by a panic of the thread.
    fn unanswered_report(&self) -> FlushReport {
        let down = self.down_report();
        down.unwrap_or_else(|| self.report_of_loss(UNANSWERED))
    }

    /// Returns the report of a flush of which the thread said nothing: all that waits is left.
    fn report_of_loss(&self, cause: &str) -> FlushReport {
        let report = |(signal, waiting): &(TelemetrySignal, QueueLength)| SignalReport {
            signal: *signal,
            exported: 0,
            refused: 0,
            left: waiting() as u64,
            cause: Some(cause.to_owned()),
            error_type: None,
        };
        let signals = self.waiting.iter().map(report).collect();
        FlushReport { signals }
    }

    /// Returns `false` where the thread has ended.
    fn send_request(
        &self,
        is_shutdown: bool,
        within: Duration,
        reply: impl FnOnce(FlushReport) + Send + 'static,
    ) -> bool {
        let request = FlushRequest {
            is_shutdown,
            // Fixed here: time that the request waits for the thread counts as well.
            deadline: Instant::now() + within.min(MAX_DEADLINE),
            reply: Box::new(reply),
        };
        self.requests.send(request).is_ok()
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

/// Starts the thread with its signals.
///
/// Transports are made before, so that a bad certificate or header is an error of `init` and not a line in a
/// log; where the system refuses the thread, everything waits in the queues until it is there.
fn start_thread(
    signals: Vec<SignalSetup>,
    supervisor: &Supervisor,
) -> Result<(mpsc::UnboundedSender<FlushRequest>, RuntimeGuard), StartError> {
    let ended = || io::Error::other("the export runtime has ended");
    let runtime = ThreadRuntime::new(MAX_BLOCKING_THREADS)?;
    let signals: Vec<_> = {
        // Connections belong to a runtime from the start.
        let _entered = runtime.get().ok_or_else(ended)?.enter();
        let start = |setup: SignalSetup| (setup.start)(supervisor);
        signals.into_iter().map(start).collect::<Result<_, _>>()?
    };
    let (requests, received) = mpsc::unbounded_channel();
    let mut service = ExportService {
        signals,
        requests: received,
        flushing: JoinSet::new(),
    };
    let serve = async move |_: &Stopped, thread: &ThreadStatus| {
        // What is exported about exporting would have to be exported, and so on.
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        service.serve(thread).await;
    };
    let guard = supervisor.run_in(THREAD, runtime, serve);
    Ok((requests, guard.ok_or_else(ended)?))
}

/// The work of the thread: flushes, and the end of the signals' tasks.
struct ExportService {
    signals: Vec<SignalTask>,
    requests: mpsc::UnboundedReceiver<FlushRequest>,
    flushing: JoinSet<()>,
}

impl ExportService {
    async fn serve(&mut self, thread: &ThreadStatus) {
        let shutdown = loop {
            thread.record_round();
            let Some(request) = self.requests.recv().await else {
                break None;
            };
            if request.is_shutdown {
                break Some(request);
            }
            // Ended flushes are taken out of the set, which would otherwise grow with each of them.
            while self.flushing.try_join_next().is_some() {}
            // Requested before the next order is read, so that a shutdown that follows can't overtake
            // it.
            let all = flush_all(&self.signals, request.deadline);
            self.flushing
                .spawn(async move { (request.reply)(all.await) });
        };
        shut_down(std::mem::take(&mut self.signals), shutdown).await;
        // Whoever still waits for a flush hears that the exporter has ended.
        while self.flushing.join_next().await.is_some() {}
        // An order that is on its way at this moment would stay in the channel, and with it whoever
        // waits for its answer, until the last sender is dropped: which may be the one who waits.
        self.requests.close();
        while let Some(request) = self.requests.recv().await {
            // As for one that comes later.
            (request.reply)(FlushReport::default());
        }
    }
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
        let setup = self.setup(move |delivery, flushes, stopped, thread| {
            BatchWorker::new(receiver, delay, encode, delivery, flushes).run(stopped, thread)
        });
        (sender, setup)
    }

    /// Boxes the start of a worker, whose future's type differs by signal.
    fn setup<F>(
        self,
        work: impl FnOnce(
            Delivery,
            mpsc::Receiver<SignalFlush>,
            oneshot::Receiver<()>,
            ThreadStatus,
        ) -> F
        + Send
        + 'static,
    ) -> SignalSetup
    where
        F: Future<Output = u64> + Send + 'static,
    {
        SignalSetup {
            signal: self.signal,
            export_metrics: self.export_metrics.clone(),
            queue_length: Arc::clone(&self.queue_length),
            start: Box::new(move |supervisor| self.start(supervisor, work)),
        }
    }

    fn start<F>(
        self,
        supervisor: &Supervisor,
        work: impl FnOnce(
            Delivery,
            mpsc::Receiver<SignalFlush>,
            oneshot::Receiver<()>,
            ThreadStatus,
        ) -> F,
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
            log_queue: supervisor.log_queue().clone(),
            outage: delivery::DeliveryOutage::default(),
            last_failure: None,
        };
        let (flushes, received) = mpsc::channel(1);
        let (stop, stopped) = oneshot::channel();
        let thread = supervisor.register(task_name(signal));
        Ok(SignalTask {
            signal,
            flushes,
            export_metrics,
            queue_length,
            stop,
            task: tokio::spawn(work(delivery, received, stopped, thread)),
        })
    }
}

/// Returns the name of a signal's task among the threads.
const fn task_name(signal: TelemetrySignal) -> &'static str {
    match signal {
        TelemetrySignal::Traces => "vantage-export-traces",
        TelemetrySignal::Metrics => "vantage-export-metrics",
        TelemetrySignal::Logs => "vantage-export-logs",
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

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// Returns an exporter whose requests go elsewhere, and of which 3 spans wait.
    fn exporter() -> (OtlpExporter, mpsc::UnboundedReceiver<FlushRequest>) {
        let supervisor = Supervisor::default();
        let run = async |stopped: &Stopped, _: &ThreadStatus| {
            stopped.or(pending::<()>()).await;
        };
        let guard = supervisor.run("vantage-test", 1, run).unwrap();
        let waiting: QueueLength = Arc::new(|| 3);
        let (requests, received) = mpsc::unbounded_channel();
        let exporter = OtlpExporter {
            requests,
            spans: None,
            logs: None,
            export_metrics: Vec::new(),
            waiting: vec![(TelemetrySignal::Traces, waiting)],
            supervisor,
            _guard: guard,
        };
        (exporter, received)
    }

    fn assert_lost(report: &FlushReport, cause: &str) {
        let [signal] = &report.signals[..] else {
            panic!("{report:?}");
        };
        assert_eq!((signal.left, signal.cause.as_deref()), (3, Some(cause)));
    }

    #[tokio::test]
    async fn a_flush_whose_answer_is_dropped_is_no_success() {
        let (exporter, mut requests) = exporter();
        std::thread::spawn(move || while requests.blocking_recv().is_some() {});
        assert_lost(&exporter.flush_blocking(false, SOON), UNANSWERED);
        assert_lost(&exporter.flush(false, SOON).await, UNANSWERED);
    }

    #[test]
    fn a_thread_that_says_nothing_keeps_no_blocking_flush() {
        let (exporter, _requests) = exporter();
        let (_answer, response) = sync_channel(1);
        let report = exporter.wait_for_answer(&response, Duration::ZERO);
        assert_lost(&report, DEADLINE_EXCEEDED);
    }

    #[tokio::test]
    async fn a_thread_that_has_ended_has_nothing_to_flush() {
        let (exporter, requests) = exporter();
        drop(requests);
        assert!(exporter.flush_blocking(false, SOON).signals.is_empty());
        assert!(exporter.flush(false, SOON).await.signals.is_empty());
    }
}
