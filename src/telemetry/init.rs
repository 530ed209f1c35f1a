//! `init`, and the reasons for which it fails.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry_sdk::error::OTelSdkError;

use super::{Telemetry, subscriber};
use crate::config::{Config, ConfigError, Environment};
#[cfg(feature = "otlp")]
use crate::export::otlp::ExportError;
use crate::model::causes::debug_as_text;
use crate::model::slo::SloError;

/// True while a telemetry of this process is set up or about to be. Never released after success:
/// the global providers and the subscriber cannot be taken back.
static CLAIMED: AtomicBool = AtomicBool::new(false);

/// Sets up the process's telemetry: config file and environment on top of `config`, instruments,
/// the background sampler, and the server of `http.listen`.
///
/// Works inside and outside a tokio runtime. The global meter provider becomes the one behind
/// [`Telemetry::meter`], so that libraries which use it are scraped too; the global tracer provider
/// becomes ours, and so does the global `tracing` subscriber, unless the process has one: then add
/// [`Telemetry::tracing_layer`] to that. Records of the `log` crate become events of `tracing`, with their own
/// target and level, unless the process has a logger: then they go there.
///
/// ```
/// use vantage_obs::{Config, InitError, Role};
///
/// let telemetry = vantage_obs::init(Config::new("vantage-api", Role::Api))?;
/// let second = vantage_obs::init(Config::new("vantage-api", Role::Api));
/// assert!(matches!(second, Err(InitError::AlreadyInitialized)));
/// telemetry.shutdown_blocking()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A thread that the system refuses, at its limit of threads, is no error: the threads of the telemetry that
/// live start it as soon as it can be had, and so does each scrape, health query, flush and log line. Until
/// then health warns with the code `thread_down`, and `vantage.telemetry.thread.up` is 0.
///
/// # Errors
///
/// [`InitError`]: a config or SLO file with faults (all of them are listed; whoever wrote the value
/// is at fault), an address of our own settings that cannot be listened on, or a second call in one
/// process, of which exactly one succeeds. After a failed call another may be made.
pub fn init(config: Config) -> Result<Telemetry, InitError> {
    // Claimed before anything starts, so that of two threads that call at once one fails early and
    // leaves nothing behind.
    if CLAIMED.swap(true, Ordering::SeqCst) {
        return Err(InitError::AlreadyInitialized);
    }
    let (telemetry, started) = Telemetry::begin(config, &Environment::from_process())
        // Released, so that a service may mend its configuration and try again.
        .inspect_err(|_| CLAIMED.store(false, Ordering::SeqCst))?;
    // After all that can fail: a failed call leaves no trace in the globals.
    opentelemetry::global::set_meter_provider(telemetry.0.recording.user.user_meters());
    opentelemetry::global::set_tracer_provider(telemetry.0.exporters.traces.provider().clone());
    subscriber::install(&telemetry.0);
    telemetry.say_hello(&started);
    Ok(telemetry)
}

/// The error of telemetry that could not be set up.
///
/// ```
/// use vantage_obs::config::Environment;
/// use vantage_obs::{Config, InitError, Role, Telemetry};
///
/// let mut config = Config::new("vantage-api", Role::Api);
/// config.traces.sample_ratio = 10.0; // per cent was meant
/// let error = Telemetry::without_globals(config, &Environment::empty()).unwrap_err();
/// let InitError::Config(error) = error else { panic!("{error}") };
/// let fault = &error.faults()[0];
/// assert_eq!(fault.location.to_string(), "$.traces.sample_ratio (set in code)");
/// assert_eq!((fault.value.as_str(), fault.allowed.as_str()), ("10", "a number from 0 to 1"));
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// `init` was called before in this process: keep and clone the first [`Telemetry`].
    #[error(
        "vantage_obs::init was called before in this process; clone the first Telemetry instead"
    )]
    AlreadyInitialized,
    /// The configuration has faults.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The files in `slo.directory` have faults.
    #[error(transparent)]
    Slo(#[from] SloError),
    /// The SDK refused to be set up.
    #[error("the metrics pipeline could not be built")]
    Pipeline(#[from] OTelSdkError),
    /// An OTLP exporter could not be set up; whoever wrote its certificates or headers is at fault.
    #[cfg(feature = "otlp")]
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The certificates for the receiver of heartbeats are unfit; whoever wrote `heartbeat.tls` is at
    /// fault.
    #[error("heartbeats could not be set up: {0}")]
    Heartbeat(String),
    /// The store of the configuration could not be opened: its file is in use by another process,
    /// was written by a later release, or cannot be read and written. The message says what to do.
    #[error(transparent)]
    Store(io::Error),
    /// A thread or the server of `http.listen` could not be started.
    #[error("a thread or the server of http.listen could not be started")]
    Io(#[from] io::Error),
}
debug_as_text!(InitError);
