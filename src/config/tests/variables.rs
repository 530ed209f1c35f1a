use std::collections::BTreeSet;

use super::*;

/// Variable, text, path that it decides, value there.
fn table() -> Vec<(String, &'static str, String, Value)> {
    let mut table = Vec::new();
    let mut row = |name: &str, text, path: &str, value| {
        table.push((name.to_owned(), text, path.to_owned(), value));
    };
    row("OTEL_SDK_DISABLED", "True", "disabled", json!(true));
    let attributes = "region=eu%2Cwest, zone = a%3Db ,";
    row(
        "OTEL_RESOURCE_ATTRIBUTES",
        attributes,
        "service.attributes.region",
        json!("eu,west"),
    );
    row(
        "OTEL_RESOURCE_ATTRIBUTES",
        attributes,
        "service.attributes.zone",
        json!("a=b"),
    );
    row(
        "OTEL_RESOURCE_ATTRIBUTES",
        "service.instance.id=i",
        "service.instance_id",
        json!("i"),
    );
    let environment = "deployment.environment.name=test";
    row(
        "OTEL_RESOURCE_ATTRIBUTES",
        environment,
        "service.environment",
        json!("test"),
    );
    row("OTEL_SERVICE_NAME", "other", "service.name", json!("other"));
    row("RUST_LOG", "debug", "logs.level", json!("debug"));
    row(
        "OTEL_TRACES_EXPORTER",
        "otlp",
        "traces.enabled",
        json!(true),
    );
    row(
        "OTEL_TRACES_EXPORTER",
        "none",
        "traces.enabled",
        json!(false),
    );
    row(
        "OTEL_METRICS_EXPORTER",
        "none",
        "metrics.prometheus.enabled",
        json!(false),
    );
    row(
        "OTEL_METRICS_EXPORTER",
        "otlp",
        "metrics.prometheus.enabled",
        json!(false),
    );
    row(
        "OTEL_METRICS_EXPORTER",
        "otlp, prometheus",
        "metrics.prometheus.enabled",
        json!(true),
    );
    row(
        "OTEL_METRICS_EXPORTER",
        "otlp,prometheus",
        "metrics.otlp.enabled",
        json!(true),
    );
    row(
        "OTEL_METRICS_EXPORTER",
        "prometheus",
        "metrics.otlp.enabled",
        json!(false),
    );
    row("OTEL_LOGS_EXPORTER", "otlp", "logs.otlp", json!(true));
    row("OTEL_LOGS_EXPORTER", "none", "logs.otlp", json!(false));
    row(
        "OTEL_PROPAGATORS",
        "baggage",
        "traces.propagators",
        json!(["baggage"]),
    );
    row("OTEL_PROPAGATORS", "none", "traces.propagators", json!([]));
    row(
        "OTEL_TRACES_SAMPLER",
        "always_on",
        "traces.sampler",
        json!("always_on"),
    );
    row(
        "OTEL_TRACES_SAMPLER_ARG",
        "0.25",
        "traces.sample_ratio",
        json!(0.25),
    );
    row(
        "OTEL_BSP_MAX_QUEUE_SIZE",
        "4096",
        "traces.batch.queue_size",
        json!(4096),
    );
    row(
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        "64",
        "traces.batch.size",
        json!(64),
    );
    row(
        "OTEL_BSP_SCHEDULE_DELAY",
        "250",
        "traces.batch.delay",
        json!("250ms"),
    );
    row(
        "OTEL_BLRP_MAX_QUEUE_SIZE",
        "4096",
        "logs.batch.queue_size",
        json!(4096),
    );
    row(
        "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
        "64",
        "logs.batch.size",
        json!(64),
    );
    row(
        "OTEL_BLRP_SCHEDULE_DELAY",
        "250",
        "logs.batch.delay",
        json!("250ms"),
    );
    row(
        "OTEL_METRIC_EXPORT_INTERVAL",
        "5000",
        "metrics.otlp.interval",
        json!("5s"),
    );
    row(
        "OTEL_METRIC_EXPORT_TIMEOUT",
        "1500",
        "metrics.otlp.timeout",
        json!("1s500ms"),
    );
    row(
        "OTEL_EXPORTER_PROMETHEUS_HOST",
        "0.0.0.0",
        "http.listen",
        json!("0.0.0.0:9464"),
    );
    row(
        "OTEL_EXPORTER_PROMETHEUS_HOST",
        "localhost",
        "http.listen",
        json!("127.0.0.1:9464"),
    );
    row(
        "OTEL_EXPORTER_PROMETHEUS_PORT",
        "9000",
        "http.listen",
        json!("127.0.0.1:9000"),
    );
    row(
        "VANTAGE_OBS_ROLES",
        "worker, scheduler",
        "service.roles",
        json!(["worker", "scheduler"]),
    );
    row(
        "VANTAGE_OBS_REVISION",
        "9c1f0ab",
        "service.revision",
        json!("9c1f0ab"),
    );
    row(
        "VANTAGE_OBS_ENVIRONMENT",
        "staging",
        "service.environment",
        json!("staging"),
    );
    row(
        "VANTAGE_OBS_INSTANCE_ID",
        "pod-1",
        "service.instance_id",
        json!("pod-1"),
    );
    row(
        "VANTAGE_OBS_LISTEN",
        "[::1]:9000",
        "http.listen",
        json!("[::1]:9000"),
    );
    row(
        "VANTAGE_OBS_HTTP_HEADER_TIMEOUT",
        "5s",
        "http.header_timeout",
        json!("5s"),
    );
    row(
        "VANTAGE_OBS_HTTP_BODY_TIMEOUT",
        "1m",
        "http.body_timeout",
        json!("1m"),
    );
    row(
        "VANTAGE_OBS_HTTP_WRITE_TIMEOUT",
        "20s",
        "http.write_timeout",
        json!("20s"),
    );
    row(
        "VANTAGE_OBS_HTTP_IDLE_TIMEOUT",
        "2m",
        "http.idle_timeout",
        json!("2m"),
    );
    row(
        "VANTAGE_OBS_HTTP_MAX_CONNECTIONS",
        "64",
        "http.max_connections",
        json!(64),
    );
    row(
        "VANTAGE_OBS_HTTP_PREFIX",
        "/ops",
        "http.prefix",
        json!("/ops"),
    );
    row(
        "VANTAGE_OBS_HTTP_SHUTDOWN_TIMEOUT",
        "20s",
        "http.shutdown_timeout",
        json!("20s"),
    );
    row(
        "VANTAGE_OBS_LOG_FORMAT",
        "text",
        "logs.format",
        json!("text"),
    );
    row(
        "VANTAGE_OBS_LOG_OUTPUT",
        "stderr",
        "logs.output",
        json!("stderr"),
    );
    row(
        "VANTAGE_OBS_LOG_PANICS",
        "false",
        "logs.panics",
        json!(false),
    );
    row("VANTAGE_OBS_LOG_LEVEL", "WARN", "logs.level", json!("warn"));
    row(
        "VANTAGE_OBS_LOG_LEVEL",
        "db=debug,WARN",
        "logs.level",
        json!("warn,db=debug"),
    );
    row(
        "VANTAGE_OBS_HEALTH_DETAILS_TOKEN",
        "abc",
        "health.details_token",
        json!("***"),
    );
    row(
        "VANTAGE_OBS_STATUS_TOKEN",
        "abc",
        "status.token",
        json!("***"),
    );
    row(
        "VANTAGE_OBS_HEALTH_SHUTDOWN_DELAY",
        "5s",
        "health.shutdown_delay",
        json!("5s"),
    );
    row(
        "VANTAGE_OBS_HEARTBEAT_INTERVAL",
        "10s",
        "heartbeat.interval",
        json!("10s"),
    );
    row(
        "VANTAGE_OBS_HEARTBEAT_SINK",
        "LOCAL",
        "heartbeat.sink",
        json!("local"),
    );
    row(
        "VANTAGE_OBS_HEARTBEAT_ENDPOINT",
        "http://u:p@api:8080",
        "heartbeat.endpoint",
        json!("http://***@api:8080"),
    );
    row(
        "VANTAGE_OBS_HEARTBEAT_TOKEN",
        "abc",
        "heartbeat.token",
        json!("***"),
    );
    row(
        "VANTAGE_OBS_HEARTBEAT_OPEN",
        "true",
        "heartbeat.open",
        json!(true),
    );
    row(
        "VANTAGE_OBS_HEARTBEAT_OFFLINE_AFTER",
        "2m",
        "heartbeat.offline_after",
        json!("2m"),
    );
    row(
        "VANTAGE_OBS_SLO_DIRECTORY",
        "/",
        "slo.directory",
        json!("/"),
    );
    row(
        "VANTAGE_OBS_SLO_PROMETHEUS_URL",
        "http://u:p@prometheus:9090",
        "slo.prometheus.url",
        json!("http://***@prometheus:9090"),
    );
    row(
        "VANTAGE_OBS_SLO_PROMETHEUS_TOKEN",
        "abc",
        "slo.prometheus.token",
        json!("***"),
    );
    row(
        "VANTAGE_OBS_SLO_PROMETHEUS_HEADERS",
        "X-Scope-OrgID=shop",
        "slo.prometheus.headers.x-scope-orgid",
        json!("***"),
    );
    row(
        "VANTAGE_OBS_STORE_KIND",
        "memory",
        "store.kind",
        json!("memory"),
    );
    row("VANTAGE_OBS_STORE_PATH", "/s", "store.path", json!("/s"));
    row(
        "VANTAGE_OBS_STORE_URL",
        "postgres://u:p@h/d",
        "store.url",
        json!("***"),
    );
    row(
        "VANTAGE_OBS_STORE_POOL_SIZE",
        "9",
        "store.pool_size",
        json!(9),
    );
    row(
        "VANTAGE_OBS_DEV_ENABLED",
        "true",
        "dev.enabled",
        json!(true),
    );
    row(
        "VANTAGE_OBS_STATUS_TITLE",
        "VANTAGE AI",
        "status.title",
        json!("VANTAGE AI"),
    );
    row(
        "VANTAGE_OBS_STATUS_URL",
        "https://status.example/ops",
        "status.url",
        json!("https://status.example/ops"),
    );
    row(
        "VANTAGE_OBS_STATUS_TIME_ZONE",
        "Europe/Berlin",
        "status.time_zone",
        json!("Europe/Berlin"),
    );
    row(
        "VANTAGE_OBS_STATUS_OPEN_AFTER",
        "10s",
        "status.open_after",
        json!("10s"),
    );
    row(
        "VANTAGE_OBS_STATUS_RESOLVE_AFTER",
        "2m",
        "status.resolve_after",
        json!("2m"),
    );
    row(
        "VANTAGE_OBS_STORE_RETENTION",
        "90d",
        "store.retention",
        json!("90d"),
    );
    for (infix, path) in [
        ("", "otlp"),
        ("TRACES_", "otlp.traces"),
        ("METRICS_", "otlp.metrics"),
        ("LOGS_", "otlp.logs"),
    ] {
        let mut row = |name: &str, text, key: &str, value| {
            row(
                &format!("OTEL_EXPORTER_OTLP_{infix}{name}"),
                text,
                &format!("{path}.{key}"),
                value,
            );
        };
        row(
            "ENDPOINT",
            "http://u:p@a:4317",
            "endpoint",
            json!("http://***@a:4317"),
        );
        row(
            "PROTOCOL",
            "http/protobuf",
            "protocol",
            json!("http/protobuf"),
        );
        row(
            "HEADERS",
            "Authorization=Bearer%20x,b=c=",
            "headers.authorization",
            json!("***"),
        );
        row("TIMEOUT", "2000", "timeout", json!("2s"));
        row("COMPRESSION", "none", "compression", json!("none"));
    }
    table
}

#[test]
fn each_variable_decides_its_setting_and_is_its_source() {
    for (name, text, path, value) in table() {
        let effective = resolved(api(), [(name.as_str(), text)]);
        assert_eq!(value_at(&effective, &path), value, "{name}={text}");
        assert_eq!(
            effective.source(&path),
            ConfigSource::Environment(name.clone()),
            "{name}={text}"
        );
    }
}

#[test]
fn certificates_are_files_for_all_signals_or_for_one() {
    let certs = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/otlp/certs");
    let files = ["ca.pem", "client.pem", "client.key"].map(|name| format!("{certs}/{name}"));
    for (infix, path) in CERTIFICATES {
        let name = |end| format!("OTEL_EXPORTER_OTLP_{infix}{end}");
        let names = [
            name("CERTIFICATE"),
            name("CLIENT_CERTIFICATE"),
            name("CLIENT_KEY"),
        ];
        let variables = names.iter().zip(&files);
        let variables = variables.map(|(name, file)| (name.as_str(), file.as_str()));
        let effective = resolved(api(), variables);
        let keys = ["ca", "client_certificate", "client_key"].into_iter();
        for ((key, name), file) in keys.zip(names).zip(&files) {
            let path = format!("{path}.tls.{key}");
            assert_eq!(value_at(&effective, &path), json!(file), "{path}");
            assert_eq!(
                effective.source(&path),
                ConfigSource::Environment(name),
                "{path}"
            );
        }
    }
}

const CERTIFICATES: [(&str, &str); 4] = [
    ("", "otlp"),
    ("TRACES_", "otlp.traces"),
    ("METRICS_", "otlp.metrics"),
    ("LOGS_", "otlp.logs"),
];

#[test]
fn the_table_leaves_no_variable_out() {
    let tested: BTreeSet<_> = table().into_iter().map(|(name, ..)| name).collect();
    let missing = |name: &&str| !tested.contains(*name);
    let certificates = |name: &&str| name.ends_with("CERTIFICATE") || name.ends_with("CLIENT_KEY");
    let left: Vec<_> = super::super::variables()
        .map(|variable| variable.name)
        .collect();
    let left: Vec<_> = left
        .into_iter()
        .filter(missing)
        .filter(|name| !certificates(name))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn each_declared_path_is_a_setting() {
    let paths: BTreeSet<_> = resolved(api(), [])
        .values()
        .map(|value| value.path)
        .collect();
    for variable in super::super::variables() {
        for path in variable.paths {
            assert!(paths.contains(*path), "{}: {path}", variable.name);
        }
    }
}

#[test]
fn headers_are_percent_decoded_and_keep_their_equals_signs() {
    let text = "Authorization=Bearer%20abc,x-key=YQ==";
    let effective = resolved(api(), [("OTEL_EXPORTER_OTLP_HEADERS", text)]);
    let headers = &effective.config.otlp.headers;
    assert_eq!(headers["authorization"].expose(), Some("Bearer abc"));
    assert_eq!(headers["x-key"].expose(), Some("YQ=="));
}

#[test]
fn prometheus_host_and_port_join_and_ours_beats_both() {
    let host = ("OTEL_EXPORTER_PROMETHEUS_HOST", "0.0.0.0");
    let port = ("OTEL_EXPORTER_PROMETHEUS_PORT", "9000");
    let listen = |variables: &[(&'static str, &'static str)]| {
        value_at(&resolved(api(), variables.iter().copied()), "http.listen")
    };
    assert_eq!(listen(&[host, port]), json!("0.0.0.0:9000"));
    let ours = ("VANTAGE_OBS_LISTEN", "127.0.0.1:1");
    assert_eq!(listen(&[host, port, ours]), json!("127.0.0.1:1"));
}

#[test]
fn a_standard_variable_never_stops_a_service() {
    let file = ConfigFile::new("{}");
    let pem = file.beside("a.pem", "");
    let pem = pem.to_str().unwrap();
    let notes = file.beside("notes.txt", "buy milk");
    let notes = notes.to_str().unwrap();
    for (name, text, value) in [
        ("OTEL_RESOURCE_ATTRIBUTES", "a=%zz", r#""a=%zz""#),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=", r#""a=""#),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment=",
            r#""deployment.environment=""#,
        ),
        ("OTEL_TRACES_EXPORTER", "console", r#""console""#),
        ("OTEL_METRICS_EXPORTER", "console", r#""console""#),
        ("OTEL_LOGS_EXPORTER", "otlp,none", r#""none""#),
        ("OTEL_PROPAGATORS", "b3", r#""b3""#),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote", r#""jaeger_remote""#),
        (
            "OTEL_TRACES_SAMPLER",
            "always_on,always_off",
            r#""always_on,always_off""#,
        ),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5", "1.5"),
        ("OTEL_TRACES_SAMPLER_ARG", "NaN", "NaN"),
        ("OTEL_TRACES_SAMPLER_ARG", "many", r#""many""#),
        ("OTEL_METRIC_EXPORT_INTERVAL", "5s", r#""5s""#),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0", "0s"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "-1", r#""-1""#),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "0"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2000000", "2000000"),
        ("RUST_LOG", "error/timeout", "error/timeout"),
        ("RUST_LOG", "warning", "warning"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "-5", r#""-5""#),
        (
            "OTEL_BLRP_SCHEDULE_DELAY",
            "99999999999",
            "1157d9h46m39s999ms",
        ),
        (
            "OTEL_EXPORTER_PROMETHEUS_HOST",
            "example.org",
            r#""example.org""#,
        ),
        ("OTEL_EXPORTER_PROMETHEUS_PORT", "65536", r#""65536""#),
        ("OTEL_EXPORTER_PROMETHEUS_PORT", "0", r#""0""#),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "jaeger:4317",
            r#""jaeger:4317""#,
        ),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", r#""http/json""#),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", r#""10s""#),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", r#""zstd""#),
        (
            "OTEL_EXPORTER_OTLP_CERTIFICATE",
            "/nowhere",
            r#""/nowhere""#,
        ),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", pem, pem),
        #[cfg(feature = "tls")]
        (
            "OTEL_EXPORTER_OTLP_CERTIFICATE",
            pem,
            "no certificate in PEM form",
        ),
        #[cfg(feature = "tls")]
        (
            "OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE",
            notes,
            "no certificate in PEM form",
        ),
        ("OTEL_EXPORTER_OTLP_HEADERS", "canary", "***"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=canary%0A", "***"),
        ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "0", "0s"),
        ("OTEL_SERVICE_NAME", "a\u{7}b", r#""a\u{7}b""#),
        ("RUST_LOG", "debgu", r#""debgu""#),
        ("RUST_LOG", "a[span]=debug", r#""a[span]=debug""#),
    ] {
        let effective = resolved(api(), [(name, text)]);
        let [warning] = effective.warnings() else {
            panic!("{name}={text}: {:?}", effective.warnings())
        };
        assert!(
            warning.starts_with(&format!("{name}: ")),
            "{name}={text}: {warning}"
        );
        assert!(warning.contains(value), "{name}={text}: {warning}");
        assert!(warning.contains(" is ignored; allowed: "), "{warning}");
        assert!(!warning.contains("canary"), "{warning}");
        let unset = resolved(api(), []);
        let values = |effective: &EffectiveConfig| effective.values().collect::<Vec<_>>();
        assert_eq!(values(&effective), values(&unset), "{name}={text}");
    }
}

#[cfg(feature = "tls")]
#[test]
fn a_client_certificate_of_shared_variables_is_used_or_ignored_as_a_whole() {
    let certs = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/otlp/certs");
    let path = |name: &str| format!("{certs}/{name}");
    let pair = |certificate: &str, key: &str| {
        let variables = [
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", path(certificate)),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", path(key)),
        ];
        let variables = variables.iter();
        let variables = variables.map(|(name, value)| (*name, value.as_str()));
        let effective = resolved(api(), variables);
        let used = effective.config.otlp.tls.client_certificate.is_some();
        assert_eq!(used, effective.config.otlp.tls.client_key.is_some());
        (used, effective.warnings().len())
    };
    assert_eq!(pair("client.pem", "client.key"), (true, 0));
    // Of another certificate; no key at all; no certificate.
    assert_eq!(pair("client.pem", "server.key"), (false, 2));
    assert_eq!(pair("client.pem", "ca.pem"), (false, 2));
    assert_eq!(pair("client.key", "client.key"), (false, 2));
}

#[test]
fn the_good_items_of_a_list_are_kept() {
    for (name, text, path, value) in [
        (
            "OTEL_PROPAGATORS",
            "tracecontext,baggage,b3",
            "traces.propagators",
            json!(["tracecontext", "baggage"]),
        ),
        (
            "OTEL_PROPAGATORS",
            "xray, Baggage",
            "traces.propagators",
            json!(["baggage"]),
        ),
        (
            "OTEL_METRICS_EXPORTER",
            "otlp,console",
            "metrics.otlp.enabled",
            json!(true),
        ),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "a=1,b",
            "service.attributes.a",
            json!("1"),
        ),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "b=%zz,a=1,c=,d=2",
            "service.attributes.d",
            json!("2"),
        ),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "canary,authorization=x",
            "otlp.headers.authorization",
            json!("***"),
        ),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "a=,authorization=x",
            "otlp.headers.authorization",
            json!("***"),
        ),
        (
            "RUST_LOG",
            "warn,a[b{c=1}]=trace,d=debug",
            "logs.level",
            json!("warn,d=debug"),
        ),
    ] {
        let effective = resolved(api(), [(name, text)]);
        assert_eq!(value_at(&effective, path), value, "{name}={text}");
        assert_eq!(
            effective.source(path),
            ConfigSource::Environment(name.into())
        );
        assert!(!effective.warnings().is_empty(), "{name}={text}");
    }
}

#[test]
fn every_boolean_but_true_is_false() {
    for (text, value, warnings) in [
        ("true", true, 0),
        ("TRUE", true, 0),
        ("false", false, 0),
        ("1", false, 1),
        ("yes", false, 1),
    ] {
        let mut config = api();
        config.disabled = true;
        let effective = resolved(config, [("OTEL_SDK_DISABLED", text)]);
        assert_eq!(value_at(&effective, "disabled"), json!(value), "{text}");
        assert_eq!(
            effective.warnings().len(),
            warnings,
            "{text}: {:?}",
            effective.warnings()
        );
    }
}

#[test]
fn a_size_follows_the_other_one_where_it_is_a_default() {
    let sizes = |config: Config, variables: &[(&'static str, &'static str)]| {
        let effective = resolved(config, variables.iter().copied());
        let batch = effective.config.traces.batch.clone();
        (batch.queue_size, batch.size, effective.warnings().len())
    };
    let queue = ("OTEL_BSP_MAX_QUEUE_SIZE", "256");
    let size = ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096");
    assert_eq!(sizes(api(), &[queue]), (256, 256, 0));
    assert_eq!(sizes(api(), &[size]), (4096, 4096, 0));
    assert_eq!(sizes(api(), &[queue, size]), (256, 256, 1));
    let mut config = api();
    config.traces.batch.size = 300;
    assert_eq!(sizes(config.clone(), &[queue]), (256, 256, 1));
    config.traces.batch.queue_size = 200;
    assert_eq!(
        faults(config.resolve(&Environment::empty())),
        [
            "$.traces.batch.size (set in code): a size of 300 with a queue_size of 200; \
          allowed: a size from 1 to queue_size"
        ]
    );
}

#[test]
fn a_contradiction_names_what_the_operator_gave() {
    for (text, location) in [
        (
            r#"{"heartbeat": {"offline_after": "30s"}}"#,
            "$.heartbeat.offline_after",
        ),
        (
            r#"{"heartbeat": {"offline_after": "1d"}}"#,
            "$.heartbeat.offline_after",
        ),
        (
            r#"{"status": {"open_after": "10m"}}"#,
            "$.status.open_after",
        ),
        (
            r#"{"slo": {"burn_rate": {"critical": {"short": "2h"}}}}"#,
            "$.slo.burn_rate.critical.short",
        ),
        (
            r#"{"slo": {"burn_rate": {"warning": {"short": "5s"}}}}"#,
            "$.slo.burn_rate.warning.short",
        ),
        (
            r#"{"slo": {"sample_interval": "2m"}}"#,
            "$.slo.sample_interval",
        ),
        (
            r#"{"alerts": {"memory_usage": {"warning": 0.95}}}"#,
            "$.alerts.memory_usage.warning",
        ),
    ] {
        let file = ConfigFile::new(text);
        let faults = faults(api().file(file.path()).resolve(&Environment::empty()));
        let [fault] = faults.as_slice() else {
            panic!("{text}: {faults:?}")
        };
        assert!(
            fault.starts_with(&format!("obs.json: {location}: ")),
            "{text}: {fault}"
        );
    }
}

#[test]
fn what_rust_log_says_holds_where_ours_is_not_set() {
    let level = |variables: &[(&'static str, &'static str)]| {
        value_at(&resolved(api(), variables.iter().copied()), "logs.level")
    };
    for (text, value) in [
        ("debug", "debug"),
        ("my_service", "info,my_service=trace"),
        ("warn,info", "info"),
        ("3,a::b=5", "info,a::b=trace"),
        ("a=info,a=off", "info,a=off"),
    ] {
        assert_eq!(level(&[("RUST_LOG", text)]), json!(value), "{text}");
    }
    let ours = ("VANTAGE_OBS_LOG_LEVEL", "error");
    assert_eq!(level(&[("RUST_LOG", "debug"), ours]), json!("error"));
    let file = ConfigFile::new(r#"{"logs": {"level": "warn"}}"#);
    let effective = resolved(api().file(file.path()), [("RUST_LOG", "debug")]);
    assert_eq!(value_at(&effective, "logs.level"), json!("debug"));
}

#[test]
fn the_environment_has_a_present_and_a_former_name() {
    for text in [
        "deployment.environment=old",
        "deployment.environment.name=old",
        "deployment.environment=other,deployment.environment.name=old",
        "deployment.environment.name=old,deployment.environment=other",
    ] {
        let effective = resolved(api(), [("OTEL_RESOURCE_ATTRIBUTES", text)]);
        assert_eq!(
            value_at(&effective, "service.environment"),
            json!("old"),
            "{text}"
        );
        assert!(effective.config.service.attributes.is_empty(), "{text}");
    }
}

#[test]
fn what_kubernetes_injects_for_a_service_of_our_name_is_no_variable_of_ours() {
    let effective = resolved(
        api(),
        [
            ("VANTAGE_OBS_SERVICE_HOST", "10.0.0.1"),
            ("VANTAGE_OBS_SERVICE_PORT_HTTP", "8080"),
            ("VANTAGE_OBS_PORT", "tcp://10.0.0.1:8080"),
            ("VANTAGE_OBS_API_PORT_8080_TCP_PROTO", "tcp"),
        ],
    );
    assert!(
        effective.warnings().is_empty(),
        "{:?}",
        effective.warnings()
    );
}

#[test]
fn an_own_value_in_a_port_variable_is_warned_of_and_refuses_nothing() {
    for (name, value, is_warned_of) in [
        ("VANTAGE_OBS_PORT", "9100", true),
        ("VANTAGE_OBS_LISTEN_PORT", " 80 ", true),
        ("VANTAGE_OBS_PORT", "tcp://10.0.0.1:9100", false),
        ("VANTAGE_OBS_PORT", "", false),
        ("VANTAGE_OBS_PORT", "0.0.0.0:9100", true),
        ("VANTAGE_OBS_API_PORT", "tcp://10.0.0.1:9100", false),
        ("VANTAGE_OBS_SERVICE_PORT", "9100", false),
        ("VANTAGE_OBS_PORT_9100_TCP_PORT", "9100", false),
    ] {
        let effective = resolved(api(), [(name, value)]);
        let text =
            format!("{name} has no effect; http.listen (VANTAGE_OBS_LISTEN) sets address and port");
        let expected = if is_warned_of { vec![text] } else { vec![] };
        assert_eq!(effective.warnings(), expected, "{name}={value}");
        assert_eq!(effective.config.http.listen, None);
    }
}

#[test]
fn a_bad_value_of_our_own_is_a_fault_that_names_its_variable() {
    for (name, text, value) in [
        ("VANTAGE_OBS_ROLES", "api,robot", r#""robot""#),
        ("VANTAGE_OBS_LISTEN", "localhost", r#""localhost""#),
        ("VANTAGE_OBS_LOG_LEVEL", "loud", r#""loud""#),
        ("VANTAGE_OBS_LOG_FORMAT", "xml", r#""xml""#),
        ("VANTAGE_OBS_HEALTH_DETAILS_TOKEN", "a b", "***"),
        ("VANTAGE_OBS_HEALTH_SHUTDOWN_DELAY", "2d", "2d"),
        ("VANTAGE_OBS_SLO_DIRECTORY", "/nowhere", r#""/nowhere""#),
        (
            "VANTAGE_OBS_SLO_PROMETHEUS_URL",
            "prometheus",
            r#""prometheus""#,
        ),
        ("VANTAGE_OBS_SLO_PROMETHEUS_TOKEN", "a b", "***"),
        ("VANTAGE_OBS_LISTN", "x", "unknown variable"),
    ] {
        let error = api()
            .resolve(&Environment::from_iter([(name, text)]))
            .unwrap_err();
        let [fault] = error.faults() else {
            panic!("{name}={text}: {error}")
        };
        assert_eq!(fault.location, FaultLocation::Variable(name.into()));
        assert_eq!(fault.value, value, "{name}={text}");
        assert!(!fault.allowed.is_empty());
    }
}

#[test]
fn an_unknown_exporter_is_ignored_with_the_accepted_values() {
    let effective = resolved(api(), [("OTEL_METRICS_EXPORTER", "console")]);
    assert_eq!(
        effective.warnings(),
        ["OTEL_METRICS_EXPORTER: \"console\" is ignored; \
          allowed: a comma-separated list of otlp, prometheus, or none"]
    );
}

#[test]
fn an_unknown_variable_of_ours_is_a_fault_with_the_nearest_name() {
    let found =
        |name: &'static str| faults(api().resolve(&Environment::from_iter([(name, "canary")])));
    let said = "unknown variable; allowed: one of `vantage-obs config variables`";
    for (name, meant) in [
        ("VANTAGE_OBS_LISTN", " (did you mean VANTAGE_OBS_LISTEN?)"),
        (
            "VANTAGE_OBS_STORE_KINDS",
            " (did you mean VANTAGE_OBS_STORE_KIND?)",
        ),
        ("VANTAGE_OBS_ELSEWHERE", ""),
    ] {
        assert_eq!(found(name), [format!("{name}: {said}{meant}")]);
    }
}

#[test]
fn requests_have_as_long_to_finish_as_the_platform_waits() {
    let timeout = |config: Config, variables: &[(&'static str, &'static str)]| {
        value_at(
            &resolved(config, variables.iter().copied()),
            "http.shutdown_timeout",
        )
    };
    let kubernetes = ("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    assert_eq!(timeout(api(), &[]), json!("5s"));
    assert_eq!(timeout(api(), &[kubernetes]), json!("15s"));
    let ours = ("VANTAGE_OBS_HTTP_SHUTDOWN_TIMEOUT", "1m");
    assert_eq!(timeout(api(), &[kubernetes, ours]), json!("1m"));
    let mut config = api();
    config.http.shutdown_timeout = std::time::Duration::from_secs(2);
    assert_eq!(timeout(config, &[kubernetes]), json!("2s"));
}

#[test]
fn the_shutdown_delay_is_right_on_kubernetes_unless_it_is_set() {
    let delay = |config: Config, variables: &[(&'static str, &'static str)]| {
        value_at(
            &resolved(config, variables.iter().copied()),
            "health.shutdown_delay",
        )
    };
    let kubernetes = ("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    assert_eq!(delay(api(), &[]), json!("0s"));
    assert_eq!(delay(api(), &[kubernetes]), json!("5s"));
    let ours = ("VANTAGE_OBS_HEALTH_SHUTDOWN_DELAY", "1s");
    assert_eq!(delay(api(), &[kubernetes, ours]), json!("1s"));
    let file = ConfigFile::new(r#"{"health": {"shutdown_delay": "0s"}}"#);
    let config = api().file(file.path());
    assert_eq!(delay(config, &[kubernetes]), json!("0s"));
    let mut config = api();
    config.health.shutdown_delay = std::time::Duration::from_secs(2);
    assert_eq!(delay(config, &[kubernetes]), json!("2s"));
}
