//! Incidents and maintenance for display.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::display_time::DisplayTime;
use super::labels::{impact_label, impact_tone};
use crate::model::status::{Impact, StatusId, StatusSnapshot};
use crate::model::units::format_duration_spaced;
use crate::serve::notice::{MAX_LISTED, Notice};
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
    /// The number of updates before those.
    pub(super) earlier_updates: usize,
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

/// A list of notices, up to the most that a page shows.
#[derive(Debug)]
pub(super) struct NoticeList {
    pub(super) notices: Vec<NoticeView>,
    /// The number of further ones.
    more: usize,
}

/// Returns unresolved incidents.
pub(super) fn unresolved(snapshot: &StatusSnapshot, zone: &TimeZone) -> NoticeList {
    NoticeList::new(snapshot.unresolved().map(Notice::from_incident), zone)
}

/// Returns maintenance that is active or upcoming, the next to begin first.
pub(super) fn planned(snapshot: &StatusSnapshot, zone: &TimeZone) -> NoticeList {
    let planned = snapshot.maintenances.iter().map(Notice::from_maintenance);
    let mut planned: Vec<_> = planned.filter(|notice| !notice.is_over).collect();
    planned.sort_by_key(|notice| notice.started_at);
    NoticeList::new(planned, zone)
}

/// Returns incidents and maintenance that ended at most this long ago, the newest first.
pub(super) fn ended_since(
    snapshot: &StatusSnapshot,
    zone: &TimeZone,
    now: Timestamp,
    max_age: Duration,
) -> NoticeList {
    let is_recent = |notice: &Notice<'_>| {
        let age = ended_at(notice).map(|ended| now.duration_since(ended));
        age.is_some_and(|age| Duration::try_from(age).unwrap_or_default() <= max_age)
    };
    let recent = all_begun(snapshot).into_iter().filter(is_recent);
    NoticeList::new(recent, zone)
}

/// Returns a page of everything that has begun, the newest first.
pub(super) fn begun(snapshot: &StatusSnapshot, zone: &TimeZone, page: usize) -> Vec<NoticeView> {
    let before = page.saturating_sub(1).saturating_mul(MAX_LISTED);
    let begun = all_begun(snapshot).into_iter().skip(before);
    NoticeList::new(begun, zone).notices
}

fn all_begun(snapshot: &StatusSnapshot) -> Vec<Notice<'_>> {
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
}

/// Returns the end of what is over.
fn ended_at(notice: &Notice<'_>) -> Option<Timestamp> {
    let end = notice.ended_at.or(notice.scheduled_until);
    let Rfc3339Millis(end) = end.unwrap_or(notice.updated_at);
    notice.is_over.then_some(end)
}

impl NoticeList {
    fn new<'a>(notices: impl IntoIterator<Item = Notice<'a>>, zone: &TimeZone) -> Self {
        let mut notices = notices.into_iter();
        let listed = notices.by_ref().take(MAX_LISTED);
        Self {
            notices: listed
                .map(|notice| NoticeView::new(&notice.shortened(), zone))
                .collect(),
            more: notices.count(),
        }
    }

    /// Returns a sentence on what is not listed; `None` if all is.
    pub(super) fn more_text(&self) -> Option<String> {
        (self.more > 0).then(|| format!("Not listed here: {} more.", self.more))
    }
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
            earlier_updates: notice.earlier_updates,
            month: began.to_zoned(zone.clone()).strftime("%B %Y").to_string(),
        }
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
