//! The queue between the code that records and the thread that exports: nobody ever waits for it.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::metrics::Exported;

/// Where items go in. A cheap clone.
#[derive(Debug)]
pub(super) struct Queue<T> {
    sender: Sender<T>,
    full_batch: Arc<Notify>,
    batch: usize,
    figures: Exported,
}

/// Where items come out.
#[derive(Debug)]
pub(super) struct Outlet<T> {
    receiver: Receiver<T>,
    full_batch: Arc<Notify>,
    batch: usize,
    figures: Exported,
}

/// A queue for `size` items, which are taken out `batch` at a time.
pub(super) fn queue<T>(size: usize, batch: usize, figures: &Exported) -> (Queue<T>, Outlet<T>) {
    let (sender, receiver) = channel(size);
    let full_batch = Arc::new(Notify::new());
    let queue = Queue {
        sender,
        full_batch: Arc::clone(&full_batch),
        batch,
        figures: figures.clone(),
    };
    let outlet = Outlet {
        receiver,
        full_batch,
        batch,
        figures: figures.clone(),
    };
    (queue, outlet)
}

impl<T> Queue<T> {
    /// Puts an item in, or drops and counts it. The other side is woken for a whole batch only: a
    /// thread that is woken for each item costs the caller microseconds.
    pub(super) fn push(&self, item: T) {
        match self.sender.try_send(item) {
            Ok(()) if self.len() >= self.batch => self.full_batch.notify_one(),
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.figures.dropped("queue_full"),
            Err(TrySendError::Closed(_)) => self.figures.dropped("shutdown"),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.sender.max_capacity() - self.sender.capacity()
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            full_batch: Arc::clone(&self.full_batch),
            batch: self.batch,
            figures: self.figures.clone(),
        }
    }
}

impl<T> Outlet<T> {
    /// Ends when a whole batch waits.
    pub(super) async fn full_batch(&self) {
        self.full_batch.notified().await;
    }

    /// Takes out what waits, a batch at the most; `None` when nothing does.
    pub(super) fn take(&mut self) -> Option<Vec<T>> {
        let items: Vec<T> = std::iter::from_fn(|| self.receiver.try_recv().ok())
            .take(self.batch)
            .collect();
        self.figures.fetched(items.len() as u64);
        (!items.is_empty()).then_some(items)
    }

    /// Takes nothing more in, and answers how many items are lost with it. After that every
    /// further one counts as dropped.
    pub(super) async fn close(&mut self) -> u64 {
        self.receiver.close();
        let mut lost = 0;
        // Also waits for those that are on their way in.
        while self.receiver.recv().await.is_some() {
            lost += 1;
        }
        self.figures.processed(lost, "shutdown");
        lost
    }

    /// How many items wait.
    pub(super) fn len(&self) -> usize {
        self.receiver.len()
    }

    pub(super) const fn batch(&self) -> usize {
        self.batch
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::config::{Protocol, Signal};
    use crate::record::series::Instruments;

    fn figures() -> Exported {
        let instruments = Instruments::unread();
        Exported::new(&instruments, Signal::Traces, Protocol::Grpc)
    }

    #[tokio::test]
    async fn an_item_that_finds_the_queue_full_or_closed_is_dropped_and_counted() {
        let figures = figures();
        let (entry, mut outlet) = queue(3, 2, &figures);
        (0..5).for_each(|item| entry.push(item));
        assert_eq!((entry.len(), figures.counts().dropped), (3, 2));
        assert_eq!(outlet.take(), Some(vec![0, 1]));
        assert_eq!(figures.counts().in_hand(), 2);
        assert_eq!(outlet.close().await, 1);
        entry.push(5);
        assert_eq!((entry.len(), figures.counts().dropped), (0, 3));
        assert_eq!(outlet.take(), None);
    }

    #[tokio::test]
    async fn every_item_is_counted_once_however_the_end_comes() {
        const EACH: u64 = 20_000;
        for _ in 0..10 {
            let figures = figures();
            let (entry, mut outlet) = queue(100, 10, &figures);
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let entry = entry.clone();
                    thread::spawn(move || (0..EACH).for_each(|item| entry.push(item)))
                })
                .collect();
            for _ in 0..100 {
                outlet.take();
            }
            let left = outlet.close().await;
            threads
                .into_iter()
                .for_each(|pushing| pushing.join().unwrap());
            let counts = figures.counts();
            assert_eq!(counts.fetched + counts.dropped + left, 4 * EACH);
        }
    }
}
