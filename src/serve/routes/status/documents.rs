//! The documents of the public pages: the keys that name them, and their rendering from a snapshot.

use std::sync::{Arc, Weak};

use axum::http::StatusCode;
use jiff::Timestamp;

use super::super::document::{HttpDocument, MediaType};
use super::super::document_cache::DocumentSource;
use super::json::{render_notice_json, render_page_json};
use super::v2;
use crate::model::routes::{StatusPage, StatuspageDocument};
use crate::model::status::{LatestStatus, StatusId, StatusSnapshot};
use crate::record::clock::Clock;
use crate::serve::link_base::LinkBase;
use crate::serve::notice::Notice;
use crate::serve::pages::{
    PageContext, history_page_count, notice_page_count, render_feed, render_incident,
    render_message, render_page,
};

/// The key of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DocumentKey {
    pub(super) name: DocumentName,
    pub(super) is_json: bool,
    pub(super) auto_refresh: bool,
    /// The page of a document that has several, from 1 on.
    pub(super) page: usize,
    /// The base of its links: the configured one, none, a relative one, which depends on the depth of the
    /// route, or the placeholder of that of each request.
    pub(super) links: LinkBase,
}

/// Names a document in all its forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DocumentName {
    Page(StatusPage),
    /// An incident or maintenance of the snapshot.
    Notice(StatusId),
    Feed,
    Statuspage(StatuspageDocument),
    NotFound,
}

/// The snapshot, and what is shown beside it.
#[derive(Debug)]
pub(super) struct StatusDocuments {
    latest: LatestStatus,
    clock: Clock,
    brand: String,
    #[cfg(test)]
    pub(super) rendered: std::sync::atomic::AtomicU64,
}

/// A snapshot and a minute: pages show ages by the minute. Weak, because a document outlives its snapshot until
/// it is asked for again.
#[derive(Debug)]
pub(super) struct SnapshotRevision {
    snapshot: Weak<StatusSnapshot>,
    minute: i64,
}

impl DocumentKey {
    /// Returns true for a document that not every snapshot has.
    pub(super) fn is_further(&self) -> bool {
        self.page > 1 || matches!(self.name, DocumentName::Notice(_))
    }
}

impl DocumentName {
    /// Returns the number of pages that it has in a snapshot; 0 if it has none.
    pub(super) fn page_count(self, snapshot: &StatusSnapshot) -> usize {
        match self {
            Self::Page(StatusPage::History) => history_page_count(snapshot),
            Self::Notice(id) => notice_page_count(snapshot, id),
            _ => 1,
        }
    }

    /// Returns true for a page that people read.
    pub(super) const fn is_html(self) -> bool {
        matches!(self, Self::Page(_) | Self::Notice(_) | Self::NotFound)
    }

    /// Returns true if it is read away from the service, so that its links have to name the host.
    pub(super) const fn has_absolute_links(self) -> bool {
        matches!(self, Self::Feed | Self::Statuspage(_))
    }
}

impl StatusDocuments {
    pub(super) fn new(latest: LatestStatus, clock: Clock, brand: String) -> Self {
        Self {
            latest,
            clock,
            brand,
            #[cfg(test)]
            rendered: std::sync::atomic::AtomicU64::default(),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::try_from(self.clock.wall()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn revision(&self, snapshot: Option<&Arc<StatusSnapshot>>) -> SnapshotRevision {
        SnapshotRevision {
            snapshot: snapshot.map(Arc::downgrade).unwrap_or_default(),
            minute: self.now().as_second().div_euclid(60),
        }
    }

    fn html(&self, key: &DocumentKey, snapshot: &StatusSnapshot) -> HttpDocument {
        let context = PageContext {
            snapshot,
            now: self.now(),
            auto_refresh: key.auto_refresh,
            base: &key.links,
            page: key.page,
        };
        let html = match key.name {
            DocumentName::Page(page) => render_page(page, context),
            DocumentName::Notice(id) => match Notice::find(snapshot, id) {
                Some(notice) => render_incident(context, notice),
                None => return self.not_found(&key.links),
            },
            _ => return self.not_found(&key.links),
        };
        HttpDocument::new(MediaType::Html, html)
    }

    fn not_found(&self, links: &LinkBase) -> HttpDocument {
        let sentence = "There is no such page. Incidents are shown for 90 days.";
        let html = render_message(&self.brand, links, "Not found", sentence);
        HttpDocument::new(MediaType::Html, html).status(StatusCode::NOT_FOUND)
    }

    /// Returns the document of a process before its first snapshot.
    fn unavailable(&self, links: &LinkBase) -> HttpDocument {
        let sentence = "There is no status information yet. Please come back in a moment.";
        let html = render_message(&self.brand, links, "No status yet", sentence);
        HttpDocument::new(MediaType::Html, html).unavailable(5)
    }
}

impl DocumentSource for Arc<StatusDocuments> {
    type Key = DocumentKey;
    type State = Option<Arc<StatusSnapshot>>;
    type Revision = SnapshotRevision;
    type Document = HttpDocument;

    fn read(&self) -> (SnapshotRevision, Self::State) {
        let snapshot = self.latest.read();
        (self.revision(snapshot.as_ref()), snapshot)
    }

    fn is_current(&self, revision: &SnapshotRevision) -> bool {
        let current = self.revision(self.latest.read().as_ref());
        revision.minute == current.minute && revision.snapshot.ptr_eq(&current.snapshot)
    }

    fn render(&self, key: &DocumentKey, state: Self::State) -> HttpDocument {
        #[cfg(test)]
        self.rendered
            .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let Some(snapshot) = &state else {
            let links = key.name.is_html().then_some(&key.links);
            return self.unavailable(links.unwrap_or(&LinkBase::default()));
        };
        let (media, text) = match key.name {
            DocumentName::Page(page) if key.is_json => {
                (MediaType::Json, render_page_json(page, snapshot, key.page))
            }
            DocumentName::Notice(id) if key.is_json => match Notice::find(snapshot, id) {
                Some(notice) => (MediaType::Json, render_notice_json(notice, key.page)),
                None => return self.not_found(&key.links),
            },
            DocumentName::Feed => (MediaType::Atom, render_feed(snapshot, &key.links)),
            DocumentName::Statuspage(document) => {
                let json = v2::render(document, snapshot, &key.links);
                (MediaType::Json, json)
            }
            _ => return self.html(key, snapshot),
        };
        let placeholder = LinkBase::placeholder();
        let is_open = key.links == placeholder;
        let placeholder = is_open.then(|| placeholder.url(""));
        HttpDocument::with_links(media, text, placeholder.as_deref())
    }
}
