//! The public pages: status, incidents, history.
//!
//! They are made of a [`StatusSnapshot`], which has no room for anything private.
//!
//! | page | shows |
//! |---|---|
//! | status | components, unresolved incidents, planned maintenance, what ended in the last 14 days |
//! | incidents | what is unresolved or planned |
//! | history | 90 days of each component, and everything that has begun |

mod component;
mod day_bars;
mod feed;
mod labels;
mod notice;

use std::time::Duration;

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use self::component::ComponentView;
use self::notice::{NoticeList, NoticeView};
use super::display_time::DisplayTime;
use super::layout::{self, NavLink, PageLayout};
use super::render;
use crate::model::routes::{PublicDocument, ROUTES, Route, RouteKind, StatusPage};
use crate::model::status::{StateDurations, StatusId, StatusSnapshot};
use crate::model::units::format_duration_spaced;
use crate::serve::link_base::LinkBase;
use crate::serve::notice::{MAX_LISTED, Notice, UPDATES_PER_PAGE};

pub(crate) use feed::render_feed;
pub(crate) use labels::OverallStatus;

/// The period for which resolved incidents stay on the first page.
const RECENT_AGE: Duration = Duration::from_secs(14 * 86_400);
/// The age from which a page warns about its snapshot: several times as long as one lasts.
const MAX_SNAPSHOT_AGE: Duration = Duration::from_secs(120);

/// The context of a page: its snapshot, the current time, the reader's choice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageContext<'a> {
    pub(crate) snapshot: &'a StatusSnapshot,
    pub(crate) now: Timestamp,
    /// True if the page refreshes itself.
    pub(crate) auto_refresh: bool,
    /// The base of links.
    pub(crate) base: &'a LinkBase,
    /// The page of a list that has several, from 1 on.
    pub(crate) page: usize,
}

#[derive(Debug, Template)]
#[template(path = "status.html", whitespace = "minimize")]
struct OverviewPage {
    layout: PageLayout,
    overall: OverallStatus,
    at: DisplayTime,
    /// Sentences on the age of what is shown, above everything else.
    warnings: Vec<String>,
    current: NoticeList,
    planned: NoticeList,
    components: Vec<ComponentView>,
    recent: NoticeList,
}

#[derive(Debug, Template)]
#[template(path = "incidents.html", whitespace = "minimize")]
struct IncidentsPage {
    layout: PageLayout,
    warnings: Vec<String>,
    current: NoticeList,
    planned: NoticeList,
}

#[derive(Debug, Template)]
#[template(path = "incident.html", whitespace = "minimize")]
struct IncidentPage {
    layout: PageLayout,
    warnings: Vec<String>,
    notice: NoticeView,
}

#[derive(Debug, Template)]
#[template(path = "history.html", whitespace = "minimize")]
struct HistoryPage {
    layout: PageLayout,
    warnings: Vec<String>,
    zone: String,
    components: Vec<ComponentView>,
    formula: &'static str,
    months: Vec<(String, Vec<NoticeView>)>,
}

#[derive(Debug, Template)]
#[template(path = "message.html", whitespace = "minimize")]
struct MessagePage {
    layout: PageLayout,
    heading: &'static str,
    text: &'static str,
}

/// Renders a page.
pub(crate) fn render_page(page: StatusPage, context: PageContext<'_>) -> String {
    match page {
        StatusPage::Status => render_status(context),
        StatusPage::Current => render_incidents(context),
        StatusPage::History => render_history(context),
    }
}

/// Renders the status of all components.
fn render_status(context: PageContext<'_>) -> String {
    let (snapshot, zone) = (context.snapshot, context.zone());
    let overall = OverallStatus::from_snapshot(snapshot);
    let mut page_layout = context.layout(overall.label, Some(StatusPage::Status));
    page_layout.icon = layout::icon_color(overall.tone);
    render(&OverviewPage {
        layout: page_layout,
        overall,
        at: DisplayTime::new(snapshot.taken_at, &zone),
        warnings: context.warnings(),
        current: notice::unresolved(snapshot, &zone),
        planned: notice::planned(snapshot, &zone),
        components: context.components(),
        recent: notice::ended_since(snapshot, &zone, context.now, RECENT_AGE),
    })
}

/// Renders unresolved incidents and planned maintenance.
fn render_incidents(context: PageContext<'_>) -> String {
    let (snapshot, zone) = (context.snapshot, context.zone());
    render(&IncidentsPage {
        layout: context.layout("Incidents", Some(StatusPage::Current)),
        warnings: context.warnings(),
        current: notice::unresolved(snapshot, &zone),
        planned: notice::planned(snapshot, &zone),
    })
}

/// Renders one incident or maintenance, with the updates of a page.
pub(crate) fn render_incident(context: PageContext<'_>, notice: Notice<'_>) -> String {
    let page_count = page_count(notice.updates.len(), UPDATES_PER_PAGE);
    let notice = NoticeView::new(&notice.page(context.page), &context.zone());
    let mut page_layout = context.layout(&notice.title, None);
    (page_layout.page, page_layout.page_count) = (context.page, page_count);
    page_layout.icon = layout::icon_color(notice.tone);
    render(&IncidentPage {
        layout: page_layout,
        warnings: context.warnings(),
        notice,
    })
}

/// Returns the number of pages of the history, at least one.
pub(crate) fn history_page_count(snapshot: &StatusSnapshot) -> usize {
    let (incidents, maintenances) = (snapshot.incidents.len(), snapshot.maintenances.len());
    let planned = snapshot.maintenances.iter().filter(|one| one.is_upcoming());
    let begun = incidents + maintenances - planned.count();
    // As JSON each of both is a list of its own.
    page_count(begun.max(maintenances), MAX_LISTED)
}

/// Returns the number of pages of an incident or maintenance; 0 if there is none of this id.
pub(crate) fn notice_page_count(snapshot: &StatusSnapshot, id: StatusId) -> usize {
    let incident = snapshot.incidents.iter().find(|one| one.id == id);
    let maintenance = || snapshot.maintenances.iter().find(|one| one.id == id);
    let updates = incident.map(|one| one.updates.len());
    let updates = updates.or_else(|| maintenance().map(|one| one.updates.len()));
    updates.map_or(0, |updates| page_count(updates, UPDATES_PER_PAGE))
}

fn page_count(entries: usize, per_page: usize) -> usize {
    entries.div_ceil(per_page).max(1)
}

/// Renders past incidents, and the uptime of each component.
fn render_history(context: PageContext<'_>) -> String {
    let (snapshot, zone) = (context.snapshot, context.zone());
    let mut page_layout = context.layout("History", Some(StatusPage::History));
    page_layout.page = context.page;
    page_layout.page_count = history_page_count(snapshot);
    render(&HistoryPage {
        layout: page_layout,
        warnings: context.warnings(),
        zone: snapshot.time_zone.to_string(),
        components: context.components(),
        formula: StateDurations::FORMULA,
        months: notice::group_by_month(notice::begun(snapshot, &zone, context.page)),
    })
}

/// Renders a page with only a message, such as that there is no such page.
pub(crate) fn render_message(
    brand: &str,
    base: &LinkBase,
    heading: &'static str,
    sentence: &'static str,
) -> String {
    let title = format!("{heading} – {brand}");
    let mut page_layout = PageLayout::served(title, brand.into(), base, false);
    (page_layout.links, page_layout.auto_refresh) = (nav_links(None), None);
    render(&MessagePage {
        layout: page_layout,
        heading,
        text: sentence,
    })
}

/// Returns the links to the pages, the public ones first, with the current one marked.
pub(super) fn nav_links(current: Option<RouteKind>) -> Vec<NavLink> {
    let link = |route: &Route| {
        Some(NavLink {
            href: route.path,
            text: page_name(route.kind)?,
            current: Some(route.kind) == current,
        })
    };
    let (public, own): (Vec<_>, _) = ROUTES.iter().partition(|route| route.kind.is_public());
    public.into_iter().chain(own).filter_map(link).collect()
}

/// Returns the name of a page in the navigation; `None` for what is not there.
const fn page_name(kind: RouteKind) -> Option<&'static str> {
    match kind {
        RouteKind::SloPage => Some("Objectives"),
        RouteKind::Public(PublicDocument::Page(page)) => Some(match page {
            StatusPage::Status => "Status",
            StatusPage::Current => "Incidents",
            StatusPage::History => "History",
        }),
        _ => None,
    }
}

impl PageContext<'_> {
    fn zone(&self) -> TimeZone {
        // The configuration has checked it; the system may have lost it since.
        TimeZone::get(&self.snapshot.time_zone).unwrap_or(TimeZone::UTC)
    }

    fn layout(&self, title: &str, current: Option<StatusPage>) -> PageLayout {
        let brand = self.snapshot.title.to_string();
        let title = format!("{title} – {brand}");
        let mut page_layout = PageLayout::served(title, brand, self.base, self.auto_refresh);
        page_layout.links =
            nav_links(current.map(|page| RouteKind::Public(PublicDocument::Page(page))));
        page_layout.feed = true;
        page_layout
    }

    fn components(&self) -> Vec<ComponentView> {
        let zone = self.zone();
        let components = self.snapshot.components.iter();
        components
            .map(|component| ComponentView::new(component, &zone))
            .collect()
    }

    /// Returns warnings about outdated data.
    fn warnings(&self) -> Vec<String> {
        let age = |since: Timestamp| {
            let age = Duration::try_from(self.now.duration_since(since)).unwrap_or_default();
            // By the minute, so that the page stays the same for one.
            Duration::from_secs(age.as_secs() / 60 * 60)
        };
        let shown = |age: Duration| match age {
            Duration::ZERO => "less than a minute".into(),
            age => format_duration_spaced(age),
        };
        let mut warnings = Vec::new();
        let taken_at = self.snapshot.taken_at;
        if age(taken_at) > MAX_SNAPSHOT_AGE {
            warnings.push(format!(
                "This status is {} old, from {}; nothing newer is available.",
                shown(age(taken_at)),
                DisplayTime::new(taken_at, &self.zone()).text
            ));
        }
        let moment = |since| {
            let time = DisplayTime::new(since, &self.zone()).text;
            format!("{time} ({})", shown(age(since)))
        };
        let unknown_since = self.snapshot.workers_unknown_since;
        if let Some(since) = self.snapshot.store_away_since {
            let states = match unknown_since {
                Some(_) => {
                    "the present state of workers and schedulers whose heartbeats come through it is not known, and counts in no uptime; other component states are current"
                }
                None => "component states are current",
            };
            warnings.push(format!(
                "The store of incidents and history has not been available since {}. Incidents and days are shown as of then; {states}.",
                moment(since)
            ));
        } else if let Some(since) = unknown_since {
            warnings.push(format!(
                "The store has not been readable since {}. The present state of workers and schedulers whose heartbeats come through it is not known, and counts in no uptime.",
                moment(since)
            ));
        }
        warnings
    }
}

#[cfg(test)]
pub(crate) mod tests;
