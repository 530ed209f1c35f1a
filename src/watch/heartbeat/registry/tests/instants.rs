use super::*;
use State::{Expired, Late, New, Offline, Online, Stalled, Stopped};

#[test]
fn a_worker_goes_through_its_states_at_the_exact_instants() {
    let one = One::new();
    one.roster.expect(&one.id, Role::Worker, at(0));
    assert_eq!(one.state(at(0)), Some(New));
    one.beat(beat("a", 1), at(10));
    assert_eq!(one.state(at(10)), Some(Online));
    for (second, state) in [(70, Late), (310, Offline)] {
        assert_ne!(one.state(before(at(second))), Some(state));
        assert_eq!(one.state(at(second)), Some(state), "at {second} s");
    }
    one.beat(beat("a", 2), at(400));
    assert_eq!(one.state(at(400)), Some(Online));
    one.beat(goodbye("a", 3), at(420));
    assert_eq!(one.state(at(420)), Some(Stopped));
    assert_eq!(
        one.state(at(3600)),
        Some(Stopped),
        "silence says nothing now"
    );
    let found = changes(&one.roster.advance(at(3600)));
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
    for (last, state) in [(beat("a", 1), Offline), (goodbye("a", 1), Stopped)] {
        let one = One::new();
        one.beat(last, at(0));
        let end = at(86_400);
        assert_eq!(one.state(before(end)), Some(state));
        assert!(one.view(end).is_none());
        let found = one.roster.advance(end);
        assert_eq!(changes(&found).last(), Some(&(state, Expired, end)));
        let forget = crate::store::Change::Forget(one.id.clone(), Some(at(0)));
        assert!(found.changes.contains(&forget), "{:?}", found.changes);
        assert_eq!(one.roster.counts(Role::Worker, end).total(), 0);
    }
}

#[test]
fn an_expected_worker_that_never_comes_goes_offline_and_stays() {
    let one = One::new();
    assert!(one.roster.expect(&one.id, Role::Worker, at(0)).is_some());
    assert!(one.roster.expect(&one.id, Role::Worker, at(1)).is_none());
    assert_eq!(one.state(before(at(300))), Some(New));
    assert_eq!(one.state(at(300)), Some(Offline));
    assert_eq!(one.state(at(90 * 86_400)), Some(Offline));
}

#[test]
fn a_worker_with_work_and_no_progress_is_stalled_and_lateness_hides_that() {
    let one = One::new();
    for (sequence, second) in (0..=9).map(|n| (n + 1, n * 30)) {
        one.beat(busy("a", sequence, 1, 7), at(second));
    }
    assert_eq!(one.state(before(at(300))), Some(Online));
    assert_eq!(one.state(at(300)), Some(Stalled));
    assert_eq!(one.state(at(330)), Some(Late));
    one.beat(busy("a", 12, 1, 7), at(370));
    assert_eq!(
        one.state(at(370)),
        Some(Stalled),
        "it is there, and no further"
    );
    one.beat(busy("a", 13, 1, 8), at(380));
    assert_eq!(one.state(at(380)), Some(Online));
}

#[test]
fn progress_is_a_job_that_ended_a_later_date_or_work_after_none() {
    let later = |beat: Beat| Beat {
        progress: Progress {
            last_progress_at: Some(at(1)),
            ..beat.progress
        },
        ..beat
    };
    let waiting = |beat: Beat| Beat {
        progress: Progress {
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
        let one = One::new();
        one.beat(first, at(0));
        one.beat(second, at(20));
        let row = one.view(at(20)).unwrap().row;
        assert_eq!(row.progressed_at == Some(at(20)), progressed, "{row:?}");
    }
}

#[test]
fn without_work_nobody_stalls() {
    let one = One::new();
    for n in 0..100 {
        one.beat(busy("a", n + 1, 0, 7), at(n * 30));
    }
    assert_eq!(one.state(at(99 * 30)), Some(Online));
}

#[test]
fn draining_is_alive() {
    let one = One::new();
    let draining = Beat {
        condition: Condition::Draining,
        ..beat("a", 1)
    };
    one.beat(draining, at(0));
    assert_eq!(one.state(at(0)), Some(Online));
    assert_eq!(one.state(at(300)), Some(Offline));
}

#[test]
fn a_longer_interval_is_waited_for_and_a_shorter_one_at_once() {
    let one = One::new();
    let every = |seconds, sequence| Beat {
        interval: Duration::from_secs(seconds),
        ..beat("a", sequence)
    };
    one.beat(every(100, 1), at(0));
    assert_eq!(one.state(before(at(200))), Some(Online));
    one.beat(every(1, 2), at(10));
    assert_eq!(one.state(before(at(12))), Some(Online));
    assert_eq!(one.state(at(12)), Some(Late));
    one.beat(every(600, 3), at(20));
    assert_eq!(one.state(before(at(320))), Some(Online));
    assert_eq!(one.state(at(320)), Some(Offline), "offline beats late");
}

#[test]
fn a_clock_that_is_set_back_delays_nothing() {
    let one = One::new();
    one.beat(beat("a", 1), at(36_000));
    one.beat(beat("a", 2), at(100));
    let view = one.view(at(100)).unwrap();
    assert_eq!((view.state, view.row.last_seen), (Online, Some(at(100))));
    assert_eq!(one.state(before(at(400))), Some(Late));
    assert_eq!(one.state(at(400)), Some(Offline));
}
