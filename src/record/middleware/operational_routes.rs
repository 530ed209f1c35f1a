//! The templates of the SDK's own routes, as the service has mounted them.
//!
//! Why not a list of paths? Because a service nests the routes where it wants them, and may have routes
//! of the same names. So each of them makes itself known with its first request, and that decides where
//! the request is recorded. The list is a guess for what begins before: a span, an active request.
//!
//! | owner | learned from | API metrics | span |
//! |---|---|---|---|
//! | presumably the SDK | the list of templates | not yet decided | none |
//! | the SDK | its own layer saw a request | no | none |
//! | the service | an answer without that layer | yes | yes |

use std::fmt;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use hashbrown::HashMap;

use crate::record::sync::lock;

/// The SDK's own routes. A cheap clone; all clones are the same.
#[derive(Clone)]
pub(crate) struct OperationalRoutes(Arc<Inner>);

struct Inner {
    /// Read for each request, changed once a route: a map that is replaced.
    owners: ArcSwap<HashMap<Box<str>, RouteOwner>>,
    /// Serializes changes, as in the caches of series.
    write_lock: Mutex<()>,
}

/// The owner of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RouteOwner {
    /// The SDK, unless a request says otherwise.
    PresumablySdk,
    /// The SDK: it has answered a request there.
    Sdk,
    /// The service: a request was answered there, and not by the SDK.
    Service,
}

impl RouteOwner {
    const fn is_presumably_sdk(self) -> bool {
        matches!(self, Self::Sdk | Self::PresumablySdk)
    }
}

impl OperationalRoutes {
    /// `templates` are those of a router that isn't nested.
    pub(crate) fn new(templates: impl IntoIterator<Item = String>) -> Self {
        let owners = templates
            .into_iter()
            .map(|template| (template.into_boxed_str(), RouteOwner::PresumablySdk));
        Self(Arc::new(Inner {
            owners: ArcSwap::from_pointee(owners.collect()),
            write_lock: Mutex::new(()),
        }))
    }

    /// Returns `true` for a route at which the SDK has answered.
    pub(super) fn contains(&self, route: &str) -> bool {
        self.owner(route) == Some(RouteOwner::Sdk)
    }

    /// Returns `true` also for one that nothing has answered at so far, if it has the name of one of the
    /// SDK's.
    pub(crate) fn presumably_contains(&self, route: &str) -> bool {
        self.owner(route).is_some_and(RouteOwner::is_presumably_sdk)
    }

    /// Returns `true` for a path at which the SDK presumably answers; `matches` compares a template with it. A
    /// template that is the path itself goes before those with parameters.
    #[cfg(feature = "axum")]
    pub(crate) fn presumably_contains_path(
        &self,
        path: &str,
        matches: impl Fn(&str) -> bool,
    ) -> bool {
        let owners = self.0.owners.load();
        match owners.get(path) {
            Some(owner) => owner.is_presumably_sdk(),
            None => owners.iter().any(|(template, owner)| {
                owner.is_presumably_sdk() && template.contains('{') && matches(template)
            }),
        }
    }

    /// Returns whether the SDK was asked for the answer that was given at this route. Where it wasn't, the
    /// route is the service's until it is.
    pub(crate) fn confirm(&self, route: &str) -> bool {
        match self.owner(route) {
            Some(RouteOwner::Sdk) => true,
            Some(RouteOwner::PresumablySdk) => {
                self.update(route, |owner| match owner {
                    RouteOwner::PresumablySdk => RouteOwner::Service,
                    known => known,
                });
                // Read again: another thread may have learned meanwhile that the SDK answers here.
                self.contains(route)
            }
            _ => false,
        }
    }

    /// Adds a route at which the SDK answers.
    #[cfg(feature = "axum")]
    pub(super) fn insert(&self, route: &str) {
        if !self.contains(route) {
            self.update(route, |_| RouteOwner::Sdk);
        }
    }

    fn owner(&self, route: &str) -> Option<RouteOwner> {
        self.0.owners.load().get(route).copied()
    }

    /// Changes the owner of a route, from what it is at that moment: two threads may have learned
    /// different things.
    #[cold]
    fn update(&self, route: &str, change: impl Fn(RouteOwner) -> RouteOwner) {
        let _writing = lock(&self.0.write_lock);
        let mut owners = HashMap::clone(&self.0.owners.load());
        let owner = owners.get(route).copied();
        owners.insert(
            route.into(),
            change(owner.unwrap_or(RouteOwner::PresumablySdk)),
        );
        self.0.owners.store(Arc::new(owners));
    }
}

impl fmt::Debug for OperationalRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OperationalRoutes")
            .field(&self.0.owners.load())
            .finish()
    }
}

#[cfg(all(test, feature = "axum"))]
mod tests {
    use super::*;

    fn routes() -> OperationalRoutes {
        OperationalRoutes::new(vec!["/metrics".to_owned()])
    }

    #[test]
    fn a_route_of_the_same_name_is_the_service_s_after_its_first_answer() {
        let routes = routes();
        assert!(routes.presumably_contains("/metrics") && !routes.contains("/metrics"));
        assert!(!routes.confirm("/metrics"));
        assert!(!routes.presumably_contains("/metrics"));
    }

    #[test]
    fn a_path_is_the_sdk_s_by_its_template() {
        let templates = ["/metrics", "/workers/{id}/heartbeat", "/workers/{id}"];
        let routes = OperationalRoutes::new(templates.map(str::to_owned));
        // As for these templates: a segment for the parameter.
        let matches = |path: &str| {
            let path = path.to_owned();
            move |template: &str| {
                let is_longer = template.ends_with("/heartbeat");
                path.starts_with("/workers/") && path.ends_with("/heartbeat") == is_longer
            }
        };
        let contains = |path| routes.presumably_contains_path(path, matches(path));
        for path in ["/metrics", "/workers/w1/heartbeat", "/workers/w1"] {
            assert!(contains(path), "{path}");
        }
        assert!(!contains("/posts"));
        routes.confirm("/workers/{id}");
        assert!(!contains("/workers/w1") && contains("/workers/w1/heartbeat"));
        // A route of the service's own goes before a template.
        routes.insert("/workers/x");
        routes.update("/workers/x", |_| RouteOwner::Service);
        assert!(!contains("/workers/x"));
    }

    #[test]
    fn a_route_at_which_the_sdk_has_answered_stays_its_own() {
        let routes = routes();
        // What answered first stood in front of it.
        routes.confirm("/metrics");
        for route in ["/metrics", "/internal/metrics"] {
            routes.insert(route);
            assert!(routes.confirm(route) && routes.presumably_contains(route));
        }
        assert!(!routes.confirm("/posts") && !routes.presumably_contains("/posts"));
        assert!(!routes.confirm(""));
    }
}
