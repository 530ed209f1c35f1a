//! Why a second index? The labels of a request are five texts, of which four follow from a status
//! code and two small enums: hashing a number and the route is less than hashing five texts.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use hashbrown::{Equivalent, HashMap};

use super::{FinishedRequest, RequestOutcome};
use crate::record::sync::lock;

/// Series that were found before, by route and a number for everything else that labels say: one
/// short hash, where the labels themselves are five.
///
/// As [`BoundSeries`](crate::record::series::BoundSeries): a map that is replaced and never
/// changed.
pub(super) struct SeriesCache<T> {
    /// Entries; as many as there may be series.
    limit: usize,
    series: ArcSwap<HashMap<SeriesKey<Box<str>>, Arc<T>>>,
    /// Serializes writers: a copy that is stored must hold what the one before stored.
    insert_lock: Mutex<()>,
}

/// Method, scheme and outcome decide on every label but the route.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeriesKey<R> {
    /// The outcome in the upper bits, method and scheme in the lowest eight.
    code: u32,
    route: R,
}

impl<T> SeriesCache<T> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            series: ArcSwap::default(),
            insert_lock: Mutex::new(()),
        }
    }

    /// Records into a series, if it is known.
    // A miss is no error: the caller finds the series by its labels, and inserts it here.
    pub(super) fn with<R>(&self, key: SeriesKey<&str>, record: impl FnOnce(&T) -> R) -> Option<R> {
        self.series.load().get(&key).map(|series| record(series))
    }

    /// Long routes are cut in a label, so there can be more of them than series: past the limit they
    /// are found by their labels.
    pub(super) fn insert(&self, key: SeriesKey<&str>, series: Arc<T>) {
        let _growing = lock(&self.insert_lock);
        let existing = self.series.load();
        // Bounded by itself, because routes come from the service's router and may be cut to equal
        // labels.
        if existing.len() >= self.limit {
            return;
        }
        let mut grown = HashMap::clone(&existing);
        let (code, route) = (key.code, key.route.into());
        grown.insert(SeriesKey { code, route }, series);
        self.series.store(Arc::new(grown));
    }
}

impl<T> fmt::Debug for SeriesCache<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeriesCache")
            .field("series", &self.series.load().len())
            .finish_non_exhaustive()
    }
}

impl<'a> SeriesKey<&'a str> {
    pub(super) fn new(request: &FinishedRequest<'a>) -> Self {
        Self {
            code: (u32::from(outcome_code(request.outcome)) << 8)
                | u32::from(request.method_scheme.index()),
            route: request.route,
        }
    }
}

/// A status code, or a number below the first one.
fn outcome_code(outcome: RequestOutcome) -> u16 {
    match outcome {
        RequestOutcome::Responded(status) => status.as_u16(),
        // Below 100, where no status code lies.
        RequestOutcome::TimedOut => 1,
        RequestOutcome::Failed => 2,
        RequestOutcome::Panicked => 3,
        RequestOutcome::Cancelled => 4,
        RequestOutcome::Abandoned => 5,
        RequestOutcome::CutOff => 6,
        // All others have the labels of a 200.
        RequestOutcome::Grpc(status) if status.server_error().is_empty() => 200,
        RequestOutcome::Grpc(status) => 32 + u16::from(status.code()),
    }
}

impl<R: AsRef<str>> Hash for SeriesKey<R> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.code);
        // As bytes and not as `str`, which would add a terminator: the borrowed and the owned key
        // must hash alike, and this is the shorter form.
        state.write(self.route.as_ref().as_bytes());
    }
}

impl PartialEq for SeriesKey<Box<str>> {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code && self.route == other.route
    }
}

impl Eq for SeriesKey<Box<str>> {}

impl Equivalent<SeriesKey<Box<str>>> for SeriesKey<&str> {
    fn equivalent(&self, key: &SeriesKey<Box<str>>) -> bool {
        self.code == key.code && *self.route == *key.route
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::catalog::api::METHODS;
    use crate::record::instruments::MethodScheme;

    #[test]
    fn every_method_scheme_and_outcome_has_a_key_of_its_own() {
        let statuses = (100..=999).map(|code| {
            let status = http::StatusCode::from_u16(code).unwrap_or_default();
            RequestOutcome::Responded(status)
        });
        let outcomes = statuses.chain([
            RequestOutcome::TimedOut,
            RequestOutcome::Failed,
            RequestOutcome::Panicked,
            RequestOutcome::Cancelled,
            RequestOutcome::CutOff,
        ]);
        let mut codes = Vec::new();
        for outcome in outcomes {
            for method in METHODS {
                for uri in ["/", "https://host/"] {
                    let mut request = http::Request::new(());
                    *request.method_mut() = method.parse().unwrap_or_default();
                    *request.uri_mut() = uri.parse().unwrap_or_default();
                    let request = FinishedRequest {
                        method_scheme: MethodScheme::from_request(&request),
                        route: "",
                        outcome,
                        elapsed: std::time::Duration::ZERO,
                        span: None,
                    };
                    codes.push(SeriesKey::new(&request).code);
                }
            }
        }
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
        assert_eq!(all, 905 * METHODS.len() * 2);
    }
}
