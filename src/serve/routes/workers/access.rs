//! The bearer token of those who beat and of those who forget a worker.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::WorkerRoutes;
use crate::serve::routes::headers::authorize_bearer;
use crate::serve::routes::response::{error_response, unauthorized};

impl WorkerRoutes {
    /// Lets those beat that bring the token, or everybody where beats are open.
    pub(super) fn authorize_beat(&self, headers: &HeaderMap) -> Result<(), Response> {
        if self.open {
            return Ok(());
        }
        self.authorize(
            headers,
            "set heartbeat.token here and where the beats come from, or heartbeat.open to true",
        )
    }

    /// Lets those forget a worker that bring the token, and nobody else, however open beats are.
    pub(super) fn authorize_forget(&self, headers: &HeaderMap) -> Result<(), Response> {
        self.authorize(headers, "set heartbeat.token here, and bring it")
    }

    fn authorize(&self, headers: &HeaderMap, fix: &str) -> Result<(), Response> {
        if self.token.is_none() {
            let error = format!("forbidden, because no heartbeat.token is configured: {fix}");
            return Err(error_response(StatusCode::FORBIDDEN, &error));
        }
        match authorize_bearer(headers, self.token.as_ref()) {
            Some(_) => Ok(()),
            None => Err(unauthorized(r#"Bearer realm="heartbeat""#)),
        }
    }
}
