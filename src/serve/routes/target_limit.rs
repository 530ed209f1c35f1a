//! The limit of a request's target.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use super::response::error_response;

/// The longest path and query, together: hundreds of ids of checks fit. Whatever is longer would be decoded for
/// nothing on a thread that answers probes.
const MAX_TARGET_BYTES: usize = 8 * 1_024;

/// Answers 414 to a target that is too long.
pub(super) async fn refuse_long_target(request: Request, next: Next) -> Response {
    let uri = request.uri();
    let bytes = uri.path().len() + uri.query().map_or(0, str::len);
    if bytes > MAX_TARGET_BYTES {
        let error = format!("at most {MAX_TARGET_BYTES} bytes of path and query");
        return error_response(StatusCode::URI_TOO_LONG, &error);
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_target_of_more_than_the_limit_is_refused() {
        let router = Router::new()
            .route("/{id}", get(|| async {}))
            .route_layer(from_fn(refuse_long_target));
        for (path, query, expected) in [
            (1, 0, StatusCode::OK),
            (100, MAX_TARGET_BYTES - 101, StatusCode::OK),
            (100, MAX_TARGET_BYTES - 100, StatusCode::URI_TOO_LONG),
            (60_000, 0, StatusCode::URI_TOO_LONG),
        ] {
            let target = format!("/{}?{}", "a".repeat(path), ",".repeat(query));
            let request = Request::get(target).body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), expected, "{path} and {query}");
        }
    }
}
