//! The parts of a call through a pool, which only the integrations of pools see: how long it waited for a
//! connection, and when the caller had the word.

use std::time::{Duration, Instant};

use opentelemetry::Context;
#[cfg(feature = "sqlx")]
use opentelemetry::KeyValue;

use super::{Database, Query};

impl Database {
    /// Returns the monotonic time of the clock that calls are measured with.
    pub(crate) fn now(&self) -> Instant {
        self.inner.clock.now()
    }
}

impl Query {
    /// Returns the context of its span, for what happens in the call.
    pub(crate) fn context(&self) -> Context {
        self.scope.context().clone()
    }

    /// Leaves a time out of the duration of the call, in which the database was not at work for it. Its span
    /// covers that time, too.
    pub(crate) fn exclude(&mut self, time: Duration) {
        self.started = self.started.checked_add(time).unwrap_or(self.started);
    }

    /// Marks in the span the moment from which on the call had a connection.
    pub(crate) fn mark_acquired(&self) {
        self.scope.add_event("connection acquired");
    }
}

#[cfg(feature = "sqlx")]
impl Query {
    /// Leaves the time since `instant` out of the duration.
    pub(crate) fn exclude_since(&mut self, instant: Instant) {
        let now = self.database.now();
        self.exclude(now.saturating_duration_since(instant));
    }

    /// Adds the server's own code of an error, such as a SQLSTATE, to the span.
    pub(crate) fn set_status_code(&self, code: &str) {
        self.scope
            .set_attributes(|| [KeyValue::new("db.response.status_code", code.to_owned())]);
    }

    /// Returns the monotonic time of its clock.
    pub(crate) fn now(&self) -> Instant {
        self.database.now()
    }
}
