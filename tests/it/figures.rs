//! The service's own figures: what is declared, what is recorded, and what a scraper sees of both.

use std::time::Duration;

use serde_json::json;
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
    let told: Vec<_> = lines
        .iter()
        .map(|line| &line["fields"])
        .filter(|fields| fields["instruments"] == "shop.orders")
        .collect();
    assert_eq!(told.len(), 1, "{lines:?}");
    assert_eq!(
        (&told[0]["label"], &told[0]["limit"]),
        (&json!("tenant"), &json!(2))
    );
}

#[test]
fn the_log_names_the_limit_that_was_reached() {
    let told = |figure: Figure, labels: &[(&str, &str)], limit: usize| {
        let mut config = Config::new("shop-api", Role::Api).figure(figure);
        config.metrics.cardinality_limit = limit;
        let test = TestTelemetry::with_config(config, &[]).unwrap();
        let log = CapturedLog::default();
        let _installed = log.install(&test);
        for label in labels {
            test.telemetry().counter("shop.orders").add(1, &[*label]);
        }
        let fields = log.lines()[0]["fields"].clone();
        (fields["label"].clone(), fields["limit"].clone())
    };
    let orders = || Figure::counter("shop.orders");
    let listed = orders().label_values("payment", ["card", "invoice"]);
    assert_eq!(
        told(listed, &[("payment", "cash")], 2_000),
        (json!("payment"), json!(2))
    );
    // That of the instrument, which has room for one more series.
    let wide = orders().label("a", 10).label("b", 10);
    let labels: Vec<_> = (0..11).map(|number| number.to_string()).collect();
    let labels: Vec<_> = labels
        .iter()
        .enumerate()
        .map(|(index, value)| (if index % 2 == 0 { "a" } else { "b" }, &**value))
        .collect();
    assert_eq!(told(wide, &labels, 10), (json!(null), json!(10)));
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
fn an_objective_counts_by_the_labels_that_were_given_also_past_their_limit() {
    let config = Config::new("shop-api", Role::Api)
        .figure(
            Figure::counter("shop.checkouts")
                .label_values("result", ["paid", "failed"])
                .label("tenant", 2),
        )
        .figure(Figure::histogram("shop.wait").unit("s").label("tenant", 2));
    let file = r#"{"shop": {
        "checkouts": {"metric": "shop.checkouts", "good": {"result": "paid"}, "target": 99, "window": "30d"},
        "late": {"metric": "shop.checkouts", "where": {"tenant": ["late", "b"]}, "good": {"result": "paid"},
                 "target": 99, "window": "30d"},
        "without": {"metric": "shop.checkouts", "where": {"result": null}, "good": {"tenant": "late"},
                    "target": 99, "window": "30d"},
        "wait": {"metric": "shop.wait", "where": {"tenant": "late"}, "good": {"at_most": 750, "unit": "ms"},
                 "target": 99, "window": "30d"}}}"#;
    let test = TestTelemetry::with_config(config, &[("shop.json", file)]).unwrap();
    let checkouts = test.telemetry().counter("shop.checkouts");
    let add = |number, tenant: &str, result: &str| {
        let labels = [("result", result), ("tenant", tenant)];
        let given = labels.iter().filter(|(_, value)| !value.is_empty());
        checkouts.add(number, &given.copied().collect::<Vec<_>>());
    };
    add(10, "a", "paid");
    add(10, "b", "paid");
    // Past the limit of tenants: the first fails in every case, another is named by an objective.
    for _ in 0..10 {
        add(10, "c", "failed");
        add(2, "late", "failed");
        add(1, "late", "paid");
    }
    add(5, "late", "");
    add(6, "d", "");
    assert_eq!(events(&test, "shop.checkouts"), (30, 131));
    assert_eq!(events(&test, "shop.late"), (20, 25));
    assert_eq!(events(&test, "shop.without"), (5, 6));
    // One series for all of them, as it was.
    let overflow = [("otel_metric_overflow", "true")];
    assert_eq!(test.value("shop_checkouts_total", &overflow), Some(141.0));
    assert_eq!(named(&scrape(&test), "shop_checkouts_total").len(), 3);
    let wait = test.telemetry().histogram("shop.wait");
    for tenant in ["a", "b", "c", "late", "late"] {
        wait.record(Duration::from_secs(1), &[("tenant", tenant)]);
    }
    wait.record(Duration::from_millis(750), &[("tenant", "late")]);
    assert_eq!(events(&test, "shop.wait"), (1, 2));
    assert_eq!(test.value("shop_wait_seconds_count", &overflow), Some(4.0));
}

const LONG: &str = "Orders that were paid. An order counts here once its payment was taken by the payment service, and not \
                    before; refunds are counted elsewhere, and so are orders that a person of the support desk has \
                    made by hand, which have no payment of their own and would otherwise be counted twice – in all.";
const MARKUP: &str = "{a|b}";
const WIDE: usize = 5_000;

vantage_obs::figures! {
    /// Figures with slips that no compiler sees.
    struct SlippedFigures {
        counter orders("shop.orders", tenant: 3).unit("{order}").description(LONG).daily_total();
        counter carts("shop.carts", tenant: 3).unit(MARKUP).drop_alert(-1.0 / 2.0).daily_total();
        counter visits("shop.visits", area: ["eu", MARKUP], page: WIDE);
        gauge open("http.server.request.duration").unit("s");
    }
}

#[test]
fn a_fault_in_one_member_of_a_late_declaration_costs_that_member_and_is_told() {
    let test = TestTelemetry::new();
    let log = CapturedLog::default();
    let _installed = log.install(&test);
    let shop = SlippedFigures::new(test.telemetry());
    let _ = SlippedFigures::new(test.telemetry());
    let told: Vec<_> = log
        .lines()
        .iter()
        .map(|line| {
            let fields = &line["fields"];
            let text = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
            (text("figure"), text("faults"))
        })
        .collect();
    let beginning: String = LONG.chars().take(80).collect();
    let expected = [
        ("shop.orders", format!("description: \"{beginning}\"…; allowed: 1 to 255 bytes of printable text")),
        (
            "shop.carts",
            "unit: \"{a|b}\"; allowed: s, By, 1 of a gauge that is a ratio, or a count in braces such as {order}; \
             drop_alert: -0.5; allowed: more than 0 and less than 1"
                .into(),
        ),
        (
            "shop.visits",
            "labels.area: \"{a|b}\"; allowed: different texts of 1 to 128 printable bytes without {}<>| and \
             backticks; labels.page: a limit of 5000 with a metrics.cardinality_limit of 2000; allowed: at most \
             metrics.cardinality_limit"
                .into(),
        ),
        (
            "http.server.request.duration",
            ": \"http.server.request.duration\"; allowed: another name: those of vantage., of the catalog and of \
             Prometheus itself are taken, suffixes included"
                .into(),
        ),
    ];
    assert_eq!(
        told,
        expected.map(|(figure, faults)| (figure.to_owned(), faults))
    );
    for tenant in ["a", "b", "c", "d"] {
        shop.orders(tenant).add(1);
        shop.carts(tenant).add(1);
    }
    // The limits hold, and so does the rest.
    for name in ["shop_orders_total", "shop_carts_total"] {
        assert_eq!(test.value(name, &[("tenant", "c")]), Some(1.0));
        assert_eq!(
            test.value(name, &[("otel_metric_overflow", "true")]),
            Some(1.0)
        );
    }
    assert_eq!(test.daily_total("shop.orders", &[("tenant", "c")]), Some(1));
    assert_eq!(test.daily_total("shop.carts", &[("tenant", "c")]), Some(1));
    let help = format!("# HELP shop_orders_total {}…\n", &LONG[..252]);
    assert!(scrape(&test).contains(&help), "{help}");
    shop.visits(MARKUP, "/").add(1);
    let labels = [("area", MARKUP), ("page", "/")];
    assert_eq!(test.value("shop_visits_total", &labels), Some(1.0));
    shop.open().set(1);
    assert_eq!(
        mismatches(&test, "http.server.request.duration", "name"),
        Some(1.0)
    );
}

vantage_obs::figures! {
    struct ShopFigures {
        /// Orders that were paid.
        ///
        /// Not part of the help text, however long it may be: refunds are counted elsewhere, and so are orders that a
        /// person of the support desk has made by hand, which have no payment of their own and would otherwise be
        /// counted twice, and those that were taken back within the hour.
        counter orders("shop.orders", tenant: 3).unit("{order}").panel().drop_alert(0.5);
    }
}

/// A service whose file changes the shop's figures; with `early` code declares them before `init`, and always after.
fn with_changes(changes: &str, early: bool) -> TestTelemetry {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!(r#"{{"figures": {changes}}}"#)).unwrap();
    let mut config = Config::new("shop-api", Role::Api).file(file.path());
    if early {
        config = config.figures(ShopFigures::declarations());
    }
    TestTelemetry::with_config(config, &[]).unwrap()
}

#[test]
fn members_that_a_file_sets_hold_and_the_others_are_the_codes_before_init_and_after() {
    for early in [true, false] {
        let changes = r#"{"shop.orders": {"kind": "counter", "description": "Paid", "labels": {"area": 2, "tenant": 2}}}"#;
        let test = with_changes(changes, early);
        let log = CapturedLog::default();
        let _installed = log.install(&test);
        let shop = ShopFigures::new(test.telemetry());
        for tenant in ["a", "b", "c"] {
            shop.orders(tenant).add(1);
        }
        let area = [("area", "eu"), ("tenant", "a")];
        test.telemetry().counter("shop.orders").add(4, &area);
        assert_eq!(
            test.value("shop_orders_total", &[("tenant", "a")]),
            Some(1.0),
            "{early}"
        );
        assert_eq!(test.value("shop_orders_total", &area), Some(4.0));
        let overflow = [("otel_metric_overflow", "true")];
        assert_eq!(
            test.value("shop_orders_total", &overflow),
            Some(1.0),
            "two tenants, as the file has it"
        );
        let text = scrape(&test);
        assert!(text.contains("# HELP shop_orders_total Paid\n"), "{text}");
        assert!(!text.contains("figure_mismatches"));
        assert_eq!(log.lines().len(), 1, "the limit alone: {:?}", log.lines());
    }
    let test = with_changes(r#"{"shop.carts": {"kind": "gauge"}}"#, false);
    ShopFigures::new(test.telemetry()).orders("a").add(1);
    assert!(scrape(&test).contains("# HELP shop_orders_total Orders that were paid\n"));
}

#[test]
fn a_file_that_has_another_kind_than_late_code_holds_and_the_log_says_so() {
    let test = with_changes(r#"{"shop.orders": {"kind": "gauge"}}"#, false);
    let log = CapturedLog::default();
    let _installed = log.install(&test);
    for _ in 0..2 {
        ShopFigures::new(test.telemetry()).orders("a").add(1);
    }
    let faults: Vec<_> = log
        .lines()
        .iter()
        .filter_map(|line| Some(line["fields"]["faults"].as_str()?.to_owned()))
        .collect();
    assert_eq!(
        faults,
        ["kind: gauge in the configuration; allowed: counter, as the code declares it"]
    );
    assert_eq!(mismatches(&test, "shop.orders", "kind"), Some(2.0));
}

#[test]
fn a_figure_that_comes_too_late_for_an_objective_is_told_with_the_remedy() {
    let file = r#"{"shop": {"orders": {"metric": "shop.orders", "good": {"tenant": "acme"}, "target": 95,
        "window": "30d"}}}"#;
    let config = || Config::new("shop-api", Role::Api);
    let error = TestTelemetry::with_config(config(), &[("shop.json", file)]).unwrap_err();
    let remedy = "a figure that code declares is known by Config::figures before init";
    assert!(error.to_string().contains(remedy), "{error}");
    // As the README has it.
    let config = config().figures(ShopFigures::declarations());
    let test = TestTelemetry::with_config(config, &[("shop.json", file)]).unwrap();
    let shop = ShopFigures::new(test.telemetry());
    shop.orders("acme").add(3);
    shop.orders("other").add(1);
    assert_eq!(events(&test, "shop.orders"), (3, 1));
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
    let message = "a figure was recorded before it was declared, and stays as it was recorded: declare it by \
                   Config::figures before init, or before its first recording";
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
    let total = |area: &str| test.daily_total("shop.visits", &[("area", area)]);
    assert_eq!(total("eu"), Some(1));
    assert_eq!(total("(others) "), Some(2));
    assert_eq!(total("(others)  "), Some(4));
    assert_eq!(total("(others)"), Some(24));
    let orders = test.telemetry().counter("shop.orders");
    orders.add(1, &[("tenant", "acme"), ("payment", "card")]);
    orders.add(2, &[("tenant", "other"), ("payment", "card")]);
    let overflow = [("otel.metric.overflow", "true")];
    assert_eq!(test.daily_total("shop.orders", &overflow), Some(2));
    let acme = [("tenant", "acme"), ("payment", "card")];
    assert_eq!(test.daily_total("shop.orders", &acme), Some(1));
    assert_eq!(test.daily_total("shop.orders", &acme[..1]), Some(1));
    assert_eq!(test.daily_total("shop.orders", &[("tenant", "else")]), None);
}

vantage_obs::figures! {
    /// Figures with the names of what the macro makes.
    struct OddFigures {
        /// Parcels that were declared.
        counter declared("odd.declared");
        /// Documents.
        gauge doc("odd.doc");
    }
}

#[test]
fn a_figure_may_have_any_name_of_a_method() {
    let test = TestTelemetry::new();
    let odd = OddFigures::new(test.telemetry());
    odd.declared().add(2);
    odd.doc().set(1);
    assert_eq!(test.value("odd_declared_total", &[]), Some(2.0));
    assert_eq!(test.value("odd_doc", &[]), Some(1.0));
}
