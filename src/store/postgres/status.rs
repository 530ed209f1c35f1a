//! Incidents, maintenance and the states of components: statements, and rows as columns.

use std::sync::Arc;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::rows::{SqlParameters, to_bigint, to_nanos};
use crate::model::status::ComponentState;
use crate::store::postgres_client::{PooledTransaction, PostgresError};
use crate::store::{IncidentRow, SpanRow};

pub(super) const SELECT_INCIDENTS: &str = "
SELECT id, body FROM vantage_obs.bulletins
WHERE updated_ns > $1 OR ends_ns IS NULL OR ends_ns > $1";

pub(super) const SELECT_INCIDENT: &str = "SELECT id, body FROM vantage_obs.bulletins WHERE id = $1";

pub(super) const SELECT_SPANS: &str = "
SELECT component, state, start_s, end_s FROM vantage_obs.spans WHERE end_s >= $1";

pub(super) const DELETE_EXPIRED_SPANS: &str = "DELETE FROM vantage_obs.spans WHERE end_s < $1";

pub(super) const DELETE_EXPIRED_INCIDENTS: &str = "
DELETE FROM vantage_obs.bulletins WHERE ends_ns <= $1 AND updated_ns <= $1";

/// Inserts nothing if the id exists or the slot is taken. A transaction that is about to take it is
/// waited for, because the index is unique.
const INSERT_INCIDENT: &str = "
INSERT INTO vantage_obs.bulletins (id, version, slot, ends_ns, updated_ns, body)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";

const UPDATE_INCIDENT: &str = "
UPDATE vantage_obs.bulletins SET version = $2, slot = $3, ends_ns = $4, updated_ns = $5, body = $6
WHERE id = $1 AND version = $2::bigint - 1";

/// Inserts an incident, or updates it to its next version.
pub(super) async fn upsert_incident(
    transaction: &mut PooledTransaction,
    row: &IncidentRow,
) -> Result<(), PostgresError> {
    let (version, updated_ns) = (to_bigint(row.version), to_nanos(row.updated_at));
    let (ends_ns, body) = (row.ends_at().map(to_nanos), row.to_json());
    let id = row.id.as_str();
    let values: [&(dyn ToSql + Sync); 6] = [&id, &version, &row.slot, &ends_ns, &updated_ns, &body];
    if transaction.execute(INSERT_INCIDENT, &values).await? == 0 {
        transaction.execute(UPDATE_INCIDENT, &values).await?;
    }
    Ok(())
}

/// The columns of spans.
#[derive(Default)]
pub(super) struct SpanColumns<'a> {
    components: Vec<&'a str>,
    states: Vec<&'static str>,
    starts: Vec<i64>,
    ends: Vec<i64>,
}

impl<'a> SpanColumns<'a> {
    pub(super) const UPSERT: &'static str = "
INSERT INTO vantage_obs.spans AS known (component, state, start_s, end_s)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
ON CONFLICT (component, start_s, state) DO UPDATE SET end_s = excluded.end_s
WHERE known.end_s < excluded.end_s";

    pub(super) fn from_rows(rows: &[&'a SpanRow]) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.components.push(&row.component);
            columns.states.push(row.state.as_str());
            columns.starts.push(row.start);
            columns.ends.push(row.end);
        }
        columns
    }

    pub(super) fn parameters(&self) -> SqlParameters<'_, 4> {
        [&self.components, &self.states, &self.starts, &self.ends]
    }
}

/// Decodes a span. A state that a later release has is skipped: a rolled-back one goes on.
pub(super) fn decode_span(row: &Row) -> Option<SpanRow> {
    Some(SpanRow {
        component: Arc::from(row.try_get::<_, &str>(0).ok()?),
        state: ComponentState::parse(row.try_get(1).ok()?)?,
        start: row.try_get(2).ok()?,
        end: row.try_get(3).ok()?,
    })
}

/// Decodes an incident. One that this release cannot read is skipped and logged.
pub(super) fn decode_incident(row: &Row) -> Option<IncidentRow> {
    let (id, body) = (row.try_get(0).ok()?, row.try_get::<_, &str>(1).ok()?);
    let parsed = IncidentRow::parse(id, body.as_bytes());
    parsed
        .inspect_err(|error| tracing::debug!(target: "vantage_obs", error, "it was skipped"))
        .ok()
}
