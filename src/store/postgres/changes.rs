//! Changes as few statements: arrays, and not row by row.
//!
//! A statement can touch a row once. Several changes of one worker therefore stand in waves: each
//! worker's first change in the first wave, its second in the second; within a wave the order does
//! not matter, and rows are taken in the order of their keys, so that two writers do not wait for
//! each other.

use std::collections::HashMap;

use super::rows::{Notes, Slices, Totals, Workers, nanos};
use super::status::{Spans, write_bulletin};
use crate::model::heartbeat::BeatId;
use crate::model::status::{ComponentState, StatusId};
use crate::store::postgres_client::{PostgresError, Transaction};
use crate::store::{BulletinRow, Change, NoteRow, SliceRow, SpanRow, TotalRow, WorkerRow};

/// Changes of which no two touch the same row.
#[derive(Debug, Default)]
pub(super) struct Wave<'a> {
    workers: Vec<&'a WorkerRow>,
    forgotten: Vec<(&'a BeatId, Option<i64>)>,
    slices: Vec<&'a SliceRow>,
    notes: Vec<&'a NoteRow>,
    bulletins: Vec<&'a BulletinRow>,
    spans: Vec<&'a SpanRow>,
    totals: Vec<&'a TotalRow>,
}

/// What two changes of the same thing share.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Worker(&'a str),
    Slice(&'a str, &'a str, i64),
    Note(&'a str, &'a str),
    Bulletin(StatusId),
    Span(&'a str, i64, ComponentState),
    Total(jiff::civil::Date, &'a str, &'a str, &'a str),
}

/// The rows are locked in order first, and judged again when they are.
const FORGET: &str = "
WITH leaving AS (
    SELECT worker.id FROM vantage_obs.workers worker
    JOIN unnest($1::text[], $2::bigint[]) AS gone (id, last_seen_ns) ON gone.id = worker.id
    WHERE worker.last_seen_ns IS NULL OR worker.last_seen_ns <= gone.last_seen_ns
    ORDER BY worker.id FOR UPDATE OF worker
)
DELETE FROM vantage_obs.workers worker USING leaving WHERE worker.id = leaving.id";

impl<'a> Wave<'a> {
    /// Changes in as few waves as there are changes of one thing.
    pub(super) fn of(changes: &'a [Change]) -> Vec<Self> {
        let mut waves: Vec<Self> = Vec::new();
        let mut met: HashMap<Key<'_>, usize> = HashMap::new();
        for change in changes {
            let number = met.entry(Key::of(change)).or_default();
            if *number == waves.len() {
                waves.push(Self::default());
            }
            waves[*number].take(change);
            *number += 1;
        }
        for wave in &mut waves {
            wave.sort();
        }
        waves
    }

    fn take(&mut self, change: &'a Change) {
        match change {
            Change::Worker(row) => self.workers.push(row),
            Change::Forget(id, last_seen) => self.forgotten.push((id, last_seen.map(nanos))),
            Change::Slice(row) => self.slices.push(row),
            Change::Note(row) => self.notes.push(row),
            Change::Bulletin(row) => self.bulletins.push(row),
            Change::Span(row) => self.spans.push(row),
            Change::Total(row) => self.totals.push(row),
        }
    }

    fn sort(&mut self) {
        self.workers.sort_unstable_by_key(|row| &row.id);
        self.slices
            .sort_unstable_by_key(|row| (&row.instance, &row.objective, row.start));
        self.notes
            .sort_unstable_by_key(|row| (&row.instance, &row.subject));
        self.bulletins.sort_unstable_by_key(|row| row.id);
        self.spans
            .sort_unstable_by_key(|row| (&row.component, row.start, row.state));
        self.totals
            .sort_unstable_by_key(|row| (row.day, row.figure, &row.attribute, &row.source));
    }

    pub(super) async fn write(&self, transaction: &mut Transaction) -> Result<(), PostgresError> {
        if !self.forgotten.is_empty() {
            let (ids, last_seen): (Vec<_>, Vec<_>) = self
                .forgotten
                .iter()
                .map(|(id, last_seen)| (id.as_str(), *last_seen))
                .unzip();
            transaction.execute(FORGET, &[&ids, &last_seen]).await?;
        }
        if !self.workers.is_empty() {
            let columns = Workers::of(&self.workers);
            transaction
                .execute(Workers::UPSERT, &columns.values())
                .await?;
        }
        if !self.slices.is_empty() {
            let columns = Slices::of(&self.slices);
            transaction
                .execute(Slices::UPSERT, &columns.values())
                .await?;
        }
        if !self.notes.is_empty() {
            let columns = Notes::of(&self.notes);
            transaction
                .execute(Notes::UPSERT, &columns.values())
                .await?;
        }
        if !self.totals.is_empty() {
            let columns = Totals::of(&self.totals);
            transaction
                .execute(Totals::UPSERT, &columns.values())
                .await?;
        }
        self.write_status(transaction).await
    }

    async fn write_status(&self, transaction: &mut Transaction) -> Result<(), PostgresError> {
        for bulletin in &self.bulletins {
            write_bulletin(transaction, bulletin).await?;
        }
        if !self.spans.is_empty() {
            let columns = Spans::of(&self.spans);
            transaction
                .execute(Spans::UPSERT, &columns.values())
                .await?;
        }
        Ok(())
    }
}

impl<'a> Key<'a> {
    /// As the database will see them.
    fn of(change: &'a Change) -> Self {
        match change {
            Change::Worker(row) => Self::Worker(row.id.as_str()),
            Change::Forget(id, _) => Self::Worker(id.as_str()),
            Change::Slice(row) => Self::Slice(&row.instance, &row.objective, nanos(row.start)),
            Change::Note(row) => Self::Note(&row.instance, &row.subject),
            Change::Bulletin(row) => Self::Bulletin(row.id),
            Change::Span(row) => Self::Span(&row.component, row.start, row.state),
            Change::Total(row) => Self::Total(row.day, row.figure, &row.attribute, &row.source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::postgres::rows::tests::row;

    #[test]
    fn each_wave_touches_a_worker_once_and_keeps_its_order() {
        let (a, b) = (row("a"), row("b"));
        let changes = [
            Change::Worker(b.clone()),
            Change::Worker(a.clone()),
            Change::Forget(a.id.clone(), a.last_seen),
            Change::Worker(a.clone()),
        ];
        let waves = Wave::of(&changes);
        let shape: Vec<_> = waves
            .iter()
            .map(|wave| (wave.workers.len(), wave.forgotten.len()))
            .collect();
        assert_eq!(shape, [(2, 0), (0, 1), (1, 0)]);
        assert_eq!(waves[0].workers[0].id, a.id, "by id");
        assert!(Wave::of(&[]).is_empty());
    }
}
