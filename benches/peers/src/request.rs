//! One HTTP request through a layer on axum; what the layer adds to the bare route.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::Request;
use tower::{Service, ServiceExt};
use vantage_obs::Config;
use vantage_obs::config::{Environment, Role};

use crate::{measure, row};

const CALLS: u64 = 20_000;

pub(crate) fn run() {
    println!("-- one request through a layer");
    let bare = || Router::new().route("/posts/{id}", get(|| async { "a post" }));
    let floor = time(bare());
    row("bare route", floor, floor);
    row(
        "an identity layer",
        time(bare().layer(tower::layer::util::Identity::new())),
        floor,
    );
    let telemetry =
        vantage_obs::Telemetry::local(Config::new("bench", Role::Api), &Environment::empty())
            .expect("valid");
    row("ours", time(bare().layer(telemetry.http_layer())), floor);
    let exporter = opentelemetry_prometheus::exporter()
        .with_registry(prometheus::Registry::new())
        .build()
        .expect("valid");
    let provider = opentelemetry_sdk::metrics::SdkMeterProvider::builder()
        .with_reader(exporter)
        .build();
    opentelemetry::global::set_meter_provider(provider);
    let layer = axum_otel_metrics::HttpMetricsLayerBuilder::new().build();
    row("axum-otel-metrics", time(bare().layer(layer)), floor);
    // It starts a task for its upkeep.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let context = runtime.enter();
    let (layer, _handle) = axum_prometheus::PrometheusMetricLayer::pair();
    drop(context);
    row("axum-prometheus", time(bare().layer(layer)), floor);
}

fn time(mut router: Router) -> (f64, f64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    measure(CALLS, || {
        runtime.block_on(async {
            let request = Request::get("/posts/7").body(Body::empty()).expect("valid");
            let mut service = router.as_service::<Body>();
            let response = service
                .ready()
                .await
                .expect("infallible")
                .call(request)
                .await
                .expect("infallible");
            std::hint::black_box(
                axum::body::to_bytes(response.into_body(), 1_000)
                    .await
                    .expect("a body"),
            );
        });
    })
}
