//! The walk of a worker through its states, with the time in the hand.

use std::time::Duration;

use super::*;
use crate::beat::{Condition, Progress};

const NANO: Duration = Duration::from_nanos(1);

fn limits() -> Limits {
    Limits {
        stalled_after: Duration::from_secs(300),
        offline_after: Duration::from_secs(300),
        expire_after: Duration::from_secs(86_400),
        capacity: 3,
    }
}

fn start() -> Timestamp {
    "2026-03-01T12:00:10Z".parse().unwrap()
}

fn at(seconds: u64) -> Timestamp {
    start() + Duration::from_secs(seconds)
}

fn id(text: &str) -> BeatId {
    BeatId::parse(text).unwrap()
}

fn beat(boot: &str, sequence: u64) -> Beat {
    Beat {
        boot_id: boot.into(),
        sequence,
        role: Role::Worker,
        interval: Duration::from_secs(30),
        condition: Condition::Running,
        sent_at: None,
        version: None,
        progress: Progress::default(),
    }
}

fn working(boot: &str, sequence: u64, in_flight: u64, processed_total: u64) -> Beat {
    let progress = Progress {
        in_flight,
        processed_total,
        ..Progress::default()
    };
    Beat {
        progress,
        ..beat(boot, sequence)
    }
}

fn goodbye(boot: &str, sequence: u64) -> Beat {
    Beat {
        condition: Condition::Stopped,
        ..beat(boot, sequence)
    }
}

fn state(roster: &Roster, now: Timestamp) -> Option<State> {
    roster.one(&id("w"), now).map(|view| view.state)
}

fn told(roster: &Roster, now: Timestamp) -> Vec<(Option<State>, Timestamp)> {
    let changes = roster.advance(now);
    let told = changes.transitions.iter();
    told.map(|change| (change.to, change.at)).collect()
}

#[test]
fn a_worker_walks_through_its_states_at_the_exact_instants() {
    let roster = Roster::new(limits());
    roster.expect(&id("w"), at(0));
    assert_eq!(state(&roster, at(299)), Some(State::New));
    assert_eq!(state(&roster, at(300)), Some(State::Offline));
    roster.beat(&id("w"), &beat("a", 1), at(400));
    assert_eq!(state(&roster, at(460) - NANO), Some(State::Online));
    assert_eq!(state(&roster, at(460)), Some(State::Late));
    assert_eq!(state(&roster, at(700) - NANO), Some(State::Late));
    assert_eq!(state(&roster, at(700)), Some(State::Offline));
    roster.beat(&id("w"), &beat("a", 2), at(800));
    roster.beat(&id("w"), &goodbye("a", 3), at(810));
    assert_eq!(
        state(&roster, at(810 + 86_400) - NANO),
        Some(State::Stopped)
    );
    assert_eq!(state(&roster, at(810 + 86_400)), None);
    let expected = [
        (Some(State::New), at(0)),
        (Some(State::Offline), at(300)),
        (Some(State::Online), at(400)),
        (Some(State::Late), at(460)),
        (Some(State::Offline), at(700)),
        (Some(State::Online), at(800)),
        (Some(State::Stopped), at(810)),
        (None, at(810 + 86_400)),
    ];
    // Found a week late, and dated as it was due.
    assert_eq!(told(&roster, at(7 * 86_400)), expected);
    assert_eq!(told(&roster, at(8 * 86_400)), []);
}

#[test]
fn what_became_due_while_no_receiver_was_there_is_dated_as_it_was_due() {
    let before = Roster::new(limits());
    let Receipt::Accepted(row) = before.beat(&id("w"), &beat("a", 1), at(0)) else {
        panic!("the first beat is accepted");
    };
    let roster = Roster::new(limits());
    roster.merge(vec![row], at(1_000));
    let expected = [
        (Some(State::Online), at(0)),
        (Some(State::Late), at(60)),
        (Some(State::Offline), at(300)),
    ];
    assert_eq!(told(&roster, at(1_000)), expected);
}

#[test]
fn old_duplicated_and_early_beats_never_move_the_last_one() {
    let roster = Roster::new(limits());
    roster.beat(&id("w"), &beat("a", 5), at(0));
    let seen = || roster.one(&id("w"), at(50)).unwrap().row.last_seen;
    assert_eq!(
        roster.beat(&id("w"), &beat("a", 5), at(10)),
        Receipt::Duplicate
    );
    assert_eq!(
        roster.beat(&id("w"), &beat("a", 4), at(20)),
        Receipt::OutOfOrder
    );
    assert_eq!(seen(), Some(at(0)));
    let future = Beat {
        sent_at: Some(at(3_600)),
        ..beat("a", 6)
    };
    roster.beat(&id("w"), &future, at(30));
    let view = roster.one(&id("w"), at(30)).unwrap();
    assert_eq!(view.row.last_seen, Some(at(30)));
    assert_eq!(view.row.clock_skew_ms, Some(-3_570_000));
    // The receiver's clock was set back.
    roster.beat(&id("w"), &beat("a", 7), at(5));
    assert_eq!(seen(), Some(at(30)));
}

#[test]
fn a_straggler_of_the_boot_before_says_nothing_while_the_present_one_lives() {
    let roster = Roster::new(limits());
    roster.beat(&id("w"), &beat("a", 9), at(0));
    let restarted = roster.beat(&id("w"), &beat("b", 1), at(10));
    assert!(matches!(restarted, Receipt::Restarted(ref row) if row.restarts == 1));
    assert_eq!(
        roster.beat(&id("w"), &beat("a", 10), at(20)),
        Receipt::Superseded
    );
    assert_eq!(
        roster.beat(&id("w"), &goodbye("a", 11), at(21)),
        Receipt::Superseded
    );
    assert_eq!(state(&roster, at(22)), Some(State::Online));
    let back = roster.beat(&id("w"), &beat("a", 12), at(310));
    assert!(matches!(back, Receipt::Restarted(ref row) if row.restarts == 2));
}

#[test]
fn a_worker_that_beats_and_does_nothing_is_stalled_until_it_gets_on() {
    let roster = Roster::new(limits());
    for (sequence, seconds) in (0..=400).step_by(20).enumerate() {
        roster.beat(&id("w"), &working("a", sequence as u64, 1, 7), at(seconds));
    }
    assert_eq!(state(&roster, at(400)), Some(State::Stalled));
    roster.beat(&id("w"), &working("a", 100, 1, 8), at(410));
    assert_eq!(state(&roster, at(411)), Some(State::Online));
    let expected = [
        (Some(State::Online), at(0)),
        (Some(State::Stalled), at(300)),
        (Some(State::Online), at(410)),
    ];
    assert_eq!(told(&roster, at(411)), expected);
    // Without work there is nothing to get on with.
    roster.beat(&id("w"), &working("a", 101, 0, 8), at(420));
    for sequence in 102..130 {
        roster.beat(
            &id("w"),
            &working("a", sequence, 0, 8),
            at(20 * (sequence - 80)),
        );
    }
    assert_eq!(state(&roster, at(980)), Some(State::Online));
}

#[test]
fn jobs_are_lost_once_with_their_worker_and_not_with_a_goodbye() {
    let lost = |roster: &Roster, now| -> u64 {
        let changes = roster.advance(now);
        changes
            .transitions
            .iter()
            .map(|change| change.lost_jobs)
            .sum()
    };
    let roster = Roster::new(limits());
    roster.beat(&id("w"), &working("a", 1, 3, 0), at(0));
    assert_eq!(lost(&roster, at(300)), 3);
    roster.beat(&id("w"), &working("b", 1, 2, 0), at(400));
    assert_eq!(lost(&roster, at(400)), 0);
    roster.beat(&id("w"), &working("c", 1, 0, 0), at(410));
    assert_eq!(lost(&roster, at(410)), 2);
    let stopped = Beat {
        condition: Condition::Stopped,
        ..working("c", 2, 5, 0)
    };
    roster.beat(&id("w"), &stopped, at(420));
    roster.beat(&id("w"), &beat("d", 1), at(430));
    assert_eq!(lost(&roster, at(900)), 0);
}

#[test]
fn a_minute_is_good_up_to_five_minutes_after_the_last_beat() {
    let roster = Roster::new(limits());
    let minute = |minute: u64| at(60 * minute) - Duration::from_secs(10);
    assert_eq!(roster.slices(minute(0)), SliceCount::default());
    roster.beat(&id("w"), &beat("a", 1), minute(0));
    for over in 1..=5 {
        assert_eq!(roster.slices(minute(over)), SliceCount { good: 1, bad: 0 });
    }
    assert_eq!(roster.slices(minute(6)), SliceCount { good: 0, bad: 1 });
    assert_eq!(roster.slices(minute(6)), SliceCount::default());
    // It comes back between the end of the minute and the look at it.
    roster.beat(&id("w"), &beat("a", 2), minute(7));
    assert_eq!(roster.slices(minute(7)), SliceCount { good: 0, bad: 1 });
    roster.beat(&id("w"), &goodbye("a", 3), minute(7) + NANO);
    assert_eq!(roster.slices(minute(9)), SliceCount::default());
}

#[test]
fn a_full_roster_refuses_whom_it_does_not_know() {
    let roster = Roster::new(limits());
    for name in ["a", "b", "c"] {
        roster.beat(&id(name), &beat("x", 1), at(0));
    }
    assert_eq!(roster.beat(&id("d"), &beat("x", 1), at(1)), Receipt::Full);
    assert!(matches!(
        roster.beat(&id("a"), &beat("x", 2), at(1)),
        Receipt::Accepted(_)
    ));
}

#[test]
fn pages_follow_one_another_in_the_order_of_ids() {
    let roster = Roster::new(limits());
    for name in ["c", "a", "b"] {
        roster.beat(&id(name), &beat("x", 1), at(0));
    }
    roster.beat(&id("b"), &goodbye("x", 2), at(1));
    let page = |after: Option<&str>, states: &[State]| {
        let query = Query {
            role: Role::Worker,
            states: states.to_vec(),
            after: after.map(id),
            limit: 2,
        };
        roster.page(&query, at(2))
    };
    let ids = |page: &Page| -> Vec<String> {
        page.workers
            .iter()
            .map(|view| view.row.id.to_string())
            .collect()
    };
    let first = page(None, &[]);
    assert_eq!(
        (ids(&first), first.next),
        (vec!["a".into(), "b".into()], Some(id("b")))
    );
    assert_eq!(first.counts, [0, 2, 0, 0, 0, 1]);
    let second = page(Some("b"), &[]);
    assert_eq!((ids(&second), second.next), (vec!["c".into()], None));
    assert_eq!(ids(&page(None, &[State::Stopped])), ["b"]);
}
