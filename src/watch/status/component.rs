//! The components of a page: five built-in ones, and those of the configuration.

use std::sync::Arc;

use crate::config::{BUILT_IN_COMPONENTS, Config, Role, StatusComponentConfig};
use crate::model::heartbeat::BeatRole;
use crate::model::status::StatusId;

/// A component, and the sources of its state.
#[derive(Clone, Debug)]
pub(super) struct ComponentDefinition {
    pub(super) id: StatusId,
    pub(super) key: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) description: Option<Arc<str>>,
    pub(super) sources: Vec<StateSource>,
}

/// A source of a component's state.
/// Several of one component are looked at together, and the worst counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StateSource {
    /// Health of this service.
    Service,
    /// All checks of data stores.
    DataStores,
    /// Checks of these ids.
    Checks(Vec<IdPattern>),
    /// Workers, or schedulers, of these ids.
    Workers(crate::model::heartbeat::BeatRole, Vec<IdPattern>),
    /// Alerts and bad time slices of these objectives.
    Objectives(Vec<IdPattern>),
    /// Presence of this process.
    Presence,
}

/// An id, or a prefix of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IdPattern(String);

impl IdPattern {
    /// Returns whether the id is this one, or begins with what stands before the `*`.
    pub(super) fn matches(&self, id: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => id.starts_with(start),
            None => self.0 == id,
        }
    }
}

/// Returns all components that are not hidden: the built-in ones, then the others in their order.
pub(super) fn definitions(config: &Config) -> Vec<ComponentDefinition> {
    let configured = &config.status.components;
    let find = |key: &str| configured.iter().find(|component| component.key == key);
    let built_in = BUILT_IN_COMPONENTS.into_iter().filter_map(|(key, name)| {
        let own = StatusComponentConfig::new(key);
        // A built-in component may be renamed, hidden or given other sources by its key.
        let component = find(key).unwrap_or(&own);
        let sources = if component.has_sources() {
            configured_sources(component)
        } else {
            built_in_sources(key, &config.service.roles)
        };
        (!component.hidden).then(|| ComponentDefinition::new(component, name, sources))
    });
    let additional = configured.iter();
    let additional = additional.filter(|component| !component.is_built_in() && !component.hidden);
    let additional = additional.map(|component| {
        ComponentDefinition::new(component, &component.key, configured_sources(component))
    });
    built_in.chain(additional).collect()
}

impl ComponentDefinition {
    /// Returns true if its state follows from this objective, among others.
    pub(super) fn has_objective(&self, id: &str) -> bool {
        self.sources.iter().any(|source| match source {
            StateSource::Objectives(patterns) => patterns.iter().any(|one| one.matches(id)),
            _ => false,
        })
    }

    fn new(config: &StatusComponentConfig, name: &str, sources: Vec<StateSource>) -> Self {
        Self {
            id: StatusId::from_key(&config.key),
            key: config.key.as_str().into(),
            name: config.name.as_deref().unwrap_or(name).into(),
            description: config.description.as_deref().map(Arc::from),
            sources,
        }
    }
}

/// Returns the sources of a built-in component; none where this process can't know its state.
fn built_in_sources(key: &str, roles: &[Role]) -> Vec<StateSource> {
    let all = || vec![IdPattern("*".into())];
    let objectives = |start: &str| StateSource::Objectives(vec![IdPattern(format!("{start}.*"))]);
    match key {
        // Another process's health is known to that process alone.
        "api" if roles.contains(&Role::Api) => vec![StateSource::Service, objectives("api")],
        "workers" => vec![
            StateSource::Workers(BeatRole::Worker, all()),
            objectives("workers"),
        ],
        "scheduler" => vec![
            StateSource::Workers(BeatRole::Scheduler, all()),
            objectives("scheduler"),
        ],
        "database" => vec![StateSource::DataStores],
        "web" if roles.contains(&Role::Web) => vec![StateSource::Presence],
        // Without a source it has no data, and isn't shown.
        _ => Vec::new(),
    }
}

fn configured_sources(component: &StatusComponentConfig) -> Vec<StateSource> {
    let patterns = |ids: &[String]| {
        let patterns = ids.iter().cloned().map(IdPattern);
        (!ids.is_empty()).then(|| patterns.collect())
    };
    let sources = [
        patterns(&component.checks).map(StateSource::Checks),
        patterns(&component.workers).map(|ids| StateSource::Workers(BeatRole::Worker, ids)),
        patterns(&component.schedulers).map(|ids| StateSource::Workers(BeatRole::Scheduler, ids)),
        patterns(&component.objectives).map(StateSource::Objectives),
    ];
    sources.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(config: &Config) -> Vec<String> {
        definitions(config)
            .iter()
            .map(|definition| format!("{}={}", definition.key, definition.name))
            .collect()
    }

    #[test]
    fn a_configured_component_replaces_the_built_in_one() {
        let mut config = Config::new("test", Role::Api);
        let mut api = StatusComponentConfig::new("api");
        (api.name, api.checks) = (Some("Public API".into()), vec!["edge-*".into()]);
        let mut hidden = StatusComponentConfig::new("scheduler");
        hidden.hidden = true;
        let mut mail = StatusComponentConfig::new("mail");
        mail.workers = vec!["mailer-1".into()];
        config.status.components = vec![mail, hidden, api];
        assert_eq!(
            keys(&config),
            [
                "api=Public API",
                "workers=Workers",
                "database=Database",
                "web=Web",
                "mail=mail"
            ]
        );
        let definitions = definitions(&config);
        let StateSource::Checks(patterns) = &definitions[0].sources[0] else {
            panic!("{:?}", definitions[0]);
        };
        assert!(patterns[0].matches("edge-1") && !patterns[0].matches("edg"));
        assert_eq!(definitions[3].sources, [], "no page is served here");
    }
}
