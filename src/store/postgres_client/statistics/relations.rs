//! Tables and indexes.

use tokio_postgres::Row;

use super::monotonic_sum::MonotonicSum;
use super::{get_count, query_rows};
use crate::model::snapshot::database::{IndexFigures, RelationFigures, TableFigures};
use crate::store::postgres_client::error::PostgresError;
use crate::store::postgres_client::pool::PostgresPool;

/// The name of all that are not among the largest.
const OTHER: &str = "_other";

const TABLES: &str = include_str!("tables.sql");
const INDEXES: &str = include_str!("indexes.sql");

/// The statistics of tables and indexes, with what the sums need of the sample before.
#[derive(Debug, Default)]
pub(super) struct RelationStatistics {
    sequential: MonotonicSum,
    by_index: MonotonicSum,
    indexes: MonotonicSum,
    /// Sequential scans and scans by an index, of all tables.
    scans: Option<(u64, u64)>,
}

/// A table or index with its OID.
struct WithOid<T>(u32, T);

impl RelationStatistics {
    pub(super) async fn read(
        &mut self,
        pool: &PostgresPool,
    ) -> Result<RelationFigures, PostgresError> {
        let (tables, other) = split_other(&query_rows(pool, TABLES).await?, decode_table)?;
        let (indexes, other_index) = split_other(&query_rows(pool, INDEXES).await?, decode_index)?;
        let index_usage = self.index_usage(&tables, &other);
        Ok(RelationFigures {
            tables: self.tables(tables, other),
            indexes: self.indexes(indexes, other_index),
            index_usage,
        })
    }

    fn tables(
        &mut self,
        listed: Vec<WithOid<TableFigures>>,
        mut other: TableFigures,
    ) -> Vec<TableFigures> {
        let sequential = listed
            .iter()
            .map(|WithOid(id, table)| (*id, table.sequential_scans));
        other.sequential_scans = self.sequential.advance(sequential, other.sequential_scans);
        let by_index = listed
            .iter()
            .map(|WithOid(id, table)| (*id, table.index_scans));
        other.index_scans = self.by_index.advance(by_index, other.index_scans);
        other.name = OTHER.into();
        listed
            .into_iter()
            .map(|WithOid(_, table)| table)
            .chain([other])
            .collect()
    }

    fn indexes(
        &mut self,
        listed: Vec<WithOid<IndexFigures>>,
        mut other: IndexFigures,
    ) -> Vec<IndexFigures> {
        let scans = listed.iter().map(|WithOid(id, index)| (*id, index.scans));
        other.scans = self.indexes.advance(scans, other.scans);
        (other.table, other.name) = (OTHER.into(), OTHER.into());
        listed
            .into_iter()
            .map(|WithOid(_, index)| index)
            .chain([other])
            .collect()
    }

    /// Returns the share of index scans since the sample before; `None` if nothing was scanned, and where counts fell because something was dropped.
    fn index_usage(
        &mut self,
        listed: &[WithOid<TableFigures>],
        other: &TableFigures,
    ) -> Option<f64> {
        let all = || listed.iter().map(|WithOid(_, table)| table).chain([other]);
        let sequential = all().map(|table| table.sequential_scans).sum();
        let by_index = all().map(|table| table.index_scans).sum();
        let before = self.scans.replace((sequential, by_index))?;
        ratio(
            by_index.checked_sub(before.1)?,
            sequential.checked_sub(before.0)?,
        )
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share of scans needs no more than 52 bits"
)]
fn ratio(part: u64, others: u64) -> Option<f64> {
    let whole = part.saturating_add(others);
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Splits rows into those with a name and the one without, which is the sum of the others.
fn split_other<T: Default>(
    rows: &[Row],
    read: fn(&Row) -> Result<T, PostgresError>,
) -> Result<(Vec<WithOid<T>>, T), PostgresError> {
    let (mut listed, mut other) = (Vec::with_capacity(rows.len()), T::default());
    for row in rows {
        match row.try_get::<_, Option<u32>>(0)? {
            Some(id) => listed.push(WithOid(id, read(row)?)),
            None => other = read(row)?,
        }
    }
    Ok((listed, other))
}

fn decode_table(row: &Row) -> Result<TableFigures, PostgresError> {
    Ok(TableFigures {
        name: get_name(row, 1)?,
        bytes: get_count(row, 2)?,
        sequential_scans: get_count(row, 3)?,
        index_scans: get_count(row, 4)?,
    })
}

fn decode_index(row: &Row) -> Result<IndexFigures, PostgresError> {
    Ok(IndexFigures {
        table: get_name(row, 1)?,
        name: get_name(row, 2)?,
        bytes: get_count(row, 3)?,
        scans: get_count(row, 4)?,
    })
}

fn get_name(row: &Row, index: usize) -> Result<String, PostgresError> {
    Ok(row.try_get::<_, Option<String>>(index)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(sequential_scans: u64, index_scans: u64) -> TableFigures {
        TableFigures {
            sequential_scans,
            index_scans,
            ..TableFigures::default()
        }
    }

    #[test]
    fn index_usage_is_of_the_time_since_the_sample_before() {
        let mut statistics = RelationStatistics::default();
        let listed = |sequential, by_index| [WithOid(1, table(sequential, by_index))];
        assert_eq!(
            statistics.index_usage(&listed(1_000, 0), &table(0, 0)),
            None
        );
        assert_eq!(
            statistics.index_usage(&listed(1_001, 2), &table(0, 1)),
            Some(0.75)
        );
        assert_eq!(
            statistics.index_usage(&listed(1_001, 2), &table(0, 1)),
            None,
            "no scan"
        );
        assert_eq!(
            statistics.index_usage(&listed(5, 2), &table(0, 1)),
            None,
            "dropped"
        );
        assert_eq!(
            statistics.index_usage(&listed(6, 2), &table(0, 1)),
            Some(0.0)
        );
    }
}
