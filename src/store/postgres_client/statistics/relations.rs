//! Tables and indexes.

use tokio_postgres::Row;

use super::monotonic_sum::MonotonicSum;
use super::{get_count, query_rows};
use crate::model::snapshot::database::{IndexFigures, RelationFigures, TableFigures};
use crate::store::postgres_client::error::PostgresError;
use crate::store::postgres_client::pool::PostgresPool;

const TABLES: &str = include_str!("tables.sql");
const INDEXES: &str = include_str!("indexes.sql");

/// The statistics of tables and indexes, with what the sums need of the sample before.
#[derive(Debug, Default)]
pub(super) struct RelationStatistics {
    /// Of the tables that are not listed.
    sequential: MonotonicSum,
    by_index: MonotonicSum,
    indexes: MonotonicSum,
    /// Sequential scans and scans by an index, of all tables.
    /// `None` before the first sample.
    scans: Option<(u64, u64)>,
}

/// The largest relations by their OID, and the sum of the others.
struct Listing<T> {
    largest: Vec<(u32, T)>,
    other: T,
}

impl RelationStatistics {
    /// Reads both lists, each in a transaction of its own.
    pub(super) async fn read(
        &mut self,
        pool: &PostgresPool,
    ) -> Result<RelationFigures, PostgresError> {
        let mut tables = Listing::decode(&query_rows(pool, TABLES).await?, decode_table)?;
        let mut indexes = Listing::decode(&query_rows(pool, INDEXES).await?, decode_index)?;
        // Before the sums are made to grow only: a share needs the real counts.
        let index_usage = self.index_usage(&tables);
        tables.advance(&mut self.sequential, |table| &mut table.sequential_scans);
        tables.advance(&mut self.by_index, |table| &mut table.index_scans);
        indexes.advance(&mut self.indexes, |index| &mut index.scans);
        Ok(RelationFigures {
            tables: tables.into_rows(),
            indexes: indexes.into_rows(),
            index_usage,
        })
    }

    /// Returns the share of index scans since the sample before; `None` if nothing was scanned, and where
    /// counts fell because something was dropped.
    fn index_usage(&mut self, tables: &Listing<TableFigures>) -> Option<f64> {
        let largest = tables.largest.iter().map(|(_, table)| table);
        let (mut sequential, mut by_index) = (0, 0);
        for table in largest.chain([&tables.other]) {
            sequential += table.sequential_scans;
            by_index += table.index_scans;
        }
        let before = self.scans.replace((sequential, by_index))?;
        ratio(
            // After a fall the difference says nothing; the next sample has a base again.
            by_index.checked_sub(before.1)?,
            sequential.checked_sub(before.0)?,
        )
    }
}

impl<T: Default> Listing<T> {
    /// Decodes rows, of which the one without an OID is the sum of the others.
    fn decode(
        rows: &[Row],
        decode: fn(&Row) -> Result<T, PostgresError>,
    ) -> Result<Self, PostgresError> {
        let (mut largest, mut other) = (Vec::with_capacity(rows.len()), T::default());
        for row in rows {
            match row.try_get::<_, Option<u32>>(0)? {
                Some(oid) => largest.push((oid, decode(row)?)),
                None => other = decode(row)?,
            }
        }
        Ok(Self { largest, other })
    }

    /// Replaces a counter of the others by one that never falls.
    fn advance(&mut self, sum: &mut MonotonicSum, counter: fn(&mut T) -> &mut u64) {
        let largest = self.largest.iter_mut();
        let largest = largest.map(|(oid, relation)| (*oid, *counter(relation)));
        let other = counter(&mut self.other);
        *other = sum.advance(largest, *other);
    }

    fn into_rows(self) -> Vec<T> {
        let largest = self.largest.into_iter().map(|(_, relation)| relation);
        largest.chain([self.other]).collect()
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

fn decode_table(row: &Row) -> Result<TableFigures, PostgresError> {
    Ok(TableFigures {
        name: row.try_get(1)?,
        bytes: get_count(row, 2)?,
        sequential_scans: get_count(row, 3)?,
        index_scans: get_count(row, 4)?,
    })
}

fn decode_index(row: &Row) -> Result<IndexFigures, PostgresError> {
    Ok(IndexFigures {
        table: row.try_get(1)?,
        name: row.try_get(2)?,
        bytes: get_count(row, 3)?,
        scans: get_count(row, 4)?,
    })
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
        let mut usage = |sequential, by_index, other| {
            statistics.index_usage(&Listing {
                largest: vec![(1, table(sequential, by_index))],
                other,
            })
        };
        assert_eq!(usage(1_000, 0, table(0, 0)), None);
        assert_eq!(usage(1_001, 2, table(0, 1)), Some(0.75));
        assert_eq!(usage(1_001, 2, table(0, 1)), None, "no scan");
        assert_eq!(usage(5, 2, table(0, 1)), None, "dropped");
        assert_eq!(usage(6, 2, table(0, 1)), Some(0.0));
    }
}
