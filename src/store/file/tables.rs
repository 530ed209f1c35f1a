//! The tables of the file, and the transactions on them.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | name | a number: schema, revision, longest slice |
//! | `records` | kind, key | revision, relevant until, slot, JSON |
//! | `slices` | instance, start, objective | length, covered, good, bad |
//!
//! Keys are ordered, and everything that is asked for is a range: the records of a kind, those with
//! a prefix, an instance's slices from a time on. There are no other indexes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use redb::{Database, ReadableTable, Table, TableDefinition};

use super::error::FileError;
use crate::store::op::{self, RecordBatch};
use crate::store::record::{Record, RecordKey, to_nanos};
use crate::store::{RecordKind, Revision, SliceRow, StoreOp};

/// Grows with every change of a table or of a row, so that an earlier release refuses the file and
/// does not lose what it does not know. Those up to 3 were never released.
///
/// Raise it with every change that an earlier release would misread.
pub(super) const SCHEMA: u64 = 4;

/// Numbers about the file itself.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// By kind and key: the revision, the time in nanoseconds until which it is relevant, the slot, and the
/// row as JSON.
const RECORDS: TableDefinition<'_, RecordTableKey<'_>, RecordTableValue<'_>> =
    TableDefinition::new("records");
/// By instance, start in nanoseconds and objective: length and covered part of it in nanoseconds, good
/// and bad.
const SLICES: TableDefinition<'_, SliceTableKey<'_>, SliceTableValue> =
    TableDefinition::new("slices");

// Types and not structs: redb compares the types of a table's definition with those in the file.
type RecordTableKey<'a> = (&'a str, &'a str);
type RecordTableValue<'a> = (u64, i64, Option<&'a str>, &'a str);
type SliceTableKey<'a> = (&'a str, i128, &'a str);
type SliceTableValue = (u64, u64, u64, u64);

const SCHEMA_KEY: &str = "schema";
/// Grows by one for each record written.
const REVISION_KEY: &str = "revision";
/// The longest slice in nanoseconds: none starts earlier than that before it ends.
const LONGEST_SLICE_KEY: &str = "longest_slice";

/// Creates the tables.
pub(super) fn create_tables(database: &Database) -> Result<(), FileError> {
    let transaction = database.begin_write()?;
    transaction.open_table(META)?.insert(SCHEMA_KEY, SCHEMA)?;
    transaction.open_table(RECORDS)?;
    transaction.open_table(SLICES)?;
    Ok(transaction.commit()?)
}

/// Checks the schema. A file in which nothing was committed yet gets its tables.
// A kill between creating the file and its tables leaves none.
pub(super) fn check_schema(database: &Database) -> Result<(), FileError> {
    let found = match database.begin_read()?.open_table(META) {
        Ok(meta) => meta.get(SCHEMA_KEY)?.map(|version| version.value()),
        Err(redb::TableError::TableDoesNotExist(_)) => None,
        Err(error) => return Err(error.into()),
    };
    match found {
        Some(SCHEMA) => Ok(()),
        None => create_tables(database),
        Some(newer) if newer > SCHEMA => Err(FileError::NewerSchema(newer)),
        Some(older) => Err(FileError::OlderSchema(older)),
    }
}

/// Writes a batch in one transaction, durably: redb syncs the file at its end.
pub(super) fn commit(database: &Database, ops: &[StoreOp]) -> Result<(), FileError> {
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        let revision = read_meta(&meta, REVISION_KEY)?;
        let revision = write_records(&mut transaction.open_table(RECORDS)?, ops, revision)?;
        meta.insert(REVISION_KEY, revision)?;
        let mut slices = transaction.open_table(SLICES)?;
        let mut longest = read_meta(&meta, LONGEST_SLICE_KEY)?;
        for row in op::slices(ops) {
            let (length, covered) = (
                duration_to_nanos(row.length),
                duration_to_nanos(row.covered),
            );
            // Kept, because slices are found by their start and asked for by their end.
            longest = longest.max(length);
            slices.insert(slice_key(row), (length, covered, row.good, row.bad))?;
        }
        meta.insert(LONGEST_SLICE_KEY, longest)?;
    }
    Ok(transaction.commit()?)
}

/// Writes what operations change of the records; returns the new revision.
fn write_records(
    records: &mut Table<'_, RecordTableKey<'static>, RecordTableValue<'static>>,
    ops: &[StoreOp],
    mut revision: u64,
) -> Result<u64, FileError> {
    // `false`: nobody else can ask this file, so that rows for others are not kept.
    let batch = RecordBatch::new(ops, false);
    let stored = read_touched(records, &batch)?;
    for (RecordKey { kind, key }, record) in batch.merge(&stored) {
        let table_key = (kind.as_str(), &*key);
        let Some(record) = record else {
            // A deletion has no revision: only a registry of this process reads changes, and it
            // deleted the worker itself.
            records.remove(table_key)?;
            continue;
        };
        revision += 1;
        let (until, slot) = (record.relevant_until, record.slot.as_deref());
        records.insert(table_key, (revision, until, slot, &*record.value))?;
    }
    Ok(revision)
}

/// Reads the records that a batch touches, and those that hold its slots.
fn read_touched(
    records: &Table<'_, RecordTableKey<'static>, RecordTableValue<'static>>,
    batch: &RecordBatch<'_>,
) -> Result<BTreeMap<RecordKey, Record>, FileError> {
    let mut touched = BTreeMap::new();
    for key in batch.keys() {
        if let Some(found) = records.get((key.kind.as_str(), &*key.key))? {
            touched.insert(key.clone(), decode_record(found.value()));
        }
    }
    // A scan of the kind, for incidents that want a slot: they are few, and so are such commits.
    for (kind, slot) in batch.slots() {
        for_each_record(records, kind, "", |key, value| {
            if value.2 == Some(slot) {
                let key = key.into();
                touched.insert(RecordKey { kind, key }, decode_record(value));
            }
        })?;
    }
    Ok(touched)
}

/// Calls a function with the records of a kind whose keys begin with `prefix`.
fn for_each_record(
    records: &impl ReadableTable<RecordTableKey<'static>, RecordTableValue<'static>>,
    kind: RecordKind,
    prefix: &str,
    mut with: impl FnMut(&str, RecordTableValue<'_>),
) -> Result<(), FileError> {
    for entry in records.range((kind.as_str(), prefix)..)? {
        let (table_key, value) = entry?;
        let (found, key) = table_key.value();
        if found != kind.as_str() || !key.starts_with(prefix) {
            break;
        }
        with(key, value.value());
    }
    Ok(())
}

/// Copies a record out of the page, which ends with the transaction.
fn decode_record((_, relevant_until, slot, value): RecordTableValue<'_>) -> Record {
    Record {
        value: value.to_owned(),
        relevant_until,
        slot: slot.map(str::to_owned),
    }
}

/// Reads the records of a kind whose keys begin with `prefix` and that are relevant after `since`.
pub(super) fn list(
    database: &Database,
    kind: RecordKind,
    prefix: &str,
    since: Timestamp,
) -> Result<Vec<String>, FileError> {
    let records = database.begin_read()?.open_table(RECORDS)?;
    let (mut values, since) = (Vec::new(), to_nanos(since));
    for_each_record(
        &records,
        kind,
        prefix,
        |_, (_, relevant_until, _, value)| {
            if relevant_until > since {
                values.push(value.to_owned());
            }
        },
    )?;
    Ok(values)
}

/// Reads the records of a kind that were written after a revision, and the newest revision.
pub(super) fn changed(
    database: &Database,
    kind: RecordKind,
    since: Revision,
) -> Result<(Vec<String>, Revision), FileError> {
    // One transaction for both, so that no row can be written between them.
    let transaction = database.begin_read()?;
    let revision = read_meta(&transaction.open_table(META)?, REVISION_KEY)?;
    // A negative revision is none of this file's: everything is new.
    let since = u64::try_from(since.0).unwrap_or(0);
    let (records, mut values) = (transaction.open_table(RECORDS)?, Vec::new());
    for_each_record(&records, kind, "", |_, (revision, _, _, value)| {
        if revision > since {
            values.push(value.to_owned());
        }
    })?;
    let revision = i64::try_from(revision).unwrap_or(i64::MAX);
    Ok((values, Revision(revision)))
}

/// Deletes the records of a kind that were relevant until then at the latest; returns the number.
pub(super) fn delete_expired(
    database: &Database,
    kind: RecordKind,
    before: Timestamp,
) -> Result<u64, FileError> {
    let transaction = database.begin_write()?;
    let (mut deleted, before) = (0, to_nanos(before));
    // The smallest name after the kind's.
    // The range ends before it, so that all keys of the kind are within.
    let end = format!("{}\0", kind.as_str());
    transaction.open_table(RECORDS)?.retain_in(
        (kind.as_str(), "")..(&*end, ""),
        |_, (_, relevant_until, _, _)| {
            deleted += u64::from(relevant_until <= before);
            relevant_until > before
        },
    )?;
    if deleted == 0 {
        // Nothing to delete is the usual case, and a commit would sync the disk for it.
        transaction.abort()?;
    } else {
        transaction.commit()?;
    }
    Ok(deleted)
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

/// Reads the slices of an instance that ended after `since`, in the order of their start.
pub(super) fn slices(
    database: &Database,
    instance: &Arc<str>,
    since: Timestamp,
) -> Result<Vec<SliceRow>, FileError> {
    let transaction = database.begin_read()?;
    let longest = read_meta(&transaction.open_table(META)?, LONGEST_SLICE_KEY)?;
    // A slice that ended after `since` began at most one longest slice earlier.
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

/// Deletes slices that ended before, up to a number; returns the number of rows.
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
    if expired == 0 {
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
            // A slice that began before may end later; then it stays.
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

/// Returns a number about the file; 0 where it was never written.
fn read_meta(meta: &impl ReadableTable<&'static str, u64>, name: &str) -> Result<u64, FileError> {
    Ok(meta.get(name)?.map_or(0, |figure| figure.value()))
}

/// Returns nanoseconds, capped at 584 years.
fn duration_to_nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Start before objective, so that a time is a range of keys.
fn slice_key(row: &SliceRow) -> SliceTableKey<'_> {
    (&row.instance, row.start.as_nanosecond(), &row.objective)
}

/// Fails for a time that could not have been written.
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
