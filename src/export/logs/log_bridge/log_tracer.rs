//! Events of tracing-log, where a service brings that itself: `tracing_subscriber`'s `init` sets it up.

use std::fmt::{Debug, Write as _};

use tracing::Event;
use tracing::field::{Field, Visit};

use super::call_sites::{CALL_SITES, Place};

/// The fields in which such an event describes its record.
#[derive(Debug, Default)]
struct LogTracerFields {
    message: String,
    target: Option<String>,
    module_path: Option<String>,
    file: Option<String>,
    line: Option<u32>,
}

/// Hands on an event, with its real target and place where it is a record that tracing-log has passed on.
pub(crate) fn with_own_target(event: &Event<'_>, handle: impl FnOnce(&Event<'_>)) {
    let metadata = event.metadata();
    if metadata.target() != "log" || metadata.name() != "log record" {
        return handle(event);
    }
    let mut fields = LogTracerFields::default();
    event.record(&mut fields);
    // A record of our own, past the limit of call sites, has no place.
    let Some(target) = fields
        .target
        .filter(|_| fields.module_path.is_some() || fields.file.is_some())
    else {
        return handle(event);
    };
    let place = Place {
        target: &target,
        level: *metadata.level(),
        file: fields.file.as_deref(),
        line: fields.line,
    };
    let call_site = CALL_SITES.for_place(place, fields.module_path.as_deref());
    call_site.with_event(&target, &format_args!("{}", fields.message), handle);
}

impl Visit for LogTracerFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        let text = || Some(value.to_owned());
        match field.name() {
            "log.target" => self.target = text(),
            "log.module_path" => self.module_path = text(),
            "log.file" => self.file = text(),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "log.line" {
            self.line = u32::try_from(value).ok();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            // A value that can't be shown leaves what it has shown.
            let _ = write!(self.message, "{value:?}");
        }
    }
}
