//! Orders: placed in one transaction with the jobs that follow from them.

use serde::{Deserialize, Serialize};

use crate::api::Shop;
use crate::database::Db;
use crate::error::{Result, ShopError};
use crate::{jobs, stock};

#[derive(Debug, Deserialize)]
pub struct NewOrder {
    sku: String,
    quantity: i64,
    /// The payment card, of which the last digit decides in this shop.
    card: String,
}

#[derive(Debug, Serialize)]
pub struct Order {
    id: i64,
    sku: String,
    quantity: i64,
    /// In cents.
    total: i64,
    state: String,
}

/// Takes the stock and the money, stores the order, and queues its receipt and its parcel.
pub async fn place(shop: &Shop, order: NewOrder) -> Result<Order> {
    if !(1..=100).contains(&order.quantity) {
        return Err(ShopError::Quantity);
    }
    let mut transaction = shop.db.begin().await?;
    let total = stock::take(&mut transaction, &order.sku, order.quantity).await?;
    let (id, state): (i64, String) = sqlx::query_as(
        "INSERT INTO orders (sku, quantity, total) VALUES ($1, $2, $3) RETURNING id, state",
    )
    .bind(&order.sku)
    .bind(order.quantity)
    .bind(total)
    .fetch_one(&mut *transaction)
    .await?;
    for kind in ["send_receipt", "pack_parcel"] {
        jobs::enqueue(&mut transaction, kind, id, shop.telemetry.carrier()).await?;
    }
    // Last, so that nobody pays for what could not be stored.
    shop.payments.charge(&order.card, total).await?;
    transaction.commit().await?;
    shop.figures.orders(&order.sku).add(1);
    shop.figures.revenue().add(total.unsigned_abs());
    tracing::info!(order = id, total, "order placed");
    Ok(Order {
        id,
        sku: order.sku,
        quantity: order.quantity,
        total,
        state,
    })
}

/// Returns an order.
pub async fn find(db: &Db, id: i64) -> Result<Order> {
    let row: Option<(String, i64, i64, String)> =
        sqlx::query_as("SELECT sku, quantity, total, state FROM orders WHERE id = $1")
            .bind(id)
            .fetch_optional(db)
            .await?;
    let (sku, quantity, total, state) = row.ok_or(ShopError::NotFound("order"))?;
    Ok(Order {
        id,
        sku,
        quantity,
        total,
        state,
    })
}

/// Moves an order to its next state.
pub async fn advance(db: &Db, id: i64, state: &str) -> Result<()> {
    let changed = sqlx::query("UPDATE orders SET state = $2 WHERE id = $1")
        .bind(id)
        .bind(state)
        .execute(db)
        .await?;
    if changed.rows_affected() == 0 {
        return Err(ShopError::NotFound("order"));
    }
    Ok(())
}
