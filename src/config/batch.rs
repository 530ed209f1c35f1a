//! Configuration of the export queues.

use std::time::Duration;

use super::Config;
use super::checks::{range, up_to_a_day};
use super::fault::join_path;
use super::setting::section;
use super::source::{ConfigSource, ConfigSources};
use super::validator::ConfigValidator;

section! {
    /// The queue between the code that records and the thread that exports.
    ///
    /// Recording never waits for it: an item that finds it full is dropped and counted.
    ///
    /// ```
    /// use vantage_obs::config::Environment;
    /// use vantage_obs::{Config, Role};
    ///
    /// let environment = Environment::from_iter([("OTEL_BSP_MAX_QUEUE_SIZE", "4096")]);
    /// let traces = Config::new("vantage-api", Role::Api).resolve(&environment)?.config.traces;
    /// assert_eq!((traces.batch.queue_size, traces.batch.size), (4_096, 512));
    /// # Ok::<(), vantage_obs::config::ConfigError>(())
    /// ```
    pub struct BatchConfig, rules: check_size {
        /// The maximum number of waiting items, 1 to 1,000,000. Default: 2048, as OpenTelemetry has it.
        pub queue_size: usize = 2048, range(1..=1_000_000);
        /// The maximum number of items in a request, 1 to `queue_size`; as soon as that many wait, they are
        /// sent. Default: 512, as OpenTelemetry has it, or `queue_size` where that is smaller.
        pub size: usize = 512, range(1..=1_000_000);
        /// The maximum time that an item waits for its batch to fill: more than 0, at most a day. Default:
        /// 1 s; OpenTelemetry's is 5 s for spans, but the last seconds are the ones that matter after a crash.
        pub delay: Duration = Duration::from_secs(1), up_to_a_day;
    }
}

impl BatchConfig {
    /// Requires a batch to fit into its queue: one that doesn't would never fill.
    fn check_size(&self, path: &str, validator: &mut ConfigValidator<'_>) {
        let fine = (1..=self.queue_size.max(1)).contains(&self.size);
        let (size, queue_size) = (join_path(path, "size"), join_path(path, "queue_size"));
        let at = validator.responsible(&[&size, &queue_size]);
        let shown = format!(
            "a size of {} with a queue_size of {}",
            self.size, self.queue_size
        );
        validator.require(fine, at, shown, "a size from 1 to queue_size");
    }
}

/// Makes batches and queues fit where one of the two is a default: what was set stays, the other follows.
/// Where both are set, one of them by a standard variable, the batch gets smaller, with a warning, because
/// such a variable never stops a service.
pub(super) fn fit_batch_sizes(config: &mut Config, sources: &ConfigSources) -> Vec<String> {
    let batches = [
        ("traces.batch", &mut config.traces.batch),
        ("logs.batch", &mut config.logs.batch),
    ];
    let mut warnings = Vec::new();
    for (path, batch) in batches {
        if batch.size <= batch.queue_size {
            continue;
        }
        let (size, queue_size) = (join_path(path, "size"), join_path(path, "queue_size"));
        let (size, queue_size) = (sources.get(&size), sources.get(&queue_size));
        match (size, queue_size) {
            // Lowering the queue to 100 is a complete wish; it must not fail because a default is
            // 512.
            (ConfigSource::Default, _) => batch.size = batch.queue_size.max(1),
            (_, ConfigSource::Default) => batch.queue_size = batch.size,
            _ if size.is_standard_variable() || queue_size.is_standard_variable() => {
                warnings.push(format!(
                    "{path}.size ({size}): {} is more than {path}.queue_size ({queue_size}), and counts as {}",
                    batch.size, batch.queue_size
                ));
                batch.size = batch.queue_size.max(1);
            }
            // Both were set strictly: the check of the merged values reports it.
            _ => {}
        }
    }
    warnings
}
