//! What can go wrong in a shop, and what a client is told of it.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What the shop's functions return.
pub type Result<T> = std::result::Result<T, ShopError>;

#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    #[error("there is no such {0}")]
    NotFound(&'static str),
    #[error("a quantity is 1 to 100")]
    Quantity,
    #[error("{0} is out of stock")]
    OutOfStock(String),
    #[error("the payment was declined")]
    Declined,
    #[error("the payment service answered {0}")]
    PaymentAnswer(u16),
    #[error("the payment service can't be asked: {0}")]
    PaymentCall(#[from] reqwest_middleware::Error),
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
}

impl ShopError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Quantity => StatusCode::UNPROCESSABLE_ENTITY,
            Self::OutOfStock(_) => StatusCode::CONFLICT,
            Self::Declined => StatusCode::PAYMENT_REQUIRED,
            Self::PaymentAnswer(_) | Self::PaymentCall(_) => StatusCode::BAD_GATEWAY,
            Self::Database(sqlx::Error::PoolTimedOut) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Database(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

#[derive(Serialize)]
struct Message {
    error: String,
}

impl IntoResponse for ShopError {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::error!(error = %self, "request failed");
        }
        let message = if status == StatusCode::INTERNAL_SERVER_ERROR {
            "something went wrong".to_owned()
        } else {
            self.to_string()
        };
        (status, Json(Message { error: message })).into_response()
    }
}
