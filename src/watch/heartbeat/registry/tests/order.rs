use super::*;
use Reception::{Accepted, Duplicate, OutOfOrder, Restarted, Superseded};
use State::{Online, Stopped};

fn last_seen(one: &One, at: Timestamp) -> Option<Timestamp> {
    one.view(at).unwrap().row.last_seen
}

#[test]
fn an_old_beat_moves_last_seen_neither_back_nor_forward() {
    let one = One::new();
    assert_eq!(one.beat(beat("a", 5), at(10)), Accepted);
    for (sequence, reception) in [(5, Duplicate), (4, OutOfOrder), (0, OutOfOrder)] {
        let receipt = one.receipt(beat("a", sequence), at(20));
        assert_eq!(receipt.reception, reception);
        assert!(receipt.row.is_none());
    }
    assert_eq!(last_seen(&one, at(20)), Some(at(10)));
    assert_eq!(one.state(at(310)), Some(State::Offline));
    assert_eq!(
        one.beat(beat("a", 9), at(320)),
        Accepted,
        "gaps don't matter"
    );
    assert_eq!(last_seen(&one, at(320)), Some(at(320)));
}

#[test]
fn a_sender_in_the_future_only_has_another_clock() {
    let one = One::new();
    let ahead = Beat {
        sent_at: Some(at(3600)),
        ..beat("a", 1)
    };
    one.beat(ahead, at(0));
    let row = one.view(at(0)).unwrap().row;
    assert_eq!(
        (row.clock_skew_ms, row.last_seen),
        (Some(-3_600_000), Some(at(0)))
    );
    assert_eq!(one.state(at(300)), Some(State::Offline));
}

#[test]
fn a_new_boot_is_a_restart_and_counted_once() {
    let one = One::new();
    one.beat(beat("a", 100), at(0));
    assert_eq!(one.beat(beat("b", 1), at(10)), Restarted);
    assert_eq!(one.beat(beat("b", 2), at(20)), Accepted);
    let row = one.view(at(20)).unwrap().row;
    assert_eq!((row.restarts, row.sequence), (1, 2));
    assert_eq!(row.previous_boot_id.as_deref(), Some("a"));
    assert_eq!(one.roster.tally().restarted, 1);
}

#[test]
fn stragglers_of_earlier_boots_say_nothing_while_the_latest_is_there() {
    let one = One::new();
    one.beat(beat("a", 1), at(0));
    one.beat(beat("b", 1), at(10));
    one.beat(beat("c", 1), at(20));
    for straggler in [beat("a", 7), beat("b", 7), goodbye("a", 8), goodbye("b", 8)] {
        assert_eq!(one.beat(straggler, at(30)), Superseded);
    }
    let view = one.view(at(30)).unwrap();
    assert_eq!((view.state, view.row.restarts), (Online, 2));
    assert_eq!(view.row.last_seen, Some(at(20)));
}

#[test]
fn of_two_processes_with_one_id_the_later_is_the_worker_until_it_goes() {
    let one = One::new();
    for n in 1..=10 {
        one.beat(beat("a", n), at(n * 30));
        one.beat(beat("b", n), at(n * 30 + 15));
    }
    assert_eq!(
        one.view(at(315)).unwrap().row.restarts,
        1,
        "they don't take turns"
    );
    one.beat(goodbye("b", 11), at(320));
    assert_eq!(one.state(at(320)), Some(Stopped));
    assert_eq!(one.beat(beat("a", 11), at(330)), Accepted);
    let view = one.view(at(330)).unwrap();
    assert_eq!((view.state, view.row.restarts), (Online, 1));
    assert_eq!(view.row.boot_id.as_deref(), Some("a"));
}

#[test]
fn a_goodbye_of_an_old_boot_never_stops_anybody() {
    let one = One::new();
    one.beat(beat("a", 1), at(0));
    one.beat(beat("b", 1), at(10));
    assert_eq!(one.beat(goodbye("a", 2), at(20)), Superseded);
    assert_eq!(one.state(at(20)), Some(Online));
    assert_eq!(
        one.beat(goodbye("a", 2), at(400)),
        Superseded,
        "b is missed"
    );
    assert_eq!(one.state(at(400)), Some(State::Offline));
}

#[test]
fn a_straggler_is_worth_something_once_the_latest_boot_is_offline() {
    let one = One::new();
    one.beat(beat("a", 1), at(0));
    one.beat(beat("b", 1), at(10));
    assert_eq!(one.beat(beat("a", 2), before(at(310))), Superseded);
    assert_eq!(one.beat(beat("a", 3), at(310)), Accepted);
    assert_eq!(one.state(at(310)), Some(Online));
}

#[test]
fn one_that_beats_far_too_often_is_refused_and_recovers_in_the_next_second() {
    let one = One::new();
    for sequence in 0..20 {
        one.beat(beat("a", sequence), at(1));
    }
    let refused = one.roster.beat(&one.id, beat("a", 20), at(1));
    assert_eq!(refused.unwrap_err(), Refusal::TooFast);
    assert_eq!(one.beat(beat("a", 21), at(2)), Accepted);
}

#[test]
fn a_full_roster_refuses_new_workers_and_keeps_those_it_has() {
    let roster = Roster::new(
        Terms {
            capacity: 2,
            ..terms()
        },
        start(),
    );
    for name in ["a", "b"] {
        roster.beat(&id(name), beat("x", 1), at(0)).unwrap();
    }
    assert_eq!(
        roster.beat(&id("c"), beat("x", 1), at(1)).unwrap_err(),
        Refusal::Full
    );
    roster.beat(&id("a"), beat("x", 2), at(1)).unwrap();
    assert_eq!(roster.tally().full, 1);
    roster
        .beat(&id("c"), beat("x", 1), at(86_400))
        .expect("b has been forgotten");
}

#[test]
fn a_new_boot_is_announced_only_by_the_goodbye_of_the_one_before() {
    let one = One::new();
    one.beat(beat("a", 1), at(0));
    assert!(!one.receipt(beat("b", 1), at(1)).announced);
    one.beat(goodbye("b", 2), at(2));
    let deploy = one.receipt(beat("c", 1), at(3));
    assert_eq!((deploy.reception, deploy.announced), (Restarted, true));
}
