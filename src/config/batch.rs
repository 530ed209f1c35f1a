//! Configuration of the export queues.

use std::time::Duration;

use serde::Serialize;

use super::field_value::serialize_duration;
use super::reader::{SectionReader, join_path};
use super::validator::ConfigValidator;

/// The queue between the code that records and the thread that exports.
///
/// Nobody ever waits for it: what finds it full is dropped and counted.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct BatchConfig {
    /// The most that may wait, 1 to 1,000,000. Default: 2048, as OpenTelemetry has it.
    pub queue_size: usize,
    /// The most that one request carries, 1 to `queue_size`; as soon as as many wait, they are
    /// sent. Default: 512, as OpenTelemetry has it.
    pub size: usize,
    /// The longest that anything waits for a batch to fill: more than 0, at most a day. Default:
    /// 1 s; OpenTelemetry's is 5 s for spans, but the last seconds are what one looks for after a
    /// crash.
    #[serde(serialize_with = "serialize_duration")]
    pub delay: Duration,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            queue_size: 2048,
            size: 512,
            delay: Duration::from_secs(1),
        }
    }
}

impl BatchConfig {
    pub(super) fn read(&mut self, section: &mut SectionReader<'_, '_>) {
        section.read_field("queue_size", &mut self.queue_size);
        section.read_field("size", &mut self.size);
        section.read_field("delay", &mut self.delay);
    }

    pub(super) fn validate(&self, path: &str, validator: &mut ConfigValidator<'_>) {
        let fine = (1..=1_000_000).contains(&self.queue_size);
        validator.require(
            fine,
            &join_path(path, "queue_size"),
            self.queue_size,
            "1 to 1000000",
        );
        let fine = (1..=self.queue_size.max(1)).contains(&self.size);
        validator.require(fine, &join_path(path, "size"), self.size, "1 to queue_size");
        validator.require_duration(&join_path(path, "delay"), self.delay);
    }
}
