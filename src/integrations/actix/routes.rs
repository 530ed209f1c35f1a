//! The SDK's routes: those of axum, asked in the process.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use actix_web::body::{BodySize, BodyStream, MessageBody as _};
use actix_web::http::{StatusCode, header};
use actix_web::web::{Payload, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, OriginalUri};
use http::Method;
use tower::Service as _;

use super::body::RouteBody;
use super::convert;
use crate::Telemetry;
use crate::model::routes::RouteKind;
use crate::record::middleware::MountedRoute;

/// The most bytes of a request's body that are read: more than any route takes, so that each answers by its own
/// limit.
const MAX_BODY_BYTES: usize = 128 * 1_024;

/// Returns a function that adds these kinds of routes, which the router answers.
pub(super) fn configure(
    telemetry: &Telemetry,
    router: Router,
    is_in: fn(RouteKind) -> bool,
) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let config = &telemetry.config().config;
    let scrapes = config.metrics.prometheus.enabled && !config.disabled;
    let own = config.own_routes();
    let own = own.filter(|(_, kind)| is_in(*kind) && (scrapes || *kind != RouteKind::Scrape));
    let paths: Vec<String> = own.map(|(path, _)| path).collect();
    move |config| {
        for path in paths {
            let route = Arc::new(Route {
                template: path.clone(),
                router: router.clone(),
            });
            let respond = move |request: HttpRequest, payload: Payload| {
                let route = Arc::clone(&route);
                async move { route.respond(&request, payload).await }
            };
            config.service(resource(path).to(respond));
        }
    }
}

/// One of the routes.
struct Route {
    /// Its path below the scopes that it stands in.
    template: String,
    router: Router,
}

impl Route {
    async fn respond(&self, request: &HttpRequest, payload: Payload) -> HttpResponse<RouteBody> {
        let pattern = request.match_pattern().unwrap_or_default();
        let Ok(body) = read_body(request, payload).await else {
            return refusal();
        };
        let path_and_query = request.uri().path_and_query();
        let full = path_and_query.map_or("/", |path| path.as_str());
        let own = below_scope(full, &pattern, &self.template);
        let mut asked = convert::request(request, own, |_| true, body);
        // Links lead to where the client has found it.
        let original = convert::request(request, full, |_| false, ());
        let original = OriginalUri(original.uri().clone());
        asked.extensions_mut().insert(original);
        // Of the connection, and not of a header, which anyone can write.
        if let Some(peer) = request.peer_addr() {
            asked.extensions_mut().insert(ConnectInfo(peer));
        }
        asked.extensions_mut().insert(MountedRoute(pattern.into()));
        let is_head = asked.method() == Method::HEAD;
        let Ok(response) = self.router.clone().call(asked).await;
        into_actix(response, is_head)
    }
}

/// Reads a body, as far as a route could want it.
async fn read_body(request: &HttpRequest, payload: Payload) -> Result<Body, ()> {
    if request.method().is_safe() {
        return Ok(Body::empty());
    }
    let (mut bytes, mut body) = (Vec::new(), pin!(BodyStream::new(payload)));
    while let Some(chunk) = poll_fn(|cx| body.as_mut().poll_next(cx)).await {
        bytes.extend_from_slice(&chunk.map_err(drop)?);
        if bytes.len() > MAX_BODY_BYTES {
            break;
        }
    }
    Ok(Body::from(bytes))
}

/// Returns the path without the scopes that the route stands in, of which only the pattern knows.
fn below_scope<'a>(path: &'a str, pattern: &str, template: &str) -> &'a str {
    let scopes = pattern.strip_suffix(template).unwrap_or_default();
    let depth = scopes.matches('/').count();
    let below = path.match_indices('/').nth(depth);
    below.map_or(path, |(at, _)| &path[at..])
}

fn into_actix(response: http::Response<Body>, is_head: bool) -> HttpResponse<RouteBody> {
    let (parts, inner) = response.into_parts();
    let status = StatusCode::from_u16(parts.status.as_u16());
    let mut head = HttpResponse::new(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    let headers = head.headers_mut();
    for (name, value) in &parts.headers {
        let name = header::HeaderName::from_bytes(name.as_str().as_bytes());
        let value = header::HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            // Written by actix-web, from the size of the body.
            if name != header::CONTENT_LENGTH {
                headers.append(name, value);
            }
        }
    }
    let announced = parts.headers.get(http::header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse().ok());
    let announced = announced.filter(|_| is_head);
    let length = announced.or_else(|| inner.size_hint().exact());
    let size = length.map_or(BodySize::Stream, BodySize::Sized);
    head.set_body(RouteBody { inner, size })
}

/// Returns the answer to a body that broke off.
fn refusal() -> HttpResponse<RouteBody> {
    let text = r#"{"error":"the body broke off"}"#;
    let mut head = HttpResponse::new(StatusCode::BAD_REQUEST);
    let json = header::HeaderValue::from_static("application/json");
    head.headers_mut().insert(header::CONTENT_TYPE, json);
    let no_store = header::HeaderValue::from_static("no-store");
    head.headers_mut().insert(header::CACHE_CONTROL, no_store);
    head.set_body(RouteBody {
        inner: Body::from(text),
        size: BodySize::Sized(text.len() as u64),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_asked_by_its_path_below_the_scopes() {
        for (path, pattern, template, expected) in [
            ("/metrics", "/metrics", "/metrics", "/metrics"),
            (
                "/ops/metrics?a=/b",
                "/ops/metrics",
                "/metrics",
                "/metrics?a=/b",
            ),
            (
                "/a/b/c/status/x",
                "/{t}/b/c/status/{id}",
                "/status/{id}",
                "/status/x",
            ),
            ("/x", "", "/x", "/x"),
        ] {
            assert_eq!(below_scope(path, pattern, template), expected, "{path}");
        }
    }
}
