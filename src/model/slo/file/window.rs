//! The window of a declaration: a length, or a calendar's.

use jiff::tz::TimeZone;

use super::super::window::{Calendar, Period};
use super::super::{Fault, Problem, Window};
use super::fields::Fields;
use super::unknown;

const KEYS: &[&str] = &["calendar", "time_zone"];

const ZONES: &str = "a name of the IANA database, such as \"Europe/Berlin\", that this machine's \
                     zoneinfo has; \"UTC\" is always there";

/// The window, or `None` after at least one fault.
pub(super) fn read(fields: &Fields<'_>, faults: &mut Vec<Fault>) -> Option<Window> {
    let value = fields.get("window");
    if let Some(value) = value.filter(|value| value.get().starts_with('{')) {
        let path = fields.path_of("window");
        let calendar = Fields::read(fields.file(), path, value, faults)?;
        return read_calendar(&calendar, faults).map(Window::Calendar);
    }
    rolling(fields).map_err(|fault| faults.push(fault)).ok()
}

fn rolling(fields: &Fields<'_>) -> Result<Window, Fault> {
    let fault = |problem| fields.fault("window", problem, Window::ALLOWED);
    let text = fields.string("window", Window::ALLOWED)?;
    let text = text.ok_or_else(|| fault(Problem::Missing))?;
    Window::parse(&text).ok_or_else(|| fault(Problem::InvalidWindow))
}

fn read_calendar(fields: &Fields<'_>, faults: &mut Vec<Fault>) -> Option<Calendar> {
    let strangers = fields.entries().filter(|(key, _)| !KEYS.contains(key));
    let before = faults.len();
    faults.extend(strangers.map(|(key, _)| unknown(fields, key, Problem::UnknownKey, KEYS)));
    let period = period(fields).map_err(|fault| faults.push(fault)).ok();
    let zone = zone(fields).map_err(|fault| faults.push(fault)).ok();
    (faults.len() == before).then(|| Some(Calendar::new(period?, zone?)))?
}

fn period(fields: &Fields<'_>) -> Result<Period, Fault> {
    let allowed = Period::ALL.map(Period::as_str).join(", ");
    let text = fields.string("calendar", &allowed)?;
    let text = text.ok_or_else(|| fields.fault("calendar", Problem::Missing, &allowed))?;
    let period = Period::ALL
        .into_iter()
        .find(|period| period.as_str() == text);
    period.ok_or_else(|| fields.fault("calendar", Problem::UnknownPeriod, &allowed))
}

/// UTC unless the file says otherwise.
fn zone(fields: &Fields<'_>) -> Result<TimeZone, Fault> {
    match fields.string("time_zone", ZONES)?.as_deref() {
        None | Some("UTC") => Ok(TimeZone::UTC),
        Some(name) => TimeZone::get(name)
            .map_err(|_| fields.fault("time_zone", Problem::UnknownTimeZone, ZONES)),
    }
}
