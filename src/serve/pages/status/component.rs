//! A component as it is shown.

use jiff::tz::TimeZone;

use super::super::moment::Moment;
use super::super::numbers::grouped;
use super::bars::{Bar, bars};
use super::words::{readable, tone_of_state};
use crate::model::status::{Component, ComponentState};

/// A component as it is shown.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) tone: &'static str,
    pub(super) state: &'static str,
    /// Since when, where that is worth a word.
    pub(super) since: Option<Moment>,
    /// Whether it is worked on, where its state doesn't say so.
    pub(super) also_maintained: bool,
    pub(super) days: Vec<Bar>,
    pub(super) first_day: String,
    /// The bars in one sentence.
    pub(super) summary: String,
    /// With its sign, or a word where nothing counts.
    pub(super) uptime: String,
    /// Seconds: up, down, maintenance, no data.
    pub(super) seconds: [String; 4],
}

impl Shown {
    pub(super) fn of(component: &Component, zone: &TimeZone) -> Self {
        let (state, seconds) = (component.state, &component.seconds);
        let name = readable(&component.name);
        let days = bars(&component.days);
        let calm = matches!(state, ComponentState::Operational | ComponentState::NoData);
        Self {
            key: readable(&component.key),
            description: component.description.as_deref().map(readable),
            tone: tone_of_state(state),
            state: state.label(),
            since: (!calm).then(|| Moment::new(component.since, zone)),
            also_maintained: component.in_maintenance && state != ComponentState::UnderMaintenance,
            first_day: first_day(component),
            summary: summary(&name, &days),
            uptime: seconds
                .uptime()
                .map_or_else(|| "unknown".into(), |uptime| format!("{uptime} %")),
            seconds: [
                seconds.up(),
                seconds.down(),
                seconds.maintenance,
                seconds.no_data,
            ]
            .map(grouped),
            days,
            name,
        }
    }

    /// The days with trouble, the newest first.
    pub(super) fn troubles(&self) -> impl Iterator<Item = &str> {
        let days = self.days.iter().rev().filter(|day| day.trouble);
        days.map(|day| day.text.as_str())
    }
}

fn first_day(component: &Component) -> String {
    let first = component.days.first();
    first.map_or_else(String::new, |day| day.date.strftime("%-d %b").to_string())
}

fn summary(name: &str, days: &[Bar]) -> String {
    let troubled = days.iter().filter(|day| day.trouble).count();
    let unknown = days.iter().filter(|day| day.tone == "none").count();
    let mut text = format!("{name}, the last {} days: ", days.len());
    match troubled {
        0 => text.push_str("no trouble"),
        1 => text.push_str("trouble on one day"),
        many => text.push_str(&format!("trouble on {many} days")),
    }
    if unknown > 0 {
        text.push_str(&format!(", {unknown} without data"));
    }
    text
}
