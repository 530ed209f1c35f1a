//! The parts of a diagnosis, and their steps.

use serde::Serialize;

use crate::model::fault;

/// One part of a diagnosis: the configuration, or a receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DiagnosisPart {
    /// The subject, for people: `http://collector:4317 grpc (traces)`. A password in it is masked.
    pub subject: String,
    /// The steps, in order.
    pub steps: Vec<DiagnosisStep>,
}

/// One check of a diagnosis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DiagnosisStep {
    /// The short name, such as `tcp`.
    pub name: &'static str,
    /// The result.
    pub verdict: StepVerdict,
    /// The finding, in one line.
    pub finding: String,
    /// The change that fixes it, in one line. Every failure has one.
    pub fix: Option<String>,
}

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum StepVerdict {
    /// It works.
    Ok,
    /// It works, and is probably not meant.
    Warn,
    /// It doesn't work.
    Fail,
    /// It wasn't tried.
    Skipped,
}

impl StepVerdict {
    /// Returns its name in JSON and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skipped => "skipped",
        }
    }
}

impl DiagnosisPart {
    pub(super) fn new(subject: impl Into<String>, steps: Vec<DiagnosisStep>) -> Self {
        Self {
            subject: subject.into(),
            steps,
        }
    }
}

impl DiagnosisStep {
    /// Creates a step without a fix.
    fn new(name: &'static str, verdict: StepVerdict, finding: &str) -> Self {
        Self {
            name,
            verdict,
            finding: one_line(finding),
            fix: None,
        }
    }

    pub(super) fn ok(name: &'static str, finding: impl AsRef<str>) -> Self {
        Self::new(name, StepVerdict::Ok, finding.as_ref())
    }

    pub(super) fn warn(name: &'static str, finding: impl AsRef<str>) -> Self {
        Self::new(name, StepVerdict::Warn, finding.as_ref())
    }

    pub(super) fn skipped(name: &'static str, finding: impl AsRef<str>) -> Self {
        Self::new(name, StepVerdict::Skipped, finding.as_ref())
    }

    /// Creates a failure, which is never without a fix.
    pub(super) fn fail(name: &'static str, finding: impl AsRef<str>, fix: impl AsRef<str>) -> Self {
        Self::new(name, StepVerdict::Fail, finding.as_ref()).with_fix(fix)
    }

    pub(super) fn with_fix(mut self, fix: impl AsRef<str>) -> Self {
        self.fix = Some(one_line(fix.as_ref()));
        self
    }
}

/// Returns a step for each of the first faults, and one for the others.
pub(super) fn listed<T>(
    name: &'static str,
    faults: &[T],
    step: impl Fn(&T) -> DiagnosisStep,
) -> Vec<DiagnosisStep> {
    let (listed, more) = fault::listed(faults);
    let mut steps: Vec<_> = listed.iter().map(step).collect();
    if more > 0 {
        // It is as bad as the ones that it stands for.
        let verdict = steps.last().map_or(StepVerdict::Fail, |last| last.verdict);
        let more = DiagnosisStep::new(name, verdict, &format!("and {more} more"));
        steps.push(more.with_fix("fix those above first"));
    }
    steps
}

/// Replaces control characters: text from outside goes to a terminal.
fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_faults_are_steps_of_their_own_and_the_others_one() {
        let step = |number: &usize| DiagnosisStep::warn("config", number.to_string());
        let of = |faults: usize| listed("config", &(0..faults).collect::<Vec<_>>(), step);
        assert!(of(0).is_empty());
        assert_eq!(of(20).len(), 20);
        let steps = of(100_000);
        assert_eq!(steps.len(), 21);
        assert_eq!(steps[19].finding, "19");
        assert_eq!(steps[20].finding, "and 99980 more");
        assert_eq!(steps[20].verdict, StepVerdict::Warn);
    }
}
