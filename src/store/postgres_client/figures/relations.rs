//! Tables and indexes.

use tokio_postgres::Row;

use super::rest::Rest;
use super::{count, rows};
use crate::model::snapshot::database::{Index, Relations, Table};
use crate::store::postgres_client::error::PostgresError;
use crate::store::postgres_client::pool::Pool;

/// The name of all that are not among the largest.
const OTHER: &str = "_other";

const TABLES: &str = include_str!("tables.sql");
const INDEXES: &str = include_str!("indexes.sql");

/// What the sums need to know of the sample before.
#[derive(Debug, Default)]
pub(super) struct Known {
    sequential: Rest,
    by_index: Rest,
    indexes: Rest,
    /// Sequential scans and scans by an index, of all tables.
    scans: Option<(u64, u64)>,
}

/// A table or index with the number that the server knows it by.
struct Shown<T>(u32, T);

impl Known {
    pub(super) async fn read(&mut self, pool: &Pool) -> Result<Relations, PostgresError> {
        let (tables, other) = parted(&rows(pool, TABLES).await?, table)?;
        let (indexes, other_index) = parted(&rows(pool, INDEXES).await?, index)?;
        let index_usage = self.usage(&tables, &other);
        Ok(Relations {
            tables: self.tables(tables, other),
            indexes: self.indexes(indexes, other_index),
            index_usage,
        })
    }

    fn tables(&mut self, shown: Vec<Shown<Table>>, mut other: Table) -> Vec<Table> {
        let sequential = shown
            .iter()
            .map(|Shown(id, table)| (*id, table.sequential_scans));
        other.sequential_scans = self.sequential.advance(sequential, other.sequential_scans);
        let by_index = shown
            .iter()
            .map(|Shown(id, table)| (*id, table.index_scans));
        other.index_scans = self.by_index.advance(by_index, other.index_scans);
        other.name = OTHER.into();
        shown
            .into_iter()
            .map(|Shown(_, table)| table)
            .chain([other])
            .collect()
    }

    fn indexes(&mut self, shown: Vec<Shown<Index>>, mut other: Index) -> Vec<Index> {
        let scans = shown.iter().map(|Shown(id, index)| (*id, index.scans));
        other.scans = self.indexes.advance(scans, other.scans);
        (other.table, other.name) = (OTHER.into(), OTHER.into());
        shown
            .into_iter()
            .map(|Shown(_, index)| index)
            .chain([other])
            .collect()
    }

    /// `None` where nothing was scanned, and where counts fell because something was dropped.
    fn usage(&mut self, shown: &[Shown<Table>], other: &Table) -> Option<f64> {
        let all = || shown.iter().map(|Shown(_, table)| table).chain([other]);
        let sequential = all().map(|table| table.sequential_scans).sum();
        let by_index = all().map(|table| table.index_scans).sum();
        let before = self.scans.replace((sequential, by_index))?;
        share(
            by_index.checked_sub(before.1)?,
            sequential.checked_sub(before.0)?,
        )
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share of scans needs no more than 52 bits"
)]
fn share(part: u64, others: u64) -> Option<f64> {
    let whole = part.saturating_add(others);
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Those with a name, and the one row without, which is the sum of the others.
fn parted<T: Default>(
    rows: &[Row],
    read: fn(&Row) -> Result<T, PostgresError>,
) -> Result<(Vec<Shown<T>>, T), PostgresError> {
    let (mut shown, mut other) = (Vec::with_capacity(rows.len()), T::default());
    for row in rows {
        match row.try_get::<_, Option<u32>>(0)? {
            Some(id) => shown.push(Shown(id, read(row)?)),
            None => other = read(row)?,
        }
    }
    Ok((shown, other))
}

fn table(row: &Row) -> Result<Table, PostgresError> {
    Ok(Table {
        name: name(row, 1)?,
        bytes: count(row, 2)?,
        sequential_scans: count(row, 3)?,
        index_scans: count(row, 4)?,
    })
}

fn index(row: &Row) -> Result<Index, PostgresError> {
    Ok(Index {
        table: name(row, 1)?,
        name: name(row, 2)?,
        bytes: count(row, 3)?,
        scans: count(row, 4)?,
    })
}

fn name(row: &Row, index: usize) -> Result<String, PostgresError> {
    Ok(row.try_get::<_, Option<String>>(index)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(sequential_scans: u64, index_scans: u64) -> Table {
        Table {
            sequential_scans,
            index_scans,
            ..Table::default()
        }
    }

    #[test]
    fn index_usage_is_of_the_time_since_the_sample_before() {
        let mut known = Known::default();
        let shown = |sequential, by_index| [Shown(1, table(sequential, by_index))];
        assert_eq!(known.usage(&shown(1_000, 0), &table(0, 0)), None);
        assert_eq!(known.usage(&shown(1_001, 2), &table(0, 1)), Some(0.75));
        assert_eq!(known.usage(&shown(1_001, 2), &table(0, 1)), None, "no scan");
        assert_eq!(known.usage(&shown(5, 2), &table(0, 1)), None, "dropped");
        assert_eq!(known.usage(&shown(6, 2), &table(0, 1)), Some(0.0));
    }
}
