//! Incidents, maintenance and the states of components: statements, and rows as columns.

use std::sync::Arc;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::rows::{Values, nanos, whole};
use crate::model::status::ComponentState;
use crate::store::postgres_client::{PostgresError, Transaction};
use crate::store::{BulletinRow, SpanRow};

pub(super) const BULLETINS: &str = "
SELECT id, body FROM vantage_obs.bulletins
WHERE updated_ns > $1 OR ends_ns IS NULL OR ends_ns > $1";

pub(super) const BULLETIN: &str = "SELECT id, body FROM vantage_obs.bulletins WHERE id = $1";

pub(super) const SPANS: &str = "
SELECT component, state, start_s, end_s FROM vantage_obs.spans WHERE end_s >= $1";

pub(super) const SWEEP_SPANS: &str = "DELETE FROM vantage_obs.spans WHERE end_s < $1";

pub(super) const SWEEP_BULLETINS: &str = "
DELETE FROM vantage_obs.bulletins WHERE ends_ns <= $1 AND updated_ns <= $1";

/// One that is there already, or whose slot is taken, is left alone. Somebody who is about to take it is
/// waited for, because the index is unique.
const OPEN: &str = "
INSERT INTO vantage_obs.bulletins (id, version, slot, ends_ns, updated_ns, body)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";

const CHANGE: &str = "
UPDATE vantage_obs.bulletins SET version = $2, slot = $3, ends_ns = $4, updated_ns = $5, body = $6
WHERE id = $1 AND version = $2::bigint - 1";

/// Opens one, or puts the next version in its place.
pub(super) async fn write_bulletin(
    transaction: &mut Transaction,
    row: &BulletinRow,
) -> Result<(), PostgresError> {
    let (version, updated) = (whole(row.version), nanos(row.updated_at));
    let (ends, body) = (row.ends().map(nanos), row.to_json());
    let id = row.id.as_str();
    let values: [&(dyn ToSql + Sync); 6] = [&id, &version, &row.slot, &ends, &updated, &body];
    if transaction.execute(OPEN, &values).await? == 0 {
        transaction.execute(CHANGE, &values).await?;
    }
    Ok(())
}

/// Columns of spans.
#[derive(Default)]
pub(super) struct Spans<'a> {
    components: Vec<&'a str>,
    states: Vec<&'static str>,
    starts: Vec<i64>,
    ends: Vec<i64>,
}

impl<'a> Spans<'a> {
    pub(super) const UPSERT: &'static str = "
INSERT INTO vantage_obs.spans AS known (component, state, start_s, end_s)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
ON CONFLICT (component, start_s, state) DO UPDATE SET end_s = excluded.end_s
WHERE known.end_s < excluded.end_s";

    pub(super) fn of(rows: &[&'a SpanRow]) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.components.push(&row.component);
            columns.states.push(row.state.as_str());
            columns.starts.push(row.start);
            columns.ends.push(row.end);
        }
        columns
    }

    pub(super) fn values(&self) -> Values<'_, 4> {
        [&self.components, &self.states, &self.starts, &self.ends]
    }
}

/// A state that a later release has is skipped: a rolled-back one goes on.
pub(super) fn span(row: &Row) -> Option<SpanRow> {
    Some(SpanRow {
        component: Arc::from(row.try_get::<_, &str>(0).ok()?),
        state: ComponentState::parse(row.try_get(1).ok()?)?,
        start: row.try_get(2).ok()?,
        end: row.try_get(3).ok()?,
    })
}

/// What this release cannot read is skipped, and told.
pub(super) fn bulletin(row: &Row) -> Option<BulletinRow> {
    let (id, body) = (row.try_get(0).ok()?, row.try_get::<_, &str>(1).ok()?);
    let parsed = BulletinRow::parse(id, body.as_bytes());
    parsed
        .inspect_err(|error| tracing::debug!(target: "vantage_obs", error, "it was skipped"))
        .ok()
}
