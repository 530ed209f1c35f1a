//! Takes batches out of a queue and delivers them, for as long as the process lives.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::delivery::Delivery;
use super::encode::{Payload, Sender};
use super::queue::Outlet;
use super::transport::Retry;
use crate::background::backoff::{Backoff, GIVE_UP};

/// Asks for everything to be sent now.
#[derive(Debug)]
pub(super) struct Flush {
    /// Until when the one who asks has patience.
    pub(super) deadline: Instant,
    /// The answer is why something couldn't be sent.
    pub(super) reply: oneshot::Sender<Option<String>>,
}

/// One signal's queue, from its outlet to its receiver.
pub(super) struct Pump<T> {
    outlet: Outlet<T>,
    delay: Duration,
    sender: Arc<Sender>,
    encode: fn(&Sender, Vec<T>) -> Payload,
    delivery: Delivery,
    flushes: mpsc::Receiver<Flush>,
    backoff: Backoff,
    /// A batch that was tried and not taken. The queue behind it fills meanwhile, and overflows.
    waiting: Option<Waiting>,
    /// Nothing is sent before that, except by a flush.
    resting: Option<Instant>,
}

struct Waiting {
    payload: Payload,
    since: Instant,
}

/// When something is to be sent.
enum Next {
    Now,
    At(Instant),
    /// When a whole batch is there, and then at the latest.
    Batch(Instant),
}

impl Next {
    async fn ready<T>(self, outlet: &Outlet<T>) {
        match self {
            Self::Now => {}
            Self::At(until) => sleep_until(until).await,
            Self::Batch(due) => tokio::select! {
                () = sleep_until(due) => {}
                () = whole_batch(outlet) => {}
            },
        }
    }
}

/// A wake-up may be an old one, from before the last batch went out.
async fn whole_batch<T>(outlet: &Outlet<T>) {
    while outlet.len() < outlet.batch() {
        outlet.full_batch().await;
    }
}

impl<T> Pump<T> {
    pub(super) fn new(
        outlet: Outlet<T>,
        delay: Duration,
        sender: Arc<Sender>,
        encode: fn(&Sender, Vec<T>) -> Payload,
        delivery: Delivery,
        flushes: mpsc::Receiver<Flush>,
    ) -> Self {
        Self {
            outlet,
            delay,
            sender,
            encode,
            delivery,
            flushes,
            backoff: Backoff::default(),
            waiting: None,
            resting: None,
        }
    }

    /// Works until it is stopped; answers how many items are lost with it.
    pub(super) async fn run(mut self, stopped: oneshot::Receiver<()>) -> u64 {
        tokio::select! {
            biased;
            _ = stopped => {}
            () = self.work() => {}
        }
        self.outlet.close().await + self.delivery.figures.counts().in_hand()
    }

    async fn work(&mut self) {
        let mut due = Instant::now() + self.delay;
        loop {
            let next = match (self.resting, &self.waiting) {
                (Some(until), _) => Next::At(until),
                (None, Some(_)) => Next::Now,
                (None, None) => Next::Batch(due),
            };
            // One batch at a time, so that a flush is heard however fast the queue fills.
            tokio::select! {
                biased;
                flush = self.flushes.recv() => {
                    let Some(flush) = flush else { return };
                    self.answer(flush).await;
                }
                () = next.ready(&self.outlet) => {
                    let whole = self.outlet.len() >= self.outlet.batch();
                    self.resting = None;
                    self.step().await;
                    if !whole {
                        due = Instant::now() + self.delay;
                    }
                }
            }
        }
    }

    /// Sends one batch, that which waits before all others; answers how many items were fetched
    /// from the queue for it.
    async fn step(&mut self) -> usize {
        if let Some(again) = self.waiting.take() {
            self.attempt(again.payload, again.since).await;
            return 0;
        }
        let Some(items) = self.outlet.take() else {
            return 0;
        };
        let fetched = items.len();
        let payload = (self.encode)(&self.sender, items);
        self.attempt(payload, Instant::now()).await;
        fetched
    }

    async fn answer(&mut self, flush: Flush) {
        // Whoever asked may have run out of patience.
        if !flush.reply.is_closed() {
            let cause = self.flush().await;
            let _ = flush.reply.send(cause);
        }
    }

    /// Sends what waits at this moment, back-off or not; what comes after that isn't waited for.
    async fn flush(&mut self) -> Option<String> {
        let refused = self.delivery.figures.counts().refused;
        let before = (self.resting.take(), self.backoff.clone());
        let mut ahead = self.outlet.len();
        if self.waiting.is_some() {
            self.step().await;
        }
        while self.waiting.is_none() && ahead > 0 {
            ahead = ahead.saturating_sub(self.step().await.max(1));
        }
        let failed = self.waiting.is_some();
        if failed && self.delivery.retry() == Retry::Whenever && before.0.is_some() {
            // Whoever flushes often doesn't put off the next try.
            (self.resting, self.backoff) = before;
        }
        let lost = failed || self.delivery.figures.counts().refused > refused;
        lost.then(|| self.delivery.complaint())
    }

    /// Tries once, and keeps what is to be tried again.
    async fn attempt(&mut self, payload: Payload, since: Instant) {
        let Err(failure) = self.delivery.attempt(&payload).await else {
            return self.backoff.reset();
        };
        let asked = match failure.retry {
            Retry::Never => return self.backoff.reset(),
            Retry::Whenever => None,
            Retry::After(delay) => Some(delay),
        };
        self.resting = Some(Instant::now() + self.backoff.next(asked));
        if since.elapsed() < GIVE_UP {
            self.waiting = Some(Waiting { payload, since });
        } else {
            self.delivery.give_up(&payload, &failure);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use opentelemetry_sdk::Resource;

    use super::super::delivery::Condition;
    use super::super::metrics::Exported;
    use super::super::queue::{Queue, queue};
    use super::super::transport::Transport;
    use super::*;
    use crate::background::log_queue::LogQueue;
    use crate::config::{Otlp, Protocol, Signal};
    use crate::record::series::Instruments;

    /// A pump of numbers to an address where nobody listens.
    fn pump() -> (Pump<u8>, Queue<u8>, Exported) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut otlp = Otlp::default();
        let address = listener.local_addr().unwrap();
        otlp.endpoint = Some(format!("http://{address}").parse().unwrap());
        otlp.protocol = Protocol::HttpProtobuf;
        let otlp = otlp.signal(Signal::Traces).unwrap();
        let instruments = Instruments::unread();
        let figures = Exported::new(&instruments, Signal::Traces, otlp.protocol);
        let (entry, outlet) = queue(100, 2, &figures);
        let delivery = Delivery {
            signal: Signal::Traces,
            transport: Transport::new(Signal::Traces, &otlp).unwrap(),
            endpoint: otlp.endpoint,
            timeout: otlp.timeout,
            figures: figures.clone(),
            herald: LogQueue::start().0,
            condition: Condition::default(),
            last: None,
        };
        let encode = |_: &Sender, items: Vec<u8>| Payload {
            items: items.len() as u64,
            bytes: items.into(),
        };
        let sender = Arc::new((&Resource::builder_empty().build()).into());
        let (_, flushes) = mpsc::channel(1);
        let delay = Duration::from_secs(1);
        let pump = Pump::new(outlet, delay, sender, encode, delivery, flushes);
        (pump, entry, figures)
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_nobody_takes_for_five_minutes_is_given_up_and_counted() {
        let (mut pump, entry, figures) = pump();
        (0..5).for_each(|item| entry.push(item));
        let started = Instant::now();
        while figures.counts().refused == 0 {
            pump.step().await;
            sleep_until(pump.resting.unwrap()).await;
        }
        assert_eq!(figures.counts().refused, 2, "one batch");
        assert_eq!(entry.len(), 3, "and not what waits behind it");
        let age = started.elapsed();
        assert!((GIVE_UP..GIVE_UP * 3 / 2).contains(&age), "{age:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn flushes_that_fail_age_no_batch_and_put_off_no_try() {
        let (mut pump, entry, figures) = pump();
        entry.push(1);
        pump.step().await;
        let next = pump.resting;
        for _ in 0..1000 {
            assert!(pump.flush().await.is_some());
        }
        assert_eq!(pump.resting, next);
        let counts = figures.counts();
        assert_eq!((counts.in_hand(), counts.refused), (1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_stopped_answers_all_that_was_left() {
        let (mut pump, entry, figures) = pump();
        (0..5).for_each(|item| entry.push(item));
        pump.step().await;
        assert_eq!(figures.counts().in_hand(), 2);
        let (stop, stopped) = oneshot::channel();
        drop(stop);
        assert_eq!(pump.run(stopped).await, 5);
        entry.push(6);
        assert_eq!(figures.counts().dropped, 1);
    }
}
