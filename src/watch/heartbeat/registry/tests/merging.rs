use super::*;
use crate::store::{StoreOp, WorkerRow};
use WorkerState::{Expired, Forgotten, Late, Offline, Online};

/// Returns the row that a receiver stored of its worker.
fn stored_row(beats: &[(Beat, Timestamp)]) -> WorkerRow {
    let worker = SingleWorker::new();
    let receipts = beats
        .iter()
        .map(|(beat, at)| worker.receipt(beat.clone(), *at));
    receipts.collect::<Vec<_>>().pop().unwrap().row.unwrap()
}

#[test]
fn what_became_due_while_the_receiver_was_down_has_its_exact_date() {
    let row = stored_row(&[(beat("a", 1), at(10))]);
    let worker = SingleWorker {
        registry: RefCell::new(WorkerRegistry::new(timeouts(), at(7200))),
        id: id("w"),
    };
    worker.registry().merge(vec![row], at(7200));
    let found = changes(&worker.registry().advance(at(7200)));
    assert_eq!(
        found,
        [
            (Online, Late, at(70)),
            (Late, Offline, at(310)),
            (Offline, Forgotten, at(3610))
        ]
    );
    worker.beat(beat("a", 2), at(7201));
    assert_eq!(worker.state(at(7201)), Some(Online));
}

#[test]
fn one_that_expired_meanwhile_is_forgotten_in_the_store_too() {
    let row = stored_row(&[(beat("a", 1), at(10))]);
    let end = at(3 * 86_400);
    let mut registry = WorkerRegistry::new(timeouts(), end);
    registry.merge(vec![row], end);
    let found = registry.advance(end);
    assert_eq!(
        changes(&found).last(),
        Some(&(Forgotten, Expired, at(86_410)))
    );
    assert_eq!(
        found.store_ops,
        [StoreOp::DeleteWorker(id("w"), Some(at(10)))]
    );
}

#[test]
fn a_row_that_is_older_changes_nothing_and_a_newer_one_all() {
    let worker = SingleWorker::new();
    worker.beat(beat("a", 2), at(20));
    worker
        .registry()
        .merge(vec![stored_row(&[(beat("a", 1), at(25))])], at(30));
    assert_eq!(worker.view(at(30)).unwrap().row.last_seen, Some(at(20)));
    worker
        .registry()
        .merge(vec![stored_row(&[(beat("a", 3), at(40))])], at(41));
    assert_eq!(worker.view(at(41)).unwrap().row.last_seen, Some(at(40)));
    assert_eq!(worker.state(at(100)), Some(Late));
}

#[test]
fn one_that_was_thought_offline_comes_back_when_another_receiver_has_heard_it() {
    let worker = SingleWorker::new();
    worker.beat(beat("a", 1), at(0));
    worker.registry().advance(at(301));
    worker
        .registry()
        .merge(vec![stored_row(&[(beat("a", 2), at(280))])], at(302));
    let found = changes(&worker.registry().advance(at(302)));
    assert_eq!(
        found,
        [(Offline, Online, at(300))],
        "not before it was thought offline"
    );
    assert_eq!(worker.state(at(580)), Some(Offline));
}

#[test]
fn a_row_from_a_clock_that_is_ahead_is_no_older_than_now() {
    let worker = SingleWorker::new();
    worker
        .registry()
        .merge(vec![stored_row(&[(beat("a", 1), at(5000))])], at(0));
    assert_eq!(worker.state(at(300)), Some(Offline));
}

#[test]
fn what_a_store_remembers_is_learned_also_after_a_first_beat() {
    let worker = SingleWorker::new();
    worker.beat(beat("b", 1), at(100));
    let old = stored_row(&[(beat("0", 1), at(0)), (beat("a", 1), at(10))]);
    worker.registry().merge(vec![old], at(101));
    let row = worker.view(at(101)).unwrap().row;
    assert_eq!(
        (row.restarts, row.previous_boot_id.as_deref()),
        (2, Some("a"))
    );
    assert_eq!(row.registered_at, at(0));
}

#[test]
fn rows_of_two_receivers_converge_in_either_order() {
    let rows = [
        stored_row(&[(beat("a", 1), at(10))]),
        stored_row(&[(beat("a", 3), at(12))]),
        // Heard by a receiver whose clock is behind.
        stored_row(&[(beat("a", 1), at(1)), (beat("b", 1), at(9))]),
        stored_row(&[(beat("c", 1), at(10))]),
        stored_row(&[(beat("d", 1), at(10))]),
    ];
    for first in &rows {
        for second in rows.iter().filter(|row| *row != first) {
            assert_ne!(first.supersedes(second), second.supersedes(first));
        }
        assert!(!first.supersedes(first));
    }
    assert!(rows[2].supersedes(&rows[1]), "b has followed a");
}

#[test]
fn rows_beyond_the_capacity_are_refused_and_counted() {
    let mut registry = WorkerRegistry::new(
        StateTimeouts {
            capacity: 1,
            ..timeouts()
        },
        start(),
    );
    let named = |name: &str| WorkerRow {
        id: id(name),
        ..stored_row(&[(beat("a", 1), at(0))])
    };
    assert_eq!(registry.merge(vec![named("a"), named("b")], at(1)), 1);
    assert_eq!(registry.counters().full, 1);
}

#[test]
fn a_new_row_with_an_old_date_is_of_a_clock_that_is_behind() {
    // Before the first answer an old date is an old date; later it is another clock.
    let old = stored_row(&[(beat("a", 1), at(10)), (beat("a", 2), at(40))]);
    let silent = WorkerRow {
        last_seen: None,
        boot_id: None,
        ..old.clone()
    };
    for (row, state) in [(old, Online), (silent, WorkerState::New)] {
        let worker = |second| SingleWorker {
            registry: RefCell::new(WorkerRegistry::new(timeouts(), at(second))),
            id: id("w"),
        };
        let first = worker(600);
        first.registry().merge(vec![row.clone()], at(600));
        assert_eq!(first.state(at(600)), Some(Offline));
        let later = worker(600);
        later.registry().merge_changes(vec![row.clone()], at(600));
        assert_eq!(later.state(at(600)), Some(state));
        assert_eq!(later.state(at(900)), Some(Offline));
        // What is not old enough to be offline keeps its date.
        let fresh = worker(300);
        fresh.registry().merge_changes(vec![row.clone()], at(300));
        let heard_at = row.last_seen.unwrap_or(row.registered_at);
        let offline_at = saturating_add(heard_at, 5 * MINUTE);
        assert_eq!(fresh.view(at(600)).unwrap().offline_at, Some(offline_at));
    }
}

#[test]
fn a_row_of_an_expected_worker_takes_the_place_of_one_that_was_forgotten_before() {
    let forgotten = |at| WorkerRow {
        forgotten_at: Some(at),
        ..stored_row(&[(beat("a", 1), start())])
    };
    let expected = |at| {
        let mut registry = WorkerRegistry::new(timeouts(), at);
        let row = registry.register_expected(&id("w"), BeatRole::Worker, at);
        row.unwrap()
    };
    for (forgotten_at, registered_at, is_newer) in
        [(50, 60, true), (60, 60, false), (70, 60, false)]
    {
        let (old, new) = (forgotten(at(forgotten_at)), expected(at(registered_at)));
        assert_eq!(new.supersedes(&old), is_newer, "{forgotten_at}");
        assert_eq!(old.supersedes(&new), !is_newer, "{forgotten_at}");
    }
    let first = stored_row(&[(beat("b", 1), at(90))]);
    assert!(first.supersedes(&forgotten(at(70))) && first.supersedes(&expected(at(60))));
}
