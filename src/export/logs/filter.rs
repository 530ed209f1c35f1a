//! The levels as a filter of one layer, changeable while the process runs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing_subscriber::layer::{Context, Filter};

use super::log_bridge;
use crate::config::{LogLevel, LogLevels, LogLevelsError};

/// Changes which log records are written while the process runs. A cheap clone; all clones are the
/// same.
#[derive(Clone, Debug)]
pub struct LevelHandle(Arc<ArcSwap<LogLevels>>);

impl LevelHandle {
    pub(crate) fn new(levels: LogLevels) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(levels)))
    }

    /// Changes the levels, from the next record on, to such as `info,my_service::db=debug`;
    /// [`LogLevels`] says what may stand there. What isn't named is as if it had never been.
    ///
    /// ```
    /// use vantage_obs::config::Environment;
    /// use vantage_obs::{Config, Role, Telemetry};
    ///
    /// let config = Config::new("vantage-api", Role::Api);
    /// let telemetry = Telemetry::without_globals(config, &Environment::empty())?;
    /// let error = telemetry.log_levels().set("loud").unwrap_err();
    /// assert_eq!(error.directives().len(), 1);
    /// assert_eq!(telemetry.log_levels().current().to_string(), "info", "unchanged");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`LogLevelsError`] lists every directive that can't be understood; then nothing changes.
    pub fn set(&self, levels: &str) -> Result<(), LogLevelsError> {
        self.0.store(Arc::new(levels.parse()?));
        // Each place in the code remembers whether it is wanted.
        // Without it a place that was once switched off would stay silent after its level was
        // raised.
        tracing::callsite::rebuild_interest_cache();
        log_bridge::update_max_level();
        Ok(())
    }

    /// Returns the levels as they are now.
    #[must_use]
    pub fn current(&self) -> LogLevels {
        self.0.load().as_ref().clone()
    }

    /// A filter that follows the handle.
    pub(crate) fn filter(&self) -> LogFilter {
        LogFilter(self.clone())
    }
}

/// The filter of the layer. It is the layer's own, so that logs at info don't switch off debug spans
/// for traces.
#[derive(Debug)]
pub(crate) struct LogFilter(LevelHandle);

impl LogFilter {
    /// Asked once for each place in the code, and again after the levels have changed: `tracing`
    /// caches the answer.
    fn is_enabled(&self, metadata: &Metadata<'_>) -> bool {
        let level = self.0.0.load().level_for(metadata.target());
        *metadata.level() <= level_filter(level)
    }
}

impl<S> Filter<S> for LogFilter {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.is_enabled(metadata)
    }

    // Always or never, and not "sometimes": targets and levels of a place don't change, so that the
    // answer holds until the levels do.
    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.is_enabled(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(level_filter(self.0.0.load().least_severe()))
    }
}

/// Converts a level; `Off` lets nothing through.
const fn level_filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
