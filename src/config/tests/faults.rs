use super::*;

/// Each test: a file with one fault, and the start of the one line that tells it.
macro_rules! one_fault {
    ($($name:ident: $file:expr => $line:expr;)+) => { $(
        #[test]
        fn $name() {
            let file = ConfigFile::new($file);
            let faults = faults(api().file(file.path()).resolve(&Environment::empty()));
            assert_eq!(faults.len(), 1, "{faults:#?}");
            assert!(faults[0].starts_with($line), "{faults:#?}");
        }
    )+ };
}

one_fault! {
    an_unknown_key_is_answered_with_the_nearest: r#"{"otlp": {"endpont": "x"}}"# =>
        "obs.json: $.otlp.endpont: unknown key; allowed: endpoint, protocol, headers, timeout, \
         shutdown_timeout, compression, tls, traces, metrics, logs (did you mean endpoint?)";
    an_unknown_section_is_a_fault: r#"{"herald": {}}"# =>
        "obs.json: $.herald: unknown key; allowed: disabled, service, http,";
    a_key_that_stands_twice_is_a_fault: r#"{"logs": {"level": "info", "level": "warn"}}"# =>
        "obs.json: $.logs.level: the key appears twice; allowed: each key once";
    a_syntax_error_has_line_and_column: "{\n  \"logs\": {,}\n}" =>
        "obs.json: $: key must be a string at line 2 column 12; allowed: JSON";
    a_file_that_is_no_object_is_a_fault: "[]" => "obs.json: $: an array; allowed: an object";
    a_section_of_the_wrong_type_is_a_fault: r#"{"otlp": "http://jaeger:4317"}"# =>
        "obs.json: $.otlp: a string; allowed: an object";
    a_list_of_the_wrong_type_is_a_fault: r#"{"service": {"roles": "api"}}"# =>
        "obs.json: $.service.roles: a string; allowed: an array";
    a_switch_of_the_wrong_type_is_a_fault: r#"{"traces": {"enabled": "yes"}}"# =>
        "obs.json: $.traces.enabled: \"yes\"; allowed: true or false";
    a_null_where_a_value_must_be_is_a_fault: r#"{"otlp": {"timeout": null}}"# =>
        "obs.json: $.otlp.timeout: null; allowed: a duration such as";
    an_alert_that_is_none_is_a_fault: r#"{"alerts": {"api_error_rate": {"warning": 0.02}}}"# =>
        "obs.json: $.alerts.api_error_rate: unknown key; allowed: api_error_ratio, api_latency,";
    a_level_that_is_none_is_a_fault: r#"{"alerts": {"api_latency": {"page": "1s"}}}"# =>
        "obs.json: $.alerts.api_latency.page: unknown key; allowed: warning, high, critical";
    a_share_in_percent_is_a_fault: r#"{"alerts": {"api_error_ratio": {"critical": 10}}}"# =>
        "obs.json: $.alerts.api_error_ratio.critical: 1000%; allowed: more than 0 and less than 1";
    a_time_without_a_unit_is_a_fault: r#"{"alerts": {"api_latency": {"high": 2}}}"# =>
        "obs.json: $.alerts.api_latency.high: 2; allowed: a duration such as";
    a_depth_of_none_is_a_fault: r#"{"alerts": {"queue_depth": {"warning": 0}}}"# =>
        "obs.json: $.alerts.queue_depth.warning: 0; allowed: 1 to 1000000000";
    levels_in_the_wrong_order_are_a_fault: r#"{"alerts": {"api_error_ratio": {"warning": 0.06}}}"# =>
        "obs.json: $.alerts.api_error_ratio.warning: high 5% with warning 6%; allowed: high above warning";
    a_lower_limit_that_is_more_urgent_is_a_fault: r#"{"alerts": {"disk_free": {"warning": 0.05}}}"# =>
        "obs.json: $.alerts.disk_free.warning: critical 10% with warning 5%; allowed: critical below warning";
    a_band_without_what_is_usual_is_a_fault: r#"{"alerts": {"revenue": {"warning": [1.5, 2]}}}"# =>
        "obs.json: $.alerts.revenue.warning: 150% to 200%; allowed: one number from 0 to below 1";
    a_band_of_one_is_a_fault: r#"{"alerts": {"revenue": {"warning": 0.5}}}"# =>
        "obs.json: $.alerts.revenue.warning: a number; allowed: two numbers such as [0.5, 2]";
    a_grafana_without_a_scheme_is_a_fault: r#"{"links": {"grafana": "grafana:3000"}}"# =>
        "obs.json: $.links.grafana: \"grafana:3000\"; allowed: http:// or https://, a host,";
    runbooks_with_a_query_are_a_fault: r#"{"links": {"runbooks": "https://wiki?page="}}"# =>
        "obs.json: $.links.runbooks: \"https://wiki?page=\"; allowed: a URL or a path,";
    a_ratio_of_a_route_above_1_is_a_fault: r#"{"traces": {"routes": {"/posts/{id}": 2}}}"# =>
        "obs.json: $.traces.routes./posts/{id}: 2; allowed: a number from 0 to 1";
    a_queue_without_places_is_a_fault: r#"{"logs": {"batch": {"queue_size": 0, "size": 1}}}"# =>
        "obs.json: $.logs.batch.queue_size: 0; allowed: 1 to 1000000";
    a_development_page_in_production_is_a_fault:
        r#"{"service": {"environment": "production"}, "dev": {"enabled": true}}"# =>
        "obs.json: $.dev.enabled: a development page in the environment \"production\"; allowed: dev.enabled outside";
    production_has_two_names: r#"{"service": {"environment": "Prod"}, "dev": {"enabled": true}}"# =>
        "obs.json: $.dev.enabled: a development page in the environment \"Prod\"";
    a_batch_larger_than_its_queue_is_a_fault: r#"{"traces": {"batch": {"size": 4096, "queue_size": 2048}}}"# =>
        "obs.json: $.traces.batch.size: a size of 4096 with a queue_size of 2048; allowed: a size from";
    a_shutdown_without_time_is_a_fault: r#"{"otlp": {"shutdown_timeout": "0s"}}"# =>
        "obs.json: $.otlp.shutdown_timeout: 0s; allowed: more than 0s and at most 1d";
    a_store_without_its_file_is_a_fault: r#"{"store": {"kind": "file"}}"# =>
        "obs.json: $.store.path: null; allowed: a path, for the kind file";
    a_store_without_its_database_is_a_fault: r#"{"store": {"kind": "postgres"}}"# =>
        "obs.json: $.store.url: null; allowed: a URL such as postgres://";
    a_parameter_of_another_client_is_a_fault:
        r#"{"store": {"kind": "postgres", "url": "postgres://u:canary@h/x?schema=public"}}"# =>
        "obs.json: $.store.url: a URL that has the parameter schema; allowed: no schema: the tables are";
    a_channel_that_can_not_be_bound_is_a_fault:
        r#"{"store": {"kind": "postgres", "url": "postgres://u@h/x?channel_binding=require"}}"# =>
        "obs.json: $.store.url: a URL that has the parameter channel_binding=require; allowed: sslmode=verify-full";
    a_certificate_of_a_database_that_is_not_there_is_a_fault:
        r#"{"store": {"kind": "postgres", "url": "postgres://u@h/x?sslmode=verify-ca&sslrootcert=/not/there"}}"# =>
        "obs.json: $.store.url: a URL that names \"/not/there\"; allowed: existing files";
    a_kind_of_store_that_is_none_is_a_fault: r#"{"store": {"kind": "redis"}}"# =>
        "obs.json: $.store.kind: \"redis\"; allowed: memory, file, postgres";
    a_pool_of_none_is_a_fault: r#"{"store": {"pool_size": 0}}"# =>
        "obs.json: $.store.pool_size: 0; allowed: 1 to 100";
    a_retention_of_minutes_is_a_fault: r#"{"store": {"retention": "59m"}}"# =>
        "obs.json: $.store.retention: 59m; allowed: 1h to 3650d";
    a_time_zone_that_is_none_is_a_fault: r#"{"status": {"time_zone": "Europe/Atlantis"}}"# =>
        "obs.json: $.status.time_zone: \"Europe/Atlantis\"; allowed: the name of a time zone";
    a_status_url_with_a_password_is_a_fault: r#"{"status": {"url": "https://u:secret@status.example"}}"# =>
        "obs.json: $.status.url: \"https://***@status.example\"; allowed: http:// or https://, a host";
    a_component_of_nothing_is_a_fault: r#"{"status": {"components": [{"key": "mail"}]}}"# =>
        "obs.json: $.status.components: \"mail\" without a source for its state; allowed: at";
    a_component_with_a_slip_is_a_fault:
        r#"{"status": {"components": [{"key": "mail", "check": ["smtp"]}]}}"# =>
        "obs.json: $.status.components[0]: unknown key \"check\", allowed: key, name, description, \
         hidden, checks, workers, schedulers, objectives (did you mean checks?); allowed: {\"key\"";
    a_component_that_stands_twice_is_a_fault:
        r#"{"status": {"components": [{"key": "api"}, {"key": "api"}]}}"# =>
        "obs.json: $.status.components: \"api\" twice; allowed: each key once";
    resolving_before_opening_is_a_fault: r#"{"status": {"resolve_after": "30s"}}"# =>
        "obs.json: $.status.resolve_after: a resolve_after of 30s with an open_after of 1m; allowed: a";
    a_jitter_above_1_is_a_fault: r#"{"health": {"jitter": 1.5}}"# =>
        "obs.json: $.health.jitter: 1.5; allowed: 0 to 1";
    failing_after_no_run_is_a_fault: r#"{"health": {"fail_after": 0}}"# =>
        "obs.json: $.health.fail_after: 0; allowed: 1 to 100";
    unknown_health_details_are_a_fault: r#"{"health": {"details": "open"}}"# =>
        "obs.json: $.health.details: \"open\"; allowed: token, open-codes";
    a_token_that_no_header_can_hold_is_a_fault: r#"{"health": {"details_token": "a b"}}"# =>
        "obs.json: $.health.details_token: ***; allowed: letters, digits and -._~+/=";
    an_interval_longer_than_half_of_offline_after_is_a_fault:
        r#"{"heartbeat": {"interval": "3m"}}"# =>
        "obs.json: $.heartbeat.interval: an interval of 3m with an offline_after of 5m; \
         allowed: an interval from 100ms to half of offline_after";
    an_expiry_before_offline_is_a_fault: r#"{"heartbeat": {"expire_after": "4m"}}"# =>
        "obs.json: $.heartbeat.expire_after: an expire_after of 4m with an offline_after of 5m; \
         allowed: an expire_after of more than offline_after, at most 31d";
    an_http_sink_without_an_endpoint_is_a_fault: r#"{"heartbeat": {"sink": "http"}}"# =>
        "obs.json: $.heartbeat.sink: http; allowed: local, or http with heartbeat.endpoint";
    an_expected_worker_with_a_space_is_a_fault: r#"{"heartbeat": {"expected": ["a b"]}}"# =>
        "obs.json: $.heartbeat.expected: \"a b\"; allowed: 1 to 128 characters without white space and control characters, and neither . nor ..";
    a_forget_after_that_is_no_longer_than_offline_after_is_a_fault:
        r#"{"heartbeat": {"offline_after": "2m", "forget_after": "2m"}}"# =>
        "obs.json: $.heartbeat.forget_after: a forget_after of 2m with an offline_after of 2m; \
         allowed: a forget_after of more than offline_after, at most 31d";
    a_heartbeat_token_that_no_header_can_hold_is_a_fault: r#"{"heartbeat": {"token": "a b"}}"# =>
        "obs.json: $.heartbeat.token: ***; allowed: letters, digits and -._~+/=";
    an_empty_service_name_is_a_fault: r#"{"service": {"name": ""}}"# =>
        "obs.json: $.service.name: \"\"; allowed: 1 to 255 bytes of printable text";
    a_service_name_with_a_line_end_is_a_fault: r#"{"service": {"name": "a\nb"}}"# =>
        "obs.json: $.service.name: \"a\\nb\"; allowed: 1 to 255 bytes of printable text";
    an_overlong_service_name_is_a_fault:
        &format!(r#"{{"service": {{"name": "{}"}}}}"#, "x".repeat(256)) =>
        "obs.json: $.service.name: a text of 256 bytes; allowed: 1 to 255 bytes";
    an_empty_version_is_a_fault: r#"{"service": {"version": " "}}"# =>
        "obs.json: $.service.version: \" \"; allowed: 1 to 255 bytes";
    an_empty_list_of_roles_is_a_fault: r#"{"service": {"roles": []}}"# =>
        "obs.json: $.service.roles: []; allowed: at least one of api, worker, scheduler, web";
    an_unknown_role_is_a_fault: r#"{"service": {"roles": ["api", "robot"]}}"# =>
        "obs.json: $.service.roles[1]: \"robot\"; allowed: api, worker, scheduler, web";
    an_attribute_with_a_field_of_its_own_is_a_fault:
        r#"{"service": {"attributes": {"service.name": "x"}}}"# =>
        "obs.json: $.service.attributes.service.name: \"service.name\"; \
         allowed: any other name; this one is set by service.name";
    a_listen_port_above_65535_is_a_fault: r#"{"http": {"listen": "0.0.0.0:65536"}}"# =>
        "obs.json: $.http.listen: \"0.0.0.0:65536\"; allowed: an IP address and a port from 1";
    a_listen_port_of_0_is_a_fault: r#"{"http": {"listen": "0.0.0.0:0"}}"# =>
        "obs.json: $.http.listen: \"0.0.0.0:0\"; allowed: an IP address and a port from 1";
    a_header_timeout_of_0_is_a_fault: r#"{"http": {"header_timeout": "0s"}}"# =>
        "obs.json: $.http.header_timeout: 0s; allowed: 100ms to 1h";
    a_write_timeout_of_a_day_is_a_fault: r#"{"http": {"write_timeout": "1d"}}"# =>
        "obs.json: $.http.write_timeout: 1d; allowed: 100ms to 1h";
    no_connections_are_a_fault: r#"{"http": {"max_connections": 0}}"# =>
        "obs.json: $.http.max_connections: 0; allowed: 1 to 65536";
    a_prefix_without_a_slash_is_a_fault: r#"{"http": {"prefix": "ops"}}"# =>
        "obs.json: $.http.prefix: \"ops\"; allowed: \"\" or a path such as \"/ops\"";
    a_prefix_that_a_router_reads_is_a_fault: r#"{"http": {"prefix": "/{tenant}"}}"# =>
        "obs.json: $.http.prefix: \"/{tenant}\"; allowed: \"\" or a path such as \"/ops\"";
    a_prefix_that_leads_elsewhere_is_a_fault: r#"{"http": {"prefix": "//evil/.."}}"# =>
        "obs.json: $.http.prefix: \"//evil/..\"; allowed: \"\" or a path such as \"/ops\"";
    a_shutdown_of_requests_without_time_is_a_fault: r#"{"http": {"shutdown_timeout": "0s"}}"# =>
        "obs.json: $.http.shutdown_timeout: 0s; allowed: more than 0s and at most 1d";
    an_endpoint_without_a_scheme_is_a_fault: r#"{"otlp": {"endpoint": "jaeger:4317"}}"# =>
        "obs.json: $.otlp.endpoint: \"jaeger:4317\"; allowed: http:// or https://, a host and";
    an_endpoint_with_another_scheme_is_a_fault: r#"{"otlp": {"endpoint": "grpc://a:4317"}}"# =>
        "obs.json: $.otlp.endpoint: \"grpc://a:4317\"; allowed: http:// or https://";
    an_endpoint_port_above_65535_is_a_fault: r#"{"otlp": {"endpoint": "http://a:65536"}}"# =>
        "obs.json: $.otlp.endpoint: \"http://a:65536\"; allowed: http:// or https://";
    an_endpoint_port_of_0_is_a_fault: r#"{"otlp": {"logs": {"endpoint": "http://a:0"}}}"# =>
        "obs.json: $.otlp.logs.endpoint: \"http://a:0\"; allowed: http:// or https://";
    a_duration_without_a_unit_is_a_fault: r#"{"otlp": {"timeout": "10"}}"# =>
        "obs.json: $.otlp.timeout: \"10\" (10 has no unit: add w, d, h, m, s, ms, us or ns); \
         allowed: a duration such as \"500ms\", \"30s\" or \"1h30m\"";
    a_duration_that_is_a_number_is_a_fault: r#"{"otlp": {"timeout": 10}}"# =>
        "obs.json: $.otlp.timeout: 10; allowed: a duration such as";
    a_timeout_of_nothing_is_a_fault: r#"{"otlp": {"timeout": "0s"}}"# =>
        "obs.json: $.otlp.timeout: 0s; allowed: more than 0s and at most 1d";
    an_interval_of_nothing_is_a_fault: r#"{"metrics": {"otlp": {"interval": "0ms"}}}"# =>
        "obs.json: $.metrics.otlp.interval: 0s; allowed: more than 0s";
    a_scrape_interval_of_a_week_is_a_fault:
        r#"{"metrics": {"prometheus": {"scrape_interval": "1w"}}}"# =>
        "obs.json: $.metrics.prometheus.scrape_interval: 7d; allowed: more than 0s and at most 1d";
    an_unknown_protocol_is_a_fault: r#"{"otlp": {"protocol": "http/json"}}"# =>
        "obs.json: $.otlp.protocol: \"http/json\"; allowed: grpc, http/protobuf";
    an_unknown_compression_is_a_fault: r#"{"otlp": {"compression": "zstd"}}"# =>
        "obs.json: $.otlp.compression: \"zstd\"; allowed: gzip, none";
    a_header_name_with_a_space_is_a_fault: r#"{"otlp": {"headers": {"a b": "x"}}}"# =>
        "obs.json: $.otlp.headers: a malformed header name (not shown); allowed: header names";
    a_header_value_with_a_line_end_is_a_fault: r#"{"otlp": {"headers": {"a": "x\ny"}}}"# =>
        "obs.json: $.otlp.headers.a: ***; allowed: visible ASCII text that is not empty";
    a_header_value_of_the_wrong_type_is_a_fault: r#"{"otlp": {"headers": {"a": 1}}}"# =>
        "obs.json: $.otlp.headers.a: a number; allowed: text, {\"env\":\"NAME\"} or";
    a_missing_authority_file_is_a_fault: r#"{"otlp": {"tls": {"ca": "/nowhere.pem"}}}"# =>
        "obs.json: $.otlp.tls.ca: \"/nowhere.pem\"; allowed: an existing file";
    a_ratio_above_1_is_a_fault: r#"{"traces": {"sample_ratio": 1.5}}"# =>
        "obs.json: $.traces.sample_ratio: 1.5; allowed: a number from 0 to 1";
    a_ratio_below_0_is_a_fault: r#"{"traces": {"sample_ratio": -0.1}}"# =>
        "obs.json: $.traces.sample_ratio: -0.1; allowed: a number from 0 to 1";
    an_unknown_sampler_is_a_fault: r#"{"traces": {"sampler": "xray"}}"# =>
        "obs.json: $.traces.sampler: \"xray\"; allowed: always_on, always_off, traceidratio,";
    an_unknown_propagator_is_a_fault: r#"{"traces": {"propagators": ["b3"]}}"# =>
        "obs.json: $.traces.propagators[0]: \"b3\"; allowed: tracecontext, baggage";
    a_metrics_path_without_a_slash_is_a_fault: r#"{"metrics": {"prometheus": {"path": "m"}}}"# =>
        "obs.json: $.metrics.prometheus.path: \"m\"; allowed: a path such as \"/metrics\"";
    a_metrics_path_with_a_capture_is_a_fault:
        r#"{"metrics": {"prometheus": {"path": "/{m}"}}}"# =>
        "obs.json: $.metrics.prometheus.path: \"/{m}\"; allowed: a path such as";
    a_metrics_path_that_is_taken_is_a_fault:
        r#"{"metrics": {"prometheus": {"path": "/api/v1/health"}}}"# =>
        "obs.json: $.metrics.prometheus.path: \"/api/v1/health\"; allowed: a path such as";
    a_scrape_path_of_a_page_as_json_is_a_fault:
        r#"{"metrics": {"prometheus": {"path": "/status.json"}}}"# =>
        "obs.json: $.metrics.prometheus.path: \"/status.json\"; allowed: a path such as";
    a_scrape_path_of_statuspage_is_a_fault:
        r#"{"metrics": {"prometheus": {"path": "/api/v2/summary.json/"}}}"# =>
        "obs.json: $.metrics.prometheus.path: \"/api/v2/summary.json/\"; allowed: a path such as";
    a_cardinality_limit_of_0_is_a_fault: r#"{"metrics": {"cardinality_limit": 0}}"# =>
        "obs.json: $.metrics.cardinality_limit: 0; allowed: 1 to 100000";
    a_negative_cardinality_limit_is_a_fault: r#"{"metrics": {"cardinality_limit": -1}}"# =>
        "obs.json: $.metrics.cardinality_limit: -1; allowed: a whole number";
    a_relative_disk_is_a_fault: r#"{"metrics": {"disks": ["/", "data"]}}"# =>
        "obs.json: $.metrics.disks: \"data\"; allowed: absolute paths";
    an_unknown_level_is_a_fault: r#"{"logs": {"level": "loud"}}"# =>
        "obs.json: $.logs.level: \"loud\"; allowed: off, error, warn, info, debug, trace";
    every_bad_directive_is_named: r#"{"logs": {"level": "info,db=loud,x"}}"# =>
        "obs.json: $.logs.level: \"db=loud\" (no level), \"x\"; allowed: off, error, warn";
    an_unknown_log_format_is_a_fault: r#"{"logs": {"format": "xml"}}"# =>
        "obs.json: $.logs.format: \"xml\"; allowed: json, text";
    a_missing_slo_folder_is_a_fault: r#"{"slo": {"directory": "/nowhere"}}"# =>
        "obs.json: $.slo.directory: \"/nowhere\"; allowed: an existing folder";
    a_sample_interval_above_the_shortest_burn_window_is_a_fault:
        r#"{"slo": {"sample_interval": "6m", "slice": "10m"}}"# =>
        "obs.json: $.slo.sample_interval: a sample_interval of 6m with a shortest burn window of 5m; \
         allowed: a sample_interval of at most the shortest burn window";
    a_slice_below_the_sample_interval_is_a_fault: r#"{"slo": {"slice": "5s"}}"# =>
        "obs.json: $.slo.slice: a slice of 5s with a sample_interval of 10s; allowed: a slice of at least";
    a_factor_of_0_is_a_fault: r#"{"slo": {"burn_rate": {"critical": {"factor": 0}}}}"# =>
        "obs.json: $.slo.burn_rate.critical.factor: 0; allowed: more than 0 and at most 10000";
    a_factor_that_is_text_is_a_fault: r#"{"slo": {"burn_rate": {"warning": {"factor": []}}}}"# =>
        "obs.json: $.slo.burn_rate.warning.factor: an array; allowed: a number";
    a_long_window_that_is_the_shorter_one_is_a_fault:
        r#"{"slo": {"burn_rate": {"critical": {"long": "1m"}}}}"# =>
        "obs.json: $.slo.burn_rate.critical.long: a long of 1m with a short of 5m; allowed: a long";
    a_minimum_of_no_bad_events_is_a_fault:
        r#"{"slo": {"burn_rate": {"min_bad": {"occurrences": 0}}}}"# =>
        "obs.json: $.slo.burn_rate.min_bad.occurrences: 0; allowed: 1 to 1000000";
    windows_beside_the_workbooks_policy_are_a_fault:
        r#"{"slo": {"policy": "sre-workbook", "burn_rate": {"warning": {"factor": 3}}}}"# =>
        "obs.json: $.slo.burn_rate.warning.factor: 3; allowed: only with slo.policy burn-rate";
    an_unknown_slo_policy_is_a_fault: r#"{"slo": {"policy": "sre"}}"# =>
        "obs.json: $.slo.policy: \"sre\"; allowed: burn-rate, sre-workbook";
    every_fault_of_a_maintenance_is_named:
        r#"{"slo": {"maintenance": [{"from": "now", "reason": "", "why": 1}]}}"# =>
        "obs.json: $.slo.maintenance[0]: from \"now\", no to, reason \"\", unknown key \"why\"; allowed";
    a_maintenance_that_ends_before_it_begins_is_a_fault:
        r#"{"slo": {"maintenance": [{"from": "2026-12-01T02:00:00Z", "to": "2026-12-01T02:00:00Z",
            "reason": "x"}]}}"# =>
        "obs.json: $.slo.maintenance[0]: from 2026-12-01T02:00:00Z to 2026-12-01T02:00:00Z; allowed";
}

#[test]
fn a_slo_folder_that_is_a_file_is_a_fault() {
    let mut config = api();
    config.slo.directory = "Cargo.toml".into();
    assert_eq!(
        faults(config.resolve(&Environment::empty())),
        ["$.slo.directory (set in code): \"Cargo.toml\"; allowed: an existing folder"]
    );
}

#[test]
fn a_client_certificate_without_its_key_is_a_fault_and_the_reverse() {
    let file = ConfigFile::new("{}");
    let pem = file.beside("a.pem", "");
    let mut certificate = api();
    certificate.otlp.tls.client_certificate = Some(pem.clone());
    let mut key = api();
    key.otlp.traces.tls.client_key = Some(pem);
    for (config, missing) in [
        (certificate, "its client_key"),
        (key, "its client_certificate"),
    ] {
        let faults = faults(config.resolve(&Environment::empty()));
        assert!(
            faults.len() == 1 && faults[0].contains(missing),
            "{faults:?}"
        );
    }
}

#[test]
fn a_file_that_is_not_there_is_a_fault() {
    let error = Config::from_file("/nowhere/obs.json").unwrap_err();
    let [fault] = error.faults() else {
        panic!("{error}")
    };
    assert!(
        fault
            .to_string()
            .starts_with("/nowhere/obs.json: $: can't be read ("),
        "{fault}"
    );
    let named = Environment::from_iter([("VANTAGE_OBS_CONFIG", "/nowhere/obs.json")]);
    assert_eq!(faults(api().resolve(&named)).len(), 1);
}

#[test]
fn a_service_without_name_and_roles_has_both_faults() {
    let faults = faults(Config::default().resolve(&Environment::empty()));
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(
        faults[0].starts_with("$.service.name (not set): "),
        "{faults:?}"
    );
    assert!(
        faults[1].starts_with("$.service.roles (not set): "),
        "{faults:?}"
    );
}

#[test]
fn an_invalid_value_is_not_reported_as_missing_too() {
    let empty = Environment::empty();
    for text in [
        "{",
        r#"{"service": "vantage-api"}"#,
        r#"{"service": {"name": 5, "roles": ["api"]}}"#,
        r#"{"service": {"name": "vantage-api", "roles": ["robot"]}}"#,
    ] {
        let file = ConfigFile::new(text);
        let faults = faults(Config::default().file(file.path()).resolve(&empty));
        assert_eq!(faults.len(), 1, "{faults:?}");
    }
    let roles =
        Environment::from_iter([("OTEL_SERVICE_NAME", "x"), ("VANTAGE_OBS_ROLES", "robot")]);
    assert_eq!(faults(Config::default().resolve(&roles)).len(), 1);
}

#[test]
fn every_bad_item_of_a_list_is_a_fault() {
    let file = ConfigFile::new(r#"{"service": {"roles": ["robot", "api", "cook"]}}"#);
    let faults = faults(
        Config::default()
            .file(file.path())
            .resolve(&Environment::from_iter([("OTEL_SERVICE_NAME", "x")])),
    );
    assert_eq!(faults.len(), 2, "{faults:?}");
}

#[test]
fn a_ratio_that_is_no_number_is_a_fault() {
    let mut config = api();
    config.traces.sample_ratio = f64::NAN;
    let faults = faults(config.resolve(&Environment::empty()));
    assert_eq!(
        faults,
        ["$.traces.sample_ratio (set in code): NaN; allowed: a number from 0 to 1"]
    );
}

#[test]
fn all_faults_of_all_layers_come_at_once() {
    let file = ConfigFile::new(
        r#"{"servce": {}, "otlp": {"timeout": "10", "endpoint": "jaeger"},
            "metrics": {"cardinality_limit": 0}}"#,
    );
    let mut config = Config::new("", Role::Api).file(file.path());
    config.traces.sample_ratio = 2.0;
    let environment = Environment::from_iter([
        ("VANTAGE_OBS_LOG_LEVEL", "soon"),
        ("VANTAGE_OBS_HEALTH_SHUTDOWN_DELAY", "2d"),
    ]);
    let error = config.resolve(&environment).unwrap_err();
    let text = error.to_string();
    for place in [
        "the configuration has 8 faults",
        "$.servce: unknown key",
        "$.otlp.timeout: ",
        "$.otlp.endpoint: ",
        "$.metrics.cardinality_limit: 0",
        "$.service.name: \"\"",
        "$.traces.sample_ratio (set in code): 2",
        "VANTAGE_OBS_LOG_LEVEL: \"soon\"",
        "VANTAGE_OBS_HEALTH_SHUTDOWN_DELAY: 2d",
    ] {
        assert!(text.contains(place), "{place}: {text}");
    }
    assert_eq!(text.lines().count(), 9);
}

#[test]
fn what_a_file_leaves_to_the_environment_is_no_fault_of_the_file() {
    let file = ConfigFile::new(r#"{"logs": {"level": "warn"}}"#);
    let config = Config::from_file(file.path()).unwrap();
    let environment = Environment::from_iter([
        ("OTEL_SERVICE_NAME", "vantage-worker"),
        ("VANTAGE_OBS_ROLES", "worker"),
    ]);
    assert_eq!(
        config.resolve(&environment).unwrap().config.service.roles,
        [Role::Worker]
    );
}

#[test]
fn from_file_lists_the_faults_of_ranges_as_well() {
    let file = ConfigFile::new(r#"{"traces": {"sample_ratio": 7}, "otlp": {"protocl": "grpc"}}"#);
    assert_eq!(
        Config::from_file(file.path()).unwrap_err().faults().len(),
        2
    );
}

#[test]
fn code_may_ask_for_any_free_port() {
    let mut config = api();
    config.http.listen = Some("127.0.0.1:0".parse().unwrap());
    assert!(config.resolve(&Environment::empty()).is_ok());
}

#[test]
fn a_message_lists_twenty_faults_of_any_number_and_none_at_length() {
    let long = "a".repeat(100_000);
    let keys = (0..50_000).map(|key| format!(r#""key{key}": 1"#));
    let keys: Vec<_> = std::iter::once(format!(r#""{long}": 1"#))
        .chain(keys)
        .collect();
    let file = ConfigFile::new(&format!("{{{}}}", keys.join(", ")));
    let error = Config::from_file(file.path()).unwrap_err();
    assert_eq!(error.faults().len(), 50_001);
    let text = error.to_string();
    assert!(text.starts_with("the configuration has 50001 faults\n"));
    assert!(text.ends_with("\n  and 49981 more"));
    assert_eq!(text.lines().count(), 22);
    assert!(text.lines().all(|line| line.chars().count() <= 1_003));
}

#[test]
fn a_development_page_is_allowed_outside_of_production() {
    for file in [
        r#"{"dev": {"enabled": true}}"#,
        r#"{"service": {"environment": "production-like"}, "dev": {"enabled": true}}"#,
        r#"{"service": {"environment": "production"}, "dev": {"enabled": false}}"#,
    ] {
        let file = ConfigFile::new(file);
        let effective = api().file(file.path()).resolve(&Environment::empty());
        assert_eq!(effective.unwrap().warnings(), &[] as &[String]);
    }
}
