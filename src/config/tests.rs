//! The layers together; each part's own tests stand beside it.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;

mod faults;
mod figures;
mod secrets;
mod slo;
mod sources;
mod variables;

/// A config file that is gone when the test ends.
struct ConfigFile {
    folder: tempfile::TempDir,
}

impl ConfigFile {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("obs.json"), text).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("obs.json")
    }

    /// Another file beside the config.
    fn beside(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn api() -> Config {
    Config::new("vantage-api", Role::Api)
}

fn resolved<'a>(
    config: Config,
    variables: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> EffectiveConfig {
    config.resolve(&Environment::from_iter(variables)).unwrap()
}

/// The faults, a line each, without the folder of the file.
fn faults(result: Result<EffectiveConfig, ConfigError>) -> Vec<String> {
    let error = result.unwrap_err();
    let line = |fault: &ConfigFault| {
        let line = fault.to_string();
        line.find("obs.json: ")
            .map_or(line.clone(), |at| line[at..].into())
    };
    error.faults().iter().map(line).collect()
}

fn value_at(effective: &EffectiveConfig, path: &str) -> Value {
    let mut values = effective.values();
    values
        .find(|value| value.path == path)
        .map_or(Value::Null, |value| value.value)
}
