//! The bearer token of those who beat and of those who forget a worker.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::WorkerRoutes;
use crate::serve::routes::response::error_response;

impl WorkerRoutes {
    /// Returns the refusal of a beat without the token; `None` where it is allowed, as all are where beats are
    /// open.
    pub(super) async fn refuse_beat(&self, headers: &HeaderMap) -> Option<Response> {
        if self.open {
            return None;
        }
        let fix =
            "set heartbeat.token here and where the beats come from, or heartbeat.open to true";
        self.refuse(headers, fix).await
    }

    /// Returns the refusal of a request to forget a worker without the token, however open beats are.
    pub(super) async fn refuse_forget(&self, headers: &HeaderMap) -> Option<Response> {
        self.refuse(headers, "set heartbeat.token here, and bring it")
            .await
    }

    async fn refuse(&self, headers: &HeaderMap, fix: &str) -> Option<Response> {
        if !self.token.is_set() {
            let error = format!("forbidden, because no heartbeat.token is configured: {fix}");
            return Some(error_response(StatusCode::FORBIDDEN, &error));
        }
        self.token.require(headers).await.err()
    }
}
