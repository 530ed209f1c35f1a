//! The tables of the file, and the transactions on them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use redb::{Database, ReadableTable as _, ReadableTableMetadata as _, Table, TableDefinition};

use super::error::FileError;
use super::row::{self, StoredWorker};
use crate::model::status::{ComponentState, StatusId};
use crate::store::{AlertStateRow, IncidentRow, Revision, SliceRow, SpanRow, StoreOp, WorkerRow};

/// Grows with every change of a table or of a row, so that an earlier release refuses the file and
/// does not lose what it does not know.
pub(super) const SCHEMA: u64 = 3;

/// Numbers about the file itself.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// By id, as [`StoredWorker`].
const WORKERS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("workers");
/// By instance, start in nanoseconds and objective: length and covered part of it in nanoseconds, good
/// and bad.
const SLICES: TableDefinition<'_, SliceTableKey<'_>, SliceTableValue> =
    TableDefinition::new("covered_slices");
/// The slices of schema 1, which had the covered part in the length's place.
const SLICES_V1: TableDefinition<'_, SliceTableKey<'_>, (u64, u64, u64)> =
    TableDefinition::new("slices");
/// By instance and subject: when it was written, in nanoseconds, and the text.
const ALERT_STATES: TableDefinition<'_, (&str, &str), (i128, &str)> = TableDefinition::new("notes");

/// By id, as JSON.
const INCIDENTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("bulletins");
/// By component, start in seconds and state: end in seconds.
const SPANS: TableDefinition<'_, SpanTableKey<'_>, i64> = TableDefinition::new("spans");

type SpanTableKey<'a> = (&'a str, i64, &'a str);
type SliceTableKey<'a> = (&'a str, i128, &'a str);
type SliceTableValue = (u64, u64, u64, u64);

const SCHEMA_KEY: &str = "schema";
const REVISION_KEY: &str = "revision";
/// The longest slice in nanoseconds: none starts earlier than that before it ends.
const LONGEST_SLICE_KEY: &str = "longest_slice";

/// Creates the tables.
pub(super) fn create_tables(database: &Database) -> Result<(), FileError> {
    let transaction = database.begin_write()?;
    transaction.open_table(META)?.insert(SCHEMA_KEY, SCHEMA)?;
    transaction.open_table(WORKERS)?;
    transaction.open_table(SLICES)?;
    transaction.open_table(ALERT_STATES)?;
    transaction.open_table(INCIDENTS)?;
    transaction.open_table(SPANS)?;
    Ok(transaction.commit()?)
}

/// Migrates the tables of schema 1 to the second one, then creates the missing tables.
fn upgrade_from_v1(database: &Database) -> Result<(), FileError> {
    let transaction = database.begin_write()?;
    {
        let mut slices = transaction.open_table(SLICES)?;
        for entry in transaction.open_table(SLICES_V1)?.iter()? {
            let (key, value) = entry?;
            let (covered, good, bad) = value.value();
            slices.insert(key.value(), (covered, covered, good, bad))?;
        }
    }
    transaction.delete_table(SLICES_V1)?;
    transaction.open_table(META)?.insert(SCHEMA_KEY, 2)?;
    transaction.commit()?;
    create_tables(database)
}

/// Checks the schema and upgrades an earlier one. A file in which nothing was committed yet gets its
/// tables.
pub(super) fn check_schema(database: &Database) -> Result<(), FileError> {
    let found = match database.begin_read()?.open_table(META) {
        Ok(meta) => meta.get(SCHEMA_KEY)?.map(|version| version.value()),
        Err(redb::TableError::TableDoesNotExist(_)) => None,
        Err(error) => return Err(error.into()),
    };
    match found {
        Some(SCHEMA) => Ok(()),
        Some(1) => upgrade_from_v1(database),
        // The tables that are there already stay as they are.
        Some(2) | None => create_tables(database),
        Some(newer) if newer > SCHEMA => Err(FileError::NewerSchema(newer)),
        Some(other) => Err(FileError::Corrupted(format!("there is no schema {other}"))),
    }
}

pub(super) fn commit(database: &Database, ops: &[StoreOp]) -> Result<(), FileError> {
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        let mut workers = transaction.open_table(WORKERS)?;
        let mut slices = transaction.open_table(SLICES)?;
        let mut alert_states = transaction.open_table(ALERT_STATES)?;
        let mut incidents = transaction.open_table(INCIDENTS)?;
        let mut spans = transaction.open_table(SPANS)?;
        let mut revision = read_meta(&meta, REVISION_KEY)?;
        let mut longest = read_meta(&meta, LONGEST_SLICE_KEY)?;
        for op in ops {
            match op {
                StoreOp::Worker(row) => upsert_worker(&mut workers, row, &mut revision)?,
                StoreOp::DeleteWorker(id, last_seen) => {
                    delete_worker(&mut workers, id.as_str(), *last_seen)?;
                }
                StoreOp::Slice(row) => {
                    let length = row::to_nanos(row.length);
                    longest = longest.max(length);
                    let covered = row::to_nanos(row.covered);
                    slices.insert(slice_key(row), (length, covered, row.good, row.bad))?;
                }
                // No other process can read it while this one lives.
                StoreOp::Total(_) => {}
                StoreOp::AlertState(row) => {
                    let written = row.written_at.as_nanosecond();
                    alert_states.insert((&*row.instance, &*row.subject), (written, &*row.text))?;
                }
                StoreOp::Incident(row) => upsert_incident(&mut incidents, row)?,
                StoreOp::Span(row) => upsert_span(&mut spans, row)?,
            }
        }
        meta.insert(REVISION_KEY, revision)?;
        meta.insert(LONGEST_SLICE_KEY, longest)?;
    }
    Ok(transaction.commit()?)
}

fn upsert_worker(
    workers: &mut Table<'_, &str, &[u8]>,
    row: &WorkerRow,
    revision: &mut u64,
) -> Result<(), FileError> {
    let stored = read_worker(workers, row.id.as_str())?;
    if stored.is_some_and(|stored| !row.supersedes(&stored.row)) {
        return Ok(());
    }
    *revision += 1;
    let bytes = StoredWorker::encode(row, *revision).map_err(FileError::Rejected)?;
    workers.insert(row.id.as_str(), &*bytes)?;
    Ok(())
}

fn delete_worker(
    workers: &mut Table<'_, &str, &[u8]>,
    id: &str,
    last_seen: Option<Timestamp>,
) -> Result<(), FileError> {
    let stored = read_worker(workers, id)?;
    if stored.is_some_and(|stored| stored.row.last_seen <= last_seen) {
        workers.remove(id)?;
    }
    Ok(())
}

fn upsert_incident(
    incidents: &mut Table<'_, &str, &[u8]>,
    row: &IncidentRow,
) -> Result<(), FileError> {
    let id = row.id.as_str();
    let stored = incidents.get(id)?;
    let stored = stored.map(|json| IncidentRow::parse(id, json.value()));
    let stored = stored.transpose().map_err(FileError::Corrupted)?;
    let is_accepted = match stored {
        Some(stored) => row.is_next_version_of(&stored),
        None => !all_incidents(incidents)?
            .iter()
            .any(|open| row.is_blocked_by(open)),
    };
    if is_accepted {
        incidents.insert(id, row.to_json().as_bytes())?;
    }
    Ok(())
}

fn upsert_span(
    spans: &mut Table<'_, SpanTableKey<'static>, i64>,
    row: &SpanRow,
) -> Result<(), FileError> {
    let key = (&*row.component, row.start, row.state.as_str());
    let stored = spans.get(key)?.map(|end| end.value());
    spans.insert(key, stored.map_or(row.end, |stored| stored.max(row.end)))?;
    Ok(())
}

fn all_incidents(
    incidents: &impl redb::ReadableTable<&'static str, &'static [u8]>,
) -> Result<Vec<IncidentRow>, FileError> {
    let mut rows = Vec::new();
    for entry in incidents.iter()? {
        let (id, json) = entry?;
        rows.push(IncidentRow::parse(id.value(), json.value()).map_err(FileError::Corrupted)?);
    }
    Ok(rows)
}

pub(super) fn incidents(
    database: &Database,
    since: Timestamp,
) -> Result<Vec<IncidentRow>, FileError> {
    let transaction = database.begin_read()?;
    let mut rows = all_incidents(&transaction.open_table(INCIDENTS)?)?;
    rows.retain(|row| row.is_relevant_after(since));
    Ok(rows)
}

pub(super) fn incident(
    database: &Database,
    id: StatusId,
) -> Result<Option<IncidentRow>, FileError> {
    let transaction = database.begin_read()?;
    let incidents = transaction.open_table(INCIDENTS)?;
    let json = incidents.get(id.as_str())?;
    let row = json.map(|json| IncidentRow::parse(id.as_str(), json.value()));
    row.transpose().map_err(FileError::Corrupted)
}

pub(super) fn spans(database: &Database, since: i64) -> Result<Vec<SpanRow>, FileError> {
    let transaction = database.begin_read()?;
    all_spans(&transaction.open_table(SPANS)?, |end| end >= since)
}

fn all_spans(
    spans: &impl redb::ReadableTable<SpanTableKey<'static>, i64>,
    is_wanted: impl Fn(i64) -> bool,
) -> Result<Vec<SpanRow>, FileError> {
    let mut rows = Vec::new();
    for entry in spans.iter()? {
        let (key, end) = entry?;
        let ((component, start, state), end) = (key.value(), end.value());
        if is_wanted(end) {
            rows.push(SpanRow {
                component: Arc::from(component),
                state: ComponentState::parse(state)
                    .ok_or_else(|| FileError::Corrupted(format!("there is no state {state:?}")))?,
                start,
                end,
            });
        }
    }
    Ok(rows)
}

/// Deletes spans, incidents and maintenance that ended before; returns the number of rows.
pub(super) fn delete_expired_status(
    database: &Database,
    before: Timestamp,
) -> Result<u64, FileError> {
    let transaction = database.begin_write()?;
    let mut deleted = 0;
    {
        let mut incidents = transaction.open_table(INCIDENTS)?;
        for row in all_incidents(&incidents)? {
            if !row.is_relevant_after(before) {
                incidents.remove(row.id.as_str())?;
                deleted += 1;
            }
        }
        let mut spans = transaction.open_table(SPANS)?;
        for row in all_spans(&spans, |end| end < before.as_second())? {
            spans.remove((&*row.component, row.start, row.state.as_str()))?;
            deleted += 1;
        }
    }
    transaction.commit()?;
    Ok(deleted)
}

fn read_worker(
    workers: &Table<'_, &str, &[u8]>,
    id: &str,
) -> Result<Option<StoredWorker>, FileError> {
    let stored = workers.get(id)?;
    let stored = stored.map(|bytes| StoredWorker::decode(id, bytes.value()));
    stored.transpose().map_err(FileError::Corrupted)
}

pub(super) fn workers(
    database: &Database,
    since: Revision,
) -> Result<(Vec<WorkerRow>, Revision), FileError> {
    let transaction = database.begin_read()?;
    let revision = read_meta(&transaction.open_table(META)?, REVISION_KEY)?;
    let since = u64::try_from(since.0).unwrap_or(0);
    let mut rows = Vec::new();
    for entry in transaction.open_table(WORKERS)?.iter()? {
        let (id, bytes) = entry?;
        let bytes = bytes.value();
        if row::revision(bytes).is_none_or(|revision| revision > since) {
            rows.push(
                StoredWorker::decode(id.value(), bytes)
                    .map_err(FileError::Corrupted)?
                    .row,
            );
        }
    }
    let revision = i64::try_from(revision).unwrap_or(i64::MAX);
    Ok((rows, Revision(revision)))
}

/// Reads the names of instances, with one lookup for each: the next is the first key after the last that the one before may have.
pub(super) fn instances(database: &Database) -> Result<Vec<Arc<str>>, FileError> {
    let table = database.begin_read()?.open_table(SLICES)?;
    let mut names: Vec<Arc<str>> = Vec::new();
    loop {
        let after = names.last().map(|last| format!("{last}\0"));
        let mut rest = table.range((after.as_deref().unwrap_or_default(), i128::MIN, "")..)?;
        let Some(entry) = rest.next() else {
            return Ok(names);
        };
        names.push(entry?.0.value().0.into());
    }
}

pub(super) fn slices(
    database: &Database,
    instance: &Arc<str>,
    since: Timestamp,
) -> Result<Vec<SliceRow>, FileError> {
    let transaction = database.begin_read()?;
    let longest = read_meta(&transaction.open_table(META)?, LONGEST_SLICE_KEY)?;
    let from = since.as_nanosecond() - i128::from(longest);
    let mut rows = Vec::new();
    let table = transaction.open_table(SLICES)?;
    for entry in table.range((&**instance, from, "")..)? {
        let (key, value) = entry?;
        if key.value().0 != &**instance {
            break;
        }
        let row = decode_slice(key.value(), value.value())?;
        if row.end() > since {
            rows.push(row);
        }
    }
    Ok(rows)
}

pub(super) fn alert_states(
    database: &Database,
    instance: &Arc<str>,
) -> Result<Vec<AlertStateRow>, FileError> {
    let table = database.begin_read()?.open_table(ALERT_STATES)?;
    let mut rows = Vec::new();
    for entry in table.range((&**instance, "")..)? {
        let (key, value) = entry?;
        let ((row_instance, subject), (written, text)) = (key.value(), value.value());
        if row_instance != &**instance {
            break;
        }
        let written_at = Timestamp::from_nanosecond(written);
        rows.push(AlertStateRow {
            instance: Arc::clone(instance),
            subject: subject.into(),
            written_at: written_at.map_err(|error| FileError::Corrupted(error.to_string()))?,
            text: text.into(),
        });
    }
    Ok(rows)
}

/// Deletes slices that ended before, up to a number, and alert states that were written before;
/// returns the number of slices.
pub(super) fn delete_expired_slices(
    database: &Database,
    before: Timestamp,
    max_rows: usize,
) -> Result<usize, FileError> {
    let transaction = database.begin_write()?;
    let expired = {
        let mut slices = transaction.open_table(SLICES)?;
        let expired = expired_slices(&slices, before, max_rows)?;
        for row in &expired {
            slices.remove(slice_key(row))?;
        }
        expired.len()
    };
    let mut alert_states = transaction.open_table(ALERT_STATES)?;
    let (count, before) = (alert_states.len()?, before.as_nanosecond());
    alert_states.retain(|_, (written, _)| written >= before)?;
    let is_unchanged = alert_states.len()? == count;
    drop(alert_states);
    if expired == 0 && is_unchanged {
        transaction.abort()?;
    } else {
        transaction.commit()?;
    }
    Ok(expired)
}

/// Returns the first slices that ended before. Of each instance only those are looked at that started
/// before, so that the cost is that of what is removed.
fn expired_slices(
    slices: &Table<'_, SliceTableKey<'static>, SliceTableValue>,
    before: Timestamp,
    max_rows: usize,
) -> Result<Vec<SliceRow>, FileError> {
    let mut expired = Vec::new();
    let mut from = (String::new(), i128::MIN);
    while let Some(first) = slices.range((&*from.0, from.1, "")..)?.next() {
        let instance = first?.0.value().0.to_owned();
        let until = (&*instance, before.as_nanosecond(), "");
        for entry in slices.range((&*instance, i128::MIN, "")..until)? {
            let (key, value) = entry?;
            let row = decode_slice(key.value(), value.value())?;
            if row.end() < before {
                expired.push(row);
            }
            if expired.len() == max_rows {
                return Ok(expired);
            }
        }
        // The smallest name after this one.
        from = (format!("{instance}\0"), i128::MIN);
    }
    Ok(expired)
}

fn read_meta(
    meta: &impl redb::ReadableTable<&'static str, u64>,
    name: &str,
) -> Result<u64, FileError> {
    Ok(meta.get(name)?.map_or(0, |figure| figure.value()))
}

fn slice_key(row: &SliceRow) -> SliceTableKey<'_> {
    (&row.instance, row.start.as_nanosecond(), &row.objective)
}

fn decode_slice(
    (instance, start, objective): SliceTableKey<'_>,
    (length, covered, good, bad): SliceTableValue,
) -> Result<SliceRow, FileError> {
    let start = Timestamp::from_nanosecond(start);
    Ok(SliceRow {
        instance: Arc::from(instance),
        objective: Arc::from(objective),
        start: start.map_err(|error| FileError::Corrupted(error.to_string()))?,
        length: Duration::from_nanos(length),
        covered: Duration::from_nanos(covered),
        good,
        bad,
    })
}
