use super::*;
use crate::config::{Config, SloPolicy};
use crate::generate::platform_config;
use crate::generate::rule::{RecordingRule, Rule};
use crate::generate::{MAX_EXPRESSION_LENGTH, TimeScale};
use crate::model::figure::Figure;
use crate::model::slo::Objectives;

/// The platform with figures of its own: those with alerts are recorded.
fn figures_config() -> Config {
    platform_config()
        .figure(
            Figure::counter("shop.orders")
                .label("tenant", 200)
                .drop_alert(0.5),
        )
        .figure(
            Figure::counter("shop.revenue")
                .label("currency", 5)
                .drop_alert(0.5)
                .spike_alert(2.0),
        )
        .figure(
            Figure::histogram("shop.delivery.duration")
                .unit("s")
                .panel(),
        )
}

/// All groups, of each policy and time scale.
fn groups() -> Vec<RuleGroup> {
    let mut workbook = figures_config();
    workbook.slo.policy = SloPolicy::SreWorkbook;
    let inputs = [platform_config(), workbook]
        .into_iter()
        .flat_map(|config| {
            let input = GenerateInput::new(config, Objectives::load("slo").unwrap());
            [input.clone(), input.with_time_scale(TimeScale::Test)]
        });
    inputs
        .flat_map(|input| [recording::groups(&input), alerting::groups(&input)].concat())
        .collect()
}

fn expression(rule: &Rule) -> &str {
    match rule {
        Rule::Record(record) => &record.expr,
        Rule::Alert(alert) => &alert.expr,
    }
}

/// Returns true if an expression names a metric, and not one that only begins or ends like it.
fn reads(expression: &str, metric: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    expression.split(|c| !is_name(c)).any(|name| name == metric)
}

#[test]
fn no_expression_is_too_long_to_be_read() {
    for group in groups() {
        for expression in group.rules.iter().map(expression) {
            let length = expression.chars().count();
            assert!(
                length <= MAX_EXPRESSION_LENGTH,
                "{}: {length}: {expression}",
                group.name
            );
        }
    }
}

/// Prometheus evaluates the rules of a group one after the other, and each sees what those before it have
/// recorded. Others don't wait for that, such as vmalert, which writes results to another server.
#[test]
fn no_rule_reads_a_result_of_its_own_group() {
    for group in groups() {
        let recorded = group.rules.iter().filter_map(|rule| match rule {
            Rule::Record(RecordingRule { name, .. }) => Some(name.as_str()),
            Rule::Alert(_) => None,
        });
        let recorded: Vec<_> = recorded.chain(["ALERTS"]).collect();
        for expression in group.rules.iter().map(expression) {
            for name in &recorded {
                assert!(!reads(expression, name), "{}: {expression}", group.name);
            }
        }
    }
    assert!(reads("sum(a:b:rate5m{x=\"y\"})", "a:b:rate5m"));
    assert!(!reads("sum(a:b:rate5m)", "a:b:rate") && !reads("xa:b", "a:b"));
}

#[test]
fn no_two_groups_of_an_input_have_one_name() {
    let input = GenerateInput::new(figures_config(), Objectives::load("slo").unwrap());
    let groups = [recording::groups(&input), alerting::groups(&input)].concat();
    let names: std::collections::BTreeSet<_> = groups.iter().map(|group| group.name).collect();
    assert_eq!(names.len(), groups.len());
}

#[test]
fn every_recorded_series_that_is_read_is_recorded() {
    let groups = groups();
    let rules = || groups.iter().flat_map(|group| &group.rules);
    let recorded: std::collections::BTreeSet<_> = rules()
        .filter_map(|rule| match rule {
            Rule::Record(record) => Some(record.name.as_str()),
            Rule::Alert(_) => None,
        })
        .collect();
    let mut read = std::collections::BTreeSet::new();
    for expression in rules().map(expression) {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let names = expression.split(|c| !is_name(c));
        read.extend(names.filter(|name| name.starts_with("vantage:")));
    }
    assert!(read.is_subset(&recorded), "{read:?}");
    assert!(read.len() > 20, "{read:?}");
}
