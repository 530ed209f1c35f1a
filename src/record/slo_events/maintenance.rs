//! The events of declared maintenance, kept apart from those that objectives count.
//!
//! Recording doesn't know of it: a counter goes on counting, and its total is split where it is exported.
//! From the start of a maintenance to its end the counted part stands still.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use crate::model::slo::TimeRange;
use crate::model::slo::maintenance::{SloMaintenance, current_or_next};
use crate::record::sync::lock;

/// The declared maintenance of a process, as of its last update. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeclaredMaintenance(Arc<Mutex<MaintenanceStatus>>);

/// The declared maintenance of a process at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MaintenanceStatus {
    /// `true` if any is declared, of whatever time.
    pub(crate) declared: bool,
    /// `true` while it goes on.
    pub(crate) active: bool,
    /// The one that goes on or comes next.
    pub(crate) range: Option<TimeRange>,
}

/// Good and bad events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GoodAndBad {
    pub(crate) good: u64,
    pub(crate) bad: u64,
}

/// The part of a counter's events that belongs to maintenance.
#[derive(Debug, Default)]
pub(super) struct MaintenanceEvents(Mutex<Split>);

#[derive(Debug, Default)]
struct Split {
    /// The events of maintenance that is over.
    ended: GoodAndBad,
    /// The counter at the start of the one that goes on.
    began_at: Option<GoodAndBad>,
}

impl DeclaredMaintenance {
    pub(crate) fn status(&self) -> MaintenanceStatus {
        *lock(&self.0)
    }

    /// Updates the status to this moment and returns whether maintenance goes on.
    pub(super) fn update(&self, all: &[SloMaintenance], now: Timestamp) -> bool {
        let range = current_or_next(all, now);
        let active = range.is_some_and(|range| range.start <= now);
        *lock(&self.0) = MaintenanceStatus {
            declared: !all.is_empty(),
            active,
            range,
        };
        active
    }
}

impl GoodAndBad {
    const fn saturating_sub(self, before: Self) -> Self {
        Self {
            good: self.good.saturating_sub(before.good),
            bad: self.bad.saturating_sub(before.bad),
        }
    }

    const fn saturating_add(self, more: Self) -> Self {
        Self {
            good: self.good.saturating_add(more.good),
            bad: self.bad.saturating_add(more.bad),
        }
    }
}

impl MaintenanceEvents {
    /// Begins or ends the part of maintenance at this value of the counter; does nothing where it has begun
    /// or ended already.
    pub(super) fn set_active(&self, active: bool, read: impl FnOnce() -> GoodAndBad) {
        let mut split = lock(&self.0);
        match (split.began_at, active) {
            (None, true) => split.began_at = Some(read()),
            (Some(began_at), false) => {
                let during = read().saturating_sub(began_at);
                split.ended = split.ended.saturating_add(during);
                split.began_at = None;
            }
            _ => {}
        }
    }

    /// Returns the counted events and those of maintenance. Neither ever falls.
    pub(super) fn split(&self, read: impl FnOnce() -> GoodAndBad) -> (GoodAndBad, GoodAndBad) {
        let split = lock(&self.0);
        let all = read();
        let during = split
            .began_at
            .map_or(GoodAndBad::default(), |at| all.saturating_sub(at));
        let excluded = split.ended.saturating_add(during);
        (all.saturating_sub(excluded), excluded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn events(good: u64, bad: u64) -> GoodAndBad {
        GoodAndBad { good, bad }
    }

    #[test]
    fn a_counted_part_stands_still_during_maintenance_and_goes_on_after_it() {
        let part = MaintenanceEvents::default();
        let split = |good, bad| part.split(|| events(good, bad));
        assert_eq!(split(10, 1), (events(10, 1), events(0, 0)));
        part.set_active(true, || events(10, 1));
        assert_eq!(split(12, 9), (events(10, 1), events(2, 8)));
        // A second look at the same maintenance doesn't begin it anew.
        part.set_active(true, || events(12, 9));
        part.set_active(false, || events(13, 9));
        part.set_active(false, || events(20, 10));
        assert_eq!(split(20, 10), (events(17, 2), events(3, 8)));
        part.set_active(true, || events(20, 10));
        assert_eq!(split(21, 10), (events(17, 2), events(4, 8)));
    }

    #[test]
    fn maintenance_is_known_before_it_begins_and_ends_with_all_that_touches_it() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let all = [
            SloMaintenance::new(at(100), at(200), "move").unwrap(),
            SloMaintenance::new(at(150), at(300), "longer").unwrap(),
            SloMaintenance::new(at(500), at(600), "again").unwrap(),
        ];
        let declared = DeclaredMaintenance::default();
        let range = |start, end| Some(TimeRange::new(at(start), at(end)));
        for (now, active, expected) in [
            (0, false, range(100, 300)),
            (99, false, range(100, 300)),
            (100, true, range(100, 300)),
            (299, true, range(100, 300)),
            (300, false, range(500, 600)),
            (600, false, None),
        ] {
            assert_eq!(declared.update(&all, at(now)), active, "{now}");
            assert_eq!(declared.status().range, expected, "{now}");
        }
        declared.update(&[], at(0));
        assert_eq!(declared.status(), MaintenanceStatus::default());
    }
}
