use super::*;

const CANARY: &str = "canary-5e6f";

/// Everything that could be printed about a configuration.
fn everything_shown(config: &Config, environment: &Environment) -> String {
    match config.clone().resolve(environment) {
        Ok(effective) => {
            let json = serde_json::to_string_pretty(&effective).unwrap();
            let values: Vec<_> = effective.values().collect();
            format!("{effective:?} {json} {values:?} {config:?} {environment:?}")
        }
        Err(error) => format!("{error} {error:?} {config:?} {environment:?}"),
    }
}

fn assert_hidden(config: &Config, variables: &[(&str, String)], what: &str) {
    let environment = variables.iter().cloned().collect();
    let shown = everything_shown(config, &environment);
    assert!(!shown.contains(CANARY), "{what}: {shown}");
}

#[test]
fn a_secret_of_any_layer_is_never_shown() {
    let file = ConfigFile::new(&format!(
        r#"{{"otlp": {{"headers": {{"a": "{CANARY}", "b": {{"env": "TOKEN"}}}},
            "endpoint": "http://u:{CANARY}@host:4317"}}}}"#
    ));
    let mut config = api().file(file.path());
    config.otlp.headers.insert("c".into(), Secret::new(CANARY));
    config.otlp.logs.endpoint = Some(format!("http://u:{CANARY}@host:4317").parse().unwrap());
    let headers = format!("d={CANARY}");
    let variables = [
        ("TOKEN", CANARY.to_owned()),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", headers),
    ];
    assert_hidden(&config, &variables, "good");
    let environment = variables.into_iter().collect();
    let otlp = config.resolve(&environment).unwrap().config.otlp;
    let traces = otlp.signal(TelemetrySignal::Traces).unwrap().headers;
    assert!(
        ["a", "b", "c", "d"]
            .iter()
            .all(|name| traces[*name].expose() == Some(CANARY))
    );
}

#[test]
fn a_fault_in_a_file_never_shows_a_secret() {
    for otlp in [
        format!(r#"{{"headers": "a={CANARY}"}}"#),
        format!(r#"{{"headers": ["{CANARY}"]}}"#),
        format!(r#"{{"headers": {{"a": ["{CANARY}"]}}}}"#),
        format!(r#"{{"headers": {{"a": "{CANARY}\n"}}}}"#),
        format!(r#"{{"headers": {{"a": {{"value": "{CANARY}"}}}}}}"#),
        format!(r#"{{"headers": {{"Authorization: {CANARY}": "x"}}}}"#),
        format!(r#"{{"headers": {{"a": "{CANARY}", "a": "{CANARY}"}}}}"#),
        format!(r#"{{"header": {{"a": "{CANARY}"}}}}"#),
        format!(r#"{{"endpoint": "ftp://u:{CANARY}@host"}}"#),
        format!(r#"{{"endpoint": "u:{CANARY}@host:4317"}}"#),
        format!(r#"{{"endpoint": "http://u:{CANARY}@host:99999"}}"#),
        format!(r#"{{"endpoint": "http://host:4317?key={CANARY}"}}"#),
        format!(r#"{{"endpoint": {{"url": "http://{CANARY}@host"}}}}"#),
        format!(r#"{{"headers": {{"a": "{CANARY}" "b"}}}}"#),
    ] {
        let file = ConfigFile::new(&format!(r#"{{"otlp": {otlp}}}"#));
        let config = api().file(file.path());
        assert!(
            config.clone().resolve(&Environment::empty()).is_err(),
            "{otlp}"
        );
        assert_hidden(&config, &[], &otlp);
    }
}

#[test]
fn a_fault_or_warning_of_a_variable_never_shows_a_secret() {
    for (name, text) in [
        ("OTEL_EXPORTER_OTLP_HEADERS", CANARY.to_owned()),
        ("OTEL_EXPORTER_OTLP_HEADERS", format!("Bearer {CANARY}==")),
        ("OTEL_EXPORTER_OTLP_HEADERS", format!("a={CANARY}%zz")),
        ("OTEL_EXPORTER_OTLP_HEADERS", format!("a={CANARY}%0A")),
        ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", format!("={CANARY}")),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("http://u:{CANARY}@host:0"),
        ),
        ("VANTAGE_OBS_TOKEN", CANARY.to_owned()),
    ] {
        let environment = Environment::from_iter([(name, text.as_str())]);
        let told = match api().resolve(&environment) {
            Ok(effective) => !effective.warnings().is_empty(),
            Err(_) => true,
        };
        assert!(told, "{name}={text}");
        assert_hidden(&api(), &[(name, text.clone())], &text);
    }
}

#[test]
fn a_reference_that_leads_nowhere_is_a_fault() {
    let file = ConfigFile::new(
        r#"{"otlp": {"headers": {"a": {"env": "TOKEN"}, "b": {"file": "/nowhere"}}}}"#,
    );
    assert_eq!(
        faults(api().file(file.path()).resolve(&Environment::empty())),
        [
            "obs.json: $.otlp.headers.a: {\"env\":\"TOKEN\"}; \
             allowed: an environment variable that is set and not empty",
            "obs.json: $.otlp.headers.b: {\"file\":\"/nowhere\"} (entity not found); \
             allowed: a readable text file",
        ]
    );
}

#[test]
fn the_token_of_the_details_is_followed_and_never_shown() {
    let file = ConfigFile::new("{}");
    let token = file.beside("token", &format!("{CANARY}\n"));
    let text = json!({"health": {"details_token": {"file": token}}}).to_string();
    let file = ConfigFile::new(&text);
    let config = api().file(file.path());
    let effective = config.clone().resolve(&Environment::empty()).unwrap();
    let token = effective.config.health.details_token.clone().unwrap();
    assert_eq!(token.expose(), Some(CANARY));
    assert_hidden(&config, &[], "a good token");
    let broken = [(
        "VANTAGE_OBS_HEALTH_DETAILS_TOKEN",
        format!("{CANARY} \u{e9}"),
    )];
    assert_hidden(&config, &broken, "a token that no header can hold");
    let file = ConfigFile::new(r#"{"health": {"details_token": {"file": "/nowhere"}}}"#);
    let rejection = faults(api().file(file.path()).resolve(&Environment::empty()));
    assert_eq!(
        rejection,
        [
            "obs.json: $.health.details_token: {\"file\":\"/nowhere\"} (entity not found); \
          allowed: a readable text file"
        ]
    );
}
