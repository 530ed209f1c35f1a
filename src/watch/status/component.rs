//! The components of a page: the five that are always there, and those of the configuration.

use std::sync::Arc;

use crate::config::{Config, Role, StatusComponent};
use crate::model::status::StatusId;

/// A component, and what its state follows from.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) id: StatusId,
    pub(super) key: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) description: Option<Arc<str>>,
    pub(super) sources: Vec<Source>,
}

/// Something that a state follows from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The health of this service.
    Service,
    /// All checks of data stores.
    DataStores,
    /// Checks of these ids.
    Checks(Vec<Pattern>),
    /// Workers, or schedulers, of these ids.
    Crew(crate::model::heartbeat::Role, Vec<Pattern>),
    /// Alerts of these objectives.
    Objectives(Vec<Pattern>),
    /// That this process is there.
    Presence,
}

/// An id, or the beginning of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(String);

impl Pattern {
    pub(super) fn matches(&self, id: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => id.starts_with(start),
            None => self.0 == id,
        }
    }
}

const BUILT_IN: [(&str, &str); 5] = [
    ("api", "API"),
    ("workers", "Workers"),
    ("scheduler", "Scheduler"),
    ("database", "Database"),
    ("web", "Web"),
];

/// All components that are not hidden: the built-in ones, then the others in their order.
pub(super) fn parts(config: &Config) -> Vec<Part> {
    let configured = &config.status.components;
    let of = |key: &str| configured.iter().find(|component| component.key == key);
    let built_in = BUILT_IN.into_iter().filter_map(|(key, name)| {
        let own = StatusComponent::new(key);
        let given = of(key).unwrap_or(&own);
        let sources = if given.has_sources() {
            of_config(given)
        } else {
            of_built_in(key, &config.service.roles)
        };
        (!given.hidden).then(|| Part::new(given, name, sources))
    });
    let is_built_in = |key: &str| BUILT_IN.iter().any(|(known, _)| *known == key);
    let others = configured
        .iter()
        .filter(|component| !is_built_in(&component.key));
    let others = others.filter(|component| !component.hidden);
    let others = others.map(|component| Part::new(component, &component.key, of_config(component)));
    built_in.chain(others).collect()
}

impl Part {
    fn new(given: &StatusComponent, name: &str, sources: Vec<Source>) -> Self {
        Self {
            id: StatusId::of(&given.key),
            key: given.key.as_str().into(),
            name: given.name.as_deref().unwrap_or(name).into(),
            description: given.description.as_deref().map(Arc::from),
            sources,
        }
    }
}

fn of_built_in(key: &str, roles: &[Role]) -> Vec<Source> {
    use crate::model::heartbeat::Role as Beats;
    let all = || vec![Pattern("*".into())];
    let objectives = |start: &str| Source::Objectives(vec![Pattern(format!("{start}.*"))]);
    match key {
        // Another process's health is known to that process alone.
        "api" if roles.contains(&Role::Api) => vec![Source::Service, objectives("api")],
        "workers" => vec![Source::Crew(Beats::Worker, all()), objectives("workers")],
        "scheduler" => vec![
            Source::Crew(Beats::Scheduler, all()),
            objectives("scheduler"),
        ],
        "database" => vec![Source::DataStores],
        "web" if roles.contains(&Role::Web) => vec![Source::Presence],
        _ => Vec::new(),
    }
}

fn of_config(component: &StatusComponent) -> Vec<Source> {
    use crate::model::heartbeat::Role as Beats;
    let patterns = |ids: &[String]| ids.iter().cloned().map(Pattern).collect();
    let sources = [
        (
            &component.checks,
            Source::Checks(patterns(&component.checks)),
        ),
        (
            &component.workers,
            Source::Crew(Beats::Worker, patterns(&component.workers)),
        ),
        (
            &component.schedulers,
            Source::Crew(Beats::Scheduler, patterns(&component.schedulers)),
        ),
        (
            &component.objectives,
            Source::Objectives(patterns(&component.objectives)),
        ),
    ];
    let named = sources.into_iter().filter(|(ids, _)| !ids.is_empty());
    named.map(|(_, source)| source).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(config: &Config) -> Vec<String> {
        parts(config)
            .iter()
            .map(|part| format!("{}={}", part.key, part.name))
            .collect()
    }

    #[test]
    fn what_the_config_says_of_a_built_in_component_takes_its_place() {
        let mut config = Config::new("test", Role::Api);
        let mut api = StatusComponent::new("api");
        (api.name, api.checks) = (Some("Public API".into()), vec!["edge-*".into()]);
        let mut hidden = StatusComponent::new("scheduler");
        hidden.hidden = true;
        let mut mail = StatusComponent::new("mail");
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
        let parts = parts(&config);
        let Source::Checks(patterns) = &parts[0].sources[0] else {
            panic!("{:?}", parts[0]);
        };
        assert!(patterns[0].matches("edge-1") && !patterns[0].matches("edg"));
        assert_eq!(parts[3].sources, [], "no page is served here");
    }
}
