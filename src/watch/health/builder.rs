use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::builtin::{self, Down, Lag, Share};
use super::entry::Told;
use super::finding::Finding;
use super::run::Work;
use super::settings::Plan;
use super::watcher::Health;
use crate::model::snapshot::health::{Component, Criticality, Scope};
use crate::model::snapshot::store::StoreCondition;
use crate::record::instruments::Database;

/// A check that is being described. [`run`](Self::run) and its siblings register it.
///
/// Unless it is told otherwise, a check is degrading and local, and runs as the section `health` of
/// the configuration says. A check of the same id gives way to the new one.
#[must_use = "a check that is not run checks nothing"]
#[derive(Debug)]
pub struct CheckBuilder {
    health: Health,
    plan: Plan,
    criticality: Option<Criticality>,
    scope: Option<Scope>,
    down: Collector,
    #[cfg(feature = "postgres")]
    postgres: Option<Database>,
}

/// Where the condition of the export is read.
struct Collector(Down);

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Collector")
    }
}

impl CheckBuilder {
    /// An id keeps letters, digits, `_`, `.` and `-`, and 64 of them.
    pub(crate) fn new(health: &Health, id: &str, down: Down) -> Self {
        Self {
            plan: Plan::new(id, health.config()),
            health: health.clone(),
            criticality: None,
            scope: None,
            down: Collector(down),
            #[cfg(feature = "postgres")]
            postgres: None,
        }
    }

    /// Who is told whether PostgreSQL is up.
    #[cfg(feature = "postgres")]
    pub(crate) fn telling(mut self, database: Database) -> Self {
        self.postgres = Some(database);
        self
    }

    /// The service cannot do its work when this fails: it is not ready, unless the thing is shared.
    pub const fn critical(mut self) -> Self {
        self.criticality = Some(Criticality::Critical);
        self
    }

    /// The service does its work worse when this fails.
    pub const fn degrading(mut self) -> Self {
        self.criticality = Some(Criticality::Degrading);
        self
    }

    /// Nothing follows when this fails; it is shown.
    pub const fn informational(mut self) -> Self {
        self.criticality = Some(Criticality::Informational);
        self
    }

    /// What is checked is this instance's own.
    pub const fn local(mut self) -> Self {
        self.scope = Some(Scope::Local);
        self
    }

    /// What is checked is the whole fleet's: a failure degrades, and takes this instance out of
    /// rotation only where `health.unready_on` lists the check.
    pub const fn shared(mut self) -> Self {
        self.scope = Some(Scope::Shared);
        self
    }

    /// How often it runs: from 10 ms.
    pub fn every(mut self, interval: Duration) -> Self {
        self.plan.every(interval);
        self
    }

    /// After how long a run has failed.
    pub const fn within(mut self, timeout: Duration) -> Self {
        self.plan.timeout = timeout;
        self
    }

    /// From which age on a result counts as a failure. Default: three intervals and a deadline.
    pub const fn stale_after(mut self, age: Duration) -> Self {
        self.plan.stale_after = Some(age);
        self
    }

    /// How many runs in a row must be worse before the check gets worse.
    pub const fn fail_after(mut self, runs: usize) -> Self {
        self.plan.damping.fail_after = runs;
        self
    }

    /// How many runs in a row must be better before the check gets better.
    pub const fn recover_after(mut self, runs: usize) -> Self {
        self.plan.damping.recover_after = runs;
        self
    }

    /// Runs a future: on the runtime of the caller, or on a thread of the SDK where there is none.
    ///
    /// It may answer a [`Finding`], or a `Result` of `()` or a finding with any error.
    pub fn run<F>(self, check: impl Fn() -> F + Send + Sync + 'static) -> Registered
    where
        F: Future<Output: Into<Finding>> + Send + 'static,
    {
        self.future(check, None)
    }

    /// Runs a call that may block, on a thread of its own.
    pub fn run_blocking<T: Into<Finding>>(
        self,
        check: impl Fn() -> T + Send + Sync + 'static,
    ) -> Registered {
        self.register(Work::Blocking(Arc::new(move || check().into())), None)
    }

    /// Whether something accepts connections at `host:port`.
    pub fn tcp(self, address: impl Into<String>) -> Registered {
        let address: Arc<str> = address.into().into();
        self.run(move || {
            let address = Arc::clone(&address);
            async move { builtin::tcp(&address).await }
        })
    }

    /// Whether a GET of an `http://` URL is answered with 2xx or 3xx; an answer of the type
    /// `application/health+json` that says `warn` or `fail` is believed.
    pub fn http(self, url: impl Into<String>) -> Registered {
        let url: Arc<str> = url.into().into();
        self.run(move || {
            let url = Arc::clone(&url);
            async move { builtin::http(&url).await }
        })
    }

    /// Whether a database answers `ping`, such as a `SELECT 1` through the pool. Each run also sets
    /// `vantage.database.up`, whatever damping makes of it.
    ///
    /// Critical and shared, unless it is told otherwise.
    pub fn database<F>(
        mut self,
        database: &Database,
        ping: impl Fn() -> F + Send + Sync + 'static,
    ) -> Registered
    where
        F: Future<Output: Into<Finding>> + Send + 'static,
    {
        self.presume(Criticality::Critical, Scope::Shared, Component::Datastore);
        let database = database.clone();
        self.future(ping, Some(Box::new(move |up| database.report_up(up))))
    }

    /// Whether PostgreSQL answers a `SELECT 1`, over a connection of the check's own that stays open.
    /// Each run also sets `vantage.database.up` for the namespace of the check's id.
    ///
    /// Critical and shared, unless it is told otherwise.
    #[cfg(feature = "postgres")]
    pub fn postgres(mut self, url: &crate::config::Secret) -> Registered {
        self.presume(Criticality::Critical, Scope::Shared, Component::Datastore);
        let told = self
            .postgres
            .take()
            .map(|database| Box::new(move |up| database.report_up(up)) as Told);
        let within = self.plan.timeout;
        match builtin::Postgres::new(url) {
            Ok(server) => self.future(
                move || {
                    let server = server.clone();
                    async move { server.ping(within).await }
                },
                told,
            ),
            Err(bad) => self.register(Work::Look(Box::new(move |_| bad.clone())), told),
        }
    }

    /// How full the disk is on which this path lies.
    pub fn disk(mut self, path: impl Into<PathBuf>, limits: Share) -> Registered {
        self.presume(Criticality::Degrading, Scope::Local, Component::System);
        let path = path.into();
        self.run_blocking(move || builtin::disk(&path, limits))
    }

    /// How much of its memory the process uses.
    pub fn memory(mut self, limits: Share) -> Registered {
        self.presume(Criticality::Degrading, Scope::Local, Component::System);
        let figures = self.health.figures().clone();
        let look = move |_| builtin::memory(&figures.read(), limits);
        self.register(Work::Look(Box::new(look)), None)
    }

    /// Whether the runtime of the caller still polls. When it is stuck, `/live` fails: a restart
    /// helps, and this is the only check of which that is true.
    ///
    /// Critical and local and every second, unless it is told otherwise; never damped, because the
    /// limits say how long it must be stuck. In a runtime
    /// that nobody drives all the time, such as a current-thread one between two calls of
    /// `block_on`, it would fail: leave it out there.
    pub fn event_loop(mut self, limits: Lag) -> Registered {
        self.presume(Criticality::Critical, Scope::Local, Component::System);
        self.plan.watchdog = true;
        if self.plan.interval == self.health.config().interval {
            self.plan.every(Duration::from_secs(1));
        }
        self.plan.damping.fail_after = 1;
        let Some(runtime) = self.health.runtime() else {
            return self.unstarted();
        };
        let clock = self.health.clock().clone();
        let look = builtin::event_loop(runtime, clock, limits);
        self.register(Work::Look(Box::new(look)), None)
    }

    /// Whether the receiver of pushed telemetry takes what it is sent. Passes where nothing is
    /// pushed.
    ///
    /// Informational and shared, unless it is told otherwise: a service that is not seen still works.
    pub fn collector(mut self) -> Registered {
        self.presume(Criticality::Informational, Scope::Shared, Component::Other);
        let down = Arc::clone(&self.down.0);
        let look = move |_| builtin::collector(down());
        self.register(Work::Look(Box::new(look)), None)
    }

    /// Whether what must outlive the process is kept. Degrading, and never damped: it has patience of
    /// its own.
    pub(crate) fn store(
        mut self,
        read: impl Fn() -> StoreCondition + Send + Sync + 'static,
    ) -> Registered {
        self.presume(Criticality::Degrading, Scope::Local, Component::Datastore);
        self.plan.damping.fail_after = 1;
        let look = move |_| builtin::store(&read());
        self.register(Work::Look(Box::new(look)), None)
    }

    fn future<F>(
        self,
        check: impl Fn() -> F + Send + Sync + 'static,
        told: Option<Told>,
    ) -> Registered
    where
        F: Future<Output: Into<Finding>> + Send + 'static,
    {
        let Some(runtime) = self.health.runtime() else {
            return self.unstarted();
        };
        let make = move || {
            let run = check();
            Box::pin(async move { run.await.into() }) as super::run::Running
        };
        self.register(Work::Future(runtime, Arc::new(make)), told)
    }

    /// Without a thread nothing can be checked, which is no reason to say that all is well.
    fn unstarted(self) -> Registered {
        self.register(Work::Look(Box::new(|_| Finding::fail("no_runtime"))), None)
    }

    /// What holds where nothing was said.
    fn presume(&mut self, criticality: Criticality, scope: Scope, component: Component) {
        self.criticality.get_or_insert(criticality);
        self.scope.get_or_insert(scope);
        self.plan.component = component;
    }

    fn register(mut self, work: Work, told: Option<Told>) -> Registered {
        self.plan.criticality = self.criticality.unwrap_or(self.plan.criticality);
        self.plan.scope = self.scope.unwrap_or(self.plan.scope);
        let number = self.health.register(self.plan, work, told);
        Registered {
            health: self.health,
            number,
        }
    }
}

/// A check that runs, until [`remove`](Self::remove) or the end of the telemetry. It may be dropped.
#[derive(Clone, Debug)]
pub struct Registered {
    health: Health,
    number: u64,
}

impl Registered {
    /// Ends the check; its id is free again and its metrics vanish.
    pub fn remove(self) {
        self.health.remove(self.number);
    }
}
