//! Layering of the configuration: defaults, code, file, environment; then validation.
//!
//! | step | reads | writes |
//! |---|---|---|
//! | `from_code` | the struct | sources of what differs from the default |
//! | `apply_platform` | the environment | defaults |
//! | `apply_file` | JSON | values, sources, faults |
//! | `apply_environment` | the environment | values, sources, faults, warnings |
//! | `resolve_secrets` | environment and files | secrets, faults |
//! | `validate` | the merged values | faults, warnings |

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use super::batch::fit_batch_sizes;
use super::document::ConfigDocument;
use super::effective::{EffectiveConfig, flatten};
use super::environment::Environment;
use super::fault::{ConfigError, ConfigFault, InvalidValue, join_path};
use super::otlp::lower_names;
use super::reader::ReadContext;
use super::service::ServiceConfig;
use super::setting::{Setting, for_each_value};
use super::signal::TelemetrySignal;
use super::source::{ConfigSource, ConfigSources};
use super::unread::{ungenerated_warnings, unread_warnings};
use super::validator::ConfigValidator;
use super::variables::CONFIG_FILE;
use super::{Config, Role};
use crate::model::input_file::read_input_text;

/// A configuration while its layers are being applied.
#[derive(Debug)]
pub(super) struct ConfigLayers {
    pub(super) config: Config,
    pub(super) sources: ConfigSources,
    pub(super) faults: Vec<ConfigFault>,
    pub(super) warnings: Vec<String>,
    /// As the code has it: its name and its roles, where it sets them.
    code_service: ServiceConfig,
    /// `http.listen` without the shared variables.
    pub(super) own_listen: Option<SocketAddr>,
    /// The figures that the file changes and does not declare; `None` where that is a fault, because the code
    /// that would declare them is here.
    pub(super) skipped_figures: Option<Vec<String>>,
}

impl ConfigLayers {
    /// Creates the layers from the code's configuration: values that differ from the default are the code's.
    pub(super) fn from_code(mut config: Config) -> Self {
        // Before anything is compared: `Authorization` in code and `authorization` in a file are
        // one header.
        config.otlp.lower_header_names();
        lower_names(&mut config.slo.prometheus.headers);
        let defaults: Vec<_> = flatten(&Config::default()).collect();
        let mut sources = ConfigSources::default();
        // A value that code sets to the default can't be told from one that it left alone. Nothing
        // depends on the difference but the source that is shown.
        for setting in flatten(&config).filter(|setting| !defaults.contains(setting)) {
            sources.set(&setting.0, ConfigSource::Code);
        }
        Self {
            code_service: config.service.clone(),
            config,
            sources,
            faults: Vec::new(),
            warnings: Vec::new(),
            own_listen: None,
            skipped_figures: None,
        }
    }

    /// Creates the layers for a program that lacks the service's code, or knows nothing of it but these figures.
    pub(super) fn without_code(config: Config) -> Self {
        Self {
            skipped_figures: Some(Vec::new()),
            ..Self::from_code(config)
        }
    }

    /// Takes values that pass for a name and a role that no layer sets: the code will, and it isn't here. No layer
    /// is their source.
    pub(super) fn assume_service(&mut self) {
        let service = &mut self.config.service;
        if service.name.is_empty() {
            service.name = "vantage-obs".into();
        }
        if service.roles.is_empty() {
            // The role that demands least.
            service.roles.push(Role::Web);
        }
    }

    /// Applies the file that the code names, or else the one that the environment names.
    pub(super) fn apply_chosen_file(&mut self, environment: &Environment) {
        let named = environment.get(CONFIG_FILE);
        match (self.config.file.clone(), named) {
            (Some(file), named) => {
                if let Some(named) = named.filter(|named| Path::new(named) != file) {
                    let file = file.display();
                    // The code's choice wins, because it is the more specific one; a variable that
                    // has no effect is worth a line.
                    let warning = format!("{CONFIG_FILE}: {named} is not read, because {file} is");
                    self.warnings.push(warning);
                }
                self.apply_file(&file);
            }
            (None, Some(named)) => self.apply_file(Path::new(named)),
            (None, None) => {}
        }
    }

    /// Applies this file.
    pub(super) fn apply_file(&mut self, file: &Path) {
        self.apply(file, |config, root, context| config.read(root, "", context));
    }

    /// Applies the figures of this file, and checks them: an object of figures, or a config file.
    pub(super) fn apply_figures(&mut self, file: &Path) {
        let mut place = "";
        self.apply(file, |config, root, context| {
            // A figure may be named so too: it has a kind.
            let member = root.get("figures");
            let figures = match member.filter(|member| !member["kind"].is_string()) {
                Some(figures) => {
                    place = "figures";
                    figures
                }
                None => root,
            };
            config.figures.read(figures, place, context);
        });
        let mut validator = self.validator(false);
        self.config.figures.check(place, &mut validator);
        let faults = validator.faults;
        self.faults.extend(faults);
    }

    /// Reads a file, and hands what it holds to a reader.
    fn apply(&mut self, file: &Path, read: impl FnOnce(&mut Config, &Value, &mut ReadContext<'_>)) {
        self.sources.set_file(file);
        let faults = &mut self.faults;
        let mut context = ReadContext {
            file,
            faults,
            sources: &mut self.sources,
            skipped_figures: self.skipped_figures.as_mut(),
        };
        match parse_file(file) {
            Err(invalid) => context.add_fault("", invalid),
            Ok(ConfigDocument { root, duplicates }) => {
                for path in duplicates {
                    let invalid = InvalidValue::new("the key appears twice", "each key once");
                    context.add_fault(&path, invalid);
                }
                read(&mut self.config, &root, &mut context);
            }
        }
    }

    /// Replaces references to secrets by the secrets.
    pub(super) fn resolve_secrets(&mut self, environment: &Environment) {
        let mut invalid_values = Vec::new();
        // By type and not by a list of paths: a new secret can't be forgotten.
        for_each_value(self.config.fields(), "", &mut |path, field| {
            for (name, secret) in field.setting.secrets() {
                let path = name.map_or(path.into(), |name| join_path(path, name));
                if let Err(invalid) = secret.resolve_reference(environment) {
                    invalid_values.push((path, invalid));
                }
            }
        });
        // Through the validator, which knows in which layer each reference stands.
        let mut validator = self.validator(true);
        for (path, InvalidValue { value, allowed }) in invalid_values {
            validator.require(false, &path, value, &allowed);
        }
        let faults = validator.faults;
        self.faults.extend(faults);
    }

    /// Validates the merged values; unset ones only if `defaults` is true.
    pub(super) fn validate(&mut self, defaults: bool) {
        let adjusted = fit_batch_sizes(&mut self.config, &self.sources);
        self.warnings.extend(adjusted);
        let mut validator = self.validator(defaults);
        self.config.check("", &mut validator);
        let faults = validator.faults;
        self.faults.extend(faults);
        // Warnings come from the merged values too: a port that a later layer corrected is none.
        self.warnings.extend(self.config.otlp.warnings());
        self.warnings.extend(self.config.heartbeat.warnings());
        self.warnings
            .extend(self.config.store.warnings(&self.config.service));
        self.warnings.extend(self.config.access_warnings());
        let unsent = self.unsent_warnings();
        self.warnings.extend(unsent);
        self.warnings
            .extend(unread_warnings(&self.config, &self.sources));
        self.warnings.extend(self.skipped_warnings());
        let renamed = self.renamed_warnings();
        self.warnings.extend(renamed);
    }

    /// Returns a warning for the name and for the roles where the file says others than the code: of several
    /// processes that read one file, all but one would be taken for another. A variable belongs to one process, so
    /// that it overrules on purpose.
    fn renamed_warnings(&self) -> Vec<String> {
        let code = &self.code_service;
        let shown = |service: &ServiceConfig| {
            let mut roles: Vec<_> = service.roles.iter().map(|role| role.as_str()).collect();
            roles.sort_unstable();
            [format!("{:?}", service.name), format!("{roles:?}")]
        };
        let is_set = [!code.name.is_empty(), !code.roles.is_empty()];
        let values = shown(code).into_iter().zip(shown(&self.config.service));
        let all = ["service.name", "service.roles"]
            .into_iter()
            .zip(is_set)
            .zip(values);
        all.filter_map(
            |((path, is_set), (code, now))| match self.sources.get(path) {
                source @ ConfigSource::File(_) if is_set && code != now => Some(format!(
                    "{path} ({source}) is {now}, and the code says {code}: the file wins; \
                 one that several processes read leaves it out"
                )),
                _ => None,
            },
        )
        .collect()
    }

    /// Returns a warning for each figure that was skipped.
    fn skipped_warnings(&self) -> impl Iterator<Item = String> + use<> {
        let names = self.skipped_figures.clone().into_iter().flatten();
        names.map(|name| {
            format!(
                "figures.{name} is skipped: its kind is not set here, so that the code must declare it, by \
                 Config::figures before init; --figures FILE says to commands what it declares"
            )
        })
    }

    /// Returns the configuration, and what `generate` leaves out of it.
    pub(super) fn into_config_with_warnings(self) -> Result<(Config, Vec<String>), ConfigError> {
        let mut warnings: Vec<_> = self.skipped_warnings().collect();
        warnings.extend(ungenerated_warnings(&self.config, &self.sources));
        Ok((self.into_config()?, warnings))
    }

    fn validator(&self, defaults: bool) -> ConfigValidator<'_> {
        ConfigValidator::new(&self.sources, defaults)
    }

    /// Returns a warning for each signal that is to be pushed without an endpoint. Traces are on by default, so that only somebody
    /// who asked for them is told.
    fn unsent_warnings(&self) -> Vec<String> {
        let config = &self.config;
        // Metrics and logs are off by default, so that one who switched them on asked for it.
        let traces = config.traces.enabled && self.validator(false).is_set("traces.enabled");
        let mut warnings = Vec::new();
        for (wanted, path, signal) in [
            (traces, "traces.enabled", TelemetrySignal::Traces),
            (
                config.metrics.otlp.enabled,
                "metrics.otlp.enabled",
                TelemetrySignal::Metrics,
            ),
            (config.logs.otlp, "logs.otlp", TelemetrySignal::Logs),
        ] {
            if wanted && config.otlp.signal(signal).is_none() {
                let source = self.sources.get(path);
                let why = "are not pushed, because otlp.endpoint is not set";
                warnings.push(format!("{path} ({source}): {signal} {why}"));
            }
        }
        warnings
    }

    /// The configuration with the layers applied so far.
    pub(super) fn into_config(self) -> Result<Config, ConfigError> {
        ConfigError::from_faults(self.faults)?;
        Ok(self.config)
    }

    /// The result.
    pub(super) fn into_effective(self) -> Result<EffectiveConfig, ConfigError> {
        let Self {
            config,
            sources,
            faults,
            warnings,
            code_service: _,
            own_listen,
            skipped_figures: _,
        } = self;
        ConfigError::from_faults(faults)?;
        Ok(EffectiveConfig::new(config, sources, warnings, own_listen))
    }
}

/// Parses the file as JSON.
fn parse_file(file: &Path) -> Result<ConfigDocument, InvalidValue> {
    let text = read_input_text(file).map_err(|error| {
        InvalidValue::new(format!("can't be read ({error})"), "a readable JSON file")
    })?;
    ConfigDocument::parse(&text).map_err(|error| InvalidValue::new(error.to_string(), "JSON"))
}
