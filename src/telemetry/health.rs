//! Registering checks, and what health says.

use std::time::{Duration, Instant};

use super::timer::wait;
use super::{Inner, Telemetry, postgres};
use crate::watch::health::{CheckBuilder, HealthChange, HealthStatus};

impl Telemetry {
    /// A health check of this id; [`health`](crate::watch::health) says what it can be.
    ///
    /// ```
    /// use vantage_obs::health::UsageLimits;
    /// use vantage_obs::testing::TestTelemetry;
    ///
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// telemetry.health_check("disk").critical().disk("/", UsageLimits::DISK);
    /// telemetry.health_check("cache").run_blocking(|| std::fs::metadata("/").map(drop));
    /// ```
    pub fn health_check(&self, id: &str) -> CheckBuilder {
        postgres::with_database(
            CheckBuilder::new(&self.0.watch.health, id, self.0.exporters.push.down()),
            self,
            id,
        )
    }

    /// Calls back when a check, the whole or readiness changes: one at a time, on a thread of the
    /// SDK, which a callback may block. A panic in one is caught.
    pub fn on_health_change(&self, callback: impl Fn(&HealthChange) + Send + Sync + 'static) {
        self.0.watch.health.on_change(callback);
    }

    /// The status that `/api/v1/health` shows.
    #[must_use]
    pub fn health(&self) -> HealthStatus {
        self.0.watch.health.evaluate().status
    }

    /// Returns whether the service may be sent requests, as `/api/v1/health/ready` has it.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.watch.health.evaluate().ready
    }

    /// Says that the service is not ready any more, and that its workers drain; then waits
    /// `health.shutdown_delay`, so that whoever routes to it can notice before its listeners close.
    ///
    /// For a server of the service's own, before it stops accepting:
    ///
    /// ```no_run
    /// # async fn stop_requested() {}
    /// # async fn f(telemetry: vantage_obs::Telemetry, app: axum::Router) -> std::io::Result<()> {
    /// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// let draining = telemetry.clone();
    /// axum::serve(listener, app)
    ///     .with_graceful_shutdown(async move {
    ///         stop_requested().await;
    ///         draining.drain().await;
    ///     })
    ///     .await?;
    /// # Ok(()) }
    /// ```
    ///
    /// [`shutdown`](Self::shutdown) does the same for the SDK's own server; the delay is counted
    /// from the first of both.
    pub async fn drain(&self) {
        wait(self.0.unready()).await;
    }
}

impl Inner {
    /// Not ready from now on, and its workers drain; answers what is left of the delay.
    pub(super) fn unready(&self) -> Duration {
        let since = self.watch.health.begin_shutdown();
        self.heartbeat.service.drain();
        let delay = self.config.config.health.shutdown_delay;
        delay.saturating_sub(Instant::now().saturating_duration_since(since))
    }

    /// Returns the rest of the delay, where a listener of ours is to stay open for it.
    pub(super) fn pause(&self) -> Duration {
        let left = self.unready();
        if self.server.is_serving() {
            left
        } else {
            Duration::ZERO
        }
    }
}
