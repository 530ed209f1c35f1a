use crate::background::log_queue::LogQueue;

/// How log lines are written: aside on the heartbeat's thread, which must not be held up by them, and
/// at once in tests.
#[derive(Clone, Debug)]
pub(crate) enum Voice {
    Aside(LogQueue),
    #[cfg(any(test, feature = "testing"))]
    AtOnce,
}

impl Voice {
    pub(crate) fn say(&self, line: impl FnOnce() + Send + 'static) {
        match self {
            Self::Aside(herald) => herald.write(line),
            #[cfg(any(test, feature = "testing"))]
            Self::AtOnce => line(),
        }
    }
}
