//! The diagnosis of a configuration: tries what it points to, and reports what to change.
//!
//! Why not wait for the exporter's own errors? Because they come from a running service, name the
//! last link of a chain, and don't say which setting decides it. Here every link is tried in turn
//! (name, TCP, the proxy of the environment, TLS, then what the server is for: one span, one metric and one
//! log record as the service would send them, a query, an empty heartbeat, a session), and every failure
//! comes with the setting, its value and the variable. What is asked changes nothing at its server, but for
//! the three test signals.
//!
//! Checks of health that a service adds in its code are not known here: `GET /api/v1/health/detailed` shows
//! what they found.
//!
//! Nothing of it hangs: connections have limits of their own, and the whole ends within
//! [`TIME_LIMIT`]. No header's value and no password is ever part of a finding.
//!
//! ```no_run
//! use vantage_obs::config::{Config, Environment};
//!
//! let diagnosis = vantage_obs::doctor::diagnose(Some("obs.json".as_ref()), &Environment::from_process());
//! for (part, step) in diagnosis.failures() {
//!     println!("{}: {}: {}", part.subject, step.name, step.finding);
//! }
//! ```
//!
//! | part | steps |
//! |---|---|
//! | configuration | faults, sources, objectives, the address to listen on, disks |
//! | each receiver | `name`, `tcp`, `proxy` (where one is used), `tls`, `protocol`, `auth`, `clock`, one per signal |
//!
//! Every failure has a fix, and a step after a failure is skipped and not failed: one cause is one
//! failure. The same code as the service's resolves the configuration and sends the signals, so
//! that what passes here works there.

mod fix;
mod step;

mod clock;
mod http_head;
mod network;

mod disk;
mod local;

mod mask;

#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "doctor/tls/disabled.rs"]
mod tls;
mod url_target;

mod stream;

mod probe;

mod links;

mod target;
mod test_signals;

mod diagnose;

mod receiver;

mod http_exchange;

mod heartbeat;
mod prometheus;
mod store;

mod pending;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::config::{
    Config, ConfigError, ConfigSource, EffectiveConfig, Environment, HeartbeatSink,
};
use fix::SettingFixes;
use pending::PendingSteps;

pub use step::{DiagnosisPart, DiagnosisStep, StepVerdict};

/// The time limit of a diagnosis: 15 s. A step that is not finished then is a failure.
pub const TIME_LIMIT: Duration = Duration::from_secs(15);

/// The result of [`diagnose()`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The configuration with what it points to on this machine first, then a part for each receiver of OTLP,
    /// the store, Prometheus and the receiver of heartbeats, of those that are configured.
    pub parts: Vec<DiagnosisPart>,
}

impl Diagnosis {
    /// Returns every step that failed, with the part that it belongs to.
    pub fn failures(&self) -> impl Iterator<Item = (&DiagnosisPart, &DiagnosisStep)> {
        self.steps(StepVerdict::Fail)
    }

    /// Returns every step of this verdict, with the part that it belongs to.
    pub fn steps(
        &self,
        verdict: StepVerdict,
    ) -> impl Iterator<Item = (&DiagnosisPart, &DiagnosisStep)> {
        let steps = self
            .parts
            .iter()
            .flat_map(|part| part.steps.iter().map(move |step| (part, step)));
        steps.filter(move |(_, step)| step.verdict == verdict)
    }
}

/// Reads the file, or the one that `VANTAGE_OBS_CONFIG` names, with the environment on top, and
/// tries everything that the result points to. Blocks for at most [`TIME_LIMIT`].
///
/// One span, one data point and one log record are sent, of what is pushed at all; their resource is
/// the service's, with an instance of its own, and the span is named `vantage-obs doctor`.
#[must_use]
pub fn diagnose(file: Option<&Path>, environment: &Environment) -> Diagnosis {
    let code = Config::default();
    let code = file.map_or(code.clone(), |file| code.file(file));
    diagnose_without_code(code, environment)
}

/// Does the same for the configuration of a service's code, with its file, where it names one. A name and roles that
/// neither sets are no fault: the code will.
#[must_use]
pub fn diagnose_config(code: Config, environment: &Environment) -> Diagnosis {
    // The part that only the code says isn't known without it, and is no fault.
    let is_code = !code.service.name.is_empty() && !code.service.roles.is_empty();
    diagnose_resolved(|| match is_code {
        true => code.resolve(environment),
        false => code.resolve_without_code(environment),
    })
}

/// Does the same where no more is known of the code than this: what only that can declare is skipped with a warning.
#[doc(hidden)]
#[must_use]
pub fn diagnose_without_code(known: Config, environment: &Environment) -> Diagnosis {
    diagnose_resolved(|| known.resolve_without_code(environment))
}

fn diagnose_resolved(resolve: impl FnOnce() -> Result<EffectiveConfig, ConfigError>) -> Diagnosis {
    let deadline = Instant::now() + TIME_LIMIT;
    let effective = match resolve() {
        Ok(effective) => effective,
        Err(error) => {
            let parts = vec![DiagnosisPart::new("configuration", fault_steps(&error))];
            return Diagnosis { parts };
        }
    };
    let effective = Arc::new(effective);
    let local = local::checks(&effective);
    let local = local.into_iter().map(|check| {
        let subject = check.subject;
        PendingSteps::start(
            check.name,
            format!("look at {subject}, and at the server of its file system if it has one"),
            deadline,
            move |_| (check.run)(),
        )
    });
    let local: Vec<_> = local.collect();
    let servers = start_servers(&effective, deadline);
    let mut steps = config_steps(&effective);
    steps.extend(local.into_iter().flat_map(PendingSteps::finish));
    steps.extend(unused_steps(&effective));
    let mut parts = vec![DiagnosisPart::new("configuration", steps)];
    parts.extend(unpushed_part(&effective));
    let finish =
        |(subject, steps): (String, PendingSteps)| DiagnosisPart::new(subject, steps.finish());
    parts.extend(servers.into_iter().map(finish));
    Diagnosis { parts }
}

/// Returns a step for each thing that the configuration could point to and doesn't.
fn unused_steps(effective: &EffectiveConfig) -> Vec<DiagnosisStep> {
    let config = &effective.config;
    let mut steps: Vec<_> = store::memory_step(effective).into_iter().collect();
    if config.slo.prometheus.url.is_none() {
        let finding = "slo.prometheus.url is not set: there is no report of the fleet";
        steps.push(DiagnosisStep::skipped("prometheus", finding));
    }
    if config.heartbeat.sink == HeartbeatSink::Local {
        let finding = "heartbeat.sink is local: heartbeats stay in the process and its store";
        steps.push(DiagnosisStep::skipped("heartbeats", finding));
    }
    steps
}

/// Starts the diagnosis of each server at once: one that is silent must not take the others' time.
fn start_servers(
    effective: &Arc<EffectiveConfig>,
    deadline: Instant,
) -> Vec<(String, PendingSteps)> {
    const SILENT: &str = "check the server and the proxies on the way to it: one of them accepts the connection and then stays silent";
    let mut servers = Vec::new();
    let mut start = |subject: String, run: ServerCheck| {
        let steps = PendingSteps::start("deadline", SILENT.into(), deadline, run);
        servers.push((subject, steps));
    };
    for target in target::targets(effective) {
        let subject = target.to_string();
        start(
            subject,
            Box::new(move |deadline| receiver::receiver_steps(&target, deadline)),
        );
    }
    if let Some(subject) = store::subject(effective) {
        let effective = Arc::clone(effective);
        let run = move |deadline| store::steps(&effective, deadline);
        start(subject, Box::new(run));
    }
    if let Some(target) = prometheus::target(effective) {
        let subject = format!("{} Prometheus", target.shown());
        start(
            subject,
            Box::new(move |deadline| prometheus::steps(&target, deadline)),
        );
    }
    if let Some(target) = heartbeat::target(effective) {
        let subject = format!("{} heartbeats", target.shown());
        start(
            subject,
            Box::new(move |deadline| heartbeat::steps(&target, deadline)),
        );
    }
    servers
}

type ServerCheck = Box<dyn FnOnce(Instant) -> Vec<DiagnosisStep> + Send>;

/// Returns the part about OTLP where nothing is pushed.
fn unpushed_part(effective: &Arc<EffectiveConfig>) -> Option<DiagnosisPart> {
    if !target::targets(effective).is_empty() {
        return None;
    }
    let finding = "otlp.endpoint is not set: nothing is pushed";
    let fix = SettingFixes(effective).suggest("otlp.endpoint", "http://localhost:4317");
    let step = DiagnosisStep::skipped("endpoint", finding).with_fix(fix);
    Some(DiagnosisPart::new("OTLP", vec![step]))
}

fn fault_steps(error: &ConfigError) -> Vec<DiagnosisStep> {
    step::listed("config", error.faults(), |fault| {
        let finding = format!("{}: {}", fault.location, fault.value);
        DiagnosisStep::fail("config", finding, format!("allowed: {}", fault.allowed))
    })
}

fn config_steps(effective: &EffectiveConfig) -> Vec<DiagnosisStep> {
    let mut steps = vec![DiagnosisStep::ok("config", describe_sources(effective))];
    let from_code: Vec<_> = ["service.name", "service.roles"]
        .into_iter()
        .filter(|path| effective.source(path) == ConfigSource::Default)
        .collect();
    if !from_code.is_empty() {
        let finding = format!(
            "{} not set here: the code must set it",
            from_code.join(" and ")
        );
        steps.push(DiagnosisStep::warn("config", finding));
    }
    if effective.config.disabled {
        let settings = SettingFixes(effective);
        let finding = format!(
            "disabled ({}): nothing is recorded or pushed",
            effective.source("disabled")
        );
        let fix = settings.suggest("disabled", "false");
        steps.push(DiagnosisStep::warn("config", finding).with_fix(fix));
    }
    let warnings = effective.warnings().iter();
    steps.extend(warnings.map(|warning| DiagnosisStep::warn("config", warning)));
    steps
}

/// Describes the sources of the values, in the order of the layers.
fn describe_sources(effective: &EffectiveConfig) -> String {
    let (mut file, mut variables) = (None, Vec::new());
    for value in effective.values() {
        match value.source {
            ConfigSource::File(path) => file = Some(path.display().to_string()),
            ConfigSource::Environment(name) => variables.push(name),
            _ => {}
        }
    }
    variables.sort();
    // One variable may decide several settings.
    variables.dedup();
    let sources: Vec<_> = file.into_iter().chain(variables).collect();
    if sources.is_empty() {
        "valid: defaults only, no file and no variables".into()
    } else {
        format!("valid: {}", sources.join(", "))
    }
}
