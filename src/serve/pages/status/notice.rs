//! Incidents and maintenance for display.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::display_time::DisplayTime;
use super::labels::{impact_label, impact_tone};
use crate::model::status::{Impact, StatusId, StatusSnapshot};
use crate::model::units::format_duration_spaced;
use crate::serve::notice::Notice;
use crate::serve::time::Rfc3339Millis;

/// An incident or a maintenance for display.
#[derive(Debug)]
pub(super) struct NoticeView {
    pub(super) id: StatusId,
    pub(super) title: String,
    pub(super) tone: &'static str,
    /// `Investigating`, `Completed`.
    pub(super) status: &'static str,
    /// The worst impact, or `Maintenance`.
    pub(super) impact: &'static str,
    /// Start, end and duration.
    pub(super) time: String,
    /// Names of the components; in an unresolved incident each with its state.
    pub(super) affected: Vec<String>,
    /// Newest first.
    pub(super) updates: Vec<TimelineEntry>,
    /// `None` while it lasts.
    ended: Option<Timestamp>,
    /// Of its begin, in the page's time zone, such as `November 2026`.
    pub(super) month: String,
}

/// One entry of a timeline.
#[derive(Debug)]
pub(super) struct TimelineEntry {
    pub(super) status: &'static str,
    pub(super) at: DisplayTime,
    pub(super) body: String,
}

/// Returns unresolved incidents.
pub(super) fn unresolved(snapshot: &StatusSnapshot, zone: &TimeZone) -> Vec<NoticeView> {
    let unresolved = snapshot.unresolved().map(Notice::from_incident);
    unresolved
        .map(|notice| NoticeView::new(&notice, zone))
        .collect()
}

/// Returns maintenance that is active or upcoming, the next to begin first.
pub(super) fn planned(snapshot: &StatusSnapshot, zone: &TimeZone) -> Vec<NoticeView> {
    let planned = snapshot.maintenances.iter().map(Notice::from_maintenance);
    let mut planned: Vec<_> = planned.filter(|notice| !notice.is_over).collect();
    planned.sort_by_key(|notice| notice.started_at);
    planned
        .iter()
        .map(|notice| NoticeView::new(notice, zone))
        .collect()
}

/// Returns incidents and maintenance that have ended.
pub(super) fn ended(snapshot: &StatusSnapshot, zone: &TimeZone) -> Vec<NoticeView> {
    let mut ended = begun(snapshot, zone);
    ended.retain(|notice| notice.ended.is_some());
    ended
}

/// Returns everything that has begun, the newest first.
pub(super) fn begun(snapshot: &StatusSnapshot, zone: &TimeZone) -> Vec<NoticeView> {
    let begun = snapshot
        .maintenances
        .iter()
        .filter(|one| !one.is_upcoming());
    let incidents = snapshot.incidents.iter().map(Notice::from_incident);
    let mut begun: Vec<_> = incidents
        .chain(begun.map(Notice::from_maintenance))
        .collect();
    begun.sort_by_key(|notice| std::cmp::Reverse(notice.started_at));
    begun
        .iter()
        .map(|notice| NoticeView::new(notice, zone))
        .collect()
}

/// Groups notices by the names of their months.
pub(super) fn group_by_month(notices: Vec<NoticeView>) -> Vec<(String, Vec<NoticeView>)> {
    let mut months: Vec<(String, Vec<NoticeView>)> = Vec::new();
    for notice in notices {
        match months.last_mut() {
            Some((month, of_month)) if *month == notice.month => of_month.push(notice),
            _ => months.push((notice.month.clone(), vec![notice])),
        }
    }
    months
}

impl NoticeView {
    pub(super) fn new(notice: &Notice<'_>, zone: &TimeZone) -> Self {
        let Rfc3339Millis(began) = notice.started_at;
        let end = notice.ended_at.or(notice.scheduled_until);
        let end = end.map(|Rfc3339Millis(end)| end);
        let entries = notice.updates.iter().map(|update| TimelineEntry {
            status: update.status_label,
            at: DisplayTime::new(update.at.0, zone),
            body: update.body.to_owned(),
        });
        let with_states = !notice.is_over && notice.impact != Impact::Maintenance;
        let mut affected: Vec<_> = notice.affected.iter().collect();
        if with_states {
            affected.sort_by_key(|one| std::cmp::Reverse(one.state));
        }
        let affected = affected.into_iter().map(|one| {
            if with_states {
                format!("{} ({})", one.name, one.state.label().to_lowercase())
            } else {
                one.name.to_owned()
            }
        });
        Self {
            id: notice.id,
            title: notice.title.to_owned(),
            tone: if notice.is_over {
                "ok"
            } else {
                impact_tone(notice.impact)
            },
            status: notice.status_label,
            impact: impact_label(notice.impact),
            time: format_period(began, end, zone),
            affected: affected.collect(),
            updates: entries.collect(),
            ended: notice.is_over.then(|| end.unwrap_or(notice.updated_at.0)),
            month: began.to_zoned(zone.clone()).strftime("%B %Y").to_string(),
        }
    }

    /// Returns true if it ended at most this long ago.
    pub(super) fn ended_within(&self, now: Timestamp, max_age: Duration) -> bool {
        let age = self.ended.map(|ended| now.duration_since(ended));
        age.is_some_and(|age| Duration::try_from(age).unwrap_or_default() <= max_age)
    }
}

/// Formats begin, end and duration; the date of the end is left out where it is the same day.
fn format_period(began: Timestamp, ended: Option<Timestamp>, zone: &TimeZone) -> String {
    let from = DisplayTime::new(began, zone).text;
    let Some(ended) = ended else {
        return format!("since {from}");
    };
    let lasted = Duration::try_from(ended.duration_since(began)).unwrap_or_default();
    let same_day = ended.to_zoned(zone.clone()).date() == began.to_zoned(zone.clone()).date();
    let to = if same_day {
        ended.to_zoned(zone.clone()).strftime("%H:%M").to_string()
    } else {
        DisplayTime::new(ended, zone).text
    };
    format!(
        "{from} to {to} ({})",
        format_duration_spaced(round_down(lasted))
    )
}

/// Rounds down to whole minutes, from ten minutes on: less would not fit the times beside it.
/// Seconds of an outage of hours are noise, and rounding up would claim more than was.
fn round_down(lasted: Duration) -> Duration {
    match lasted.as_secs() {
        seconds @ 0..600 => Duration::from_secs(seconds),
        seconds => Duration::from_secs(seconds / 60 * 60),
    }
}
