//! Records of the `log` crate as `tracing` events, with the target, level and place that they have.
//!
//! Why not tracing-log? Its events have one call site for each level, with the target `log`; the real one is a
//! field, which a subscriber has to know of, and OpenTelemetry's bridge doesn't. So each place of the code
//! that logs is made a call site when it logs first: every layer and every filter sees its records as it sees
//! `tracing`'s events, and remembers whether it wants them.

mod call_sites;
mod log_tracer;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use log::{Log, Metadata, Record};
use tracing::level_filters::LevelFilter;
use tracing::{Level, dispatcher};

use super::LogWriters;
use call_sites::{CALL_SITES, CallSites, LogCallSite, Place};
pub(crate) use log_tracer::with_own_target;

/// The time that `log::logger().flush()` waits for lines to be written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// `true` once the process's logger is ours.
static INSTALLED: AtomicBool = AtomicBool::new(false);

/// A logger that hands records to the present `tracing` subscriber.
#[derive(Debug)]
pub(super) struct LogBridge {
    call_sites: &'static CallSites,
    writers: LogWriters,
}

/// Makes the records of the `log` crate events of the process's subscriber; returns `false` where the process
/// has a logger already.
pub(crate) fn install_logger(writers: LogWriters) -> bool {
    let bridge = LogBridge {
        call_sites: &CALL_SITES,
        writers,
    };
    if log::set_boxed_logger(Box::new(bridge)).is_err() {
        return false;
    }
    INSTALLED.store(true, Ordering::Relaxed);
    update_max_level();
    true
}

/// Lets those records be made that the subscriber wants, and no others, where the logger is ours.
pub(super) fn update_max_level() {
    if INSTALLED.load(Ordering::Relaxed) {
        log::set_max_level(max_level(LevelFilter::current()));
    }
}

fn max_level(level: LevelFilter) -> log::LevelFilter {
    match level {
        LevelFilter::OFF => log::LevelFilter::Off,
        LevelFilter::ERROR => log::LevelFilter::Error,
        LevelFilter::WARN => log::LevelFilter::Warn,
        LevelFilter::INFO => log::LevelFilter::Info,
        LevelFilter::DEBUG => log::LevelFilter::Debug,
        LevelFilter::TRACE => log::LevelFilter::Trace,
    }
}

impl LogBridge {
    fn call_site(&self, record: &Record<'_>) -> &'static LogCallSite {
        let place = Place {
            target: record.target(),
            level: level(record.level()),
            file: record.file(),
            line: record.line(),
        };
        self.call_sites.for_place(place, record.module_path())
    }
}

impl Log for LogBridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let record = Record::builder().metadata(metadata.clone()).build();
        self.call_site(&record).may_be_enabled()
    }

    fn log(&self, record: &Record<'_>) {
        let call_site = self.call_site(record);
        if !call_site.is_enabled() {
            return;
        }
        call_site.with_event(record.target(), record.args(), |event| {
            dispatcher::get_default(|subscriber| subscriber.event(event));
        });
    }

    fn flush(&self) {
        self.writers.flush(FLUSH_TIMEOUT);
    }
}

const fn level(level: log::Level) -> Level {
    match level {
        log::Level::Error => Level::ERROR,
        log::Level::Warn => Level::WARN,
        log::Level::Info => Level::INFO,
        log::Level::Debug => Level::DEBUG,
        log::Level::Trace => Level::TRACE,
    }
}

#[cfg(test)]
mod tests;
