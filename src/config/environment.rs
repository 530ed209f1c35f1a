//! The environment as an argument, so that tests and tools bring their own.

use std::collections::BTreeMap;
use std::fmt;

/// The environment variables that a configuration is resolved against.
///
/// ```
/// use vantage_obs::config::{Config, Environment, Role};
///
/// let environment = Environment::from_iter([("OTEL_SERVICE_NAME", "vantage-api-eu")]);
/// let effective = Config::new("vantage-api", Role::Api).resolve(&environment)?;
/// assert_eq!(effective.config.service.name, "vantage-api-eu");
/// # Ok::<(), vantage_obs::config::ConfigError>(())
/// ```
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// Returns the variables of this process, as they are now. Bytes that aren't UTF-8 become `U+FFFD`.
    #[must_use]
    // Lossy, because a variable of another program may hold any bytes, and must not end the start
    // of a service.
    pub fn from_process() -> Self {
        let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
        std::env::vars_os()
            .map(|(name, value)| (text(name), text(value)))
            .collect()
    }

    /// Creates an environment without variables.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Returns the value of a variable. An empty one counts as unset, as OpenTelemetry has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            // White space at the ends comes from shells and files; no setting needs it.
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// The names of all variables that are set and start like this.
    pub(super) fn names_with_prefix<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = &'a str> {
        let names = self.variables.keys().map(String::as_str);
        names.filter(move |name| name.starts_with(prefix) && self.get(name).is_some())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter();
        Self {
            variables: pairs
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }
}

/// Names only: any value may be a secret.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}
