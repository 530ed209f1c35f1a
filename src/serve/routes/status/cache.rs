//! A cache of rendered pages for as long as they are current, so that repeated requests cost no more
//! than one.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::super::document::HttpDocument;
use crate::model::routes::StatusPage;
use crate::model::status::StatusSnapshot;
use crate::record::sync::lock;

/// The key of a document. There are a few of each page, because none of it is text of a request: a stranger
/// would have a document made and kept for every prefix that a header can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DocumentKey {
    pub(super) page: StatusPage,
    pub(super) is_json: bool,
    pub(super) auto_refresh: bool,
    /// The prefix of its links: the configured one, none, or a relative one, which depends on the route's depth.
    pub(super) link_prefix: String,
}

/// The latest document of each key.
#[derive(Debug, Default)]
pub(super) struct DocumentCache(Mutex<Vec<CachedDocument>>);

/// A document, and what it was rendered from.
#[derive(Debug)]
struct CachedDocument {
    key: DocumentKey,
    snapshot: Arc<StatusSnapshot>,
    /// Pages show ages by the minute, so that a document is current for one.
    minute: i64,
    document: Arc<HttpDocument>,
}

impl DocumentCache {
    /// Returns the document rendered from this snapshot in this minute, or renders it now. Concurrent
    /// calls wait: they would render the same.
    pub(super) fn get_or_render(
        &self,
        key: DocumentKey,
        snapshot: &Arc<StatusSnapshot>,
        now: Timestamp,
        render: impl FnOnce() -> HttpDocument,
    ) -> Arc<HttpDocument> {
        let minute = now.as_second().div_euclid(60);
        // Held while rendering: a crowd during an outage costs one rendering, and not a thousand.
        let mut entries = lock(&self.0);
        let same = |entry: &&CachedDocument| {
            entry.key == key && entry.minute == minute && Arc::ptr_eq(&entry.snapshot, snapshot)
        };
        if let Some(entry) = entries.iter().find(same) {
            return Arc::clone(&entry.document);
        }
        let document = Arc::new(render());
        // One document for each key; there are two dozen keys at most.
        entries.retain(|entry| entry.key != key);
        entries.push(CachedDocument {
            key,
            snapshot: Arc::clone(snapshot),
            minute,
            document: Arc::clone(&document),
        });
        document
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        lock(&self.0).len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::document::MediaType;
    use super::*;
    use crate::serve::pages::fixture;

    #[test]
    fn a_document_is_made_once_until_something_is_new() {
        let (cache, mut rendered) = (DocumentCache::default(), 0);
        let (old, new) = (
            Arc::new(fixture::snapshot(1, 9)),
            Arc::new(fixture::snapshot(1, 9)),
        );
        let now = fixture::now();
        let later = now + jiff::SignedDuration::from_secs(60);
        let key = |is_json, link_prefix: &str| DocumentKey {
            page: StatusPage::Status,
            is_json,
            auto_refresh: true,
            link_prefix: link_prefix.into(),
        };
        let (html, json) = (key(false, ""), key(true, ""));
        for (key, snapshot, now, times) in [
            (&html, &old, now, 1),
            (&html, &old, now, 1),
            (&json, &old, now, 2),
            (&html, &new, now, 3),
            (&json, &old, now, 3),
            (&html, &new, later, 4),
            (&key(false, "."), &new, later, 5),
            (&html, &new, later, 5),
        ] {
            cache.get_or_render(key.clone(), snapshot, now, || {
                rendered += 1;
                HttpDocument::new(MediaType::Html, String::new())
            });
            assert_eq!(rendered, times);
        }
        assert_eq!(cache.len(), 3);
    }
}
