//! Example configurations of Prometheus and Alertmanager, and those that a service starts with.
//!
//! Examples are no configuration: targets and receivers are the operator's.

use std::time::Duration;

use super::alerts::SERVICE;
use super::rules::{NOTICE, inhibiting_labels};
use super::yaml::Yaml;
use super::{GenerateInput, GeneratedFile};
use crate::config::Config;
use crate::model::alerts::{AlertSignal, Severity};
use crate::model::slo::Objectives;
use crate::model::units::format_duration;

/// Returns the example files beside the rules.
pub(super) fn files(input: &GenerateInput) -> Vec<GeneratedFile> {
    vec![
        GeneratedFile::new("prometheus/prometheus.example.yml", prometheus(input)),
        GeneratedFile::new("prometheus/alertmanager.example.yml", alertmanager(input)),
    ]
}

/// The services of the example, and their targets.
const JOBS: [ScrapeJob<&str>; 3] = [
    ScrapeJob::new("vantage-api", "api:8080", "production"),
    ScrapeJob::new("vantage-worker", "worker:9464", "production"),
    ScrapeJob::new("vantage-scheduler", "scheduler:9464", "production"),
];

/// A scraped service.
#[derive(Clone, Copy)]
struct ScrapeJob<T> {
    name: T,
    target: T,
    environment: &'static str,
}

impl<T> ScrapeJob<T> {
    const fn new(name: T, target: T, environment: &'static str) -> Self {
        Self {
            name,
            target,
            environment,
        }
    }
}

fn prometheus(input: &GenerateInput) -> String {
    let comment = format!(
        "{NOTICE}\n\n\
         An example: replace the targets with your own. Keep 60 days of samples, which is a command-line option:\n\n    \
         prometheus --config.file=prometheus.yml --storage.tsdb.retention.time=60d --enable-feature=exemplar-storage\n\n\
         Objectives over 30 days and the three-week baselines need them; by default Prometheus keeps 15 days.\n\
         `environment` is a label of the targets, so that alerts and dashboards can tell production\n\
         from staging."
    );
    prometheus_yaml(&input.config, JOBS).to_document(&comment)
}

/// Returns Prometheus's configuration for a service that listens at this port of the machine, outside of the
/// containers.
pub(super) fn starter_prometheus(service: &str, port: u16, config: &Config) -> String {
    let comment = format!(
        "The scrape configuration of `{service}`, read by the Prometheus of the compose file. This file is yours: it is not\n\
         generated anew. A second service is a second job.\n\n\
         The target is this machine, seen from the container. On Linux the service must listen on an address that\n\
         containers reach, such as 0.0.0.0:{port}; on macOS and Windows 127.0.0.1:{port} is enough.\n\
         Samples are kept for 60 days, by --storage.tsdb.retention.time in the compose file."
    );
    let target = format!("host.docker.internal:{port}");
    let job = ScrapeJob::new(service.to_owned(), target, "development");
    prometheus_yaml(config, [job]).to_document(&comment)
}

fn prometheus_yaml<T: Into<String>>(
    config: &Config,
    jobs: impl IntoIterator<Item = ScrapeJob<T>>,
) -> Yaml {
    let interval = format_duration(config.metrics.prometheus.scrape_interval);
    let global = Yaml::map([
        ("scrape_interval", Yaml::plain(interval.clone())),
        ("evaluation_interval", Yaml::plain(interval)),
    ]);
    let managers = Yaml::map([("targets", string_list(["alertmanager:9093"]))]);
    let managers = Yaml::map([("static_configs", Yaml::list([managers]))]);
    let alerting = Yaml::map([("alertmanagers", Yaml::list([managers]))]);
    let scrape_path = config.scrape_path();
    let jobs = jobs.into_iter().map(|job| {
        let labels = Yaml::map([("environment", Yaml::text(job.environment))]);
        let group = Yaml::map([("targets", string_list([job.target])), ("labels", labels)]);
        Yaml::map([
            ("job_name", Yaml::text(job.name)),
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
}

fn alertmanager(input: &GenerateInput) -> String {
    let comment = format!(
        "{NOTICE}\n\n\
         An example: replace the receivers with your own. Critical alerts go to the person on call, high ones to the\n\
         team's channel, warnings to its work list; the watchdog goes to an outside service that pages\n\
         when it stops arriving. A higher level of an alert silences its lower levels, and a cause the alerts\n\
         that follow from it in the same service, or the same environment: one cause is one notification."
    );
    alertmanager_yaml(input, Some("http://alert-receiver:8080")).to_document(&comment)
}

/// Returns Alertmanager's configuration with receivers that tell nobody yet.
pub(super) fn starter_alertmanager(config: &Config) -> String {
    let comment = "\
        The routes of alerts, read by the Alertmanager of the compose file. This file is yours: it is not generated\n\
        anew. Its receivers are empty, so that alerts are seen on Alertmanager's page alone: give each its\n\
        `slack_configs`, `email_configs`, `pagerduty_configs` or `webhook_configs`. The watchdog fires always, and\n\
        goes to an outside service that pages when it stops arriving.";
    let input = GenerateInput::new(config.clone(), Objectives::default());
    alertmanager_yaml(&input, None).to_document(comment)
}

/// Returns the configuration with receivers at this address, or with none.
fn alertmanager_yaml(input: &GenerateInput, address: Option<&str>) -> Yaml {
    Yaml::map([
        ("route", routes(input)),
        ("inhibit_rules", inhibit_rules(input)),
        ("receivers", receivers(address)),
    ])
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
    // Every service that a database is cut off from says so: one notification for the server, in which another
    // database of its kind is soon told as well.
    let of_databases = || {
        let name = AlertSignal::DatabaseUnreachable.spec().name;
        let route = Yaml::map([
            ("matchers", string_list([matcher("alertname", &[name])])),
            (
                "group_by",
                string_list(["alertname", "environment", "db_system_name"]),
            ),
            ("group_interval", time(MINUTE)),
        ]);
        ("routes", Yaml::list([route]))
    };
    let routes = ROUTES.map(|(severity, receiver, wait, repeat)| {
        let interval = repeat.min(5 * MINUTE);
        let own = [
            (
                "matchers",
                string_list([format!("severity=\"{severity}\"")]),
            ),
            ("receiver", Yaml::text(receiver)),
            ("group_wait", time(wait)),
            ("group_interval", time(interval)),
            ("repeat_interval", time(repeat)),
        ];
        let severities = input.config.alerts.levels(AlertSignal::DatabaseUnreachable);
        let has_databases = severities
            .into_iter()
            .any(|(level, _)| level.as_str() == severity);
        Yaml::map(own.into_iter().chain(has_databases.then(of_databases)))
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

/// Alerts that are certain to follow from another one, and the labels by which they do.
///
/// None of them is silenced by a less urgent one, and none by what may be wrong elsewhere: an instance that is down
/// doesn't explain that the others of its service left, a worker that is offline not that the rest signed off, and a
/// database that is unreachable no store in another one.
struct Consequence {
    cause: AlertSignal,
    effects: &'static [AlertSignal],
    equal: &'static [&'static str],
}

const CONSEQUENCES: [Consequence; 1] = [Consequence {
    cause: AlertSignal::ServiceAbsent,
    effects: &[
        AlertSignal::DatabaseAbsent,
        AlertSignal::QueuesAbsent,
        AlertSignal::ObjectivesAbsent,
    ],
    equal: &SERVICE,
}];

impl Consequence {
    /// Returns a rule for each level that the effects have, with the causes that are as urgent.
    fn rules(&self, config: &Config) -> Vec<Yaml> {
        let names = |signals: &[AlertSignal], is_level: &dyn Fn(Severity) -> bool| {
            let has_level = |signal: &&AlertSignal| {
                let mut levels = config.alerts.levels(**signal);
                levels.any(|(severity, _)| is_level(severity))
            };
            let signals = signals.iter().filter(has_level);
            signals.map(|signal| signal.spec().name).collect::<Vec<_>>()
        };
        let rule = |level: Severity| {
            let causes = names(&[self.cause], &|severity| severity >= level);
            let effects = names(self.effects, &|severity| severity == level);
            if causes.is_empty() || effects.is_empty() {
                return None;
            }
            let urgent = Severity::ALL.into_iter().filter(|other| *other >= level);
            let urgent: Vec<_> = urgent.map(Severity::as_str).collect();
            let sources = [matcher("alertname", &causes), matcher("severity", &urgent)];
            let targets = [
                matcher("alertname", &effects),
                matcher("severity", &[level.as_str()]),
            ];
            Some(Yaml::map([
                ("source_matchers", string_list(sources)),
                ("target_matchers", string_list(targets)),
                ("equal", string_list(self.equal.iter().copied())),
            ]))
        };
        Severity::ALL.into_iter().filter_map(rule).collect()
    }
}

/// Returns a matcher of any of these values, which are words.
fn matcher(label: &str, values: &[&str]) -> String {
    match values {
        [value] => format!("{label}=\"{value}\""),
        _ => format!("{label}=~\"{}\"", values.join("|")),
    }
}

/// Returns the rules by which a higher level silences the lower ones, and a cause what follows from it.
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
    let levels = [
        rule(Severity::Critical, "high|warning"),
        rule(Severity::High, "warning"),
    ];
    let consequences = CONSEQUENCES.iter();
    let consequences = consequences.flat_map(|one| one.rules(&input.config));
    Yaml::list(levels.into_iter().chain(consequences))
}

fn receivers(address: Option<&str>) -> Yaml {
    Yaml::list(ROUTES.map(|(_, receiver, _, _)| {
        let hook = address.map(|address| {
            let url = format!("{address}/{receiver}");
            let hook = Yaml::map([("url", Yaml::text(url))]);
            ("webhook_configs", Yaml::list([hook]))
        });
        let name = ("name", Yaml::text(receiver));
        Yaml::map(std::iter::once(name).chain(hook))
    }))
}

fn string_list<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Yaml {
    Yaml::list(texts.into_iter().map(|text| Yaml::text(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::alerts::AlertQuery;
    use crate::generate::platform_config;
    use crate::model::alerts::AlertThreshold;

    fn example(config: Config) -> String {
        alertmanager(&GenerateInput::new(config, Objectives::default()))
    }

    /// Returns the matchers of the causes that silence this alert, other than its own levels.
    fn silenced_by(text: &str, effect: &str) -> Vec<String> {
        let text = text.replace(['\\', '"'], "");
        let rules = text.split("\n  - source_matchers:\n").skip(1);
        let split = rules.map(|rule| {
            let (causes, rest) = rule.split_once("target_matchers:").unwrap();
            (
                causes.to_owned(),
                rest.split_once("equal:").unwrap().0.to_owned(),
            )
        });
        let of_effect = split.filter(|(_, targets)| targets.contains(effect));
        let lines = of_effect.map(|(causes, _)| causes.replace("- ", ""));
        lines
            .map(|lines| lines.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    }

    #[test]
    fn a_cause_and_its_consequences_have_the_labels_by_which_they_are_matched() {
        let input = GenerateInput::new(platform_config(), Objectives::default());
        for one in &CONSEQUENCES {
            for signal in [one.cause].iter().chain(one.effects) {
                let query = AlertQuery::for_signal(*signal, &input).unwrap();
                for label in one.equal {
                    let has = query.value.labels().contains(label);
                    assert!(has, "{label} of {}", signal.key());
                }
            }
        }
    }

    #[test]
    fn a_consequence_is_silenced_by_causes_that_are_as_urgent() {
        let text = example(platform_config());
        let any = "severity=~warning|high|critical";
        let by = |effect: &str| silenced_by(&text, effect);
        for effect in ["DatabaseAbsent", "QueuesAbsent", "ObjectivesAbsent"] {
            assert_eq!(
                by(effect),
                [format!("alertname=ServiceAbsent {any}")],
                "{effect}"
            );
        }
        for other in [
            "ServiceAbsent",
            "TargetDown",
            "WorkersAbsent",
            "StoreDelayed",
        ] {
            assert_eq!(by(other), [""; 0], "{other}");
        }
        // Of a page, only a page.
        let mut config = platform_config();
        let hour = AlertThreshold::Time(Duration::from_secs(3_600));
        config
            .alerts
            .set(AlertSignal::QueuesAbsent, Severity::Critical, Some(hour));
        let rules = silenced_by(&example(config), "QueuesAbsent");
        assert_eq!(
            rules.len(),
            1,
            "ServiceAbsent has no critical level: {rules:?}"
        );
        let mut config = platform_config();
        config
            .alerts
            .set(AlertSignal::ServiceAbsent, Severity::Warning, None);
        assert_eq!(silenced_by(&example(config), "QueuesAbsent").len(), 0);
    }
}
