//! The queue, the workers that empty it, and the scheduler.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;

use crate::Platform;
use crate::api::chance;

/// A post to be published.
pub(crate) struct Task {
    pub(crate) post: u64,
    pub(crate) due: SystemTime,
}

#[derive(Default)]
pub(crate) struct Queue {
    tasks: Mutex<VecDeque<Task>>,
    arrived: Notify,
}

impl Queue {
    pub(crate) fn push(&self, task: Task) {
        self.lock().push_back(task);
        self.arrived.notify_one();
    }

    /// How many tasks wait, and for how long the first has been due.
    pub(crate) fn state(&self) -> (u64, Option<Duration>) {
        let tasks = self.lock();
        let oldest = tasks
            .front()
            .map(|task| task.due.elapsed().unwrap_or_default());
        (tasks.len() as u64, oldest)
    }

    async fn pop(&self) -> Task {
        loop {
            if let Some(task) = self.lock().pop_front() {
                return task;
            }
            self.arrived.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Task>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) async fn work(platform: Arc<Platform>, id: String) {
    let worker = platform.telemetry.worker(&id);
    loop {
        let task = platform.queue.pop().await;
        // A task of its own, so that a job that panics takes no worker with it.
        let (platform, worker) = (Arc::clone(&platform), worker.clone());
        let done = tokio::spawn(async move {
            let job = worker.start("publish_post", task.due);
            tokio::time::sleep(Duration::from_millis(20 + chance(60))).await;
            assert!(
                chance(400) != 0,
                "a job that panics, to show that it is counted"
            );
            let incident = platform.incident.load(Ordering::Relaxed);
            if chance(if incident { 4 } else { 50 }) == 0 {
                job.fail("upstream_timeout");
            } else if platform.database.publish(task.post).await.is_ok() {
                platform.telemetry.business().posts_published(1);
                job.succeed();
            } else {
                job.fail("database_error");
            }
            platform.jobs.fetch_add(1, Ordering::Relaxed);
        });
        // The panic is in the metrics already.
        let _ = done.await;
    }
}

pub(crate) async fn schedule(platform: Arc<Platform>) {
    let scheduler = platform.telemetry.scheduler();
    loop {
        let due = SystemTime::now() + Duration::from_secs(2);
        scheduler.scheduled("cleanup", 1);
        tokio::time::sleep(Duration::from_millis(2_000 + chance(300))).await;
        let execution = scheduler.start("cleanup", due);
        if chance(10) == 0 {
            execution.fail("lock_held");
        } else if platform.database.remove_published().await.is_ok() {
            execution.succeed();
        } else {
            execution.fail("database_error");
        }
    }
}

/// One line for a panic; the metrics have the rest.
pub(crate) fn announce_panics_briefly() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, ToString::to_string);
        eprintln!("a job panicked at {place}");
    }));
}
