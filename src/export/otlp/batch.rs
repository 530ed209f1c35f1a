//! The batch worker: takes batches out of a queue and delivers them, for as long as the process
//! lives.
//!
//! | state | next send |
//! |---|---|
//! | nothing waits for a retry | when a batch is full, or `delay` after the last partial one |
//! | a batch waits for a retry, in backoff | at the end of the backoff |
//! | the same, backoff over | now; it goes before newer ones |
//! | a flush | now, whatever the backoff; what was queued before it |
//! | failing for 5 minutes | the batch is given up, counted, and the next one tried |
//!
//! Only one batch is ever out: order is kept, and a receiver that is slow isn't given more at once.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

use super::delivery::{Delivery, FlushFailure, PANICKED};
use super::encode::{Encode, Payload};
use super::queue::QueueReceiver;
use super::transport::RetryHint;
use crate::background::ThreadStatus;
use crate::background::backoff::{Backoff, GIVE_UP};
use crate::background::panic::catch_panic;

/// A request to send everything now.
#[derive(Debug)]
pub(super) struct SignalFlush {
    /// The deadline of the flush.
    pub(super) deadline: Instant,
    /// The answer is why something couldn't be sent.
    ///
    /// `None` where everything was taken.
    pub(super) reply: oneshot::Sender<Option<FlushFailure>>,
}

/// The worker of one signal, from its queue to its receiver.
pub(super) struct BatchWorker<T> {
    receiver: QueueReceiver<T>,
    delay: Duration,
    encode: Encode<T>,
    delivery: Delivery,
    flushes: mpsc::Receiver<SignalFlush>,
    backoff: Backoff,
    /// A batch that was tried and not taken. The queue behind it fills meanwhile, and overflows.
    retry_batch: Option<RetryBatch>,
    /// Nothing is sent before that, except by a flush.
    backoff_until: Option<Instant>,
}

struct RetryBatch {
    payload: Payload,
    /// The first try, from which the batch ages.
    since: Instant,
}

/// The time of the next send.
///
/// Worked out anew in each turn; it borrows nothing, so that a flush can interrupt the wait.
enum NextSend {
    Now,
    At(Instant),
    /// As soon as a whole batch waits, or then at the latest.
    Batch(Instant),
}

impl NextSend {
    async fn ready<T>(self, receiver: &QueueReceiver<T>) {
        match self {
            Self::Now => {}
            Self::At(until) => sleep_until(until).await,
            Self::Batch(due) => tokio::select! {
                () = sleep_until(due) => {}
                () = wait_for_batch(receiver) => {}
            },
        }
    }
}

/// A wake-up may be an old one, from before the last batch went out.
async fn wait_for_batch<T>(receiver: &QueueReceiver<T>) {
    while receiver.len() < receiver.batch() {
        receiver.full_batch().await;
    }
}

impl<T> BatchWorker<T> {
    pub(super) fn new(
        receiver: QueueReceiver<T>,
        delay: Duration,
        encode: Encode<T>,
        delivery: Delivery,
        flushes: mpsc::Receiver<SignalFlush>,
    ) -> Self {
        Self {
            receiver,
            delay,
            encode,
            delivery,
            flushes,
            backoff: Backoff::default(),
            retry_batch: None,
            backoff_until: None,
        }
    }

    /// Runs until it is stopped; returns the number of items lost with it.
    pub(super) async fn run(mut self, stopped: oneshot::Receiver<()>, thread: ThreadStatus) -> u64 {
        tokio::select! {
            // Stopping goes first: a deadline has passed, or nobody is left to tell.
            biased;
            _ = stopped => {}
            () = self.run_restarting(&thread) => {}
        }
        // Lost are those in the queue and those that were taken and never answered.
        self.receiver.close().await + self.delivery.export_metrics.counts().in_flight()
    }

    /// Runs until no flush can be asked for any more. A panic costs the batch that was out.
    async fn run_restarting(&mut self, thread: &ThreadStatus) {
        while let Err(payload) = catch_panic(self.run_loop(thread)).await {
            let delay = thread.record_panic(&*payload);
            self.give_up_panicked();
            sleep(delay).await;
            // The next batch may be hours away; a worker that waits for it is up.
            thread.record_round();
        }
    }

    /// Counts the batch of a round that panicked as refused. One that waits for its retry stays.
    fn give_up_panicked(&self) {
        let kept = self.retry_batch.as_ref();
        let kept = kept.map_or(0, |batch| batch.payload.items);
        let export_metrics = &self.delivery.export_metrics;
        let lost = export_metrics.counts().in_flight().saturating_sub(kept);
        export_metrics.record_refused(lost, PANICKED);
    }

    async fn run_loop(&mut self, thread: &ThreadStatus) {
        // From the last partial batch on: full ones don't delay those that wait alone.
        let mut due = Instant::now() + self.delay;
        loop {
            let next = match (self.backoff_until, &self.retry_batch) {
                (Some(until), _) => NextSend::At(until),
                (None, Some(_)) => NextSend::Now,
                (None, None) => NextSend::Batch(due),
            };
            // One batch at a time, so that a flush is heard however fast the queue fills.
            tokio::select! {
                biased;
                // Before the next send, so that a flush waits for one request at most.
                flush = self.flushes.recv() => {
                    let Some(flush) = flush else { return };
                    self.handle_flush(flush).await;
                    thread.record_round();
                }
                () = next.ready(&self.receiver) => {
                    let is_full_batch = self.receiver.len() >= self.receiver.batch();
                    self.backoff_until = None;
                    self.send_next().await;
                    thread.record_round();
                    if !is_full_batch {
                        due = Instant::now() + self.delay;
                    }
                }
            }
        }
    }

    /// Sends one batch, a retried one first; returns the number of items taken from the queue for
    /// it.
    async fn send_next(&mut self) -> usize {
        if let Some(again) = self.retry_batch.take() {
            self.attempt(again.payload, again.since).await;
            // A retried batch was counted as fetched the first time.
            return 0;
        }
        let Some(items) = self.receiver.take_batch() else {
            return 0;
        };
        let fetched = items.len();
        match (self.encode)(items) {
            Ok(bytes) => {
                let items = fetched as u64;
                self.attempt(Payload { bytes, items }, Instant::now()).await;
            }
            // Never retried: the same items would fail the same way.
            Err(reason) => self.delivery.record_unencoded(fetched as u64, &reason),
        }
        fetched
    }

    async fn handle_flush(&mut self, flush: SignalFlush) {
        // Whoever asked may have run out of patience.
        if !flush.reply.is_closed() {
            let failure = self.flush().await;
            let _ = flush.reply.send(failure);
        }
    }

    /// Sends what waits at this moment, back-off or not; what comes after that isn't waited for.
    async fn flush(&mut self) -> Option<FlushFailure> {
        let refused = self.delivery.export_metrics.counts().refused;
        let before = (self.backoff_until.take(), self.backoff.clone());
        // Counted at the beginning: a service that records all the time must not keep a flush busy
        // for ever.
        let mut ahead = self.receiver.len();
        if self.retry_batch.is_some() {
            self.send_next().await;
        }
        // Stops at the first failure: the receiver that refused one would refuse the rest.
        while self.retry_batch.is_none() && ahead > 0 {
            ahead = ahead.saturating_sub(self.send_next().await.max(1));
        }
        let failed = self.retry_batch.is_some();
        if failed && self.delivery.last_retry() == RetryHint::Whenever && before.0.is_some() {
            // Whoever flushes often doesn't put off the next try.
            (self.backoff_until, self.backoff) = before;
        }
        let lost = failed || self.delivery.export_metrics.counts().refused > refused;
        lost.then(|| self.delivery.flush_failure())
    }

    /// Tries once, and keeps what is to be tried again.
    async fn attempt(&mut self, payload: Payload, since: Instant) {
        let Err(failure) = self.delivery.attempt(&payload).await else {
            return self.backoff.reset();
        };
        let retry_after = match failure.retry {
            // An answer, if not the wished one: the receiver is there.
            RetryHint::Never => return self.backoff.reset(),
            RetryHint::Whenever => None,
            RetryHint::After(delay) => Some(delay),
        };
        self.backoff_until = Some(Instant::now() + self.backoff.next_delay(retry_after));
        if since.elapsed() < GIVE_UP {
            self.retry_batch = Some(RetryBatch { payload, since });
        } else {
            self.delivery.give_up(&payload, &failure);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::super::delivery::DeliveryOutage;
    use super::super::metrics::ExportMetrics;
    use super::super::queue::{QueueSender, bounded_queue};
    use super::super::transport::Transport;
    use super::*;
    use crate::background::log_queue::LogQueue;
    use crate::config::{OtlpConfig, Protocol, TelemetrySignal};
    use crate::record::series::Instruments;

    /// A number that can't be encoded.
    const UNENCODABLE: u8 = 13;
    /// An item whose batch panics.
    const PANICKING: u8 = u8::MAX - 1;

    /// Returns a worker for numbers to an address without a listener.
    fn new_worker() -> (BatchWorker<u8>, QueueSender<u8>, ExportMetrics) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut otlp = OtlpConfig::default();
        let address = listener.local_addr().unwrap();
        otlp.endpoint = Some(format!("http://{address}").parse().unwrap());
        otlp.protocol = Protocol::HttpProtobuf;
        let otlp = otlp.signal(TelemetrySignal::Traces).unwrap();
        let instruments = Instruments::noop();
        let export_metrics =
            ExportMetrics::new(&instruments, TelemetrySignal::Traces, otlp.protocol);
        let (sender, receiver) = bounded_queue(100, 2, &export_metrics);
        let delivery = Delivery {
            signal: TelemetrySignal::Traces,
            transport: Transport::new(TelemetrySignal::Traces, &otlp).unwrap(),
            endpoint: otlp.endpoint,
            timeout: otlp.timeout,
            export_metrics: export_metrics.clone(),
            log_queue: LogQueue::immediate(),
            outage: DeliveryOutage::default(),
            last_failure: None,
        };
        let encode = Box::new(|items: Vec<u8>| match items[..] {
            [UNENCODABLE, ..] => Err("a bad number".to_owned()),
            [PANICKING, ..] => panic!("no luck"),
            _ => Ok(items.into()),
        });
        let (_, flushes) = mpsc::channel(1);
        let delay = Duration::from_secs(1);
        let worker = BatchWorker::new(receiver, delay, encode, delivery, flushes);
        (worker, sender, export_metrics)
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_nobody_takes_for_five_minutes_is_given_up_and_counted() {
        let (mut worker, sender, export_metrics) = new_worker();
        (0..5).for_each(|item| sender.push(item));
        let started = Instant::now();
        while export_metrics.counts().refused == 0 {
            worker.send_next().await;
            sleep_until(worker.backoff_until.unwrap()).await;
        }
        assert_eq!(export_metrics.counts().refused, 2, "one batch");
        assert_eq!(sender.len(), 3, "and not what waits behind it");
        let age = started.elapsed();
        assert!((GIVE_UP..GIVE_UP * 3 / 2).contains(&age), "{age:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn flushes_that_fail_age_no_batch_and_put_off_no_try() {
        let (mut worker, sender, export_metrics) = new_worker();
        sender.push(1);
        worker.send_next().await;
        let next = worker.backoff_until;
        for _ in 0..1000 {
            assert!(worker.flush().await.is_some());
        }
        assert_eq!(worker.backoff_until, next);
        let counts = export_metrics.counts();
        assert_eq!((counts.in_flight(), counts.refused), (1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_cannot_be_encoded_is_lost_and_counted_and_the_flush_says_why() {
        let (mut worker, sender, export_metrics) = new_worker();
        [UNENCODABLE, 1]
            .into_iter()
            .for_each(|item| sender.push(item));
        let failure = worker.flush().await.unwrap();
        let message = "the message could not be encoded: a bad number";
        assert_eq!(failure.message, message);
        assert_eq!(failure.error_type.as_deref(), Some("encoding"));
        let counts = export_metrics.counts();
        assert_eq!((counts.in_flight(), counts.refused), (0, 2));
        assert!(worker.retry_batch.is_none() && sender.len() == 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_costs_the_batch_that_was_out_and_the_next_one_is_sent() {
        let (mut worker, sender, export_metrics) = new_worker();
        let (_flushes, received) = mpsc::channel(1);
        worker.flushes = received;
        let (_stop, stopped) = oneshot::channel();
        let thread = ThreadStatus::new("vantage-test");
        [PANICKING, 1, 2]
            .into_iter()
            .for_each(|item| sender.push(item));
        let running = tokio::spawn(worker.run(stopped, thread.clone()));
        while export_metrics.counts().refused == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        let counts = export_metrics.counts();
        assert_eq!((counts.in_flight(), counts.refused), (0, 2));
        assert!(!thread.is_up());
        while !thread.is_up() {
            sleep(Duration::from_millis(1)).await;
        }
        while export_metrics.counts().in_flight() == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(export_metrics.counts().in_flight(), 1, "it is tried");
        running.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_panicked_is_up_again_though_nothing_more_comes() {
        let (mut worker, sender, export_metrics) = new_worker();
        let (_flushes, received) = mpsc::channel(1);
        worker.flushes = received;
        let (_stop, stopped) = oneshot::channel();
        let thread = ThreadStatus::new("vantage-test");
        sender.push(PANICKING);
        let running = tokio::spawn(worker.run(stopped, thread.clone()));
        while export_metrics.counts().refused == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        assert!(!thread.is_up());
        sleep(Duration::from_secs(10)).await;
        assert!(thread.is_up());
        running.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_stopped_answers_all_that_was_left() {
        let (mut worker, sender, export_metrics) = new_worker();
        (0..5).for_each(|item| sender.push(item));
        worker.send_next().await;
        assert_eq!(export_metrics.counts().in_flight(), 2);
        let (stop, stopped) = oneshot::channel();
        drop(stop);
        let thread = ThreadStatus::new("vantage-test");
        assert_eq!(worker.run(stopped, thread).await, 5);
        sender.push(6);
        assert_eq!(export_metrics.counts().dropped, 1);
    }
}
