//! Puts the layers on top of each other: defaults, code, file, environment; then judges the result.

use std::path::Path;

use super::Config;
use super::check::Check;
use super::document::Document;
use super::effective::{EffectiveConfig, flatten};
use super::environment::Environment;
use super::fault::{ConfigError, Fault, Location, Refusal, nearest, one_of};
use super::reader::{Findings, member, read_object};
use super::signal::Signal;
use super::source::{Source, Sources};
use super::variables::{CONFIG_FILE, known_names, variables};

/// A configuration while its layers are being applied.
#[derive(Debug)]
pub(super) struct Layers {
    config: Config,
    sources: Sources,
    faults: Vec<Fault>,
    warnings: Vec<String>,
}

impl Layers {
    /// Starts with what the code says: whatever differs from the default is the code's.
    pub(super) fn of_code(mut config: Config) -> Self {
        config
            .otlp
            .headers_mut()
            .into_iter()
            .for_each(|(_, headers)| {
                let lower = std::mem::take(headers).into_iter();
                *headers = lower
                    .map(|(name, value)| (name.to_ascii_lowercase(), value))
                    .collect();
            });
        let defaults: Vec<_> = flatten(&Config::default()).collect();
        let mut sources = Sources::default();
        for setting in flatten(&config).filter(|setting| !defaults.contains(setting)) {
            sources.set(&setting.0, Source::Code);
        }
        Self {
            config,
            sources,
            faults: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Applies the file that the code names, or else the one that the environment names.
    pub(super) fn chosen_file(&mut self, environment: &Environment) {
        let named = environment.get(CONFIG_FILE);
        match (self.config.file.clone(), named) {
            (Some(file), named) => {
                if let Some(named) = named.filter(|named| Path::new(named) != file) {
                    let file = file.display();
                    let warning = format!("{CONFIG_FILE}: {named} is not read, {file} is");
                    self.warnings.push(warning);
                }
                self.file(&file);
            }
            (None, Some(named)) => self.file(Path::new(named)),
            (None, None) => {}
        }
    }

    /// Applies this file.
    pub(super) fn file(&mut self, file: &Path) {
        self.sources.set_file(file);
        let faults = &mut self.faults;
        let mut findings = Findings {
            file,
            faults,
            sources: &mut self.sources,
        };
        match parsed(file) {
            Err(refusal) => findings.fault("", refusal),
            Ok(Document { root, duplicates }) => {
                for path in duplicates {
                    let refusal = Refusal::new("the key stands twice", "each key once");
                    findings.fault(&path, refusal);
                }
                let config = &mut self.config;
                read_object(&root, "", &mut findings, |section| config.read(section));
            }
        }
    }

    /// Applies every variable that decides a setting, and looks at those that nobody reads.
    pub(super) fn environment(&mut self, environment: &Environment) {
        for variable in variables() {
            let Some(text) = environment.get(variable.name) else {
                continue;
            };
            let source = Source::Environment(variable.name.into());
            match variable.apply(&mut self.config, text) {
                Ok(paths) => paths
                    .iter()
                    .for_each(|path| self.sources.set(path, source.clone())),
                Err(refusal) => {
                    variable
                        .paths
                        .iter()
                        .for_each(|path| self.sources.refuse(path));
                    let location = Location::Variable(variable.name.into());
                    self.faults.push(Fault::new(location, refusal));
                }
            }
        }
        self.unknown_variables(environment);
    }

    /// A standard variable may be meant for another program; one of ours can only be a slip.
    fn unknown_variables(&mut self, environment: &Environment) {
        let unknown = |name: &&str| !known_names().any(|known| known == *name);
        for name in environment.starting_with("OTEL_").filter(unknown) {
            let hint = nearest(name, known_names());
            let hint = hint.map_or(String::new(), |hint| format!("; did you mean {hint}?"));
            self.warnings
                .push(format!("{name} has no effect here{hint}"));
        }
        for name in environment.starting_with("VANTAGE_OBS_").filter(unknown) {
            let ours = known_names().filter(|known| known.starts_with("VANTAGE_OBS_"));
            let allowed = one_of(name, &ours.collect::<Vec<_>>());
            let location = Location::Variable(name.into());
            self.faults.push(Fault::new(
                location,
                Refusal::new("unknown variable", allowed),
            ));
        }
    }

    /// Replaces references to secrets by the secrets.
    pub(super) fn follow_secrets(&mut self, environment: &Environment) {
        let mut refusals = Vec::new();
        for (path, headers) in self.config.otlp.headers_mut() {
            for (name, secret) in headers {
                if let Err(refusal) = secret.follow(environment) {
                    refusals.push((member(path, name), refusal));
                }
            }
        }
        for (path, token) in [
            (
                "health.details_token",
                &mut self.config.health.details_token,
            ),
            ("health.write_token", &mut self.config.health.write_token),
            (
                "slo.prometheus.token",
                &mut self.config.slo.prometheus.token,
            ),
            ("heartbeat.token", &mut self.config.heartbeat.token),
            ("store.url", &mut self.config.store.url),
        ] {
            if let Some(Err(refusal)) = token.as_mut().map(|token| token.follow(environment)) {
                refusals.push((path.into(), refusal));
            }
        }
        let mut check = self.checking(true);
        for (path, Refusal { value, allowed }) in refusals {
            check.require(false, &path, value, &allowed);
        }
        let faults = check.faults;
        self.faults.extend(faults);
    }

    /// Judges what the layers left; what nobody set only where `defaults` says so.
    pub(super) fn check(&mut self, defaults: bool) {
        let mut check = self.checking(defaults);
        self.config.check(&mut check);
        let faults = check.faults;
        self.faults.extend(faults);
        self.warnings.extend(self.config.otlp.warnings());
        self.warnings.extend(self.config.heartbeat.warnings());
        self.warnings
            .extend(self.config.store.warnings(&self.config.service));
        let unsent = self.unsent();
        self.warnings.extend(unsent);
    }

    fn checking(&self, defaults: bool) -> Check<'_> {
        Check {
            sources: &self.sources,
            defaults,
            faults: Vec::new(),
        }
    }

    /// What is to be pushed and has nowhere to go. Traces are on by default, so that only somebody
    /// who asked for them is told.
    fn unsent(&self) -> Vec<String> {
        let config = &self.config;
        let traces = config.traces.enabled && self.checking(false).is_set("traces.enabled");
        let mut warnings = Vec::new();
        for (wanted, path, signal) in [
            (traces, "traces.enabled", Signal::Traces),
            (
                config.metrics.otlp.enabled,
                "metrics.otlp.enabled",
                Signal::Metrics,
            ),
            (config.logs.otlp, "logs.otlp", Signal::Logs),
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
        ConfigError::unless_empty(self.faults)?;
        Ok(self.config)
    }

    /// The result.
    pub(super) fn into_effective(self) -> Result<EffectiveConfig, ConfigError> {
        let Self {
            config,
            sources,
            faults,
            warnings,
        } = self;
        ConfigError::unless_empty(faults)?;
        Ok(EffectiveConfig::new(config, sources, warnings))
    }
}

/// The file as JSON.
fn parsed(file: &Path) -> Result<Document, Refusal> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Refusal::new(format!("can't be read ({error})"), "a readable JSON file")
    })?;
    Document::parse(&text).map_err(|error| Refusal::new(error.to_string(), "JSON"))
}
