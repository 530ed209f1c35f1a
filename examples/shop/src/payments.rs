//! The payment service, and the client that asks it.

use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use reqwest_middleware::ClientWithMiddleware;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use vantage_obs::{Config, Role, Telemetry};

use crate::AnyError;
use crate::error::{Result, ShopError};
use crate::settings::Settings;

#[derive(Debug, Deserialize, Serialize)]
struct Charge {
    card: String,
    /// In cents.
    amount: i64,
}

/// Asks the payment service.
#[derive(Clone, Debug)]
pub struct PaymentClient {
    client: ClientWithMiddleware,
    url: String,
}

impl PaymentClient {
    pub fn new(settings: &Settings, telemetry: &Telemetry) -> std::result::Result<Self, AnyError> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(2))
            .build()?;
        Ok(Self {
            client: telemetry.reqwest(client),
            url: format!("{}/charges", settings.payments_url),
        })
    }

    /// Charges a card.
    pub async fn charge(&self, card: &str, amount: i64) -> Result<()> {
        let charge = Charge {
            card: card.to_owned(),
            amount,
        };
        let answer = self.client.post(&self.url).json(&charge).send().await?;
        match answer.status() {
            StatusCode::CREATED => Ok(()),
            StatusCode::PAYMENT_REQUIRED => Err(ShopError::Declined),
            other => Err(ShopError::PaymentAnswer(other.as_u16())),
        }
    }
}

/// Serves `POST /charges` until a signal.
pub async fn run(settings: &Settings) -> std::result::Result<(), AnyError> {
    let telemetry = vantage_obs::init(Config::new("shop-payments", Role::Api))?;
    let app = Router::new().route("/charges", post(charge));
    let listener = TcpListener::bind(&settings.listen).await?;
    telemetry.serve_app(listener, telemetry.mount(app)).await?;
    Ok(())
}

/// A card that ends in 0 is declined, one in 9 takes three seconds, one in 8 finds the service broken.
async fn charge(Json(charge): Json<Charge>) -> StatusCode {
    match charge.card.chars().last() {
        Some('0') => StatusCode::PAYMENT_REQUIRED,
        Some('8') => StatusCode::INTERNAL_SERVER_ERROR,
        Some('9') => {
            tokio::time::sleep(Duration::from_secs(3)).await;
            StatusCode::CREATED
        }
        _ => StatusCode::CREATED,
    }
}
