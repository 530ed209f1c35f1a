//! The public pages: how the service is, what is wrong with it, and what was.
//!
//! They are made of a [`StatusSnapshot`], which has no room for anything private.

mod bars;
mod component;
mod feed;
mod notice;
mod words;

use std::time::Duration;

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use self::component::Shown;
use self::notice::Notice;
use super::frame::{self, Frame, Link};
use super::moment::Moment;
use super::numbers::spoken;
use crate::model::status::{Seconds, StatusId, StatusSnapshot};

pub(crate) use feed::render_feed;
pub(crate) use words::{Overall, readable};

/// For how long incidents that are over stay on the first page.
const RECENT: Duration = Duration::from_secs(14 * 86_400);
/// A snapshot that is older says so: several times as long as one lasts.
const OLD: Duration = Duration::from_secs(120);

/// A page of a snapshot, for a reader at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) snapshot: &'a StatusSnapshot,
    pub(crate) now: Timestamp,
    /// Whether the page loads itself anew.
    pub(crate) refreshing: bool,
}

#[derive(Debug, Template)]
#[template(path = "status.html", whitespace = "minimize")]
struct StatusPage {
    frame: Frame,
    overall: Overall,
    at: Moment,
    warnings: Vec<String>,
    current: Vec<Notice>,
    planned: Vec<Notice>,
    components: Vec<Shown>,
    recent: Vec<Notice>,
}

#[derive(Debug, Template)]
#[template(path = "incidents.html", whitespace = "minimize")]
struct IncidentsPage {
    frame: Frame,
    warnings: Vec<String>,
    current: Vec<Notice>,
    planned: Vec<Notice>,
}

#[derive(Debug, Template)]
#[template(path = "incident.html", whitespace = "minimize")]
struct IncidentPage {
    frame: Frame,
    warnings: Vec<String>,
    notice: Notice,
}

#[derive(Debug, Template)]
#[template(path = "history.html", whitespace = "minimize")]
struct HistoryPage {
    frame: Frame,
    warnings: Vec<String>,
    zone: String,
    components: Vec<Shown>,
    formula: &'static str,
    months: Vec<(String, Vec<Notice>)>,
}

#[derive(Debug, Template)]
#[template(path = "message.html", whitespace = "minimize")]
struct MessagePage {
    frame: Frame,
    heading: &'static str,
    sentence: &'static str,
}

/// How everything is.
pub(crate) fn render_status(reader: Reader<'_>) -> String {
    let (snapshot, zone) = (reader.snapshot, reader.zone());
    let overall = Overall::of(snapshot);
    let mut frame = reader.frame(overall.words, "/status");
    frame.icon = frame::icon(overall.tone);
    let recent = |notice: &Notice| notice.is_over_since(reader.now, RECENT);
    written(&StatusPage {
        frame,
        overall,
        at: Moment::new(snapshot.taken_at, &zone),
        warnings: reader.warnings(),
        current: notice::unresolved(snapshot, &zone),
        planned: notice::planned(snapshot, &zone),
        components: reader.components(),
        recent: notice::over(snapshot, &zone)
            .into_iter()
            .filter(recent)
            .collect(),
    })
}

/// What is wrong now, and what is planned.
pub(crate) fn render_incidents(reader: Reader<'_>) -> String {
    let (snapshot, zone) = (reader.snapshot, reader.zone());
    written(&IncidentsPage {
        frame: reader.frame("Incidents", "/status/incidents"),
        warnings: reader.warnings(),
        current: notice::unresolved(snapshot, &zone),
        planned: notice::planned(snapshot, &zone),
    })
}

/// One incident or maintenance; `None` where there is none of this id.
pub(crate) fn render_incident(reader: Reader<'_>, id: StatusId) -> Option<String> {
    let notice = notice::of(reader.snapshot, id, &reader.zone())?;
    let mut frame = reader.frame(&notice.title, "");
    frame.icon = frame::icon(notice.tone);
    Some(written(&IncidentPage {
        frame,
        warnings: reader.warnings(),
        notice,
    }))
}

/// What was, and how much of the time each component worked.
pub(crate) fn render_history(reader: Reader<'_>) -> String {
    let (snapshot, zone) = (reader.snapshot, reader.zone());
    written(&HistoryPage {
        frame: reader.frame("History", "/status/history"),
        warnings: reader.warnings(),
        zone: snapshot.time_zone.to_string(),
        components: reader.components(),
        formula: Seconds::FORMULA,
        months: notice::by_month(notice::all(snapshot, &zone)),
    })
}

/// A page that has only something to say, such as that there is no such page.
pub(crate) fn render_message(brand: &str, heading: &'static str, sentence: &'static str) -> String {
    let mut frame = Frame::served(format!("{heading} – {brand}"), brand.into(), false);
    (frame.links, frame.refreshing) = (links(""), None);
    written(&MessagePage {
        frame,
        heading,
        sentence,
    })
}

/// The pages, and which of them this one is.
pub(super) fn links(current: &str) -> Vec<Link> {
    let link = |href, text| Link {
        href,
        text,
        current: href == current,
    };
    vec![
        link("/status", "Status"),
        link("/status/incidents", "Incidents"),
        link("/status/history", "History"),
        link("/status/slo", "Objectives"),
    ]
}

impl Reader<'_> {
    fn zone(&self) -> TimeZone {
        // The configuration has checked it; the system may have lost it since.
        TimeZone::get(&self.snapshot.time_zone).unwrap_or(TimeZone::UTC)
    }

    fn frame(&self, title: &str, current: &str) -> Frame {
        let brand = readable(&self.snapshot.title);
        let title = format!("{} – {brand}", readable(title));
        let mut frame = Frame::served(title, brand, self.refreshing);
        frame.links = links(current);
        frame.feed = true;
        frame
    }

    fn components(&self) -> Vec<Shown> {
        let zone = self.zone();
        let components = self.snapshot.components.iter();
        components
            .map(|component| Shown::of(component, &zone))
            .collect()
    }

    /// What a reader must know before believing the page.
    fn warnings(&self) -> Vec<String> {
        let age = |since: Timestamp| {
            let age = Duration::try_from(self.now.duration_since(since)).unwrap_or_default();
            // By the minute, so that the page stays the same for one.
            Duration::from_secs(age.as_secs() / 60 * 60)
        };
        let mut warnings = Vec::new();
        let taken_at = self.snapshot.taken_at;
        if age(taken_at) > OLD {
            warnings.push(format!(
                "This is how it was {} ago, on {}: nothing newer is known.",
                spoken(age(taken_at)),
                Moment::new(taken_at, &self.zone()).text
            ));
        }
        if let Some(since) = self.snapshot.store_away_since {
            warnings.push(format!(
                "Where history is kept can't be reached since {} ({}). Incidents and days are shown as they were then; states are of now.",
                Moment::new(since, &self.zone()).text,
                spoken(age(since))
            ));
        }
        warnings
    }
}

fn written(page: &impl Template) -> String {
    // Only a writer can fail, and a string does not.
    page.render().unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests;
