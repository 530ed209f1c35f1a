//! Settings that are set and that nothing in this process reads: a slip that an operator should hear of.
//!
//! A warning and no fault: one file may serve several processes of a platform, of which each reads
//! a part.

use super::heartbeat::HeartbeatSink;
use super::source::ConfigSources;
use super::traces::TraceSampler;
use super::{Config, Role};

/// A group of settings, and when nothing reads them.
struct UnreadRule {
    /// Paths, or sections that end with a dot.
    paths: &'static [&'static str],
    /// Returns whether nothing reads them in this configuration.
    applies: fn(&Config) -> bool,
    /// Follows the path in the warning.
    reason: &'static str,
}

/// The parts that `generate` leaves out.
const UNGENERATED: UnreadRule = UnreadRule {
    paths: &[
        "alerts.posts_published.",
        "alerts.ai_generations.",
        "alerts.revenue.",
    ],
    applies: |config| !config.business,
    reason: "has no effect: `business` is not true, so that this alert is not generated",
};

// Rules and not a list of what each role reads: nearly every setting is read by every process, and
// exceptions are few.
const UNREAD_RULES: [UnreadRule; 7] = [
    UNGENERATED,
    UnreadRule {
        paths: &[
            "heartbeat.stalled_after",
            "heartbeat.offline_after",
            "heartbeat.forget_after",
            "heartbeat.expire_after",
            "heartbeat.capacity",
            "heartbeat.expected",
        ],
        applies: |config| config.heartbeat.sink == HeartbeatSink::Http,
        reason: "has no effect: the service that receives the heartbeats decides this",
    },
    UnreadRule {
        paths: &[
            "heartbeat.stalled_after",
            "heartbeat.offline_after",
            "heartbeat.forget_after",
            "heartbeat.expire_after",
            "heartbeat.expected",
        ],
        applies: |config| config.heartbeat.sink != HeartbeatSink::Http && !config.has_status_role(),
        reason: "applies to this process only: the service that shows the workers has its own setting",
    },
    UnreadRule {
        paths: &["status."],
        applies: |config| !config.has_status_role(),
        reason: "has no effect: only the roles api and web show the status pages",
    },
    UnreadRule {
        paths: &["traces.sample_ratio"],
        applies: |config| {
            matches!(
                config.traces.sampler,
                TraceSampler::AlwaysOn
                    | TraceSampler::AlwaysOff
                    | TraceSampler::ParentBasedAlwaysOn
                    | TraceSampler::ParentBasedAlwaysOff
            )
        },
        reason: "has no effect: traces.sampler does not use a ratio",
    },
    UnreadRule {
        paths: &["metrics.prometheus.path", "metrics.prometheus.scope_labels"],
        applies: |config| !config.metrics.prometheus.enabled,
        reason: "has no effect: metrics.prometheus.enabled is false",
    },
    UnreadRule {
        paths: &["metrics.otlp.interval", "metrics.otlp.timeout"],
        applies: |config| !config.metrics.otlp.enabled,
        reason: "has no effect: metrics.otlp.enabled is false",
    },
];

/// Returns a warning for each setting that a layer set and nothing reads.
pub(super) fn unread_warnings(config: &Config, sources: &ConfigSources) -> Vec<String> {
    warnings(&UNREAD_RULES, config, sources)
}

/// Returns a warning for each setting that a layer set and `generate` leaves out.
pub(super) fn ungenerated_warnings(config: &Config, sources: &ConfigSources) -> Vec<String> {
    warnings(&[UNGENERATED], config, sources)
}

fn warnings(rules: &[UnreadRule], config: &Config, sources: &ConfigSources) -> Vec<String> {
    let rules = rules.iter().filter(|rule| (rule.applies)(config));
    let warnings = rules.flat_map(|rule| {
        // Only what a layer set: a default that nothing reads is no mistake.
        let unread = sources.iter().filter(|(path, _)| {
            let mut listed = rule.paths.iter();
            listed.any(|listed| path == listed || listed.ends_with('.') && path.starts_with(listed))
        });
        unread.map(|(path, source)| format!("{path} ({source}) {}", rule.reason))
    });
    warnings.collect()
}

impl Config {
    /// Returns whether a role of the process shows the workers and the status pages.
    pub(super) fn has_status_role(&self) -> bool {
        let mut roles = self.service.roles.iter();
        roles.any(|role| matches!(role, Role::Api | Role::Web))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Environment;
    use super::*;

    #[test]
    fn a_setting_that_nothing_reads_is_warned_of() {
        for (role, text, path) in [
            (
                Role::Worker,
                r#"{"heartbeat": {"offline_after": "2m"}}"#,
                "heartbeat.offline_after",
            ),
            (
                Role::Scheduler,
                r#"{"status": {"title": "x"}}"#,
                "status.title",
            ),
            (
                Role::Worker,
                r#"{"heartbeat": {"sink": "http", "endpoint": "http://a:1", "capacity": 9}}"#,
                "heartbeat.capacity",
            ),
            (
                Role::Api,
                r#"{"traces": {"sampler": "always_on", "sample_ratio": 0.5}}"#,
                "traces.sample_ratio",
            ),
            (
                Role::Api,
                r#"{"metrics": {"prometheus": {"enabled": false, "path": "/m"}}}"#,
                "metrics.prometheus.path",
            ),
            (
                Role::Api,
                r#"{"metrics": {"otlp": {"interval": "10s"}}}"#,
                "metrics.otlp.interval",
            ),
            (
                Role::Worker,
                r#"{"alerts": {"revenue": {"warning": [0.4, 3]}}}"#,
                "alerts.revenue.warning",
            ),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("obs.json");
            std::fs::write(&file, text).unwrap();
            let config = Config::new("test", role).file(&file);
            let effective = config.resolve(&Environment::empty()).unwrap();
            let [warning] = effective.warnings() else {
                panic!("{text}: {:?}", effective.warnings())
            };
            assert!(warning.starts_with(&format!("{path} (file ")), "{warning}");
        }
    }

    #[test]
    fn what_a_role_reads_is_not_warned_of() {
        let mut config = Config::new("test", Role::Api);
        config.heartbeat.offline_after = std::time::Duration::from_secs(120);
        config.status.title = Some("x".into());
        config.traces.sample_ratio = 0.5;
        let effective = config.resolve(&Environment::empty()).unwrap();
        assert!(
            effective.warnings().is_empty(),
            "{:?}",
            effective.warnings()
        );
    }
}
