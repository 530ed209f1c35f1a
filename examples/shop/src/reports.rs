//! Reports over all orders.

use serde::Serialize;

use crate::database::Db;
use crate::error::Result;

#[derive(Debug, Serialize)]
pub struct Sales {
    sku: String,
    orders: i64,
    /// In cents.
    total: i64,
}

/// Returns the sales of each product.
pub async fn sales(db: &Db) -> Result<Vec<Sales>> {
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT sku, count(*), coalesce(sum(total), 0)::bigint FROM orders GROUP BY sku ORDER BY sku",
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(sku, orders, total)| Sales { sku, orders, total })
        .collect())
}
