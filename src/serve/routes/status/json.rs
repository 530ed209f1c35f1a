//! The public pages as JSON, with exact figures.

use jiff::civil::Date;
use serde::Serialize;

use super::public_json::to_public_json;
use crate::model::routes::StatusPage;
use crate::model::status::{
    ComponentState, ComponentStatus, StateDurations, StatusId, StatusSnapshot,
};
use crate::serve::notice::{MAX_LISTED, Notice, UPDATES_PER_PAGE};
use crate::serve::pages::history_page_count;
use crate::serve::time::Rfc3339Millis;

#[derive(Serialize)]
struct PageJson<'a> {
    title: &'a str,
    time_zone: &'a str,
    taken_at: Rfc3339Millis,
    store_away_since: Option<Rfc3339Millis>,
    workers_unknown_since: Option<Rfc3339Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<ComponentState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    components: Option<Vec<ComponentJson<'a>>>,
    incidents: Vec<Notice<'a>>,
    maintenances: Vec<Notice<'a>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pages: Option<PageNumber>,
}

/// The page of a list that has several, from 1 on, and their number.
#[derive(Serialize)]
struct PageNumber {
    page: usize,
    pages: usize,
}

/// A notice with the updates of one page.
#[derive(Serialize)]
struct NoticePage<'a> {
    #[serde(flatten)]
    notice: Notice<'a>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pages: Option<PageNumber>,
}

#[derive(Serialize)]
struct ComponentJson<'a> {
    id: StatusId,
    key: &'a str,
    name: &'a str,
    description: Option<&'a str>,
    state: ComponentState,
    since: Rfc3339Millis,
    in_maintenance: bool,
    uptime: UptimeJson<'a>,
    days: Vec<DayJson<'a>>,
}

/// A share of time, as a number from 0 to 1 and by the seconds that it is made of.
#[derive(Serialize)]
struct UptimeJson<'a> {
    value: Option<f64>,
    formula: &'static str,
    seconds: &'a StateDurations,
}

#[derive(Serialize)]
struct DayJson<'a> {
    date: Date,
    state: ComponentState,
    seconds: &'a StateDurations,
}

/// Renders a page as JSON; `number` is that of the page of the history.
pub(super) fn render_page_json(
    page: StatusPage,
    snapshot: &StatusSnapshot,
    number: usize,
) -> String {
    let whole = page == StatusPage::History;
    let before = number.saturating_sub(1).saturating_mul(MAX_LISTED);
    let incidents = snapshot.incidents.iter();
    let maintenances = snapshot.maintenances.iter();
    to_public_json(&PageJson {
        title: &snapshot.title,
        time_zone: &snapshot.time_zone,
        taken_at: Rfc3339Millis(snapshot.taken_at),
        store_away_since: snapshot.store_away_since.map(Rfc3339Millis),
        workers_unknown_since: snapshot.workers_unknown_since.map(Rfc3339Millis),
        state: (page == StatusPage::Status).then(|| snapshot.worst()),
        components: (page != StatusPage::Current)
            .then(|| snapshot.components.iter().map(component_json).collect()),
        incidents: incidents
            .filter(|one| whole || !one.is_resolved())
            .skip(before)
            .take(MAX_LISTED)
            .map(|one| Notice::from_incident(one).shortened())
            .collect(),
        maintenances: maintenances
            .filter(|one| whole || !one.is_completed())
            .skip(before)
            .take(MAX_LISTED)
            .map(|one| Notice::from_maintenance(one).shortened())
            .collect(),
        pages: whole.then(|| PageNumber {
            page: number,
            pages: history_page_count(snapshot),
        }),
    })
}

/// Renders an incident or maintenance as JSON, with the updates of a page.
pub(super) fn render_notice_json(notice: Notice<'_>, number: usize) -> String {
    let pages = notice.updates.len().div_ceil(UPDATES_PER_PAGE);
    to_public_json(&NoticePage {
        pages: (pages > 1).then_some(PageNumber {
            page: number,
            pages,
        }),
        notice: notice.page(number),
    })
}

fn component_json(component: &ComponentStatus) -> ComponentJson<'_> {
    let uptime = component.seconds.uptime();
    let days = component.days.iter().map(|day| DayJson {
        date: day.date,
        state: day.seconds.worst(),
        seconds: &day.seconds,
    });
    ComponentJson {
        id: component.id,
        key: &component.key,
        name: &component.name,
        description: component.description.as_deref(),
        state: component.state,
        since: Rfc3339Millis(component.since),
        in_maintenance: component.in_maintenance,
        uptime: UptimeJson {
            value: uptime.map(|uptime| f64::from(uptime.thousandths()) / 100_000.0),
            formula: StateDurations::FORMULA,
            seconds: &component.seconds,
        },
        days: days.collect(),
    }
}
