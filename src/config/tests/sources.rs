use super::*;

#[test]
fn each_layer_beats_the_one_below_and_is_named() {
    let file = ConfigFile::new(
        r#"{"service": {"team": "file"}, "otlp": {"timeout": "3s"}, "logs": {"level": "debug"}}"#,
    );
    let mut config = api().version("1.4.2").file(file.path());
    config.service.team = Some("code".into());
    config.logs.level = LogLevel::Error.into();
    let effective = resolved(config, [("VANTAGE_OBS_LOG_LEVEL", "trace")]);
    for (path, value, source) in [
        ("otlp.protocol", json!("grpc"), ConfigSource::Default),
        ("service.version", json!("1.4.2"), ConfigSource::Code),
        (
            "service.team",
            json!("file"),
            ConfigSource::File(file.path()),
        ),
        ("otlp.timeout", json!("3s"), ConfigSource::File(file.path())),
        (
            "logs.level",
            json!("trace"),
            ConfigSource::Environment("VANTAGE_OBS_LOG_LEVEL".into()),
        ),
    ] {
        assert_eq!(
            (value_at(&effective, path), effective.source(path)),
            (value, source),
            "{path}"
        );
    }
}

#[test]
fn the_smallest_file_is_enough() {
    let file = ConfigFile::new(r#"{"service":{"name":"vantage-api","roles":["api"]}}"#);
    let effective = resolved(Config::from_file(file.path()).unwrap(), []);
    assert_eq!(effective.config.service.name, "vantage-api");
    assert_eq!(effective.config.service.roles, [Role::Api]);
    assert!(effective.warnings().is_empty());
}

#[test]
fn what_resolve_prints_is_a_file_that_resolves_to_the_same() {
    let first = resolved(api(), [("OTEL_SERVICE_NAME", "x")]);
    let file = ConfigFile::new(&serde_json::to_string(&first.config).unwrap());
    // The default folder of objectives needn't exist; one that a file names must.
    let effective = Config::default().file(file.path());
    let folder = file.folder.path().to_str().unwrap();
    let second = resolved(effective, [("VANTAGE_OBS_SLO_DIRECTORY", folder)]);
    for value in first.values().filter(|value| value.path != "slo.directory") {
        assert_eq!(
            value.value,
            value_at(&second, &value.path),
            "{}",
            value.path
        );
    }
}

#[test]
fn the_environment_names_the_file_unless_the_code_does() {
    let first = ConfigFile::new(r#"{"service": {"team": "first"}}"#);
    let second = ConfigFile::new(r#"{"service": {"team": "second"}}"#);
    let path = second.path();
    let named = [("VANTAGE_OBS_CONFIG", path.to_str().unwrap())];
    let effective = resolved(api(), named);
    assert_eq!(
        effective.source("service.team"),
        ConfigSource::File(second.path())
    );
    let effective = resolved(api().file(first.path()), named);
    assert_eq!(
        effective.source("service.team"),
        ConfigSource::File(first.path())
    );
    assert!(effective.warnings()[0].starts_with("VANTAGE_OBS_CONFIG: "));
}

#[test]
fn a_field_assigned_after_from_file_does_not_beat_the_file() {
    let file = ConfigFile::new(r#"{"logs": {"format": "json", "level": "warn"}}"#);
    let mut config = Config::from_file(file.path()).unwrap();
    config.service = api().service;
    config.logs.level = LogLevel::Trace.into();
    assert_eq!(
        resolved(config, []).config.logs.level,
        LogLevel::Warn.into()
    );
}

#[test]
fn headers_are_layered_one_by_one() {
    let file = ConfigFile::new(r#"{"otlp": {"headers": {"B": "file", "C": "file"}}}"#);
    let mut config = api().file(file.path());
    for name in ["A", "B", "C"] {
        config.otlp.headers.insert(name.into(), Secret::new("code"));
    }
    let effective = resolved(config, [("OTEL_EXPORTER_OTLP_HEADERS", "c=environment")]);
    for (name, value) in [("a", "code"), ("b", "file"), ("c", "environment")] {
        assert_eq!(
            effective.config.otlp.headers[name].expose(),
            Some(value),
            "{name}"
        );
        let source = effective
            .source(&format!("otlp.headers.{name}"))
            .to_string();
        assert!(source.starts_with(value), "{name}: {source}");
    }
    assert_eq!(effective.config.otlp.headers.len(), 3);
}

#[test]
fn the_service_name_variable_beats_the_resource_attribute() {
    let both = [
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=attribute,service.version=2",
        ),
        ("OTEL_SERVICE_NAME", "variable"),
    ];
    let effective = resolved(api(), both);
    assert_eq!(effective.config.service.name, "variable");
    assert_eq!(effective.config.service.version.as_deref(), Some("2"));
    let effective = resolved(api(), [both[0]]);
    assert_eq!(effective.config.service.name, "attribute");
    let source = ConfigSource::Environment("OTEL_RESOURCE_ATTRIBUTES".into());
    assert_eq!(effective.source("service.name"), source);
}

#[test]
fn settings_of_a_signal_fall_back_to_the_general_ones() {
    let effective = resolved(
        api(),
        [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/base/"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=general,b=general"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://jaeger:4317"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "b=own"),
        ],
    );
    let otlp = &effective.config.otlp;
    let traces = otlp.signal(TelemetrySignal::Traces).unwrap();
    assert_eq!(traces.endpoint.expose(), "http://jaeger:4317");
    assert_eq!(traces.protocol, Protocol::Grpc);
    assert_eq!(traces.headers["a"].expose(), Some("general"));
    assert_eq!(traces.headers["b"].expose(), Some("own"));
    let logs = otlp.signal(TelemetrySignal::Logs).unwrap();
    assert_eq!(logs.endpoint.expose(), "http://collector:4318/base/v1/logs");
    assert_eq!(logs.headers["b"].expose(), Some("general"));
    assert!(
        OtlpConfig::default()
            .signal(TelemetrySignal::Metrics)
            .is_none()
    );
}

#[test]
fn a_likely_slip_is_a_warning() {
    for (variables, warning) in [
        (
            vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "http://jaeger:14250")],
            "4317",
        ),
        (
            vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "http://jaeger:4318")],
            "http/protobuf",
        ),
        (
            vec![
                ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://jaeger:4317"),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ],
            "otlp.logs.endpoint: http://jaeger:4317: port 4317 is usually grpc",
        ),
        (
            vec![("OTEL_EXPORTER_OTLP_ENDPOIN", "x")],
            "did you mean OTEL_EXPORTER_OTLP_ENDPOINT?",
        ),
        (
            vec![("OTEL_LOG_LEVEL", "debug")],
            "OTEL_LOG_LEVEL has no effect here",
        ),
        (
            vec![("OTEL_EXPORTER_OTLP_INSECURE", "true")],
            "OTEL_EXPORTER_OTLP_INSECURE has no effect here",
        ),
        (
            vec![("OTEL_TRACES_EXPORTER", "otlp")],
            "traces.enabled (environment OTEL_TRACES_EXPORTER): traces are not pushed",
        ),
        (
            vec![("OTEL_METRICS_EXPORTER", "otlp")],
            "metrics are not pushed",
        ),
        (vec![("OTEL_LOGS_EXPORTER", "otlp")], "logs are not pushed"),
    ] {
        let effective = resolved(api(), variables.clone());
        let warnings = effective.warnings();
        assert_eq!(warnings.len(), 1, "{variables:?}: {warnings:?}");
        assert!(warnings[0].contains(warning), "{warnings:?}");
    }
}

#[cfg(feature = "postgres")]
#[test]
fn replicas_without_a_name_of_their_own_that_share_a_store_are_warned_of() {
    let shared = [
        ("VANTAGE_OBS_STORE_KIND", "postgres"),
        ("VANTAGE_OBS_STORE_URL", "postgres://h/d"),
    ];
    let effective = resolved(api(), shared.to_vec());
    assert!(effective.warnings()[0].contains("service.instance_id is not set"));
    let mut named = api();
    named.service.instance_id = Some("a".into());
    assert!(resolved(named, shared.to_vec()).warnings().is_empty());
}

#[test]
fn a_good_configuration_has_no_warnings() {
    let effective = resolved(
        api(),
        [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://jaeger:4317"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "4096"),
            ("OTEL_SPAN_LINK_COUNT_LIMIT", "16"),
            ("OTEL_SERVICE_NAME", ""),
            ("OTEL_UNHEARD_OF", ""),
            ("VANTAGE_OBS_UNHEARD_OF", " "),
            ("PATH", "/bin"),
        ],
    );
    assert_eq!(effective.warnings(), [""; 0]);
    assert_eq!(effective.source("service.name"), ConfigSource::Code);
}

#[test]
fn a_file_that_renames_the_process_is_warned_of() {
    let file =
        ConfigFile::new(r#"{"service": {"name": "shop-api", "roles": ["api", "scheduler"]}}"#);
    let warnings = |config: Config, variables: &[(&str, &str)]| {
        let environment = Environment::from_iter(variables.iter().copied());
        let effective = config.file(file.path()).resolve(&environment).unwrap();
        effective.warnings().to_vec()
    };
    let worker = || Config::new("shop-worker", Role::Worker);
    let found = warnings(worker(), &[]);
    let path = file.path();
    let shown = path.display();
    let expected = [
        ("service.name", r#""shop-api""#, r#""shop-worker""#),
        ("service.roles", r#"["api", "scheduler"]"#, r#"["worker"]"#),
    ];
    let expected = expected.map(|(path, now, code)| {
        format!(
            "{path} (file {shown}) is {now}, and the code says {code}: the file wins; one that several processes \
             read leaves it out"
        )
    });
    assert_eq!(found, expected);
    // The same in another order is the same; what the code doesn't set, the file may.
    let scheduler = Config::new("shop-api", Role::Scheduler).role(Role::Api);
    assert_eq!(warnings(scheduler, &[]), [""; 0]);
    assert_eq!(warnings(Config::default(), &[]), [""; 0]);
    let read = Config::from_file(file.path()).unwrap();
    assert_eq!(warnings(read, &[]), [""; 0]);
    // Variables belong to one process, and say on purpose what it is.
    let own = [
        ("OTEL_SERVICE_NAME", "shop-mail"),
        ("VANTAGE_OBS_ROLES", "worker"),
    ];
    assert_eq!(warnings(worker(), &own), [""; 0]);
}
