//! Registering checks, and what health says.
//!
//! Only these calls are public; the thread and its state machine are in `watch::health`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::timer::wait;
use super::{Inner, Telemetry, postgres};
use crate::watch::health::{
    CheckBuilder, HealthChange, HealthStatus, StartupCondition, WatchdogHandle,
};

impl Telemetry {
    /// Starts a health check of this id, which the builder registers; [`health`](crate::watch::health) says what it can be.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// use vantage_obs::health::UsageLimits;
    /// # use vantage_obs::testing::TestTelemetry;
    ///
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// telemetry.health_check("disk").critical().disk("/", UsageLimits::DISK);
    /// telemetry.health_check("cache").run_blocking(|| std::fs::metadata("/").map(drop));
    /// assert!(!telemetry.is_ready()); // not before the first result of the critical one
    /// # }
    /// ```
    pub fn health_check(&self, id: &str) -> CheckBuilder {
        postgres::with_database(
            CheckBuilder::new(&self.0.watch.health, id, self.0.exporters.push.down()),
            self,
            id,
        )
    }

    /// Watches a loop of the service's own, such as a consumer: when it does not
    /// [`tick`](WatchdogHandle::tick) for `timeout`, `/api/v1/health/live` fails, so that the process is
    /// restarted. Dropping the handle ends the watching.
    ///
    /// It is a critical, local check of this id; [`CheckBuilder`] says what an id may be.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// use std::time::Duration;
    /// use vantage_obs::health::HealthStatus;
    ///
    /// # let test = vantage_obs::testing::TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// let watchdog = telemetry.watchdog("consumer", Duration::from_secs(60));
    /// for _message in ["a", "b"] {
    ///     watchdog.tick();
    /// }
    /// test.tick();
    /// assert_ne!(telemetry.health(), HealthStatus::Fail);
    /// test.clock().advance(Duration::from_secs(61)); // the loop is stuck
    /// test.tick();
    /// assert_eq!(telemetry.health(), HealthStatus::Fail);
    /// # }
    /// ```
    pub fn watchdog(&self, id: &str, timeout: Duration) -> WatchdogHandle {
        // A watchdog asks for no export, so that the accessor of failed signals says nothing.
        CheckBuilder::new(&self.0.watch.health, id, Arc::new(|| None)).watchdog(timeout)
    }

    /// Names a condition of start-up: the service is not ready, and `/api/v1/health/startup` answers 503,
    /// until it is [marked as met](StartupCondition::mark_met).
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # let test = vantage_obs::testing::TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// # fn migrate() {}
    /// let migrations = telemetry.startup_condition("migrations");
    /// telemetry.started();
    /// test.tick();
    /// assert!(!telemetry.is_ready());
    /// migrate();
    /// migrations.mark_met();
    /// test.tick();
    /// assert!(telemetry.is_ready());
    /// # }
    /// ```
    pub fn startup_condition(&self, name: &str) -> StartupCondition {
        StartupCondition::new(&self.0.watch.health, name)
    }

    /// Ends registration: every check and condition that start-up waits for is there. The service is ready as
    /// soon as the critical ones among the checks have their first results and the conditions are met.
    ///
    /// Taking or serving the routes implies it, so register checks before; without any of these it is so 10 s
    /// after [`init`](crate::init). The server of `http.listen` implies nothing, because it is there before any
    /// check.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # let test = vantage_obs::testing::TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// test.tick();
    /// assert!(!telemetry.is_ready(), "a check may still be registered");
    /// telemetry.started();
    /// test.tick();
    /// assert!(telemetry.is_ready());
    /// # }
    /// ```
    pub fn started(&self) {
        self.0.watch.health.end_registration();
    }

    /// Calls back when a check, the whole or readiness changes: one at a time, on a thread of the
    /// SDK, which a callback may block. A panic in one is caught. One that has not returned after 5 s no longer keeps
    /// the others waiting, and sees the latest 256 changes when it goes on; the log names it.
    ///
    /// Before any change, the callback is told the present state: each check that has a result, with `from`
    /// `None`; the whole, with `from` equal to `to`; and readiness.
    pub fn on_health_change(&self, callback: impl Fn(&HealthChange) + Send + Sync + 'static) {
        self.0.watch.health.on_change(callback);
    }

    /// Returns the status that `/api/v1/health` shows: from the start of shutdown, it fails.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// use vantage_obs::health::HealthStatus;
    ///
    /// # let test = vantage_obs::testing::TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// telemetry.started();
    /// test.tick();
    /// assert_eq!(telemetry.health(), HealthStatus::Pass);
    /// telemetry.shutdown_blocking()?;
    /// assert_eq!(telemetry.health(), HealthStatus::Fail);
    /// # }
    /// # Ok::<(), vantage_obs::FlushError>(())
    /// ```
    #[must_use]
    pub fn health(&self) -> HealthStatus {
        self.0.recording.supervisor.nudge();
        if self.0.watch.health.is_shutting_down() {
            HealthStatus::Fail
        } else {
            self.0.watch.health.evaluate().status
        }
    }

    /// Returns whether the service may be sent requests, as `/api/v1/health/ready` has it.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.recording.supervisor.nudge();
        self.0.watch.health.evaluate().ready
    }

    /// Says that the service is not ready any more, on `/ready` and `/api/v1/health` alike, and that its
    /// workers drain; then waits
    /// `health.shutdown_delay`, so that whoever routes to it can notice before its listeners close.
    ///
    /// [`serve_app`](Self::serve_app) does that and the rest. A server of another kind calls this before it stops
    /// accepting, and gives its connections a deadline: it would wait for a client that holds half a request
    /// for ever.
    ///
    /// ```no_run
    /// # use std::{future::IntoFuture as _, time::Duration};
    /// # async fn stop_requested() {}
    /// # async fn f(telemetry: vantage_obs::Telemetry, app: axum::Router) -> Result<(), Box<dyn std::error::Error>> {
    /// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// let (close, closing) = tokio::sync::oneshot::channel::<()>();
    /// let server = axum::serve(listener, app).with_graceful_shutdown(async {
    ///     let _ = closing.await;
    /// });
    /// let mut server = tokio::spawn(server.into_future());
    /// stop_requested().await;
    /// telemetry.drain().await;
    /// drop(close);
    /// if tokio::time::timeout(Duration::from_secs(5), &mut server).await.is_err() {
    ///     server.abort(); // what is in flight is cut off with the runtime
    /// }
    /// telemetry.shutdown().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// [`shutdown`](Self::shutdown) does the same for the SDK's own server; the delay is counted
    /// from the first of both.
    pub async fn drain(&self) {
        wait(self.0.unready()).await;
    }

    /// Does what [`drain`](Self::drain) does, for a thread without an async runtime: blocks for `health.shutdown_delay`, or what
    /// is left of it.
    pub fn drain_blocking(&self) {
        std::thread::sleep(self.0.unready());
    }
}

impl Inner {
    /// Not ready from now on, and its workers drain; answers what is left of the delay.
    pub(super) fn unready(&self) -> Duration {
        // The first of `drain` and `shutdown` sets the time: a service that calls both waits once.
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
