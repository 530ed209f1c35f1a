//! A component for display.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::super::display_time::DisplayTime;
use super::day_bars::{DayBar, day_bars};
use super::labels::state_tone;
use crate::model::status::{ComponentState, ComponentStatus, StateDurations};
use crate::model::units::format_duration_spaced;

/// A component for display.
#[derive(Debug)]
pub(super) struct ComponentView {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) tone: &'static str,
    pub(super) state: &'static str,
    /// Start of the state, unless it is operational or without data.
    pub(super) since: Option<DisplayTime>,
    /// True during maintenance, if its state doesn't say so.
    pub(super) also_maintained: bool,
    pub(super) days: Vec<DayBar>,
    pub(super) first_day: String,
    /// The bars in one sentence.
    pub(super) summary: String,
    /// Uptime in percent, or `unknown`.
    pub(super) uptime: String,
    /// The time up and down, and that which is left out.
    pub(super) times: String,
}

impl ComponentView {
    pub(super) fn new(component: &ComponentStatus, zone: &TimeZone) -> Self {
        let (state, seconds) = (component.state, &component.seconds);
        let name = component.name.to_string();
        let days = day_bars(&component.days);
        let is_normal = matches!(state, ComponentState::Operational | ComponentState::NoData);
        Self {
            key: component.key.to_string(),
            description: component.description.as_deref().map(str::to_owned),
            tone: state_tone(state),
            state: state.label(),
            since: (!is_normal).then(|| DisplayTime::new(component.since, zone)),
            also_maintained: component.in_maintenance && state != ComponentState::UnderMaintenance,
            first_day: first_day(component),
            summary: summary(&name, &days),
            uptime: seconds
                .uptime()
                .map_or_else(|| "unknown".into(), |uptime| format!("{uptime}\u{a0}%")),
            times: times(seconds),
            days,
            name,
        }
    }

    /// Returns descriptions of the days that need attention, the newest first.
    pub(super) fn bad_days(&self) -> impl Iterator<Item = &str> {
        let days = self.days.iter().rev().filter(|day| day.needs_attention);
        days.map(|day| day.text.as_str())
    }
}

/// Returns a text such as `Up 9 m 48 s, down 0 s; no data for 2 d`.
fn times(seconds: &StateDurations) -> String {
    let time = |seconds| format_duration_spaced(Duration::from_secs(seconds));
    let mut text = format!("Up {}, down {}", time(seconds.up()), time(seconds.down()));
    let left_out = [
        ("maintenance", seconds.maintenance),
        ("no data", seconds.no_data),
    ];
    let mut separator = ';';
    for (name, seconds) in left_out {
        if seconds > 0 {
            text.push_str(&format!("{separator} {name} for {}", time(seconds)));
            separator = ',';
        }
    }
    text
}

fn first_day(component: &ComponentStatus) -> String {
    let first = component.days.first();
    first.map_or_else(String::new, |day| day.date.strftime("%-d %b").to_string())
}

/// Describes the bars of all days in one sentence.
fn summary(name: &str, days: &[DayBar]) -> String {
    let bad = days.iter().filter(|day| day.needs_attention).count();
    let unknown = days.iter().filter(|day| day.tone == "none").count();
    let mut text = format!("{name}, the last {} days: ", days.len());
    match bad {
        0 => text.push_str("no problems"),
        1 => text.push_str("problems on one day"),
        many => text.push_str(&format!("problems on {many} days")),
    }
    if unknown > 0 {
        text.push_str(&format!(", {unknown} without data"));
    }
    text
}
