//! Calls to other services by [reqwest](https://docs.rs/reqwest) 0.13, through reqwest-middleware 0.5, which is
//! re-exported: a service needs no dependency of its own to name its types.

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Client, Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next, Result};

pub use reqwest_middleware;

use crate::Telemetry;
use crate::record::instruments::{CallTarget, HttpCall, ResentCall, ServerName};
use crate::record::library_errors::reqwest::class;
use crate::record::middleware::HttpClientLayer;

impl Telemetry {
    /// Returns a client whose calls are measured and traced: `http.client.request.duration`, a span for each, and the
    /// headers by which the other service continues the trace.
    ///
    /// Its methods are those of a client of reqwest, `.json()` included. Its type and the error of `send` are those of
    /// [`reqwest_middleware`], `ClientWithMiddleware` and `Error`.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// # let unused_port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
    /// let client = telemetry.reqwest(reqwest::Client::new());
    /// let invoices = client.get(format!("http://127.0.0.1:{unused_port}/invoices")).send().await;
    /// assert!(invoices.is_err());
    /// let labels = [
    ///     ("error_type", "connection_refused"),
    ///     ("http_request_method", "GET"),
    ///     ("server_address", "127.0.0.1"),
    ///     ("server_port", &*unused_port),
    /// ];
    /// assert_eq!(test.value("http_client_request_duration_seconds_count", &labels), Some(1.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn reqwest(&self, client: Client) -> ClientWithMiddleware {
        let builder = ClientBuilder::new(client);
        builder.with(self.reqwest_middleware()).build()
    }

    /// Returns the middleware itself, for a client that has others too.
    ///
    /// Put it after one that sends requests again: each time is a call then, and all are one trace.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// use vantage_obs::instruments::ServerName;
    /// use vantage_obs::integrations::reqwest::reqwest_middleware::ClientBuilder;
    ///
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// let webhooks = telemetry.reqwest_middleware().server(ServerName::new("webhooks"));
    /// let client = ClientBuilder::new(reqwest::Client::new()).with(webhooks).build();
    /// # drop(client);
    /// # }
    /// ```
    #[must_use]
    pub fn reqwest_middleware(&self) -> ReqwestMiddleware {
        ReqwestMiddleware(self.http_client_layer())
    }
}

/// The middleware that measures and traces each call. A cheap clone.
///
/// A request with a [`ServerName`] among its extensions (`.with_extension(ServerName::new("webhooks"))`) is recorded
/// by it.
#[derive(Clone, Debug)]
pub struct ReqwestMiddleware(HttpClientLayer);

impl ReqwestMiddleware {
    /// Records all calls under this name of a server in place of their hosts.
    #[must_use]
    pub fn server(self, name: ServerName) -> Self {
        Self(self.0.server(name))
    }

    fn start(&self, request: &mut Request, extensions: &mut Extensions) -> HttpCall {
        let url = request.url().clone();
        let target = CallTarget {
            scheme: url.scheme(),
            host: url.host_str().unwrap_or_default(),
            port: url.port(),
            path: url.path(),
        };
        let method = request.method().clone();
        let resent = extensions.get::<ResentCall>();
        let instruments = self.0.instruments();
        let name = self.0.server_of(extensions);
        let headers = request.headers_mut();
        let call = instruments.start_again(&method, target, name, headers, resent);
        let next = ResentCall::after(&call, resent);
        extensions.insert(next);
        call
    }
}

#[async_trait]
impl Middleware for ReqwestMiddleware {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let call = self.start(&mut request, extensions);
        let outcome = call.trace(next.run(request, extensions)).await;
        match &outcome {
            Ok(response) => call.complete(response.status()),
            Err(error) => call.fail_as(class(error)),
        }
        outcome
    }
}
