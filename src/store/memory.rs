//! The in-memory store: its contents end with the process.

use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;

use super::op::{self, RecordBatch};
use super::record::{Record, RecordKey, to_nanos};
use super::{RecordKind, Revision, SliceRow, Store, StoreFuture, StoreOp};
use crate::record::sync::lock;

/// The most slices that it holds. They cannot be read after a restart, so that the tracker's own memory
/// is what counts, and these are for its tests and for a tracker that starts later.
///
/// At a slice a minute and ten objectives it is most of a day.
const MAX_SLICES: usize = 10_000;

/// A store in memory. Its calls never fail.
#[derive(Debug, Default)]
pub(crate) struct MemoryStore(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    revision: i64,
    records: BTreeMap<RecordKey, Record>,
    /// The revision of each record.
    // Beside the records, because a merge compares records and must not see revisions.
    revisions: BTreeMap<RecordKey, i64>,
    /// The oldest first, which is what the bound drops.
    slices: BTreeMap<SliceOrderKey, SliceRow>,
}

/// Start, instance and objective, so that the oldest is the first.
type SliceOrderKey = (Timestamp, Arc<str>, Arc<str>);

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.0)
    }
}

impl Inner {
    fn commit(&mut self, ops: &[StoreOp]) {
        let changes = RecordBatch::new(ops, false).merge(&self.records);
        for (key, record) in changes {
            if let Some(record) = record {
                // A deletion needs none: the only reader of changes is the registry that deleted.
                self.revision += 1;
                self.revisions.insert(key.clone(), self.revision);
                self.records.insert(key, record);
            } else {
                self.remove(&key);
            }
        }
        for row in op::slices(ops) {
            self.slices.insert(slice_key(row), row.clone());
            if self.slices.len() > MAX_SLICES {
                self.slices.pop_first();
            }
        }
    }

    fn remove(&mut self, key: &RecordKey) {
        self.records.remove(key);
        self.revisions.remove(key);
    }

    /// Returns the records of a kind whose keys begin with `prefix`.
    fn list<'a>(
        &'a self,
        kind: RecordKind,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a RecordKey, &'a Record)> {
        let from = RecordKey {
            kind,
            key: prefix.into(),
        };
        let is_wanted = move |key: &RecordKey| key.kind == kind && key.key.starts_with(prefix);
        let rows = self.records.range(from..);
        rows.take_while(move |(key, _)| is_wanted(key))
    }

    /// Returns the values of a kind that were written after a revision.
    fn changed(&self, kind: RecordKind, since: Revision) -> Vec<String> {
        let is_newer = |key: &RecordKey| self.revisions.get(key).is_none_or(|at| *at > since.0);
        let newer = self.list(kind, "").filter(|(key, _)| is_newer(key));
        newer.map(|(_, record)| record.value.clone()).collect()
    }

    fn delete_expired(&mut self, kind: RecordKind, before: Timestamp) -> u64 {
        let before = to_nanos(before);
        let expired = self
            .list(kind, "")
            .filter(|(_, record)| record.relevant_until <= before);
        let expired: Vec<_> = expired.map(|(key, _)| key.clone()).collect();
        expired.iter().for_each(|key| self.remove(key));
        u64::try_from(expired.len()).unwrap_or(u64::MAX)
    }

    /// Returns the slices of an instance that ended after `since`, in the order of their start.
    fn slices_since(&self, instance: &str, since: Timestamp) -> Vec<SliceRow> {
        let is_wanted = |row: &&SliceRow| &*row.instance == instance && row.end() > since;
        self.slices.values().filter(is_wanted).cloned().collect()
    }
}

impl Store for MemoryStore {
    fn commit<'a>(&'a self, ops: &'a [StoreOp]) -> StoreFuture<'a, ()> {
        // Done when the call is made and not when its future is polled; nothing can fail in
        // between.
        self.lock().commit(ops);
        Box::pin(ready(Ok(())))
    }

    fn list<'a>(
        &'a self,
        kind: RecordKind,
        prefix: &'a str,
        since: Timestamp,
    ) -> StoreFuture<'a, Vec<String>> {
        let (inner, since) = (self.lock(), to_nanos(since));
        let relevant = inner
            .list(kind, prefix)
            .filter(|(_, record)| record.relevant_until > since);
        let values = relevant.map(|(_, record)| record.value.clone()).collect();
        Box::pin(ready(Ok(values)))
    }

    fn changed(
        &self,
        kind: RecordKind,
        since: Revision,
    ) -> StoreFuture<'_, (Vec<String>, Revision)> {
        let inner = self.lock();
        let answer = (inner.changed(kind, since), Revision(inner.revision));
        Box::pin(ready(Ok(answer)))
    }

    fn instances(&self) -> StoreFuture<'_, Vec<Arc<str>>> {
        let inner = self.lock();
        let instances = inner.slices.values().map(|row| Arc::clone(&row.instance));
        let instances: BTreeSet<_> = instances.collect();
        Box::pin(ready(Ok(instances.into_iter().collect())))
    }

    fn slices<'a>(&'a self, instance: &'a str, since: Timestamp) -> StoreFuture<'a, Vec<SliceRow>> {
        let slices = self.lock().slices_since(instance, since);
        Box::pin(ready(Ok(slices)))
    }

    fn delete_expired_slices(&self, before: Timestamp) -> StoreFuture<'_, u64> {
        let mut inner = self.lock();
        let count = inner.slices.len();
        inner.slices.retain(|_, row| row.end() >= before);
        let deleted = count - inner.slices.len();
        Box::pin(ready(Ok(u64::try_from(deleted).unwrap_or(u64::MAX))))
    }

    fn delete_expired(&self, kind: RecordKind, before: Timestamp) -> StoreFuture<'_, u64> {
        let deleted = self.lock().delete_expired(kind, before);
        Box::pin(ready(Ok(deleted)))
    }

    fn acquire_lease<'a>(&'a self, _: &'a str, _: &'a str, _: Duration) -> StoreFuture<'a, bool> {
        Box::pin(ready(Ok(true)))
    }

    fn is_shared(&self) -> bool {
        false
    }
}

fn slice_key(row: &SliceRow) -> SliceOrderKey {
    (
        row.start,
        Arc::clone(&row.instance),
        Arc::clone(&row.objective),
    )
}
