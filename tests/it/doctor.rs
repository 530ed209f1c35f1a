//! `vantage-obs doctor`: every way in which a receiver can be wrong, and the fix that is named.

mod proxy;
mod servers;
#[cfg(feature = "tls")]
mod tls;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use vantage_obs::config::{Config, Environment, Protocol, Role, TelemetrySignal};
use vantage_obs::doctor::{
    Diagnosis, DiagnosisStep, StepVerdict, TIME_LIMIT, diagnose, diagnose_config,
};

use crate::otlp::PROTOCOLS;
use crate::otlp::broken_receiver::BrokenReceiver;
use crate::otlp::receiver::{Behaviour, Receiver};

const CANARY: &str = "canary-9f3a";
const HTTP2_SETTINGS_FRAME: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// The variables of a service that pushes everything to this endpoint.
fn variables(endpoint: &str, protocol: Protocol) -> Vec<(&'static str, String)> {
    vec![
        ("OTEL_SERVICE_NAME", "posts".into()),
        ("VANTAGE_OBS_ROLES", "api".into()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.into()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.to_string()),
        ("OTEL_METRICS_EXPORTER", "otlp,prometheus".into()),
        ("OTEL_LOGS_EXPORTER", "otlp".into()),
    ]
}

fn diagnose_variables(variables: &[(&str, String)]) -> Diagnosis {
    let variables = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()));
    diagnose(None, &Environment::from_iter(variables))
}

fn diagnose_endpoint(endpoint: &str, protocol: Protocol) -> Diagnosis {
    diagnose_variables(&variables(endpoint, protocol))
}

/// The step of this name about the receiver.
fn receiver_step(diagnosis: &Diagnosis, name: &str) -> DiagnosisStep {
    let receiver = diagnosis.parts.last().expect("there are parts");
    let found = receiver.steps.iter().find(|step| step.name == name);
    found
        .unwrap_or_else(|| panic!("{name}: {diagnosis:#?}"))
        .clone()
}

/// The only failure is this step's; its fix contains these words.
fn assert_only_failure(diagnosis: &Diagnosis, name: &str, words: &[&str]) {
    let failures: Vec<_> = diagnosis.failures().collect();
    assert_eq!(failures.len(), 1, "{diagnosis:#?}");
    let step = failures[0].1;
    assert_eq!(step.name, name, "{step:?}");
    let fix = step.fix.as_deref().expect("a failure has a fix");
    for word in words {
        assert!(fix.contains(word), "{word:?} is not in {fix:?}");
    }
}

/// Answers every request with these bytes, and closes.
fn serve_answers(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer_one(stream, &answer);
        }
    });
    address
}

/// Answers one connection. The request is read to its end first: a close over unread bytes would be a reset.
fn answer_one(mut stream: TcpStream, answer: &impl Fn(&[u8]) -> Vec<u8>) {
    let mut request = [0; 4096];
    let Ok(read) = stream.read(&mut request) else {
        return;
    };
    if stream.write_all(&answer(&request[..read])).is_ok() {
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
        while stream.read(&mut request).is_ok_and(|read| read > 0) {}
    }
}

/// Speaks HTTP/1.1 only, with this status line and these headers.
fn serve_http1(head: &'static str) -> SocketAddr {
    serve_answers(move |request| {
        if request.starts_with(b"POST ") {
            format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into()
        } else {
            b"HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Length: 0\r\n\r\n".to_vec()
        }
    })
}

#[test]
fn a_receiver_that_accepts_everything_passes_and_gets_one_of_each() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Accept);
        let diagnosis = diagnose_endpoint(&receiver.endpoint(), protocol);
        assert_eq!(diagnosis.failures().count(), 0, "{diagnosis:#?}");
        for signal in TelemetrySignal::ALL {
            assert_eq!(receiver.count(signal), 1, "{protocol}: {signal}");
        }
        let arrivals = receiver.arrivals();
        // The question for the protocol is a request without anything in it.
        let sent = arrivals.iter().find(|arrival| arrival.message.items() > 0);
        let resource = sent.unwrap().message.resource();
        assert_eq!(resource["service.name"], "posts");
        assert!(resource["service.instance.id"].starts_with("vantage-obs-doctor:"));
        assert_eq!(receiver.spans()[0].name, "vantage-obs doctor");
        for name in ["name", "tcp", "protocol", "auth", "span", "metric", "log"] {
            assert_eq!(
                receiver_step(&diagnosis, name).verdict,
                StepVerdict::Ok,
                "{name}"
            );
        }
    }
}

#[test]
fn signals_that_are_not_pushed_are_not_sent() {
    let receiver = Receiver::start(Behaviour::Accept);
    let mut variables = variables(&receiver.endpoint(), Protocol::Grpc);
    variables.truncate(4);
    let diagnosis = diagnose_variables(&variables);
    assert_eq!(diagnosis.failures().count(), 0, "{diagnosis:#?}");
    for (name, verdict) in [
        ("span", StepVerdict::Ok),
        ("metric", StepVerdict::Skipped),
        ("log", StepVerdict::Skipped),
    ] {
        assert_eq!(receiver_step(&diagnosis, name).verdict, verdict, "{name}");
    }
    assert_eq!(receiver.arrivals().len(), 1);

    variables.push(("OTEL_SDK_DISABLED", "true".into()));
    let diagnosis = diagnose_variables(&variables);
    assert_eq!(
        receiver_step(&diagnosis, "span").verdict,
        StepVerdict::Skipped
    );
    assert_eq!(receiver.arrivals().len(), 1);
    let (_, warning) = diagnosis.steps(StepVerdict::Warn).next().unwrap();
    assert!(
        warning
            .fix
            .as_deref()
            .unwrap()
            .contains("OTEL_SDK_DISABLED=false")
    );
}

#[test]
fn signals_of_one_receiver_share_a_part_and_other_receivers_have_their_own() {
    let (one, other) = (
        Receiver::start(Behaviour::Accept),
        Receiver::start(Behaviour::Accept),
    );
    let mut variables = variables(&one.endpoint(), Protocol::HttpProtobuf);
    let logs = format!("{}/v1/logs", other.endpoint());
    variables.push(("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", logs));
    let diagnosis = diagnose_variables(&variables);
    let subjects: Vec<_> = diagnosis.parts.iter().map(|part| &part.subject).collect();
    assert_eq!(subjects.len(), 3, "{subjects:?}");
    assert!(
        subjects[1].ends_with("http/protobuf (traces, metrics)"),
        "{subjects:?}"
    );
    assert!(
        subjects[2].ends_with("http/protobuf (logs)"),
        "{subjects:?}"
    );
    assert_eq!(diagnosis.failures().count(), 0, "{diagnosis:#?}");
    assert_eq!(other.count(TelemetrySignal::Logs), 1);
}

#[test]
fn a_receiver_that_is_not_there_differs_from_one_that_cannot_be_reached() {
    let refuses = diagnose_endpoint(&BrokenReceiver::refuses().endpoint(), Protocol::Grpc);
    assert_only_failure(&refuses, "tcp", &["start the receiver", "otlp.endpoint"]);
    assert!(receiver_step(&refuses, "tcp").finding.contains("refuses"));
    assert_eq!(
        receiver_step(&refuses, "span").verdict,
        StepVerdict::Skipped
    );

    let broken = BrokenReceiver::never_connects();
    let dropped = diagnose_endpoint(&broken.endpoint(), Protocol::Grpc);
    assert_only_failure(&dropped, "tcp", &["firewalls"]);
    assert!(
        receiver_step(&dropped, "tcp")
            .finding
            .contains("doesn't answer")
    );
}

#[test]
fn an_unknown_name_is_the_first_failure() {
    let diagnosis = diagnose_endpoint("http://collector.invalid:4317", Protocol::Grpc);
    assert_only_failure(&diagnosis, "name", &["set otlp.endpoint to a host"]);
    assert!(
        receiver_step(&diagnosis, "name")
            .finding
            .contains("collector.invalid")
    );
    assert_eq!(
        receiver_step(&diagnosis, "tcp").verdict,
        StepVerdict::Skipped
    );
}

#[test]
fn grpc_at_a_port_that_speaks_http_gets_the_protocol_as_fix() {
    let address = serve_http1("200 OK");
    let diagnosis = diagnose_endpoint(&format!("http://{address}"), Protocol::Grpc);
    assert_only_failure(
        &diagnosis,
        "protocol",
        &["OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"],
    );
}

#[test]
fn http_at_a_port_that_speaks_grpc_gets_the_protocol_as_fix() {
    let address = serve_answers(|request| {
        let preface = request.starts_with(b"PRI ");
        if preface {
            HTTP2_SETTINGS_FRAME.to_vec()
        } else {
            Vec::new()
        }
    });
    let diagnosis = diagnose_endpoint(&format!("http://{address}"), Protocol::HttpProtobuf);
    assert_only_failure(
        &diagnosis,
        "protocol",
        &["OTEL_EXPORTER_OTLP_PROTOCOL=grpc"],
    );
}

#[test]
fn a_setting_of_the_file_is_fixed_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("obs.json");
    let address = serve_http1("200 OK");
    let text = format!(
        r#"{{"service": {{"name": "posts", "roles": ["api"]}},
            "otlp": {{"endpoint": "http://{address}", "protocol": "grpc"}}}}"#
    );
    std::fs::write(&file, text).unwrap();
    let diagnosis = diagnose(Some(&file), &Environment::empty());
    assert_only_failure(
        &diagnosis,
        "protocol",
        &[r#"set otlp.protocol to "http/protobuf""#],
    );
}

#[test]
fn a_port_that_speaks_something_else_is_no_receiver() {
    for protocol in PROTOCOLS {
        let address = serve_answers(|_| b"220 mail.example.org ESMTP ready\r\n".to_vec());
        let diagnosis = diagnose_endpoint(&format!("http://{address}"), protocol);
        assert_only_failure(
            &diagnosis,
            "protocol",
            &["set otlp.endpoint to an OTLP receiver's port"],
        );
    }
}

#[test]
fn a_plain_endpoint_at_an_encrypted_port_gets_https_as_fix() {
    for (protocol, answer) in [
        (Protocol::Grpc, &[21, 3, 1, 0, 2, 2, 70][..]),
        (
            Protocol::HttpProtobuf,
            &b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"[..],
        ),
    ] {
        let address = serve_answers(|_| answer.to_vec());
        let diagnosis = diagnose_endpoint(&format!("http://{address}"), protocol);
        let fix = format!("OTEL_EXPORTER_OTLP_ENDPOINT=https://{address}");
        assert_only_failure(&diagnosis, "protocol", &[&fix]);
    }
}

#[test]
fn a_web_page_is_not_taken_for_a_success() {
    let address = serve_http1("200 OK\r\nContent-Type: text/html; charset=utf-8");
    let diagnosis = diagnose_endpoint(&format!("http://{address}"), Protocol::HttpProtobuf);
    assert_only_failure(&diagnosis, "protocol", &[":4318"]);
    assert!(
        receiver_step(&diagnosis, "protocol")
            .finding
            .contains("web page")
    );
}

#[test]
fn a_silent_receiver_ends_by_the_time_limit() {
    for protocol in PROTOCOLS {
        let broken = BrokenReceiver::silent();
        let started = Instant::now();
        let diagnosis = diagnose_endpoint(&broken.endpoint(), protocol);
        assert_only_failure(&diagnosis, "protocol", &["otlp.endpoint"]);
        assert!(started.elapsed() < TIME_LIMIT, "{:?}", started.elapsed());
    }
}

#[test]
fn missing_credentials_are_named_and_present_ones_are_never_shown() {
    let address = serve_http1("401 Unauthorized");
    let mut variables = variables(&format!("http://{address}"), Protocol::HttpProtobuf);
    let missing = diagnose_variables(&variables);
    assert_only_failure(
        &missing,
        "auth",
        &["OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20TOKEN"],
    );
    assert!(
        receiver_step(&missing, "auth")
            .finding
            .contains("no headers are sent")
    );

    let headers = format!("authorization={CANARY},x-tenant={CANARY}");
    variables.push(("OTEL_EXPORTER_OTLP_HEADERS", headers));
    let wrong = diagnose_variables(&variables);
    assert_only_failure(&wrong, "auth", &["no scheme such as Bearer"]);
    assert!(
        receiver_step(&wrong, "auth")
            .finding
            .contains("sent: authorization, x-tenant")
    );
    assert!(!format!("{wrong:?}").contains(CANARY));
}

#[test]
fn a_receiver_that_repeats_the_credentials_is_masked() {
    let address = serve_answers(|request| {
        let (status, body) = if request.starts_with(b"POST ") {
            ("403 Forbidden", format!("no such token: {CANARY}"))
        } else {
            ("400 Bad Request", String::new())
        };
        let length = body.len();
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}").into()
    });
    for (name, endpoint) in [
        ("OTEL_EXPORTER_OTLP_HEADERS", format!("http://{address}")),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            format!("http://me:{CANARY}@{address}"),
        ),
    ] {
        let mut variables = variables(&endpoint, Protocol::HttpProtobuf);
        let pair = match name {
            "OTEL_EXPORTER_OTLP_HEADERS" => format!("authorization=Bearer%20{CANARY}"),
            _ => "team=posts".into(),
        };
        variables.push((name, pair));
        let diagnosis = diagnose_variables(&variables);
        let auth = receiver_step(&diagnosis, "auth");
        assert!(auth.finding.contains("no such token: ***"), "{auth:?}");
        assert!(!format!("{diagnosis:?}").contains(CANARY));
    }
}

#[test]
fn a_duplicate_or_missing_path_gets_the_right_url_as_fix() {
    let address = serve_http1("404 Not Found");
    let twice = format!("http://{address}/v1/traces");
    let mut twice = variables(&twice, Protocol::HttpProtobuf);
    twice.truncate(4);
    let url = format!("OTEL_EXPORTER_OTLP_ENDPOINT=http://{address} ");
    assert_only_failure(
        &diagnose_variables(&twice),
        "span",
        &[&url, "/v1/traces is appended"],
    );

    let missing = [
        ("OTEL_SERVICE_NAME", "posts".into()),
        ("VANTAGE_OBS_ROLES", "api".into()),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf".into()),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            format!("http://{address}"),
        ),
    ];
    let url = format!("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://{address}/v1/traces");
    assert_only_failure(&diagnose_variables(&missing), "span", &[&url]);
}

#[test]
fn a_signal_that_the_receiver_does_not_know_differs_from_a_wrong_path() {
    let address = serve_answers(|request| {
        let head = if request.starts_with(b"POST /v1/traces ") {
            "200 OK"
        } else {
            "404 Not Found"
        };
        format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into()
    });
    let mut variables = variables(&format!("http://{address}"), Protocol::HttpProtobuf);
    variables.pop();
    let words = ["OTEL_METRICS_EXPORTER=prometheus", "otlp.metrics.endpoint"];
    assert_only_failure(&diagnose_variables(&variables), "metric", &words);
}

#[test]
fn a_redirect_is_not_followed_but_reported() {
    let address =
        serve_http1("307 Temporary Redirect\r\nLocation: https://otlp.example.org/v1/traces");
    let mut variables = variables(&format!("http://{address}"), Protocol::HttpProtobuf);
    variables.truncate(4);
    let fix = "OTEL_EXPORTER_OTLP_ENDPOINT=https://otlp.example.org ";
    assert_only_failure(&diagnose_variables(&variables), "span", &[fix]);
}

#[test]
fn transient_and_partial_rejections_are_failures_with_their_cause() {
    for (behaviour, cause) in [
        (Behaviour::Unavailable, "UNAVAILABLE"),
        (Behaviour::Invalid, "INVALID_ARGUMENT"),
        (Behaviour::Throttled(None), "RESOURCE_EXHAUSTED"),
        (Behaviour::Partial(1), ""),
    ] {
        let receiver = Receiver::start(behaviour);
        let mut variables = variables(&receiver.endpoint(), Protocol::Grpc);
        variables.truncate(4);
        let diagnosis = diagnose_variables(&variables);
        let span = receiver_step(&diagnosis, "span");
        assert_eq!(
            span.verdict,
            StepVerdict::Fail,
            "{behaviour:?}: {diagnosis:#?}"
        );
        assert!(span.finding.contains(cause), "{span:?}");
    }
}

#[test]
fn a_clock_that_is_far_off_is_a_failure_of_its_own() {
    let address = serve_http1("200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT");
    let diagnosis = diagnose_endpoint(&format!("http://{address}"), Protocol::HttpProtobuf);
    assert_only_failure(&diagnosis, "clock", &["timedatectl"]);
    let finding = receiver_step(&diagnosis, "clock").finding;
    assert!(finding.contains("ahead of the receiver"), "{finding}");
}

#[test]
fn jaegers_former_port_gets_its_successor_as_fix() {
    let variables = variables("http://127.0.0.1:14250", Protocol::Grpc);
    let diagnosis = diagnose_variables(&variables);
    let (_, failure) = diagnosis
        .failures()
        .next()
        .expect("nothing takes OTLP there");
    let fix = failure.fix.as_deref().unwrap();
    assert!(
        fix.contains("OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317"),
        "{fix}"
    );
}

#[test]
fn every_fault_of_the_configuration_is_a_failure_with_what_is_allowed() {
    let mut variables = variables("http://127.0.0.1:4317", Protocol::Grpc);
    variables.push(("VANTAGE_OBS_LOG_LEVEL", "loud".into()));
    variables.push(("VANTAGE_OBS_HEALTH_SHUTDOWN_DELAY", "2d".into()));
    let diagnosis = diagnose_variables(&variables);
    let failures: Vec<_> = diagnosis.failures().map(|(_, step)| step).collect();
    assert_eq!(failures.len(), 2, "{diagnosis:#?}");
    assert!(failures[0].finding.contains("VANTAGE_OBS_LOG_LEVEL"));
    assert!(failures[1].fix.as_deref().unwrap().contains("allowed: "));
}

#[test]
fn what_the_code_says_is_no_warning() {
    for code in [
        Config::new("shop", Role::Worker),
        Config::new("shop", Role::Web),
    ] {
        let diagnosis = diagnose_config(code, &Environment::empty());
        let warnings: Vec<_> = diagnosis.steps(StepVerdict::Warn).collect();
        assert!(warnings.is_empty(), "{warnings:?}");
    }
    // Half of it is half of a warning.
    let mut code = Config::default();
    code.service.name = "shop".into();
    let diagnosis = diagnose_config(code, &Environment::empty());
    let (_, warning) = diagnosis.steps(StepVerdict::Warn).next().unwrap();
    assert_eq!(
        warning.finding,
        "service.roles not set here: the code must set it"
    );
}

#[test]
fn settings_of_code_are_a_warning_and_a_missing_endpoint_is_reported() {
    let diagnosis = diagnose(None, &Environment::empty());
    assert_eq!(diagnosis.failures().count(), 0, "{diagnosis:#?}");
    let (_, warning) = diagnosis.steps(StepVerdict::Warn).next().unwrap();
    assert!(warning.finding.contains("service.name and service.roles"));
    let endpoint = receiver_step(&diagnosis, "endpoint");
    assert!(
        endpoint
            .fix
            .unwrap()
            .contains("OTEL_EXPORTER_OTLP_ENDPOINT=")
    );
}

#[test]
fn the_slo_files_the_disks_and_the_address_of_this_machine_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let slo = folder.path().join("slo");
    std::fs::create_dir(&slo).unwrap();
    let objective = r#"{"api": {"availability": {"target": 101, "window": "30d"}}}"#;
    std::fs::write(slo.join("api.json"), objective).unwrap();
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let held = serve_http1("200 OK");
    let file = folder.path().join("obs.json");
    let text = format!(
        r#"{{"service": {{"name": "posts", "roles": ["api"]}},
            "slo": {{"directory": {slo:?}}}, "http": {{"listen": "{held}"}},
            "metrics": {{"disks": ["/", "/nowhere/at/all"]}}}}"#
    );
    std::fs::write(&file, &text).unwrap();
    let diagnosis = diagnose(Some(&file), &Environment::empty());
    let failures: Vec<_> = diagnosis.failures().map(|(_, step)| step).collect();
    let names: Vec<_> = failures.iter().map(|step| step.name).collect();
    assert_eq!(names, ["objectives", "listen", "disks"], "{diagnosis:#?}");
    assert!(failures[0].finding.contains("$.api.availability.target"));
    assert!(
        failures[1]
            .fix
            .as_deref()
            .unwrap()
            .contains("set http.listen to")
    );

    let text = text.replace(&held.to_string(), &free.to_string());
    std::fs::write(&file, text).unwrap();
    let diagnosis = diagnose(Some(&file), &Environment::empty());
    let steps = &diagnosis.parts[0].steps;
    let listen = steps.iter().find(|step| step.name == "listen").unwrap();
    assert_eq!(listen.verdict, StepVerdict::Ok, "{listen:?}");
}

#[test]
fn the_address_of_a_running_service_passes() {
    let test = vantage_obs::testing::TestTelemetry::new();
    let address = test
        .telemetry()
        .serve("127.0.0.1:0".parse().unwrap())
        .unwrap();
    let diagnosis = diagnose_variables(&[("VANTAGE_OBS_LISTEN", address.to_string())]);
    let steps = &diagnosis.parts[0].steps;
    let listen = steps.iter().find(|step| step.name == "listen").unwrap();
    assert_eq!(listen.verdict, StepVerdict::Ok, "{listen:?}");
    assert!(listen.finding.contains("/api/v1/health answers"));
}

/// Runs the command with these variables alone.
fn run_command(arguments: &[&str], variables: &[(&str, String)]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vantage-obs"));
    let command = command.arg("doctor").args(arguments).env_clear();
    let command = command.envs(variables.iter().map(|(name, value)| (*name, value)));
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text)
}

#[test]
fn the_command_ends_as_scripts_expect_and_prints_what_programs_read() {
    let receiver = Receiver::start(Behaviour::Accept);
    let good = variables(&receiver.endpoint(), Protocol::Grpc);
    let (status, text) = run_command(&[], &good);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.ends_with("all is well\n"), "{text}");
    assert!(!text.contains('\x1b'), "no colour where nobody looks");

    let bad = variables(&BrokenReceiver::refuses().endpoint(), Protocol::Grpc);
    let (status, text) = run_command(&["--format", "json"], &bad);
    assert_eq!(status, Some(1), "{text}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let steps = json["parts"][1]["steps"].as_array().unwrap();
    let tcp = steps.iter().find(|step| step["name"] == "tcp").unwrap();
    assert_eq!(tcp["verdict"], "fail");
    assert!(tcp["fix"].is_string());

    let missing = ["--config", "/nowhere/obs.json"];
    assert_eq!(run_command(&missing, &[]), (Some(3), String::new()));
    assert_eq!(run_command(&["--colour"], &[]).0, Some(3));
}
