//! The cost of tracking objectives: the time of a report, and the memory of thirty days. Each has a
//! limit, past which this ends with an error.

mod alloc;

use std::time::{Duration, Instant};

use vantage_obs::testing::TestTelemetry;
use vantage_obs::trace::Carrier;
use vantage_obs::{Config, Role};

const DAY: u64 = 86_400;
const DAYS: u64 = 30;
/// The number of objectives of the report.
const REPORT_OBJECTIVES: usize = 1_000;
/// The most time that it may take.
const REPORT_LIMIT: Duration = Duration::from_millis(10);
/// The most bytes that the platform's own six may hold.
const HELD_LIMIT: i64 = 2_000_000;
const API: &str = include_str!("../../../slo/api.json");
const WORKERS: &str = include_str!("../../../slo/workers.json");

fn main() {
    memory();
    report();
}

fn telemetry(objectives: &[(&str, &str)]) -> TestTelemetry {
    let config = Config::new("bench", Role::Api).role(Role::Worker);
    TestTelemetry::with_config(config, objectives).expect("valid")
}

/// Simulates thirty days of one job in each step.
fn simulate_days(test: &TestTelemetry, step: u64) {
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

/// Measures what thirty days of samples, one in ten seconds, hold beyond what the same run holds without
/// objectives.
fn memory() {
    let held = |objectives: &[(&str, &str)]| {
        let mut test = None;
        let held = alloc::held_growth(|| {
            let fresh = telemetry(objectives);
            simulate_days(&fresh, 10);
            test = Some(fresh);
        });
        drop(test);
        held
    };
    let without = held(&[]);
    let with = held(&[("api.json", API), ("workers.json", WORKERS)]);
    let more = with - without;
    println!("6 objectives over {DAYS} days hold {more} bytes, at most {HELD_LIMIT}");
    assert!(more <= HELD_LIMIT, "more than {HELD_LIMIT} bytes");
}

/// The median time of a report of many objectives, each over all windows, from full memory.
fn report() {
    let one = |number: usize| {
        format!(
            r#""o{number}":{{"metric":"vantage.worker.jobs","good":{{"outcome":"succeeded"}},
                "target":99,"window":"30d"}}"#
        )
    };
    let all: Vec<_> = (0..REPORT_OBJECTIVES).map(one).collect();
    let text = format!(r#"{{"many":{{{}}}}}"#, all.join(","));
    let test = telemetry(&[("many.json", &text)]);
    simulate_days(&test, 3_600);
    let mut times = Vec::new();
    let mut windows = 0;
    for _ in 0..51 {
        let started = Instant::now();
        let report = test.report();
        times.push(started.elapsed());
        assert_eq!(report.objectives.len(), REPORT_OBJECTIVES);
        // The objective's own window is one more.
        windows = report.objectives[0].burn_rate.len() + 1;
        assert_eq!(report.objectives[0].bad, DAYS * 24 / 50 + 1);
    }
    times.sort_unstable();
    let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    println!(
        "a report of {REPORT_OBJECTIVES} objectives x {windows} windows takes {median:?} in the median, {slowest:?} at most; \
         at most {REPORT_LIMIT:?}"
    );
    assert!(median <= REPORT_LIMIT, "more than {REPORT_LIMIT:?}");
}
