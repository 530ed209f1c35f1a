//! What is reported: parts, and the steps in them.

use serde::Serialize;

/// One thing that was examined: the configuration, or a receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Part {
    /// What it is, for people: `http://collector:4317 grpc (traces)`. A password in it is masked.
    pub subject: String,
    /// What was tried, in order.
    pub steps: Vec<Step>,
}

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Step {
    /// Its short name, such as `tcp`.
    pub name: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// What was found, in one line.
    pub finding: String,
    /// What to change, in one line. Every failure has one.
    pub fix: Option<String>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Verdict {
    /// It works.
    Ok,
    /// It works, and is probably not meant.
    Warn,
    /// It doesn't work.
    Fail,
    /// It wasn't tried.
    Skipped,
}

impl Verdict {
    /// The word for it.
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

impl Part {
    pub(super) fn new(subject: impl Into<String>, steps: Vec<Step>) -> Self {
        Self {
            subject: subject.into(),
            steps,
        }
    }
}

impl Step {
    fn new(name: &'static str, verdict: Verdict, finding: &str) -> Self {
        Self {
            name,
            verdict,
            finding: one_line(finding),
            fix: None,
        }
    }

    pub(super) fn ok(name: &'static str, finding: impl AsRef<str>) -> Self {
        Self::new(name, Verdict::Ok, finding.as_ref())
    }

    pub(super) fn warn(name: &'static str, finding: impl AsRef<str>) -> Self {
        Self::new(name, Verdict::Warn, finding.as_ref())
    }

    pub(super) fn skipped(name: &'static str, finding: impl AsRef<str>) -> Self {
        Self::new(name, Verdict::Skipped, finding.as_ref())
    }

    /// A failure is never without a fix.
    pub(super) fn fail(name: &'static str, finding: impl AsRef<str>, fix: impl AsRef<str>) -> Self {
        Self::new(name, Verdict::Fail, finding.as_ref()).with_fix(fix)
    }

    pub(super) fn with_fix(mut self, fix: impl AsRef<str>) -> Self {
        self.fix = Some(one_line(fix.as_ref()));
        self
    }
}

/// A stranger's words go to a terminal: no control character of theirs may reach it.
fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).collect()
}
