//! The API that the shop's front asks.

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use tokio::net::TcpListener;
use tower_http::timeout::TimeoutLayer;
use vantage_obs::{Config, Role, Telemetry};

use crate::database::Db;
use crate::error::Result;
use crate::figures::ShopFigures;
use crate::orders::{NewOrder, Order};
use crate::payments::PaymentClient;
use crate::reports::Sales;
use crate::settings::Settings;
use crate::stock::Product;
use crate::{AnyError, database, orders, reports, stock};

/// What the handlers share.
#[derive(Clone)]
pub struct Shop {
    pub db: Db,
    pub payments: PaymentClient,
    pub figures: ShopFigures,
    pub telemetry: Telemetry,
}

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    q: String,
}

/// Serves the API until a signal.
pub async fn run(settings: &Settings) -> std::result::Result<(), AnyError> {
    let config = Config::new("shop-api", Role::Api).figures(ShopFigures::declarations());
    let telemetry = vantage_obs::init(config)?;
    let shop = Shop {
        db: database::connect(settings, &telemetry).await?,
        payments: PaymentClient::new(settings, &telemetry)?,
        figures: ShopFigures::new(&telemetry),
        telemetry: telemetry.clone(),
    };
    let app = Router::new()
        .route("/products", get(products))
        .route("/orders", post(place_order))
        .route("/orders/{id}", get(order))
        .route("/reports/sales", get(sales))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            Duration::from_secs(10),
        ))
        .with_state(shop);
    let listener = TcpListener::bind(&settings.listen).await?;
    telemetry.serve_app(listener, telemetry.mount(app)).await?;
    Ok(())
}

async fn products(
    State(shop): State<Shop>,
    Query(search): Query<Search>,
) -> Result<Json<Vec<Product>>> {
    Ok(Json(stock::products(&shop.db, &search.q).await?))
}

async fn place_order(
    State(shop): State<Shop>,
    Json(order): Json<NewOrder>,
) -> Result<(StatusCode, Json<Order>)> {
    let order = orders::place(&shop, order).await?;
    Ok((StatusCode::CREATED, Json(order)))
}

async fn order(State(shop): State<Shop>, Path(id): Path<i64>) -> Result<Json<Order>> {
    Ok(Json(orders::find(&shop.db, id).await?))
}

async fn sales(State(shop): State<Shop>) -> Result<Json<Vec<Sales>>> {
    Ok(Json(reports::sales(&shop.db).await?))
}
