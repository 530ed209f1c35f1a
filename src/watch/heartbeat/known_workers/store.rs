//! The workers in the store of a service.

use jiff::Timestamp;

use super::{Forgotten, KnownWorkersError, WorkerSummary};
use crate::config::{HeartbeatConfig, StoreConfig};
use crate::model::heartbeat::{BeatId, BeatRole};
use crate::store::{Revision, WorkerRow};
use crate::watch::heartbeat::receiver::forget_op;
use crate::watch::heartbeat::registry::{StateTimeouts, WorkerQuery, WorkerRegistry, WorkerView};
use crate::watch::store_access::{OpenedStore, block_on_store, commit};

/// The workers in a store. A file is accessed while its service is down.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WorkersOfStore {
    /// The store.
    pub store: StoreConfig,
    /// The timeouts of states, and the expected workers, which never expire.
    pub heartbeat: HeartbeatConfig,
}

impl WorkersOfStore {
    /// Returns the workers in a store, whose states follow these settings.
    #[must_use]
    pub const fn new(store: StoreConfig, heartbeat: HeartbeatConfig) -> Self {
        Self { store, heartbeat }
    }

    /// Lists all workers, then all schedulers, as they are at this moment. Blocks, and must not be called in a
    /// runtime.
    ///
    /// # Errors
    ///
    /// The store is not there, in use by a service that has it for itself, damaged, or of a kind that this
    /// build lacks.
    pub fn list_blocking(&self, now: Timestamp) -> Result<Vec<WorkerSummary>, KnownWorkersError> {
        let (_, rows) = self.open()?;
        Ok(self.summaries(rows, now))
    }

    /// Forgets a worker. Services that share the store learn it within seconds. Blocks, and must not be called
    /// in a runtime.
    ///
    /// # Errors
    ///
    /// As [`list_blocking`](Self::list_blocking), and where the id is none.
    pub fn forget_blocking(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<Forgotten, KnownWorkersError> {
        let (opened, rows) = self.open()?;
        let mut rows = rows.into_iter();
        let known = rows.find(|row| row.id.as_str() == id && row.forgotten_at.is_none());
        let Some(row) = known else {
            return Ok(Forgotten::Unknown);
        };
        let op = forget_op(row, now, opened.store.is_shared());
        drop(opened);
        let done = commit(&self.store, &[op]);
        done.map(|()| Forgotten::Yes).map_err(KnownWorkersError)
    }

    fn open(&self) -> Result<(OpenedStore, Vec<WorkerRow>), KnownWorkersError> {
        let opened = OpenedStore::of_copy(&self.store).map_err(KnownWorkersError)?;
        let read = block_on_store(opened.store.workers(Revision::default()));
        let (rows, _) = read.map_err(KnownWorkersError)?;
        Ok((opened, rows))
    }

    fn summaries(&self, rows: Vec<WorkerRow>, now: Timestamp) -> Vec<WorkerSummary> {
        let timeouts = StateTimeouts {
            capacity: usize::MAX,
            ..StateTimeouts::from_config(&self.heartbeat)
        };
        let mut registry = WorkerRegistry::new(timeouts, now);
        for id in self
            .heartbeat
            .expected
            .iter()
            .filter_map(|id| BeatId::parse(id))
        {
            let _ = registry.register_expected(&id, BeatRole::Worker, now);
        }
        registry.merge(rows, now);
        let mut all = Vec::new();
        for role in BeatRole::ALL {
            let query = WorkerQuery {
                role,
                states: Vec::new(),
                after: None,
                limit: usize::MAX,
            };
            let page = registry.page(&query, now);
            all.extend(page.workers.iter().map(summary));
        }
        all
    }
}

fn summary(view: &WorkerView) -> WorkerSummary {
    let progress = &view.row.progress;
    WorkerSummary {
        worker_id: view.row.id.to_string(),
        role: view.row.role.to_string(),
        state: view.state.shown().as_str().into(),
        last_seen: view.row.last_seen.map(|at| format!("{at:.3}")),
        age_ms: view.age_ms(),
        in_flight: progress.in_flight,
        processed_total: progress.processed_total,
        failed_total: progress.failed_total,
        queue_depth: progress.queue_depth,
    }
}

#[cfg(all(test, feature = "file-store"))]
mod tests {
    use super::*;
    use crate::config::StoreKind;
    use crate::store::tests::rows::{at, worker};
    use crate::store::{FileStore, Store as _, StoreOp, block_on};

    #[test]
    fn workers_of_a_file_are_listed_by_their_states_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("obs.redb");
        let file = FileStore::open(&path).unwrap();
        let rows = [
            ("celery@host-1", 100),
            ("celery@host-2", 3_000),
            ("old", 200),
        ];
        let rows = rows.map(|(id, seen)| StoreOp::Worker(worker(id, "b", 1, seen)));
        block_on(file.commit(&rows)).unwrap();
        let store = StoreConfig {
            kind: StoreKind::File,
            path: Some(path.clone()),
            ..StoreConfig::default()
        };
        let mut workers = WorkersOfStore::new(store, HeartbeatConfig::default());
        let in_use = workers.list_blocking(at(3_010)).unwrap_err().to_string();
        assert!(in_use.contains("is open in the service"), "{in_use}");
        drop(file);
        workers.heartbeat.expected = vec!["celery@host-1".into(), "never".into()];
        let listed = |now| {
            let listed = workers.list_blocking(at(now)).unwrap();
            let shown = listed
                .into_iter()
                .map(|one| format!("{} {}", one.worker_id, one.state));
            shown.collect::<Vec<_>>()
        };
        assert_eq!(
            listed(3_010),
            [
                "celery@host-1 offline",
                "celery@host-2 online",
                "never new",
                "old offline"
            ]
        );
        assert_eq!(
            workers.forget_blocking("old", at(3_020)).unwrap(),
            Forgotten::Yes
        );
        assert_eq!(
            workers.forget_blocking("old", at(3_020)).unwrap(),
            Forgotten::Unknown
        );
        assert_eq!(
            listed(2 * 86_400),
            ["celery@host-1 offline", "never new"],
            "one that is expected never expires"
        );
        let missing = workers.store.path.replace(folder.path().join("none.redb"));
        assert!(workers.list_blocking(at(0)).is_err());
        assert!(!folder.path().join("none.redb").exists());
        workers.store.path = missing;
        assert_eq!(workers.list_blocking(at(3_010)).unwrap().len(), 3);
    }
}
