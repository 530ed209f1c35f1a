//! Properties of every dashboard: what Grafana silently ignores or hides, the rules of Grafana's
//! dashboard-linter, the panels that were asked for, and that nothing that is measured is shown nowhere.

mod coverage;
mod figures;
mod lint;
mod required_panels;
mod shape;

use serde_json::Value;

use super::*;
use crate::config::Config;
use crate::generate::platform_config;
use crate::model::figure::Figure;
use crate::model::slo::Objectives;

/// The platform's own objectives.
fn objectives() -> Objectives {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("slo");
    Objectives::load(folder).unwrap()
}

/// The platform's configuration, and a shop's figures of each kind.
fn config() -> Config {
    let figures = [
        Figure::counter("shop.orders")
            .description("Orders that were paid")
            .unit("{order}")
            .label("tenant", 200)
            .label_values("payment", ["card", "invoice"])
            .drop_alert(0.5)
            .spike_alert(3.0)
            .daily_total(),
        Figure::counter("shop.revenue")
            .description("Revenue in minor units")
            .label("currency", 5)
            .drop_alert(0.25)
            .daily_total(),
        Figure::counter("shop.upload.size")
            .unit("By")
            .spike_alert(2.0),
        Figure::gauge("shop.open_carts")
            .label("tenant", 10)
            .daily_total(),
        Figure::gauge("shop.stock").unit("1"),
        Figure::histogram("shop.checkout.duration")
            .unit("s")
            .label("tenant", 200),
    ];
    let figures = figures.map(Figure::panel);
    figures.into_iter().fold(platform_config(), Config::figure)
}

/// The dashboards of that configuration.
fn dashboards() -> Vec<Value> {
    let input = GenerateInput::new(config(), objectives());
    all_dashboards(&input)
        .iter()
        .map(DashboardModel::to_json)
        .collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

/// The panels that aren't titles of rows.
fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(dashboard, "panels").filter(|panel| text(panel, "type") != "row")
}

/// Every PromQL expression of a panel.
fn expressions(panel: &Value) -> impl Iterator<Item = &str> {
    list(panel, "targets").filter_map(|target| target["expr"].as_str())
}

/// Every text anywhere in a value.
fn texts<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => into.push(text),
        Value::Array(values) => values.iter().for_each(|value| texts(value, into)),
        Value::Object(values) => values.values().for_each(|value| texts(value, into)),
        _ => {}
    }
}
