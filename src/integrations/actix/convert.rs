//! Heads of actix-web's `http` 0.2 as those of `http` 1.

use actix_web::HttpRequest;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};

/// Returns a request with the method, URI and those headers that are `wanted`.
pub(super) fn request<B>(
    from: &HttpRequest,
    path_and_query: &str,
    wanted: impl Fn(&str) -> bool,
    body: B,
) -> Request<B> {
    let mut request = Request::new(body);
    if let Ok(method) = Method::from_bytes(from.method().as_str().as_bytes()) {
        *request.method_mut() = method;
    }
    *request.uri_mut() = uri(from, path_and_query);
    let headers = request.headers_mut();
    for (name, value) in from.headers() {
        if !wanted(name.as_str()) {
            continue;
        }
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    request
}

/// Returns the request's URI with this path: with scheme and authority where the request has them, and for one that
/// came by TLS, as which it could not be told otherwise.
fn uri(from: &HttpRequest, path_and_query: &str) -> Uri {
    let own = from.uri();
    let is_https = from.app_config().secure() || own.scheme_str() == Some("https");
    let host = || {
        let host = from.headers().get("host").filter(|_| is_https)?;
        host.to_str().ok()
    };
    let authority = own.authority().map(|authority| authority.as_str());
    let uri = match authority.or_else(host) {
        Some(authority) => Uri::builder()
            .scheme(if is_https { "https" } else { "http" })
            .authority(authority)
            .path_and_query(path_and_query)
            .build()
            .ok(),
        None => path_and_query.parse().ok(),
    };
    uri.unwrap_or_default()
}

/// Returns the status of `http` 1.
pub(super) fn status(from: actix_web::http::StatusCode) -> StatusCode {
    StatusCode::from_u16(from.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
