//! Objectives of a service whose clock is set while it runs, with a store.
//!
//! | | bounded memory | bounded rows | right counts |
//! |---|---|---|---|
//! | slices, rows | one for each real minute, and one for a gap | `rows` | after a restart |
//! | history | rings of fixed size | – | as of a service whose clock was right |
//! | alerts | – | – | neither raised nor ended by a step |

use super::*;
use crate::background::log_queue::LogQueue;
use crate::model::heartbeat::{Beat, BeatId, BeatProgress, BeatRole, LifecycleState};
use crate::store::SliceRow;
use crate::watch::heartbeat::HeartbeatReceiver;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// Steps of the clock, each in seconds and with the number of intervals before the next; the last one leaves it
/// right.
const EXCURSIONS: [(&str, &[(i64, u64)]); 10] = [
    ("2 s ahead and back", &[(2, 6), (-2, 6)]),
    ("a minute ahead and back", &[(MINUTE, 6), (-MINUTE, 6)]),
    ("an hour ahead and back", &[(HOUR, 6), (-HOUR, 6)]),
    (
        "an hour ahead and back after two",
        &[(HOUR, 720), (-HOUR, 6)],
    ),
    ("an hour back and ahead", &[(-HOUR, 6), (HOUR, 6)]),
    ("two days ahead and back", &[(2 * DAY, 3), (-2 * DAY, 6)]),
    ("two days back and ahead", &[(-2 * DAY, 3), (2 * DAY, 6)]),
    (
        "30 years ahead and back",
        &[(30 * YEAR, 3), (-30 * YEAR, 6)],
    ),
    ("back to 1970 and ahead", &[(-57 * YEAR, 3), (57 * YEAR, 6)]),
    (
        "ahead in two steps and back in three",
        &[
            (HOUR, 3),
            (30 * YEAR, 3),
            (-YEAR, 3),
            (-29 * YEAR, 3),
            (-HOUR, 6),
        ],
    ),
];

impl RestartFixture {
    fn step(&self, seconds: i64) {
        self.clock.step_wall(seconds * 1_000);
    }

    fn rows(&self) -> Vec<SliceRow> {
        let _ = self.store_writer.flush(Duration::ZERO).wait();
        let rows = self.store_writer.slices("one", Timestamp::MIN);
        rows.wait().unwrap()
    }

    /// Runs a process for a quarter of an hour and through the steps.
    fn play(&self, steps: &[(i64, u64)]) -> TrackedProcess {
        let process = self.start_process();
        self.run(&process, 90);
        for (seconds, intervals) in steps {
            self.step(*seconds);
            self.run(&process, *intervals);
        }
        process
    }
}

fn intervals_of(steps: &[(i64, u64)]) -> u64 {
    steps.iter().map(|(_, intervals)| intervals).sum()
}

#[test]
fn a_clock_that_was_wrong_for_a_while_changes_no_figure() {
    for (name, steps) in EXCURSIONS {
        let (fixture, twin) = (RestartFixture::new(), RestartFixture::new());
        let process = fixture.play(steps);
        let right = twin.play(&[(0, intervals_of(steps))]);
        for id in ["api.error_rate", "api.availability"] {
            let (stepped, right) = (process.report(id), right.report(id));
            let counts = |report: &ObjectiveReport| (report.good, report.bad);
            if id == "api.error_rate" {
                assert_eq!(counts(&stepped), counts(&right), "{name}");
            }
            assert!((stepped.coverage - right.coverage).abs() < 3e-5, "{name}");
        }
    }
}

#[test]
fn rows_are_those_of_real_minutes_and_a_restart_finds_no_downtime() {
    for (name, steps) in EXCURSIONS {
        let fixture = RestartFixture::new();
        let process = fixture.play(steps);
        let rows = fixture.rows();
        let minutes = intervals_of(steps) / 6 + 15;
        // Each step begins a minute of its own, and may leave a gap.
        let most = 2 * (minutes as usize + 3 * steps.len() + 2);
        assert!(rows.len() <= most, "{name}: {} rows", rows.len());
        let (_, bad, _) = process.counts("api.availability");
        let after = fixture.restart(process, Duration::ZERO);
        // The slices of a clock that was elsewhere may be missing.
        let elsewhere = intervals_of(steps) / 6 + 2;
        let found = after.counts("api.availability").1;
        assert!(
            (bad - elsewhere..=bad).contains(&found),
            "{name}: {found} of {bad}"
        );
    }
}

#[test]
fn the_rows_of_a_clock_that_is_set_back_add_up() {
    for (name, steps) in [
        ("an hour back", &[(-HOUR, 6)][..]),
        ("ten minutes back", &[(-10 * MINUTE, 30)]),
        (
            "back and forth over what was written",
            &[(-5 * MINUTE, 6), (-3 * MINUTE, 50), (6 * MINUTE, 9)],
        ),
        ("an hour back, twice", &[(-HOUR, 6), (-HOUR, 6)]),
        ("two days back for a moment", &[(-2 * DAY, 3), (2 * DAY, 6)]),
        ("an hour ahead for a moment", &[(HOUR, 1), (-HOUR, 6)]),
    ] {
        let fixture = RestartFixture::new();
        let process = fixture.play(steps);
        let all = 90 + intervals_of(steps);
        let rows = fixture.rows();
        let rows = rows
            .iter()
            .filter(|row| &*row.objective == "api.error_rate");
        let (good, bad) = rows.fold((0, 0), |(good, bad), row| (good + row.good, bad + row.bad));
        assert_eq!((good, bad), (9 * all, all), "{name}");
        assert_eq!(process.counts("api.error_rate").0, 9 * all, "{name}");
        // Once the clock has passed them again, the next process counts all of them.
        let after = fixture.restart(process, Duration::from_secs(3 * 3_600));
        let (good, bad, _) = after.counts("api.error_rate");
        assert_eq!((good, bad), (9 * all, all), "{name}");
    }
}

#[test]
fn a_step_forward_is_a_gap_without_samples_and_no_downtime() {
    for seconds in [2 * MINUTE, HOUR, 2 * DAY, 29 * DAY] {
        let fixture = RestartFixture::new();
        let process = fixture.play(&[(seconds, 30)]);
        let (good, bad, coverage) = process.counts("api.error_rate");
        assert_eq!((good, bad), (9 * 120, 120), "{seconds}");
        assert!(
            (coverage * 259_200.0 - 120.0).abs() < 2.0,
            "{seconds}: {coverage}"
        );
        let sliced = process.counts("api.availability");
        assert!(fixture.rows().len() < 60, "{seconds}");
        let after = fixture.restart(process, Duration::ZERO);
        assert_eq!(after.counts("api.availability").1, sliced.1, "{seconds}");
        assert_eq!(after.counts("api.error_rate").0, good, "{seconds}");
        // What comes after the step is down time as ever.
        let later = fixture.restart(after, Duration::from_secs(600));
        assert_eq!(
            later.counts("api.availability").1,
            sliced.1 + 9,
            "{seconds}"
        );
    }
}

#[test]
fn downtime_after_a_clock_was_ahead_is_not_hidden_by_it() {
    let fixture = RestartFixture::new();
    let process = fixture.play(&[(2 * DAY, 3), (-2 * DAY, 12)]);
    let (_, bad, _) = process.counts("api.availability");
    let after = fixture.restart(process, Duration::from_secs(1_800));
    assert_eq!(after.counts("api.availability").1, bad + 29);
}

#[test]
fn a_clock_that_starts_in_1970_finds_its_history_when_it_is_right() {
    let fixture = RestartFixture::new();
    let before = fixture.start_process();
    fixture.run(&before, 6 * 90);
    let now = Timestamp::try_from(fixture.clock.wall()).unwrap();
    fixture.step(100 - now.as_second());
    let process = fixture.restart(before, Duration::ZERO);
    fixture.run(&process, 3);
    let rows = fixture.rows().len();
    assert!(process.counts("api.error_rate").0 <= 9 * 3);
    // Five minutes after the process before it has ended.
    fixture.step(now.as_second() - 100 + 300);
    fixture.run(&process, 12);
    assert_eq!(process.counts("api.error_rate").0, 9 * (540 + 12));
    assert!(fixture.rows().len() < rows + 16);
    let (_, bad, _) = process.counts("api.availability");
    let after = fixture.restart(process, Duration::ZERO);
    assert_eq!(after.counts("api.error_rate").0, 9 * (540 + 12));
    assert_eq!(after.counts("api.availability").1, bad);
}

/// The sum of the rows of the error rate, however they are dated.
fn stored_counts(fixture: &RestartFixture) -> (u64, u64) {
    let rows = fixture.rows();
    let rows = rows.iter();
    let rows = rows.filter(|row| &*row.objective == "api.error_rate");
    rows.fold((0, 0), |(good, bad), row| (good + row.good, bad + row.bad))
}

#[test]
fn a_restart_onto_later_rows_overwrites_none_of_them() {
    for (name, ahead, restarts) in [
        ("an hour ahead, then right", HOUR, 1),
        ("an hour ahead, then three right ones in one slice", HOUR, 3),
        ("two minutes ahead", 2 * MINUTE, 4),
        ("two days ahead", 2 * DAY, 2),
    ] {
        let fixture = RestartFixture::new();
        fixture.step(ahead);
        let mut process = fixture.start_process();
        fixture.run(&process, 60);
        fixture.step(-ahead - 300);
        let mut all = 60;
        for _ in 0..restarts {
            process = fixture.restart(process, Duration::ZERO);
            fixture.run(&process, 2);
            all += 2;
        }
        // Over the minutes in which the first one has counted.
        fixture.run(&process, 60);
        all += 60;
        assert_eq!(stored_counts(&fixture), (9 * all, all), "{name}");
        let hours = u64::try_from(ahead + HOUR).unwrap();
        let after = fixture.restart(process, Duration::from_secs(hours));
        assert_eq!(after.counts("api.error_rate").0, 9 * all, "{name}");
    }
}

#[test]
fn a_step_back_after_a_restart_overwrites_no_row_of_an_era_before_it() {
    let fixture = RestartFixture::new();
    let mut process = fixture.play(&[(-10 * MINUTE, 30), (9 * MINUTE, 12)]);
    let mut all = 90 + 30 + 12;
    for _ in 0..2 {
        process = fixture.restart(process, Duration::ZERO);
        fixture.run(&process, 6);
        fixture.step(-10 * MINUTE);
        fixture.run(&process, 30);
        all += 36;
        assert_eq!(stored_counts(&fixture), (9 * all, all));
    }
    let after = fixture.restart(process, Duration::from_secs(3_600));
    assert_eq!(after.counts("api.error_rate").0, 9 * all);
}

#[test]
fn a_clock_that_is_behind_at_the_start_finds_its_history_when_it_is_right() {
    // Some of the history is of the future, or nearly all of it.
    for behind in [10 * MINUTE, HOUR, 170 * MINUTE] {
        let fixture = RestartFixture::new();
        let before = fixture.start_process();
        fixture.run(&before, 60);
        let before = fixture.restart(before, Duration::from_secs(300));
        fixture.run(&before, 6 * 170);
        let (_, bad, _) = before.counts("api.availability");
        fixture.step(-behind);
        let process = fixture.restart(before, Duration::ZERO);
        fixture.run(&process, 6);
        // By a step that is not yet all of it, either.
        fixture.rows();
        fixture.step(5);
        fixture.run(&process, 6);
        fixture.rows();
        fixture.step(behind - 5);
        fixture.run(&process, 12);
        let all = 60 + 6 * 170 + 24;
        assert_eq!(process.counts("api.error_rate").0, 9 * all, "{behind}");
        assert_eq!(stored_counts(&fixture), (9 * all, all), "{behind}");
        let known = process.counts("api.availability").1;
        assert!(
            (bad..=bad + 6).contains(&known),
            "{behind}: {known} of {bad}"
        );
        let slices = process.tracker.0.latest.read_slices().unwrap();
        let downtime = slices.bad.iter().filter(|one| one.is_downtime);
        let starts: Vec<_> = downtime.map(|one| one.start).collect();
        // The one between the two processes before, and the minutes that this one was behind: each once.
        assert_eq!(starts.len(), 2, "{behind}: {slices:?}");
        assert!(starts[0] < starts[1], "{behind}: {slices:?}");
    }
}

#[test]
fn rows_that_come_late_after_a_step_cost_no_time() {
    // The store has an answer only after the clock went from 1970 to now.
    for (start, step) in [(-57 * YEAR, 57 * YEAR), (0, 30 * YEAR), (0, -50 * YEAR)] {
        let fixture = RestartFixture::new();
        fixture.step(start);
        let objectives = Objectives::parse(&[("api.json", FILE)]).unwrap();
        for objective in objectives.iter() {
            let policy = config::SloConfig::default().alert_policy();
            let mut state = ObjectiveState::new(objective, INTERVAL, INTERVAL * 6, &policy);
            let now = || Timestamp::try_from(fixture.clock.wall()).unwrap();
            state.start(now());
            state.sample(now(), CounterSample { good: 1, bad: 0 });
            fixture.step(step);
            state.follow_step(SignedDuration::from_secs(step), now());
            state.sample(now(), CounterSample { good: 2, bad: 1 });
            state.restore(&[]);
            state.sample(now(), CounterSample { good: 3, bad: 1 });
            fixture.step(-step);
            state.follow_step(SignedDuration::from_secs(-step), now());
            let report = state.report(now(), &[]);
            assert_eq!((report.good, report.bad), (3, 1), "{step}");
        }
    }
}

#[test]
fn an_alert_is_neither_raised_nor_ended_by_a_step() {
    for (name, steps) in EXCURSIONS {
        let fixture = RestartFixture::new();
        let process = fixture.start_process();
        let changes = record_changes(&process);
        // Quiet for an hour, then every tenth request fails: ten times the target of 99.
        run_requests(&fixture, &process, 360, 0);
        for (seconds, intervals) in steps.iter() {
            fixture.step(*seconds);
            run_requests(&fixture, &process, *intervals, 0);
        }
        let fired =
            |state: &AlertState| matches!(state, AlertState::Critical | AlertState::Warning);
        assert!(!changes.lock().unwrap().iter().any(fired), "{name}");
        run_requests(&fixture, &process, 60, 9);
        assert_eq!(
            process.report("api.error_rate").alert,
            AlertState::Critical,
            "{name}"
        );
        changes.lock().unwrap().clear();
        for (seconds, intervals) in steps.iter() {
            fixture.step(*seconds);
            run_requests(&fixture, &process, *intervals, 9);
        }
        assert_eq!(
            process.report("api.error_rate").alert,
            AlertState::Critical,
            "{name}"
        );
        assert_eq!(*changes.lock().unwrap(), [], "{name}");
    }
}

/// A receiver of workers and a tracker of their objectives, without a store.
struct WorkersFixture {
    clock: Clock,
    receiver: Arc<HeartbeatReceiver>,
    tracker: SloTracker,
    slo_events: SloEvents,
    sequence: u64,
}

impl WorkersFixture {
    fn new(expected: &[&str], slo_config: config::SloConfig) -> Self {
        let RestartFixture {
            clock,
            store_writer,
        } = RestartFixture::new();
        let objectives = Objectives::parse(&[("api.json", FILE)]).unwrap();
        let slo_events = SloEvents::new(&objectives);
        let mut config = config::Config::new("test", config::Role::Api);
        config.heartbeat.expected = expected.iter().map(|&id| id.into()).collect();
        let receiver =
            HeartbeatReceiver::new(&config, clock.clone(), store_writer, slo_events.clone());
        let receiver = Arc::new(receiver);
        let tracker = SloTracker::new(
            clock.clone(),
            slo_config,
            &objectives,
            slo_events.clone(),
            LatestHealth::default(),
            LatestSloReport::default(),
            None,
        );
        Self {
            clock,
            tracker: tracker.with_workers(&receiver),
            receiver,
            slo_events,
            sequence: 0,
        }
    }

    fn beat(&mut self) {
        self.sequence += 1;
        let beat = Beat {
            boot_id: "a".into(),
            sequence: self.sequence,
            role: BeatRole::Worker,
            interval: Duration::from_secs(30),
            state: LifecycleState::Running,
            sent_at: None,
            version: None,
            progress: BeatProgress::default(),
        };
        let id = BeatId::parse("w").unwrap();
        self.receiver.ingest(&id, beat).unwrap();
    }

    fn receive(&self) {
        self.receiver.tick(&LogQueue::immediate());
    }

    /// The report of the workers' availability.
    fn report(&self) -> ObjectiveReport {
        let report = self.tracker.latest().read().unwrap();
        let mut reports = report.objectives.iter();
        let is_wanted = |one: &&ObjectiveReport| {
            (one.service.as_str(), one.name.as_str()) == ("workers", "availability")
        };
        reports.find(is_wanted).unwrap().clone()
    }
}

#[test]
fn workers_have_slices_after_every_step_also_before_the_first_tick() {
    for seconds in [
        -30 * YEAR,
        -57 * YEAR,
        -DAY,
        -HOUR,
        HOUR,
        2 * DAY,
        30 * YEAR,
    ] {
        for steps_first in [true, false] {
            let mut fixture = WorkersFixture::new(&[], config::SloConfig::default());
            for part in 0..2 {
                if steps_first == (part == 0) {
                    fixture.clock.step_wall(seconds * 1_000);
                }
                for _ in 0..60 {
                    fixture.clock.advance(INTERVAL);
                    fixture.beat();
                    fixture.receive();
                    fixture.tracker.tick();
                }
            }
            let report = fixture.report();
            assert_eq!(report.bad, 0, "{seconds}");
            // What was counted thirty years ago is in no window.
            let is_long_ago = !steps_first && seconds > 30 * DAY;
            let minutes = if is_long_ago { 9..=11 } else { 18..=20 };
            assert!(minutes.contains(&report.good), "{seconds}: {}", report.good);
        }
    }
}

#[test]
fn the_slices_of_workers_belong_to_maintenance_whichever_thread_comes_first() {
    let at = |minutes: i64| Timestamp::from_second(1_800_000_000 + 60 * minutes).unwrap();
    for receiver_first in [true, false] {
        let config = config::SloConfig {
            maintenance: vec![SloMaintenance::new(at(10), at(20), "a move").unwrap()],
            ..config::SloConfig::default()
        };
        let fixture = WorkersFixture::new(&["missing"], config);
        fixture.receive();
        for _ in 0..30 * 6 {
            fixture.clock.advance(INTERVAL);
            if receiver_first {
                fixture.receive();
            }
            fixture.tracker.tick();
            if !receiver_first {
                fixture.receive();
            }
        }
        // Missed from the fifth minute on, and not counted from the tenth to the twentieth.
        let report = fixture.report();
        assert_eq!((report.good, report.bad), (0, 15), "{receiver_first}");
        assert_eq!(report.raw, Some((0, 25)), "{receiver_first}");
        let counters = fixture.slo_events.activate_slices(&ServiceKey::Workers);
        let (counted, excluded) = counters.unwrap().split_by_maintenance();
        assert_eq!((counted.bad, excluded.bad), (15, 10), "{receiver_first}");
    }
}
