//! Tests of a process as a whole: a global subscriber, a panic hook, the real standard output. Each
//! scene is a test that does nothing here, and plays in a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output as Outcome, Stdio};

use super::*;

const SCENE: &str = "VANTAGE_OBS_TEST_SCENE";

/// The exit code of a scene, because the end of a test writes to standard output itself.
const SCENE_EXIT_CODE: i32 = 42;

/// Plays the scene of this name in another process; closes its standard output, if asked to, after
/// the first line, because the test harness gives up when it can't write what comes before.
fn run_scene(scene: &str, close_stdout: bool) -> Outcome {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let (_, module) = module_path!().split_once("::").unwrap();
    let test = format!("{module}::{scene}");
    command.args(["--exact", &test, "--nocapture", "--test-threads=1"]);
    command.env(SCENE, scene);
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    if close_stdout {
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut ours = lines.filter(|line| line.as_ref().unwrap().starts_with("{\""));
        assert!(ours.next().is_some());
    }
    child.wait_with_output().unwrap()
}

fn is_scene(scene: &str) -> bool {
    std::env::var(SCENE).is_ok_and(|playing| playing == scene)
}

fn log_to_stdout() -> LogWriter {
    let output = LogWriter::stdout();
    let (layer, _levels) = layer(&LogsConfig::default(), "s", output.clone());
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::set_global_default(subscriber).unwrap();
    output
}

/// The lines of ours; the test harness writes some of its own.
fn lines(outcome: &Outcome) -> Vec<Value> {
    let text = String::from_utf8(outcome.stdout.clone()).unwrap();
    let start = text.find("{\"").expect("a line");
    let parsed = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    text[start..].lines().map(parsed).collect()
}

#[test]
fn a_value_that_logs_is_written_after_its_own_line() {
    const NAME: &str = "a_value_that_logs_is_written_after_its_own_line";
    if is_scene(NAME) {
        let output = log_to_stdout();
        let logs = FmtWith(|f| {
            info!(inner = 1, "from a Display");
            f.write_str("shown")
        });
        let span = info_span!("span", a = %logs, b = tracing::field::Empty);
        let _entered = span.enter();
        span.record("b", tracing::field::display(&logs));
        info!(%logs, "outer");
        assert!(output.flush(SOON));
        assert_eq!(output.lost_lines(), 0);
        std::process::exit(SCENE_EXIT_CODE);
    }
    let outcome = run_scene(NAME, false);
    assert_eq!(outcome.status.code(), Some(SCENE_EXIT_CODE), "{outcome:?}");
    let lines = lines(&outcome);
    let messages: Vec<_> = lines.iter().map(|line| &line["message"]).collect();
    let inner = "from a Display";
    assert_eq!(messages, [inner, inner, inner, "outer"]);
    assert_eq!(lines[3]["fields"], json!({"logs": "shown"}));
    let span = json!([{"name": "span", "fields": {"a": "shown", "b": "shown"}}]);
    assert_eq!(lines[3]["spans"], span);
}

#[test]
fn a_panic_is_a_line_and_still_what_it_was() {
    const NAME: &str = "a_panic_is_a_line_and_still_what_it_was";
    if is_scene(NAME) {
        let output = log_to_stdout();
        log_panics();
        let worker = std::thread::Builder::new().name("worker".into());
        let thread = worker
            .spawn(|| panic!("no \"luck\"\nat {}", "all"))
            .unwrap();
        assert!(thread.join().is_err());
        let bare = std::thread::spawn(|| std::panic::panic_any(7));
        assert!(bare.join().is_err());
        let panics = FmtWith(|_| panic!("while a line is written"));
        info!("{panics}");
        assert!(output.flush(SOON));
        std::process::exit(SCENE_EXIT_CODE);
    }
    let outcome = run_scene(NAME, false);
    assert_eq!(outcome.status.code(), Some(SCENE_EXIT_CODE), "{outcome:?}");
    let lines = lines(&outcome);
    let messages: Vec<_> = lines.iter().map(|line| &line["message"]).collect();
    assert_eq!(
        messages,
        [
            "no \"luck\"\nat all",
            "a panic with a value that is not text",
            "while a line is written",
            "<panicked>"
        ]
    );
    assert_eq!(
        (&lines[0]["target"], &lines[0]["level"]),
        (&json!("panic"), &json!("error"))
    );
    assert_eq!(lines[0]["fields"]["thread"], "worker");
    let location = lines[0]["fields"]["location"].as_str().unwrap();
    assert!(location.contains("process.rs:"), "{location}");
    let standard_error = String::from_utf8(outcome.stderr).unwrap();
    assert!(
        standard_error.contains("no \"luck\"\nat all"),
        "{standard_error}"
    );
}

#[test]
fn a_closed_standard_output_costs_lines_and_nothing_else() {
    const NAME: &str = "a_closed_standard_output_costs_lines_and_nothing_else";
    if is_scene(NAME) {
        let output = log_to_stdout();
        // How soon the other end is closed is not ours to say.
        while output.lost_lines() == 0 {
            info!("into a pipe that nobody reads");
            assert!(output.flush(SOON));
        }
        let lost = output.lost_lines();
        (0..100).for_each(|_| error!(text = "x".repeat(10_000), "still alive"));
        assert!(output.flush(SOON));
        assert_eq!(output.lost_lines(), lost + 100);
        std::process::exit(SCENE_EXIT_CODE);
    }
    let outcome = run_scene(NAME, true);
    assert_eq!(outcome.status.code(), Some(SCENE_EXIT_CODE), "{outcome:?}");
}
