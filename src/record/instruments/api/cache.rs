use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use hashbrown::{Equivalent, HashMap};

use super::{Answer, Ending};

/// Series that were found before, by route and a number for everything else that labels say: one
/// short hash, where the labels themselves are five.
pub(super) struct Known<T> {
    limit: usize,
    series: ArcSwap<HashMap<Key<Box<str>>, Arc<T>>>,
    growing: Mutex<()>,
}

/// Method, scheme and outcome decide on every label but the route.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<R> {
    code: u32,
    route: R,
}

impl<T> Known<T> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            series: ArcSwap::default(),
            growing: Mutex::new(()),
        }
    }

    /// Records into a series, if it is known.
    pub(super) fn with<R>(&self, key: Key<&str>, record: impl FnOnce(&T) -> R) -> Option<R> {
        self.series.load().get(&key).map(|series| record(series))
    }

    /// Long routes are cut in a label, so there can be more of them than series: past the limit they
    /// are found by their labels.
    pub(super) fn keep(&self, key: Key<&str>, series: Arc<T>) {
        let _growing = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.series.load();
        if known.len() >= self.limit {
            return;
        }
        let mut grown = HashMap::clone(&known);
        let (code, route) = (key.code, key.route.into());
        grown.insert(Key { code, route }, series);
        self.series.store(Arc::new(grown));
    }
}

impl<T> fmt::Debug for Known<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known")
            .field("series", &self.series.load().len())
            .finish_non_exhaustive()
    }
}

impl<'a> Key<&'a str> {
    pub(super) fn of(answer: &Answer<'a>) -> Self {
        Self {
            code: (u32::from(outcome(answer.ending)) << 8) | u32::from(answer.asked.number()),
            route: answer.route,
        }
    }
}

/// A status code, or a number below the first one.
fn outcome(ending: Ending) -> u16 {
    match ending {
        Ending::Answered(status) => status.as_u16(),
        Ending::TimedOut => 1,
        Ending::Failed => 2,
        Ending::Panicked => 3,
        Ending::Cancelled => 4,
    }
}

impl<R: AsRef<str>> Hash for Key<R> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.code);
        state.write(self.route.as_ref().as_bytes());
    }
}

impl PartialEq for Key<Box<str>> {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code && self.route == other.route
    }
}

impl Eq for Key<Box<str>> {}

impl Equivalent<Key<Box<str>>> for Key<&str> {
    fn equivalent(&self, key: &Key<Box<str>>) -> bool {
        self.code == key.code && *self.route == *key.route
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::catalog::api::METHODS;
    use crate::record::instruments::Asked;

    #[test]
    fn every_method_scheme_and_outcome_has_a_key_of_its_own() {
        let statuses = (100..=999).map(|code| {
            let status = http::StatusCode::from_u16(code).unwrap_or_default();
            Ending::Answered(status)
        });
        let endings = statuses.chain([
            Ending::TimedOut,
            Ending::Failed,
            Ending::Panicked,
            Ending::Cancelled,
        ]);
        let mut codes = Vec::new();
        for ending in endings {
            for method in METHODS {
                for uri in ["/", "https://host/"] {
                    let mut request = http::Request::new(());
                    *request.method_mut() = method.parse().unwrap_or_default();
                    *request.uri_mut() = uri.parse().unwrap_or_default();
                    let answer = Answer {
                        asked: Asked::of(&request),
                        route: "",
                        ending,
                        elapsed: std::time::Duration::ZERO,
                        span: None,
                    };
                    codes.push(Key::of(&answer).code);
                }
            }
        }
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
        assert_eq!(all, 904 * METHODS.len() * 2);
    }
}
