//! Daily totals in a real PostgreSQL: over replicas, restarts and kills.

use std::time::Duration;

use vantage_obs::config::{Environment, Secret, StoreKind};
use vantage_obs::figure::Figure;
use vantage_obs::instruments::{Currency, Engagement};
use vantage_obs::{Config, Role, Telemetry};

use super::postgres::server::{create_database, open_session};
use crate::processes::child::{ChildProcess, ChildRole, eventually};

const EUR: Currency = Currency::new("EUR").unwrap();
const JPY: Currency = Currency::new("JPY").unwrap();

/// What a day has of a figure, as dashboards read it.
async fn totals(url: &str, metric: &str) -> Vec<(String, i64)> {
    let asked = "SELECT attribute, sum(value)::bigint FROM vantage_obs.daily_totals
                 WHERE figure = $1 GROUP BY attribute ORDER BY attribute";
    // Nothing is there before the first service has made it.
    let rows = open_session(url).await.query(asked, &[&metric]).await;
    let rows = rows.unwrap_or_default();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn config(url: &str, instance: &str) -> Config {
    let mut config = Config::new("shop", Role::Api);
    config.service.instance_id = Some(instance.into());
    config.store.kind = StoreKind::Postgres;
    config.store.url = Some(Secret::new(url));
    config
}

fn service(url: &str, instance: &str) -> Telemetry {
    Telemetry::without_globals(config(url, instance), &Environment::empty()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs .ci/backends"]
async fn replicas_and_restarts_add_up_to_the_last_event_before_an_orderly_end() {
    let url = create_database().await;
    for (instance, organizations) in [("a", 40), ("b", 44), ("a", 41)] {
        let telemetry = service(&url, instance);
        let business = telemetry.business();
        business.record_active_organizations(organizations);
        business.record_posts_published(3);
        business.record_ai_generation("caption");
        business.record_revenue(EUR, 1_999);
        business.record_revenue(JPY, 500);
        business.record_refund(EUR, 100);
        business.record_engagement(Engagement::Like);
        let plenty = Duration::from_secs(60);
        telemetry.shutdown_within(plenty).await.unwrap();
    }
    let named = |name: &str, value| vec![(name.to_owned(), value)];
    assert_eq!(totals(&url, "posts_published").await, named("", 9));
    assert_eq!(totals(&url, "ai_generations").await, named("caption", 3));
    let revenue = [("EUR".to_owned(), 3 * 1_999), ("JPY".to_owned(), 1_500)];
    assert_eq!(totals(&url, "revenue").await, revenue);
    assert_eq!(totals(&url, "refunds").await, named("EUR", 300));
    assert_eq!(totals(&url, "engagement").await, named("like", 3));
    let days = open_session(&url).await;
    let most =
        "SELECT max(value) FROM vantage_obs.daily_totals WHERE figure = 'active_organizations'";
    let most: i64 = days.query_one(most, &[]).await.unwrap().get(0);
    assert_eq!(most, 44, "the largest, and not the sum");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs .ci/backends"]
async fn figures_of_the_services_own_add_up_by_all_their_labels_and_gauges_keep_the_largest() {
    let url = create_database().await;
    for (instance, carts) in [("a", 7.4), ("b", 5.0)] {
        let mut config = config(&url, instance);
        config.figures.extend([
            Figure::counter("shop.orders")
                .label("tenant", 9)
                .label("payment", 9)
                .daily_total(),
            Figure::counter("shop.visits")
                .label("area", 1)
                .daily_total(),
            Figure::gauge("shop.carts").label("area", 9).daily_total(),
            Figure::counter("shop.clicks"),
        ]);
        let telemetry = Telemetry::without_globals(config, &Environment::empty()).unwrap();
        let orders = telemetry.counter("shop.orders");
        orders.add(2, &[("tenant", "a\"c"), ("payment", "card")]);
        orders.add(3, &[("tenant", "a\"c")]);
        let visits = telemetry.counter("shop.visits");
        visits.add(1, &[("area", "eu")]);
        visits.add(4, &[("area", "us")]);
        telemetry.gauge("shop.carts").set(carts, &[("area", "eu")]);
        telemetry.gauge("shop.carts").set(1, &[("area", "eu")]);
        telemetry.counter("shop.clicks").add(1, &[]);
        let plenty = Duration::from_secs(60);
        telemetry.shutdown_within(plenty).await.unwrap();
    }
    let named = |name: &str, value| (name.to_owned(), value);
    let orders = [
        named(r#"{"payment":"card","tenant":"a\"c"}"#, 4),
        named(r#"{"tenant":"a\"c"}"#, 6),
    ];
    assert_eq!(totals(&url, "shop.orders").await, orders);
    assert_eq!(
        totals(&url, "shop.visits").await,
        [named("(others)", 8), named("eu", 2)]
    );
    assert_eq!(
        totals(&url, "shop.carts").await,
        [named("eu", 7)],
        "the largest, not the sum"
    );
    assert_eq!(totals(&url, "shop.clicks").await, []);
    let by_tenant = "SELECT sum(value)::bigint FROM vantage_obs.daily_totals
                     WHERE figure = 'shop.orders' AND attribute::json->>'tenant' = 'a\"c'";
    let of_tenant = open_session(&url)
        .await
        .query_one(by_tenant, &[])
        .await
        .unwrap();
    assert_eq!(of_tenant.get::<_, i64>(0), 10);
}

/// What a process says that it has published.
fn published(child: &ChildProcess) -> i64 {
    let (_, text) = child.get("/metrics");
    let line = text.lines().find_map(|line| {
        let value = line.strip_prefix("vantage_business_posts_published_total")?;
        value.rsplit_once(' ')?.1.parse::<f64>().ok()
    });
    line.map_or(0, |value| value as i64)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs .ci/backends"]
async fn a_kill_costs_at_most_the_last_second() {
    let url = create_database().await;
    let (mut old, mut all) = (0, 0);
    for _ in 0..3 {
        let mut child = ChildProcess::start(
            ChildRole::Worker,
            &[
                ("VANTAGE_TEST_WORKER", "w"),
                ("VANTAGE_OBS_STORE_KIND", "postgres"),
                ("VANTAGE_OBS_STORE_URL", &url),
            ],
        );
        eventually("it publishes", || published(&child) > 50);
        old += published(&child);
        std::thread::sleep(Duration::from_secs(1));
        all += published(&child) + 5;
        child.kill();
    }
    let total = totals(&url, "posts_published").await[0].1;
    assert!(
        total >= old,
        "{total} are booked, and {old} are older than a second"
    );
    assert!(
        total <= all,
        "{total} are booked, and there were about {all}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs .ci/backends"]
async fn what_is_counted_while_the_database_is_away_is_stored_when_it_is_back() {
    let server = super::postgres::server::TestPostgres::start();
    let telemetry = service(&server.url(), "a");
    telemetry.business().record_posts_published(1);
    super::wait_for("it is booked", async || {
        (totals(&server.url(), "posts_published").await == [(String::new(), 1)]).then_some(())
    })
    .await;
    server.down();
    telemetry.business().record_posts_published(20);
    tokio::time::sleep(Duration::from_secs(2)).await;
    telemetry.business().record_posts_published(300);
    server.up();
    super::wait_for("the rest is too", async || {
        (totals(&server.url(), "posts_published").await == [(String::new(), 321)]).then_some(())
    })
    .await;
    telemetry.shutdown().await.unwrap();
}
