//! How spans and log records wait for their export.

use std::time::Duration;

use serde::Serialize;

use super::check::Check;
use super::reader::{Section, member};
use super::setting::duration;

/// The queue between the code that records and the thread that exports.
///
/// Nobody ever waits for it: what finds it full is dropped and counted.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Batch {
    /// The most that may wait, 1 to 1,000,000. Default: 2048, as OpenTelemetry has it.
    pub queue_size: usize,
    /// The most that one request carries, 1 to `queue_size`; as soon as as many wait, they are
    /// sent. Default: 512, as OpenTelemetry has it.
    pub size: usize,
    /// The longest that anything waits for a batch to fill: more than 0, at most a day. Default:
    /// 1 s; OpenTelemetry's is 5 s for spans, but the last seconds are what one looks for after a
    /// crash.
    #[serde(serialize_with = "duration")]
    pub delay: Duration,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            queue_size: 2048,
            size: 512,
            delay: Duration::from_secs(1),
        }
    }
}

impl Batch {
    pub(super) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.field("queue_size", &mut self.queue_size);
        section.field("size", &mut self.size);
        section.field("delay", &mut self.delay);
    }

    pub(super) fn check(&self, path: &str, check: &mut Check<'_>) {
        let fine = (1..=1_000_000).contains(&self.queue_size);
        check.require(
            fine,
            &member(path, "queue_size"),
            self.queue_size,
            "1 to 1000000",
        );
        let fine = (1..=self.queue_size.max(1)).contains(&self.size);
        check.require(fine, &member(path, "size"), self.size, "1 to queue_size");
        check.duration(&member(path, "delay"), self.delay);
    }
}
