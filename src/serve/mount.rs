//! The SDK's routes beside those of a service, whatever paths these have.
//!
//! `Router::merge` panics where both have a path, and a wildcard of the service conflicts with a path of ours. So
//! the service's router stays as it is, each of its routes is asked who answers, and so is its fallback:
//!
//! | the path is | the service has | answers |
//! |---|---|---|
//! | none of ours | whatever | the service |
//! | ours | no route for it, only a fallback | the SDK |
//! | ours | a less specific route, such as `/{*path}` | the SDK |
//! | ours | the same route, or a more specific one, for this method | the service |
//! | ours | the same route for other methods | the SDK |
//!
//! The order is that of axum for routes of one router. A route's template is told by axum alone, and only to what
//! it calls; so a copy of the service's router, whose handlers are replaced, is asked first.

mod template;

use std::collections::HashSet;
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, NestedPath, Request};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{Route, future::RouteFuture};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::record::middleware::{HttpLayer, MountedRoute};
pub(crate) use template::PathTemplate;
use template::Specificity;

/// The routers of a service and of the SDK.
#[derive(Debug)]
struct Mount {
    /// The SDK's routes.
    routes: Router,
    /// Their templates without a parameter, each of which is a path.
    exact: HashSet<String>,
    patterns: Vec<String>,
    /// The service's routes, whose handlers only tell that they were called.
    probe: Router,
}

/// The owner of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequestOwner<'a> {
    Service,
    /// With the template of its route.
    Sdk(&'a str),
}

/// A service's router with the SDK's routes.
pub(crate) struct Mounted {
    pub(crate) router: Router,
    /// The paths of the SDK at which the service answers, as `GET /metrics`.
    pub(crate) kept: Vec<KeptRoute>,
}

/// A route of the SDK that the service has, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptRoute {
    pub(crate) method: Method,
    pub(crate) template: String,
}

impl fmt::Display for KeptRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, template } = self;
        write!(f, "{method} {template}")
    }
}

/// Mounts `routes`, whose templates and methods are `own`, beside the routes of a service, which `layer` measures.
pub(crate) fn mount(
    app: Router,
    routes: Router,
    own: &[(String, &[Method])],
    layer: HttpLayer,
) -> Mounted {
    let app = app.with_state(());
    let (mut exact, mut patterns) = (HashSet::new(), Vec::new());
    for (path, _) in own {
        if PathTemplate::new(path).is_exact() {
            exact.insert(path.clone());
        } else {
            patterns.push(path.clone());
        }
    }
    let mount = Arc::new(Mount {
        routes,
        exact,
        patterns,
        // The fallback is replaced last, so that it is told from a route.
        probe: app
            .clone()
            .layer(ProbeLayer)
            .fallback(async || StatusCode::NOT_FOUND),
    });
    let kept = mount.kept(own);
    let app = app.layer(layer);
    // A copy that answers with the service's own fallback, be it one of its own or axum's.
    let fallback = MountService {
        mount: Arc::clone(&mount),
        inner: app.clone(),
        is_route: false,
    };
    let router = app.layer(MountLayer(mount)).fallback_service(fallback);
    Mounted { router, kept }
}

impl Mount {
    /// Returns the routes of `own` that the service answers.
    fn kept(&self, own: &[(String, &[Method])]) -> Vec<KeptRoute> {
        let routes = own
            .iter()
            .flat_map(|(path, methods)| methods.iter().map(move |method| (path, method)));
        let kept = routes.filter(|(path, method)| {
            let sample = PathTemplate::new(path).sample();
            self.owner(method, &sample) == RequestOwner::Service
        });
        let kept = kept.map(|(path, method)| KeptRoute {
            method: method.clone(),
            template: path.clone(),
        });
        kept.collect()
    }

    /// Returns the owner of a request for a path below that of the mounted router.
    fn owner(&self, method: &Method, path: &str) -> RequestOwner<'_> {
        let pattern = || {
            let mut patterns = self.patterns.iter();
            patterns.find(|one| PathTemplate::new(one).matches(path))
        };
        let Some(own) = self.exact.get(path).or_else(pattern) else {
            return RequestOwner::Service;
        };
        match self.probe(method, path) {
            None => match path.strip_suffix('/') {
                // Of a route that the service has, the SDK has no variant with a slash either.
                Some(path)
                    if !path.is_empty() && self.owner(method, path) == RequestOwner::Service =>
                {
                    RequestOwner::Service
                }
                _ => RequestOwner::Sdk(own),
            },
            Some(ProbedRoute::Unhandled) => RequestOwner::Sdk(own),
            Some(ProbedRoute::Handled(theirs)) => {
                let theirs = theirs.as_deref().map(PathTemplate::new);
                match theirs.map(|theirs| theirs.compare(PathTemplate::new(own))) {
                    // Of a nested service there is no template, but a wildcard.
                    None | Some(Specificity::Less) => RequestOwner::Sdk(own),
                    Some(Specificity::SameOrMore) => RequestOwner::Service,
                }
            }
        }
    }

    /// Asks the service's router for the route of a request; `None` where it has none.
    fn probe(&self, method: &Method, path: &str) -> Option<ProbedRoute> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method.clone();
        *request.uri_mut() = path.parse::<Uri>().ok()?;
        let mut probe = self.probe.clone();
        let mut response = pin!(probe.call(request));
        // What it calls is ready at once, and so is what axum has around it.
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(Ok(response)) = response.as_mut().poll(&mut context) else {
            return None;
        };
        let route = response.extensions().get::<CalledRoute>()?;
        // Axum adds it to the answer of the fallback for methods, and to no other.
        Some(if response.headers().contains_key(header::ALLOW) {
            ProbedRoute::Unhandled
        } else {
            let template = route.0.as_ref();
            ProbedRoute::Handled(template.map(|path| path.as_str().to_owned()))
        })
    }
}

/// The route of the service for a request.
#[derive(Debug)]
enum ProbedRoute {
    /// With its template; `None` for a service that is nested.
    Handled(Option<String>),
    /// It has no handler for the method.
    Unhandled,
}

/// The template of the route that was called.
#[derive(Clone, Debug)]
struct CalledRoute(Option<MatchedPath>);

/// Replaces a handler by one that tells its template.
#[derive(Clone, Copy, Debug)]
struct ProbeLayer;

#[derive(Clone, Copy, Debug)]
struct ProbeService;

impl Layer<Route> for ProbeLayer {
    type Service = ProbeService;

    fn layer(&self, _: Route) -> ProbeService {
        ProbeService
    }
}

impl Service<Request> for ProbeService {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let template = request.extensions().get::<MatchedPath>().cloned();
        let mut response = ().into_response();
        response.extensions_mut().insert(CalledRoute(template));
        ready(Ok(response))
    }
}

/// Puts the SDK's routes before a route of the service.
#[derive(Clone, Debug)]
struct MountLayer(Arc<Mount>);

#[derive(Clone, Debug)]
struct MountService<S> {
    mount: Arc<Mount>,
    inner: S,
    /// True for a route of the service, false for its fallback.
    is_route: bool,
}

impl<S> Layer<S> for MountLayer {
    type Service = MountService<S>;

    fn layer(&self, inner: S) -> MountService<S> {
        MountService {
            mount: Arc::clone(&self.0),
            inner,
            is_route: true,
        }
    }
}

impl<S> Service<Request> for MountService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = MountFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        match self.mount.owner(request.method(), request.uri().path()) {
            RequestOwner::Service => MountFuture::Service {
                inner: self.inner.call(request),
            },
            RequestOwner::Sdk(template) => {
                let extensions = request.extensions_mut();
                if let Some(nested) = extensions.get::<NestedPath>() {
                    let prefix = nested.as_str().trim_end_matches('/');
                    let route = format!("{prefix}{template}");
                    extensions.insert(MountedRoute(route.into()));
                }
                if self.is_route {
                    // Templates of nested routers are appended to it.
                    extensions.remove::<MatchedPath>();
                }
                let mut routes = self.mount.routes.clone();
                MountFuture::Sdk {
                    inner: routes.call(request),
                }
            }
        }
    }
}

pin_project! {
    /// The response of the service or of the SDK.
    #[project = MountFutureProjection]
    enum MountFuture<F> {
        Service { #[pin] inner: F },
        Sdk { #[pin] inner: RouteFuture<Infallible> },
    }
}

impl<F> Future for MountFuture<F>
where
    F: Future<Output = Result<Response, Infallible>>,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            MountFutureProjection::Service { inner } => inner.poll(cx),
            MountFutureProjection::Sdk { inner } => inner.poll(cx),
        }
    }
}
