//! What stands in the file, and the transactions over it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use redb::{Database, ReadableTable as _, ReadableTableMetadata as _, Table, TableDefinition};

use super::error::Trouble;
use super::row::{self, Kept};
use crate::model::status::{ComponentState, StatusId};
use crate::store::{BulletinRow, Change, NoteRow, Revision, SliceRow, SpanRow, WorkerRow};

/// Grows with every change of a table or of a row, so that an earlier release refuses the file and
/// does not lose what it does not know.
pub(super) const SCHEMA: u64 = 3;

/// Figures of the file itself.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// By id, as [`Kept`].
const WORKERS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("workers");
/// By instance, start in nanoseconds and objective: length and covered part of it in nanoseconds, good
/// and bad.
const SLICES: TableDefinition<'_, SliceKey<'_>, SliceValue> =
    TableDefinition::new("covered_slices");
/// The same of schema 1, which had the covered part in the length's place.
const SLICES_1: TableDefinition<'_, SliceKey<'_>, (u64, u64, u64)> = TableDefinition::new("slices");
/// By instance and subject: when it was written, in nanoseconds, and the text.
const NOTES: TableDefinition<'_, (&str, &str), (i128, &str)> = TableDefinition::new("notes");

/// By id, as JSON.
const BULLETINS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("bulletins");
/// By component, start in seconds and state: end in seconds.
const SPANS: TableDefinition<'_, SpanKey<'_>, i64> = TableDefinition::new("spans");

type SpanKey<'a> = (&'a str, i64, &'a str);
type SliceKey<'a> = (&'a str, i128, &'a str);
type SliceValue = (u64, u64, u64, u64);

const VERSION: &str = "schema";
const REVISION: &str = "revision";
/// The longest slice in nanoseconds: none starts earlier than that before it ends.
const LONGEST: &str = "longest_slice";

/// Makes the tables.
pub(super) fn create(database: &Database) -> Result<(), Trouble> {
    let transaction = database.begin_write()?;
    transaction.open_table(META)?.insert(VERSION, SCHEMA)?;
    transaction.open_table(WORKERS)?;
    transaction.open_table(SLICES)?;
    transaction.open_table(NOTES)?;
    transaction.open_table(BULLETINS)?;
    transaction.open_table(SPANS)?;
    Ok(transaction.commit()?)
}

/// Brings the tables of schema 1 to the second one, or leaves them as they are; what that has no table
/// for is made.
fn upgrade(database: &Database) -> Result<(), Trouble> {
    let transaction = database.begin_write()?;
    {
        let mut slices = transaction.open_table(SLICES)?;
        for entry in transaction.open_table(SLICES_1)?.iter()? {
            let (key, value) = entry?;
            let (covered, good, bad) = value.value();
            slices.insert(key.value(), (covered, covered, good, bad))?;
        }
    }
    transaction.delete_table(SLICES_1)?;
    transaction.open_table(META)?.insert(VERSION, 2)?;
    transaction.commit()?;
    create(database)
}

/// Whether they are as this release made them. A file in which nothing was committed yet becomes
/// one.
pub(super) fn check(database: &Database) -> Result<(), Trouble> {
    let found = match database.begin_read()?.open_table(META) {
        Ok(meta) => meta.get(VERSION)?.map(|version| version.value()),
        Err(redb::TableError::TableDoesNotExist(_)) => None,
        Err(error) => return Err(error.into()),
    };
    match found {
        Some(SCHEMA) => Ok(()),
        Some(1) => upgrade(database),
        // The tables that are there already stay as they are.
        Some(2) | None => create(database),
        Some(newer) if newer > SCHEMA => Err(Trouble::Newer(newer)),
        Some(other) => Err(Trouble::Damaged(format!("there is no schema {other}"))),
    }
}

pub(super) fn commit(database: &Database, changes: &[Change]) -> Result<(), Trouble> {
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        let mut workers = transaction.open_table(WORKERS)?;
        let mut slices = transaction.open_table(SLICES)?;
        let mut notes = transaction.open_table(NOTES)?;
        let mut bulletins = transaction.open_table(BULLETINS)?;
        let mut spans = transaction.open_table(SPANS)?;
        let mut revision = figure(&meta, REVISION)?;
        let mut longest = figure(&meta, LONGEST)?;
        for change in changes {
            match change {
                Change::Worker(row) => put(&mut workers, row, &mut revision)?,
                Change::Forget(id, seen) => forget(&mut workers, id.as_str(), *seen)?,
                Change::Slice(row) => {
                    let length = row::nanos(row.length);
                    longest = longest.max(length);
                    let covered = row::nanos(row.covered);
                    slices.insert(key(row), (length, covered, row.good, row.bad))?;
                }
                // Nobody could ask for it while the process lives.
                Change::Total(_) => {}
                Change::Note(row) => {
                    let written = row.written_at.as_nanosecond();
                    notes.insert((&*row.instance, &*row.subject), (written, &*row.text))?;
                }
                Change::Bulletin(row) => post(&mut bulletins, row)?,
                Change::Span(row) => extend(&mut spans, row)?,
            }
        }
        meta.insert(REVISION, revision)?;
        meta.insert(LONGEST, longest)?;
    }
    Ok(transaction.commit()?)
}

fn put(
    workers: &mut Table<'_, &str, &[u8]>,
    row: &WorkerRow,
    revision: &mut u64,
) -> Result<(), Trouble> {
    let known = read(workers, row.id.as_str())?;
    if known.is_some_and(|known| !row.supersedes(&known.row)) {
        return Ok(());
    }
    *revision += 1;
    let kept = Kept::encode(row, *revision).map_err(Trouble::Refused)?;
    workers.insert(row.id.as_str(), &*kept)?;
    Ok(())
}

fn forget(
    workers: &mut Table<'_, &str, &[u8]>,
    id: &str,
    seen: Option<Timestamp>,
) -> Result<(), Trouble> {
    let known = read(workers, id)?;
    if known.is_some_and(|known| known.row.last_seen <= seen) {
        workers.remove(id)?;
    }
    Ok(())
}

fn post(bulletins: &mut Table<'_, &str, &[u8]>, row: &BulletinRow) -> Result<(), Trouble> {
    let id = row.id.as_str();
    let known = bulletins.get(id)?;
    let known = known.map(|json| BulletinRow::parse(id, json.value()));
    let known = known.transpose().map_err(Trouble::Damaged)?;
    let fits = match known {
        Some(known) => row.follows(&known),
        None => !all_bulletins(bulletins)?
            .iter()
            .any(|open| row.is_shut_out_by(open)),
    };
    if fits {
        bulletins.insert(id, row.to_json().as_bytes())?;
    }
    Ok(())
}

fn extend(spans: &mut Table<'_, SpanKey<'static>, i64>, row: &SpanRow) -> Result<(), Trouble> {
    let key = (&*row.component, row.start, row.state.as_str());
    let known = spans.get(key)?.map(|end| end.value());
    spans.insert(key, known.map_or(row.end, |known| known.max(row.end)))?;
    Ok(())
}

fn all_bulletins(
    bulletins: &impl redb::ReadableTable<&'static str, &'static [u8]>,
) -> Result<Vec<BulletinRow>, Trouble> {
    let mut rows = Vec::new();
    for entry in bulletins.iter()? {
        let (id, json) = entry?;
        rows.push(BulletinRow::parse(id.value(), json.value()).map_err(Trouble::Damaged)?);
    }
    Ok(rows)
}

pub(super) fn bulletins(
    database: &Database,
    since: Timestamp,
) -> Result<Vec<BulletinRow>, Trouble> {
    let transaction = database.begin_read()?;
    let mut rows = all_bulletins(&transaction.open_table(BULLETINS)?)?;
    rows.retain(|row| row.matters_after(since));
    Ok(rows)
}

pub(super) fn bulletin(database: &Database, id: StatusId) -> Result<Option<BulletinRow>, Trouble> {
    let transaction = database.begin_read()?;
    let bulletins = transaction.open_table(BULLETINS)?;
    let json = bulletins.get(id.as_str())?;
    let row = json.map(|json| BulletinRow::parse(id.as_str(), json.value()));
    row.transpose().map_err(Trouble::Damaged)
}

pub(super) fn spans(database: &Database, since: i64) -> Result<Vec<SpanRow>, Trouble> {
    let transaction = database.begin_read()?;
    all_spans(&transaction.open_table(SPANS)?, |end| end >= since)
}

fn all_spans(
    spans: &impl redb::ReadableTable<SpanKey<'static>, i64>,
    wanted: impl Fn(i64) -> bool,
) -> Result<Vec<SpanRow>, Trouble> {
    let mut rows = Vec::new();
    for entry in spans.iter()? {
        let (key, end) = entry?;
        let ((component, start, state), end) = (key.value(), end.value());
        if wanted(end) {
            rows.push(SpanRow {
                component: Arc::from(component),
                state: ComponentState::parse(state)
                    .ok_or_else(|| Trouble::Damaged(format!("there is no state {state:?}")))?,
                start,
                end,
            });
        }
    }
    Ok(rows)
}

/// Removes spans, incidents and maintenance that ended before; how many.
pub(super) fn sweep_status(database: &Database, before: Timestamp) -> Result<u64, Trouble> {
    let transaction = database.begin_write()?;
    let mut swept = 0;
    {
        let mut bulletins = transaction.open_table(BULLETINS)?;
        for row in all_bulletins(&bulletins)? {
            if !row.matters_after(before) {
                bulletins.remove(row.id.as_str())?;
                swept += 1;
            }
        }
        let mut spans = transaction.open_table(SPANS)?;
        for row in all_spans(&spans, |end| end < before.as_second())? {
            spans.remove((&*row.component, row.start, row.state.as_str()))?;
            swept += 1;
        }
    }
    transaction.commit()?;
    Ok(swept)
}

fn read(workers: &Table<'_, &str, &[u8]>, id: &str) -> Result<Option<Kept>, Trouble> {
    let known = workers.get(id)?;
    let known = known.map(|bytes| Kept::decode(id, bytes.value()));
    known.transpose().map_err(Trouble::Damaged)
}

pub(super) fn workers(
    database: &Database,
    since: Revision,
) -> Result<(Vec<WorkerRow>, Revision), Trouble> {
    let transaction = database.begin_read()?;
    let revision = figure(&transaction.open_table(META)?, REVISION)?;
    let since = u64::try_from(since.0).unwrap_or(0);
    let mut rows = Vec::new();
    for entry in transaction.open_table(WORKERS)?.iter()? {
        let (id, bytes) = entry?;
        let bytes = bytes.value();
        if row::revision(bytes).is_none_or(|revision| revision > since) {
            rows.push(
                Kept::decode(id.value(), bytes)
                    .map_err(Trouble::Damaged)?
                    .row,
            );
        }
    }
    let revision = i64::try_from(revision).unwrap_or(i64::MAX);
    Ok((rows, Revision(revision)))
}

/// One look for each: the next is the first key after the last that the one before may have.
pub(super) fn instances(database: &Database) -> Result<Vec<Arc<str>>, Trouble> {
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
) -> Result<Vec<SliceRow>, Trouble> {
    let transaction = database.begin_read()?;
    let longest = figure(&transaction.open_table(META)?, LONGEST)?;
    let from = since.as_nanosecond() - i128::from(longest);
    let mut rows = Vec::new();
    let table = transaction.open_table(SLICES)?;
    for entry in table.range((&**instance, from, "")..)? {
        let (key, value) = entry?;
        if key.value().0 != &**instance {
            break;
        }
        let row = slice(key.value(), value.value())?;
        if row.end() > since {
            rows.push(row);
        }
    }
    Ok(rows)
}

pub(super) fn notes(database: &Database, instance: &Arc<str>) -> Result<Vec<NoteRow>, Trouble> {
    let table = database.begin_read()?.open_table(NOTES)?;
    let mut rows = Vec::new();
    for entry in table.range((&**instance, "")..)? {
        let (key, value) = entry?;
        let ((owner, subject), (written, text)) = (key.value(), value.value());
        if owner != &**instance {
            break;
        }
        let written_at = Timestamp::from_nanosecond(written);
        rows.push(NoteRow {
            instance: Arc::clone(instance),
            subject: subject.into(),
            written_at: written_at.map_err(|error| Trouble::Damaged(error.to_string()))?,
            text: text.into(),
        });
    }
    Ok(rows)
}

/// Removes slices that ended before, up to a number, and notes that were written before; how many
/// slices.
pub(super) fn sweep(database: &Database, before: Timestamp, most: usize) -> Result<usize, Trouble> {
    let transaction = database.begin_write()?;
    let over = {
        let mut slices = transaction.open_table(SLICES)?;
        let over = over(&slices, before, most)?;
        for row in &over {
            slices.remove(key(row))?;
        }
        over.len()
    };
    let mut notes = transaction.open_table(NOTES)?;
    let (all, before) = (notes.len()?, before.as_nanosecond());
    notes.retain(|_, (written, _)| written >= before)?;
    let same = notes.len()? == all;
    drop(notes);
    if over == 0 && same {
        transaction.abort()?;
    } else {
        transaction.commit()?;
    }
    Ok(over)
}

/// The first slices that ended before. Of each instance only those are looked at that started
/// before, so that the cost is that of what is removed.
fn over(
    slices: &Table<'_, SliceKey<'static>, SliceValue>,
    before: Timestamp,
    most: usize,
) -> Result<Vec<SliceRow>, Trouble> {
    let mut over = Vec::new();
    let mut from = (String::new(), i128::MIN);
    while let Some(first) = slices.range((&*from.0, from.1, "")..)?.next() {
        let instance = first?.0.value().0.to_owned();
        let until = (&*instance, before.as_nanosecond(), "");
        for entry in slices.range((&*instance, i128::MIN, "")..until)? {
            let (key, value) = entry?;
            let row = slice(key.value(), value.value())?;
            if row.end() < before {
                over.push(row);
            }
            if over.len() == most {
                return Ok(over);
            }
        }
        // The smallest name after this one.
        from = (format!("{instance}\0"), i128::MIN);
    }
    Ok(over)
}

fn figure(meta: &impl redb::ReadableTable<&'static str, u64>, name: &str) -> Result<u64, Trouble> {
    Ok(meta.get(name)?.map_or(0, |figure| figure.value()))
}

fn key(row: &SliceRow) -> SliceKey<'_> {
    (&row.instance, row.start.as_nanosecond(), &row.objective)
}

fn slice(
    (instance, start, objective): SliceKey<'_>,
    (length, covered, good, bad): SliceValue,
) -> Result<SliceRow, Trouble> {
    let start = Timestamp::from_nanosecond(start);
    Ok(SliceRow {
        instance: Arc::from(instance),
        objective: Arc::from(objective),
        start: start.map_err(|error| Trouble::Damaged(error.to_string()))?,
        length: Duration::from_nanos(length),
        covered: Duration::from_nanos(covered),
        good,
        bad,
    })
}
