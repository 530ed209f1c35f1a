//! The resource of the telemetry, and the scope of its own.

use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;

use crate::config::ServiceConfig;

/// The resource of a service: its own fields, by their conventional names, beat its attributes.
pub(crate) fn resource(service: &ServiceConfig) -> Resource {
    let instance = service.instance_id.clone().unwrap_or_else(default_instance);
    let optional = [
        ("service.version", service.version.as_deref()),
        ("vcs.ref.head.revision", service.revision.as_deref()),
        (
            "deployment.environment.name",
            service.environment.as_deref(),
        ),
        ("vantage.team", service.team.as_deref()),
    ];
    let attributes = service
        .attributes
        .iter()
        .map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    let service_attributes = optional
        .into_iter()
        .filter_map(|(key, value)| Some(KeyValue::new(key, value?.to_owned())));
    let identity = [
        KeyValue::new("service.name", service.name.clone()),
        KeyValue::new("service.instance.id", instance),
    ];
    Resource::builder_empty()
        .with_attributes(attributes)
        .with_attributes(service_attributes)
        // Last, so that nothing a service puts into its attributes can rename it: metrics, traces
        // and logs would fall apart.
        .with_attributes(identity)
        .build()
}

/// Returns the scope of the crate's own metrics and spans.
pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("vantage-obs")
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}

/// The host's name, which is the pod's in Kubernetes, and the process id.
// Readable for people, and in a container the same after a restart.
fn default_instance() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}:{}", host.trim(), std::process::id())
}
