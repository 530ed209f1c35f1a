//! actix-web 4: a middleware that measures its requests, and the SDK's routes.
//!
//! ```
//! # #[cfg(feature = "testing")] {
//! # actix_web::rt::System::new().block_on(async {
//! use actix_web::{App, HttpResponse, test, web};
//! # use vantage_obs::testing::TestTelemetry;
//!
//! # let kit = TestTelemetry::new();
//! # let telemetry = kit.telemetry().clone();
//! // In a service: HttpServer::new(move || App::new()…)
//! let app = App::new()
//!     .wrap(telemetry.actix()) // last of all `wrap`, so that it is around the others
//!     .route("/orders/{id}", web::get().to(|| async { "an order" }))
//!     .configure(telemetry.actix_routes()); // /metrics, /api/v1/health/…, /status
//! let app = test::init_service(app).await;
//! let request = test::TestRequest::get().uri("/orders/7").to_request();
//! test::call_and_read_body(&app, request).await;
//! kit.assert_value("vantage_api_requests_total", &[("http_route", "/orders/{id}")], 1.0);
//! kit.span("GET /orders/{id}");
//! let request = test::TestRequest::get().uri("/metrics").to_request();
//! assert!(test::call_service(&app, request).await.status().is_success());
//! # });
//! # }
//! ```
//!
//! Requests are measured by the same code as those of the [tower layer](crate::middleware): the route is that of
//! `match_pattern`, an error that a middleware returns counts with the status of its response, and a request is
//! active until its body has ended. Connections are not counted.

mod body;
mod convert;
mod middleware;
mod routes;

pub use body::ActixBody;
pub use middleware::{ActixFuture, ActixMiddleware, ActixService};

use actix_web::web::ServiceConfig;

use crate::Telemetry;
use crate::serve::routes::is_public_half;

impl Telemetry {
    /// Returns the middleware that measures the requests of an actix-web app, for `App::wrap`.
    #[must_use]
    pub fn actix(&self) -> ActixMiddleware {
        ActixMiddleware::new(self.http_layer())
    }

    /// Returns the [routes](Self::routes) for `App::configure`. Of two routes for one path the one that is added
    /// first answers: with these last, those of the service go before.
    ///
    /// They may stand in a `web::scope`, and links follow. `http.prefix` moves them.
    ///
    /// Registration of health checks ends with it, as with [`started`](Self::started).
    pub fn actix_routes(&self) -> impl FnOnce(&mut ServiceConfig) + use<> {
        routes::configure(self, self.routes(), |_| true)
    }

    /// Returns the [public half](Self::public_routes) of these routes.
    pub fn actix_public_routes(&self) -> impl FnOnce(&mut ServiceConfig) + use<> {
        routes::configure(self, self.public_routes(), is_public_half)
    }

    /// Returns the [other half](Self::internal_routes) of these routes.
    pub fn actix_internal_routes(&self) -> impl FnOnce(&mut ServiceConfig) + use<> {
        routes::configure(self, self.internal_routes(), |kind| !is_public_half(kind))
    }
}
