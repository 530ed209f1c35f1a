//! Incidents and maintenances as an Atom feed.

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::labels::strip_invisible;
use super::notice::{self, Notice};
use crate::model::status::{StatusId, StatusSnapshot};

#[derive(Debug, Template)]
#[template(path = "feed.xml", whitespace = "minimize")]
struct Feed<'a> {
    /// Base URL of the pages, without a slash at its end.
    base: &'a str,
    id: String,
    title: String,
    updated: String,
    entries: Vec<FeedEntry>,
}

#[derive(Debug)]
struct FeedEntry {
    id: String,
    path: String,
    title: String,
    updated: String,
    published: String,
    content: String,
}

/// The timeline as a fragment of HTML, which the feed escapes once more.
#[derive(Debug, Template)]
#[template(path = "feed_entry.html", whitespace = "minimize")]
struct FeedContent {
    notice: Notice,
}

/// Renders the feed of everything in the snapshot, the latest change first.
pub(crate) fn render_feed(snapshot: &StatusSnapshot, base: &str) -> String {
    let zone = TimeZone::get(&snapshot.time_zone).unwrap_or(TimeZone::UTC);
    let incidents = snapshot
        .incidents
        .iter()
        .map(|one| (one.id, one.created_at, one.updated_at));
    let maintenances = snapshot
        .maintenances
        .iter()
        .map(|one| (one.id, one.created_at, one.updated_at));
    let mut changes: Vec<_> = incidents.chain(maintenances).collect();
    changes.sort_by_key(|(_, _, updated)| std::cmp::Reverse(*updated));
    // Without an entry nothing has changed since the service is known.
    let first = snapshot.components.iter().map(|one| one.first_seen).min();
    let updated = changes.first().map(|(_, _, updated)| *updated).or(first);
    let entry = |(id, created, updated)| FeedEntry::new(snapshot, id, (created, updated), &zone);
    let feed = Feed {
        base,
        id: format_urn(StatusId::from_key(&snapshot.title), 0),
        title: strip_invisible(&snapshot.title),
        updated: format_time(updated.unwrap_or(snapshot.taken_at)),
        entries: changes.into_iter().filter_map(entry).collect(),
    };
    super::render(&feed)
}

impl FeedEntry {
    fn new(
        snapshot: &StatusSnapshot,
        id: StatusId,
        (created, updated): (Timestamp, Timestamp),
        zone: &TimeZone,
    ) -> Option<Self> {
        let notice = notice::find(snapshot, id, zone)?;
        Some(Self {
            id: format_urn(id, 1),
            path: format!("/status/incidents/{id}"),
            title: format!("{}: {}", notice.status, notice.title.replace('\n', " ")),
            updated: format_time(updated),
            published: format_time(created),
            content: super::render(&FeedContent { notice }),
        })
    }
}

fn format_time(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// Returns a custom UUID (version 8) that holds an id, so that it never changes, wherever the pages
/// are. Two fields of it say what it is the id of.
fn format_urn(id: StatusId, kind: u8) -> String {
    let mut hex = String::from("urn:uuid:");
    let id = id.as_str().as_bytes();
    let (head, tail) = id.split_at(id.len() / 2);
    let fixed = [0x80, kind, 0x80, 0];
    for (at, byte) in head.iter().chain(&fixed).chain(tail).enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            hex.push('-');
        }
        hex.push_str(&format!("{byte:02x}"));
    }
    hex
}
