//! One struct configures everything: defaults, then code, then a JSON file, then the environment.
//!
//! Why may the environment overrule the code? An operator at night can set a variable, and can't build a
//! release. Every effective value has its [`ConfigSource`], so that the layer that won is no guess.
//!
//! Why read the file by hand? Because all faults are reported at once, each with its JSON path or
//! variable, its value and what is allowed, and because a secret must not appear in any of them.
//!
//! ```no_run
//! use vantage_obs::config::{Config, Environment, Role};
//!
//! let mut config = Config::new("vantage-api", Role::Api).version("1.4.2");
//! config.otlp.endpoint = Some("http://jaeger:4317".parse()?);
//!
//! let effective = config.resolve(&Environment::from_process())?;
//! for warning in effective.warnings() {
//!     eprintln!("{warning}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | layer, later ones win | form | strictness |
//! |---|---|---|
//! | platform | `KUBERNETES_SERVICE_HOST` | moves defaults only |
//! | code | fields of [`Config`] | checked with the merged values |
//! | file | JSON with comments, named by the code or by `VANTAGE_OBS_CONFIG` | an unknown key is a fault |
//! | standard variables | `OTEL_*`, `RUST_LOG` | what can't be used is warned of and ignored |
//! | own variables | `VANTAGE_OBS_*` | an unknown name or a bad value is a fault |
//!
//! Values are checked after all layers are merged: a layer may hold something impossible that a
//! later one corrects, and two values may contradict each other although each is fine.

mod fault;
mod source;

mod field_value;

mod environment;
mod secret;
mod validator;
mod variable_syntax;

mod checks;
mod comments;
mod document;
mod reader;

mod setting;

mod alerts;
mod batch;
mod endpoint;
mod signal;
mod tls;

#[cfg(feature = "tls")]
pub(crate) mod certificates;
#[cfg(not(feature = "tls"))]
#[path = "config/certificates/disabled.rs"]
mod certificates;

#[cfg(feature = "postgres")]
pub(crate) mod postgres_url;
#[cfg(not(feature = "postgres"))]
#[path = "config/postgres_url/disabled.rs"]
mod postgres_url;

mod dev;
mod figures;
mod health;
mod heartbeat;
mod http;
mod links;
mod log_level;
mod log_levels;
mod logs;
mod metrics;
mod otlp;
mod service;
mod slo;
mod status;
mod store;
mod traces;

mod access;

mod settings;
mod variables;

mod effective;
mod environment_layer;
mod layers;
mod unread;

use std::path::{Path, PathBuf};

use layers::ConfigLayers;
use setting::section;
use validator::ConfigValidator;

use crate::model::alerts::Thresholds;
use crate::model::figure::{Figure, Figures};
use crate::model::routes::{ROUTES, RouteKind, with_slash};

pub use batch::BatchConfig;
pub use dev::DevConfig;
pub use effective::{EffectiveConfig, EffectiveValue};
pub use endpoint::{Endpoint, EndpointError};
pub use environment::Environment;
pub use fault::{ConfigError, ConfigFault, FaultLocation};
pub use health::{HealthConfig, HealthDetails};
pub use heartbeat::{HeartbeatConfig, HeartbeatSink};
pub use http::HttpConfig;
pub use links::LinksConfig;
pub use log_level::LogLevel;
pub use log_levels::{LogLevels, LogLevelsError};
pub use logs::{LogFormat, LogOutput, LogsConfig};
pub use metrics::{MetricsConfig, MetricsPushConfig, PrometheusConfig};
pub use otlp::{Compression, OtlpConfig, OtlpOverride, Protocol, SignalOtlp};
pub use secret::Secret;
pub use service::{Role, ServiceConfig};
pub use settings::{SettingSpec, settings};
pub use signal::TelemetrySignal;
pub use slo::{
    BurnRatesConfig, BurnWindowsConfig, MinBadConfig, SloConfig, SloPolicy, SloPrometheusConfig,
};
pub use source::ConfigSource;
pub(crate) use status::BUILT_IN_COMPONENTS;
pub use status::{IncidentFrom, StatusComponentConfig, StatusConfig};
pub use store::{StoreConfig, StoreKind};
pub use tls::TlsConfig;
pub use traces::{Propagator, TraceSampler, TracesConfig};
pub use variables::{EnvVariable, variables};

section! {
    /// Everything that can be configured, as the code sees it.
    ///
    /// Make one with [`Config::new`] or [`Config::from_file`] and assign to its fields;
    /// [`Config::resolve`] adds the file and the environment and checks the whole.
    ///
    /// ```
    /// use vantage_obs::config::Environment;
    /// use vantage_obs::{Config, Role};
    ///
    /// let mut config = Config::new("vantage-api", Role::Api).role(Role::Worker).version("1.4.2");
    /// config.otlp.endpoint = Some("http://collector:4317".parse()?);
    /// let effective = config.resolve(&Environment::empty())?;
    /// assert_eq!(effective.config.service.roles, [Role::Api, Role::Worker]);
    /// assert!(effective.warnings().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub struct Config, rules: check_rules {
        /// Turns all telemetry off: nothing is recorded, scraped or pushed; health routes still
        /// answer. Default: false.
        pub disabled: bool;
        /// The identity of the process.
        pub service: ServiceConfig;
        /// The server of a process that has none.
        pub http: HttpConfig;
        /// The push of telemetry by OTLP.
        pub otlp: OtlpConfig;
        /// The sampling of traces, and their propagation.
        pub traces: TracesConfig;
        /// The scrape and the push of metrics.
        pub metrics: MetricsConfig;
        /// Log lines and log records.
        pub logs: LogsConfig;
        /// Health checks and their routes.
        pub health: HealthConfig;
        /// Heartbeats of workers and schedulers.
        pub heartbeat: HeartbeatConfig;
        /// Service level objectives and their tracking.
        pub slo: SloConfig;
        /// The store of data that outlives the process.
        pub store: StoreConfig;
        /// The thresholds of the alerts in generated rules.
        pub alerts: Thresholds;
        /// The link targets of alerts, dashboards and runbooks.
        pub links: LinksConfig;
        /// The service's own figures: `{"shop.orders": {"kind", "unit", "description", "labels", "buckets",
        /// "panel", "drop_alert", "spike_alert", "daily_total"}}`, of which only kind is required. At most 200.
        /// Default: none.
        pub figures: Figures;
        /// Generates the dashboard, the alerts and the runbooks of the figures that the library ships: posts, AI
        /// generations, revenue, engagement. Recording them needs no setting. Default: false.
        pub business: bool;
        /// The status page and its incidents.
        pub status: StatusConfig;
        /// The development page.
        pub dev: DevConfig;
        file: Option<PathBuf>;
    }
}

impl Config {
    /// Creates the defaults for a service of this name and role.
    #[must_use]
    pub fn new(name: impl Into<String>, role: Role) -> Self {
        let mut config = Self::default();
        config.service.name = name.into();
        // By the same method as further roles, so that a role never stands in the list twice.
        config.role(role)
    }

    /// Reads a JSON file on top of the defaults.
    ///
    /// A setting that the file leaves out, such as the service's name, can still come from the environment;
    /// only [`Config::resolve`] misses it. That also reads the file once more, so that a field assigned in
    /// between holds only where the file leaves it out: operators win.
    ///
    /// ```
    /// use std::io::Write as _;
    /// use vantage_obs::Config;
    ///
    /// let mut file = tempfile::NamedTempFile::new()?;
    /// write!(file, r#"{{"service": {{"name": "vantage-api", "roles": ["api"]}}, "logs": {{"level": "warn"}}}}"#)?;
    /// let config = Config::from_file(file.path())?;
    /// assert_eq!(config.service.name, "vantage-api");
    /// assert_eq!(config.logs.level.to_string(), "warn");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError`] lists every fault of the file: the file's author is at fault. A figure without a kind is
    /// skipped: the code must declare it before [`Config::resolve`], which reads the file again.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let (config, _) = Self::without_code(Figures::default(), Some(path.as_ref()))?;
        Ok(config.file(path.as_ref()))
    }

    /// Reads a file as the commands do, which lack the service's code: they know the figures that it declares, or
    /// skip with a warning what the file says of them.
    #[doc(hidden)]
    pub fn without_code(
        declared: Figures,
        file: Option<&Path>,
    ) -> Result<(Self, Vec<String>), ConfigError> {
        let mut layers = ConfigLayers::without_code(Self {
            figures: declared,
            ..Self::default()
        });
        if let Some(file) = file {
            layers.apply_file(file);
        }
        // Values that are still missing, such as the service's name, may come from the environment
        // later.
        layers.validate(false);
        layers.into_config_with_warnings()
    }

    /// Adds a role.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        if !self.service.roles.contains(&role) {
            self.service.roles.push(role);
        }
        self
    }

    /// Sets the version that runs; `env!("CARGO_PKG_VERSION")` is a good one.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.service.version = Some(version.into());
        self
    }

    /// Declares a figure of the service; [`Figure`] has an example.
    #[must_use]
    pub fn figure(mut self, figure: Figure) -> Self {
        self.figures.insert(figure);
        self
    }

    /// Declares figures of the service, such as those of a struct that [`figures!`](crate::figures) makes.
    #[must_use]
    pub fn figures(mut self, figures: impl IntoIterator<Item = Figure>) -> Self {
        self.figures.extend(figures);
        self
    }

    /// Sets the source revision that was built, such as a Git commit; where the build has it in a variable,
    /// `option_env!("GIT_SHA").unwrap_or_default()` is a good one. An empty one is none.
    #[must_use]
    pub fn revision(mut self, revision: impl Into<String>) -> Self {
        self.service.revision = Some(revision.into()).filter(|revision| !revision.is_empty());
        self
    }

    /// Names the file that [`Config::resolve`] reads, instead of `VANTAGE_OBS_CONFIG`.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Puts the file and the environment on top, resolves references to secrets, and checks every value.
    ///
    /// The file is the one that the code names, or else the one that `VANTAGE_OBS_CONFIG` names;
    /// [`variables()`] lists the variables.
    ///
    /// ```
    /// use vantage_obs::config::{ConfigSource, Environment};
    /// use vantage_obs::{Config, Role};
    ///
    /// let environment = Environment::from_iter([("VANTAGE_OBS_HEARTBEAT_INTERVAL", "45s")]);
    /// let effective = Config::new("vantage-api", Role::Api).resolve(&environment)?;
    /// assert_eq!(effective.config.heartbeat.interval.as_secs(), 45);
    /// assert_eq!(
    ///     effective.source("heartbeat.interval"),
    ///     ConfigSource::Environment("VANTAGE_OBS_HEARTBEAT_INTERVAL".into()),
    /// );
    ///
    /// let slip = Environment::from_iter([("VANTAGE_OBS_HEARTBEAT_INTERVAL", "45")]);
    /// let error = Config::new("vantage-api", Role::Api).resolve(&slip).unwrap_err();
    /// assert_eq!(error.faults()[0].location.to_string(), "VANTAGE_OBS_HEARTBEAT_INTERVAL");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError`] lists every fault of all layers at once, each with its place.
    pub fn resolve(self, environment: &Environment) -> Result<EffectiveConfig, ConfigError> {
        Self::resolve_layers(ConfigLayers::from_code(self), environment, |_| ())
    }

    /// Resolves as the commands do, which lack the service's code: a figure that only that declares is skipped
    /// with a warning, and a name and roles that no layer sets have values that pass, without a source.
    #[doc(hidden)]
    pub fn resolve_without_code(
        self,
        environment: &Environment,
    ) -> Result<EffectiveConfig, ConfigError> {
        let layers = ConfigLayers::without_code(self);
        Self::resolve_layers(layers, environment, ConfigLayers::assume_service)
    }

    fn resolve_layers(
        mut layers: ConfigLayers,
        environment: &Environment,
        complete: impl FnOnce(&mut ConfigLayers),
    ) -> Result<EffectiveConfig, ConfigError> {
        // The order of these calls is the precedence; secrets are resolved last, because a later
        // layer may replace a reference.
        layers.apply_platform(environment);
        layers.apply_chosen_file(environment);
        layers.apply_environment(environment);
        complete(&mut layers);
        layers.resolve_secrets(environment);
        layers.validate(true);
        layers.into_effective()
    }

    fn check_rules(&self, _: &str, validator: &mut ConfigValidator<'_>) {
        figures::check_limits(self, validator);
        dev::check_environment(self, validator);
    }

    /// Returns the paths that the SDK serves in this process below `http.prefix`, and what it serves there.
    pub(crate) fn routes(&self) -> impl Iterator<Item = (&str, RouteKind)> {
        let (shows_status, shows_dev) = (self.shows_status(), self.shows_dev());
        let routes = ROUTES
            .iter()
            // A worker has no status pages, so that their paths stay free for the service.
            .filter(move |route| shows_status || !route.kind.is_public())
            // Nor does it exist where nobody asked for it.
            .filter(move |route| shows_dev || route.kind != RouteKind::Dev);
        routes.flat_map(|route| {
            route.paths().map(|path| match route.kind {
                RouteKind::Scrape => (&*self.metrics.prometheus.path, route.kind),
                kind => (path, kind),
            })
        })
    }

    /// Returns the templates of the crate's own routes, where the service does not nest them.
    pub(crate) fn own_routes(&self) -> impl Iterator<Item = (String, RouteKind)> {
        let prefix = self.http.prefix();
        self.routes().flat_map(move |(path, kind)| {
            let path = format!("{prefix}{path}");
            // Both spellings are served, so that both must be known as the crate's own.
            let with_slash = with_slash(&path);
            std::iter::once(path)
                .chain(with_slash)
                .map(move |path| (path, kind))
        })
    }

    /// Returns the path of the scrape, below `http.prefix`.
    pub(crate) fn scrape_path(&self) -> String {
        format!("{}{}", self.http.prefix(), self.metrics.prometheus.path)
    }

    /// Returns whether the process shows the development page.
    pub(crate) const fn shows_dev(&self) -> bool {
        self.dev.enabled && !self.disabled
    }

    /// Returns whether the process shows the status pages.
    pub(crate) fn shows_status(&self) -> bool {
        self.has_status_role() && !self.disabled
    }
}

#[cfg(test)]
mod tests;
