//! A component's days as bars: by height, pattern and text, beside colour.

use std::time::Duration;

use super::super::numbers::spoken;
use super::words::tone_of_state;
use crate::model::status::{ComponentState, Day};

/// The width of a bar with the space to the next.
const STEP: usize = 5;
/// The height of the drawing, which the worst state has.
const HEIGHT: u32 = 30;

/// One day.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) tone: &'static str,
    pub(super) x: usize,
    pub(super) y: u32,
    /// What was on that day, in words.
    pub(super) text: String,
    pub(super) trouble: bool,
}

pub(super) fn bars(days: &[Day]) -> Vec<Bar> {
    let bar = |(index, day): (usize, &Day)| {
        let worst = day.seconds.worst();
        Bar {
            tone: tone_of_state(worst),
            x: index * STEP,
            y: HEIGHT - height(worst),
            text: text(day),
            trouble: worst.is_trouble(),
        }
    };
    days.iter().enumerate().map(bar).collect()
}

/// Worse is higher, so that trouble stands out in black and white too.
const fn height(state: ComponentState) -> u32 {
    match state {
        ComponentState::NoData => 10,
        ComponentState::Operational => 20,
        ComponentState::UnderMaintenance => 22,
        ComponentState::DegradedPerformance => 25,
        ComponentState::PartialOutage => 28,
        ComponentState::MajorOutage => HEIGHT,
    }
}

fn text(day: &Day) -> String {
    let date = day.date.strftime("%-d %b");
    let worst = day.seconds.worst();
    let mut text = format!("{date}: {}", worst.label().to_lowercase());
    let lasted = day.seconds.of(worst);
    if worst.is_trouble() {
        text.push_str(&format!(" for {}", spoken(Duration::from_secs(lasted))));
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
