//! What carries telemetry out: one thread of our own, with a runtime of its own.
//!
//! Why not the SDK's processors and exporters? They block threads of the caller's, hang in a
//! current-thread runtime, and shut down one after another with timeouts of their own. Here every
//! connection lives on one thread, recording only puts into a bounded queue, and one deadline
//! bounds all signals together, in any runtime or none.

mod batch;
mod collect;
mod delivery;
mod encode;
mod metrics;
mod periodic;
mod processor;
mod queue;
mod transport;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use crate::background::log_queue::LogQueue;
use crate::config::{Batch, Config, Signal, SignalOtlp};
use crate::export::flush_report::{Report, SignalReport};
use crate::export::providers::Metrics;
use crate::record::series::Instruments;
use batch::{Flush, Pump};
use delivery::Delivery;
use encode::Sender;
use metrics::{Counts, Exported};
use periodic::Push;
use queue::{Outlet, Queue, queue};
use transport::Transport;

pub(crate) use processor::{Logs, Spans};
pub use transport::ExportError;

/// How many threads may collect metrics, resolve names or write log lines at once, beside the one.
/// Callbacks of metrics keep two at the most and the log keeps one, if they hang.
const HELPERS: usize = 5;
/// Longer deadlines are as good as this one, and could not be added to the time of day.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
const TOO_LATE: &str = "no answer before the deadline";
/// How long the last log lines may take, after everything else has ended.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// The export thread. Dropped without a shutdown, it ends without sending what waits.
#[derive(Debug)]
pub(crate) struct Export {
    orders: mpsc::UnboundedSender<Order>,
    spans: Option<Queue<opentelemetry_sdk::trace::SpanData>>,
    logs: Option<Queue<encode::Record>>,
    figures: Vec<(Signal, Exported)>,
}

/// Something to carry out until a deadline.
struct Order {
    last: bool,
    deadline: Instant,
    reply: Box<dyn FnOnce(Report) + Send>,
}

/// What the thread needs to start.
struct Plan {
    sender: Arc<Sender>,
    spans: Option<(Route, Batch, Outlet<opentelemetry_sdk::trace::SpanData>)>,
    logs: Option<(Route, Batch, Outlet<encode::Record>)>,
    metrics: Option<(Route, Duration, Duration, Vec<Metrics>)>,
}

/// How many items wait in a queue.
type Level = Arc<dyn Fn() -> usize + Send + Sync>;

/// Where a signal goes.
struct Route {
    signal: Signal,
    otlp: SignalOtlp,
    figures: Exported,
    level: Level,
}

/// A signal that is being carried out.
struct Running {
    signal: Signal,
    flushes: mpsc::Sender<Flush>,
    figures: Exported,
    level: Level,
    stop: oneshot::Sender<()>,
    /// Answers what was left when it was stopped.
    task: JoinHandle<u64>,
}

impl Export {
    /// Starts the thread; `None` where nothing is to be pushed.
    pub(crate) fn start(
        config: &Config,
        resource: &Resource,
        instruments: &Instruments,
        sources: Vec<Metrics>,
    ) -> Result<Option<Self>, StartError> {
        let route = |signal: Signal, wanted: bool| {
            let otlp = config.otlp.signal(signal).filter(|_| wanted)?;
            let figures = Exported::new(instruments, signal, otlp.protocol);
            Some(Route {
                signal,
                otlp,
                figures,
                level: Arc::new(|| 0),
            })
        };
        let mut plan = Plan {
            sender: Arc::new(resource.into()),
            spans: None,
            logs: None,
            metrics: None,
        };
        let (mut spans, mut logs) = (None, None);
        if let Some(mut route) = route(Signal::Traces, config.traces.enabled) {
            let (entry, outlet) = open(&config.traces.batch, &mut route, instruments);
            (spans, plan.spans) = (
                Some(entry),
                Some((route, config.traces.batch.clone(), outlet)),
            );
        }
        if let Some(mut route) = route(Signal::Logs, config.logs.otlp) {
            let (entry, outlet) = open(&config.logs.batch, &mut route, instruments);
            (logs, plan.logs) = (
                Some(entry),
                Some((route, config.logs.batch.clone(), outlet)),
            );
        }
        if let Some(route) = route(Signal::Metrics, config.metrics.otlp.enabled) {
            let push = &config.metrics.otlp;
            plan.metrics = Some((route, push.interval, push.timeout, sources));
        }
        if plan.is_empty() {
            return Ok(None);
        }
        let figures = plan.figures();
        let orders = plan.start()?;
        Ok(Some(Self {
            orders,
            spans,
            logs,
            figures,
        }))
    }

    /// Where finished spans go, if they are pushed.
    pub(crate) fn spans(&self) -> Option<Spans> {
        self.spans.clone().map(Spans)
    }

    /// Where log records go, if they are pushed.
    pub(crate) fn logs(&self) -> Option<Logs> {
        self.logs.clone().map(Logs)
    }

    /// Tells the signals whose latest request was in vain.
    pub(crate) fn down(&self) -> impl Fn() -> Vec<&'static str> + Send + Sync + use<> {
        let figures = self.figures.clone();
        move || {
            let down = figures.iter().filter(|(_, figures)| figures.is_down());
            down.map(|(signal, _)| signal.as_str()).collect()
        }
    }

    /// Sends everything that waits; for good where it is the `last` order.
    pub(crate) async fn carry_out(&self, last: bool, within: Duration) -> Report {
        let (reply, answer) = oneshot::channel();
        self.order(last, within, move |report| {
            let _ = reply.send(report);
        });
        // A thread that is gone has nothing to carry out.
        answer.await.unwrap_or_default()
    }

    /// The same for a caller that has no runtime, or no time to wait in one.
    pub(crate) fn carry_out_blocking(&self, last: bool, within: Duration) -> Report {
        let (reply, answer) = sync_channel(1);
        self.order(last, within, move |report| {
            let _ = reply.send(report);
        });
        answer.recv().unwrap_or_default()
    }

    fn order(&self, last: bool, within: Duration, reply: impl FnOnce(Report) + Send + 'static) {
        let order = Order {
            last,
            deadline: Instant::now() + within.min(LONGEST),
            reply: Box::new(reply),
        };
        // An order that can't be sent drops its reply, which the caller takes for an answer.
        let _ = self.orders.send(order);
    }
}

/// Why the thread could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn open<T: Send + 'static>(
    batch: &Batch,
    route: &mut Route,
    instruments: &Instruments,
) -> (Queue<T>, Outlet<T>) {
    let (entry, outlet) = queue(batch.queue_size, batch.size, &route.figures);
    let watched = entry.clone();
    route.level = Arc::new(move || watched.len());
    let level = Arc::clone(&route.level);
    Exported::watch_queue(instruments, route.signal, batch.queue_size, move || level());
    (entry, outlet)
}

impl Plan {
    const fn is_empty(&self) -> bool {
        self.spans.is_none() && self.logs.is_none() && self.metrics.is_none()
    }

    fn figures(&self) -> Vec<(Signal, Exported)> {
        let routes = [
            self.spans.as_ref().map(|(route, ..)| route),
            self.logs.as_ref().map(|(route, ..)| route),
            self.metrics.as_ref().map(|(route, ..)| route),
        ];
        let figures = |route: &Route| (route.signal, route.figures.clone());
        routes.into_iter().flatten().map(figures).collect()
    }

    /// Starts the thread, and waits until it has made its transports.
    fn start(self) -> Result<mpsc::UnboundedSender<Order>, StartError> {
        let (orders, received) = mpsc::unbounded_channel();
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
                runtime.block_on(self.serve(received, &ready));
                // A name that is being resolved must not keep the process.
                runtime.shutdown_background();
            })?;
        let gone = || io::Error::other("the export thread ended at once");
        started.recv().map_err(|_| gone())??;
        Ok(orders)
    }

    async fn serve(
        self,
        mut orders: mpsc::UnboundedReceiver<Order>,
        ready: &SyncSender<Result<(), StartError>>,
    ) {
        let (herald, speaking) = LogQueue::start();
        let signals = match self.run(&herald) {
            Ok(signals) => signals,
            Err(error) => return drop(ready.send(Err(error.into()))),
        };
        let _ = ready.send(Ok(()));
        let mut flushing = JoinSet::new();
        let last = loop {
            let Some(order) = orders.recv().await else {
                break None;
            };
            if order.last {
                break Some(order);
            }
            while flushing.try_join_next().is_some() {}
            let all = all(&signals, order.deadline);
            flushing.spawn(async move { (order.reply)(all.await) });
        };
        end(signals, last).await;
        // Whoever still waits for a flush hears that the exporter is gone.
        flushing.join_all().await;
        // An order that is on its way at this moment would stay in the channel, and with it whoever
        // waits for its answer, until the last sender is dropped: which may be the one who waits.
        orders.close();
        while orders.recv().await.is_some() {}
        drop(herald);
        let _ = tokio::time::timeout(LAST_WORDS, speaking).await;
    }

    fn run(self, herald: &LogQueue) -> Result<Vec<Running>, ExportError> {
        let mut signals = Vec::new();
        if let Some((route, batch, outlet)) = self.spans {
            signals.push(route.pump(herald, &batch, outlet, &self.sender, encode::spans)?);
        }
        if let Some((route, interval, timeout, sources)) = self.metrics {
            signals.push(route.push(herald, interval, timeout, sources)?);
        }
        if let Some((route, batch, outlet)) = self.logs {
            signals.push(route.pump(herald, &batch, outlet, &self.sender, encode::logs)?);
        }
        Ok(signals)
    }
}

fn runtime() -> io::Result<runtime::Runtime> {
    runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(HELPERS)
        .thread_keep_alive(Duration::from_secs(1))
        .thread_name("vantage-helper")
        .build()
}

/// Flushes and ends; what is not out by the deadline is lost, and counted. Without an order
/// nobody wants to know.
async fn end(signals: Vec<Running>, order: Option<Order>) {
    let before: Vec<_> = signals.iter().map(Running::counts).collect();
    let mut report = match &order {
        Some(order) => all(&signals, order.deadline).await,
        None => Report::default(),
    };
    let figures: Vec<_> = signals
        .iter()
        .map(|signal| signal.figures.clone())
        .collect();
    // Stopped together, and then each is waited for.
    let ending: Vec<_> = signals.into_iter().map(Running::stop).collect();
    for (index, task) in ending.into_iter().enumerate() {
        let in_hand = |_| figures[index].counts().in_hand();
        let left = task.await.unwrap_or_else(in_hand);
        if let Some(report) = report.signals.get_mut(index) {
            report.conclude(before[index], figures[index].counts(), left);
        }
    }
    if let Some(order) = order {
        (order.reply)(report);
    }
}

/// Flushes all signals at once; the report has them in their order.
fn all(signals: &[Running], deadline: Instant) -> impl Future<Output = Report> + Send + use<> {
    let tasks: Vec<_> = signals
        .iter()
        .map(|signal| tokio::spawn(signal.flush(deadline)))
        .collect();
    async move {
        let mut signals = Vec::new();
        for task in tasks {
            signals.extend(task.await.ok());
        }
        Report { signals }
    }
}

impl SignalReport {
    /// After the end nothing is on its way any more.
    fn conclude(&mut self, before: Counts, after: Counts, left: u64) {
        self.exported = after.exported - before.exported;
        self.refused = after.refused - before.refused;
        self.left = left;
        // Metrics that weren't collected in time are in no count.
        let counted = self.signal != Signal::Metrics;
        if left > 0 && self.cause.is_none() {
            self.cause = Some("recorded while the exporter ended".into());
        } else if counted && left + self.refused == 0 && self.cause.as_deref() == Some(TOO_LATE) {
            // The last answer came between the deadline and the end.
            self.cause = None;
        }
    }
}

impl Route {
    fn pump<T: Send + 'static>(
        self,
        herald: &LogQueue,
        batch: &Batch,
        outlet: Outlet<T>,
        sender: &Arc<Sender>,
        encode: fn(&Sender, Vec<T>) -> encode::Payload,
    ) -> Result<Running, ExportError> {
        let (delay, sender) = (batch.delay, Arc::clone(sender));
        self.start(herald, move |delivery, flushes, stopped| {
            Pump::new(outlet, delay, sender, encode, delivery, flushes).run(stopped)
        })
    }

    fn push(
        self,
        herald: &LogQueue,
        interval: Duration,
        timeout: Duration,
        sources: Vec<Metrics>,
    ) -> Result<Running, ExportError> {
        self.start(herald, move |delivery, flushes, stopped| {
            Push::new(sources, interval, timeout, delivery, flushes).run(stopped)
        })
    }

    fn start<F>(
        self,
        herald: &LogQueue,
        work: impl FnOnce(Delivery, mpsc::Receiver<Flush>, oneshot::Receiver<()>) -> F,
    ) -> Result<Running, ExportError>
    where
        F: Future<Output = u64> + Send + 'static,
    {
        let (signal, figures, level) = (self.signal, self.figures.clone(), self.level);
        let delivery = Delivery {
            signal,
            transport: Transport::new(signal, &self.otlp)?,
            endpoint: self.otlp.endpoint,
            timeout: self.otlp.timeout,
            figures: self.figures,
            herald: herald.clone(),
            condition: delivery::Condition::default(),
            last: None,
        };
        let (flushes, received) = mpsc::channel(1);
        let (stop, stopped) = oneshot::channel();
        Ok(Running {
            signal,
            flushes,
            figures,
            level,
            stop,
            task: tokio::spawn(work(delivery, received, stopped)),
        })
    }
}

impl Running {
    /// Asks for a flush and waits for it until the deadline; the rest goes on behind.
    fn flush(&self, deadline: Instant) -> impl Future<Output = SignalReport> + Send + use<> {
        let (signal, flushes, figures) = (self.signal, self.flushes.clone(), self.figures.clone());
        let level = Arc::clone(&self.level);
        async move {
            let before = figures.counts();
            let (reply, answer) = oneshot::channel();
            let deadline = deadline.into();
            let asked = async {
                flushes.send(Flush { deadline, reply }).await.ok()?;
                answer.await.ok()
            };
            let cause = match tokio::time::timeout_at(deadline, asked).await {
                Ok(Some(cause)) => cause,
                Ok(None) => Some("the exporter is gone".to_owned()),
                Err(_) => Some(TOO_LATE.to_owned()),
            };
            let after = figures.counts();
            let waiting = after.in_hand() + level() as u64;
            SignalReport {
                signal,
                exported: after.exported - before.exported,
                refused: after.refused - before.refused,
                left: cause.as_ref().map_or(0, |_| waiting),
                cause,
            }
        }
    }

    fn counts(&self) -> Counts {
        self.figures.counts()
    }

    /// What was in its hands or in the queue then is what its task answers.
    fn stop(self) -> JoinHandle<u64> {
        let _ = self.stop.send(());
        self.task
    }
}
