//! What is believed of a sender that may be anybody: ids cost nothing to invent, nor do numbers.

use super::*;

fn full_registry(capacity: usize) -> WorkerRegistry {
    WorkerRegistry::new(
        StateTimeouts {
            capacity,
            ..timeouts()
        },
        start(),
    )
}

/// The jobs that are lost when a worker of these beats is replaced by another boot.
fn lost_after(beats: &[Beat]) -> u64 {
    let worker = SingleWorker::new();
    for (second, beat) in beats.iter().enumerate() {
        worker.beat(beat.clone(), at(second as u64));
    }
    let restarted = at(beats.len() as u64);
    worker.beat(busy("z", 1, 0, 0), restarted);
    worker.registry().advance(restarted).lost_jobs
}

#[test]
fn no_more_jobs_are_lost_than_were_seen_to_start() {
    for (beats, lost) in [
        // The first beat of a boot is believed a little.
        (vec![busy("a", 1, 3, 0)], 3),
        (vec![busy("a", 1, 9_007_199_254_740_991, 0)], 100),
        // Between two beats jobs start, as totals and those that run tell.
        (vec![busy("a", 1, 0, 0), busy("a", 2, 300, 0)], 300),
        (vec![busy("a", 1, 0, 0), busy("a", 2, 1_000_000, 0)], 1_000),
        (vec![busy("a", 1, 500, 0), busy("a", 2, 500, 0)], 100),
        (vec![busy("a", 1, 500, 0), busy("a", 2, 500, 250)], 350),
        // Those that ended are not lost.
        (
            vec![
                busy("a", 1, 0, 0),
                busy("a", 2, 300, 0),
                busy("a", 3, 2, 298),
            ],
            2,
        ),
    ] {
        assert_eq!(lost_after(&beats), lost, "{beats:?}");
    }
}

#[test]
fn a_sender_that_restarts_without_end_loses_a_thousand_jobs_an_hour() {
    let worker = SingleWorker::new();
    let mut lost = 0;
    for round in 0..600 {
        let boot = format!("boot-{round}");
        worker.beat(busy(&boot, 1, 0, 0), at(5 * round));
        worker.beat(busy(&boot, 2, 1_000, 0), at(5 * round + 1));
        lost += worker.registry().advance(at(5 * round + 1)).lost_jobs;
    }
    assert_eq!(lost, 1_000);
    worker.beat(busy("b", 1, 0, 0), at(3_600));
    assert_eq!(worker.registry().advance(at(3_600)).lost_jobs, 1_000);
}

#[test]
fn a_crowd_of_invented_ids_loses_a_thousand_jobs_an_hour() {
    let mut registry = full_registry(10_000);
    let mut lost = 0;
    for number in 0..5_000 {
        let name = id(&format!("w{number}"));
        for boot in ["a", "b"] {
            registry
                .ingest(&name, busy(boot, 1, 100, 0), at(1))
                .unwrap();
        }
        lost += registry.advance(at(1)).lost_jobs;
    }
    lost += listen(&mut registry, 2, 400).lost_jobs;
    assert_eq!(lost, 1_000);
}

#[test]
fn an_id_that_beat_once_makes_room_and_one_that_beats_stays() {
    let mut registry = full_registry(100);
    for name in ["real-1", "real-2"] {
        registry.ingest(&id(name), beat("x", 1), at(0)).unwrap();
        registry.ingest(&id(name), beat("x", 2), at(30)).unwrap();
    }
    let flood = |registry: &mut WorkerRegistry, second: u64| {
        let name = id(&format!("invented-{second}"));
        registry.ingest(&name, beat("x", 1), at(second)).is_ok()
    };
    // Seven a second are more than the registry holds within ten seconds.
    for second in 31..3_000 {
        assert!(flood(&mut registry, second));
        if second % 30 == 0 {
            for name in ["real-1", "real-2"] {
                let sequence = second + 10;
                registry
                    .ingest(&id(name), beat("x", sequence), at(second))
                    .unwrap();
            }
        }
    }
    // A new one is let in, and stays from its second beat on.
    registry
        .ingest(&id("real-3"), beat("x", 1), at(3_000))
        .unwrap();
    (3_001..3_030).for_each(|second| assert!(flood(&mut registry, second)));
    registry
        .ingest(&id("real-3"), beat("x", 2), at(3_030))
        .unwrap();
    (3_031..3_200).for_each(|second| assert!(flood(&mut registry, second)));
    for (name, there) in [
        ("real-3", true),
        ("invented-31", false),
        ("invented-3199", true),
    ] {
        assert_eq!(
            registry.view(&id(name), at(3_200)).is_some(),
            there,
            "{name}"
        );
    }
    let found = registry.advance(at(3_200));
    assert!(found.evicted > 2_000, "{}", found.evicted);
    let gone = StoreOp::DeleteWorker(id("invented-31"), Some(at(31)));
    assert!(found.store_ops.contains(&gone), "also from the store");
}

#[test]
fn a_burst_of_ids_is_refused_for_seconds_and_not_for_a_day() {
    let mut registry = full_registry(10);
    for number in 0..10 {
        let name = id(&format!("invented-{number}"));
        registry.ingest(&name, beat("x", 1), at(0)).unwrap();
    }
    let real = |registry: &mut WorkerRegistry, second| {
        registry
            .ingest(&id("real"), beat("x", 1), at(second))
            .map(|receipt| receipt.outcome)
    };
    assert_eq!(real(&mut registry, 9), Err(BeatRejection::Full));
    assert_eq!(real(&mut registry, 10), Ok(BeatOutcome::Accepted));
}

#[test]
fn of_silent_workers_those_go_first_that_nobody_waits_for() {
    let mut registry = full_registry(4);
    registry.register_expected(&id("expected"), BeatRole::Worker, at(0));
    for (name, since) in [("forgotten", 0), ("goodbye", 3_000), ("offline", 3_400)] {
        registry.ingest(&id(name), beat("x", 1), at(since)).unwrap();
        let last = match name {
            "goodbye" => goodbye("x", 2),
            _ => beat("x", 2),
        };
        registry.ingest(&id(name), last, at(since + 1)).unwrap();
    }
    for (number, gone) in ["forgotten", "goodbye", "offline"].iter().enumerate() {
        let name = id(&format!("new-{number}"));
        registry.ingest(&name, beat("x", 1), at(3_800)).unwrap();
        registry.ingest(&name, beat("x", 2), at(3_801)).unwrap();
        assert!(registry.view(&id(gone), at(3_801)).is_none(), "{gone}");
    }
    let refused = registry.ingest(&id("new-3"), beat("x", 1), at(3_802));
    assert_eq!(
        refused.unwrap_err(),
        BeatRejection::Full,
        "the expected one stays"
    );
}

#[test]
fn a_forgotten_worker_is_gone_at_once_and_a_later_beat_registers_it_anew() {
    let worker = SingleWorker::new();
    worker.beat(busy("a", 1, 5, 0), at(0));
    let row = worker.registry().forget(&worker.id, at(400)).unwrap();
    assert_eq!(row.boot_id.as_deref(), Some("a"));
    assert!(worker.view(at(400)).is_none());
    assert_eq!(
        worker.registry().counts(BeatRole::Worker, at(400)).total(),
        0
    );
    assert!(worker.registry().forget(&worker.id, at(400)).is_none());
    let found = worker.listen(401, 2_000);
    assert_eq!(found.lost_jobs, 0);
    assert!(worker.registry().forget(&id("nobody"), at(2_000)).is_none());
    worker.beat(beat("a", 2), at(2_001));
    let view = worker.view(at(2_001)).unwrap();
    assert_eq!((view.state, view.row.restarts), (WorkerState::Online, 0));
}

#[test]
fn a_worker_that_another_receiver_forgot_is_gone_here_unless_it_has_beaten_since() {
    let worker = SingleWorker::new();
    let row = worker.receipt(beat("a", 1), at(0)).row.unwrap();
    let forgotten = WorkerRow {
        forgotten_at: Some(at(50)),
        ..row
    };
    worker.beat(beat("a", 2), at(30));
    worker.registry().merge(vec![forgotten.clone()], at(60));
    assert_eq!(worker.state(at(60)), Some(WorkerState::Online));
    let forgotten = WorkerRow {
        sequence: 2,
        last_seen: Some(at(30)),
        ..forgotten
    };
    worker.registry().merge(vec![forgotten.clone()], at(61));
    assert!(worker.view(at(61)).is_none());
    assert_eq!(worker.registry().advance(at(62)).store_ops, []);
    // What was forgotten before the start is no worker.
    worker.registry().merge(vec![forgotten], at(63));
    assert!(worker.view(at(63)).is_none());
}
