//! Tries what a configuration points to, and says what to change where something doesn't work.
//!
//! Why not wait for the exporter's own errors? Because they come from a running service, name the
//! last link of a chain, and don't say which setting decides it. Here every link is tried in turn
//! (name, TCP, TLS, protocol, then one span, one metric and one log record as the service would send
//! them), and every failure comes with the setting, its value and the variable.
//!
//! Nothing of it hangs: connections have limits of their own, and the whole ends within
//! [`LONGEST`]. No header's value is ever part of a finding.
//!
//! ```no_run
//! use vantage_obs::config::{Config, Environment};
//!
//! let diagnosis = vantage_obs::doctor::examine(Some("obs.json".as_ref()), &Environment::process());
//! for (part, step) in diagnosis.failures() {
//!     println!("{}: {}: {}", part.subject, step.name, step.finding);
//! }
//! ```

mod fix;
mod step;

mod clock;
mod local;
mod network;
mod target;
#[cfg(feature = "tls")]
mod tls;

mod stream;

mod probe;
mod send;

mod diagnose;

mod receiver;

use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::config::{Config, ConfigError, EffectiveConfig, Environment, Role, Source};
use fix::Settings;

pub use step::{Part, Step, Verdict};

/// The time after which an examination ends, finished or not.
pub const LONGEST: Duration = Duration::from_secs(15);

/// Who sends where the configuration doesn't say it: services name themselves in code.
const NAMELESS: &str = "vantage-obs-doctor";

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The configuration first, then a part for each receiver.
    pub parts: Vec<Part>,
}

impl Diagnosis {
    /// Every step that failed, with the part that it belongs to.
    pub fn failures(&self) -> impl Iterator<Item = (&Part, &Step)> {
        self.steps(Verdict::Fail)
    }

    /// Every step of this verdict, with the part that it belongs to.
    pub fn steps(&self, verdict: Verdict) -> impl Iterator<Item = (&Part, &Step)> {
        let steps = self
            .parts
            .iter()
            .flat_map(|part| part.steps.iter().map(move |step| (part, step)));
        steps.filter(move |(_, step)| step.verdict == verdict)
    }
}

/// Reads the file, or the one that `VANTAGE_OBS_CONFIG` names, with the environment on top, and
/// tries everything that the result points to. Blocks for at most [`LONGEST`].
///
/// One span, one data point and one log record are sent, of what is pushed at all; their resource is
/// the service's, with an instance of its own, and the span is named `vantage-obs doctor`.
#[must_use]
pub fn examine(file: Option<&Path>, environment: &Environment) -> Diagnosis {
    let deadline = Instant::now() + LONGEST;
    // What only the code says isn't known here, and is no fault.
    let code = Config::new(NAMELESS, Role::Web);
    let code = file.map_or(code.clone(), |file| code.with_file(file));
    let effective = match code.resolve(environment) {
        Ok(effective) => effective,
        Err(error) => {
            let parts = vec![Part::new("configuration", faults(&error))];
            return Diagnosis { parts };
        }
    };
    let mut steps = configuration(&effective);
    steps.extend(local::steps(&effective));
    let mut parts = vec![Part::new("configuration", steps)];
    parts.extend(receivers(&effective, deadline));
    Diagnosis { parts }
}

fn faults(error: &ConfigError) -> Vec<Step> {
    let faults = error.faults().iter();
    let fault = |fault: &crate::config::Fault| {
        let finding = format!("{}: {}", fault.location, fault.value);
        Step::fail("config", finding, format!("allowed: {}", fault.allowed))
    };
    faults.map(fault).collect()
}

fn configuration(effective: &EffectiveConfig) -> Vec<Step> {
    let mut steps = vec![Step::ok("config", sources(effective))];
    let made_up: Vec<_> = ["service.name", "service.roles"]
        .into_iter()
        .filter(|path| effective.source(path) == Source::Code)
        .collect();
    if !made_up.is_empty() {
        let finding = format!("{} not set here: the code must", made_up.join(" and "));
        steps.push(Step::warn("config", finding));
    }
    if effective.config.disabled {
        let settings = Settings(effective);
        let finding = format!(
            "disabled ({}): nothing is recorded or pushed",
            effective.source("disabled")
        );
        let fix = settings.set("disabled", "false");
        steps.push(Step::warn("config", finding).with_fix(fix));
    }
    let warnings = effective.warnings().iter();
    steps.extend(warnings.map(|warning| Step::warn("config", warning)));
    steps
}

/// What the values came from, in the order of the layers.
fn sources(effective: &EffectiveConfig) -> String {
    let (mut file, mut variables) = (None, Vec::new());
    for value in effective.values() {
        match value.source {
            Source::File(path) => file = Some(path.display().to_string()),
            Source::Environment(name) => variables.push(name),
            _ => {}
        }
    }
    variables.sort();
    variables.dedup();
    let sources: Vec<_> = file.into_iter().chain(variables).collect();
    if sources.is_empty() {
        "valid: defaults only, no file and no variables".into()
    } else {
        format!("valid: {}", sources.join(", "))
    }
}

/// All at once, each on a thread: one that is silent must not take the others' time.
fn receivers(effective: &EffectiveConfig, deadline: Instant) -> Vec<Part> {
    let targets = target::targets(effective);
    if targets.is_empty() {
        let finding = "otlp.endpoint is not set: nothing is pushed";
        let fix = Settings(effective).set("otlp.endpoint", "http://localhost:4317");
        let step = Step::skipped("endpoint", finding).with_fix(fix);
        return vec![Part::new("OTLP", vec![step])];
    }
    let running: Vec<_> = targets
        .into_iter()
        .map(|target| {
            let (done, answer) = mpsc::channel();
            let (subject, effective) = (target.to_string(), effective.clone());
            let spawned = thread::Builder::new().spawn(move || {
                // Nobody waits any more where the deadline has passed.
                let _ = done.send(receiver::steps(&target, Settings(&effective), deadline));
            });
            (subject, spawned.map(|_| answer))
        })
        .collect();
    let collect = |(subject, answer): (String, std::io::Result<mpsc::Receiver<Vec<Step>>>)| {
        let left = deadline.saturating_duration_since(Instant::now());
        let steps = match answer {
            Ok(answer) => answer.recv_timeout(left).unwrap_or_else(|_| unfinished()),
            Err(error) => vec![Step::fail("start", error.to_string(), "free some memory")],
        };
        Part::new(subject, steps)
    };
    running.into_iter().map(collect).collect()
}

fn unfinished() -> Vec<Step> {
    let finding = format!(
        "not finished within {}",
        crate::model::units::format_duration(LONGEST)
    );
    let fix = "look at the receiver, and at proxies on the way to it: one of them accepts and then is silent";
    vec![Step::fail("deadline", finding, fix)]
}
