//! Products, and how many of each there are.

use serde::Serialize;

use crate::database::{Db, DbTransaction};
use crate::error::{Result, ShopError};

#[derive(Debug, Serialize)]
pub struct Product {
    sku: String,
    name: String,
    /// In cents.
    price: i64,
    stock: i64,
}

/// Returns all products, or those whose name contains a text.
pub async fn products(db: &Db, search: &str) -> Result<Vec<Product>> {
    let rows: Vec<(String, String, i64, i64)> = sqlx::query_as(
        "SELECT sku, name, price, stock FROM products WHERE name ILIKE $1 ORDER BY sku",
    )
    .bind(format!("%{search}%"))
    .fetch_all(db)
    .await?;
    let product = |(sku, name, price, stock)| Product {
        sku,
        name,
        price,
        stock,
    };
    Ok(rows.into_iter().map(product).collect())
}

/// Takes a quantity out of the stock, and returns its price in cents.
pub async fn take(tx: &mut DbTransaction<'_>, sku: &str, quantity: i64) -> Result<i64> {
    let row: Option<(i64, i64)> =
        sqlx::query_as("SELECT price, stock FROM products WHERE sku = $1 FOR UPDATE")
            .bind(sku)
            .fetch_optional(&mut **tx)
            .await?;
    let (price, stock) = row.ok_or(ShopError::NotFound("product"))?;
    if stock < quantity {
        return Err(ShopError::OutOfStock(sku.to_owned()));
    }
    sqlx::query("UPDATE products SET stock = stock - $2 WHERE sku = $1")
        .bind(sku)
        .bind(quantity)
        .execute(&mut **tx)
        .await?;
    Ok(price * quantity)
}

/// Fills up what is nearly sold out; returns how many products that were.
pub async fn restock(db: &Db) -> Result<u64> {
    let filled = sqlx::query("UPDATE products SET stock = stock + 100 WHERE stock < 20")
        .execute(db)
        .await?;
    Ok(filled.rows_affected())
}
