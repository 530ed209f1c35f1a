//! How a setting is changed, in the words of whoever decided it.

use crate::config::{EffectiveConfig, Source, variables};

/// The effective configuration, asked for the way to change it.
#[derive(Clone, Copy)]
pub(super) struct Settings<'a>(pub(super) &'a EffectiveConfig);

impl Settings<'_> {
    /// Says how to set this path to this value, in the layer that decides now: a value in the file
    /// would have no effect under a variable.
    pub(super) fn set(self, path: &str, value: &str) -> String {
        let set = |name: &str| assignment(name, path, value);
        match (self.0.source(path), variable(path)) {
            (Source::Environment(name), _) => {
                format!("set {} (the variable decides {path})", set(&name))
            }
            (_, Some(name)) => format!("set {path} to {} ({})", json(value), set(name)),
            (_, None) => format!("set {path} to {}", json(value)),
        }
    }
}

/// The variable that decides a path; for a member of a map, the one of the map.
fn variable(path: &str) -> Option<&'static str> {
    let deciding = |path: &str| {
        let of_path = variables().filter(|variable| variable.paths.contains(&path));
        // Where two decide the same, the later wins.
        of_path.last().map(|variable| variable.name)
    };
    deciding(path).or_else(|| deciding(path.rsplit_once('.')?.0))
}

/// Headers stand in their variable as `name=value`, percent-encoded, and exporters by their names.
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

fn json(value: &str) -> String {
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
        Settings(&effective).set(path, value)
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
