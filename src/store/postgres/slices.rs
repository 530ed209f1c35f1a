//! Slices in a table of their own: statements, and rows as columns.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::store::SliceRow;
use crate::store::postgres_client::{PooledTransaction, PostgresError};
use crate::store::record::to_nanos;

pub(super) const SELECT_INSTANCES: &str =
    "SELECT DISTINCT instance FROM vantage_obs.slices ORDER BY instance";

pub(super) const SELECT: &str = "
SELECT objective, start_ns, end_ns, good, bad, covered_ns FROM vantage_obs.slices
WHERE instance = $1 AND end_ns > $2 ORDER BY start_ns, objective";

/// Rows that another process is removing already are left to it.
pub(super) const DELETE_EXPIRED: &str = "
DELETE FROM vantage_obs.slices WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM vantage_obs.slices WHERE end_ns < $1
    ORDER BY end_ns LIMIT $2 FOR UPDATE SKIP LOCKED
))";

/// A slice that has not changed is not written again.
// The condition at the end keeps the table from growing dead rows: the current slice is written
// again at each save.
const UPSERT: &str = "
INSERT INTO vantage_obs.slices AS known
    (instance, objective, start_ns, end_ns, good, bad, covered_ns)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
    $7::bigint[])
ON CONFLICT (instance, objective, start_ns) DO UPDATE
SET end_ns = excluded.end_ns, good = excluded.good, bad = excluded.bad,
    covered_ns = excluded.covered_ns
WHERE (known.end_ns, known.good, known.bad, known.covered_ns)
    IS DISTINCT FROM (excluded.end_ns, excluded.good, excluded.bad, excluded.covered_ns)";

/// Slices as columns.
#[derive(Default)]
struct Columns<'a> {
    instances: Vec<Cow<'a, str>>,
    objectives: Vec<Cow<'a, str>>,
    starts: Vec<i64>,
    ends: Vec<i64>,
    good: Vec<i64>,
    bad: Vec<i64>,
    covered: Vec<i64>,
}

/// Writes slices. A statement can touch a row once, so that of several with one key only the last counts;
/// and in the order of their keys, so that two writers do not wait for each other.
pub(super) async fn write(
    transaction: &mut PooledTransaction,
    rows: impl Iterator<Item = &SliceRow>,
) -> Result<(), PostgresError> {
    let keyed = rows.map(|row| ((&row.instance, &row.objective, to_nanos(row.start)), row));
    // Collecting into a map keeps the last of equal keys, and sorts them.
    let rows: BTreeMap<_, _> = keyed.collect();
    let mut columns = Columns::default();
    rows.into_values().for_each(|row| columns.push(row));
    if !columns.starts.is_empty() {
        transaction.execute(UPSERT, &columns.parameters()).await?;
    }
    Ok(())
}

pub(super) fn decode(instance: &str, row: &Row) -> Result<SliceRow, PostgresError> {
    let (start, end): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
    Ok(SliceRow {
        instance: instance.into(),
        objective: row.try_get::<_, &str>(0)?.into(),
        // Any `bigint` is a time; the default can't be reached.
        start: Timestamp::from_nanosecond(start.into()).unwrap_or_default(),
        length: Duration::from_nanos(from_bigint(end.saturating_sub(start))),
        covered: Duration::from_nanos(from_bigint(row.try_get(5)?)),
        good: from_bigint(row.try_get(3)?),
        bad: from_bigint(row.try_get(4)?),
    })
}

impl<'a> Columns<'a> {
    fn push(&mut self, row: &'a SliceRow) {
        let start = to_nanos(row.start);
        self.instances.push(without_nul(&row.instance));
        self.objectives.push(without_nul(&row.objective));
        self.starts.push(start);
        self.ends
            .push(start.saturating_add(duration_to_nanos(row.length)));
        self.good.push(to_bigint(row.good));
        self.bad.push(to_bigint(row.bad));
        self.covered.push(duration_to_nanos(row.covered));
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 7] {
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

/// Replaces zero bytes: PostgreSQL has no text with one, and one such row must not spoil the others' batch.
fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}").into()
    } else {
        text.into()
    }
}

/// Returns nanoseconds, capped at 292 years.
fn duration_to_nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// Returns a count, capped at 2⁶³ − 1.
fn to_bigint(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Returns a count; 0 for a negative one, which nothing of ours writes.
fn from_bigint(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_column_can_hold_is_bounded_and_does_not_spoil_a_batch() {
        assert_eq!(without_nul("a\0b"), "a\u{fffd}b");
        assert_eq!(to_bigint(u64::MAX), i64::MAX);
        assert_eq!(duration_to_nanos(Duration::MAX), i64::MAX);
        assert_eq!(to_nanos(Timestamp::MAX), i64::MAX);
        assert_eq!(to_nanos(Timestamp::MIN), i64::MIN);
    }
}
