//! The dashboard of the service's own figures.

use super::*;

fn figure_dashboard(config: Config) -> Value {
    let input = GenerateInput::new(config, Objectives::default());
    let all = all_dashboards(&input);
    let figures = all.iter().find(|one| one.uid == "service-figures");
    figures.unwrap().to_json()
}

/// The queries and legends of a panel by its title.
fn queries(dashboard: &Value, title: &str) -> Vec<(String, String)> {
    let panel = panels(dashboard).find(|panel| text(panel, "title") == title);
    let panel = panel.unwrap_or_else(|| panic!("no panel {title:?}"));
    let query = |target| {
        let query = [text(target, "expr"), text(target, "rawSql")].concat();
        (query, text(target, "legendFormat").to_owned())
    };
    list(panel, "targets").map(query).collect()
}

const CHOSEN: &str = r#"{job=~"$job", instance=~"$instance", environment=~"$environment"}"#;

#[test]
fn each_kind_has_its_panels() {
    let dashboard = figure_dashboard(config());
    let titles: Vec<_> = panels(&dashboard)
        .map(|panel| text(panel, "title"))
        .collect();
    assert_eq!(
        titles,
        [
            // The overview
            "Shop orders against usual",
            "Shop revenue against usual",
            "Shop upload size against usual",
            "Shop stock",
            "Shop checkout duration, p95",
            // A row for each
            "Shop orders per second by payment",
            "Shop orders per second by tenant",
            "Shop orders per day",
            "Shop orders in 3 hours",
            "Shop orders per day (stored)",
            "Shop revenue per second",
            "Shop revenue per day",
            "Shop revenue in 3 hours",
            "Shop revenue per day (stored)",
            "Shop upload size per second",
            "Shop upload size per day",
            "Shop upload size in 3 hours",
            "Shop open carts",
            "Shop open carts per day (stored)",
            "Shop stock",
            "Shop checkout duration percentiles",
            "Shop checkout duration distribution",
            "Shop checkout duration p95 by tenant",
            "Shop checkout duration count per second",
        ]
    );
}

#[test]
fn a_counter_is_shown_by_each_label_and_in_total() {
    let dashboard = figure_dashboard(config());
    let rate = |by: &str| format!("sum{by}(rate(shop_orders_total{CHOSEN}[$__rate_interval]))");
    let named = |query: &str, label: &str| {
        format!(r#"label_replace({query}, "{label}", "(no {label})", "{label}", "")"#)
    };
    // Of a few values all, of many the largest beside the total.
    assert_eq!(
        queries(&dashboard, "Shop orders per second by payment"),
        [(
            named(&rate(" by (payment) "), "payment"),
            "{{payment}}".into()
        )]
    );
    let largest = format!("topk(20, {})", rate(" by (tenant) "));
    assert_eq!(
        queries(&dashboard, "Shop orders per second by tenant"),
        [
            (named(&largest, "tenant"), "{{tenant}}".into()),
            (format!("sum({})", rate(" by (tenant) ")), "all".into())
        ]
    );
}

#[test]
fn money_is_never_added_up_over_currencies() {
    let dashboard = figure_dashboard(config());
    let of_revenue = panels(&dashboard).filter(|panel| text(panel, "title").contains("revenue"));
    for panel in of_revenue {
        for expression in expressions(panel) {
            let is_recorded = expression.contains("vantage:figure_shop_revenue:ratio3h");
            assert!(
                is_recorded || expression.contains("sum by (currency) ("),
                "{expression}"
            );
        }
    }
}

/// Each replica counts the same things: their sum would be a number of nothing.
#[test]
fn a_gauge_is_the_largest_of_its_replicas_and_never_their_sum() {
    let dashboard = figure_dashboard(config());
    let (carts, _) = &queries(&dashboard, "Shop open carts")[0];
    assert!(
        carts.contains(&format!("max by (tenant) (shop_open_carts{CHOSEN})")),
        "{carts}"
    );
    let (stock, _) = &queries(&dashboard, "Shop stock")[0];
    assert_eq!(stock, &format!("max(shop_stock_ratio{CHOSEN})"));
}

#[test]
fn stored_totals_ask_for_the_name_under_which_they_are_stored() {
    let dashboard = figure_dashboard(config());
    let (orders, _) = &queries(&dashboard, "Shop orders per day (stored)")[0];
    assert!(
        orders.contains("attribute AS series") && orders.contains("figure IN ('shop.orders')"),
        "{orders}"
    );
}

#[test]
fn both_alerts_of_a_figure_colour_its_number() {
    let dashboard = figure_dashboard(config());
    let steps = |title| {
        let panel = panels(&dashboard)
            .find(|panel| text(panel, "title") == title)
            .unwrap();
        let steps = list(&panel["fieldConfig"]["defaults"]["thresholds"], "steps");
        let steps = steps.map(|step| format!("{} {}", text(step, "color"), step["value"]));
        steps.collect::<Vec<_>>()
    };
    assert_eq!(
        steps("Shop orders against usual"),
        ["yellow null", "green 0.5", "yellow 3"]
    );
    assert_eq!(
        steps("Shop revenue against usual"),
        ["yellow null", "green 0.25"]
    );
    assert_eq!(
        steps("Shop upload size against usual"),
        ["green null", "yellow 2"]
    );
}

#[test]
fn a_figure_without_a_panel_has_those_that_its_alert_links_to() {
    let config = Config::default()
        .figure(Figure::counter("shop.orders").drop_alert(0.5))
        .figure(Figure::counter("shop.returns"));
    let dashboard = figure_dashboard(config);
    let titles: Vec<_> = panels(&dashboard)
        .map(|panel| text(panel, "title"))
        .collect();
    assert_eq!(
        titles,
        ["Shop orders against usual", "Shop orders in 3 hours"]
    );
}

#[test]
fn a_dashboard_of_nothing_is_not_generated() {
    for (config, expected) in [
        (Config::default(), 5),
        (platform_config(), 6),
        (Config::default().figure(Figure::counter("shop.orders")), 5),
        (
            Config::default().figure(Figure::counter("shop.orders").panel()),
            6,
        ),
    ] {
        let input = GenerateInput::new(config, Objectives::default());
        assert_eq!(all_dashboards(&input).len(), expected);
        let lint = lint_exclusions(&input);
        let shipped = lint.contains("Business metrics");
        assert_eq!(shipped, input.config.business, "{lint}");
    }
}
