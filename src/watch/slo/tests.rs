mod clock_steps;

use super::*;
use crate::model::slo::ObjectiveKind;
use crate::model::slo::maintenance::SloMaintenance;
use crate::model::slo::report::{AlertState, ObjectiveReport};
use crate::model::snapshot::health::HealthState;
use crate::model::units::Ratio;
use crate::store::{MemoryStore, StoreWriter, WriterSettings};

const FILE: &str = r#"{"api":{
    "availability":{"target":99.9,"window":"30d"},
    "error_rate":{"target":99,"threshold":1,"window":"30d"}},
  "workers":{
    "availability":{"target":99,"window":"30d"},
    "processing_time":{"target":95,"threshold":300,"window":"30d"}}}"#;
const INTERVAL: Duration = Duration::from_secs(10);

/// The clock and the store, which outlive the processes.
struct RestartFixture {
    clock: Clock,
    store_writer: StoreWriter,
}

struct TrackedProcess {
    tracker: SloTracker,
    requests: ObjectiveCounters,
}

impl RestartFixture {
    fn new() -> Self {
        let start = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let clock = Clock::manual(start);
        let settings = WriterSettings {
            clock: clock.clone(),
            instance: "one".into(),
            retention: Duration::from_secs(62 * 86_400),
        };
        let store_writer =
            StoreWriter::without_thread(Arc::new(MemoryStore::default()), settings).unwrap();
        Self {
            clock,
            store_writer,
        }
    }

    fn start_process(&self) -> TrackedProcess {
        let objectives = Objectives::parse(&[("api.json", FILE)]).unwrap();
        let slo_events = SloEvents::new(&objectives);
        let requests = slo_events.activate_requests().unwrap();
        let slo_store = SloStore {
            store_writer: self.store_writer.clone(),
            instance: "one".into(),
        };
        let tracker = SloTracker::new(
            self.clock.clone(),
            config::SloConfig::default(),
            &objectives,
            slo_events,
            LatestHealth::default(),
            LatestSloReport::default(),
            Some(slo_store),
        );
        tracker.tick();
        TrackedProcess { tracker, requests }
    }

    /// Counts nine good requests and a bad one in each interval.
    fn run(&self, process: &TrackedProcess, intervals: u64) {
        for _ in 0..intervals {
            process.requests.record_events(true, 9);
            process.requests.record_events(false, 1);
            self.clock.advance(INTERVAL);
            process.tracker.tick();
        }
    }

    /// Drops the process and starts another one so much later.
    fn restart(&self, process: TrackedProcess, after: Duration) -> TrackedProcess {
        drop(process);
        assert_eq!(self.store_writer.flush(Duration::ZERO).wait().unwrap(), 0);
        self.clock.advance(after);
        self.start_process()
    }
}

impl TrackedProcess {
    fn report(&self, id: &str) -> ObjectiveReport {
        let report = self.tracker.0.latest.read().unwrap();
        let place = report.objectives.iter();
        let names = self.tracker.0.state.lock().unwrap();
        let found = place.zip(&names.objectives).find(|(_, one)| one.id() == id);
        found.unwrap().0.clone()
    }

    fn counts(&self, id: &str) -> (u64, u64, f64) {
        let report = self.report(id);
        (report.good, report.bad, report.coverage)
    }
}

#[test]
fn a_restart_keeps_the_counts_and_the_burn_rates() {
    let fixture = RestartFixture::new();
    let before = fixture.start_process();
    fixture.run(&before, 6 * 90);
    let old = before.report("api.error_rate");
    let sliced = before.counts("api.availability");
    let after = fixture.restart(before, Duration::ZERO);
    let new = after.report("api.error_rate");
    assert_eq!((new.good, new.bad), (9 * 540, 540));
    assert_eq!(
        (new.good, new.bad, new.coverage),
        (old.good, old.bad, old.coverage)
    );
    assert_eq!(new.burn_rate, old.burn_rate);
    assert_eq!(after.counts("api.availability"), sliced);
}

#[test]
fn restarts_in_one_minute_count_nothing_twice_and_lose_nothing() {
    let fixture = RestartFixture::new();
    let mut process = fixture.start_process();
    fixture.run(&process, 61);
    for _ in 0..3 {
        process = fixture.restart(process, Duration::ZERO);
        fixture.run(&process, 1);
    }
    let (good, bad, _) = process.counts("api.error_rate");
    assert_eq!((good, bad), (9 * 64, 64));
    let process = fixture.restart(process, Duration::from_secs(600));
    let (good, bad, _) = process.counts("api.error_rate");
    assert_eq!((good, bad), (9 * 64, 64));
}

#[test]
fn minutes_between_two_processes_are_bad_for_availability_and_uncovered_for_requests() {
    let fixture = RestartFixture::new();
    let before = fixture.start_process();
    fixture.run(&before, 60);
    let (_, bad, covered) = before.counts("api.availability");
    let requests = before.counts("api.error_rate");
    let after = fixture.restart(before, Duration::from_secs(600));
    // The last row is that of the tenth minute, and the new process starts at the end of the twentieth.
    assert_eq!(after.counts("api.availability").1, bad + 9);
    let more = after.counts("api.availability").2 - covered;
    assert!((more * 259_200.0 - 54.0).abs() < 1e-6, "{more}");
    assert_eq!(after.counts("api.error_rate"), requests);
    fixture.run(&after, 12);
    let slo_store = after.counts("api.availability");
    let again = fixture.restart(after, Duration::ZERO);
    assert_eq!(
        again.counts("api.availability"),
        slo_store,
        "also one restart later"
    );
}

#[test]
fn minutes_without_samples_of_a_running_process_are_not_bad() {
    let fixture = RestartFixture::new();
    let process = fixture.start_process();
    fixture.run(&process, 60);
    let (_, bad, _) = process.counts("api.availability");
    fixture.clock.advance(Duration::from_secs(1_800));
    process.tracker.tick();
    assert_eq!(process.counts("api.availability").1, bad);
    let after = fixture.restart(process, Duration::ZERO);
    assert_eq!(after.counts("api.availability").1, bad);
}

/// Records the alert states of the error rate that callbacks receive, in order.
fn record_changes(process: &TrackedProcess) -> Arc<Mutex<Vec<AlertState>>> {
    let changes: Arc<Mutex<Vec<AlertState>>> = Arc::default();
    let recorder = Arc::clone(&changes);
    process.tracker.on_change(move |change| {
        // What is told at registration changes nothing.
        if &*change.objective == "api.error_rate" && change.from != change.to {
            recorder.lock().unwrap().push(change.to);
        }
    });
    changes
}

#[test]
fn an_alert_survives_a_restart_without_a_second_notification() {
    let fixture = RestartFixture::new();
    let before = fixture.start_process();
    // A tenth is bad, of 1 % that may be: not more than 10x, but more than 2x.
    fixture.run(&before, 6 * 60 * 4);
    assert_eq!(before.report("api.error_rate").alert, AlertState::Warning);
    let after = fixture.restart(before, Duration::from_secs(20));
    let changes = record_changes(&after);
    assert_eq!(after.report("api.error_rate").alert, AlertState::Warning);
    fixture.run(&after, 6);
    assert_eq!(*changes.lock().unwrap(), [], "nothing has changed");
    // Its end is told once, 6 min after the short window has become calm.
    for _ in 0..6 * 60 {
        after.requests.record_events(true, 10);
        fixture.clock.advance(INTERVAL);
        after.tracker.tick();
    }
    assert_eq!(*changes.lock().unwrap(), [AlertState::None]);
    let again = fixture.restart(after, Duration::ZERO);
    assert_eq!(again.report("api.error_rate").alert, AlertState::None);
}

#[test]
fn an_alert_in_its_calm_survives_a_restart() {
    let fixture = RestartFixture::new();
    let before = fixture.start_process();
    fixture.run(&before, 6 * 60 * 4);
    for _ in 0..6 * 28 {
        before.requests.record_events(true, 10);
        fixture.clock.advance(INTERVAL);
        before.tracker.tick();
    }
    let rates = before.report("api.error_rate").burn_rate;
    let short = rates.iter().find(|rate| rate.window.as_secs() == 1_800);
    assert!(
        short.unwrap().bad * 50 < short.unwrap().good,
        "it burns below 2x by now"
    );
    assert_eq!(before.report("api.error_rate").alert, AlertState::Warning);
    let after = fixture.restart(before, Duration::ZERO);
    assert_eq!(after.report("api.error_rate").alert, AlertState::Warning);
}

/// The objectives of workers, which only the leader of the receivers or a lost job counts.
const OF_WORKERS: [&str; 2] = ["workers.availability", "workers.processing_time"];

#[test]
fn a_restored_alert_clears_though_nothing_counts_its_objective_any_more() {
    let fixture = RestartFixture::new();
    let before = fixture.start_process();
    let slo_events = &before.tracker.0.slo_events;
    let counters = [
        slo_events.activate_slices(&ServiceKey::Workers).unwrap(),
        slo_events.activate(ObjectiveKind::ProcessingTime).unwrap(),
    ];
    for _ in 0..60 {
        for counters in &counters {
            counters.record_event(false);
        }
        fixture.run(&before, 1);
    }
    let alerts = |process: &TrackedProcess| OF_WORKERS.map(|id| process.report(id).alert);
    assert_eq!(alerts(&before), [AlertState::Critical; 2]);
    let after = fixture.restart(before, Duration::from_secs(20));
    assert_eq!(alerts(&after), [AlertState::Critical; 2], "restored");
    // The short windows become calm, of 5 min and of half an hour, and stay so for a fifth of their length.
    fixture.run(&after, 6 * 7);
    assert_eq!(alerts(&after), [AlertState::Warning; 2]);
    fixture.run(&after, 6 * 31);
    assert_eq!(alerts(&after), [AlertState::None; 2]);
    let is_counted = |one: &ObjectiveCounters| OF_WORKERS.contains(&one.objective());
    assert!(!after.tracker.0.slo_events.active().any(is_counted));
    let again = fixture.restart(after, Duration::ZERO);
    assert_eq!(alerts(&again), [AlertState::None; 2]);
}

#[test]
fn an_orderly_shutdown_keeps_the_events_since_the_last_sample() {
    let fixture = RestartFixture::new();
    let before = fixture.start_process();
    fixture.run(&before, 61);
    let covered = before.counts("api.error_rate").2;
    before.requests.record_events(true, 5);
    before.requests.record_events(false, 4);
    fixture.clock.advance(Duration::from_secs(3));
    before.tracker.take_final_sample();
    let after = fixture.restart(before, Duration::ZERO);
    assert_eq!(
        after.counts("api.error_rate"),
        (9 * 61 + 5, 61 + 4, covered)
    );
}

#[test]
fn events_of_maintenance_are_exported_apart_and_left_out_of_the_report() {
    let start = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let clock = Clock::manual(start);
    let objectives = Objectives::parse(&[("api.json", FILE)]).unwrap();
    let slo_events = SloEvents::new(&objectives);
    let requests = slo_events.activate_requests().unwrap();
    let at = |minutes: i64| Timestamp::from_second(1_800_000_000 + 60 * minutes).unwrap();
    let mut config = config::SloConfig::default();
    let maintenance = SloMaintenance::new(at(10), at(20), "a move").unwrap();
    config.maintenance = vec![maintenance];
    let latest = LatestSloReport::default();
    let health = LatestHealth::default();
    health.publish(HealthState {
        started: true,
        sampled: true,
        ..HealthState::default()
    });
    let tracker = SloTracker::new(
        clock.clone(),
        config,
        &objectives,
        slo_events.clone(),
        health,
        latest.clone(),
        None,
    );
    tracker.tick();
    let status = slo_events.maintenance().status();
    assert!(status.declared && !status.active);
    for _ in 0..30 * 6 {
        // All requests of the maintenance fail, and those of the minute before it.
        let good = Timestamp::try_from(clock.wall()).unwrap();
        let good = good < at(9) || good >= at(20);
        requests.record_events(good, 10);
        clock.advance(INTERVAL);
        tracker.tick();
    }
    let (counted, excluded) = requests.split_by_maintenance();
    assert_eq!((counted.good, counted.bad), (1_140, 60));
    assert_eq!((excluded.good, excluded.bad), (0, 600));
    let report = latest.read().unwrap();
    let errors = &report.objectives[1];
    assert_eq!((errors.good, errors.bad), (counted.good, counted.bad));
    assert_eq!(errors.raw, Some((1_140, 660)));
    // The slices are those of the same minutes.
    let slices = slo_events.activate_slices(&ServiceKey::Api).unwrap();
    let (counted, excluded) = slices.split_by_maintenance();
    assert_eq!((counted.good, counted.bad), (19, 1));
    assert_eq!((excluded.good, excluded.bad), (0, 10));
    let availability = &report.objectives[0];
    assert_eq!((availability.good, availability.bad), (19, 1));
    assert_eq!(availability.raw, Some((19, 11)));
}

/// Counts ten requests in each interval, so many of which fail.
fn run_requests(fixture: &RestartFixture, process: &TrackedProcess, intervals: u64, bad: u64) {
    for _ in 0..intervals {
        process.requests.record_events(true, 10 - bad);
        process.requests.record_events(false, bad);
        fixture.clock.advance(INTERVAL);
        process.tracker.tick();
    }
}

#[test]
fn a_restart_in_the_first_hour_changes_no_figure_and_freezes_nothing() {
    let fixture = RestartFixture::new();
    let before = fixture.start_process();
    run_requests(&fixture, &before, 119, 0);
    run_requests(&fixture, &before, 1, 2);
    let old = before.report("api.error_rate");
    let after = fixture.restart(before, Duration::ZERO);
    let new = after.report("api.error_rate");
    assert_eq!(new.budget(), old.budget());
    assert_eq!(new.collecting_text(), old.collecting_text());
    assert_eq!((new.alert, old.alert), (AlertState::None, AlertState::None));
    let words = Some("collecting data, 20 min of 30 d");
    assert_eq!(new.collecting_text().as_deref(), words);
    // A bad deploy takes over: it alerts with the history as without.
    run_requests(&fixture, &after, 1, 10);
    assert_eq!(
        after.report("api.error_rate").alert,
        AlertState::None,
        "12 bad of 1,210"
    );
    run_requests(&fixture, &after, 12, 10);
    assert_eq!(
        after.report("api.error_rate").alert,
        AlertState::Warning,
        "132 of 1,330"
    );
    run_requests(&fixture, &after, 1, 10);
    assert_eq!(
        after.report("api.error_rate").alert,
        AlertState::Critical,
        "142 of 1,340"
    );
}

#[test]
fn after_a_downtime_samples_are_missing_and_only_for_half_of_the_short_window() {
    let fixture = RestartFixture::new();
    let before = fixture.start_process();
    run_requests(&fixture, &before, 120, 0);
    let (_, bad, _) = before.counts("api.availability");
    let after = fixture.restart(before, Duration::from_secs(600));
    assert_eq!(after.report("api.error_rate").alert, AlertState::Frozen);
    // Nine minutes of downtime are bad slices, and covered: of them it can be said.
    let availability = after.report("api.availability");
    assert_eq!(
        (availability.bad, availability.alert),
        (bad + 9, AlertState::Critical)
    );
    let consumed = Ratio::new(10 * i128::from(bad + 9), 432);
    assert_eq!(availability.budget().consumed(), consumed);
    // The warning's half hour has samples enough, and it alone fires until the critical pair is judged.
    run_requests(&fixture, &after, 14, 10);
    assert_eq!(after.report("api.error_rate").alert, AlertState::Warning);
    run_requests(&fixture, &after, 1, 10);
    assert_eq!(after.report("api.error_rate").alert, AlertState::Critical);
}

#[test]
fn a_process_without_a_store_is_young_after_every_start() {
    let fixture = RestartFixture::new();
    for _ in 0..2 {
        let process = fixture.start_process();
        assert_eq!(process.report("api.error_rate").alert, AlertState::None);
        run_requests(&fixture, &process, 2, 10);
        assert_eq!(process.report("api.error_rate").alert, AlertState::Critical);
        // What it has counted is not flushed.
        drop(process);
        fixture.clock.advance(Duration::from_secs(86_400));
    }
}

#[test]
fn bad_slices_and_downtime_are_told_as_periods() {
    let fixture = RestartFixture::new();
    let before = fixture.start_process();
    fixture.run(&before, 6 * 10);
    let told = |process: &TrackedProcess| process.tracker.0.latest.read_slices().unwrap();
    let slices = told(&before);
    assert_eq!(&*slices.objective, "api.availability");
    // Nothing has made the process ready.
    let [bad] = slices.bad[..] else {
        panic!("{slices:?}");
    };
    assert_eq!(bad.end.duration_since(bad.start).as_secs(), 600);
    assert!(!bad.is_downtime && slices.is_failing, "{slices:?}");
    let after = fixture.restart(before, Duration::from_secs(300));
    fixture.run(&after, 6);
    let slices = told(&after);
    let [down, ..] = slices.bad[..] else {
        panic!("{slices:?}");
    };
    let length = down.end.duration_since(down.start).as_secs();
    assert!(
        down.is_downtime && [180, 240].contains(&length),
        "{slices:?}"
    );
}
