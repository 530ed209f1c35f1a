use super::*;
use BeatOutcome::{Accepted, Duplicate, OutOfOrder, Restarted, Superseded};
use WorkerState::{Online, Stopped};

fn last_seen(worker: &SingleWorker, at: Timestamp) -> Option<Timestamp> {
    worker.view(at).unwrap().row.last_seen
}

#[test]
fn an_old_beat_moves_last_seen_neither_back_nor_forward() {
    let worker = SingleWorker::new();
    assert_eq!(worker.beat(beat("a", 5), at(10)), Accepted);
    for (sequence, outcome) in [(5, Duplicate), (4, OutOfOrder), (0, OutOfOrder)] {
        let receipt = worker.receipt(beat("a", sequence), at(20));
        assert_eq!(receipt.outcome, outcome);
        assert!(receipt.row.is_none());
    }
    assert_eq!(last_seen(&worker, at(20)), Some(at(10)));
    assert_eq!(worker.state(at(310)), Some(WorkerState::Offline));
    assert_eq!(
        worker.beat(beat("a", 9), at(320)),
        Accepted,
        "gaps don't matter"
    );
    assert_eq!(last_seen(&worker, at(320)), Some(at(320)));
}

#[test]
fn a_sender_in_the_future_only_has_another_clock() {
    let worker = SingleWorker::new();
    let ahead = Beat {
        sent_at: Some(at(3600)),
        ..beat("a", 1)
    };
    worker.beat(ahead, at(0));
    let row = worker.view(at(0)).unwrap().row;
    assert_eq!(
        (row.clock_skew_ms, row.last_seen),
        (Some(-3_600_000), Some(at(0)))
    );
    assert_eq!(worker.state(at(300)), Some(WorkerState::Offline));
}

#[test]
fn a_new_boot_is_a_restart_and_counted_once() {
    let worker = SingleWorker::new();
    worker.beat(beat("a", 100), at(0));
    assert_eq!(worker.beat(beat("b", 1), at(10)), Restarted);
    assert_eq!(worker.beat(beat("b", 2), at(20)), Accepted);
    let row = worker.view(at(20)).unwrap().row;
    assert_eq!((row.restarts, row.sequence), (1, 2));
    assert_eq!(row.previous_boot_id.as_deref(), Some("a"));
    assert_eq!(worker.registry().counters().restarted, 1);
}

#[test]
fn stragglers_of_earlier_boots_say_nothing_while_the_latest_is_there() {
    let worker = SingleWorker::new();
    worker.beat(beat("a", 1), at(0));
    worker.beat(beat("b", 1), at(10));
    worker.beat(beat("c", 1), at(20));
    for straggler in [beat("a", 7), beat("b", 7), goodbye("a", 8), goodbye("b", 8)] {
        assert_eq!(worker.beat(straggler, at(30)), Superseded);
    }
    let view = worker.view(at(30)).unwrap();
    assert_eq!((view.state, view.row.restarts), (Online, 2));
    assert_eq!(view.row.last_seen, Some(at(20)));
}

#[test]
fn of_two_processes_with_one_id_the_later_is_the_worker_until_it_goes() {
    let worker = SingleWorker::new();
    for n in 1..=10 {
        worker.beat(beat("a", n), at(n * 30));
        worker.beat(beat("b", n), at(n * 30 + 15));
    }
    assert_eq!(
        worker.view(at(315)).unwrap().row.restarts,
        1,
        "they don't take turns"
    );
    worker.beat(goodbye("b", 11), at(320));
    assert_eq!(worker.state(at(320)), Some(Stopped));
    assert_eq!(worker.beat(beat("a", 11), at(330)), Accepted);
    let view = worker.view(at(330)).unwrap();
    assert_eq!((view.state, view.row.restarts), (Online, 1));
    assert_eq!(view.row.boot_id.as_deref(), Some("a"));
}

#[test]
fn a_goodbye_of_an_old_boot_never_stops_anybody() {
    let worker = SingleWorker::new();
    worker.beat(beat("a", 1), at(0));
    worker.beat(beat("b", 1), at(10));
    assert_eq!(worker.beat(goodbye("a", 2), at(20)), Superseded);
    assert_eq!(worker.state(at(20)), Some(Online));
    assert_eq!(
        worker.beat(goodbye("a", 2), at(400)),
        Superseded,
        "b is missed"
    );
    assert_eq!(worker.state(at(400)), Some(WorkerState::Offline));
}

#[test]
fn a_straggler_is_worth_something_once_the_latest_boot_is_offline() {
    let worker = SingleWorker::new();
    worker.beat(beat("a", 1), at(0));
    worker.beat(beat("b", 1), at(10));
    assert_eq!(worker.beat(beat("a", 2), before(at(310))), Superseded);
    assert_eq!(worker.beat(beat("a", 3), at(310)), Accepted);
    assert_eq!(worker.state(at(310)), Some(Online));
}

#[test]
fn one_that_beats_far_too_often_is_refused_and_recovers_in_the_next_second() {
    let worker = SingleWorker::new();
    for sequence in 0..20 {
        worker.beat(beat("a", sequence), at(1));
    }
    let refused = worker.registry().ingest(&worker.id, beat("a", 20), at(1));
    assert_eq!(refused.unwrap_err(), BeatRejection::TooFast);
    assert_eq!(worker.beat(beat("a", 21), at(2)), Accepted);
}

#[test]
fn a_full_registry_refuses_new_workers_and_keeps_those_it_has() {
    let mut registry = WorkerRegistry::new(
        StateTimeouts {
            capacity: 2,
            ..timeouts()
        },
        start(),
    );
    for name in ["a", "b"] {
        registry.ingest(&id(name), beat("x", 1), at(0)).unwrap();
    }
    assert_eq!(
        registry.ingest(&id("c"), beat("x", 1), at(1)).unwrap_err(),
        BeatRejection::Full
    );
    registry.ingest(&id("a"), beat("x", 2), at(1)).unwrap();
    assert_eq!(registry.counters().full, 1);
    registry
        .ingest(&id("c"), beat("x", 1), at(86_400))
        .expect("b has been forgotten");
}

#[test]
fn a_new_boot_is_announced_only_by_the_goodbye_of_the_one_before() {
    let worker = SingleWorker::new();
    worker.beat(beat("a", 1), at(0));
    assert!(!worker.receipt(beat("b", 1), at(1)).after_goodbye);
    worker.beat(goodbye("b", 2), at(2));
    let deploy = worker.receipt(beat("c", 1), at(3));
    assert_eq!((deploy.outcome, deploy.after_goodbye), (Restarted, true));
}
