//! Rows as columns, and back.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::model::heartbeat::{BeatId, Condition, Progress, Role};
use crate::store::postgres_client::PostgresError;
use crate::store::{NoteRow, SliceRow, TotalRow, WorkerRow};

/// What a statement takes.
pub(super) type Values<'a, const N: usize> = [&'a (dyn ToSql + Sync); N];

/// Rows that a snapshot did not show. The first condition is for the index.
pub(super) const SELECT_WORKERS: &str = "
SELECT id, role, boot_id, previous_boot_id, sequence, registered_ns, last_seen_ns, progressed_ns,
    interval_ns, condition, version, in_flight, in_flight_overdue, processed_total, failed_total,
    last_progress_ns, oldest_in_flight_ns, queue_depth, restarts, clock_skew_ms, lost
FROM vantage_obs.workers
WHERE written >= pg_snapshot_xmin($1::text::pg_snapshot)
    AND NOT pg_visible_in_snapshot(written, $1::text::pg_snapshot)";

/// Columns of workers.
#[derive(Default)]
pub(super) struct Workers<'a> {
    ids: Vec<&'a str>,
    roles: Vec<&'static str>,
    boots: Vec<Option<Cow<'a, str>>>,
    previous_boots: Vec<Option<Cow<'a, str>>>,
    sequences: Vec<i64>,
    registered: Vec<i64>,
    last_seen: Vec<Option<i64>>,
    progressed: Vec<Option<i64>>,
    intervals: Vec<i64>,
    conditions: Vec<&'static str>,
    versions: Vec<Option<Cow<'a, str>>>,
    in_flight: Vec<i64>,
    overdue: Vec<i64>,
    processed: Vec<i64>,
    failed: Vec<i64>,
    last_progress: Vec<Option<i64>>,
    oldest: Vec<Option<i64>>,
    depths: Vec<Option<i64>>,
    restarts: Vec<i64>,
    skews: Vec<Option<i64>>,
    lost: Vec<bool>,
}

impl<'a> Workers<'a> {
    /// Takes the rows' places where the rows supersede what is there: `WorkerRow::supersedes` in SQL.
    pub(super) const UPSERT: &'static str = include_str!("upsert_workers.sql");

    pub(super) fn of(rows: &[&'a WorkerRow]) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.push(row);
        }
        columns
    }

    fn push(&mut self, row: &'a WorkerRow) {
        self.ids.push(row.id.as_str());
        self.roles.push(word_of_role(row.role));
        self.boots.push(row.boot_id.as_deref().map(plain));
        self.previous_boots
            .push(row.previous_boot_id.as_deref().map(plain));
        self.sequences.push(whole(row.sequence));
        self.registered.push(nanos(row.registered_at));
        self.last_seen.push(row.last_seen.map(nanos));
        self.progressed.push(row.progressed_at.map(nanos));
        self.intervals.push(length(row.interval));
        self.conditions.push(word_of_condition(row.condition));
        self.versions.push(row.version.as_deref().map(plain));
        self.push_progress(&row.progress);
        self.restarts.push(whole(row.restarts));
        self.skews.push(row.clock_skew_ms);
        self.lost.push(row.lost);
    }

    fn push_progress(&mut self, progress: &Progress) {
        self.in_flight.push(whole(progress.in_flight));
        self.overdue.push(whole(progress.in_flight_overdue));
        self.processed.push(whole(progress.processed_total));
        self.failed.push(whole(progress.failed_total));
        self.last_progress
            .push(progress.last_progress_at.map(nanos));
        self.oldest.push(progress.oldest_in_flight.map(length));
        self.depths.push(progress.queue_depth.map(whole));
    }

    #[rustfmt::skip]
    pub(super) fn values(&self) -> Values<'_, 21> {
        [
            &self.ids, &self.roles, &self.boots, &self.previous_boots, &self.sequences,
            &self.registered, &self.last_seen, &self.progressed, &self.intervals, &self.conditions,
            &self.versions, &self.in_flight, &self.overdue, &self.processed, &self.failed,
            &self.last_progress, &self.oldest, &self.depths, &self.restarts, &self.skews, &self.lost,
        ]
    }
}

/// `None` for a row that no release of ours has written.
pub(super) fn worker(row: &Row) -> Option<WorkerRow> {
    let text = |index| Some(row.try_get::<_, Option<&str>>(index).ok()?.map(Arc::from));
    let number = |index| row.try_get::<_, Option<i64>>(index).ok();
    let count = |index| Some(unsigned(number(index)??));
    let moment = |index| Some(number(index)?.map(timestamp));
    Some(WorkerRow {
        id: BeatId::parse(row.try_get(0).ok()?)?,
        role: role(row.try_get(1).ok()?)?,
        boot_id: text(2)?,
        previous_boot_id: text(3)?,
        sequence: count(4)?,
        registered_at: timestamp(number(5)??),
        last_seen: moment(6)?,
        progressed_at: moment(7)?,
        interval: Duration::from_nanos(count(8)?),
        condition: condition(row.try_get(9).ok()?)?,
        version: text(10)?,
        progress: Progress {
            in_flight: count(11)?,
            in_flight_overdue: count(12)?,
            processed_total: count(13)?,
            failed_total: count(14)?,
            last_progress_at: moment(15)?,
            oldest_in_flight: number(16)?.map(unsigned).map(Duration::from_nanos),
            queue_depth: number(17)?.map(unsigned),
        },
        restarts: count(18)?,
        clock_skew_ms: number(19)?,
        lost: row.try_get(20).ok()?,
    })
}

/// Columns of slices.
#[derive(Default)]
pub(super) struct Slices<'a> {
    instances: Vec<Cow<'a, str>>,
    objectives: Vec<Cow<'a, str>>,
    starts: Vec<i64>,
    ends: Vec<i64>,
    good: Vec<i64>,
    bad: Vec<i64>,
    covered: Vec<i64>,
}

impl<'a> Slices<'a> {
    /// A slice that has not changed is not written again.
    pub(super) const UPSERT: &'static str = "
INSERT INTO vantage_obs.slices AS known
    (instance, objective, start_ns, end_ns, good, bad, covered_ns)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
    $7::bigint[])
ON CONFLICT (instance, objective, start_ns) DO UPDATE
SET end_ns = excluded.end_ns, good = excluded.good, bad = excluded.bad,
    covered_ns = excluded.covered_ns
WHERE (known.end_ns, known.good, known.bad, known.covered_ns)
    IS DISTINCT FROM (excluded.end_ns, excluded.good, excluded.bad, excluded.covered_ns)";

    pub(super) fn of(rows: &[&'a SliceRow]) -> Self {
        let mut columns = Self::default();
        for row in rows {
            let start = nanos(row.start);
            columns.instances.push(plain(&row.instance));
            columns.objectives.push(plain(&row.objective));
            columns.starts.push(start);
            columns.ends.push(start.saturating_add(length(row.length)));
            columns.good.push(whole(row.good));
            columns.bad.push(whole(row.bad));
            columns.covered.push(length(row.covered));
        }
        columns
    }

    pub(super) fn values(&self) -> Values<'_, 7> {
        [
            &self.instances,
            &self.objectives,
            &self.starts,
            &self.ends,
            &self.good,
            &self.bad,
            &self.covered,
        ]
    }
}

/// Columns of notes.
#[derive(Default)]
pub(super) struct Notes<'a> {
    instances: Vec<Cow<'a, str>>,
    subjects: Vec<Cow<'a, str>>,
    written: Vec<i64>,
    texts: Vec<Cow<'a, str>>,
}

impl<'a> Notes<'a> {
    pub(super) const UPSERT: &'static str = "
INSERT INTO vantage_obs.notes (instance, subject, written_ns, note)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[])
ON CONFLICT (instance, subject) DO UPDATE
SET written_ns = excluded.written_ns, note = excluded.note";

    pub(super) fn of(rows: &[&'a NoteRow]) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.instances.push(plain(&row.instance));
            columns.subjects.push(plain(&row.subject));
            columns.written.push(nanos(row.written_at));
            columns.texts.push(plain(&row.text));
        }
        columns
    }

    pub(super) fn values(&self) -> Values<'_, 4> {
        [&self.instances, &self.subjects, &self.written, &self.texts]
    }
}

/// Columns of totals.
#[derive(Default)]
pub(super) struct Totals<'a> {
    days: Vec<String>,
    figures: Vec<&'static str>,
    attributes: Vec<Cow<'a, str>>,
    sources: Vec<Cow<'a, str>>,
    values: Vec<i64>,
}

impl<'a> Totals<'a> {
    /// What is less was said earlier.
    pub(super) const UPSERT: &'static str = "
INSERT INTO vantage_obs.daily_counts AS known (day, figure, attribute, source, value)
SELECT day::date, figure, attribute, source, value
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
    AS new (day, figure, attribute, source, value)
ON CONFLICT (day, figure, attribute, source) DO UPDATE SET value = excluded.value
WHERE known.value < excluded.value";

    pub(super) fn of(rows: &[&'a TotalRow]) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.days.push(row.day.to_string());
            columns.figures.push(row.figure);
            columns.attributes.push(plain(&row.attribute));
            columns.sources.push(plain(&row.source));
            columns.values.push(whole(row.value));
        }
        columns
    }

    pub(super) fn values(&self) -> Values<'_, 5> {
        [
            &self.days,
            &self.figures,
            &self.attributes,
            &self.sources,
            &self.values,
        ]
    }
}

pub(super) fn note(instance: &str, row: &Row) -> Result<NoteRow, PostgresError> {
    Ok(NoteRow {
        instance: instance.into(),
        subject: row.try_get::<_, &str>(0)?.into(),
        written_at: timestamp(row.try_get(1)?),
        text: row.try_get::<_, &str>(2)?.into(),
    })
}

pub(super) fn slice(instance: &str, row: &Row) -> Result<SliceRow, PostgresError> {
    let (start, end): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
    let length = end.saturating_sub(start);
    let covered = row.try_get::<_, Option<i64>>(5)?.unwrap_or(length);
    Ok(SliceRow {
        instance: instance.into(),
        objective: row.try_get::<_, &str>(0)?.into(),
        start: timestamp(start),
        length: Duration::from_nanos(unsigned(length)),
        covered: Duration::from_nanos(unsigned(covered)),
        good: unsigned(row.try_get(3)?),
        bad: unsigned(row.try_get(4)?),
    })
}

/// PostgreSQL has no text with a zero byte, and one such beat must not spoil the others' batch.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}").into()
    } else {
        text.into()
    }
}

/// Exact from 1677 to 2262.
pub(super) fn nanos(at: Timestamp) -> i64 {
    let nanos = at.as_nanosecond();
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

fn timestamp(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanos.into()).unwrap_or_default()
}

fn length(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// Who counts to 2⁶³ and beyond stays there.
pub(super) fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

const fn word_of_role(role: Role) -> &'static str {
    match role {
        Role::Worker => "worker",
        Role::Scheduler => "scheduler",
    }
}

fn role(word: &str) -> Option<Role> {
    let all = [Role::Worker, Role::Scheduler];
    all.into_iter().find(|role| word_of_role(*role) == word)
}

const fn word_of_condition(condition: Condition) -> &'static str {
    match condition {
        Condition::Running => "running",
        Condition::Draining => "draining",
        Condition::Stopped => "stopped",
    }
}

fn condition(word: &str) -> Option<Condition> {
    let all = [Condition::Running, Condition::Draining, Condition::Stopped];
    all.into_iter()
        .find(|each| word_of_condition(*each) == word)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A row in which no two figures are alike.
    pub(in crate::store::postgres) fn row(id: &str) -> WorkerRow {
        let at =
            |nanos: i128| Timestamp::from_nanosecond(1_800_000_000_000_000_000 + nanos).unwrap();
        WorkerRow {
            id: BeatId::parse(id).unwrap(),
            role: Role::Worker,
            boot_id: Some("boot-b".into()),
            previous_boot_id: Some("boot-a".into()),
            sequence: 7,
            registered_at: at(1),
            last_seen: Some(at(1_000_000_007)),
            progressed_at: Some(at(900_000_003)),
            interval: Duration::from_nanos(30_000_000_001),
            condition: Condition::Draining,
            version: Some("1.2.3".into()),
            progress: Progress {
                in_flight: 11,
                in_flight_overdue: 12,
                processed_total: 13,
                failed_total: 14,
                last_progress_at: Some(at(15)),
                oldest_in_flight: Some(Duration::from_nanos(16)),
                queue_depth: Some(17),
            },
            restarts: 18,
            clock_skew_ms: Some(-19),
            lost: true,
        }
    }

    #[test]
    fn what_no_column_can_hold_is_bounded_and_does_not_spoil_a_batch() {
        assert_eq!(plain("a\0b"), "a\u{fffd}b");
        assert_eq!(whole(u64::MAX), i64::MAX);
        assert_eq!(length(Duration::MAX), i64::MAX);
        assert_eq!(nanos(Timestamp::MAX), i64::MAX);
        assert_eq!(nanos(Timestamp::MIN), i64::MIN);
    }
}
