//! Conversion of rows to columns, and back.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::model::heartbeat::{BeatId, BeatProgress, BeatRole, LifecycleState};
use crate::store::postgres_client::PostgresError;
use crate::store::{AlertStateRow, SliceRow, TotalRow, WorkerRow};

/// The parameters of a statement.
pub(super) type SqlParameters<'a, const N: usize> = [&'a (dyn ToSql + Sync); N];

/// Rows that a snapshot did not show. The first condition is for the index.
pub(super) const SELECT_WORKERS: &str = "
SELECT id, role, boot_id, previous_boot_id, sequence, registered_ns, last_seen_ns, progressed_ns,
    interval_ns, condition, version, in_flight, in_flight_overdue, processed_total, failed_total,
    last_progress_ns, oldest_in_flight_ns, queue_depth, restarts, clock_skew_ms, lost
FROM vantage_obs.workers
WHERE written >= pg_snapshot_xmin($1::text::pg_snapshot)
    AND NOT pg_visible_in_snapshot(written, $1::text::pg_snapshot)";

/// The columns of workers.
#[derive(Default)]
pub(super) struct WorkerColumns<'a> {
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

impl<'a> WorkerColumns<'a> {
    /// Takes the rows' places where the rows supersede what is there: `WorkerRow::supersedes` in SQL.
    pub(super) const UPSERT: &'static str = include_str!("upsert_workers.sql");

    pub(super) fn from_rows(rows: &[&'a WorkerRow]) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.push(row);
        }
        columns
    }

    fn push(&mut self, row: &'a WorkerRow) {
        self.ids.push(row.id.as_str());
        self.roles.push(role_name(row.role));
        self.boots.push(row.boot_id.as_deref().map(without_nul));
        self.previous_boots
            .push(row.previous_boot_id.as_deref().map(without_nul));
        self.sequences.push(to_bigint(row.sequence));
        self.registered.push(to_nanos(row.registered_at));
        self.last_seen.push(row.last_seen.map(to_nanos));
        self.progressed.push(row.progressed_at.map(to_nanos));
        self.intervals.push(duration_to_nanos(row.interval));
        self.conditions.push(condition_name(row.condition));
        self.versions.push(row.version.as_deref().map(without_nul));
        self.push_progress(&row.progress);
        self.restarts.push(to_bigint(row.restarts));
        self.skews.push(row.clock_skew_ms);
        self.lost.push(row.lost);
    }

    fn push_progress(&mut self, progress: &BeatProgress) {
        self.in_flight.push(to_bigint(progress.in_flight));
        self.overdue.push(to_bigint(progress.in_flight_overdue));
        self.processed.push(to_bigint(progress.processed_total));
        self.failed.push(to_bigint(progress.failed_total));
        self.last_progress
            .push(progress.last_progress_at.map(to_nanos));
        self.oldest
            .push(progress.oldest_in_flight.map(duration_to_nanos));
        self.depths.push(progress.queue_depth.map(to_bigint));
    }

    #[rustfmt::skip]
    pub(super) fn parameters(&self) -> SqlParameters<'_, 21> {
        [
            &self.ids, &self.roles, &self.boots, &self.previous_boots, &self.sequences,
            &self.registered, &self.last_seen, &self.progressed, &self.intervals, &self.conditions,
            &self.versions, &self.in_flight, &self.overdue, &self.processed, &self.failed,
            &self.last_progress, &self.oldest, &self.depths, &self.restarts, &self.skews, &self.lost,
        ]
    }
}

/// Decodes a worker; `None` for a row that no release of ours has written.
pub(super) fn decode_worker(row: &Row) -> Option<WorkerRow> {
    let text = |index| Some(row.try_get::<_, Option<&str>>(index).ok()?.map(Arc::from));
    let number = |index| row.try_get::<_, Option<i64>>(index).ok();
    let count = |index| Some(from_bigint(number(index)??));
    let moment = |index| Some(number(index)?.map(from_nanos));
    Some(WorkerRow {
        id: BeatId::parse(row.try_get(0).ok()?)?,
        role: parse_role(row.try_get(1).ok()?)?,
        boot_id: text(2)?,
        previous_boot_id: text(3)?,
        sequence: count(4)?,
        registered_at: from_nanos(number(5)??),
        last_seen: moment(6)?,
        progressed_at: moment(7)?,
        interval: Duration::from_nanos(count(8)?),
        condition: parse_condition(row.try_get(9).ok()?)?,
        version: text(10)?,
        progress: BeatProgress {
            in_flight: count(11)?,
            in_flight_overdue: count(12)?,
            processed_total: count(13)?,
            failed_total: count(14)?,
            last_progress_at: moment(15)?,
            oldest_in_flight: number(16)?.map(from_bigint).map(Duration::from_nanos),
            queue_depth: number(17)?.map(from_bigint),
        },
        restarts: count(18)?,
        clock_skew_ms: number(19)?,
        lost: row.try_get(20).ok()?,
    })
}

/// The columns of slices.
#[derive(Default)]
pub(super) struct SliceColumns<'a> {
    instances: Vec<Cow<'a, str>>,
    objectives: Vec<Cow<'a, str>>,
    starts: Vec<i64>,
    ends: Vec<i64>,
    good: Vec<i64>,
    bad: Vec<i64>,
    covered: Vec<i64>,
}

impl<'a> SliceColumns<'a> {
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

    pub(super) fn from_rows(rows: &[&'a SliceRow]) -> Self {
        let mut columns = Self::default();
        for row in rows {
            let start = to_nanos(row.start);
            columns.instances.push(without_nul(&row.instance));
            columns.objectives.push(without_nul(&row.objective));
            columns.starts.push(start);
            columns
                .ends
                .push(start.saturating_add(duration_to_nanos(row.length)));
            columns.good.push(to_bigint(row.good));
            columns.bad.push(to_bigint(row.bad));
            columns.covered.push(duration_to_nanos(row.covered));
        }
        columns
    }

    pub(super) fn parameters(&self) -> SqlParameters<'_, 7> {
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

/// The columns of alert states.
#[derive(Default)]
pub(super) struct AlertStateColumns<'a> {
    instances: Vec<Cow<'a, str>>,
    subjects: Vec<Cow<'a, str>>,
    written: Vec<i64>,
    texts: Vec<Cow<'a, str>>,
}

impl<'a> AlertStateColumns<'a> {
    pub(super) const UPSERT: &'static str = "
INSERT INTO vantage_obs.notes (instance, subject, written_ns, note)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[])
ON CONFLICT (instance, subject) DO UPDATE
SET written_ns = excluded.written_ns, note = excluded.note";

    pub(super) fn from_rows(rows: &[&'a AlertStateRow]) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.instances.push(without_nul(&row.instance));
            columns.subjects.push(without_nul(&row.subject));
            columns.written.push(to_nanos(row.written_at));
            columns.texts.push(without_nul(&row.text));
        }
        columns
    }

    pub(super) fn parameters(&self) -> SqlParameters<'_, 4> {
        [&self.instances, &self.subjects, &self.written, &self.texts]
    }
}

/// The columns of totals.
#[derive(Default)]
pub(super) struct TotalColumns<'a> {
    days: Vec<String>,
    figures: Vec<&'static str>,
    attributes: Vec<Cow<'a, str>>,
    sources: Vec<Cow<'a, str>>,
    values: Vec<i64>,
}

impl<'a> TotalColumns<'a> {
    /// A smaller value is an earlier one, and is ignored.
    pub(super) const UPSERT: &'static str = "
INSERT INTO vantage_obs.daily_counts AS known (day, figure, attribute, source, value)
SELECT day::date, figure, attribute, source, value
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
    AS new (day, figure, attribute, source, value)
ON CONFLICT (day, figure, attribute, source) DO UPDATE SET value = excluded.value
WHERE known.value < excluded.value";

    pub(super) fn from_rows(rows: &[&'a TotalRow]) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.days.push(row.day.to_string());
            columns.figures.push(row.metric);
            columns.attributes.push(without_nul(&row.attribute));
            columns.sources.push(without_nul(&row.source));
            columns.values.push(to_bigint(row.value));
        }
        columns
    }

    pub(super) fn parameters(&self) -> SqlParameters<'_, 5> {
        [
            &self.days,
            &self.figures,
            &self.attributes,
            &self.sources,
            &self.values,
        ]
    }
}

pub(super) fn decode_alert_state(
    instance: &str,
    row: &Row,
) -> Result<AlertStateRow, PostgresError> {
    Ok(AlertStateRow {
        instance: instance.into(),
        subject: row.try_get::<_, &str>(0)?.into(),
        written_at: from_nanos(row.try_get(1)?),
        text: row.try_get::<_, &str>(2)?.into(),
    })
}

pub(super) fn decode_slice(instance: &str, row: &Row) -> Result<SliceRow, PostgresError> {
    let (start, end): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
    let length = end.saturating_sub(start);
    let covered = row.try_get::<_, Option<i64>>(5)?.unwrap_or(length);
    Ok(SliceRow {
        instance: instance.into(),
        objective: row.try_get::<_, &str>(0)?.into(),
        start: from_nanos(start),
        length: Duration::from_nanos(from_bigint(length)),
        covered: Duration::from_nanos(from_bigint(covered)),
        good: from_bigint(row.try_get(3)?),
        bad: from_bigint(row.try_get(4)?),
    })
}

/// Replaces zero bytes: PostgreSQL has no text with one, and one such beat must not spoil the others' batch.
pub(super) fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}").into()
    } else {
        text.into()
    }
}

/// Returns nanoseconds since the epoch, exact from 1677 to 2262.
pub(super) fn to_nanos(at: Timestamp) -> i64 {
    let nanos = at.as_nanosecond();
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

fn from_nanos(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanos.into()).unwrap_or_default()
}

fn duration_to_nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// Returns a count, capped at 2⁶³ − 1.
pub(super) fn to_bigint(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn from_bigint(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

const fn role_name(role: BeatRole) -> &'static str {
    match role {
        BeatRole::Worker => "worker",
        BeatRole::Scheduler => "scheduler",
    }
}

fn parse_role(name: &str) -> Option<BeatRole> {
    let all = [BeatRole::Worker, BeatRole::Scheduler];
    all.into_iter().find(|role| role_name(*role) == name)
}

const fn condition_name(condition: LifecycleState) -> &'static str {
    match condition {
        LifecycleState::Running => "running",
        LifecycleState::Draining => "draining",
        LifecycleState::Stopped => "stopped",
    }
}

fn parse_condition(name: &str) -> Option<LifecycleState> {
    let all = [
        LifecycleState::Running,
        LifecycleState::Draining,
        LifecycleState::Stopped,
    ];
    all.into_iter().find(|each| condition_name(*each) == name)
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
            role: BeatRole::Worker,
            boot_id: Some("boot-b".into()),
            previous_boot_id: Some("boot-a".into()),
            sequence: 7,
            registered_at: at(1),
            last_seen: Some(at(1_000_000_007)),
            progressed_at: Some(at(900_000_003)),
            interval: Duration::from_nanos(30_000_000_001),
            condition: LifecycleState::Draining,
            version: Some("1.2.3".into()),
            progress: BeatProgress {
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
        assert_eq!(without_nul("a\0b"), "a\u{fffd}b");
        assert_eq!(to_bigint(u64::MAX), i64::MAX);
        assert_eq!(duration_to_nanos(Duration::MAX), i64::MAX);
        assert_eq!(to_nanos(Timestamp::MAX), i64::MAX);
        assert_eq!(to_nanos(Timestamp::MIN), i64::MIN);
    }
}
