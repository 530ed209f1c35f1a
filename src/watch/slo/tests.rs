use super::*;
use crate::model::slo::report::{Alert, ObjectiveReport};
use crate::store::{Keeper, Memory, Settings};

const FILE: &str = r#"{"api":{
    "availability":{"target":99.9,"window":"30d"},
    "error_rate":{"target":99,"threshold":1,"window":"30d"}}}"#;
const INTERVAL: Duration = Duration::from_secs(10);

/// What outlives the processes.
struct World {
    clock: Clock,
    keeper: Keeper,
}

struct Process {
    tracker: Tracker,
    requests: Account,
}

impl World {
    fn new() -> Self {
        let start = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let clock = Clock::manual(start);
        let settings = Settings {
            clock: clock.clone(),
            instance: "one".into(),
            retention: Duration::from_secs(62 * 86_400),
        };
        let keeper = Keeper::idle(Arc::new(Memory::default()), settings).unwrap();
        Self { clock, keeper }
    }

    fn process(&self) -> Process {
        let objectives = Objectives::parse(&[("api.json", FILE)]).unwrap();
        let ledger = Ledger::of(&objectives);
        let requests = ledger.open_requests().unwrap();
        let kept = Kept {
            keeper: self.keeper.clone(),
            instance: "one".into(),
        };
        let tracker = Tracker::new(
            self.clock.clone(),
            config::Slo::default(),
            &objectives,
            ledger,
            LatestHealth::default(),
            LatestSlo::default(),
            Some(kept),
        );
        tracker.tick();
        Process { tracker, requests }
    }

    /// Nine good requests and a bad one in each interval.
    fn play(&self, process: &Process, intervals: u64) {
        for _ in 0..intervals {
            process.requests.add(true, 9);
            process.requests.add(false, 1);
            self.clock.advance(INTERVAL);
            process.tracker.tick();
        }
    }

    /// The process dies, and another one starts so much later.
    fn restart(&self, process: Process, after: Duration) -> Process {
        drop(process);
        assert_eq!(self.keeper.flush(Duration::ZERO).wait().unwrap(), 0);
        self.clock.advance(after);
        self.process()
    }
}

impl Process {
    fn report(&self, id: &str) -> ObjectiveReport {
        let report = self.tracker.0.latest.read().unwrap();
        let place = report.objectives.iter();
        let names = self.tracker.0.state.lock().unwrap();
        let found = place.zip(&names.tracked).find(|(_, one)| one.id() == id);
        found.unwrap().0.clone()
    }

    fn counts(&self, id: &str) -> (u64, u64, f64) {
        let report = self.report(id);
        (report.good, report.bad, report.coverage)
    }
}

#[test]
fn a_restart_keeps_the_figures_and_the_burn_rates() {
    let world = World::new();
    let before = world.process();
    world.play(&before, 6 * 90);
    let old = before.report("api.error_rate");
    let sliced = before.counts("api.availability");
    let after = world.restart(before, Duration::ZERO);
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
    let world = World::new();
    let mut process = world.process();
    world.play(&process, 61);
    for _ in 0..3 {
        process = world.restart(process, Duration::ZERO);
        world.play(&process, 1);
    }
    let (good, bad, _) = process.counts("api.error_rate");
    assert_eq!((good, bad), (9 * 64, 64));
    let process = world.restart(process, Duration::from_secs(600));
    let (good, bad, _) = process.counts("api.error_rate");
    assert_eq!((good, bad), (9 * 64, 64));
}

#[test]
fn minutes_between_two_processes_are_bad_for_availability_and_uncovered_for_requests() {
    let world = World::new();
    let before = world.process();
    world.play(&before, 60);
    let (_, bad, covered) = before.counts("api.availability");
    let requests = before.counts("api.error_rate");
    let after = world.restart(before, Duration::from_secs(600));
    // The last row is that of the tenth minute, and the new process starts at the end of the twentieth.
    assert_eq!(after.counts("api.availability").1, bad + 9);
    let more = after.counts("api.availability").2 - covered;
    assert!((more * 259_200.0 - 54.0).abs() < 1e-6, "{more}");
    assert_eq!(after.counts("api.error_rate"), requests);
    world.play(&after, 12);
    let kept = after.counts("api.availability");
    let again = world.restart(after, Duration::ZERO);
    assert_eq!(
        again.counts("api.availability"),
        kept,
        "also one restart later"
    );
}

#[test]
fn minutes_that_a_living_process_slept_through_are_not_bad() {
    let world = World::new();
    let process = world.process();
    world.play(&process, 60);
    let (_, bad, _) = process.counts("api.availability");
    world.clock.advance(Duration::from_secs(1_800));
    process.tracker.tick();
    // The minute before the sleep was seen whole, and is told of now.
    assert_eq!(process.counts("api.availability").1, bad + 1);
    let after = world.restart(process, Duration::ZERO);
    assert_eq!(after.counts("api.availability").1, bad + 1);
}

/// What the callbacks were told about the error rate, in order.
fn listen(process: &Process) -> Arc<Mutex<Vec<Alert>>> {
    let told: Arc<Mutex<Vec<Alert>>> = Arc::default();
    let telling = Arc::clone(&told);
    process.tracker.on_change(move |change| {
        if &*change.objective == "api.error_rate" {
            telling.lock().unwrap().push(change.to);
        }
    });
    told
}

#[test]
fn what_burns_before_a_restart_burns_after_it_and_is_not_announced_again() {
    let world = World::new();
    let before = world.process();
    // A tenth is bad, of 1 % that may be: not more than 10x, but more than 2x.
    world.play(&before, 6 * 60 * 4);
    assert_eq!(before.report("api.error_rate").alert, Alert::Warning);
    let after = world.restart(before, Duration::from_secs(20));
    let told = listen(&after);
    assert_eq!(after.report("api.error_rate").alert, Alert::Warning);
    world.play(&after, 6);
    assert_eq!(*told.lock().unwrap(), [], "nothing has changed");
    // Its end is told once, 6 min after the short window has become calm.
    for _ in 0..6 * 60 {
        after.requests.add(true, 10);
        world.clock.advance(INTERVAL);
        after.tracker.tick();
    }
    assert_eq!(*told.lock().unwrap(), [Alert::None]);
    let again = world.restart(after, Duration::ZERO);
    assert_eq!(again.report("api.error_rate").alert, Alert::None);
}

#[test]
fn an_alert_in_its_calm_is_not_forgotten_by_a_restart() {
    let world = World::new();
    let before = world.process();
    world.play(&before, 6 * 60 * 4);
    for _ in 0..6 * 28 {
        before.requests.add(true, 10);
        world.clock.advance(INTERVAL);
        before.tracker.tick();
    }
    let rates = before.report("api.error_rate").burn_rate;
    let short = rates.iter().find(|rate| rate.window.as_secs() == 1_800);
    assert!(
        short.unwrap().bad * 50 < short.unwrap().good,
        "it burns below 2x by now"
    );
    assert_eq!(before.report("api.error_rate").alert, Alert::Warning);
    let after = world.restart(before, Duration::ZERO);
    assert_eq!(after.report("api.error_rate").alert, Alert::Warning);
}

#[test]
fn an_orderly_end_keeps_what_happened_since_the_last_sample() {
    let world = World::new();
    let before = world.process();
    world.play(&before, 61);
    let covered = before.counts("api.error_rate").2;
    before.requests.add(true, 5);
    before.requests.add(false, 4);
    world.clock.advance(Duration::from_secs(3));
    before.tracker.conclude();
    let after = world.restart(before, Duration::ZERO);
    assert_eq!(
        after.counts("api.error_rate"),
        (9 * 61 + 5, 61 + 4, covered)
    );
}
