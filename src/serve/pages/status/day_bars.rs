//! A component's days as bars, told apart by height, pattern and text, beside colour.

use std::time::Duration;

use super::labels::state_tone;
use crate::model::status::{ComponentState, UptimeDay};
use crate::model::units::format_duration_spaced;

/// The width of a bar with the space to the next.
const STEP: usize = 5;
/// The height of the drawing, which the worst state has.
const HEIGHT: u32 = 30;

/// The bar of one day.
#[derive(Debug)]
pub(super) struct DayBar {
    pub(super) tone: &'static str,
    pub(super) x: usize,
    pub(super) y: u32,
    /// Description of the day.
    pub(super) text: String,
    pub(super) needs_attention: bool,
}

pub(super) fn day_bars(days: &[UptimeDay]) -> Vec<DayBar> {
    let bar = |(index, day): (usize, &UptimeDay)| {
        let worst = day.seconds.worst();
        DayBar {
            tone: state_tone(worst),
            // By the place and not by the date: days of 23 and 25 hours are as wide as others.
            x: index * STEP,
            y: HEIGHT - bar_height(worst),
            text: day_text(day),
            needs_attention: worst.needs_attention(),
        }
    };
    days.iter().enumerate().map(bar).collect()
}

/// Returns the height: a worse state is higher, so that it stands out in black and white too.
const fn bar_height(state: ComponentState) -> u32 {
    match state {
        ComponentState::NoData => 10,
        ComponentState::Operational => 20,
        ComponentState::UnderMaintenance => 22,
        ComponentState::DegradedPerformance => 25,
        ComponentState::PartialOutage => 28,
        ComponentState::MajorOutage => HEIGHT,
    }
}

/// Describes a day in words: its worst state, for how long, and its uptime.
fn day_text(day: &UptimeDay) -> String {
    let date = day.date.strftime("%-d %b");
    let worst = day.seconds.worst();
    let mut text = format!("{date}: {}", worst.label().to_lowercase());
    let lasted = day.seconds.in_state(worst);
    if worst.needs_attention() {
        text.push_str(&format!(
            " for {}",
            format_duration_spaced(Duration::from_secs(lasted))
        ));
    }
    match day.seconds.uptime() {
        Some(uptime) if day.seconds.down() > 0 => text.push_str(&format!(", {uptime} % up")),
        _ => {}
    }
    if day.seconds.outage_in_maintenance > 0 {
        text.push_str(", partly in announced maintenance");
    }
    text
}
