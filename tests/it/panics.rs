//! Panics of a process that `init` has set up: each is a log line, and still what it was.
//!
//! In processes of their own: the hook and the subscriber are the process's.

use std::fmt;
use std::io::Write as _;
use std::process::{Command, Output};

use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt as _;
use vantage_obs::config::Environment;
use vantage_obs::logs::{LogWriter, log_panics};
use vantage_obs::trace::Carrier;
use vantage_obs::{Config, Role, Telemetry};

const SCENE: &str = "VANTAGE_TEST_PANICS";
const SWITCH: &str = "VANTAGE_OBS_LOG_PANICS";
/// Written by the hook that was there before.
const OTHER_HOOK: &str = "the other hook:";

/// Plays this test in a process of its own.
fn play(test: &str, switch: Option<&str>) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("panics::{test}"), "--nocapture"]);
    command.env(SCENE, test).env_remove("RUST_BACKTRACE");
    if let Some(switch) = switch {
        command.env(SWITCH, switch);
    }
    command.output().unwrap()
}

fn is_scene(test: &str) -> bool {
    std::env::var(SCENE).is_ok_and(|playing| playing == test)
}

/// Sets the hook of a service: what a crash reporter would do.
fn set_other_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let _ = writeln!(std::io::stderr(), "{OTHER_HOOK} {panic}");
    }));
}

/// Panics on a thread of its own.
fn panic_in_thread(text: &'static str) {
    let thread = std::thread::Builder::new().name("importer".into());
    let thread = thread.spawn(move || panic!("{text}")).unwrap();
    assert!(thread.join().is_err());
}

/// Returns the lines about panics.
fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text
        .lines()
        .filter(|line| line.starts_with("{\"timestamp\""));
    let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["target"] == "panic").collect()
}

fn messages(output: &Output) -> Vec<String> {
    let lines = lines(output);
    let messages = lines
        .iter()
        .map(|line| line["message"].as_str().unwrap().to_owned());
    messages.collect()
}

/// Returns how often the other hook was called.
fn other_calls(output: &Output) -> usize {
    String::from_utf8_lossy(&output.stderr)
        .matches(OTHER_HOOK)
        .count()
}

fn config() -> Config {
    Config::new("shop-worker", Role::Worker)
}

struct Panics;

impl fmt::Display for Panics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("in a Display")
    }
}

#[test]
fn a_panic_is_a_line_with_its_trace_until_the_shutdown() {
    const NAME: &str = "a_panic_is_a_line_with_its_trace_until_the_shutdown";
    if is_scene(NAME) {
        set_other_hook();
        let telemetry = vantage_obs::init(config()).unwrap();
        let worker = telemetry.worker("w1");
        let job = || {
            worker.run_blocking(
                "import",
                std::time::SystemTime::now(),
                &Carrier::EMPTY,
                || -> Result<(), fmt::Error> { panic!("no \"luck\"\nat {}", "all") },
            )
        };
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err());
        panic_in_thread("in a thread");
        tracing::info!(value = %Panics, "{}", Panics);
        // Recorded into a span while that is open.
        let span = tracing::info_span!("span", value = tracing::field::Empty);
        let _entered = span.enter();
        let record = || {
            span.record("value", tracing::field::display(Panics))
                .is_none()
        };
        // The layer that makes spans of traces hands it on.
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(record)).is_err());
        telemetry.shutdown_blocking().unwrap();
        panic_in_thread("after the end");
        return;
    }
    let output = play(NAME, None);
    assert!(output.status.success(), "{output:?}");
    let lines = lines(&output);
    let messages = messages(&output);
    assert_eq!(
        messages[..2],
        ["no \"luck\"\nat all", "in a thread"],
        "{output:?}"
    );
    assert!(
        messages[2..]
            .iter()
            .all(|message| message == "in a Display")
    );
    assert!(messages.len() > 2, "{messages:?}");
    let first = &lines[0];
    assert_eq!(
        (&first["level"], &first["service"]),
        (&"error".into(), &"shop-worker".into())
    );
    assert_eq!(
        first["trace_id"].as_str().map(str::len),
        Some(32),
        "{first}"
    );
    let location = first["fields"]["location"].as_str().unwrap();
    assert!(location.contains("panics.rs:"), "{location}");
    assert!(
        first["fields"].get("backtrace").is_none(),
        "nothing asks for one"
    );
    assert_eq!(lines[1]["fields"]["thread"], "importer");
    // That of the service is called each time, and alone after the end.
    assert_eq!(other_calls(&output), messages.len() + 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("after the end"));
}

#[test]
fn a_panic_while_a_panic_unwinds_is_told_before_the_process_ends() {
    const NAME: &str = "a_panic_while_a_panic_unwinds_is_told_before_the_process_ends";
    struct Second;
    impl Drop for Second {
        fn drop(&mut self) {
            panic!("the second")
        }
    }
    if is_scene(NAME) {
        let _telemetry = vantage_obs::init(config()).unwrap();
        let _second = Second;
        panic!("the first");
    }
    let output = play(NAME, None);
    assert!(!output.status.success());
    // The standard library adds a third.
    let messages = messages(&output);
    assert_eq!(messages[..2], ["the first", "the second"], "{output:?}");
}

#[test]
fn panics_are_no_lines_where_nothing_asks_for_them() {
    const NAME: &str = "panics_are_no_lines_where_nothing_asks_for_them";
    if is_scene(NAME) {
        set_other_hook();
        let telemetry = if std::env::var_os(SWITCH).is_some() {
            vantage_obs::init(config()).unwrap()
        } else {
            let telemetry = Telemetry::without_globals(config(), &Environment::empty()).unwrap();
            let lines = telemetry.tracing_layer(LogWriter::stdout());
            let subscriber = tracing_subscriber::registry().with(lines);
            tracing::subscriber::set_global_default(subscriber).unwrap();
            telemetry
        };
        panic_in_thread("unlogged");
        telemetry.shutdown_blocking().unwrap();
        return;
    }
    for switch in [None, Some("false")] {
        let output = play(NAME, switch);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(messages(&output), [""; 0], "{switch:?}");
        assert_eq!(other_calls(&output), 1, "{switch:?}");
    }
}

#[test]
fn a_service_that_logs_panics_itself_has_one_line_of_each() {
    const NAME: &str = "a_service_that_logs_panics_itself_has_one_line_of_each";
    if is_scene(NAME) {
        set_other_hook();
        let before = std::env::var_os(SWITCH).is_some();
        if before {
            log_panics();
        }
        let telemetry = vantage_obs::init(config()).unwrap();
        if !before {
            log_panics();
        }
        panic_in_thread("once");
        telemetry.shutdown_blocking().unwrap();
        panic_in_thread("after the end");
        return;
    }
    for switch in [None, Some("true")] {
        let output = play(NAME, switch);
        assert!(output.status.success(), "{output:?}");
        let messages = messages(&output);
        let once = messages.iter().filter(|message| *message == "once");
        assert_eq!(once.count(), 1, "{switch:?}: {messages:?}");
        assert_eq!(other_calls(&output), 2, "{switch:?}");
    }
}
