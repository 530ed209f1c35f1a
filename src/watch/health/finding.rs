use std::any::Any;
use std::borrow::Cow;
use std::error::Error;

use crate::background::panic::panic_text;
use crate::model::causes::with_causes;
use crate::model::snapshot::health::HealthStatus;
use crate::model::snapshot::private::PrivateText;

/// The result of a run of a check: a status, a public code and a private detail.
///
/// The code is a constant, so that an error text cannot become public by a slip; the detail is shown
/// only to requests with `health.details_token`, in log lines and to callbacks.
///
/// ```
/// use vantage_obs::health::{Finding, HealthStatus};
///
/// let full = Finding::warn("nearly_full").with_detail("db-1.internal: 92 % of the connections");
/// assert_eq!((full.status(), full.code()), (HealthStatus::Warn, "nearly_full"));
/// let failed = Finding::from(Err::<(), _>("db-1.internal refused"));
/// assert_eq!((failed.status(), failed.code()), (HealthStatus::Fail, "error"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    status: HealthStatus,
    /// Public, and a constant: no text of an error can slip into it.
    code: &'static str,
    /// Private: log lines, callbacks, and callers with the token.
    detail: Option<Cow<'static, str>>,
}

impl Finding {
    /// Creates the finding that it works, with the code `ok`.
    #[must_use]
    pub const fn pass() -> Self {
        Self::new(HealthStatus::Pass, "ok")
    }

    /// Creates the finding that it works and needs attention; `code` says why in a word.
    #[must_use]
    pub const fn warn(code: &'static str) -> Self {
        Self::new(HealthStatus::Warn, code)
    }

    /// Creates the finding that it does not work; `code` says why in a word, such as `refused`.
    #[must_use]
    pub const fn fail(code: &'static str) -> Self {
        Self::new(HealthStatus::Fail, code)
    }

    const fn new(status: HealthStatus, code: &'static str) -> Self {
        Self {
            status,
            code,
            detail: None,
        }
    }

    /// Adds what only an operator may read, such as an error text or an address.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds a private detail.
    pub(super) fn with_private_detail(self, detail: &PrivateText) -> Self {
        self.with_detail(detail.to_detail())
    }

    /// Returns the status.
    #[must_use]
    pub const fn status(&self) -> HealthStatus {
        self.status
    }

    /// Returns the public code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    pub(crate) fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// Returns the finding of a run that panicked.
    pub(super) fn from_panic(payload: &(dyn Any + Send)) -> Self {
        Self::fail("panicked").with_detail(panic_text(payload).to_owned())
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<Result<(), E>> for Finding {
    /// An error fails the check with the code `error`; its text and its causes are the detail.
    fn from(result: Result<(), E>) -> Self {
        result.map_or_else(
            |error| Self::fail("error").with_detail(with_causes(&*error.into())),
            |()| Self::pass(),
        )
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<Result<Self, E>> for Finding {
    fn from(result: Result<Self, E>) -> Self {
        result.unwrap_or_else(|error| Self::fail("error").with_detail(with_causes(&*error.into())))
    }
}
