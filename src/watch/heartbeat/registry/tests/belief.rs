//! The limits of trust in a sender that may be anybody: ids cost nothing to invent, nor do numbers.

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
    for (number, gone) in ["forgotten", "goodbye"].iter().enumerate() {
        let name = id(&format!("new-{number}"));
        registry.ingest(&name, beat("x", 1), at(3_800)).unwrap();
        registry.ingest(&name, beat("x", 2), at(3_801)).unwrap();
        assert!(registry.view(&id(gone), at(3_801)).is_none(), "{gone}");
    }
    let refused = registry.ingest(&id("new-2"), beat("x", 1), at(3_802));
    assert_eq!(refused.unwrap_err(), BeatRejection::Full);
    for stays in ["expected", "offline"] {
        let view = registry.view(&id(stays), at(3_802)).unwrap();
        assert_eq!(view.state, WorkerState::Offline, "{stays}");
    }
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

#[test]
fn an_outage_of_all_workers_stays_seen_however_many_ids_are_invented() {
    let mut registry = full_registry(10);
    for number in 0..8 {
        let name = id(&format!("real-{number}"));
        for sequence in 1..=2 {
            registry.ingest(&name, beat("x", sequence), at(0)).unwrap();
        }
    }
    for second in 300..900 {
        let name = id(&format!("invented-{second}"));
        for sequence in 1..=2 {
            let _ = registry.ingest(&name, beat("x", sequence), at(second));
        }
    }
    let counts = registry.counts(BeatRole::Worker, at(900));
    assert!(counts.count(WorkerState::Offline) >= 8, "{counts:?}");
    assert!(registry.view(&id("real-0"), at(900)).is_some());
}

/// The rows that a receiver stored of these beats, which came a second after each other.
fn stored_rows(names: &[String], beats: &[Beat]) -> Vec<WorkerRow> {
    let mut registry = full_registry(10_000);
    let mut rows = Vec::new();
    for (second, beat) in (0..).zip(beats) {
        let ingest = |name: &String| {
            let receipt = registry.ingest(&id(name), beat.clone(), at(second));
            receipt.unwrap().row.unwrap()
        };
        rows = names.iter().map(ingest).collect();
    }
    rows
}

#[test]
fn what_a_store_knows_is_believed_no_more_than_the_beats_it_is_of() {
    let names: Vec<_> = (0..50).map(|number| format!("w{number}")).collect();
    for (beats, lost) in [
        (vec![busy("a", 1, 100, 0)], 1_000),
        (vec![busy("a", 1, 100, 0), busy("b", 1, 100, 0)], 1_000),
        (vec![busy("a", 1, 100, 0), busy("a", 2, 100, 0)], 5_000),
    ] {
        for clock_ahead in [false, true] {
            let mut registry = full_registry(10_000);
            // Where the other receiver's clock is ahead, both dates become the same.
            let mut rows = stored_rows(&names, &beats);
            if clock_ahead {
                rows.iter_mut()
                    .for_each(|row| row.shift_by(jiff::SignedDuration::from_secs(60)));
            }
            registry.merge(rows, at(2));
            let found = listen(&mut registry, 3, 400);
            assert_eq!(found.lost_jobs, lost, "{beats:?} {clock_ahead}");
        }
    }
}

#[test]
fn beats_that_come_from_a_store_prove_a_worker_as_others_do() {
    let names = ["w".to_owned()];
    let rows = |beats: &[Beat]| stored_rows(&names, beats);
    let [first, second] = [beat("a", 1), beat("a", 2)];
    let counted = WorkerRow {
        lost: true,
        ..rows(std::slice::from_ref(&first)).remove(0)
    };
    for (later, stays) in [
        (vec![], false),
        // The same beat, of which the jobs were counted.
        (vec![counted], false),
        (rows(&[first.clone(), second]), true),
        (rows(&[first.clone(), beat("b", 1)]), true),
    ] {
        let mut registry = full_registry(1);
        registry.merge(rows(std::slice::from_ref(&first)), at(2));
        registry.merge(later.clone(), at(3));
        let new = registry.ingest(&id("new"), beat("x", 1), at(20));
        assert_eq!(new.is_err(), stays, "{later:?}");
        assert_eq!(registry.view(&id("w"), at(20)).is_some(), stays);
    }
}

#[test]
fn an_expected_worker_that_was_forgotten_is_missed_again_after_its_next_beat() {
    let worker = SingleWorker::new();
    let expect = || {
        let mut registry = worker.registry();
        registry.register_expected(&worker.id, BeatRole::Worker, at(0));
    };
    expect();
    worker.registry().forget(&worker.id, at(400));
    let row = worker.receipt(beat("a", 1), at(500)).row.unwrap();
    assert_eq!(worker.state(at(40 * 86_400)), Some(WorkerState::Offline));
    // The same where another receiver heard it.
    worker.registry().forget(&worker.id, at(40 * 86_400));
    worker.registry().merge(vec![row], at(40 * 86_400));
    assert_eq!(worker.state(at(80 * 86_400)), Some(WorkerState::Offline));
}

#[test]
fn what_waits_to_be_stored_of_a_forgotten_worker_is_dropped() {
    let mut registry = full_registry(10);
    for name in ["w1", "w2"] {
        registry
            .ingest(&id(name), busy("a", 1, 3, 0), at(0))
            .unwrap();
    }
    let _ = listen(&mut registry, 1, 299);
    registry.view(&id("w1"), at(300));
    registry.forget(&id("w1"), at(300)).unwrap();
    let left = registry.advance(at(301)).store_ops;
    let of = |op: &StoreOp| match op {
        StoreOp::Worker(row) => row.id.clone(),
        op => panic!("{op:?}"),
    };
    assert_eq!(left.iter().map(of).collect::<Vec<_>>(), [id("w2")]);
}
