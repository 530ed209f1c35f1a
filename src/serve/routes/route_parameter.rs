//! The parameter of a route's own path.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

/// The parameter of a route's path, percent-decoded: the last one, because the path that a service nests the
/// routes below may have some of its own. `None` where the path has none, and where it is no text.
#[derive(Debug)]
pub(super) struct RouteParameter(pub(super) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for RouteParameter {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let parameters = Path::<Vec<String>>::from_request_parts(parts, state).await;
        Ok(Self(parameters.ok().and_then(|Path(mut all)| all.pop())))
    }
}
