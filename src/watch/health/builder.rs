use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::builtin::{self, FailedSignals, LagLimits, LastTick, UsageLimits};
use super::check_handle::CheckHandle;
use super::entry::ResultCallback;
use super::finding::Finding;
use super::run::CheckTask;
use super::settings::CheckSettings;
use super::watchdog::WatchdogHandle;
use super::watcher::HealthWatcher;
use crate::background::fallback_runtime::UserRuntime;
use crate::model::snapshot::health::{CheckScope, CheckedComponent, Criticality};
use crate::model::snapshot::store::StoreStatus;
use crate::record::instruments::Database;

/// A builder of a health check. [`run`](Self::run) and its siblings register it.
///
/// Unless it is told otherwise, a check is degrading and local, and runs as the section `health` of
/// the configuration says.
///
/// An id is shown as it is given: 1 to 128 characters, without control characters, line breaks, tabs, and white
/// space at either end. A check with another id, or with the id of one that is registered, is refused: an
/// error is logged, and the check counts as failed under the id `refused-1` (2, 3, …), with the code
/// `invalid_id` or `duplicate_id`; after start-up it degrades at most. Remove a check by its [`CheckHandle`] before another one takes its place. The
/// id `store` is the SDK's own where it keeps a file or uses PostgreSQL.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use std::time::Duration;
/// use vantage_obs::health::UsageLimits;
/// # use vantage_obs::testing::TestTelemetry;
///
/// # let test = TestTelemetry::new();
/// # let telemetry = test.telemetry();
/// telemetry
///     .health_check("memory")
///     .informational()
///     .interval(Duration::from_secs(30))
///     .fail_after(1)
///     .memory(UsageLimits::new(0.999, 1.0));
/// test.tick();
/// let labels = [
///     ("check", "memory"),
///     ("criticality", "informational"),
///     ("scope", "local"),
///     ("status", "pass"),
/// ];
/// assert_eq!(test.value("vantage_health_check_status", &labels), Some(1.0));
/// # }
/// ```
#[must_use = "a check that is not run checks nothing"]
#[derive(Debug)]
pub struct CheckBuilder {
    health: HealthWatcher,
    settings: CheckSettings,
    /// `None` until the caller says; the kind of check then has its own default.
    criticality: Option<Criticality>,
    scope: Option<CheckScope>,
    /// Read by [`otlp_receiver`](Self::otlp_receiver) alone.
    failed_signals: ExportState,
    /// The database whose `up` a check of PostgreSQL sets.
    #[cfg(feature = "postgres")]
    postgres: Option<Database>,
}

/// Accessor of the signals whose export fails, without `Debug` of its closure.
struct ExportState(FailedSignals);

impl std::fmt::Debug for ExportState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ExportState")
    }
}

impl CheckBuilder {
    pub(crate) fn new(health: &HealthWatcher, id: &str, failed_signals: FailedSignals) -> Self {
        Self {
            settings: CheckSettings::new(id, health.config()),
            health: health.clone(),
            criticality: None,
            scope: None,
            failed_signals: ExportState(failed_signals),
            #[cfg(feature = "postgres")]
            postgres: None,
        }
    }

    /// Reports each run's result as `vantage.database.up` of `database`.
    #[cfg(feature = "postgres")]
    pub(crate) fn with_database(mut self, database: Database) -> Self {
        self.postgres = Some(database);
        self
    }

    /// Takes the place of a check with the same id that was made so too. The handle of that one removes nothing then.
    #[cfg(feature = "sqlx")]
    pub(crate) const fn replaceable(mut self) -> Self {
        self.settings.replaceable = true;
        self
    }

    /// Makes the check critical: the service cannot do its work when it fails, and is not ready, unless the thing is shared.
    pub const fn critical(mut self) -> Self {
        self.criticality = Some(Criticality::Critical);
        self
    }

    /// Makes the check degrading, as it is by default: the service does its work worse when it fails.
    pub const fn degrading(mut self) -> Self {
        self.criticality = Some(Criticality::Degrading);
        self
    }

    /// Makes the check informational: nothing follows when it fails; it is shown.
    pub const fn informational(mut self) -> Self {
        self.criticality = Some(Criticality::Informational);
        self
    }

    /// Declares that the check concerns this instance alone.
    pub const fn local(mut self) -> Self {
        self.scope = Some(CheckScope::Local);
        self
    }

    /// Declares that the check concerns the whole fleet: a failure degrades, and takes this instance out of
    /// rotation only where `health.unready_on` lists the check.
    pub const fn shared(mut self) -> Self {
        self.scope = Some(CheckScope::Shared);
        self
    }

    /// Sets the interval between two runs: at least 10 ms.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.settings.set_interval(interval);
        self
    }

    /// Sets the time after which a run fails.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Sets the age from which on a result counts as a failure. Default: three intervals and a timeout.
    pub const fn stale_after(mut self, age: Duration) -> Self {
        self.settings.stale_after = Some(age);
        self
    }

    /// Sets the number of consecutive worse runs after which the check gets worse.
    pub const fn fail_after(mut self, runs: usize) -> Self {
        self.settings.thresholds.fail_after = runs;
        self
    }

    /// Sets the number of consecutive better runs after which the check gets better.
    pub const fn recover_after(mut self, runs: usize) -> Self {
        self.settings.thresholds.recover_after = runs;
        self
    }

    /// Runs a future: on the runtime of the caller, or on a thread of the SDK where there is none.
    ///
    /// A run that is not over at the timeout is aborted where it awaits. One that blocks instead, and so cannot be
    /// aborted, is given up: the check fails with `timeout` and does not run again before it has returned. While 64
    /// runs of any checks hang like that, checks fail with `no_thread`.
    ///
    /// It may answer a [`Finding`], or a `Result` of `()` or a finding with any error.
    pub fn run<F>(self, check: impl Fn() -> F + Send + Sync + 'static) -> CheckHandle
    where
        F: Future<Output: Into<Finding>> + Send + 'static,
    {
        self.register_future(check, None)
    }

    /// Runs a call that may block, on a thread of its own. One that is not over at the timeout is given up, as
    /// [`run`](Self::run) says.
    pub fn run_blocking<T: Into<Finding>>(
        self,
        check: impl Fn() -> T + Send + Sync + 'static,
    ) -> CheckHandle {
        self.register(CheckTask::Blocking(Arc::new(move || check().into())), None)
    }

    /// Registers a check that `host:port` accepts connections.
    pub fn tcp(self, address: impl Into<String>) -> CheckHandle {
        let address: Arc<str> = address.into().into();
        self.run(move || {
            let address = Arc::clone(&address);
            async move { builtin::check_tcp(&address).await }
        })
    }

    /// Registers a check that a GET of an `http://` URL is answered with 2xx or 3xx; an answer of the type
    /// `application/health+json` that says `warn` or `fail` is believed.
    pub fn http(self, url: impl Into<String>) -> CheckHandle {
        let url: Arc<str> = url.into().into();
        self.run(move || {
            let url = Arc::clone(&url);
            async move { builtin::check_http(&url).await }
        })
    }

    /// Registers a check that a database answers `ping`, such as a `SELECT 1` through the pool. Each run also sets
    /// `vantage.database.up`, whatever damping makes of it.
    ///
    /// Critical and shared, unless it is told otherwise.
    pub fn database<F>(
        mut self,
        database: &Database,
        ping: impl Fn() -> F + Send + Sync + 'static,
    ) -> CheckHandle
    where
        F: Future<Output: Into<Finding>> + Send + 'static,
    {
        self.set_defaults(
            Criticality::Critical,
            CheckScope::Shared,
            CheckedComponent::Datastore,
        );
        let database = database.clone();
        self.register_future(ping, Some(Box::new(move |up| database.record_up(up))))
    }

    /// Registers a check that PostgreSQL answers a `SELECT 1`, over a connection of the check's own.
    /// Each run also sets `vantage.database.up` for the namespace of the check's id.
    ///
    /// Critical and shared, unless it is told otherwise.
    #[cfg(feature = "postgres")]
    pub fn postgres(mut self, url: &crate::config::Secret) -> CheckHandle {
        self.set_defaults(
            Criticality::Critical,
            CheckScope::Shared,
            CheckedComponent::Datastore,
        );
        let on_result = self
            .postgres
            .take()
            .map(|database| Box::new(move |up| database.record_up(up)) as ResultCallback);
        let timeout = self.settings.timeout;
        match builtin::PostgresProbe::new(url) {
            Ok(server) => self.register_future(
                move || {
                    let server = server.clone();
                    async move { server.ping(timeout).await }
                },
                on_result,
            ),
            // A URL that cannot be parsed fails at every run, instead of panicking at registration:
            // a service must come up and say what is wrong.
            Err(bad) => self.register(CheckTask::Inline(Box::new(move |_| bad.clone())), on_result),
        }
    }

    /// Registers a check of the free space of the disk on which this path lies.
    pub fn disk(mut self, path: impl Into<PathBuf>, limits: UsageLimits) -> CheckHandle {
        self.set_defaults(
            Criticality::Degrading,
            CheckScope::Local,
            CheckedComponent::System,
        );
        let path = path.into();
        self.run_blocking(move || builtin::check_disk(&path, limits))
    }

    /// Registers a check of the process's memory.
    pub fn memory(mut self, limits: UsageLimits) -> CheckHandle {
        self.set_defaults(
            Criticality::Degrading,
            CheckScope::Local,
            CheckedComponent::System,
        );
        let snapshot = self.health.latest_snapshot().clone();
        let check = move |_| builtin::check_memory(&snapshot.read(), limits);
        self.register(CheckTask::Inline(Box::new(check)), None)
    }

    /// Registers a check that the runtime of the caller still polls. When it is stuck, `/live` fails: a restart
    /// helps. Of other checks that is not true; loops of the service's own have
    /// [`Telemetry::watchdog`](crate::Telemetry::watchdog).
    ///
    /// Critical and local and every second, unless it is told otherwise; never damped, because the
    /// limits say how long it must be stuck. In a runtime
    /// that nobody drives all the time, such as a current-thread one between two calls of
    /// `block_on`, it would fail: leave it out there.
    pub fn event_loop(mut self, limits: LagLimits) -> CheckHandle {
        self.set_defaults(
            Criticality::Critical,
            CheckScope::Local,
            CheckedComponent::System,
        );
        self.settings.watchdog = true;
        // Unless the caller has set another. One that set just the default is not told apart; it
        // gets the second too.
        if self.settings.interval == self.health.config().interval {
            self.settings.set_interval(Duration::from_secs(1));
        }
        // The limits say how long it must be stuck; damping would add to them.
        self.settings.thresholds.fail_after = 1;
        let Some(UserRuntime::Service(runtime) | UserRuntime::Fallback(runtime)) =
            self.health.runtime()
        else {
            return self.register_without_runtime();
        };
        let clock = self.health.clock().clone();
        let check = builtin::event_loop_check(runtime, clock, limits);
        self.register(CheckTask::Inline(Box::new(check)), None)
    }

    /// Registers a watchdog of a loop of the service's own.
    pub(crate) fn watchdog(mut self, timeout: Duration) -> WatchdogHandle {
        self.set_defaults(
            Criticality::Critical,
            CheckScope::Local,
            CheckedComponent::System,
        );
        self.settings.watchdog = true;
        self.settings
            // Twice within the timeout at least, so that a stuck loop is found at most half a
            // timeout late.
            .set_interval(Duration::from_secs(1).min(timeout / 2));
        // The timeout is patience enough, and a tick is proof enough.
        // The store waits ten seconds itself before it calls commits overdue.
        self.settings.thresholds.fail_after = 1;
        self.settings.thresholds.recover_after = 1;
        let last_tick = Arc::new(LastTick::new(self.health.clock().clone()));
        let evaluated = Arc::clone(&last_tick);
        let check = move |now| evaluated.evaluate(now, timeout);
        let check = self.register(CheckTask::Inline(Box::new(check)), None);
        WatchdogHandle::new(check, last_tick)
    }

    /// Registers a check that the receiver of pushed telemetry accepts it. Passes where nothing is
    /// pushed.
    ///
    /// Informational and shared, unless it is told otherwise: a service that is not seen still works.
    pub fn otlp_receiver(mut self) -> CheckHandle {
        self.set_defaults(
            Criticality::Informational,
            CheckScope::Shared,
            CheckedComponent::Other,
        );
        let failed_signals = Arc::clone(&self.failed_signals.0);
        let check = move |_| builtin::check_otlp_receiver(failed_signals());
        self.register(CheckTask::Inline(Box::new(check)), None)
    }

    /// Registers a check that the store keeps its data, and since when it can't be read where it carries heartbeats.
    /// Degrading, and never damped: it has patience of its own.
    pub(crate) fn store(
        mut self,
        read: impl Fn() -> StoreStatus + Send + Sync + 'static,
        lost_since: impl Fn() -> Option<Timestamp> + Send + Sync + 'static,
    ) -> CheckHandle {
        self.set_defaults(
            Criticality::Degrading,
            CheckScope::Local,
            CheckedComponent::Datastore,
        );
        self.settings.thresholds.fail_after = 1;
        let check = move |_| builtin::check_store(&read(), lost_since());
        self.register(CheckTask::Inline(Box::new(check)), None)
    }

    /// Registers a check that is a future; `on_result` is told after each run whether it worked.
    fn register_future<F>(
        self,
        check: impl Fn() -> F + Send + Sync + 'static,
        on_result: Option<ResultCallback>,
    ) -> CheckHandle
    where
        F: Future<Output: Into<Finding>> + Send + 'static,
    {
        let Some(runtime) = self.health.runtime() else {
            return self.register_without_runtime();
        };
        let make = move || {
            let run = check();
            Box::pin(async move { run.await.into() }) as super::run::CheckFuture
        };
        let task = match runtime {
            UserRuntime::Service(runtime) => CheckTask::Future(runtime, Arc::new(make)),
            UserRuntime::Fallback(runtime) => CheckTask::ThreadFuture(runtime, Arc::new(make)),
        };
        self.register(task, on_result)
    }

    /// Registers a check that always fails: without a thread nothing can be checked, which is no reason
    /// to say that all is well.
    fn register_without_runtime(self) -> CheckHandle {
        self.register(
            CheckTask::Inline(Box::new(|_| Finding::fail("no_runtime"))),
            None,
        )
    }

    /// Sets what the caller has not set.
    fn set_defaults(
        &mut self,
        criticality: Criticality,
        scope: CheckScope,
        component: CheckedComponent,
    ) {
        self.criticality.get_or_insert(criticality);
        self.scope.get_or_insert(scope);
        self.settings.component = component;
    }

    /// Registers the check with all that was set, defaults last.
    fn register(mut self, task: CheckTask, on_result: Option<ResultCallback>) -> CheckHandle {
        self.settings.criticality = self.criticality.unwrap_or(self.settings.criticality);
        self.settings.scope = self.scope.unwrap_or(self.settings.scope);
        let check_id = self.health.register(self.settings, task, on_result);
        CheckHandle::new(self.health, check_id)
    }
}

#[cfg(all(test, feature = "sqlx", feature = "testing"))]
mod tests {
    use super::Finding;
    use crate::testing::TestTelemetry;

    #[tokio::test]
    async fn the_newest_of_checks_that_can_be_replaced_stays() {
        let test = TestTelemetry::new();
        let telemetry = test.telemetry();
        let registered = || telemetry.health_check("shop").replaceable();
        let ids = || {
            let health = test.health();
            let ids = health.checks.iter().map(|check| check.id.to_string());
            ids.filter(|id| id == "shop" || id.contains("refused"))
                .collect::<Vec<_>>()
        };
        let old = registered().run(async || Finding::pass());
        let new = registered().run(async || Finding::pass());
        assert_eq!(ids(), ["shop"]);
        old.remove();
        assert_eq!(ids(), ["shop"]);
        new.remove();
        assert_eq!(ids(), Vec::<String>::new());
        // Another one with the id is a slip, as before.
        let _own = telemetry.health_check("shop").run(async || Finding::pass());
        let _refused = registered().run(async || Finding::pass());
        assert_eq!(ids().len(), 2);
    }
}
