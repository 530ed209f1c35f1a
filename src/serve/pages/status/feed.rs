//! Incidents and maintenances as an Atom feed.

use askama::Template;
use jiff::tz::TimeZone;

use super::super::render;
use super::notice::NoticeView;
use crate::model::status::{StatusId, StatusSnapshot};
use crate::serve::link_base::LinkBase;
use crate::serve::notice::{MAX_LISTED, Notice};
use crate::serve::time::Rfc3339Millis;

#[derive(Debug, Template)]
#[template(path = "feed.xml", whitespace = "minimize")]
struct Feed<'a> {
    base: &'a LinkBase,
    id: String,
    title: String,
    updated: Rfc3339Millis,
    entries: Vec<FeedEntry>,
}

#[derive(Debug)]
struct FeedEntry {
    id: String,
    path: String,
    title: String,
    updated: Rfc3339Millis,
    published: Rfc3339Millis,
    content: String,
}

/// The timeline as a fragment of HTML, which the feed escapes once more.
#[derive(Debug, Template)]
#[template(path = "feed_entry.html", whitespace = "minimize")]
struct FeedContent {
    notice: NoticeView,
}

/// Renders the feed of the latest changes, the newest first.
pub(crate) fn render_feed(snapshot: &StatusSnapshot, base: &LinkBase) -> String {
    let zone = TimeZone::get(&snapshot.time_zone).unwrap_or(TimeZone::UTC);
    let mut notices: Vec<_> = Notice::all(snapshot).collect();
    notices.sort_by_key(|notice| std::cmp::Reverse(notice.updated_at));
    notices.truncate(MAX_LISTED);
    let notices: Vec<_> = notices.into_iter().map(Notice::shortened).collect();
    // Without an entry nothing has changed since the service is known.
    let first = snapshot.components.iter().map(|one| one.first_seen).min();
    let first = Rfc3339Millis(first.unwrap_or(snapshot.taken_at));
    let entry = |notice| FeedEntry::new(notice, &zone);
    render(&Feed {
        base,
        id: format_urn(StatusId::from_key(&snapshot.title), 0),
        title: snapshot.title.to_string(),
        updated: notices.first().map_or(first, |notice| notice.updated_at),
        entries: notices.iter().map(entry).collect(),
    })
}

impl FeedEntry {
    fn new(notice: &Notice<'_>, zone: &TimeZone) -> Self {
        let title = notice.title.replace('\n', " ");
        Self {
            id: format_urn(notice.id, 1),
            path: Notice::path(notice.id),
            title: format!("{}: {title}", notice.status_label),
            updated: notice.updated_at,
            published: notice.created_at,
            content: render(&FeedContent {
                notice: NoticeView::new(notice, zone),
            }),
        }
    }
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
