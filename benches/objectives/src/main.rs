//! What tracking objectives costs: the time of a report, and the memory of thirty days. Each has a
//! limit, past which this ends with an error.

mod alloc;

use std::time::{Duration, Instant};

use vantage_obs::testing::TestTelemetry;
use vantage_obs::trace::Carrier;
use vantage_obs::{Config, Role};

const DAY: u64 = 86_400;
const DAYS: u64 = 30;
/// How many objectives the report has.
const MANY: usize = 1_000;
/// What it may take.
const REPORT: Duration = Duration::from_millis(10);
/// What the platform's own six may hold.
const HELD: i64 = 2_000_000;
const API: &str = include_str!("../../../slo/api.json");
const WORKERS: &str = include_str!("../../../slo/workers.json");

fn main() {
    memory();
    report();
}

fn telemetry(objectives: &[(&str, &str)]) -> TestTelemetry {
    let config = Config::new("bench", Role::Api).with_role(Role::Worker);
    TestTelemetry::with(config, objectives).expect("valid")
}

/// Thirty days of one job in each step.
fn play(test: &TestTelemetry, step: u64) {
    let worker = test.telemetry().worker("w");
    for number in 0..DAYS * DAY / step {
        let job = worker.start("publish", test.clock().wall(), &Carrier::EMPTY);
        if number % 50 == 0 {
            job.fail("quota");
        } else {
            job.succeed();
        }
        test.clock().advance(Duration::from_secs(step));
        test.tick();
    }
}

/// What thirty days of samples, one in ten seconds, hold beyond what the same run holds without
/// objectives.
fn memory() {
    let held = |objectives: &[(&str, &str)]| {
        let mut test = None;
        let held = alloc::held(|| {
            let fresh = telemetry(objectives);
            play(&fresh, 10);
            test = Some(fresh);
        });
        drop(test);
        held
    };
    let without = held(&[]);
    let with = held(&[("api.json", API), ("workers.json", WORKERS)]);
    let more = with - without;
    println!("6 objectives over {DAYS} days hold {more} bytes, at most {HELD}");
    assert!(more <= HELD, "more than {HELD} bytes");
}

/// The median time of a report of many objectives, each over all windows, from full memory.
fn report() {
    let one = |number: usize| {
        format!(
            r#""o{number}":{{"metric":"vantage.worker.jobs","good":{{"outcome":"succeeded"}},
                "target":99,"window":"30d"}}"#
        )
    };
    let all: Vec<_> = (0..MANY).map(one).collect();
    let text = format!(r#"{{"many":{{{}}}}}"#, all.join(","));
    let test = telemetry(&[("many.json", &text)]);
    play(&test, 3_600);
    let mut times = Vec::new();
    let mut windows = 0;
    for _ in 0..51 {
        let started = Instant::now();
        let report = test.report();
        times.push(started.elapsed());
        assert_eq!(report.objectives.len(), MANY);
        // The objective's own window is one more.
        windows = report.objectives[0].burn_rate.len() + 1;
        assert_eq!(report.objectives[0].bad, DAYS * 24 / 50 + 1);
    }
    times.sort_unstable();
    let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    println!(
        "a report of {MANY} objectives x {windows} windows takes {median:?} in the median, {slowest:?} at most; \
         at most {REPORT:?}"
    );
    assert!(median <= REPORT, "more than {REPORT:?}");
}
