//! Variables that other programs share: a value that can't be used is told and never stops a service.

use std::fmt::{Debug, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use vantage_obs::config::Environment;
use vantage_obs::{Config, InitError, Role, Telemetry};

/// The messages of events, a line each.
#[derive(Clone, Default)]
struct Messages(Arc<Mutex<String>>);

impl<S: Subscriber> Layer<S> for Messages {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut self.clone());
    }
}

impl Visit for Messages {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            writeln!(self.0.lock().unwrap(), "{value:?}").unwrap();
        }
    }
}

/// Sets telemetry up; returns the log, too.
fn start(config: Config, variables: &[(&str, &str)]) -> (Result<Telemetry, InitError>, String) {
    let messages = Messages::default();
    let log = tracing_subscriber::registry().with(messages.clone());
    let environment = Environment::from_iter(variables.iter().copied());
    let started =
        tracing::subscriber::with_default(log, || Telemetry::without_globals(config, &environment));
    let log = messages.0.lock().unwrap().clone();
    (started, log)
}

fn is_listening(port: &str) -> bool {
    std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_ok()
}

#[test]
fn a_port_of_a_shared_variable_that_is_taken_is_told_and_ignored() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let address = format!("127.0.0.1:{port}");
    let variable = ("OTEL_EXPORTER_PROMETHEUS_PORT", port.as_str());

    let (started, log) = start(Config::new("test", Role::Worker), &[variable]);
    let telemetry = started.expect("a shared variable never stops a service");
    let told = format!("(environment OTEL_EXPORTER_PROMETHEUS_PORT): {address} is ignored");
    assert!(log.contains(&told), "{log}");
    assert!(log.contains("nothing is served by http.listen"), "{log}");
    telemetry.shutdown_blocking().unwrap();

    // Our own setting below it holds then.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = free.local_addr().unwrap();
    drop(free);
    let mut config = Config::new("test", Role::Worker);
    config.http.listen = Some(own);
    let (started, log) = start(config, &[variable]);
    let telemetry = started.expect("a shared variable never stops a service");
    assert!(log.contains(&format!("{own} is served")), "{log}");
    assert!(is_listening(&own.port().to_string()));
    telemetry.shutdown_blocking().unwrap();

    // Ours is strict.
    for variables in [
        &[("VANTAGE_OBS_LISTEN", address.as_str())][..],
        &[variable, ("VANTAGE_OBS_LISTEN", address.as_str())],
    ] {
        let (started, _) = start(Config::new("test", Role::Worker), variables);
        assert!(matches!(started, Err(InitError::Io(_))), "{started:?}");
    }
}

#[test]
fn an_address_of_a_shared_variable_that_no_interface_has_is_ignored() {
    let variables = [
        ("OTEL_EXPORTER_PROMETHEUS_HOST", "203.0.113.1"),
        ("OTEL_EXPORTER_PROMETHEUS_PORT", "9464"),
    ];
    let (started, log) = start(Config::new("test", Role::Api), &variables);
    let _telemetry = started.expect("a shared variable never stops a service");
    assert!(log.contains("203.0.113.1:9464 is ignored"), "{log}");
}

#[cfg(feature = "tls")]
#[test]
fn a_certificate_of_a_shared_variable_that_is_none_is_told_and_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("notes.txt");
    std::fs::write(&notes, "buy milk").unwrap();
    let notes = notes.to_str().unwrap();
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://localhost:4317");
    for (name, text) in [
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", notes),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem"),
        ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", notes),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", notes),
    ] {
        let config = Config::new("test", Role::Api);
        let (started, log) = start(config, &[endpoint, (name, text)]);
        let telemetry = started.expect("a shared variable never stops a service");
        assert!(log.contains(name), "{log}");
        assert!(log.contains("is ignored; allowed: "), "{log}");
        assert_eq!(telemetry.config().config.otlp.tls.ca, None);
    }
    // Ours is strict.
    let mut config = Config::new("test", Role::Api);
    config.otlp.endpoint = Some(endpoint.1.parse().unwrap());
    config.otlp.tls.ca = Some(notes.into());
    let (started, _) = start(config, &[]);
    assert!(matches!(started, Err(InitError::Export(_))), "{started:?}");
}
