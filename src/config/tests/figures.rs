use crate::model::figure::{Figure, FigureKind, FigureLabel};
use crate::model::units::Ratio;

use super::*;

#[test]
fn a_figure_of_a_file_is_the_one_of_the_code() {
    let file = ConfigFile::new(
        r#"{"figures": {"shop.orders": {"kind": "counter", "unit": "{order}",
            "labels": {"tenant": 200, "payment": ["card", "invoice"]},
            "panel": true, "drop_alert": 0.1, "spike_alert": 14.4, "daily_total": true},
            "shop.wait": {"kind": "histogram", "unit": "s", "buckets": [0.1, 1]}}}"#,
    );
    let of_file = resolved(api().file(file.path()), []).config.figures;
    let of_code = api()
        .figure(
            Figure::counter("shop.orders")
                .unit("{order}")
                .label("tenant", 200)
                .label_values("payment", ["card", "invoice"])
                .panel()
                .drop_alert(0.1)
                .spike_alert(14.4)
                .daily_total(),
        )
        .figure(Figure::histogram("shop.wait").unit("s").buckets([0.1, 1.0]));
    assert_eq!(of_file, resolved(of_code, []).config.figures);
}

#[test]
fn a_file_changes_single_members_of_what_the_code_declares() {
    let file = ConfigFile::new(
        r#"{"figures": {"shop.orders": {"drop_alert": null, "labels": {"tenant": 500}}}}"#,
    );
    let code = Figure::counter("shop.orders")
        .label("tenant", 200)
        .label("area", 9)
        .panel()
        .drop_alert(0.5);
    let effective = resolved(api().figure(code).file(file.path()), []);
    let orders = effective.config.figures.get("shop.orders").unwrap();
    assert_eq!(orders.kind, FigureKind::Counter);
    assert_eq!(orders.labels["tenant"], FigureLabel::AtMost(500));
    assert_eq!(orders.labels["area"], FigureLabel::AtMost(9));
    assert!(orders.panel && orders.drop_alert.is_none());
    let source = |member: &str| effective.source(&format!("figures.shop.orders.{member}"));
    assert_eq!(source("kind"), ConfigSource::Code);
    assert_eq!(source("labels.tenant"), ConfigSource::File(file.path()));
    assert_eq!(
        value_at(&effective, "figures.shop.orders.labels.tenant"),
        json!(500)
    );
    assert_eq!(
        value_at(&effective, "figures.shop.orders.drop_alert"),
        json!(null)
    );
}

#[test]
fn code_declares_a_figure_on_top_of_a_file_that_was_read_before() {
    let file = ConfigFile::new(
        r#"{"service": {"name": "shop", "roles": ["api"]},
            "figures": {"shop.orders": {"kind": "counter", "drop_alert": 0.3, "panel": true}}}"#,
    );
    let code = Figure::counter("shop.orders")
        .label("tenant", 200)
        .drop_alert(0.5);
    let read = Config::from_file(file.path()).unwrap();
    let effective = resolved(read.clone().figure(code.clone()), []);
    let expected = code.clone().drop_alert(0.3).panel();
    assert_eq!(effective.config.figures.get("shop.orders"), Some(&expected));
    // Twice in code is a fault still, and so is another kind.
    let told = faults(
        read.clone()
            .figure(code.clone())
            .figure(code)
            .resolve(&Environment::empty()),
    );
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("declared twice"), "{told:?}");
    let told = faults(
        read.figure(Figure::gauge("shop.orders"))
            .resolve(&Environment::empty()),
    );
    assert!(
        told[0].contains("allowed: gauge, as the code declares it"),
        "{told:?}"
    );
}

#[test]
fn every_fault_of_every_figure_is_told_with_its_place_and_what_is_allowed() {
    let file = ConfigFile::new(
        r#"{"figures": {
            "shop.none": {"panel": true},
            "shop.meter": {"kind": "meter"},
            "shop.slip": {"kind": "counter", "panle": true, "labels": {"tenant": "200", "x": [1]}},
            "shop.orders": {"kind": "gauge", "drop_alert": 0.5},
            "Shop": {"kind": "counter"},
            "shop.wide": {"kind": "counter", "labels": {"tenant": 5000}},
            "shop.basket": {"kind": "histogram", "drop_alert": 0.5, "labels": {"job": 5}}}}"#,
    );
    let code = api().figure(Figure::counter("shop.orders"));
    let told = faults(code.file(file.path()).resolve(&Environment::empty()));
    let label = "a limit of values such as 200, or an array of the values";
    assert_eq!(
        told,
        [
            "obs.json: $.figures.shop.meter.kind: \"meter\"; allowed: counter, gauge, histogram".into(),
            "obs.json: $.figures.shop.none.kind: nothing; allowed: counter, gauge, histogram; where code \
             declares it, by Config::figures before init"
                .into(),
            "obs.json: $.figures.shop.orders.kind: \"gauge\"; allowed: counter, as the code declares it".into(),
            format!("obs.json: $.figures.shop.slip.labels.tenant: \"200\"; allowed: {label}"),
            format!("obs.json: $.figures.shop.slip.labels.x: a number in an array; allowed: {label}"),
            "obs.json: $.figures.shop.slip.panle: unknown key; allowed: kind, unit, description, labels, \
             buckets, panel, drop_alert, spike_alert, daily_total (did you mean panel?)"
                .into(),
            "obs.json: $.figures.Shop: \"Shop\"; allowed: a name that starts with a letter of a-z".into(),
            "obs.json: $.figures.shop.basket.labels.job: \"job\"; allowed: another key: environment, \
             instance, job, le, quantile, otel.… and exported.… are taken"
                .into(),
            "obs.json: $.figures.shop.basket.drop_alert: 0.5; allowed: only of a counter".into(),
            "obs.json: $.figures.shop.wide.labels.tenant: a limit of 5000 with a \
             metrics.cardinality_limit of 2000; allowed: at most metrics.cardinality_limit"
                .into(),
        ]
    );
}

#[test]
fn a_fault_in_code_is_told_as_one_of_the_code() {
    let figure = Figure::counter("shop.orders_total").unit("order");
    let told = faults(api().figure(figure).resolve(&Environment::empty()));
    assert_eq!(
        told,
        [
            "$.figures.shop.orders_total (set in code): \"shop.orders_total\"; allowed: a name \
             without total at its end, which exporters append",
            "$.figures.shop.orders_total.unit (set in code): \"order\"; allowed: s, By, 1 of a gauge \
             that is a ratio, or a count in braces such as {order}",
        ]
    );
    let missed = Figure::counter("shop.orders").drop_alert(f64::NAN);
    assert_eq!(missed.drop_alert, Some(Ratio::ZERO));
    assert_eq!(
        faults(api().figure(missed).resolve(&Environment::empty())).len(),
        1
    );
}
