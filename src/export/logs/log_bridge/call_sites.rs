//! The call sites of `tracing` that records of the `log` crate have.
//!
//! A call site lives as long as its process, so that their number has a limit. Past it, and where a target is
//! made at run time and long, a record has the target `log`, and its own in the field `log.target`.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use arc_swap::ArcSwap;
use hashbrown::HashMap;
use log::Record;
use tracing::callsite::{self, Callsite, DefaultCallsite, Identifier};
use tracing::field::{FieldSet, Value};
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, dispatcher};

use crate::record::sync::lock;

/// The most places of the code that have a call site of their own.
pub(super) const MAX_CALL_SITES: usize = 2_000;
/// The longest target of a call site, in bytes.
const MAX_TARGET_BYTES: usize = 256;

const SHARED_TARGET: &str = "log";
const FIELDS: &[&str] = &["message"];
const SHARED_FIELDS: &[&str] = &["message", "log.target"];

/// The call sites that were needed so far.
#[derive(Debug, Default)]
pub(super) struct CallSites {
    by_place: ArcSwap<HashMap<Place<'static>, &'static LogCallSite>>,
    /// The call site of each level for records without one of their own.
    shared: [OnceLock<&'static LogCallSite>; 5],
    insert_lock: Mutex<()>,
}

/// A place of the code that logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Place<'a> {
    target: &'a str,
    level: log::Level,
    file: Option<&'a str>,
    line: Option<u32>,
}

/// A call site that was made while the process runs.
#[derive(Debug)]
pub(super) struct LogCallSite {
    /// Set before anything sees the call site: the two name each other.
    metadata: OnceLock<Metadata<'static>>,
    interest: AtomicU8,
}

const NEVER: u8 = 0;
const SOMETIMES: u8 = 1;
const ALWAYS: u8 = 2;

/// The metadata of a call site before it has its own.
static UNSET: Metadata<'static> = Metadata::new(
    "log record",
    SHARED_TARGET,
    Level::ERROR,
    None,
    None,
    None,
    FieldSet::new(FIELDS, Identifier(&UNSET_CALL_SITE)),
    Kind::EVENT,
);
static UNSET_CALL_SITE: DefaultCallsite = DefaultCallsite::new(&UNSET);

impl CallSites {
    /// Returns the call site of a record, made if it is new.
    pub(super) fn for_record(&self, record: &Record<'_>) -> &'static LogCallSite {
        let place = Place {
            target: record.target(),
            level: record.level(),
            file: record.file(),
            line: record.line(),
        };
        self.find(&place)
            .unwrap_or_else(|| self.insert(place, record.module_path()))
    }

    fn find(&self, place: &Place<'_>) -> Option<&'static LogCallSite> {
        let known = self.by_place.load();
        let known: &HashMap<Place<'_>, &'static LogCallSite> = &known;
        known.get(place).copied()
    }

    #[cold]
    fn insert(&self, place: Place<'_>, module_path: Option<&str>) -> &'static LogCallSite {
        if place.target.len() > MAX_TARGET_BYTES {
            return self.shared(place.level);
        }
        let inserting = lock(&self.insert_lock);
        if let Some(call_site) = self.find(&place) {
            return call_site;
        }
        let known = self.by_place.load_full();
        if known.len() >= MAX_CALL_SITES {
            return self.shared(place.level);
        }
        let place = place.leak();
        let call_site = LogCallSite::new(place, module_path.map(leak), FIELDS);
        let mut grown = HashMap::clone(&known);
        grown.insert(place, call_site);
        self.by_place.store(Arc::new(grown));
        // A layer that is asked for its interest may log.
        drop(inserting);
        callsite::register(call_site);
        call_site
    }

    fn shared(&self, level: log::Level) -> &'static LogCallSite {
        let place = Place {
            target: SHARED_TARGET,
            level,
            file: None,
            line: None,
        };
        let shared = &self.shared[level as usize - 1];
        match shared.get() {
            Some(call_site) => call_site,
            None => {
                let call_site = LogCallSite::new(place, None, SHARED_FIELDS);
                match shared.set(call_site) {
                    Ok(()) => callsite::register(call_site),
                    // Another thread was first, and its call site is the one from now on.
                    Err(_) => {}
                }
                call_site
            }
        }
    }
}

impl Place<'_> {
    fn leak(self) -> Place<'static> {
        Place {
            target: leak(self.target),
            level: self.level,
            file: self.file.map(leak),
            line: self.line,
        }
    }

    /// The name of its events, as the macros of `tracing` make it.
    fn event_name(&self) -> &'static str {
        match (self.file, self.line) {
            (Some(file), Some(line)) => String::leak(format!("event {file}:{line}")),
            _ => "log record",
        }
    }
}

fn leak(text: &str) -> &'static str {
    String::leak(text.to_owned())
}

impl LogCallSite {
    fn new(
        place: Place<'static>,
        module_path: Option<&'static str>,
        fields: &'static [&'static str],
    ) -> &'static Self {
        let call_site: &'static Self = Box::leak(Box::new(Self {
            metadata: OnceLock::new(),
            interest: AtomicU8::new(SOMETIMES),
        }));
        let _ = call_site.metadata.set(Metadata::new(
            place.event_name(),
            place.target,
            level(place.level),
            place.file,
            place.line,
            module_path,
            FieldSet::new(fields, Identifier(call_site)),
            Kind::EVENT,
        ));
        call_site
    }

    fn metadata(&self) -> &Metadata<'static> {
        self.metadata.get().unwrap_or(&UNSET)
    }

    /// Returns `false` if nothing wants the records of this place. The subscriber isn't asked again: without
    /// an event to follow, its filters would keep their answer for another one.
    pub(super) fn may_be_enabled(&self) -> bool {
        self.interest.load(Ordering::Relaxed) != NEVER
    }

    /// Hands a record to the subscriber, if it wants it.
    pub(super) fn dispatch(&'static self, record: &Record<'_>) {
        let metadata = self.metadata();
        let enabled = match self.interest.load(Ordering::Relaxed) {
            NEVER => false,
            ALWAYS => true,
            _ => dispatcher::get_default(|subscriber| subscriber.enabled(metadata)),
        };
        if !enabled {
            return;
        }
        let fields = metadata.fields();
        let message: &dyn Value = record.args();
        let mut names = fields.iter();
        match (names.next(), names.next()) {
            (Some(name), None) => {
                Event::dispatch(metadata, &fields.value_set(&[(&name, Some(message))]));
            }
            (Some(name), Some(target_name)) => {
                let target: &dyn Value = &record.target();
                let values = [(&name, Some(message)), (&target_name, Some(target))];
                Event::dispatch(metadata, &fields.value_set(&values));
            }
            _ => {}
        }
    }
}

impl Callsite for LogCallSite {
    fn set_interest(&self, interest: Interest) {
        let interest = if interest.is_never() {
            NEVER
        } else if interest.is_always() {
            ALWAYS
        } else {
            SOMETIMES
        };
        self.interest.store(interest, Ordering::Relaxed);
    }

    fn metadata(&self) -> &Metadata<'_> {
        Self::metadata(self)
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
