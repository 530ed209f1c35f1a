//! Registering checks, and what health says.

use std::future::{Future, poll_fn};
use std::pin::pin;
#[cfg(feature = "axum")]
use std::sync::PoisonError;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{Inner, Telemetry};
#[cfg(feature = "axum")]
use crate::model::snapshot::private::Private;
#[cfg(feature = "axum")]
use crate::serve::routes::HealthPage;
use crate::watch::health::{CheckBuilder, HealthChange, Status};

impl Telemetry {
    /// A health check of this id; [`health`](crate::watch::health) says what it can be.
    ///
    /// ```
    /// use vantage_obs::health::Share;
    /// use vantage_obs::testing::TestTelemetry;
    ///
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// telemetry.check("disk").critical().disk("/", Share::DISK);
    /// telemetry.check("cache").run_blocking(|| std::fs::metadata("/").map(drop));
    /// ```
    pub fn check(&self, id: &str) -> CheckBuilder {
        let check = CheckBuilder::new(&self.0.health, id, self.0.carry.down());
        #[cfg(feature = "postgres")]
        let check = check.telling(self.database("postgresql").of_namespace(id));
        check
    }

    /// Calls back when a check, the whole or readiness changes: one at a time, on a thread of the
    /// SDK, which a callback may block. A panic in one is caught.
    pub fn on_health_change(&self, callback: impl Fn(&HealthChange) + Send + Sync + 'static) {
        self.0.health.on_change(callback);
    }

    /// The status that `/api/v1/health` shows.
    #[must_use]
    pub fn health(&self) -> Status {
        self.0.health.judge().status
    }

    /// Whether the service may be sent requests, as `/api/v1/health/ready` has it.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.health.judge().ready
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

/// Whole seconds, rounded up.
#[cfg(feature = "axum")]
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Waits without tokio's timer, which needs a runtime that has one.
pub(super) async fn wait(time: Duration) {
    if time.is_zero() {
        return;
    }
    let (over, waited) = oneshot::channel();
    let timer = thread::Builder::new().name("vantage-drain".into());
    let started = timer.spawn(move || {
        thread::sleep(time);
        let _ = over.send(());
    });
    if started.is_ok() {
        let _ = waited.await;
    }
}

/// What a future resolves to, if it does in time. Needs no runtime either.
pub(super) async fn at_most<T>(time: Duration, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut over) = (pin!(future), pin!(wait(time)));
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => over.as_mut().poll(context).map(|()| None),
    })
    .await
}

impl Inner {
    /// What the routes of workers need.
    #[cfg(feature = "axum")]
    pub(super) fn workers_page(&self) -> crate::serve::routes::WorkersPage {
        crate::serve::routes::WorkersPage {
            reception: std::sync::Arc::clone(&self.pulse.reception),
            token: self.config.config.health.write_token.clone(),
        }
    }

    /// What the pages need; the public ones where the process shows them.
    #[cfg(feature = "axum")]
    pub(super) fn pages(&self) -> crate::serve::routes::Pages {
        use crate::serve::routes::{Pages, SloPage, StatusPage};
        let config = &self.config.config;
        let title = config.status.title.clone();
        let brand = title.unwrap_or_else(|| config.service.name.clone());
        let public = config.shows_status().then(|| {
            let latest = self.incidents.latest().clone();
            StatusPage::new(latest, self.clock.clone(), brand.clone())
        });
        let slo = SloPage {
            latest: self.slo.latest().clone(),
            policy: config.slo.alert_policy(),
            brand,
            public: public.is_some(),
        };
        Pages { slo, public }
    }

    /// What the route of the objectives needs.
    #[cfg(feature = "axum")]
    pub(super) fn report_page(&self) -> crate::serve::routes::ReportPage {
        crate::serve::routes::ReportPage {
            own: self.slo.latest().clone(),
            fleet: self.fleet.clone(),
            clock: self.clock.clone(),
        }
    }

    /// What the doors of incidents need.
    #[cfg(feature = "axum")]
    pub(super) fn incidents_page(&self) -> crate::serve::routes::IncidentsPage {
        crate::serve::routes::IncidentsPage {
            incidents: self.incidents.clone(),
            token: self.config.config.health.write_token.clone(),
        }
    }

    /// What the routes of health need.
    #[cfg(feature = "axum")]
    pub(super) fn health_page(&self) -> HealthPage {
        let config = &self.config.config;
        HealthPage {
            latest: self.health.latest().clone(),
            clock: self.clock.clone(),
            service: config.service.name.clone(),
            version: config.service.version.as_deref().map(Private::new),
            started_at: self.started_at,
            details: config.health.details,
            token: config.health.details_token.clone(),
            retry_after: seconds(config.health.interval),
        }
    }

    /// Not ready from now on, and its workers drain; answers what is left of the delay.
    pub(super) fn unready(&self) -> Duration {
        let since = self.health.end();
        self.pulse.heart.drain();
        let delay = self.config.config.health.shutdown_delay;
        delay.saturating_sub(Instant::now().saturating_duration_since(since))
    }

    /// What is left of the delay, where a listener of ours is to stay open for it.
    pub(super) fn pause(&self) -> Duration {
        let left = self.unready();
        if self.is_serving() {
            left
        } else {
            Duration::ZERO
        }
    }

    #[cfg(feature = "axum")]
    fn is_serving(&self) -> bool {
        let background = self.background.lock();
        let background = background.unwrap_or_else(PoisonError::into_inner);
        !background.servers.is_empty()
    }

    #[cfg(not(feature = "axum"))]
    const fn is_serving(&self) -> bool {
        false
    }
}
