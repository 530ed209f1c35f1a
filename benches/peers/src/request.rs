//! One HTTP request through a layer on axum; what the layer adds to the bare route.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::Request;
use opentelemetry::trace::TracerProvider as _;
use tower::{Service, ServiceExt};
use tracing_subscriber::layer::SubscriberExt as _;
use vantage_obs::Config;
use vantage_obs::config::{Environment, Role};
use vantage_obs::middleware::HttpLayer;

use crate::{measure, measure_together, row};

const CALLS: u64 = 20_000;

const LAYERS: [&str; 9] = [
    "bare route",
    "an identity layer",
    "ours",
    "ours, trace not kept",
    "ours, trace kept",
    "ours, trace kept, nobody takes it",
    "tower-http TraceLayer, tracing-opentelemetry, kept",
    "axum-otel-metrics",
    "axum-prometheus",
];

/// `only` names one layer, for a profiler.
pub(crate) fn run(only: Option<&str>) {
    println!("-- one request through a layer");
    let registry = prometheus::Registry::new();
    if let Some(only) = only {
        let measured = measure(CALLS, request_call(router(only, &registry)));
        return row(only, measured, measured);
    }
    let mut calls = LAYERS.map(|name| request_call(router(name, &registry)));
    let measured = measure_together(CALLS, calls.each_mut().map(|call| call as &mut dyn FnMut()));
    for (name, each) in LAYERS.into_iter().zip(measured) {
        row(name, each, measured[0]);
    }
    let recorded = registry.gather();
    assert!(
        recorded
            .iter()
            .any(|family| family.name().contains("duration")),
        "axum-otel-metrics recorded into nothing: its opentelemetry is another release"
    );
}

fn router(layer: &str, registry: &prometheus::Registry) -> Router {
    let bare = Router::new().route("/posts/{id}", get(|| async { "a post" }));
    match layer {
        "an identity layer" => bare.layer(tower::layer::util::Identity::new()),
        "ours" => bare.layer(ours(|config| config.traces.enabled = false)),
        "ours, trace not kept" => bare.layer(ours(|config| config.traces.sample_ratio = 0.0)),
        "ours, trace kept" => bare.layer(ours(|config| config.traces.sample_ratio = 1.0)),
        "ours, trace kept, nobody takes it" => bare.layer(ours(|config| {
            config.traces.sample_ratio = 1.0;
            config.otlp.endpoint = Some("http://127.0.0.1:9".parse().expect("valid"));
        })),
        "tower-http TraceLayer, tracing-opentelemetry, kept" => {
            install_dropping_tracer();
            bare.layer(
                tower_http::trace::TraceLayer::new_for_http().make_span_with(
                    tower_http::trace::DefaultMakeSpan::new().level(tracing::Level::INFO),
                ),
            )
        }
        "axum-otel-metrics" => bare.layer(axum_otel_metrics(registry)),
        "axum-prometheus" => bare.layer(axum_prometheus()),
        _ => bare,
    }
}

fn ours(change: impl FnOnce(&mut Config)) -> HttpLayer {
    let mut config = Config::new("bench", Role::Api);
    change(&mut config);
    let telemetry =
        vantage_obs::Telemetry::without_globals(config, &Environment::empty()).expect("valid");
    // The last clone to go ends everything.
    std::mem::forget(telemetry.clone());
    telemetry.http_layer()
}

/// Spans that are all kept, and dropped at their end.
fn install_dropping_tracer() {
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::set_global_default(subscriber).expect("the only one");
}

fn axum_otel_metrics(registry: &prometheus::Registry) -> axum_otel_metrics::HttpMetricsLayer {
    let exporter = opentelemetry_prometheus_0_32::exporter()
        .with_registry(registry.clone())
        .build()
        .expect("valid");
    let provider = opentelemetry_sdk_0_32::metrics::SdkMeterProvider::builder()
        .with_reader(exporter)
        .build();
    // The last provider to go shuts the pipeline down.
    std::mem::forget(provider.clone());
    axum_otel_metrics::HttpMetricsLayerBuilder::new()
        .with_provider(provider)
        .build()
}

fn axum_prometheus() -> axum_prometheus::PrometheusMetricLayer<'static> {
    // It starts a task for its upkeep.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let _context = runtime.enter();
    axum_prometheus::PrometheusMetricLayer::pair().0
}

/// Asks for a post and reads the answer.
fn request_call(router: Router) -> impl FnMut() {
    // As a server does once at its start; without it axum applies the layer anew for each request.
    let mut router = router.with_state(());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    move || {
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
    }
}
