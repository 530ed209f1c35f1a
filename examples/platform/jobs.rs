//! The queue, the workers that empty it, and the scheduler.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use vantage_obs::QueueState;
use vantage_obs::trace::Carrier;

use crate::api::random_below;
use crate::counts::JobOutcome;
use crate::{Platform, PlatformResult};

/// For how long the platform says that it was down before it started: longer than the 5 minutes
/// that a job may wait, so that a short run has late jobs to show.
const DOWNTIME: Duration = Duration::from_secs(6 * 60);
/// Jobs that became due meanwhile.
const BACKLOG: u32 = 5;

/// A post to be published.
pub(crate) struct PublishTask {
    pub(crate) post: u64,
    pub(crate) due: SystemTime,
    /// The trace of the request that asked for it.
    pub(crate) carrier: Carrier,
}

#[derive(Default)]
pub(crate) struct Queue {
    tasks: Mutex<VecDeque<PublishTask>>,
    arrived: Notify,
}

impl Queue {
    pub(crate) fn push(&self, task: PublishTask) {
        self.lock().push_back(task);
        self.arrived.notify_one();
    }

    /// Returns the number of pending tasks, and for how long the first has been due.
    pub(crate) fn state(&self) -> QueueState {
        let tasks = self.lock();
        QueueState {
            depth: tasks.len() as u64,
            oldest: tasks
                .front()
                .map(|task| task.due.elapsed().unwrap_or_default()),
        }
    }

    async fn pop(&self) -> PublishTask {
        loop {
            if let Some(task) = self.lock().pop_front() {
                return task;
            }
            self.arrived.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<PublishTask>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts back what was due while the platform was down.
pub(crate) async fn restore_backlog(platform: &Platform) -> PlatformResult {
    for _ in 0..BACKLOG {
        let post = platform.database.insert_post("an older post").await?;
        platform.queue.push(PublishTask {
            post,
            due: SystemTime::now() - DOWNTIME,
            carrier: Carrier::EMPTY,
        });
    }
    Ok(())
}

pub(crate) async fn work(platform: Arc<Platform>, id: String) {
    let worker = platform.telemetry.worker(&id);
    loop {
        let task = platform.queue.pop().await;
        // A task of its own, so that a job that panics takes no worker with it.
        let (platform_handle, worker) = (Arc::clone(&platform), worker.clone());
        let handle = tokio::spawn(async move {
            let publish = publish(&platform_handle, task.post);
            let reason = |reason: &&'static str| *reason;
            let job = worker.run_with("publish_post", task.due, &task.carrier, publish, reason);
            match job.await {
                Ok(()) => JobOutcome::Done,
                Err(_) => JobOutcome::Failed,
            }
        });
        let outcome = handle.await.unwrap_or(JobOutcome::Panicked);
        platform.counts().count_job(outcome);
    }
}

/// Publishes a post, or says why it could not.
async fn publish(platform: &Platform, post: u64) -> Result<(), &'static str> {
    let incident = platform.is_incident();
    let max_delay_ms = if incident { 1_000 } else { 60 };
    tokio::time::sleep(Duration::from_millis(20 + random_below(max_delay_ms))).await;
    assert!(
        random_below(400) != 0,
        "a job that panics, to show that it is counted"
    );
    if random_below(if incident { 4 } else { 50 }) == 0 {
        tracing::warn!(post, "the network that the post goes to did not answer");
        return Err("upstream_timeout");
    }
    if platform.database.publish(post).await.is_err() {
        return Err("database_error");
    }
    platform.telemetry.business().record_posts_published(1);
    tracing::info!(post, "published");
    Ok(())
}

pub(crate) async fn schedule(platform: Arc<Platform>) {
    let scheduler = platform.telemetry.scheduler();
    // The first run makes up for the last of those that the downtime cost.
    let mut due = SystemTime::now() - DOWNTIME;
    scheduler.record_missed("cleanup", 3);
    loop {
        let cleanup = async {
            if random_below(10) == 0 {
                return Err("lock_held");
            }
            let removed = platform.database.remove_old().await;
            removed.map_err(|_| "database_error")
        };
        // The verdict is recorded; the platform has no other use for it.
        let _ = scheduler
            .run_with("cleanup", due, cleanup, |reason| *reason)
            .await;
        due = SystemTime::now() + Duration::from_secs(2);
        scheduler.record_scheduled("cleanup", 1);
        let delay_ms = random_below(if platform.is_incident() { 3_000 } else { 300 });
        tokio::time::sleep(Duration::from_millis(2_000 + delay_ms)).await;
    }
}
