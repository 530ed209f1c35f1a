//! Suggestions of how to change a setting, in the layer that decides it.
//!
//! A fix that names the wrong layer is worse than none: somebody changes the file, and a variable
//! goes on deciding. So each one names the layer that decides now.

use crate::config::{ConfigSource, EffectiveConfig, variables};

/// Suggestions for the settings of an effective configuration.
#[derive(Clone, Copy)]
pub(super) struct SettingFixes<'a>(pub(super) &'a EffectiveConfig);

impl SettingFixes<'_> {
    /// Returns the instruction to set this path to this value, in the layer that decides now: a value in the file
    /// would have no effect under a variable.
    pub(super) fn suggest(self, path: &str, value: &str) -> String {
        let set = |name: &str| assignment(name, path, value);
        match (self.0.source(path), deciding_variable(path)) {
            (ConfigSource::Environment(name), _) => {
                format!("set {} (the variable decides {path})", set(&name))
            }
            (_, Some(name)) => format!("set {path} to {} ({})", json_literal(value), set(name)),
            (_, None) => format!("set {path} to {}", json_literal(value)),
        }
    }
}

impl SettingFixes<'_> {
    /// Returns the setting as the layer that decides it has it: a variable, or the path.
    pub(super) fn name(self, path: &str) -> String {
        match self.0.source(path) {
            ConfigSource::Environment(name) => name,
            _ => path.into(),
        }
    }
}

/// Returns the variable that decides a path; for a member of a map, the one of the map.
fn deciding_variable(path: &str) -> Option<&'static str> {
    let last_variable = |path: &str| {
        let matching = variables().filter(|variable| variable.paths.contains(&path));
        // Where two decide the same, the later wins.
        matching.last().map(|variable| variable.name)
    };
    last_variable(path).or_else(|| last_variable(path.rsplit_once('.')?.0))
}

/// Returns the assignment. Headers stand in their variable as `name=value`, percent-encoded, and exporters by their names.
fn assignment(variable: &str, path: &str, value: &str) -> String {
    if let Some((_, header)) = path.rsplit_once("headers.") {
        return format!("{variable}={header}={}", value.replace(' ', "%20"));
    }
    let value = match (variable, value) {
        ("OTEL_METRICS_EXPORTER", "true") => "otlp,prometheus",
        ("OTEL_METRICS_EXPORTER", "false") => "prometheus",
        (name, "true") if name.ends_with("_EXPORTER") => "otlp",
        (name, "false") if name.ends_with("_EXPORTER") => "none",
        _ => value,
    };
    format!("{variable}={value}")
}

/// Returns the value as the file has it.
fn json_literal(value: &str) -> String {
    match value {
        "true" | "false" => value.into(),
        text => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment, Role};

    fn set(variables: &[(&str, &str)], path: &str, value: &str) -> String {
        let environment = Environment::from_iter(variables.iter().copied());
        let config = Config::new("test", Role::Api);
        let effective = config.resolve(&environment).unwrap();
        SettingFixes(&effective).suggest(path, value)
    }

    #[test]
    fn a_default_is_changed_in_the_file_or_by_a_variable() {
        assert_eq!(
            set(&[], "otlp.protocol", "http/protobuf"),
            "set otlp.protocol to \"http/protobuf\" (OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf)"
        );
        assert_eq!(
            set(&[], "metrics.otlp.enabled", "false"),
            "set metrics.otlp.enabled to false (OTEL_METRICS_EXPORTER=prometheus)"
        );
        assert_eq!(
            set(&[], "otlp.headers.authorization", "Bearer TOKEN"),
            "set otlp.headers.authorization to \"Bearer TOKEN\" \
             (OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20TOKEN)"
        );
        assert_eq!(set(&[], "metrics.disks", "/"), "set metrics.disks to \"/\"");
    }

    #[test]
    fn what_a_variable_decides_is_changed_there() {
        let variables = [("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc")];
        assert_eq!(
            set(&variables, "otlp.traces.protocol", "http/protobuf"),
            "set OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf (the variable decides otlp.traces.protocol)"
        );
    }
}
