//! The window of a declaration: a length, or a calendar's.

use jiff::tz::TimeZone;

use super::super::window::{CalendarPeriod, CalendarWindow};
use super::super::{SloFault, SloProblem, SloWindow};
use super::fields::{Faults, ObjectFields};
use crate::model::string_enum::StringEnum;

const KEYS: &[&str] = &["calendar", "time_zone"];

const ALLOWED_ZONES: &str = "a name of the IANA database, such as \"Europe/Berlin\", that this machine's \
                     zoneinfo has; \"UTC\" is always there";

/// Reads the window; `None` after at least one fault.
pub(super) fn read_window(fields: &ObjectFields<'_>, faults: &mut Faults) -> Option<SloWindow> {
    let value = fields.get("window");
    // An object is a calendar's; anything else is read as a length, whose fault names both forms.
    if let Some(value) = value.filter(|value| value.get().starts_with('{')) {
        let path = fields.path_to("window");
        let calendar = ObjectFields::read(fields.file(), path, value, faults)?;
        return read_calendar(&calendar, faults).map(SloWindow::Calendar);
    }
    faults.ok(read_rolling(fields))
}

fn read_rolling(fields: &ObjectFields<'_>) -> Result<SloWindow, SloFault> {
    let fault = |problem| fields.fault("window", problem, SloWindow::ALLOWED);
    let text = fields.string("window", SloWindow::ALLOWED)?;
    let text = text.ok_or_else(|| fault(SloProblem::Missing))?;
    SloWindow::parse_rolling(&text).ok_or_else(|| fault(SloProblem::InvalidWindow))
}

fn read_calendar(fields: &ObjectFields<'_>, faults: &mut Faults) -> Option<CalendarWindow> {
    let before = faults.len();
    fields.reject_unknown_keys(KEYS, faults);
    let period = faults.ok(read_period(fields));
    let zone = faults.ok(read_time_zone(fields));
    (faults.len() == before).then(|| Some(CalendarWindow::new(period?, zone?)))?
}

fn read_period(fields: &ObjectFields<'_>) -> Result<CalendarPeriod, SloFault> {
    fields.required_choice("calendar", CalendarPeriod::ALL, SloProblem::UnknownPeriod)
}

/// Reads the time zone. Default: UTC.
fn read_time_zone(fields: &ObjectFields<'_>) -> Result<TimeZone, SloFault> {
    match fields.string("time_zone", ALLOWED_ZONES)?.as_deref() {
        None | Some("UTC") => Ok(TimeZone::UTC),
        Some(name) => TimeZone::get(name)
            .map_err(|_| fields.fault("time_zone", SloProblem::UnknownTimeZone, ALLOWED_ZONES)),
    }
}
