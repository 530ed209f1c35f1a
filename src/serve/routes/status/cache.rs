//! Pages that were written, kept for as long as they say what is so: strangers who ask again and again
//! cost a service no more than one who asks once.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::super::document::Document;
use super::json::Part;
use crate::model::status::StatusSnapshot;

/// Which document it is: what it holds, whether it is JSON, and whether it loads itself anew.
pub(super) type Key = (Part, bool, bool);

/// The latest document of each kind.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Vec<Entry>>);

#[derive(Debug)]
struct Entry {
    key: Key,
    snapshot: Arc<StatusSnapshot>,
    minute: i64,
    document: Arc<Document>,
}

impl Kept {
    /// The document that was made of this snapshot in this minute, or what is made now. Nobody else makes
    /// one meanwhile: they would make the same.
    pub(super) fn document(
        &self,
        key: Key,
        snapshot: &Arc<StatusSnapshot>,
        now: Timestamp,
        make: impl FnOnce() -> Document,
    ) -> Arc<Document> {
        let minute = now.as_second().div_euclid(60);
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |entry: &&Entry| {
            entry.key == key && entry.minute == minute && Arc::ptr_eq(&entry.snapshot, snapshot)
        };
        if let Some(entry) = entries.iter().find(same) {
            return Arc::clone(&entry.document);
        }
        let document = Arc::new(make());
        entries.retain(|entry| entry.key != key);
        entries.push(Entry {
            key,
            snapshot: Arc::clone(snapshot),
            minute,
            document: Arc::clone(&document),
        });
        document
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::document::Type;
    use super::*;
    use crate::serve::pages::fixture;

    #[test]
    fn a_document_is_made_once_until_something_is_new() {
        let (kept, mut made) = (Kept::default(), 0);
        let (old, new) = (
            Arc::new(fixture::snapshot(1, 9)),
            Arc::new(fixture::snapshot(1, 9)),
        );
        let now = fixture::now();
        let later = now + jiff::SignedDuration::from_secs(60);
        let html = (Part::Status, false, true);
        let json = (Part::Status, true, true);
        for (key, snapshot, now, times) in [
            (html, &old, now, 1),
            (html, &old, now, 1),
            (json, &old, now, 2),
            (html, &new, now, 3),
            (json, &old, now, 3),
            (html, &new, later, 4),
        ] {
            kept.document(key, snapshot, now, || {
                made += 1;
                Document::new(Type::Html, String::new())
            });
            assert_eq!(made, times);
        }
    }
}
