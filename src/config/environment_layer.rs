//! The environment's layer of the configuration.
//!
//! Why are `OTEL_*` and `RUST_LOG` read leniently and `VANTAGE_OBS_*` strictly? The former are shared: an
//! operator sets them for a whole host, and an SDK of another language knows values that this one doesn't.
//! The OpenTelemetry specification therefore demands that a value which is unknown or malformed is
//! warned of and ignored. A variable of our own has one reader, so that a bad value in it is a slip.

use std::time::Duration;

use super::Config;
use super::batch::fit_batch_sizes;
use super::environment::Environment;
use super::fault::{ConfigFault, FaultLocation, InvalidValue, nearest};
use super::layers::ConfigLayers;
use super::setting::Setting;
use super::source::{ConfigSource, ConfigSources};
use super::validator::ConfigValidator;
use super::variables::{EnvVariable, known_names, variables};

/// The prefix of this crate's own variables.
const OWN_PREFIX: &str = "VANTAGE_OBS_";

/// The variable that Kubernetes sets in each container.
const KUBERNETES: &str = "KUBERNETES_SERVICE_HOST";
/// The time after which an endpoint that is not ready has left the load balancers of a cluster.
///
/// The kubelet sends SIGTERM at the moment when the endpoint is removed, and not after: until the
/// removal has reached every proxy, requests still come in. See
/// <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination-flow>.
const KUBERNETES_SHUTDOWN_DELAY: Duration = Duration::from_secs(5);
/// The time for requests in flight and the last scrape: with the delay before and the export after it,
/// 25 s of the 30 s that the kubelet waits before it kills.
const KUBERNETES_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(15);

impl ConfigLayers {
    /// Applies the defaults of the platform that the process runs on, below every other layer.
    pub(super) fn apply_platform(&mut self, environment: &Environment) {
        if environment.get(KUBERNETES).is_none() {
            return;
        }
        let Config { health, http, .. } = &mut self.config;
        for (path, setting, value) in [
            (
                "health.shutdown_delay",
                &mut health.shutdown_delay,
                KUBERNETES_SHUTDOWN_DELAY,
            ),
            (
                "http.shutdown_timeout",
                &mut http.shutdown_timeout,
                KUBERNETES_SHUTDOWN_TIMEOUT,
            ),
        ] {
            // What the code set stays.
            if *self.sources.get(path) == ConfigSource::Default {
                *setting = value;
                let source = ConfigSource::Environment(KUBERNETES.into());
                self.sources.set(path, source);
            }
        }
    }

    /// Applies every variable that decides a setting, and checks for unknown ones.
    pub(super) fn apply_environment(&mut self, environment: &Environment) {
        self.apply_standard_variables(environment);
        for variable in variables().filter(|variable| !variable.is_standard()) {
            let Some(text) = environment.get(variable.name) else {
                continue;
            };
            let location = FaultLocation::Variable(variable.name.into());
            if let Err(invalid) = apply(&variable, text, &mut self.config, &mut self.sources) {
                let paths = variable.paths.iter();
                // So that a missing value is not reported as missing as well: one fault for one
                // mistake.
                paths.for_each(|path| self.sources.mark_invalid(path));
                self.faults.push(ConfigFault::new(location, invalid));
            }
        }
        self.check_unknown_variables(environment);
    }

    /// Applies the shared standard variables; what can't be used is warned of and left out.
    ///
    /// A value may parse and still be refused: out of range, or in contradiction to another one. Those
    /// are left out one after the other until the rest passes.
    fn apply_standard_variables(&mut self, environment: &Environment) {
        let mut usable = Vec::new();
        for variable in variables().filter(EnvVariable::is_standard) {
            if let Some(text) = environment.get(variable.name)
                && let Some(text) = self.usable_text(&variable, text)
            {
                usable.push((variable, text));
            }
        }
        self.own_listen = self.config.http.listen;
        // Each round starts from the layers below. At least one variable is dropped in each, so
        // that there are at most as many rounds as variables.
        let (config, sources) = (self.config.clone(), self.sources.clone());
        loop {
            self.config = config.clone();
            self.sources = sources.clone();
            for (variable, text) in &usable {
                // Each text was applied before, to another copy.
                let _ = apply(variable, text, &mut self.config, &mut self.sources);
            }
            let refused = refused_variables(&self.config, &self.sources);
            let count = usable.len();
            usable.retain(|(variable, _)| {
                let fault = refused.iter().find(|(name, _)| name == variable.name);
                if let Some((name, invalid)) = fault {
                    self.warnings.push(ignored_warning(name, invalid));
                }
                fault.is_none()
            });
            if usable.len() == count {
                return;
            }
        }
    }

    /// Returns the part of the text that can be parsed, if any; warns of the rest.
    fn usable_text(&mut self, variable: &EnvVariable, text: &str) -> Option<String> {
        let (config, sources) = (&self.config, &self.sources);
        // On copies: nothing may stay behind of a text that is refused.
        let parse = |text: &str| apply(variable, text, &mut config.clone(), &mut sources.clone());
        // The specification has a list's unknown items ignored, and the others used.
        let items: Vec<_> = if variable.list {
            let items = text.split(',').map(str::trim);
            items.filter(|item| !item.is_empty()).collect()
        } else {
            vec![text]
        };
        let (mut good, mut rejected) = (Vec::new(), Vec::new());
        for item in items {
            match parse(item) {
                Ok(()) => good.push(item),
                Err(invalid) => rejected.push(invalid),
            }
        }
        let joined = good.join(",");
        // Items that are good alone may not go together, such as `otlp` and `none`.
        let usable = !good.is_empty()
            && parse(&joined)
                .map_err(|invalid| rejected.push(invalid))
                .is_ok();
        let warnings = rejected.iter().map(|invalid| match variable.malformed {
            Some(stand_in) => format!("{}: {} counts as {stand_in}", variable.name, invalid.value),
            None => ignored_warning(variable.name, invalid),
        });
        self.warnings.extend(warnings);
        match usable {
            true => Some(joined),
            false => variable.malformed.map(str::to_owned),
        }
    }

    /// Reports unknown variables: a standard one may be meant for another program and is a warning, one
    /// of ours is a fault.
    fn check_unknown_variables(&mut self, environment: &Environment) {
        let unknown = |name: &&str| !known_names().any(|known| known == *name);
        for name in environment.names_with_prefix("OTEL_").filter(unknown) {
            let hint = nearest(name, known_names());
            let hint = hint.map_or(String::new(), |hint| format!("; did you mean {hint}?"));
            self.warnings
                .push(format!("{name} has no effect here{hint}"));
        }
        for name in environment.names_with_prefix(OWN_PREFIX).filter(unknown) {
            if is_service_link(name) {
                let value = environment.get(name).unwrap_or_default();
                self.warnings.extend(port_warning(name, value));
                continue;
            }
            // Suggestions come from our own names only: `OTEL_…` can't be what was meant by
            // `VANTAGE_OBS_…`. All of them would be a page.
            let ours = known_names().filter(|known| known.starts_with(OWN_PREFIX));
            let table = "one of `vantage-obs config variables`";
            let allowed = match nearest(name, ours) {
                Some(nearest) => format!("{table} (did you mean {nearest}?)"),
                None => table.into(),
            };
            let location = FaultLocation::Variable(name.into());
            self.faults.push(ConfigFault::new(
                location,
                InvalidValue::new("unknown variable", allowed),
            ));
        }
    }
}

/// Applies a variable and records it as the source of what it decided.
// The source is recorded for the paths that were decided, which for headers are those of single
// names.
fn apply(
    variable: &EnvVariable,
    text: &str,
    config: &mut Config,
    sources: &mut ConfigSources,
) -> Result<(), InvalidValue> {
    let source = ConfigSource::Environment(variable.name.into());
    let paths = variable.apply(config, text)?;
    paths
        .iter()
        .for_each(|path| sources.set(path, source.clone()));
    Ok(())
}

/// Returns the variables whose values the validation refuses, each with the first reason.
fn refused_variables(config: &Config, sources: &ConfigSources) -> Vec<(String, InvalidValue)> {
    let mut config = config.clone();
    // A size that follows from the other one is no contradiction.
    let _ = fit_batch_sizes(&mut config, sources);
    // Without defaults: only what a variable set is looked for.
    let mut validator = ConfigValidator::new(sources, false);
    config.check("", &mut validator);
    let faults = validator.faults.into_iter();
    faults
        .filter_map(|fault| match fault.location {
            FaultLocation::Variable(name) => {
                Some((name, InvalidValue::new(fault.value, fault.allowed)))
            }
            _ => None,
        })
        .collect()
}

/// Formats the warning about a standard variable that can't be used.
fn ignored_warning(name: &str, invalid: &InvalidValue) -> String {
    let InvalidValue { value, allowed } = invalid;
    format!("{name}: {value} is ignored; allowed: {allowed}")
}

/// Returns whether Kubernetes injects this variable for a Service whose name begins like our prefix, such
/// as `vantage-obs`: addresses and ports, as Docker's links once had them.
/// See <https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>.
fn is_service_link(name: &str) -> bool {
    name.ends_with("_SERVICE_HOST") || name.ends_with("_PORT") || is_of_one_port(name)
}

/// Returns whether Kubernetes injects this variable for one port of a Service.
fn is_of_one_port(name: &str) -> bool {
    let is_numbered = |(at, port): (usize, &str)| {
        let rest = &name[at + port.len()..];
        rest.starts_with(|next: char| next.is_ascii_digit())
    };
    name.contains("_SERVICE_PORT") || name.match_indices("_PORT_").any(is_numbered)
}

/// Returns a warning about a variable such as `VANTAGE_OBS_PORT` whose value is not the URL that Kubernetes
/// injects by such a name: it was probably meant for the server.
fn port_warning(name: &str, value: &str) -> Option<String> {
    let is_url_expected = name.ends_with("_PORT") && !is_of_one_port(name);
    let is_own = is_url_expected && !value.trim().is_empty() && !value.contains("://");
    is_own.then(|| {
        format!("{name} has no effect; http.listen (VANTAGE_OBS_LISTEN) sets address and port")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_injects_is_known_by_its_form() {
        for name in [
            "VANTAGE_OBS_SERVICE_HOST",
            "VANTAGE_OBS_SERVICE_PORT",
            "VANTAGE_OBS_SERVICE_PORT_HTTP",
            "VANTAGE_OBS_PORT",
            "VANTAGE_OBS_API_EU_PORT",
            "VANTAGE_OBS_PORT_8080_TCP",
            "VANTAGE_OBS_PORT_8080_TCP_ADDR",
            "VANTAGE_OBS_API_EU_PORT_53_UDP_PROTO",
        ] {
            assert!(is_service_link(name), "{name}");
        }
        for name in [
            "VANTAGE_OBS_LISTN",
            "VANTAGE_OBS_PORT_NAME",
            "VANTAGE_OBS_EXPORT",
            "VANTAGE_OBS_PORTS",
        ] {
            assert!(!is_service_link(name), "{name}");
        }
        let mut ours = known_names().filter(|name| name.starts_with(OWN_PREFIX));
        assert_eq!(ours.find(|name| is_service_link(name)), None);
    }
}
