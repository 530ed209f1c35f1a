//! The service's own figures: what is declared, what is recorded, and what a scraper sees of both.

use std::time::Duration;

use vantage_obs::figure::Figure;
use vantage_obs::testing::TestTelemetry;
use vantage_obs::{Config, ExpositionFormat, Role};

use crate::support::{CapturedLog, events, named, samples, scrape};

fn with_figures(figures: impl IntoIterator<Item = Figure>) -> TestTelemetry {
    let mut config = Config::new("shop-api", Role::Api);
    config.figures.extend(figures);
    TestTelemetry::with_config(config, &[]).unwrap()
}

fn mismatches(test: &TestTelemetry, figure: &str, reason: &str) -> Option<f64> {
    let labels = [("figure", figure), ("reason", reason)];
    test.value("vantage_telemetry_figure_mismatches_total", &labels)
}

#[test]
fn a_declared_counter_is_recorded_by_name_in_any_order_and_scraped_with_its_help() {
    let orders = Figure::counter("shop.orders")
        .description("Orders that were paid.")
        .unit("{order}")
        .label("tenant", 200)
        .label_values("payment", ["card", "invoice"]);
    let test = with_figures([orders, Figure::counter("shop.visits")]);
    assert!(!scrape(&test).contains("shop_"), "nothing is touched yet");
    let orders = test.telemetry().counter("shop.orders");
    let visits = test.telemetry().counter("shop.visits");
    orders.add(1, &[("tenant", "acme"), ("payment", "card")]);
    orders.add(2, &[("payment", "card"), ("tenant", "acme")]);
    orders.add(4, &[("tenant", "acme")]);
    test.telemetry().counter("shop.orders").add(8, &[]);
    let text = scrape(&test);
    assert!(text.contains("# HELP shop_orders_total Orders that were paid\n"));
    assert!(text.contains("# TYPE shop_orders_total counter\n"));
    let value = |labels: &[(&str, &str)]| test.value("shop_orders_total", labels);
    assert_eq!(value(&[("payment", "card"), ("tenant", "acme")]), Some(3.0));
    assert_eq!(value(&[("tenant", "acme")]), Some(4.0));
    assert_eq!(value(&[]), Some(8.0));
    assert_eq!(
        test.value("shop_visits_total", &[]),
        Some(0.0),
        "before the first event"
    );
    visits.add(1, &[]);
    assert_eq!(test.value("shop_visits_total", &[]), Some(1.0));
    assert_eq!(
        named(&text, "vantage_telemetry_figure_mismatches_total"),
        []
    );
}

#[test]
fn a_gauge_takes_any_number_and_a_histogram_durations_in_buckets_of_its_own() {
    let wait = Figure::histogram("shop.wait").unit("s").buckets([0.5, 2.0]);
    let load = Figure::gauge("shop.load").unit("1");
    let test = with_figures([
        wait,
        load,
        Figure::gauge("shop.balance").label("account", 5),
    ]);
    let telemetry = test.telemetry();
    telemetry.gauge("shop.load").set(0.25, &[]);
    telemetry.gauge("shop.balance").set(-3, &[("account", "a")]);
    telemetry
        .gauge("shop.balance")
        .set(usize::MIN, &[("account", "b")]);
    assert_eq!(test.value("shop_load_ratio", &[]), Some(0.25));
    assert_eq!(test.value("shop_balance", &[("account", "a")]), Some(-3.0));
    assert_eq!(test.value("shop_balance", &[("account", "b")]), Some(0.0));
    let wait = telemetry.histogram("shop.wait");
    wait.record(Duration::from_millis(500), &[]);
    wait.record(1.5, &[]);
    wait.record(3, &[]);
    let buckets = named(&scrape(&test), "shop_wait_seconds_bucket");
    let counts: Vec<_> = buckets
        .iter()
        .map(|sample| (&*sample.labels["le"], sample.value))
        .collect();
    assert_eq!(counts, [("0.5", 1.0), ("2.0", 2.0), ("+Inf", 3.0)]);
    assert_eq!(test.value("shop_wait_seconds_sum", &[]), Some(5.0));
}

#[test]
fn values_beyond_a_limit_or_a_list_go_to_the_overflow_series_and_nothing_is_lost() {
    let orders = Figure::counter("shop.orders")
        .label("tenant", 2)
        .label_values("payment", ["card", "invoice"]);
    let test = with_figures([orders]);
    let log = CapturedLog::default();
    let _installed = log.install(&test);
    let orders = test.telemetry().counter("shop.orders");
    for tenant in ["a", "b", "c", "d", "a", "c"] {
        orders.add(1, &[("tenant", tenant), ("payment", "card")]);
    }
    // A known tenant with another payment is a new series below the limit of tenants.
    orders.add(1, &[("tenant", "b"), ("payment", "invoice")]);
    // No limit holds for what is absent.
    orders.add(1, &[("payment", "card")]);
    orders.add(10, &[("tenant", "a"), ("payment", "cash")]);
    let value = |labels: &[(&str, &str)]| test.value("shop_orders_total", labels);
    assert_eq!(value(&[("payment", "card"), ("tenant", "a")]), Some(2.0));
    assert_eq!(value(&[("payment", "card"), ("tenant", "b")]), Some(1.0));
    assert_eq!(value(&[("payment", "invoice"), ("tenant", "b")]), Some(1.0));
    assert_eq!(value(&[("payment", "card")]), Some(1.0));
    assert_eq!(value(&[("otel_metric_overflow", "true")]), Some(13.0));
    assert_eq!(named(&scrape(&test), "shop_orders_total").len(), 5);
    let counted = [("instrument", "shop.orders")];
    let overflown = test.value("vantage_telemetry_series_overflow_total", &counted);
    assert_eq!(overflown, Some(4.0), "measurements, not events");
    let lines = log.lines();
    let told = lines
        .iter()
        .filter(|line| line["fields"]["instruments"] == "shop.orders");
    assert_eq!(told.count(), 1, "{lines:?}");
}

#[test]
fn an_undeclared_figure_is_recorded_with_the_labels_of_its_first_recording_and_told_once() {
    let test = with_figures([]);
    let log = CapturedLog::default();
    let _installed = log.install(&test);
    let telemetry = test.telemetry();
    for _ in 0..2 {
        telemetry.counter("shop.orders").add(1, &[("tenant", "a")]);
        telemetry
            .histogram("shop.wait")
            .record(Duration::from_secs(2), &[("Bad-Key", "x")]);
    }
    assert_eq!(
        test.value("shop_orders_total", &[("tenant", "a")]),
        Some(2.0)
    );
    assert_eq!(test.value("shop_wait_seconds_sum", &[]), Some(4.0));
    telemetry
        .counter("shop.orders")
        .add(4, &[("tenant", "a"), ("area", "eu")]);
    telemetry
        .counter("shop.orders")
        .add(4, &[("tenant", "a"), ("area", "us")]);
    assert_eq!(
        test.value("shop_orders_total", &[("tenant", "a")]),
        Some(10.0)
    );
    assert_eq!(mismatches(&test, "shop.orders", "label"), Some(2.0));
    assert_eq!(mismatches(&test, "shop.wait", "label"), Some(2.0));
    let lines = log.lines();
    let told: Vec<_> = lines
        .iter()
        .map(|line| line["fields"]["figure"].as_str().unwrap())
        .collect();
    assert_eq!(
        told,
        ["shop.orders", "shop.wait", "shop.wait", "shop.orders"],
        "{lines:?}"
    );
}

#[test]
fn what_has_no_place_is_counted_told_once_and_never_panics() {
    let test = with_figures([
        Figure::counter("shop.orders"),
        Figure::histogram("shop.wait"),
    ]);
    let log = CapturedLog::default();
    let _installed = log.install(&test);
    let telemetry = test.telemetry();
    for _ in 0..3 {
        telemetry.gauge("shop.orders").set(1, &[]);
        telemetry.counter("Shop Orders").add(1, &[("x", "y")]);
        telemetry.counter("vantage.api.requests").add(1, &[]);
        telemetry.histogram("shop.wait").record(f64::NAN, &[]);
        telemetry.histogram("shop.wait").record(-1, &[]);
        telemetry.gauge("shop.level").set(f64::INFINITY, &[]);
    }
    assert_eq!(mismatches(&test, "shop.orders", "kind"), Some(3.0));
    assert_eq!(mismatches(&test, "Shop Orders", "name"), Some(3.0));
    assert_eq!(mismatches(&test, "vantage.api.requests", "name"), Some(3.0));
    assert_eq!(mismatches(&test, "shop.wait", "value"), Some(6.0));
    assert_eq!(mismatches(&test, "shop.level", "value"), Some(3.0));
    assert_eq!(log.lines().len(), 5, "{:?}", log.lines());
    telemetry.counter("shop.orders").add(1, &[]);
    telemetry.histogram("shop.wait").record(1, &[]);
    assert_eq!(test.value("shop_orders_total", &[]), Some(1.0));
    assert_eq!(test.value("shop_wait_sum", &[]), Some(1.0));
}

#[test]
fn names_made_of_ids_fill_neither_memory_nor_the_scrape() {
    let test = with_figures([Figure::counter("shop.orders")]);
    for id in 0..2_000 {
        test.telemetry()
            .counter(&format!("shop.order.{id}"))
            .add(1, &[]);
    }
    let text = scrape(&test);
    let figures = samples(&text)
        .into_iter()
        .filter(|sample| sample.name.starts_with("shop_order_"));
    assert_eq!(figures.count(), 199, "with the declared one at most 200");
    assert_eq!(mismatches(&test, "_OTHER", "name"), Some(1_500.0));
    test.telemetry().counter("shop.orders").add(1, &[]);
}

#[test]
fn threads_that_meet_a_new_series_bind_it_once() {
    let test = with_figures([Figure::counter("shop.orders").label("tenant", 10)]);
    let orders = test.telemetry().counter("shop.orders");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..1_000 {
                    let tenant = (number % 12).to_string();
                    orders.add(1, &[("tenant", &tenant)]);
                }
            });
        }
    });
    let series = named(&scrape(&test), "shop_orders_total");
    assert_eq!(series.len(), 11, "ten tenants and the overflow");
    assert_eq!(
        series.iter().map(|sample| sample.value).sum::<f64>(),
        4_000.0
    );
}

#[test]
fn an_exemplar_leads_from_a_figure_to_the_trace_in_which_it_was_recorded() {
    let test = with_figures([Figure::histogram("shop.wait").unit("s")]);
    let execution = test
        .telemetry()
        .scheduler()
        .start("nightly", test.clock().wall());
    let wait = test.telemetry().histogram("shop.wait");
    execution.in_scope(|| wait.record(0.3, &[]));
    execution.succeed();
    let trace = test.spans()[0].trace_id.clone();
    let text = test
        .telemetry()
        .scrape(ExpositionFormat::OpenMetrics)
        .unwrap();
    let bucket = text
        .lines()
        .find(|line| line.starts_with("shop_wait_seconds_bucket{le=\"0.5\"}"))
        .unwrap();
    assert!(bucket.contains(&trace), "{bucket}");
}

#[test]
fn objectives_name_figures_and_count_where_they_are_recorded() {
    let config = Config::new("shop-api", Role::Api)
        .figure(
            Figure::counter("shop.checkouts")
                .label_values("result", ["paid", "failed"])
                .label("tenant", 9),
        )
        .figure(
            Figure::histogram("shop.wait")
                .unit("s")
                .buckets([0.1, 10.0]),
        );
    let file = r#"{"shop": {
        "checkouts": {"metric": "shop.checkouts", "good": {"result": "paid"}, "target": 99, "window": "30d"},
        "wait": {"metric": "shop.wait", "good": {"at_most": 750, "unit": "ms"}, "target": 99, "window": "30d"}}}"#;
    let test = TestTelemetry::with_config(config.clone(), &[("shop.json", file)]).unwrap();
    let checkouts = test.telemetry().counter("shop.checkouts");
    checkouts.add(7, &[("result", "paid"), ("tenant", "a")]);
    checkouts.add(2, &[("result", "failed"), ("tenant", "b")]);
    let wait = test.telemetry().histogram("shop.wait");
    for milliseconds in [100, 750, 751] {
        wait.record(Duration::from_millis(milliseconds), &[]);
    }
    assert_eq!(events(&test, "shop.checkouts"), (7, 2));
    assert_eq!(events(&test, "shop.wait"), (2, 1));
    // The threshold is a bucket's bound, so that a panel can draw it.
    let bound = [("le", "0.75")];
    assert_eq!(test.value("shop_wait_seconds_bucket", &bound), Some(2.0));
    let slip = file.replace("\"shop.checkouts\"", "\"shop.checkout\"");
    let error = TestTelemetry::with_config(config, &[("shop.json", &slip)]).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("did you mean shop.checkouts?"), "{text}");
}

#[test]
fn a_figure_that_is_declared_after_its_first_recording_is_told_once() {
    vantage_obs::figures! {
        struct ShopFigures {
            counter orders("shop.orders", tenant: 9);
            gauge carts("shop.carts");
        }
    }
    let test = with_figures([Figure::gauge("shop.carts")]);
    let log = CapturedLog::default();
    let _installed = log.install(&test);
    test.telemetry().counter("shop.orders").add(1, &[]);
    for _ in 0..2 {
        let shop = ShopFigures::new(test.telemetry());
        shop.carts().set(1);
    }
    let message = "a figure was recorded before it was declared, and stays as it was recorded: declare it in the \
                   configuration, or before its first recording";
    assert_eq!(log.with_message(message).len(), 1, "{:?}", log.lines());
    assert_eq!(log.lines().len(), 2, "one of each kind");
}

#[test]
fn the_total_of_what_has_no_labels_left_is_no_value_and_for_several_labels_an_object() {
    let test = with_figures([
        Figure::counter("shop.visits")
            .label("area", 3)
            .daily_total(),
        Figure::counter("shop.orders")
            .label("tenant", 1)
            .label("payment", 1)
            .daily_total(),
    ]);
    let visits = test.telemetry().counter("shop.visits");
    for (area, number) in [
        ("eu", 1),
        ("(others)", 2),
        ("(others) ", 4),
        ("us", 8),
        ("jp", 16),
    ] {
        visits.add(number, &[("area", area)]);
    }
    let total = |attribute: &str| test.daily_total("shop.visits", attribute);
    assert_eq!(total("eu"), Some(1));
    assert_eq!(total("(others) "), Some(2));
    assert_eq!(total("(others)  "), Some(4));
    assert_eq!(total("(others)"), Some(24));
    let orders = test.telemetry().counter("shop.orders");
    orders.add(1, &[("tenant", "acme"), ("payment", "card")]);
    orders.add(2, &[("tenant", "other"), ("payment", "card")]);
    let overflow = r#"{"otel.metric.overflow":true}"#;
    assert_eq!(test.daily_total("shop.orders", overflow), Some(2));
}
