//! The identity of the process.

use std::collections::BTreeMap;

use super::checks::{optional, text};
use super::fault::join_path;
use super::field_value::{FieldValue as _, config_enum};
use super::setting::section;
use super::validator::ConfigValidator;

section! {
    /// The identity of the process: what its metrics, spans and logs are attributed to.
    ///
    /// ```
    /// use vantage_obs::config::Environment;
    /// use vantage_obs::{Config, Role};
    ///
    /// let mut config = Config::new("vantage-api", Role::Api).version("1.4.2");
    /// config.service.attributes.insert("cloud.region".into(), "eu-central-1".into());
    /// // A deployment says where it runs; the code needn't know.
    /// let attributes = "deployment.environment.name=production";
    /// let environment = Environment::from_iter([("OTEL_RESOURCE_ATTRIBUTES", attributes)]);
    /// let effective = config.resolve(&environment)?;
    /// assert_eq!(effective.config.service.environment.as_deref(), Some("production"));
    /// # Ok::<(), vantage_obs::config::ConfigError>(())
    /// ```
    pub struct ServiceConfig {
        /// The service's name, `service.name`: 1 to 255 bytes. No default: two services with one
        /// name would be added up.
        pub name: String, text;
        /// The roles of the process, which decide on its instruments, routes and objectives. At least one; no
        /// default.
        pub roles: Vec<Role>, check_roles;
        /// The version that runs, `service.version`. Default: none.
        pub version: Option<String>, optional(text);
        /// The source revision that was built, such as a Git commit, `vcs.ref.head.revision`. Default: none.
        pub revision: Option<String>, optional(text);
        /// The environment, such as `production`: `deployment.environment.name`. Default: none.
        pub environment: Option<String>, optional(text);
        /// Tells replicas apart, `service.instance.id`. Default: none, and one is generated at start.
        pub instance_id: Option<String>, optional(text);
        /// The team that is called when it breaks, 1 to 255 bytes without `{}<>|` and backticks, because it
        /// goes into alerts and runbooks, where those are a template's or Markdown's. Default: none, and alerts
        /// have no label `team`.
        pub team: Option<String>, optional(check_team);
        /// Further resource attributes, each a text of at most 255 bytes. Default: none. The names
        /// that have a field above are refused here, so that no value has two sources.
        pub attributes: BTreeMap<String, String>, check_attributes;
    }
}

/// A role of a process. It may have several.
///
/// ```
/// use vantage_obs::config::Environment;
/// use vantage_obs::{Config, Role};
///
/// let environment = Environment::from_iter([("VANTAGE_OBS_ROLES", "worker,scheduler")]);
/// let effective = Config::new("vantage-jobs", Role::Worker).resolve(&environment)?;
/// assert_eq!(effective.config.service.roles, [Role::Worker, Role::Scheduler]);
/// assert_eq!(Role::Scheduler.as_str(), "scheduler");
/// # Ok::<(), vantage_obs::config::ConfigError>(())
/// ```
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

config_enum!(Role {
    Api: "api",
    Worker: "worker",
    Scheduler: "scheduler",
    Web: "web"
});

/// The resource attribute of the environment that a process runs in.
pub(super) const ENVIRONMENT_ATTRIBUTE: &str = "deployment.environment.name";

/// Its name until version 1.27 of the semantic conventions, which many deployments still set.
pub(super) const FORMER_ENVIRONMENT_ATTRIBUTE: &str = "deployment.environment";

/// The resource attributes that have a field of their own, with the field's path.
// In both directions: an attribute of `OTEL_RESOURCE_ATTRIBUTES` goes to its field, and the same
// name among the free attributes is refused.
const ATTRIBUTE_FIELDS: [(&str, &str); 5] = [
    ("service.name", "service.name"),
    ("service.version", "service.version"),
    ("vcs.ref.head.revision", "service.revision"),
    ("service.instance.id", "service.instance_id"),
    (ENVIRONMENT_ATTRIBUTE, "service.environment"),
];

/// Returns the path of the field that holds this resource attribute, if it has one of its own.
///
/// `None` for every attribute that is kept as it is.
pub(super) fn attribute_field(name: &str) -> Option<&'static str> {
    let mut fields = ATTRIBUTE_FIELDS.iter();
    fields
        .find(|(attribute, _)| *attribute == name)
        .map(|(_, path)| *path)
}

/// Requires a name that templates and Markdown take literally.
fn check_team(team: &str, path: &str, validator: &mut ConfigValidator<'_>) {
    text(team, path, validator);
    let allowed = "printable text without { } < > | and backticks";
    let fine = !team.contains(['{', '}', '<', '>', '|', '`']);
    validator.require(fine, path, format!("{team:?}"), allowed);
}

/// Requires a role: without one nothing would be recorded, and nobody would be told.
fn check_roles(roles: &[Role], path: &str, validator: &mut ConfigValidator<'_>) {
    let allowed = format!("at least one of {}", Role::allowed());
    validator.require(!roles.is_empty(), path, "[]", &allowed);
}

/// Requires printable values, and names that no field has.
fn check_attributes(
    attributes: &BTreeMap<String, String>,
    path: &str,
    validator: &mut ConfigValidator<'_>,
) {
    for (name, value) in attributes {
        let path = join_path(path, name);
        let shown = format!("{name:?}");
        if let Some(own) = attribute_field(name) {
            let allowed = format!("any other name; this one is set by {own}");
            validator.require(false, &path, shown, &allowed);
        } else if name.trim().is_empty() {
            validator.require(false, &path, shown, "a name that is not empty");
        } else {
            text(value, &path, validator);
        }
    }
}
