//! Operations as few statements: arrays, and not row by row.
//!
//! A statement can touch a row once. Several operations of one worker therefore stand in groups: each
//! worker's first in the first group, its second in the second; within a group the order does
//! not matter, and rows are taken in the order of their keys, so that two writers do not wait for
//! each other.

use std::collections::HashMap;

use super::rows::{AlertStateColumns, SliceColumns, TotalColumns, WorkerColumns, to_nanos};
use super::status::{SpanColumns, upsert_incident};
use crate::model::heartbeat::BeatId;
use crate::model::status::{ComponentState, StatusId};
use crate::store::postgres_client::{PooledTransaction, PostgresError};
use crate::store::{AlertStateRow, IncidentRow, SliceRow, SpanRow, StoreOp, TotalRow, WorkerRow};

/// Operations of which no two touch the same row.
#[derive(Debug, Default)]
pub(super) struct DisjointOps<'a> {
    workers: Vec<&'a WorkerRow>,
    deleted_workers: Vec<(&'a BeatId, Option<i64>)>,
    slices: Vec<&'a SliceRow>,
    alert_states: Vec<&'a AlertStateRow>,
    incidents: Vec<&'a IncidentRow>,
    spans: Vec<&'a SpanRow>,
    totals: Vec<&'a TotalRow>,
}

/// The key of the row that an operation touches.
#[derive(PartialEq, Eq, Hash)]
enum RowKey<'a> {
    Worker(&'a str),
    Slice(&'a str, &'a str, i64),
    AlertState(&'a str, &'a str),
    Incident(StatusId),
    Span(&'a str, i64, ComponentState),
    Total(jiff::civil::Date, &'a str, &'a str, &'a str),
}

/// The rows are locked in order first, and their condition is checked again then.
const DELETE_WORKERS: &str = "
WITH leaving AS (
    SELECT worker.id FROM vantage_obs.workers worker
    JOIN unnest($1::text[], $2::bigint[]) AS gone (id, last_seen_ns) ON gone.id = worker.id
    WHERE worker.last_seen_ns IS NULL OR worker.last_seen_ns <= gone.last_seen_ns
    ORDER BY worker.id FOR UPDATE OF worker
)
DELETE FROM vantage_obs.workers worker USING leaving WHERE worker.id = leaving.id";

impl<'a> DisjointOps<'a> {
    /// Splits operations into as few groups as one row has operations.
    pub(super) fn split(ops: &'a [StoreOp]) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        let mut counts: HashMap<RowKey<'_>, usize> = HashMap::new();
        for op in ops {
            let count = counts.entry(RowKey::from_op(op)).or_default();
            if *count == groups.len() {
                groups.push(Self::default());
            }
            groups[*count].push(op);
            *count += 1;
        }
        for group in &mut groups {
            group.sort();
        }
        groups
    }

    fn push(&mut self, op: &'a StoreOp) {
        match op {
            StoreOp::Worker(row) => self.workers.push(row),
            StoreOp::DeleteWorker(id, last_seen) => {
                self.deleted_workers.push((id, last_seen.map(to_nanos)));
            }
            StoreOp::Slice(row) => self.slices.push(row),
            StoreOp::AlertState(row) => self.alert_states.push(row),
            StoreOp::Incident(row) => self.incidents.push(row),
            StoreOp::Span(row) => self.spans.push(row),
            StoreOp::Total(row) => self.totals.push(row),
        }
    }

    fn sort(&mut self) {
        self.workers.sort_unstable_by_key(|row| &row.id);
        self.slices
            .sort_unstable_by_key(|row| (&row.instance, &row.objective, row.start));
        self.alert_states
            .sort_unstable_by_key(|row| (&row.instance, &row.subject));
        self.incidents.sort_unstable_by_key(|row| row.id);
        self.spans
            .sort_unstable_by_key(|row| (&row.component, row.start, row.state));
        self.totals
            .sort_unstable_by_key(|row| (row.day, row.metric, &row.attribute, &row.source));
    }

    pub(super) async fn write(
        &self,
        transaction: &mut PooledTransaction,
    ) -> Result<(), PostgresError> {
        if !self.deleted_workers.is_empty() {
            let (ids, last_seen): (Vec<_>, Vec<_>) = self
                .deleted_workers
                .iter()
                .map(|(id, last_seen)| (id.as_str(), *last_seen))
                .unzip();
            transaction
                .execute(DELETE_WORKERS, &[&ids, &last_seen])
                .await?;
        }
        if !self.workers.is_empty() {
            let columns = WorkerColumns::from_rows(&self.workers);
            transaction
                .execute(WorkerColumns::UPSERT, &columns.parameters())
                .await?;
        }
        if !self.slices.is_empty() {
            let columns = SliceColumns::from_rows(&self.slices);
            transaction
                .execute(SliceColumns::UPSERT, &columns.parameters())
                .await?;
        }
        if !self.alert_states.is_empty() {
            let columns = AlertStateColumns::from_rows(&self.alert_states);
            transaction
                .execute(AlertStateColumns::UPSERT, &columns.parameters())
                .await?;
        }
        if !self.totals.is_empty() {
            let columns = TotalColumns::from_rows(&self.totals);
            transaction
                .execute(TotalColumns::UPSERT, &columns.parameters())
                .await?;
        }
        self.write_status(transaction).await
    }

    async fn write_status(&self, transaction: &mut PooledTransaction) -> Result<(), PostgresError> {
        for incident in &self.incidents {
            upsert_incident(transaction, incident).await?;
        }
        if !self.spans.is_empty() {
            let columns = SpanColumns::from_rows(&self.spans);
            transaction
                .execute(SpanColumns::UPSERT, &columns.parameters())
                .await?;
        }
        Ok(())
    }
}

impl<'a> RowKey<'a> {
    /// Returns the key as the database compares it.
    fn from_op(op: &'a StoreOp) -> Self {
        match op {
            StoreOp::Worker(row) => Self::Worker(row.id.as_str()),
            StoreOp::DeleteWorker(id, _) => Self::Worker(id.as_str()),
            StoreOp::Slice(row) => Self::Slice(&row.instance, &row.objective, to_nanos(row.start)),
            StoreOp::AlertState(row) => Self::AlertState(&row.instance, &row.subject),
            StoreOp::Incident(row) => Self::Incident(row.id),
            StoreOp::Span(row) => Self::Span(&row.component, row.start, row.state),
            StoreOp::Total(row) => Self::Total(row.day, row.metric, &row.attribute, &row.source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::postgres::rows::tests::row;

    #[test]
    fn each_group_touches_a_worker_once_and_keeps_its_order() {
        let (a, b) = (row("a"), row("b"));
        let ops = [
            StoreOp::Worker(b.clone()),
            StoreOp::Worker(a.clone()),
            StoreOp::DeleteWorker(a.id.clone(), a.last_seen),
            StoreOp::Worker(a.clone()),
        ];
        let groups = DisjointOps::split(&ops);
        let shape: Vec<_> = groups
            .iter()
            .map(|group| (group.workers.len(), group.deleted_workers.len()))
            .collect();
        assert_eq!(shape, [(2, 0), (0, 1), (1, 0)]);
        assert_eq!(groups[0].workers[0].id, a.id, "by id");
        assert!(DisjointOps::split(&[]).is_empty());
    }
}
