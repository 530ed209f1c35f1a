//! `tracing` events as lines: JSON for a log store, or text for people, on standard output.
//!
//! ```json
//! {"timestamp":"2026-03-01T12:03:04.123456Z","level":"info","target":"api::posts",
//!  "service":"vantage-api","trace_id":"4bf9…","span_id":"00f0…","message":"published",
//!  "fields":{"post":7},"spans":[{"name":"publish","fields":{"user":"ada"}}]}
//! ```
//!
//! That is one line, and whatever an event holds, it stays one: control characters, line separators
//! and marks that reverse the writing direction are escaped, a text too long is cut and the line says
//! `"truncated":true`, a value whose `Debug` or `Display` panics is written as `<panicked>`. A line
//! has at most 64 KiB.
//!
//! Why `fields` and not its members beside `message`? Because a field may be called `level` or
//! `trace_id`, and a log store that indexes those would be told lies by it.
//!
//! Why does a broken or stalled standard output go unnoticed by the service? Because a log line is worth
//! less than the request that it is about. Lines wait in a queue of at most 1 MiB for a thread that writes
//! them; [`LogWriter::lost_lines`] counts those that found it full or could not be written.
//!
//! Spans have levels too: those that [`LevelHandle`] turns away are left out of `spans`, and nowhere
//! else. `trace_id` and `span_id` are those of OpenTelemetry's current context.
//!
//! | a part of a line | at most |
//! |---|---|
//! | message | 24 KiB |
//! | one field of the event, all fields | 12 KiB, 28 KiB |
//! | one field of a span, all of a span | 1 KiB, 3 KiB |
//! | all spans | 8 KiB |
//! | target, a span's name | 512 bytes |
//!
//! Each limit holds for the escaped text, so that their sum bounds the line.

mod output;
mod time;

mod escape;

mod format;
mod value;

mod field_buffer;

mod buffers;
mod line;

mod panics;

mod log_bridge;

#[cfg(feature = "testing")]
mod capture;

mod filter;
mod layer;

use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::config::{LogFormat, LogsConfig};
use crate::record::clock::Clock;
use format::LineFormat;
use layer::LogLayer;

#[cfg(feature = "testing")]
pub use capture::LogLine;
#[cfg(feature = "testing")]
pub(crate) use capture::{CaptureLayer, CapturedLines};
pub use filter::LevelHandle;
pub(crate) use log_bridge::install_logger;
#[cfg(feature = "otlp")]
pub(crate) use log_bridge::with_own_target;
pub use output::LogWriter;
pub(crate) use output::LogWriters;
pub(crate) use panics::PanicLog;
pub use panics::log_panics;
#[cfg(feature = "axum")]
pub(crate) use time::rfc3339;

/// A layer that writes every event as a line, and the handle that changes its levels.
///
/// The levels are this layer's own: other layers of the subscriber see what they want to see.
/// For services that set up their subscriber themselves.
///
/// ```
/// use tracing_subscriber::layer::SubscriberExt;
/// use vantage_obs::{config, logs};
///
/// let settings = config::LogsConfig::default();
/// let (layer, levels) = logs::layer(&settings, "vantage-api", logs::LogWriter::stdout());
/// let subscriber = tracing_subscriber::registry().with(layer);
/// tracing::subscriber::with_default(subscriber, || {
///     tracing::info!(post = 7, "published");
///     levels.set("info,vantage_api::db=debug")
/// })?;
/// assert_eq!(levels.current().to_string(), "info,vantage_api::db=debug");
/// # Ok::<(), config::LogLevelsError>(())
/// ```
pub fn layer<S>(
    settings: &LogsConfig,
    service: &str,
    output: LogWriter,
) -> (impl Layer<S> + Send + Sync + 'static, LevelHandle)
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let levels = LevelHandle::new(settings.level.clone());
    let layer = layer_with_levels(settings, service, output, Clock::system(), &levels);
    (layer, levels)
}

/// Returns the same with a given clock, and levels that another handle controls already.
pub(crate) fn layer_with_levels<S>(
    settings: &LogsConfig,
    service: &str,
    output: LogWriter,
    clock: Clock,
    levels: &LevelHandle,
) -> impl Layer<S> + Send + Sync + 'static + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let format = line_format(settings.format, &output);
    LogLayer::new(format, service, output, clock).with_filter(levels.filter())
}

/// Colours are for a terminal; a file with escape sequences can't be searched.
fn line_format(format: LogFormat, output: &LogWriter) -> LineFormat {
    match format {
        LogFormat::Auto if !output.is_terminal() => LineFormat::Json,
        LogFormat::Json => LineFormat::Json,
        LogFormat::Text | LogFormat::Auto if output.has_colour() => LineFormat::Coloured,
        LogFormat::Text | LogFormat::Auto => LineFormat::Text,
    }
}

#[cfg(test)]
mod tests;
