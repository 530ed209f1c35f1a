//! Records in one table: statements, and records as columns.
//!
//! A transaction locks the records that a batch touches, in the order of their keys, so that two writers
//! do not wait for each other; then it writes what the rows' own rules make of them. A record that
//! another transaction has inserted in between is not there to be locked: its insertion is left out, and
//! the batch is written again, which changes nothing of what is done already.

use std::collections::BTreeMap;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::store::op::{RecordBatch, RecordChanges};
use crate::store::postgres_client::{PooledTransaction, PostgresError};
use crate::store::record::{Record, RecordKey, RecordKind};

/// `starts_with` and not `LIKE`: keys hold percent signs and underscores.
pub(super) const LIST: &str = "
SELECT value FROM vantage_obs.records
WHERE kind = $1 AND starts_with(key, $2) AND relevant_until_ns > $3";

/// Records that a snapshot did not show. The second condition is for the index.
pub(super) const CHANGED: &str = "
SELECT value FROM vantage_obs.records
WHERE kind = $1 AND written >= pg_snapshot_xmin($2::text::pg_snapshot)
    AND NOT pg_visible_in_snapshot(written, $2::text::pg_snapshot)";

/// Records that another process is removing already are left to it.
pub(super) const DELETE_EXPIRED: &str = "
DELETE FROM vantage_obs.records WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM vantage_obs.records WHERE kind = $3 AND relevant_until_ns <= $1
    ORDER BY relevant_until_ns LIMIT $2 FOR UPDATE SKIP LOCKED
))";

/// `ORDER BY` before `FOR UPDATE`: rows are locked in the order in which they come, which must be
/// the same for all writers.
const LOCK: &str = "
SELECT kind, key, relevant_until_ns, slot, value FROM vantage_obs.records
WHERE (kind, key) IN (SELECT * FROM unnest($1::text[], $2::text[]))
ORDER BY kind, key FOR UPDATE";

const LOCK_SLOTS: &str = "
SELECT kind, key, relevant_until_ns, slot, value FROM vantage_obs.records
WHERE (kind, slot) IN (SELECT * FROM unnest($1::text[], $2::text[]))
ORDER BY kind, key FOR UPDATE";

const DELETE: &str = "
DELETE FROM vantage_obs.records
WHERE (kind, key) IN (SELECT * FROM unnest($1::text[], $2::text[]))";

/// `written` is the transaction that wrote it, by which readers find what is new.
const UPDATE: &str = "
UPDATE vantage_obs.records AS known
SET relevant_until_ns = new.relevant_until_ns, slot = new.slot, value = new.value,
    written = pg_current_xact_id()
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[])
    AS new (kind, key, relevant_until_ns, slot, value)
WHERE known.kind = new.kind AND known.key = new.key";

/// Leaves out a key or a slot that is there. A transaction that is about to insert one is waited for,
/// because the indexes are unique.
const INSERT: &str = "
INSERT INTO vantage_obs.records (kind, key, relevant_until_ns, slot, value)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[])
ON CONFLICT DO NOTHING";

/// Records as columns.
///
/// One array for each column: a statement with `unnest` is prepared once, whatever the number of
/// rows.
#[derive(Default)]
struct Columns<'a> {
    kinds: Vec<&'static str>,
    keys: Vec<&'a str>,
    relevant_until: Vec<i64>,
    slots: Vec<Option<&'a str>>,
    values: Vec<&'a str>,
}

/// Writes what a batch changes of the records.
pub(super) async fn write(
    transaction: &mut PooledTransaction,
    batch: RecordBatch<'_>,
) -> Result<(), PostgresError> {
    // Ends, because each turn finds at least one record that it could not insert before: another
    // transaction has committed it. The call's deadline bounds it in any case.
    loop {
        let stored = lock(transaction, &batch).await?;
        if write_changes(transaction, &stored, &batch.merge(&stored)).await? {
            return Ok(());
        }
    }
}

/// Locks and reads the records that a batch touches, and those that hold its slots.
async fn lock(
    transaction: &mut PooledTransaction,
    batch: &RecordBatch<'_>,
) -> Result<BTreeMap<RecordKey, Record>, PostgresError> {
    let (keys, slots) = (batch.keys(), batch.slots());
    let keys = keys.iter().map(|key| (key.kind.as_str(), &*key.key));
    let slots = slots.iter().map(|(kind, slot)| (kind.as_str(), *slot));
    let mut stored = BTreeMap::new();
    for (sql, (kinds, names)) in [
        (LOCK, keys.unzip::<_, _, Vec<_>, Vec<_>>()),
        (LOCK_SLOTS, slots.unzip()),
    ] {
        // A batch of slices touches no record, and most batches no slot.
        if names.is_empty() {
            continue;
        }
        for row in transaction.query(sql, &[&kinds, &names]).await? {
            if let Some(key) = decode_key(&row)? {
                stored.insert(key, decode_record(&row)?);
            }
        }
    }
    Ok(stored)
}

/// Writes changes of locked records; returns false if an insertion was left out.
async fn write_changes(
    transaction: &mut PooledTransaction,
    stored: &BTreeMap<RecordKey, Record>,
    changes: &RecordChanges,
) -> Result<bool, PostgresError> {
    let (mut updated, mut inserted) = (Columns::default(), Columns::default());
    let mut deleted = <(Vec<_>, Vec<_>)>::default();
    for (key, record) in changes {
        match (record, stored.contains_key(key)) {
            (Some(record), true) => updated.push(key, record),
            (Some(record), false) => inserted.push(key, record),
            (None, true) => deleted.extend([(key.kind.as_str(), &*key.key)]),
            // Deleted before it was ever stored.
            (None, false) => {}
        }
    }
    if !deleted.1.is_empty() {
        transaction
            .execute(DELETE, &[&deleted.0, &deleted.1])
            .await?;
    }
    // Before the insertions, because a record that is over leaves its slot.
    if !updated.keys.is_empty() {
        transaction.execute(UPDATE, &updated.parameters()).await?;
    }
    if inserted.keys.is_empty() {
        return Ok(true);
    }
    let rows = transaction.execute(INSERT, &inserted.parameters()).await?;
    Ok(usize::try_from(rows).is_ok_and(|rows| rows == inserted.keys.len()))
}

impl<'a> Columns<'a> {
    fn push(&mut self, key: &'a RecordKey, record: &'a Record) {
        self.kinds.push(key.kind.as_str());
        self.keys.push(&key.key);
        self.relevant_until.push(record.relevant_until);
        self.slots.push(record.slot.as_deref());
        self.values.push(&record.value);
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 5] {
        [
            &self.kinds,
            &self.keys,
            &self.relevant_until,
            &self.slots,
            &self.values,
        ]
    }
}

/// Decodes the key; `None` for a kind that this release does not have.
fn decode_key(row: &Row) -> Result<Option<RecordKey>, PostgresError> {
    let (kind, key): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
    let mut kinds = RecordKind::ALL.into_iter();
    let kind = kinds.find(|known| known.as_str() == kind);
    let key = key.into();
    Ok(kind.map(|kind| RecordKey { kind, key }))
}

/// The columns of `LOCK`, from the third on.
fn decode_record(row: &Row) -> Result<Record, PostgresError> {
    Ok(Record {
        relevant_until: row.try_get(2)?,
        slot: row.try_get(3)?,
        value: row.try_get(4)?,
    })
}
