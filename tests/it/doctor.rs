//! `vantage-obs doctor`: every way in which a receiver can be wrong, and the fix that is named.

#[cfg(feature = "tls")]
mod tls;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use vantage_obs::config::{Environment, Protocol, Signal};
use vantage_obs::doctor::{Diagnosis, LONGEST, Step, Verdict, examine};

use crate::otlp::PROTOCOLS;
use crate::otlp::broken::Broken;
use crate::otlp::receiver::{Behaviour, Receiver};

const CANARY: &str = "canary-9f3a";
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

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

fn examined(variables: &[(&str, String)]) -> Diagnosis {
    let variables = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()));
    examine(None, &Environment::from_iter(variables))
}

fn at(endpoint: &str, protocol: Protocol) -> Diagnosis {
    examined(&variables(endpoint, protocol))
}

/// The step of this name about the receiver.
fn step(diagnosis: &Diagnosis, name: &str) -> Step {
    let receiver = diagnosis.parts.last().expect("there are parts");
    let found = receiver.steps.iter().find(|step| step.name == name);
    found
        .unwrap_or_else(|| panic!("{name}: {diagnosis:#?}"))
        .clone()
}

/// The only failure is this step's; its fix contains these words.
fn fails(diagnosis: &Diagnosis, name: &str, words: &[&str]) {
    let failures: Vec<_> = diagnosis.failures().collect();
    assert_eq!(failures.len(), 1, "{diagnosis:#?}");
    let step = failures[0].1;
    assert_eq!(step.name, name, "{step:?}");
    let fix = step.fix.as_deref().expect("a failure has a fix");
    for word in words {
        assert!(fix.contains(word), "{word:?} is not in {fix:?}");
    }
}

/// Answers whatever is asked with these bytes, and closes.
fn answering(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer_one(stream, &answer);
        }
    });
    address
}

/// What was asked is read to its end first: a close over unread bytes would be a reset.
fn answer_one(mut stream: TcpStream, answer: &impl Fn(&[u8]) -> Vec<u8>) {
    let mut asked = [0; 4096];
    let Ok(read) = stream.read(&mut asked) else {
        return;
    };
    if stream.write_all(&answer(&asked[..read])).is_ok() {
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
        while stream.read(&mut asked).is_ok_and(|read| read > 0) {}
    }
}

/// Speaks HTTP/1.1 only, with this status line and these headers.
fn http1(head: &'static str) -> SocketAddr {
    answering(move |asked| {
        if asked.starts_with(b"POST ") {
            format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into()
        } else {
            b"HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Length: 0\r\n\r\n".to_vec()
        }
    })
}

#[test]
fn a_receiver_that_takes_everything_is_well_and_is_sent_one_of_each() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Accept);
        let diagnosis = at(&receiver.endpoint(), protocol);
        assert_eq!(diagnosis.failures().count(), 0, "{diagnosis:#?}");
        for signal in Signal::ALL {
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
            assert_eq!(step(&diagnosis, name).verdict, Verdict::Ok, "{name}");
        }
    }
}

#[test]
fn what_the_configuration_does_not_push_is_not_sent() {
    let receiver = Receiver::start(Behaviour::Accept);
    let mut variables = variables(&receiver.endpoint(), Protocol::Grpc);
    variables.truncate(4);
    let diagnosis = examined(&variables);
    assert_eq!(diagnosis.failures().count(), 0, "{diagnosis:#?}");
    for (name, verdict) in [
        ("span", Verdict::Ok),
        ("metric", Verdict::Skipped),
        ("log", Verdict::Skipped),
    ] {
        assert_eq!(step(&diagnosis, name).verdict, verdict, "{name}");
    }
    assert_eq!(receiver.arrivals().len(), 1);

    variables.push(("OTEL_SDK_DISABLED", "true".into()));
    let diagnosis = examined(&variables);
    assert_eq!(step(&diagnosis, "span").verdict, Verdict::Skipped);
    assert_eq!(receiver.arrivals().len(), 1);
    let (_, warning) = diagnosis.steps(Verdict::Warn).next().unwrap();
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
    let diagnosis = examined(&variables);
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
    assert_eq!(other.count(Signal::Logs), 1);
}

#[test]
fn a_receiver_that_is_not_there_is_told_from_one_that_cannot_be_reached() {
    let refuses = at(&Broken::refuses().endpoint(), Protocol::Grpc);
    fails(&refuses, "tcp", &["start the receiver", "otlp.endpoint"]);
    assert!(step(&refuses, "tcp").finding.contains("refuses"));
    assert_eq!(step(&refuses, "span").verdict, Verdict::Skipped);

    let broken = Broken::never_connects();
    let dropped = at(&broken.endpoint(), Protocol::Grpc);
    fails(&dropped, "tcp", &["firewalls"]);
    assert!(step(&dropped, "tcp").finding.contains("doesn't answer"));
}

#[test]
fn a_name_that_nobody_knows_is_the_first_failure() {
    let diagnosis = at("http://collector.invalid:4317", Protocol::Grpc);
    fails(&diagnosis, "name", &["set otlp.endpoint to a host"]);
    assert!(
        step(&diagnosis, "name")
            .finding
            .contains("collector.invalid")
    );
    assert_eq!(step(&diagnosis, "tcp").verdict, Verdict::Skipped);
}

#[test]
fn grpc_at_a_port_that_speaks_http_is_told_the_protocol() {
    let address = http1("200 OK");
    let diagnosis = at(&format!("http://{address}"), Protocol::Grpc);
    fails(
        &diagnosis,
        "protocol",
        &["OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"],
    );
}

#[test]
fn http_at_a_port_that_speaks_grpc_is_told_the_protocol() {
    let address = answering(|asked| {
        let preface = asked.starts_with(b"PRI ");
        if preface {
            SETTINGS.to_vec()
        } else {
            Vec::new()
        }
    });
    let diagnosis = at(&format!("http://{address}"), Protocol::HttpProtobuf);
    fails(
        &diagnosis,
        "protocol",
        &["OTEL_EXPORTER_OTLP_PROTOCOL=grpc"],
    );
}

#[test]
fn a_setting_of_the_file_is_mended_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("obs.json");
    let address = http1("200 OK");
    let text = format!(
        r#"{{"service": {{"name": "posts", "roles": ["api"]}},
            "otlp": {{"endpoint": "http://{address}", "protocol": "grpc"}}}}"#
    );
    std::fs::write(&file, text).unwrap();
    let diagnosis = examine(Some(&file), &Environment::empty());
    fails(
        &diagnosis,
        "protocol",
        &[r#"set otlp.protocol to "http/protobuf""#],
    );
}

#[test]
fn a_port_that_speaks_something_else_is_no_receiver() {
    for protocol in PROTOCOLS {
        let address = answering(|_| b"220 mail.example.org ESMTP ready\r\n".to_vec());
        let diagnosis = at(&format!("http://{address}"), protocol);
        fails(
            &diagnosis,
            "protocol",
            &["set otlp.endpoint to an OTLP receiver's port"],
        );
    }
}

#[test]
fn a_plain_endpoint_at_an_encrypted_port_is_told_https() {
    for (protocol, answer) in [
        (Protocol::Grpc, &[21, 3, 1, 0, 2, 2, 70][..]),
        (
            Protocol::HttpProtobuf,
            &b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"[..],
        ),
    ] {
        let address = answering(|_| answer.to_vec());
        let diagnosis = at(&format!("http://{address}"), protocol);
        let fix = format!("OTEL_EXPORTER_OTLP_ENDPOINT=https://{address}");
        fails(&diagnosis, "protocol", &[&fix]);
    }
}

#[test]
fn a_page_for_people_is_not_taken_for_a_success() {
    let address = http1("200 OK\r\nContent-Type: text/html; charset=utf-8");
    let diagnosis = at(&format!("http://{address}"), Protocol::HttpProtobuf);
    fails(&diagnosis, "protocol", &[":4318"]);
    assert!(step(&diagnosis, "protocol").finding.contains("web page"));
}

#[test]
fn a_silent_receiver_holds_nobody_up() {
    for protocol in PROTOCOLS {
        let broken = Broken::silent();
        let started = Instant::now();
        let diagnosis = at(&broken.endpoint(), protocol);
        fails(&diagnosis, "protocol", &["otlp.endpoint"]);
        assert!(started.elapsed() < LONGEST, "{:?}", started.elapsed());
    }
}

#[test]
fn missing_credentials_are_named_and_present_ones_are_never_shown() {
    let address = http1("401 Unauthorized");
    let mut variables = variables(&format!("http://{address}"), Protocol::HttpProtobuf);
    let missing = examined(&variables);
    fails(
        &missing,
        "auth",
        &["OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20TOKEN"],
    );
    assert!(
        step(&missing, "auth")
            .finding
            .contains("no headers are sent")
    );

    let headers = format!("authorization={CANARY},x-tenant={CANARY}");
    variables.push(("OTEL_EXPORTER_OTLP_HEADERS", headers));
    let wrong = examined(&variables);
    fails(&wrong, "auth", &["no scheme such as Bearer"]);
    assert!(
        step(&wrong, "auth")
            .finding
            .contains("sent: authorization, x-tenant")
    );
    assert!(!format!("{wrong:?}").contains(CANARY));
}

#[test]
fn a_receiver_that_repeats_the_credentials_is_masked() {
    let address = answering(|asked| {
        let (status, body) = if asked.starts_with(b"POST ") {
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
        let diagnosis = examined(&variables);
        let auth = step(&diagnosis, "auth");
        assert!(auth.finding.contains("no such token: ***"), "{auth:?}");
        assert!(!format!("{diagnosis:?}").contains(CANARY));
    }
}

#[test]
fn a_path_that_stands_twice_or_not_at_all_is_told_the_right_url() {
    let address = http1("404 Not Found");
    let twice = format!("http://{address}/v1/traces");
    let mut twice = variables(&twice, Protocol::HttpProtobuf);
    twice.truncate(4);
    let url = format!("OTEL_EXPORTER_OTLP_ENDPOINT=http://{address} ");
    fails(&examined(&twice), "span", &[&url, "/v1/traces is appended"]);

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
    fails(&examined(&missing), "span", &[&url]);
}

#[test]
fn a_signal_that_the_receiver_does_not_know_is_told_apart_from_a_wrong_path() {
    let address = answering(|asked| {
        let head = if asked.starts_with(b"POST /v1/traces ") {
            "200 OK"
        } else {
            "404 Not Found"
        };
        format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into()
    });
    let mut variables = variables(&format!("http://{address}"), Protocol::HttpProtobuf);
    variables.pop();
    let words = ["OTEL_METRICS_EXPORTER=prometheus", "otlp.metrics.endpoint"];
    fails(&examined(&variables), "metric", &words);
}

#[test]
fn a_redirect_is_not_followed_but_told() {
    let address = http1("307 Temporary Redirect\r\nLocation: https://otlp.example.org/v1/traces");
    let mut variables = variables(&format!("http://{address}"), Protocol::HttpProtobuf);
    variables.truncate(4);
    let fix = "OTEL_EXPORTER_OTLP_ENDPOINT=https://otlp.example.org ";
    fails(&examined(&variables), "span", &[fix]);
}

#[test]
fn refusals_that_pass_and_partial_ones_are_failures_with_their_cause() {
    for (behaviour, cause) in [
        (Behaviour::Unavailable, "UNAVAILABLE"),
        (Behaviour::Invalid, "INVALID_ARGUMENT"),
        (Behaviour::Throttled(None), "RESOURCE_EXHAUSTED"),
        (Behaviour::Partial(1), ""),
    ] {
        let receiver = Receiver::start(behaviour);
        let mut variables = variables(&receiver.endpoint(), Protocol::Grpc);
        variables.truncate(4);
        let diagnosis = examined(&variables);
        let span = step(&diagnosis, "span");
        assert_eq!(span.verdict, Verdict::Fail, "{behaviour:?}: {diagnosis:#?}");
        assert!(span.finding.contains(cause), "{span:?}");
    }
}

#[test]
fn a_clock_that_is_far_off_is_a_failure_of_its_own() {
    let address = http1("200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT");
    let diagnosis = at(&format!("http://{address}"), Protocol::HttpProtobuf);
    fails(&diagnosis, "clock", &["timedatectl"]);
    let finding = step(&diagnosis, "clock").finding;
    assert!(finding.contains("ahead of the receiver"), "{finding}");
}

#[test]
fn jaegers_former_port_is_told_its_successor() {
    let variables = variables("http://127.0.0.1:14250", Protocol::Grpc);
    let diagnosis = examined(&variables);
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
    variables.push(("OTEL_EXPORTER_OTLP_TIMEOUT", "soon".into()));
    variables.push(("OTEL_TRACES_SAMPLER_ARG", "7".into()));
    let diagnosis = examined(&variables);
    let failures: Vec<_> = diagnosis.failures().map(|(_, step)| step).collect();
    assert_eq!(failures.len(), 2, "{diagnosis:#?}");
    assert!(failures[0].finding.contains("OTEL_EXPORTER_OTLP_TIMEOUT"));
    assert!(failures[1].fix.as_deref().unwrap().contains("allowed: "));
}

#[test]
fn what_only_code_sets_is_a_warning_and_nothing_to_push_to_is_said() {
    let diagnosis = examine(None, &Environment::empty());
    assert_eq!(diagnosis.failures().count(), 0, "{diagnosis:#?}");
    let (_, warning) = diagnosis.steps(Verdict::Warn).next().unwrap();
    assert!(warning.finding.contains("service.name and service.roles"));
    let endpoint = step(&diagnosis, "endpoint");
    assert!(
        endpoint
            .fix
            .unwrap()
            .contains("OTEL_EXPORTER_OTLP_ENDPOINT=")
    );
}

#[test]
fn the_slo_files_the_disks_and_the_address_of_this_machine_are_tried() {
    let folder = tempfile::tempdir().unwrap();
    let slo = folder.path().join("slo");
    std::fs::create_dir(&slo).unwrap();
    let objective = r#"{"api": {"availability": {"target": 101, "window": "30d"}}}"#;
    std::fs::write(slo.join("api.json"), objective).unwrap();
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let held = http1("200 OK");
    let file = folder.path().join("obs.json");
    let text = format!(
        r#"{{"service": {{"name": "posts", "roles": ["api"]}},
            "slo": {{"directory": {slo:?}}}, "http": {{"listen": "{held}"}},
            "metrics": {{"disks": ["/", "/nowhere/at/all"]}}}}"#
    );
    std::fs::write(&file, &text).unwrap();
    let diagnosis = examine(Some(&file), &Environment::empty());
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
    let diagnosis = examine(Some(&file), &Environment::empty());
    let steps = &diagnosis.parts[0].steps;
    let listen = steps.iter().find(|step| step.name == "listen").unwrap();
    assert_eq!(listen.verdict, Verdict::Ok, "{listen:?}");
}

#[test]
fn the_address_of_a_service_that_runs_is_well() {
    let test = vantage_obs::testing::TestTelemetry::new();
    let address = test
        .telemetry()
        .serve("127.0.0.1:0".parse().unwrap())
        .unwrap();
    let diagnosis = examined(&[("VANTAGE_OBS_LISTEN", address.to_string())]);
    let steps = &diagnosis.parts[0].steps;
    let listen = steps.iter().find(|step| step.name == "listen").unwrap();
    assert_eq!(listen.verdict, Verdict::Ok, "{listen:?}");
    assert!(listen.finding.contains("/api/v1/health answers"));
}

/// Runs the command with these variables alone.
fn run(arguments: &[&str], variables: &[(&str, String)]) -> (Option<i32>, String) {
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
    let (status, text) = run(&[], &good);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.ends_with("all is well\n"), "{text}");
    assert!(!text.contains('\x1b'), "no colour where nobody looks");

    let bad = variables(&Broken::refuses().endpoint(), Protocol::Grpc);
    let (status, text) = run(&["--format", "json"], &bad);
    assert_eq!(status, Some(1), "{text}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let steps = json["parts"][1]["steps"].as_array().unwrap();
    let tcp = steps.iter().find(|step| step["name"] == "tcp").unwrap();
    assert_eq!(tcp["verdict"], "fail");
    assert!(tcp["fix"].is_string());

    let missing = ["--config", "/nowhere/obs.json"];
    assert_eq!(run(&missing, &[]), (Some(3), String::new()));
    assert_eq!(run(&["--colour"], &[]).0, Some(3));
}
