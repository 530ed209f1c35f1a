//! Structural errors that Grafana would ignore, hide or refuse.

use std::collections::HashSet;

use super::*;
use crate::generate::alerts::Alert;

#[test]
fn uids_are_those_of_the_addresses_and_short_enough() {
    let uids: Vec<_> = dashboards()
        .iter()
        .map(|one| text(one, "uid").to_owned())
        .collect();
    assert_eq!(
        uids,
        [
            "api-performance",
            "worker-health",
            "scheduler-performance",
            "database-performance",
            "business-metrics",
            "service-figures",
            "slo-overview",
        ]
    );
    assert_eq!(uids, DashboardId::ALL.map(DashboardId::uid));
    assert!(uids.iter().all(|uid| uid.len() <= 40));
}

#[test]
fn ids_are_unique_and_from_1() {
    for dashboard in dashboards() {
        let ids: Vec<_> = list(&dashboard, "panels")
            .map(|panel| panel["id"].as_u64().unwrap())
            .collect();
        assert!(ids.iter().all(|id| *id >= 1));
        assert_eq!(
            ids.iter().collect::<HashSet<_>>().len(),
            ids.len(),
            "{}",
            dashboard["uid"]
        );
    }
}

#[test]
fn titles_are_unique_on_a_dashboard_but_for_a_number_and_its_history() {
    for dashboard in dashboards() {
        let mut seen = HashSet::new();
        for panel in panels(&dashboard) {
            let view = if text(panel, "type") == "stat" {
                "stat"
            } else {
                "panel"
            };
            let title = text(panel, "title");
            assert!(
                seen.insert((view, title)),
                "{}: {title} is there twice",
                dashboard["uid"]
            );
        }
    }
}

#[test]
fn panels_do_not_overlap_and_stay_inside() {
    for dashboard in dashboards() {
        let mut taken = HashSet::new();
        for panel in list(&dashboard, "panels") {
            let at = |key| panel["gridPos"][key].as_u64().unwrap();
            let (x, y, width, height) = (at("x"), at("y"), at("w"), at("h"));
            assert!(width > 0 && height > 0 && x + width <= 24, "{panel}");
            for cell in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
                assert!(
                    taken.insert(cell),
                    "{} covers another at {cell:?}",
                    panel["title"]
                );
            }
        }
    }
}

/// `$name`, `${name}` and `${name:format}`.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split('$').skip(1).filter_map(|after| {
        let name = after.strip_prefix('{').unwrap_or(after);
        let end = name
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(name.len());
        Some(&name[..end]).filter(|name| !name.is_empty())
    })
}

#[test]
fn every_variable_is_declared() {
    for dashboard in dashboards() {
        let declared: HashSet<_> = list(&dashboard["templating"], "list")
            .map(|one| text(one, "name"))
            .collect();
        let mut found = Vec::new();
        texts(&dashboard, &mut found);
        let used = found.into_iter().flat_map(variables);
        // Those with two underscores are Grafana's own.
        for name in used.filter(|name| !name.starts_with("__")) {
            assert!(
                declared.contains(name),
                "{}: ${name} is not declared",
                dashboard["uid"]
            );
        }
    }
    let names: Vec<_> = variables("a$b ${c:queryparam}$$d[$__range]").collect();
    assert_eq!(names, ["b", "c", "d", "__range"]);
}

#[test]
fn a_dashboard_begins_with_stats_that_have_the_levels_of_alerts() {
    for dashboard in dashboards() {
        let overview: Vec<_> = panels(&dashboard)
            .take_while(|panel| text(panel, "type") == "stat")
            .collect();
        let colored = overview.iter().filter(|panel| {
            let steps = &panel["fieldConfig"]["defaults"]["thresholds"]["steps"];
            text(&panel["fieldConfig"]["defaults"]["color"], "mode") == "thresholds"
                && steps.as_array().unwrap().len() > 1
        });
        assert!(colored.count() >= 3, "{}", dashboard["uid"]);
    }
}

#[test]
fn percentiles_of_traced_durations_have_exemplars() {
    let untraced = [
        "Time to get a connection",
        "Time that scrapes take",
        "Time that pushes take",
    ];
    for dashboard in dashboards() {
        for panel in panels(&dashboard).filter(|panel| {
            list(panel, "targets").any(|target| text(target, "legendFormat") == "p99")
        }) {
            let exemplars = list(panel, "targets").filter(|target| target["exemplar"] == true);
            let traced = !untraced.contains(&text(panel, "title"));
            assert_eq!(exemplars.count(), usize::from(traced), "{}", panel["title"]);
        }
    }
}

/// The labels that each series of a metric has that has such a label, and why.
const ALWAYS_PRESENT: &[(&str, &str)] = &[
    ("job", "Prometheus gives it to each target"),
    ("instance", "Prometheus gives it to each target"),
    ("objective", "read from the declared objectives"),
    ("check", "read from the registered checks"),
    ("queue", "read from the watched queues"),
    ("runtime", "read from the list of watched runtimes"),
    ("worker_id", "read from the registry of workers"),
    ("scheduler_id", "read from the registry of schedulers"),
    ("state", "one of those declared, without a limit"),
    ("kind", "one of those declared, without a limit"),
    ("result", "one of those declared, without a limit"),
    ("part", "one of those declared, without a limit"),
    ("callback_kind", "one of those declared, without a limit"),
    ("thread", "read from the list of threads"),
    ("index", "read from the server"),
    ("source", "read from the server"),
    ("access", "read from the server"),
    ("db_client_connection_state", "read from the pool"),
    ("cpu_mode", "read from the system"),
    ("system_filesystem_mountpoint", "read from the system"),
];

/// The panels on which each series has a label that others may lack, and why.
const PRESENT_HERE: &[(&str, &str, &str)] = &[
    ("Errors by kind", "error_type", "selected by it"),
    ("Failed queries", "error_type", "selected by it"),
    ("Failed calls by server", "error_type", "selected by it"),
    (
        "Commits of the store",
        "reason",
        "one of those declared, without a limit",
    ),
    (
        "Transaction rate of all clients",
        "outcome",
        "read from the server",
    ),
    (
        "Transaction rate of all clients",
        "db_namespace",
        "read from the server",
    ),
    (
        "Clients of the server",
        "db_namespace",
        "read from the server",
    ),
    ("Blocks read", "db_namespace", "read from the server"),
    (
        "Database size growth",
        "db_namespace",
        "read from the server",
    ),
    ("Growth in a day", "db_namespace", "read from the server"),
    ("Index usage", "db_namespace", "read from the server"),
    ("Largest indexes", "db_namespace", "read from the server"),
    ("Largest tables", "db_namespace", "read from the server"),
    (
        "Largest tables",
        "db_collection_name",
        "read from the server",
    ),
    (
        "Scans of tables",
        "db_collection_name",
        "read from the server",
    ),
    (
        "Connection pool utilization",
        "db_client_connection_pool_name",
        "read from the pool",
    ),
    (
        "Connections by state",
        "db_client_connection_pool_name",
        "read from the pool",
    ),
    (
        "Callers that wait for a connection",
        "db_client_connection_pool_name",
        "read from the pool",
    ),
];

/// The labels that a target shows: those of its legend, or the columns of a table.
fn shown_labels(target: &Value) -> Vec<&str> {
    let (text, start, end) = match text(target, "format") {
        "table" => (text(target, "expr"), " by (", ")"),
        _ => (text(target, "legendFormat"), "{{", "}}"),
    };
    let parts = text
        .split(start)
        .skip(1)
        .filter_map(|part| part.split(end).next());
    let labels = parts.flat_map(|part| part.split(", "));
    labels.filter(|label| *label != "le").collect()
}

#[test]
fn what_lacks_a_label_of_a_legend_has_a_name() {
    let mut named = 0;
    for dashboard in dashboards() {
        for panel in panels(&dashboard) {
            let title = text(panel, "title");
            for target in list(panel, "targets").filter(|target| target["expr"].is_string()) {
                let expression = text(target, "expr");
                for label in shown_labels(target) {
                    let is_named = expression.contains(&format!(", \"{label}\", \"(no "));
                    let always = ALWAYS_PRESENT.iter().any(|(known, _)| *known == label);
                    let mut here = PRESENT_HERE.iter();
                    let here = here.any(|(on, known, _)| (*on, *known) == (title, label));
                    assert!(
                        is_named || always || here,
                        "{title}: {label} in {expression}"
                    );
                    assert!(!(is_named && always), "{title}: {label} in {expression}");
                    named += usize::from(is_named);
                }
            }
        }
    }
    assert!(named > 40, "{named}");
}

#[test]
fn every_panel_describes_a_healthy_value_and_links_a_runbook() {
    let pages = pages();
    for dashboard in dashboards() {
        for panel in panels(&dashboard) {
            let description = text(panel, "description");
            let parts: Vec<_> = description.split("\n\n").collect();
            assert!(
                parts.len() == 3 && parts[1].starts_with("**Good:** "),
                "{description}"
            );
            let page = parts[2]
                .strip_prefix("**Runbook:** `runbooks/")
                .and_then(|page| page.strip_suffix(".md`"));
            assert!(
                pages.contains(page.unwrap()),
                "{}: no page {page:?}",
                panel["title"]
            );
        }
    }
}

/// The pages of alerts, those of the four common issues, and that of figures.
fn pages() -> HashSet<String> {
    let common = [
        "high-error-rate",
        "slow-performance",
        "worker-issues",
        "database-issues",
    ];
    let alerts = Alert::all(&GenerateInput::new(config(), objectives()));
    let alerts: Vec<_> = alerts.iter().map(Alert::runbook).collect();
    let common = common.into_iter().chain(["figures"]).map(str::to_owned);
    alerts.into_iter().chain(common).collect()
}

#[test]
fn a_runbook_with_an_address_is_a_link_and_one_without_is_not() {
    let mut config = Config::default();
    config.links.runbooks = "https://example.org/runbooks/".into();
    let linked = all_dashboards(&GenerateInput::new(config, objectives()))[0].to_json();
    let panel = panels(&linked).nth(1).unwrap();
    let page = "https://example.org/runbooks/api-error-ratio-high.md";
    assert!(text(panel, "description").ends_with(&format!("[Runbook]({page})")));
    assert_eq!(panel["links"][0]["url"], page);
    let plain = &dashboards()[0];
    assert_eq!(panels(plain).nth(1).unwrap()["links"], Value::Null);
}

#[test]
fn a_level_of_the_configuration_is_a_line_and_a_colour() {
    use crate::model::alerts::{AlertSignal, AlertThreshold, Severity};
    let mut config = Config::default();
    config.alerts.set(
        AlertSignal::QueueDepth,
        Severity::Warning,
        Some(AlertThreshold::Count(77)),
    );
    let dashboard = all_dashboards(&GenerateInput::new(config, objectives()))[1].to_json();
    let drawn = panels(&dashboard)
        .filter(|panel| panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"] == 77);
    let titles: Vec<_> = drawn.map(|panel| text(panel, "title")).collect();
    assert_eq!(titles, ["Deepest queue", "Queue depth"]);
}

#[test]
fn starts_and_releases_are_marked_once() {
    for dashboard in dashboards() {
        let marks: Vec<_> = list(&dashboard["annotations"], "list")
            .filter_map(|one| one["expr"].as_str())
            .collect();
        let [releases, starts] = marks[..] else {
            panic!("{marks:?}");
        };
        let chosen = "{job=~\"$job\", instance=~\"$instance\", environment=~\"$environment\"}";
        let by = "count by (service_name, service_version)";
        assert_eq!(
            releases,
            format!(
                "{by} (target_info{chosen}) unless {by} (target_info{chosen} offset $__interval)"
            )
        );
        let age = format!("process_uptime_seconds{chosen}");
        assert_eq!(
            starts,
            format!("({age} unless ({age} offset $__interval <= {age})) < 300")
        );
    }
}
