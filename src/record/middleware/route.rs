use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

#[cfg(feature = "axum")]
use axum::extract::MatchedPath;
use http::Extensions;

/// The template of the route that a request matched, such as `/posts/{id}`, as a request extension
/// for frameworks other than axum.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use http::{Request, Response};
/// use tower::{Layer as _, ServiceExt as _, service_fn};
/// use vantage_obs::middleware::RouteTemplate;
/// # use vantage_obs::testing::TestTelemetry;
///
/// # let test = TestTelemetry::new();
/// # let telemetry = test.telemetry();
/// let service = telemetry.http_layer().layer(service_fn(|_: Request<String>| async {
///     Ok::<_, std::convert::Infallible>(Response::new(String::new()))
/// }));
/// let mut request = Request::get("/posts/7").body(String::new())?;
/// request.extensions_mut().insert(RouteTemplate("/posts/{id}".into()));
/// service.oneshot(request).await?;
/// let labels = [
///     ("http_request_method", "GET"),
///     ("http_response_status_code", "200"),
///     ("http_route", "/posts/{id}"),
///     ("url_scheme", "http"),
/// ];
/// assert_eq!(test.value("vantage_api_requests_total", &labels), Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTemplate(pub Cow<'static, str>);

/// The template at which one of the SDK's own routes is found, as a request extension where the router of the route
/// does not know it.
#[cfg(feature = "axum")]
#[derive(Clone, Debug)]
pub(crate) struct MountedRoute(pub(crate) Arc<str>);

/// The route of a request under way.
///
/// Kept as it came: turning `MatchedPath` into a text would allocate for each request.
#[derive(Debug)]
pub(super) enum Route {
    #[cfg(feature = "axum")]
    Matched(MatchedPath),
    Template(Cow<'static, str>),
    #[cfg(feature = "axum")]
    Mounted(Arc<str>),
    /// None so far; a layer further in may see one.
    Unmatched(Arc<OnceLock<Route>>),
}

/// Marks a request that is measured although it has no route so far, and takes the route that a
/// layer further in sees.
#[derive(Clone, Debug)]
struct UnmatchedMarker(Arc<OnceLock<Route>>);

/// Marks a request that a layer of ours measures already, for a framework in which each layer has a request of its
/// own.
#[cfg(feature = "actix")]
pub(crate) fn mark_measured(extensions: &mut Extensions) {
    extensions.insert(UnmatchedMarker(Arc::default()));
}

impl Route {
    /// The route of a request that no other layer of ours measures yet; `None` where one does.
    ///
    /// Two layers around one request are no mistake of the user: the routes of the SDK bring one
    /// around their fallback, and a router that is nested as a service knows its routes only within.
    /// Both meet requests that have no route outside, so only those are marked: an extension more
    /// makes the map of extensions grow, which costs as much as all that is measured.
    pub(super) fn claim(extensions: &mut Extensions) -> Option<Self> {
        let route = Self::from_extensions(extensions);
        if let Some(UnmatchedMarker(inner_route)) = extensions.get() {
            if let Some(route) = route {
                // The first that tells is the nearest to the one that asks.
                let _ = inner_route.set(route);
            }
            return None;
        }
        Some(route.unwrap_or_else(|| {
            let inner_route = Arc::default();
            // An extension is the only way from an outer layer to an inner one that both see.
            extensions.insert(UnmatchedMarker(Arc::clone(&inner_route)));
            Self::Unmatched(inner_route)
        }))
    }

    /// Returns the route of a request to one of the SDK's own routes, and tells it to a layer outside
    /// that hasn't seen one.
    #[cfg(feature = "axum")]
    pub(super) fn announce(extensions: &Extensions) -> Option<Self> {
        let route = || match extensions.get::<MountedRoute>() {
            Some(MountedRoute(route)) => Some(Self::Mounted(Arc::clone(route))),
            None => extensions.get::<MatchedPath>().cloned().map(Self::Matched),
        };
        if let Some(UnmatchedMarker(outer_route)) = extensions.get()
            && let Some(route) = route()
        {
            // The first that tells is the nearest to the one that asks.
            let _ = outer_route.set(route);
        }
        route()
    }

    /// The route that the extensions tell of.
    fn from_extensions(extensions: &Extensions) -> Option<Self> {
        #[cfg(feature = "axum")]
        if let Some(path) = extensions.get::<MatchedPath>() {
            return Some(Self::Matched(path.clone()));
        }
        let RouteTemplate(template) = extensions.get()?;
        Some(Self::Template(template.clone()))
    }

    /// The template; empty where there is none.
    pub(super) fn as_str(&self) -> &str {
        match self {
            #[cfg(feature = "axum")]
            Self::Matched(path) => path.as_str(),
            Self::Template(template) => template,
            #[cfg(feature = "axum")]
            Self::Mounted(template) => template,
            Self::Unmatched(inner_route) => inner_route.get().map_or("", Self::as_str),
        }
    }
}
