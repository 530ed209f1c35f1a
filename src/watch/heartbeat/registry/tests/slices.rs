use super::*;
use crate::store::StoreOp;

fn counts(good: u64, bad: u64) -> WorkerSliceCounts {
    WorkerSliceCounts { good, bad }
}

#[test]
fn each_minute_counts_each_worker_once_by_the_age_of_its_last_beat() {
    let worker = SingleWorker::new();
    worker.beat(beat("a", 1), at(60));
    assert_eq!(
        worker.listen(60, 119).slices,
        counts(0, 0),
        "no slice has ended"
    );
    // The beat is exactly five minutes old at 360 s, which is not older.
    assert_eq!(worker.listen(120, 419).slices, counts(5, 0));
    assert_eq!(worker.listen(420, 479).slices, counts(0, 1));
    worker.beat(goodbye("a", 2), at(480));
    assert_eq!(
        worker.listen(480, 1000).slices,
        counts(0, 1),
        "stopped is not counted"
    );
}

#[test]
fn an_expected_worker_counts_once_it_is_missed_and_a_scheduler_never() {
    let mut registry = WorkerRegistry::new(timeouts(), start());
    registry.register_expected(&id("w"), BeatRole::Worker, at(0));
    let scheduler = Beat {
        role: BeatRole::Scheduler,
        ..beat("a", 1)
    };
    registry.ingest(&id("s"), scheduler, at(0)).unwrap();
    assert_eq!(listen(&mut registry, 1, 300).slices, counts(0, 0));
    assert_eq!(listen(&mut registry, 301, 420).slices, counts(0, 2));
}

#[test]
fn a_tick_that_comes_late_counts_each_minute_as_it_was() {
    let worker = SingleWorker::new();
    worker.beat(beat("a", 1), at(0));
    worker.listen(1, 270);
    // 300 is good, 360 was not seen in time, but a beat came at 310.
    worker.beat(beat("a", 2), at(310));
    let slices = worker.registry().advance(at(365)).slices;
    assert_eq!(slices, counts(2, 0));
    assert_eq!(worker.registry().advance(at(365)).slices, counts(0, 0));
}

#[test]
fn minutes_in_which_nobody_listened_are_uncovered_unless_all_were_surely_there() {
    let worker = SingleWorker::new();
    worker.beat(beat("a", 1), at(0));
    worker.listen(1, 30);
    // At 60, 120, … 300 its last beat is young enough, whoever listens; afterwards nobody knows.
    assert_eq!(worker.registry().advance(at(1200)).slices, counts(5, 0));
    assert_eq!(worker.listen(1201, 1499).slices, counts(0, 0));
    assert_eq!(
        worker.listen(1500, 1559).slices,
        counts(0, 1),
        "it has listened for as long"
    );
}

#[test]
fn no_slice_is_counted_twice_across_a_restart() {
    let worker = SingleWorker::new();
    let row = worker.receipt(beat("a", 1), at(0)).row.unwrap();
    assert_eq!(worker.listen(1, 120).slices, counts(2, 0));
    let mut next = WorkerRegistry::new(timeouts(), at(121));
    next.merge(vec![row], at(121));
    assert_eq!(listen(&mut next, 122, 180).slices, counts(1, 0));
}

#[test]
fn the_running_jobs_of_a_lost_worker_are_counted_once() {
    let worker = SingleWorker::new();
    let mut last = busy("a", 1, 5, 0);
    last.progress.in_flight_overdue = 2;
    worker.beat(last, at(0));
    assert_eq!(worker.listen(1, 299).lost_jobs, 0);
    let found = worker.listen(300, 1000);
    assert_eq!(found.lost_jobs, 3);
    let [StoreOp::Worker(row)] = &found.store_ops[..] else {
        panic!("{:?}", found.store_ops);
    };
    assert!(row.lost);
    // Back, with the same jobs, and gone again.
    worker.beat(busy("a", 2, 5, 0), at(1001));
    assert_eq!(worker.listen(1002, 2000).lost_jobs, 0);
    // Back without any, and gone with others.
    worker.beat(busy("a", 3, 0, 5), at(2001));
    worker.beat(busy("a", 4, 1, 5), at(2002));
    assert_eq!(worker.listen(2003, 3000).lost_jobs, 1);
}

#[test]
fn jobs_are_lost_with_a_restart_without_goodbye_and_not_with_one() {
    for (last, lost) in [(busy("a", 2, 4, 0), 4), (goodbye("a", 2), 0)] {
        let worker = SingleWorker::new();
        worker.beat(busy("a", 1, 4, 0), at(0));
        worker.beat(last, at(10));
        worker.beat(busy("b", 1, 0, 0), at(20));
        assert_eq!(worker.listen(20, 30).lost_jobs, lost);
    }
}

#[test]
fn a_receiver_that_was_away_listens_before_it_calls_jobs_lost() {
    let row = SingleWorker::new()
        .receipt(busy("a", 1, 4, 0), at(0))
        .row
        .unwrap();
    let restarted = |second| {
        let worker = SingleWorker {
            registry: RefCell::new(WorkerRegistry::new(timeouts(), at(second))),
            id: id("w"),
        };
        worker.registry().merge(vec![row.clone()], at(second));
        worker
    };
    let worker = restarted(1200);
    assert_eq!(worker.listen(1200, 1499).lost_jobs, 0);
    assert_eq!(worker.listen(1500, 1500).lost_jobs, 4);
    let worker = restarted(1200);
    worker.beat(busy("a", 2, 4, 0), at(1201));
    assert_eq!(
        worker.listen(1201, 1500).lost_jobs,
        0,
        "it was there all the time"
    );
}

#[test]
fn whoever_does_not_lead_counts_nothing_and_whoever_takes_over_misses_nothing() {
    let worker = SingleWorker::new();
    worker.registry().set_leader(false);
    worker.beat(busy("a", 1, 4, 0), at(0));
    let found = worker.listen(1, 600);
    assert_eq!((found.lost_jobs, found.slices), (0, counts(0, 0)));
    worker.registry().set_leader(true);
    let found = worker.listen(601, 660);
    assert_eq!((found.lost_jobs, found.slices), (4, counts(0, 1)));
}
