//! Every setting, as the documentation lists it.

use super::Config;
use super::setting::{Setting, for_each_value};
use super::variables::variables;

/// A setting: a path with a single value, a list or a map.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SettingSpec {
    /// Its dotted path, such as `otlp.timeout`.
    pub path: String,
    /// `true` if its value is never shown.
    pub secret: bool,
    /// Its meaning, unit, range and default, as its field's documentation has them.
    pub description: String,
    /// The variables that decide it, in the order in which they are applied.
    pub variables: Vec<&'static str>,
}

/// Every setting, in the order of the sections and of their fields.
///
/// ```
/// use vantage_obs::config::settings;
///
/// let mut settings = settings().into_iter();
/// let retention = settings.find(|setting| setting.path == "store.retention").unwrap();
/// assert!(retention.description.starts_with("The time that rows are kept after their end"));
/// assert_eq!(retention.variables, ["VANTAGE_OBS_STORE_RETENTION"]);
/// ```
#[must_use]
pub fn settings() -> Vec<SettingSpec> {
    let mut specs = Vec::new();
    let mut config = Config::default();
    for_each_value(config.fields(), "", &mut |path, field| {
        // By path, so that a setting without a variable has an empty list and nothing has to be
        // kept in step by hand.
        let deciding = variables().filter(|variable| variable.paths.contains(&path));
        let lines: Vec<_> = field.docs.iter().map(|line| line.trim()).collect();
        specs.push(SettingSpec {
            path: path.into(),
            secret: field.setting.is_secret(),
            description: lines.join(" "),
            variables: deciding.map(|variable| variable.name).collect(),
        });
    });
    specs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_described() {
        for SettingSpec {
            path, description, ..
        } in settings()
        {
            assert!(description.ends_with('.'), "{path}: {description}");
        }
    }

    #[test]
    fn secrets_are_known_by_their_type() {
        let secrets = settings().into_iter().filter(|setting| setting.secret);
        let paths: Vec<_> = secrets.map(|setting| setting.path).collect();
        assert_eq!(
            paths,
            [
                "otlp.headers",
                "otlp.traces.headers",
                "otlp.metrics.headers",
                "otlp.logs.headers",
                "health.details_token",
                "heartbeat.token",
                "slo.prometheus.token",
                "slo.prometheus.headers",
                "store.url",
                "status.token",
            ]
        );
    }
}
