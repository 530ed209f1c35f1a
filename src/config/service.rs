//! Who the process is.

use std::collections::BTreeMap;

use serde::Serialize;

use super::check::Check;
use super::reader::{Section, member};
use super::setting::words;

/// Who the process is: what its metrics, spans and logs are attributed to.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Service {
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

words!(Role {
    Api: "api",
    Worker: "worker",
    Scheduler: "scheduler",
    Web: "web"
});

/// The resource attributes that have a field of their own, with the field's path.
const OWN_FIELD: [(&str, &str); 4] = [
    ("service.name", "service.name"),
    ("service.version", "service.version"),
    ("service.instance.id", "service.instance_id"),
    ("deployment.environment.name", "service.environment"),
];

impl Service {
    /// Sets a resource attribute, in its own field where it has one; says which path that is.
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
                return member("service.attributes", other);
            }
        };
        path.into()
    }

    pub(super) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.field("name", &mut self.name);
        section.list("roles", &mut self.roles);
        section.field("version", &mut self.version);
        section.field("environment", &mut self.environment);
        section.field("instance_id", &mut self.instance_id);
        section.field("team", &mut self.team);
        section.map("attributes", str::to_owned, &mut self.attributes);
    }

    pub(super) fn check(&self, check: &mut Check<'_>) {
        check.text("service.name", &self.name);
        let allowed = format!("at least one of {}", Role::WORDS.join(", "));
        check.require(!self.roles.is_empty(), "service.roles", "[]", &allowed);
        check.optional_text("service.version", self.version.as_deref());
        check.optional_text("service.environment", self.environment.as_deref());
        check.optional_text("service.instance_id", self.instance_id.as_deref());
        check.optional_text("service.team", self.team.as_deref());
        for (name, value) in &self.attributes {
            check_attribute(name, value, check);
        }
    }
}

fn check_attribute(name: &str, value: &str, check: &mut Check<'_>) {
    let path = member("service.attributes", name);
    if let Some((_, own)) = OWN_FIELD.iter().find(|(attribute, _)| *attribute == name) {
        let allowed = format!("any other name; this one is set by {own}");
        check.require(false, &path, format!("{name:?}"), &allowed);
    } else if name.trim().is_empty() {
        check.require(
            false,
            &path,
            format!("{name:?}"),
            "a name that is not empty",
        );
    } else {
        check.text(&path, value);
    }
}
