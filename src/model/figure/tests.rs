use super::*;
use crate::model::catalog::{AttributeValues, Instrument};
use crate::model::units::Unit;

fn places(figure: &Figure) -> Vec<String> {
    let faults = figure.faults().into_iter();
    faults
        .map(|fault| format!("{}: {}", fault.path, fault.found))
        .collect()
}

#[test]
fn equal_declarations_have_one_metric_and_others_one_of_their_own() {
    let orders = || Figure::counter("shop.test.orders").label("tenant", 200);
    let first = orders().metric().unwrap();
    assert!(std::ptr::eq(first, orders().panel().metric().unwrap()));
    let wider = orders().label("tenant", 300).metric().unwrap();
    assert!(!std::ptr::eq(first, wider));
    assert!(matches!(
        wider.attributes[0].values,
        AttributeValues::AtMost(300)
    ));
}

#[test]
fn a_metric_has_its_attributes_in_key_order_and_bounds_that_suit_its_unit() {
    let figure = Figure::histogram("shop.checkout.duration").unit("s");
    let figure = figure
        .label_values("payment", ["card", "invoice"])
        .label("area", 9);
    let metric = figure.description("Time of a checkout.").metric().unwrap();
    assert_eq!(metric.prometheus_name(), "shop_checkout_duration_seconds");
    assert_eq!(metric.description, "Time of a checkout");
    let keys: Vec<_> = metric
        .attributes
        .iter()
        .map(|attribute| attribute.key)
        .collect();
    assert_eq!(keys, ["area", "payment"]);
    assert!(matches!(metric.instrument, Instrument::Histogram(bounds) if bounds[0] == 0.005));
    let sizes = Figure::histogram("shop.basket.items").metric().unwrap();
    assert!(matches!(sizes.instrument, Instrument::Histogram(bounds) if bounds[0] == 1.0));
    assert_eq!(sizes.unit, Unit::Count(""));
}

#[test]
fn names_are_those_that_no_exporter_changes_and_that_are_free() {
    for name in [
        "",
        "Shop",
        "1st",
        "shop orders",
        "shop-orders",
        "shop.orders_total",
        "shop.wait_seconds",
        "vantage.shop",
        "vantage.api.requests",
        "http.server.request.duration",
        "http_server_request_duration_seconds_count",
        "up",
        "target.info",
        "scrape.samples",
    ] {
        let figure = Figure::counter(name);
        assert_eq!(places(&figure).len(), 1, "{name}: {:?}", figure.faults());
        assert!(figure.metric().is_none());
    }
    // Free by themselves, and taken with the suffix of their unit and kind.
    for figure in [
        Figure::histogram("http.server.request_duration").unit("s"),
        Figure::gauge("process.memory_usage").unit("By"),
        Figure::counter("process.cpu_time").unit("s"),
        Figure::gauge("scrape.duration").unit("s"),
    ] {
        let found = places(&figure);
        assert_eq!(found, [format!(": {:?}", figure.name)]);
        assert!(figure.metric().is_none());
    }
    assert_eq!(places(&Figure::gauge("process.memory_usage")).len(), 0);
    assert_eq!(places(&Figure::counter("a".repeat(201))).len(), 1);
    assert_eq!(places(&Figure::counter("a".repeat(200))).len(), 0);
}

#[test]
fn every_fault_of_a_figure_is_told_at_once() {
    let figure = Figure::histogram("shop.basket")
        .unit("1")
        .description("a\nb")
        .label("le", 5)
        .label("a.b", 5)
        .label("a_b", 0)
        .label_values("c", ["x", "x"])
        .label_values("d", [""; 0])
        .label("Tenant", 5)
        .buckets([2.0, 1.0])
        .drop_alert(0.5)
        .spike_alert(2.0)
        .daily_total();
    assert_eq!(
        places(&figure),
        [
            "unit: \"1\"",
            "description: \"a\\nb\"",
            "labels: 6 of them",
            "labels.Tenant: \"Tenant\"",
            "labels.a_b: \"a_b\"",
            "labels.a_b: 0",
            "labels.c: \"x\"",
            "labels.d: 0 values",
            "labels.le: \"le\"",
            "buckets: [2.0, 1.0]",
            "drop_alert: 0.5",
            "spike_alert: 2",
            "daily_total: true",
        ]
    );
}

#[test]
fn multiples_are_the_decimals_that_were_written() {
    let figure = Figure::counter("shop.orders")
        .drop_alert(0.1)
        .spike_alert(14.4);
    assert_eq!(figure.drop_alert, Ratio::new(1, 10));
    assert_eq!(figure.spike_alert, Ratio::new(144, 10));
    for wrong in [0.0, 1.0, -0.5, f64::NAN, f64::INFINITY] {
        let figure = Figure::counter("shop.orders").drop_alert(wrong);
        assert_eq!(figure.faults().len(), 1, "{wrong}");
    }
    for wrong in [1.0, 0.5, 1_000.5] {
        let figure = Figure::counter("shop.orders").spike_alert(wrong);
        assert_eq!(figure.faults().len(), 1, "{wrong}");
    }
}

#[test]
fn figures_with_one_name_in_a_scrape_are_a_fault() {
    let told = |figures: Vec<Figure>| {
        let figures: Figures = figures.into_iter().collect();
        let faults = figures.faults();
        faults
            .iter()
            .map(|(name, fault)| format!("{name}: {}", fault.found))
            .collect::<Vec<_>>()
    };
    let counter = || Figure::counter("shop.orders");
    assert_eq!(
        told(vec![counter(), counter()]),
        ["shop.orders: declared twice"]
    );
    for other in [
        Figure::counter("shop_orders"),
        // Its family's name in OpenMetrics.
        Figure::gauge("shop_orders"),
    ] {
        let line = format!(
            "{}: a name in the scrape that shop.orders has too",
            other.name
        );
        assert_eq!(told(vec![counter(), other]), [line]);
    }
    let basket = Figure::histogram("shop.basket");
    let count = Figure::gauge("shop.basket.count");
    assert_eq!(told(vec![basket, count]).len(), 1);
    let many = (0..=200).map(|number| Figure::gauge(format!("shop.g{number}")));
    assert_eq!(told(many.collect()), ["shop.g200: 201 figures"]);
}

#[test]
fn a_daily_total_has_a_key_of_its_own_and_a_bound() {
    let total = |figure: Figure| places(&figure.daily_total());
    for name in [
        "revenue",
        "refunds",
        "posts_published",
        "ai_generations",
        "engagement",
    ] {
        assert_eq!(
            total(Figure::counter(name)),
            [format!("daily_total: {name:?}")]
        );
        assert_eq!(places(&Figure::counter(name)).len(), 0);
    }
    let sales = || Figure::counter("shop.sales").label_values("payment", ["card", "invoice"]);
    assert_eq!(total(sales().label("tenant", 500)).len(), 0);
    assert_eq!(
        total(sales().label("tenant", 501)),
        ["daily_total: up to 1002 totals a day"]
    );
    let wide = sales()
        .label("a", 100_000)
        .label("b", 100_000)
        .label("c", 100_000);
    let wider = wide.label("d", 100_000);
    assert_eq!(total(wider).len(), 1, "without an overflow");
}

#[test]
fn units_and_listed_values_have_no_markup() {
    for text in ["a|b", "a`b", "a<b", "{{a", "a}b"] {
        let unit = Figure::counter("shop.orders").unit(format!("{{{text}}}"));
        assert_eq!(places(&unit).len(), 1, "{text}");
        let listed = Figure::counter("shop.orders").label_values("payment", [text]);
        assert_eq!(places(&listed).len(), 1, "{text}");
    }
}
