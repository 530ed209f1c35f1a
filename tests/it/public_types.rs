//! The auto traits and `Clone` of the public types, which a change of a private field could take away unnoticed.
//! `Debug` of each public type is held by the lint `missing_debug_implementations`.

use std::fmt::Debug;

use vantage_obs::config::{
    ConfigError, ConfigFault, EffectiveConfig, Endpoint, Environment, LogLevels, Secret,
};
use vantage_obs::health::{
    CheckBuilder, CheckHandle, Finding, HealthChange, LagLimits, StartupCondition, UsageLimits,
    WatchdogHandle,
};
use vantage_obs::incidents::{IncidentError, Incidents, NewIncident, NewMaintenance, NewUpdate};
use vantage_obs::instruments::{
    Business, Currency, Database, Execution, HttpCall, Job, Pool, Query, Schedule, ScheduleError,
    Scheduler, ServerName, Transaction, Worker,
};
use vantage_obs::logs::{LevelHandle, LogWriter};
use vantage_obs::middleware::{
    CountConnections, HttpClientLayer, HttpClientService, HttpLayer, HttpService, RouteTemplate,
};
use vantage_obs::slo::report::{ObjectiveReport, SloReport};
use vantage_obs::slo::{Objective, Objectives, SloError};
use vantage_obs::status::{Incident, StatusSnapshot};
use vantage_obs::testing::{ManualClock, TestTelemetry};
use vantage_obs::trace::{Carrier, Link, Parent, Traced};
use vantage_obs::units::{Percent, Ratio};
use vantage_obs::{
    Config, ExportError, FlushError, FlushReport, InitError, PoolState, PostgresError, QueueState,
    SloAlertChange, Telemetry, WatchGuard,
};

/// Asserts, where it is instantiated, that values can be logged, moved to another thread and shared.
const fn shareable<T: Debug + Send + Sync + 'static>() {}

/// The same of a handle or value that each task has a clone of.
const fn cloneable<T: Clone + Debug + Send + Sync + 'static>() {}

/// The same of an error, so that `?` takes it to `anyhow` and to `Box<dyn Error + Send + Sync>`.
const fn error<T: std::error::Error + Send + Sync + 'static>() {}

macro_rules! assert_types {
    ($assertion:ident: $($name:ty),+ $(,)?) => {
        const _: () = { $($assertion::<$name>();)+ };
    };
}

// Handles and settings that a service keeps in its state.
assert_types!(cloneable:
    Telemetry, Business, Database, Pool, Scheduler, Worker, Incidents, LevelHandle, LogWriter, CheckHandle,
    HttpLayer, HttpService<()>, HttpClientLayer, HttpClientService<()>, ServerName, CountConnections<()>, RouteTemplate, ManualClock,
    Config, EffectiveConfig, Environment, Endpoint, Secret, LogLevels,
    NewIncident, NewMaintenance, NewUpdate,
);

// Values.
assert_types!(cloneable:
    Carrier, Link<'static>, Parent<'static>, Currency, Schedule, Finding, HealthChange, UsageLimits, LagLimits, PoolState,
    QueueState, Objective, Objectives, ObjectiveReport, SloReport, SloAlertChange, StatusSnapshot, Incident,
    Percent, Ratio, FlushReport, ConfigFault,
);

// Each stands for one running thing, which ends once.
assert_types!(shareable:
    Job, Execution, Query, Transaction, HttpCall, Traced<()>, CheckBuilder, WatchGuard, WatchdogHandle,
    StartupCondition, TestTelemetry,
);

assert_types!(error:
    InitError, ConfigError, ExportError, FlushError, PostgresError, IncidentError, ScheduleError, SloError,
);
