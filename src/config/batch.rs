//! Configuration of the export queues.

use std::time::Duration;

use super::checks::{range, up_to_a_day};
use super::fault::join_path;
use super::setting::section;
use super::validator::ConfigValidator;

section! {
    /// The queue between the code that records and the thread that exports.
    ///
    /// Nobody ever waits for it: what finds it full is dropped and counted.
    pub struct BatchConfig, rules: check_size {
        /// The most that may wait, 1 to 1,000,000. Default: 2048, as OpenTelemetry has it.
        pub queue_size: usize = 2048, range(1..=1_000_000);
        /// The most that one request carries, 1 to `queue_size`; as soon as as many wait, they are
        /// sent. Default: 512, as OpenTelemetry has it.
        pub size: usize = 512;
        /// The longest that anything waits for a batch to fill: more than 0, at most a day. Default:
        /// 1 s; OpenTelemetry's is 5 s for spans, but the last seconds are what one looks for after a
        /// crash.
        pub delay: Duration = Duration::from_secs(1), up_to_a_day;
    }
}

impl BatchConfig {
    fn check_size(&self, path: &str, validator: &mut ConfigValidator<'_>) {
        let fine = (1..=self.queue_size.max(1)).contains(&self.size);
        validator.require(fine, &join_path(path, "size"), self.size, "1 to queue_size");
    }
}
