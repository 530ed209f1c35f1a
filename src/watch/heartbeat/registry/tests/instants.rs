use super::*;
use WorkerState::{Expired, Forgotten, Late, New, Offline, Online, Stalled, Stopped};

#[test]
fn a_worker_goes_through_its_states_at_the_exact_instants() {
    let worker = SingleWorker::new();
    worker
        .registry()
        .register_expected(&worker.id, BeatRole::Worker, at(0));
    assert_eq!(worker.state(at(0)), Some(New));
    worker.beat(beat("a", 1), at(10));
    assert_eq!(worker.state(at(10)), Some(Online));
    for (second, state) in [(70, Late), (310, Offline)] {
        assert_ne!(worker.state(before(at(second))), Some(state));
        assert_eq!(worker.state(at(second)), Some(state), "at {second} s");
    }
    worker.beat(beat("a", 2), at(400));
    assert_eq!(worker.state(at(400)), Some(Online));
    worker.beat(goodbye("a", 3), at(420));
    assert_eq!(worker.state(at(420)), Some(Stopped));
    assert_eq!(
        worker.state(at(3600)),
        Some(Stopped),
        "silence says nothing now"
    );
    let found = changes(&worker.registry().advance(at(3600)));
    assert_eq!(
        found,
        [
            (New, Online, at(10)),
            (Online, Late, at(70)),
            (Late, Offline, at(310)),
            (Offline, Online, at(400)),
            (Online, Stopped, at(420)),
        ]
    );
}

#[test]
fn a_worker_that_is_not_expected_is_forgotten_a_day_after_its_last_beat() {
    for (last, state) in [(beat("a", 1), Forgotten), (goodbye("a", 1), Stopped)] {
        let worker = SingleWorker::new();
        worker.beat(last, at(0));
        let end = at(86_400);
        assert_eq!(worker.state(before(end)), Some(state));
        assert!(worker.view(end).is_none());
        let found = worker.registry().advance(end);
        assert_eq!(changes(&found).last(), Some(&(state, Expired, end)));
        let forget = crate::store::StoreOp::DeleteWorker(worker.id.clone(), Some(at(0)));
        assert!(found.store_ops.contains(&forget), "{:?}", found.store_ops);
        assert_eq!(worker.registry().counts(BeatRole::Worker, end).total(), 0);
    }
}

#[test]
fn an_expected_worker_that_never_comes_goes_offline_and_stays() {
    let worker = SingleWorker::new();
    assert!(
        worker
            .registry()
            .register_expected(&worker.id, BeatRole::Worker, at(0))
            .is_some()
    );
    assert!(
        worker
            .registry()
            .register_expected(&worker.id, BeatRole::Worker, at(1))
            .is_none()
    );
    assert_eq!(worker.state(before(at(300))), Some(New));
    assert_eq!(worker.state(at(300)), Some(Offline));
    assert_eq!(worker.state(at(90 * 86_400)), Some(Offline));
}

#[test]
fn a_worker_with_work_and_no_progress_is_stalled_and_lateness_hides_that() {
    let worker = SingleWorker::new();
    for (sequence, second) in (0..=9).map(|n| (n + 1, n * 30)) {
        worker.beat(busy("a", sequence, 1, 7), at(second));
    }
    assert_eq!(worker.state(before(at(300))), Some(Online));
    assert_eq!(worker.state(at(300)), Some(Stalled));
    assert_eq!(worker.state(at(330)), Some(Late));
    worker.beat(busy("a", 12, 1, 7), at(370));
    assert_eq!(
        worker.state(at(370)),
        Some(Stalled),
        "it is there, and no further"
    );
    worker.beat(busy("a", 13, 1, 8), at(380));
    assert_eq!(worker.state(at(380)), Some(Online));
}

#[test]
fn progress_is_a_job_that_ended_a_later_date_or_work_after_none() {
    let later = |beat: Beat| Beat {
        progress: BeatProgress {
            last_progress_at: Some(at(1)),
            ..beat.progress
        },
        ..beat
    };
    let waiting = |beat: Beat| Beat {
        progress: BeatProgress {
            queue_depth: Some(3),
            ..beat.progress
        },
        ..beat
    };
    for (first, second, progressed) in [
        (busy("a", 1, 1, 7), busy("a", 2, 1, 8), true),
        (busy("a", 1, 1, 7), later(busy("a", 2, 1, 7)), true),
        (busy("a", 1, 0, 7), busy("a", 2, 1, 7), true),
        (busy("a", 1, 0, 7), waiting(busy("a", 2, 0, 7)), true),
        (busy("a", 1, 1, 7), busy("a", 2, 2, 7), false),
        (busy("a", 1, 1, 7), busy("a", 2, 1, 7), false),
        (busy("a", 1, 1, 7), busy("b", 1, 1, 7), true),
    ] {
        let worker = SingleWorker::new();
        worker.beat(first, at(0));
        worker.beat(second, at(20));
        let row = worker.view(at(20)).unwrap().row;
        assert_eq!(row.progressed_at == Some(at(20)), progressed, "{row:?}");
    }
}

#[test]
fn without_work_nobody_stalls() {
    let worker = SingleWorker::new();
    for n in 0..100 {
        worker.beat(busy("a", n + 1, 0, 7), at(n * 30));
    }
    assert_eq!(worker.state(at(99 * 30)), Some(Online));
}

#[test]
fn draining_is_alive() {
    let worker = SingleWorker::new();
    let draining = Beat {
        state: LifecycleState::Draining,
        ..beat("a", 1)
    };
    worker.beat(draining, at(0));
    assert_eq!(worker.state(at(0)), Some(Online));
    assert_eq!(worker.state(at(300)), Some(Offline));
}

#[test]
fn a_longer_interval_is_waited_for_and_a_shorter_one_at_once() {
    let worker = SingleWorker::new();
    let every = |seconds, sequence| Beat {
        interval: Duration::from_secs(seconds),
        ..beat("a", sequence)
    };
    worker.beat(every(100, 1), at(0));
    assert_eq!(worker.state(before(at(200))), Some(Online));
    worker.beat(every(1, 2), at(210));
    assert_eq!(worker.state(before(at(212))), Some(Online));
    assert_eq!(worker.state(at(212)), Some(Late));
    worker.beat(every(600, 3), at(220));
    assert_eq!(worker.state(before(at(520))), Some(Online));
    assert_eq!(worker.state(at(520)), Some(Offline), "offline beats late");
}

#[test]
fn a_clock_that_stands_back_for_a_moment_delays_nothing() {
    let worker = SingleWorker::new();
    worker.beat(beat("a", 1), at(100));
    worker.beat(beat("a", 2), before(at(100)));
    let view = worker.view(at(100)).unwrap();
    assert_eq!((view.state, view.row.last_seen), (Online, Some(at(100))));
    assert_eq!(worker.state(at(400)), Some(Offline));
}

#[test]
fn one_of_many_is_forgotten_an_hour_after_its_last_beat_and_an_expected_one_never() {
    let worker = SingleWorker::new();
    let expected = id("expected");
    worker
        .registry()
        .register_expected(&expected, BeatRole::Worker, at(0));
    worker.beat(beat("a", 1), at(10));
    worker
        .registry()
        .ingest(&expected, beat("a", 1), at(10))
        .unwrap();
    // Both are offline from 310 on; the minutes are bad.
    let slices = worker.listen(11, 3_600).slices;
    assert_eq!((slices.good, slices.bad), (10, 110));
    assert_eq!(worker.state(before(at(3_610))), Some(Offline));
    assert_eq!(worker.state(at(3_610)), Some(Forgotten));
    let counts = worker.registry().counts(BeatRole::Worker, at(3_610));
    assert_eq!((counts.count(Offline), counts.count_shown(Offline)), (1, 2));
    assert_eq!(counts.active(), 1, "the expected one");
    let seen = worker.registry().last_seen(BeatRole::Worker, 9, at(3_610));
    assert_eq!(seen, Some(vec![(expected.clone(), at(10))]));
    let slices = worker.listen(3_610, 3_720).slices;
    assert_eq!(
        (slices.good, slices.bad),
        (0, 2),
        "of the expected one alone"
    );
    let view = worker.registry().view(&expected, at(40 * 86_400)).unwrap();
    assert_eq!(view.state, Offline);
    worker.beat(beat("b", 1), at(40 * 86_400));
    assert_eq!(worker.state(at(40 * 86_400)), Some(Online), "it came back");
}

#[test]
fn a_scheduler_is_missed_until_it_expires() {
    let scheduler = SingleWorker::new();
    let beat = Beat {
        role: BeatRole::Scheduler,
        ..beat("a", 1)
    };
    scheduler.beat(beat, at(0));
    assert_eq!(scheduler.state(before(at(86_400))), Some(Offline));
    assert_eq!(scheduler.state(at(86_400)), None);
}

#[test]
fn a_worker_that_said_goodbye_is_not_forgotten_before_it_expires() {
    let worker = SingleWorker::new();
    worker.beat(goodbye("a", 1), at(0));
    assert_eq!(worker.state(at(7_200)), Some(Stopped));
}

#[test]
fn a_worker_is_missed_before_it_is_forgotten_whatever_the_time_until_then() {
    let hour = 3_600;
    for (offline, forgotten) in [
        (300, hour),
        (1_800, 6 * hour),
        (hour, 12 * hour),
        (2 * hour, 24 * hour),
        (24 * hour, 288 * hour),
    ] {
        let config = crate::config::HeartbeatConfig {
            offline_after: Duration::from_secs(offline),
            expire_after: Duration::from_secs(31 * 86_400),
            ..Default::default()
        };
        let timeouts = StateTimeouts::from_config(&config);
        let worker = SingleWorker {
            registry: RefCell::new(WorkerRegistry::new(timeouts, start())),
            id: id("w"),
        };
        worker.beat(beat("a", 1), at(0));
        assert_eq!(worker.state(at(offline + 60)), Some(Offline), "{offline} s");
        assert_eq!(worker.state(before(at(forgotten))), Some(Offline));
        assert_eq!(worker.state(at(forgotten)), Some(Forgotten), "{offline} s");
    }
}
