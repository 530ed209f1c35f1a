//! Incidents and maintenances as an Atom feed.

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::notice::{self, Notice};
use super::words::readable;
use crate::model::status::{StatusId, StatusSnapshot};

#[derive(Debug, Template)]
#[template(path = "feed.xml", whitespace = "minimize")]
struct Feed<'a> {
    /// Where the pages are, without a slash at its end.
    base: &'a str,
    id: String,
    title: String,
    updated: String,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
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
struct Content {
    notice: Notice,
}

/// The feed of everything that the snapshot knows, the latest change first.
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
    let entry = |(id, created, updated)| Entry::of(snapshot, id, (created, updated), &zone);
    let feed = Feed {
        base,
        id: urn(StatusId::of(&snapshot.title), 0),
        title: readable(&snapshot.title),
        updated: written(updated.unwrap_or(snapshot.taken_at)),
        entries: changes.into_iter().filter_map(entry).collect(),
    };
    super::written(&feed)
}

impl Entry {
    fn of(
        snapshot: &StatusSnapshot,
        id: StatusId,
        (created, updated): (Timestamp, Timestamp),
        zone: &TimeZone,
    ) -> Option<Self> {
        let notice = notice::of(snapshot, id, zone)?;
        Some(Self {
            id: urn(id, 1),
            path: format!("/status/incidents/{id}"),
            title: format!("{}: {}", notice.status, notice.title.replace('\n', " ")),
            updated: written(updated),
            published: written(created),
            content: super::written(&Content { notice }),
        })
    }
}

fn written(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// A UUID of one's own making (version 8) that holds an id, so that it never changes, wherever the pages
/// are. Two fields of it say what it is the id of.
fn urn(id: StatusId, kind: u8) -> String {
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
