//! Example configurations of Prometheus and Alertmanager.
//!
//! Examples and no configuration: targets and receivers are the operator's.

use std::time::Duration;

use super::rules::{NOTICE, inhibiting_labels};
use super::yaml::Yaml;
use super::{GenerateInput, GeneratedFile};
use crate::model::alerts::Severity;
use crate::model::units::format_duration;

/// Returns the example files beside the rules.
pub(super) fn files(input: &GenerateInput) -> Vec<GeneratedFile> {
    vec![
        GeneratedFile::new("prometheus/prometheus.example.yml", prometheus(input)),
        GeneratedFile::new("prometheus/alertmanager.example.yml", alertmanager(input)),
    ]
}

/// The services of the example, and their targets.
const JOBS: [(&str, &str); 3] = [
    ("vantage-api", "api:8080"),
    ("vantage-worker", "worker:9464"),
    ("vantage-scheduler", "scheduler:9464"),
];

fn prometheus(input: &GenerateInput) -> String {
    let comment = format!(
        "{NOTICE}\n\n\
         An example: replace the targets with your own. Keep 60 days of samples, which is a command-line option:\n\n    \
         prometheus --config.file=prometheus.yml --storage.tsdb.retention.time=60d --enable-feature=exemplar-storage\n\n\
         Objectives over 30 days and the three-week baselines need them; by default Prometheus keeps 15 days.\n\
         `environment` is a label of the targets, so that alerts and dashboards can tell production\n\
         from staging."
    );
    let prometheus = &input.config.metrics.prometheus;
    let interval = format_duration(prometheus.scrape_interval);
    let global = Yaml::map([
        ("scrape_interval", Yaml::plain(interval.clone())),
        ("evaluation_interval", Yaml::plain(interval)),
    ]);
    let managers = Yaml::map([("targets", string_list(["alertmanager:9093"]))]);
    let managers = Yaml::map([("static_configs", Yaml::list([managers]))]);
    let alerting = Yaml::map([("alertmanagers", Yaml::list([managers]))]);
    let scrape_path = input.config.scrape_path();
    let jobs = JOBS.map(|(job, target)| {
        let labels = Yaml::map([("environment", Yaml::text("production"))]);
        let group = Yaml::map([("targets", string_list([target])), ("labels", labels)]);
        Yaml::map([
            ("job_name", Yaml::text(job)),
            ("metrics_path", Yaml::text(&scrape_path)),
            ("static_configs", Yaml::list([group])),
        ])
    });
    Yaml::map([
        ("global", global),
        ("rule_files", string_list(["rules/*.yml"])),
        ("alerting", alerting),
        ("scrape_configs", Yaml::list(jobs)),
    ])
    .to_document(&comment)
}

fn alertmanager(input: &GenerateInput) -> String {
    let comment = format!(
        "{NOTICE}\n\n\
         An example: replace the receivers with your own. Critical alerts go to the person on call, high ones to the\n\
         team's channel, warnings to its work list; the watchdog goes to an outside service that pages\n\
         when it stops arriving. A higher level of an alert silences its lower levels."
    );
    Yaml::map([
        ("route", routes(input)),
        ("inhibit_rules", inhibit_rules(input)),
        ("receivers", receivers()),
    ])
    .to_document(&comment)
}

/// The receiver of each severity, and in seconds its group wait and repeat interval.
/// A page is sent within seconds and repeated hourly; a warning may wait and comes once a day.
const ROUTES: [(&str, &str, u64, u64); 4] = [
    ("none", "watchdog", 0, MINUTE),
    ("critical", "on-call", 10, 60 * MINUTE),
    ("high", "team-channel", 30, 4 * 60 * MINUTE),
    ("warning", "work-list", 5 * MINUTE, 24 * 60 * MINUTE),
];

const MINUTE: u64 = 60;

fn routes(input: &GenerateInput) -> Yaml {
    let time = |seconds| {
        let scaled = input.time_scale.scale(Duration::from_secs(seconds));
        Yaml::plain(format_duration(scaled))
    };
    let routes = ROUTES.map(|(severity, receiver, wait, repeat)| {
        let interval = repeat.min(5 * MINUTE);
        Yaml::map([
            (
                "matchers",
                string_list([format!("severity=\"{severity}\"")]),
            ),
            ("receiver", Yaml::text(receiver)),
            ("group_wait", time(wait)),
            ("group_interval", time(interval)),
            ("repeat_interval", time(repeat)),
        ])
    });
    Yaml::map([
        (
            "group_by",
            string_list(["alertname", "environment", "job", "objective"]),
        ),
        // Whatever has no severity is not lost.
        ("receiver", Yaml::text("team-channel")),
        ("routes", Yaml::list(routes)),
    ])
}

/// Returns the rules by which a higher level silences the lower ones.
fn inhibit_rules(input: &GenerateInput) -> Yaml {
    let equal: Vec<_> = inhibiting_labels(input).into_iter().collect();
    let rule = |severity: Severity, targets: &str| {
        Yaml::map([
            (
                "source_matchers",
                string_list([format!("severity=\"{severity}\"")]),
            ),
            (
                "target_matchers",
                string_list([format!("severity=~\"{targets}\"")]),
            ),
            ("equal", string_list(equal.clone())),
        ])
    };
    Yaml::list([
        rule(Severity::Critical, "high|warning"),
        rule(Severity::High, "warning"),
    ])
}

fn receivers() -> Yaml {
    Yaml::list(ROUTES.map(|(_, receiver, _, _)| {
        let url = format!("http://alert-receiver:8080/{receiver}");
        let hook = Yaml::map([("url", Yaml::text(url))]);
        Yaml::map([
            ("name", Yaml::text(receiver)),
            ("webhook_configs", Yaml::list([hook])),
        ])
    }))
}

fn string_list<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Yaml {
    Yaml::list(texts.into_iter().map(|text| Yaml::text(text)))
}
