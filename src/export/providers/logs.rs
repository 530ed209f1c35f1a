//! Log records on their way to OTLP.

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{LogProcessor, SdkLoggerProvider};

/// The provider of loggers.
#[derive(Clone, Debug)]
pub(crate) struct LogProvider(SdkLoggerProvider);

impl LogProvider {
    pub(crate) fn new(resource: Resource, processor: impl LogProcessor + 'static) -> Self {
        let builder = SdkLoggerProvider::builder().with_resource(resource);
        Self(builder.with_log_processor(processor).build())
    }

    /// For the bridge from `tracing`, which takes the SDK's own type.
    pub(crate) const fn provider(&self) -> &SdkLoggerProvider {
        &self.0
    }
}
