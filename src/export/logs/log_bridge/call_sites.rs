//! The call sites of `tracing` that records of the `log` crate have.
//!
//! A call site lives as long as its process, so that their number has a limit. Past it, and where a target is
//! made at run time and long, a record has the target `log`, and its own in the field `log.target`.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use arc_swap::ArcSwap;
use hashbrown::HashMap;
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

/// The call sites of the process.
pub(super) static CALL_SITES: LazyLock<CallSites> = LazyLock::new(CallSites::default);

/// A place of the code that logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place<'a> {
    pub(super) target: &'a str,
    pub(super) level: Level,
    pub(super) file: Option<&'a str>,
    pub(super) line: Option<u32>,
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
    /// Returns the call site of a place, made if it is new.
    pub(super) fn for_place(
        &self,
        place: Place<'_>,
        module_path: Option<&str>,
    ) -> &'static LogCallSite {
        self.find(&place)
            .unwrap_or_else(|| self.insert(place, module_path))
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

    fn shared(&self, level: Level) -> &'static LogCallSite {
        let shared = &self.shared[match level {
            Level::ERROR => 0,
            Level::WARN => 1,
            Level::INFO => 2,
            Level::DEBUG => 3,
            Level::TRACE => 4,
        }];
        if let Some(call_site) = shared.get() {
            return call_site;
        }
        let place = Place {
            target: SHARED_TARGET,
            level,
            file: None,
            line: None,
        };
        let call_site = LogCallSite::new(place, None, SHARED_FIELDS);
        // Where another thread was first, its call site is the one from now on.
        let _ = shared.set(call_site);
        callsite::register(call_site);
        call_site
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
            place.level,
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

    /// Returns `true` if the subscriber wants a record of this place now.
    pub(super) fn is_enabled(&self) -> bool {
        match self.interest.load(Ordering::Relaxed) {
            NEVER => false,
            ALWAYS => true,
            _ => dispatcher::get_default(|subscriber| subscriber.enabled(self.metadata())),
        }
    }

    /// Makes the event of a record with this target, and hands it on.
    pub(super) fn with_event(
        &'static self,
        target: &str,
        message: &dyn Value,
        handle: impl FnOnce(&Event<'_>),
    ) {
        let metadata = self.metadata();
        let fields = metadata.fields();
        let mut names = fields.iter();
        match (names.next(), names.next()) {
            (Some(name), None) => {
                let values = [(&name, Some(message))];
                handle(&Event::new(metadata, &fields.value_set(&values)));
            }
            (Some(name), Some(target_name)) => {
                let values = [
                    (&name, Some(message)),
                    (&target_name, Some(&target as &dyn Value)),
                ];
                handle(&Event::new(metadata, &fields.value_set(&values)));
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
