//! The files that a service starts with: its config, its objectives, and what runs Prometheus, Alertmanager,
//! Grafana and Jaeger beside it.
//!
//! They belong to the service from then on, and are never generated anew; what is, `plan` makes.
//!
//! | file | made for |
//! |---|---|
//! | `vantage-obs.jsonc` | the service: what is set, and as comments what can be |
//! | `slo/*.json` | the objectives of its roles |
//! | `prometheus/prometheus.yml`, `alertmanager.yml` | the targets and the receivers |
//! | `compose.observability.yaml` | the containers, with the generated files in them |

mod compose;
mod config_file;

use std::path::Path;

use super::GeneratedFile;
use super::examples;
use crate::config::{Config, Role};
use crate::model::alerts::AlertSignal;

pub use config_file::CONFIG_FILE_NAME;

/// The name of the compose file: none that is read without being named, because the service may have its own.
pub const COMPOSE_FILE_NAME: &str = "compose.observability.yaml";

/// The port of a service that serves requests, and that of one which is only scraped.
const PORTS: [u16; 2] = [8080, 9464];

/// The service that the files are for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StarterInput {
    /// Its name, `service.name`.
    pub name: String,
    /// Its roles; one at least.
    pub roles: Vec<Role>,
}

impl StarterInput {
    /// Returns the input for a service of this name and these roles.
    #[must_use]
    pub fn new(name: impl Into<String>, roles: Vec<Role>) -> StarterInput {
        StarterInput {
            name: name.into(),
            roles,
        }
    }

    /// Returns whether the service has a server of its own, which carries the routes.
    fn serves_requests(&self) -> bool {
        let serving = [Role::Api, Role::Web];
        self.roles.iter().any(|role| serving.contains(role))
    }

    /// Returns the command line that checks a config file as a service of this name and these roles reads it.
    #[must_use]
    pub fn check_command(&self, config: &str) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        let quoted = |text: &str| match !text.is_empty() && text.chars().all(is_plain) {
            true => text.to_owned(),
            // A control character would end the line; a service can't be named so.
            false => {
                let text = text.replace(char::is_control, " ");
                format!("'{}'", text.replace('\'', r"'\''"))
            }
        };
        let roles = self.roles.iter();
        let roles: String = roles
            .map(|role| format!(" --role {}", role.as_str()))
            .collect();
        format!(
            "vantage-obs config check {} --name {}{roles}",
            quoted(config),
            quoted(&self.name)
        )
    }

    /// Returns the alerts on the absence of the service's roles that this configuration turns off.
    #[must_use]
    pub fn missed_absences(&self, config: &Config) -> Vec<AlertSignal> {
        config_file::missed_absences(&self.roles, config)
    }

    /// Returns the port that Prometheus scrapes.
    #[must_use]
    pub fn port(&self) -> u16 {
        PORTS[usize::from(!self.serves_requests())]
    }
}

/// The objectives of the roles, of which the other roles have none.
const OBJECTIVES: [(Role, &str, &str); 2] = [
    (Role::Api, "api", include_str!("starter/api.json")),
    (
        Role::Worker,
        "workers",
        include_str!("starter/workers.json"),
    ),
];

/// Returns the files of objectives, each with the key that it declares.
#[must_use]
pub fn objective_files(input: &StarterInput) -> Vec<(&'static str, GeneratedFile)> {
    let wanted = OBJECTIVES
        .iter()
        .filter(|(role, ..)| input.roles.contains(role));
    wanted
        .map(|(_, key, text)| (*key, GeneratedFile::new(format!("slo/{key}.json"), *text)))
        .collect()
}

/// Returns the config file. `slo` is the folder of the objectives, as the service finds it; `None` where there is
/// none.
#[must_use]
pub fn config_file(input: &StarterInput, slo: Option<&Path>) -> GeneratedFile {
    GeneratedFile::new(CONFIG_FILE_NAME, config_file::text(input, slo))
}

/// Returns the files that run the tools, for the configuration that the service has.
#[must_use]
pub fn tool_files(input: &StarterInput, config: &Config) -> Vec<GeneratedFile> {
    vec![
        GeneratedFile::new(
            "prometheus/prometheus.yml",
            examples::starter_prometheus(&input.name, input.port(), config),
        ),
        GeneratedFile::new(
            "prometheus/alertmanager.yml",
            examples::starter_alertmanager(config),
        ),
        GeneratedFile::new(COMPOSE_FILE_NAME, compose::text(&input.name)),
    ]
}
