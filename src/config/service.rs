//! The identity of the process.

use std::collections::BTreeMap;

use serde::Serialize;

use super::field_value::string_enum;
use super::reader::{SectionReader, join_path};
use super::validator::ConfigValidator;

/// The identity of the process: what its metrics, spans and logs are attributed to.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct ServiceConfig {
    /// The service's name, `service.name`: 1 to 255 bytes. No default: two services with one
    /// name would be added up.
    pub name: String,
    /// What the process does; decides which instruments, routes and objectives are live. At least
    /// one; no default.
    pub roles: Vec<Role>,
    /// The version that runs, `service.version`. Default: none.
    pub version: Option<String>,
    /// Where it runs, such as `production`: `deployment.environment.name`. Default: none.
    pub environment: Option<String>,
    /// Tells replicas apart, `service.instance.id`. Default: none, and one is made up at start.
    pub instance_id: Option<String>,
    /// Who is called when it breaks; goes into alerts and runbooks. Default: none.
    pub team: Option<String>,
    /// Further resource attributes, each a text of at most 255 bytes. Default: none. The names
    /// that have a field above are refused here, so that there are no two answers.
    pub attributes: BTreeMap<String, String>,
}

/// What a process does. It may have several roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Answers requests.
    Api,
    /// Works off a queue.
    Worker,
    /// Puts jobs into a queue when they are due.
    Scheduler,
    /// Shows the status pages.
    Web,
}

string_enum!(Role {
    Api: "api",
    Worker: "worker",
    Scheduler: "scheduler",
    Web: "web"
});

/// The resource attributes that have a field of their own, with the field's path.
const ATTRIBUTE_FIELDS: [(&str, &str); 4] = [
    ("service.name", "service.name"),
    ("service.version", "service.version"),
    ("service.instance.id", "service.instance_id"),
    ("deployment.environment.name", "service.environment"),
];

impl ServiceConfig {
    /// Sets a resource attribute, in its own field if it has one; returns the path that was set.
    pub(super) fn set_attribute(&mut self, name: &str, value: String) -> String {
        let path = match name {
            "service.name" => {
                self.name = value;
                "service.name"
            }
            "service.version" => {
                self.version = Some(value);
                "service.version"
            }
            "service.instance.id" => {
                self.instance_id = Some(value);
                "service.instance_id"
            }
            "deployment.environment.name" => {
                self.environment = Some(value);
                "service.environment"
            }
            other => {
                self.attributes.insert(other.into(), value);
                return join_path("service.attributes", other);
            }
        };
        path.into()
    }

    pub(super) fn read(&mut self, section: &mut SectionReader<'_, '_>) {
        section.read_field("name", &mut self.name);
        section.read_list("roles", &mut self.roles);
        section.read_field("version", &mut self.version);
        section.read_field("environment", &mut self.environment);
        section.read_field("instance_id", &mut self.instance_id);
        section.read_field("team", &mut self.team);
        section.read_map("attributes", str::to_owned, &mut self.attributes);
    }

    pub(super) fn validate(&self, validator: &mut ConfigValidator<'_>) {
        validator.require_text("service.name", &self.name);
        let allowed = format!("at least one of {}", Role::NAMES.join(", "));
        validator.require(!self.roles.is_empty(), "service.roles", "[]", &allowed);
        validator.require_optional_text("service.version", self.version.as_deref());
        validator.require_optional_text("service.environment", self.environment.as_deref());
        validator.require_optional_text("service.instance_id", self.instance_id.as_deref());
        validator.require_optional_text("service.team", self.team.as_deref());
        for (name, value) in &self.attributes {
            validate_attribute(name, value, validator);
        }
    }
}

fn validate_attribute(name: &str, value: &str, validator: &mut ConfigValidator<'_>) {
    let path = join_path("service.attributes", name);
    if let Some((_, own)) = ATTRIBUTE_FIELDS
        .iter()
        .find(|(attribute, _)| *attribute == name)
    {
        let allowed = format!("any other name; this one is set by {own}");
        validator.require(false, &path, format!("{name:?}"), &allowed);
    } else if name.trim().is_empty() {
        validator.require(
            false,
            &path,
            format!("{name:?}"),
            "a name that is not empty",
        );
    } else {
        validator.require_text(&path, value);
    }
}
