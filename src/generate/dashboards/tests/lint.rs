//! The rules of Grafana's dashboard-linter, by their names there. The two on LogQL have nothing to look
//! at: no panel asks Loki. Of `target-promql-rule`, whether an expression is valid, a real Prometheus
//! decides; here is that every name in it is one of ours.

use super::*;
use crate::generate::MAX_EXPRESSION_LENGTH;

/// The panel types that its rules check.
const LINTED_PANEL_TYPES: [&str; 5] = ["stat", "timeseries", "table", "gauge", "graph"];

fn exclusions() -> String {
    lint_exclusions(&GenerateInput::new(config(), objectives()))
}

fn is_sql(panel: &Value) -> bool {
    text(&panel["datasource"], "type") == "grafana-postgresql-datasource"
}

fn for_each_panel(check: impl Fn(&Value, &Value)) {
    for dashboard in dashboards() {
        panels(&dashboard).for_each(|panel| check(&dashboard, panel));
    }
}

fn variable<'a>(dashboard: &'a Value, name: &str) -> &'a Value {
    let mut all = list(&dashboard["templating"], "list");
    all.find(|one| text(one, "name") == name).unwrap()
}

#[test]
fn template_datasource() {
    for dashboard in dashboards() {
        let of_type =
            list(&dashboard["templating"], "list").filter(|one| text(one, "type") == "datasource");
        assert_eq!(of_type.count(), 1);
        let data_source = variable(&dashboard, "datasource");
        assert_eq!(
            (text(data_source, "query"), text(data_source, "label")),
            ("prometheus", "Data source")
        );
    }
}

#[test]
fn template_job_and_template_instance() {
    for dashboard in dashboards() {
        for (name, label) in [("job", "Job"), ("instance", "Instance")] {
            let variable = variable(&dashboard, name);
            assert_eq!(text(variable, "type"), "query");
            assert_eq!(text(variable, "label"), label);
            assert_eq!(text(&variable["datasource"], "uid"), "${datasource}");
            assert_eq!(
                (&variable["multi"], &variable["includeAll"]),
                (&true.into(), &true.into())
            );
            assert_eq!(text(variable, "allValue"), ".+");
        }
    }
}

#[test]
fn template_label_promql_and_template_on_time_change_reload() {
    for dashboard in dashboards() {
        for variable in
            list(&dashboard["templating"], "list").filter(|one| text(one, "type") == "query")
        {
            let query = text(&variable["query"], "query");
            assert!(
                query.starts_with("label_values(process_uptime_seconds"),
                "{query}"
            );
            assert_eq!(variable["refresh"], 2);
        }
    }
}

#[test]
fn panel_datasource() {
    for_each_panel(|_, panel| {
        let uid = text(&panel["datasource"], "uid");
        // Tables that ask PostgreSQL are excepted in `.lint`; charts aren't looked at.
        if is_sql(panel) && text(panel, "type") == "table" {
            assert!(exclusions().contains(&format!("panel: {}}}", text(panel, "title"))));
        }
        let expected = if is_sql(panel) {
            "vantage-postgresql"
        } else {
            "${datasource}"
        };
        assert_eq!(uid, expected);
        assert!(list(panel, "targets").all(|target| target["datasource"] == panel["datasource"]));
    });
}

#[test]
fn panel_title_description_and_panel_no_targets() {
    for_each_panel(|_, panel| {
        assert!(!text(panel, "title").is_empty() && !text(panel, "description").is_empty());
        assert!(list(panel, "targets").count() > 0, "{}", panel["title"]);
    });
}

#[test]
fn panel_units() {
    let units = [
        "s",
        "bytes",
        "percentunit",
        "short",
        "reqps",
        "ops",
        "cps",
        "binBps",
        "none",
    ];
    for_each_panel(|_, panel| {
        let unit = text(&panel["fieldConfig"]["defaults"], "unit");
        assert!(units.contains(&unit), "{}: {unit}", panel["title"]);
    });
}

#[test]
fn target_promql() {
    for_each_panel(|_, panel| {
        assert!(
            LINTED_PANEL_TYPES.contains(&text(panel, "type"))
                || !is_sql(panel)
                || text(panel, "type") == "barchart"
        );
        for expression in expressions(panel) {
            assert!(!expression.is_empty());
            assert!(
                is_of_all_replicas(panel) || !selectors(expression).is_empty(),
                "{expression}"
            );
        }
    });
}

/// The metric and matchers of each selector. Patterns of routes have braces of their own, in quotes.
fn selectors(expression: &str) -> Vec<(&str, &str)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let (mut found, mut in_quotes, mut open) = (Vec::new(), false, 0);
    for (at, c) in expression.char_indices() {
        match c {
            '"' => in_quotes = !in_quotes,
            '{' if !in_quotes => open = at,
            '}' if !in_quotes => {
                let before = &expression[..open];
                let start = before.rfind(|c| !is_name(c)).map_or(0, |end| end + 1);
                found.push((&before[start..], &expression[open + 1..at]));
            }
            _ => {}
        }
    }
    found
}

#[test]
fn braces_in_quotes_are_no_selectors() {
    assert_eq!(
        selectors(r#"sum(a{b!~"/x/{id}"}) / c:d{}"#),
        [("a", r#"b!~"/x/{id}""#), ("c:d", "")]
    );
}

/// Returns true for a panel that `.lint` excludes, because rules record it for all replicas.
fn is_of_all_replicas(panel: &Value) -> bool {
    exclusions().contains(&format!("panel: '{}'}}", text(panel, "title")))
}

#[test]
fn target_job_and_target_instance() {
    for_each_panel(|_, panel| {
        if is_of_all_replicas(panel) {
            for expression in expressions(panel) {
                // They have no instance, but for objectives no job either.
                assert!(!expression.contains("$instance"), "{expression}");
                for (metric, matchers) in selectors(expression) {
                    assert!(metric.starts_with("vantage:"), "{expression}");
                    // Baselines are those of an environment.
                    let is_slo = metric.starts_with("vantage:slo_");
                    let labels: &[&str] = if is_slo { &["job", "environment"] } else { &[] };
                    for label in labels {
                        let matcher = format!("{label}=~\"${label}\"");
                        assert!(matchers.contains(&matcher), "{metric} in {expression}");
                    }
                }
            }
            return;
        }
        for expression in expressions(panel) {
            let selectors = selectors(expression);
            let recorded = expression.matches("vantage:").count();
            let named = selectors
                .iter()
                .filter(|(metric, _)| metric.starts_with("vantage:"));
            assert_eq!(named.count(), recorded, "{expression}");
            for (metric, matchers) in selectors {
                for label in ["job", "instance", "environment"] {
                    let matcher = format!("{label}=~\"${label}\"");
                    assert!(matchers.contains(&matcher), "{metric} in {expression}");
                }
            }
        }
    });
}

#[test]
fn a_metric_without_matchers_is_none() {
    for spec in crate::model::catalog::all() {
        let name = spec.prometheus_name();
        for_each_panel(|_, panel| {
            for expression in expressions(panel) {
                for (at, _) in expression.match_indices(&name) {
                    let rest = expression[at + name.len()..]
                        .trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
                    assert!(rest.starts_with('{'), "{name} in {expression}");
                }
            }
        });
    }
}

#[test]
fn target_rate_interval() {
    for_each_panel(|_, panel| {
        for expression in expressions(panel) {
            for (at, _) in expression.match_indices("rate(") {
                let after = &expression[at..];
                let range = &after[after.find("}[").unwrap() + 1..];
                assert!(range.starts_with("[$__rate_interval]"), "{expression}");
            }
        }
    });
}

#[test]
fn target_counter_agg() {
    for_each_panel(|_, panel| {
        for expression in expressions(panel) {
            for (metric, _) in selectors(expression)
                .iter()
                .filter(|(metric, _)| metric.ends_with("_total"))
            {
                for (at, _) in expression.match_indices(metric) {
                    let before = &expression[..at];
                    assert!(
                        before.ends_with("rate(") || before.ends_with("increase("),
                        "{expression}"
                    );
                }
            }
        }
    });
}

#[test]
fn uneditable_dashboard() {
    assert!(
        dashboards()
            .iter()
            .all(|dashboard| dashboard["editable"] == false)
    );
}

#[test]
fn no_expression_is_too_long_to_be_read() {
    for_each_panel(|_, panel| {
        for expression in expressions(panel) {
            // What names the absent labels is the same everywhere, and stands around the expression.
            let unnamed = expression.trim_start_matches("label_replace(");
            let named = unnamed
                .split_once(", \"(no ")
                .and_then(|(before, _)| before.rsplit_once(", "));
            let length = named
                .map_or(unnamed, |(expression, _)| expression)
                .chars()
                .count();
            let title = &panel["title"];
            assert!(
                length <= MAX_EXPRESSION_LENGTH,
                "{title}: {length}: {expression}"
            );
        }
    });
}
