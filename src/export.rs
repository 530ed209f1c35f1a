//! What carries telemetry out: one thread of our own, with a runtime of its own.
//!
//! Why not the SDK's processors and exporters? They block threads of the caller's, hang in a
//! current-thread runtime, and shut down one after another with timeouts of their own. Here every
//! connection lives on one thread, recording only puts into a bounded queue, and one deadline
//! bounds all signals together, in any runtime or none.

mod backoff;
mod delivery;
mod encode;
mod figures;
mod processor;
mod pump;
mod push;
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
use tokio::task::JoinHandle;

use crate::config::{Batch, Config, Signal, SignalOtlp};
use crate::pipeline::Metrics;
use crate::report::{Report, SignalReport};
use crate::series::Instruments;
use delivery::Delivery;
use encode::Sender;
use figures::Exported;
use pump::{Flush, Pump};
use push::Push;
use queue::{Outlet, Queue, queue};
use transport::Transport;

pub(crate) use processor::{Logs, Spans};
pub use transport::ExportError;

/// How many threads may collect metrics or resolve names at once, beside the one.
const HELPERS: usize = 4;

/// The export thread. Dropped without a shutdown, it ends without sending what waits.
#[derive(Debug)]
pub(crate) struct Export {
    orders: mpsc::UnboundedSender<Order>,
    spans: Option<Queue<opentelemetry_sdk::trace::SpanData>>,
    logs: Option<Queue<encode::Record>>,
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

/// Where a signal goes.
struct Route {
    signal: Signal,
    otlp: SignalOtlp,
    figures: Exported,
}

/// A signal that is being carried out.
#[derive(Debug)]
struct Running {
    signal: Signal,
    flushes: mpsc::Sender<Flush>,
    figures: Exported,
    task: JoinHandle<()>,
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
            })
        };
        let mut plan = Plan {
            sender: Arc::new(resource.into()),
            spans: None,
            logs: None,
            metrics: None,
        };
        let (mut spans, mut logs) = (None, None);
        if let Some(route) = route(Signal::Traces, config.traces.enabled) {
            let (entry, outlet) = open(&config.traces.batch, &route, instruments);
            (spans, plan.spans) = (
                Some(entry),
                Some((route, config.traces.batch.clone(), outlet)),
            );
        }
        if let Some(route) = route(Signal::Logs, config.logs.otlp) {
            let (entry, outlet) = open(&config.logs.batch, &route, instruments);
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
        let orders = plan.start()?;
        Ok(Some(Self {
            orders,
            spans,
            logs,
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
            deadline: Instant::now() + within,
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
    route: &Route,
    instruments: &Instruments,
) -> (Queue<T>, Outlet<T>) {
    let (entry, outlet) = queue(batch.queue_size, batch.size, &route.figures);
    let watched = entry.clone();
    Exported::watch_queue(instruments, route.signal, batch.queue_size, move || {
        watched.len()
    });
    (entry, outlet)
}

impl Plan {
    const fn is_empty(&self) -> bool {
        self.spans.is_none() && self.logs.is_none() && self.metrics.is_none()
    }

    /// Starts the thread, and waits until it has made its transports.
    fn start(self) -> Result<mpsc::UnboundedSender<Order>, StartError> {
        let (orders, received) = mpsc::unbounded_channel();
        let (ready, started) = sync_channel(1);
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(HELPERS)
            .thread_keep_alive(Duration::from_secs(1))
            .thread_name("vantage-helper")
            .build()?;
        thread::Builder::new()
            .name("vantage-export".into())
            .spawn(move || {
                // What is exported about exporting would have to be exported, and so on.
                let _suppressed = Context::enter_telemetry_suppressed_scope();
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
        ready: &SyncSender<Result<(), ExportError>>,
    ) {
        let signals = match self.run() {
            Ok(signals) => signals,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        let _ = ready.send(Ok(()));
        while let Some(order) = orders.recv().await {
            if order.last {
                return last(signals, order).await;
            }
            let flushing: Vec<_> = signals
                .iter()
                .map(|signal| signal.flush(order.deadline))
                .collect();
            tokio::spawn(async move {
                let signals = in_turn(flushing).await;
                (order.reply)(Report { signals });
            });
        }
        for signal in signals {
            signal.task.abort();
        }
    }

    fn run(self) -> Result<Vec<Running>, ExportError> {
        let mut signals = Vec::new();
        if let Some((route, batch, outlet)) = self.spans {
            signals.push(route.pump(&batch, outlet, &self.sender, encode::spans)?);
        }
        if let Some((route, interval, timeout, sources)) = self.metrics {
            signals.push(route.push(interval, timeout, sources)?);
        }
        if let Some((route, batch, outlet)) = self.logs {
            signals.push(route.pump(&batch, outlet, &self.sender, encode::logs)?);
        }
        Ok(signals)
    }
}

/// Flushes and ends: what is not out by the deadline is lost, and counted.
async fn last(signals: Vec<Running>, order: Order) {
    let flushing = signals
        .iter()
        .map(|signal| signal.flush(order.deadline))
        .collect();
    let mut reports = in_turn(flushing).await;
    for (signal, report) in signals.iter().zip(&mut reports) {
        signal.task.abort();
        report.left = signal.left();
    }
    (order.reply)(Report { signals: reports });
}

/// All at once, in the order given.
async fn in_turn<F>(flushing: Vec<F>) -> Vec<SignalReport>
where
    F: Future<Output = SignalReport> + Send + 'static,
{
    let tasks: Vec<_> = flushing.into_iter().map(tokio::spawn).collect();
    let mut reports = Vec::new();
    for task in tasks {
        reports.extend(task.await.ok());
    }
    reports
}

impl Route {
    fn delivery(self) -> Result<(Delivery, Exported), ExportError> {
        let figures = self.figures.clone();
        let delivery = Delivery {
            signal: self.signal,
            transport: Transport::new(self.signal, &self.otlp)?,
            endpoint: self.otlp.endpoint,
            timeout: self.otlp.timeout,
            figures: self.figures,
            condition: delivery::Condition::default(),
        };
        Ok((delivery, figures))
    }

    fn pump<T: Send + 'static>(
        self,
        batch: &Batch,
        outlet: Outlet<T>,
        sender: &Arc<Sender>,
        encode: fn(&Sender, Vec<T>) -> encode::Payload,
    ) -> Result<Running, ExportError> {
        let (signal, (delivery, figures)) = (self.signal, self.delivery()?);
        let (flushes, received) = mpsc::channel(1);
        let pump = Pump {
            outlet,
            delay: batch.delay,
            sender: Arc::clone(sender),
            encode,
            delivery,
            flushes: received,
        };
        Ok(Running {
            signal,
            flushes,
            figures,
            task: tokio::spawn(pump.run()),
        })
    }

    fn push(
        self,
        interval: Duration,
        timeout: Duration,
        sources: Vec<Metrics>,
    ) -> Result<Running, ExportError> {
        let (signal, (delivery, figures)) = (self.signal, self.delivery()?);
        let (flushes, received) = mpsc::channel(1);
        let push = Push {
            sources,
            interval,
            timeout,
            delivery,
            flushes: received,
        };
        Ok(Running {
            signal,
            flushes,
            figures,
            task: tokio::spawn(push.run()),
        })
    }
}

impl Running {
    /// Asks for a flush and waits for it until the deadline; the rest goes on behind.
    fn flush(&self, deadline: Instant) -> impl Future<Output = SignalReport> + Send + use<> {
        let (signal, flushes, figures) = (self.signal, self.flushes.clone(), self.figures.clone());
        async move {
            let before = figures.counts();
            let (reply, answer) = oneshot::channel();
            let asked = async {
                flushes.send(reply).await.ok()?;
                answer.await.ok()
            };
            let cause = match tokio::time::timeout_at(deadline.into(), asked).await {
                Ok(Some(cause)) => cause,
                Ok(None) => Some("the exporter is gone".to_owned()),
                Err(_) => Some("no answer before the deadline".to_owned()),
            };
            let after = figures.counts();
            SignalReport {
                signal,
                exported: after.exported - before.exported,
                refused: after.refused - before.refused,
                left: cause.as_ref().map_or(0, |_| after.left()),
                cause,
            }
        }
    }

    fn left(&self) -> u64 {
        self.figures.counts().left()
    }
}

impl figures::Counts {
    /// Metrics have no queue: nothing of theirs is ever left.
    const fn left(self) -> u64 {
        self.queued
            .saturating_sub(self.exported)
            .saturating_sub(self.refused)
    }
}
