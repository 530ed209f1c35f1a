//! The status pages: content, access, and content security policy.

mod links;
mod public;
mod slo;

use axum::body::Body;
use base64::Engine as _;
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};
use tower::ServiceExt as _;
use vantage_obs::testing::TestTelemetry;

use crate::support::into_ok;

/// The response of a route.
struct PageResponse {
    response: Response<()>,
    body: String,
}

impl PageResponse {
    fn status(&self) -> StatusCode {
        self.response.status()
    }

    fn header(&self, name: header::HeaderName) -> &str {
        let value = self.response.headers().get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }
}

async fn send(
    test: &TestTelemetry,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> PageResponse {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let router = test.telemetry().routes();
    send_to(router, request.body(Body::empty()).unwrap()).await
}

async fn send_to(router: axum::Router, request: Request<Body>) -> PageResponse {
    let response = into_ok(router.oneshot(request).await);
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    PageResponse {
        response: Response::from_parts(parts, ()),
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

async fn get(test: &TestTelemetry, path: &str) -> PageResponse {
    send(test, "GET", path, &[]).await
}

/// Asserts that the page's policy allows its style sheet and nothing else, by its real hash.
fn assert_sealed(page: &PageResponse) {
    let policy = page.header(header::CONTENT_SECURITY_POLICY);
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    let (_, style) = page.body.split_once("<style>").unwrap();
    let (style, rest) = style.split_once("</style>").unwrap();
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(style));
    assert!(
        policy.contains(&format!("style-src 'sha256-{hash}'")),
        "{policy}"
    );
    let tags = rest.split(['<', '>']).skip(1).step_by(2);
    for tag in tags {
        let handler = |word: &str| word.starts_with("on") && word.contains("=\"");
        let sealed = !tag.split_whitespace().any(handler)
            && !tag.contains(" style=\"")
            && !tag.contains("javascript:")
            && !["script", "style"].contains(&tag.split(' ').next().unwrap_or_default());
        assert!(sealed, "<{tag}>");
    }
}

/// Asserts that HEAD equals GET, a matching tag gives 304, and gzip is served.
async fn assert_well_served(test: &TestTelemetry, path: &str) {
    let page = get(test, path).await;
    assert_eq!(page.status(), StatusCode::OK, "{path}");
    let head = send(test, "HEAD", path, &[]).await;
    assert_eq!(
        (head.status(), head.body.as_str()),
        (StatusCode::OK, ""),
        "{path}"
    );
    for name in [
        header::CONTENT_TYPE,
        header::ETAG,
        header::CONTENT_SECURITY_POLICY,
    ] {
        assert_eq!(head.header(name.clone()), page.header(name), "{path}");
    }
    let tag = page.header(header::ETAG);
    let tags = format!("\"other\", {tag}");
    let same = send(test, "GET", path, &[("if-none-match", &tags)]).await;
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED, "{path}");
    assert_eq!((same.body.as_str(), same.header(header::ETAG)), ("", tag));
    let other = send(test, "GET", path, &[("if-none-match", "W/\"0\"")]).await;
    assert_eq!(other.status(), StatusCode::OK, "{path}");
    let gzip = send(test, "GET", path, &[("accept-encoding", "gzip")]).await;
    assert_eq!(gzip.header(header::CONTENT_ENCODING), "gzip", "{path}");
    assert_eq!(page.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
}
