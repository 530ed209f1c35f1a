use super::*;
use crate::store::{Change, WorkerRow};
use State::{Expired, Late, Offline, Online};

/// The row that a receiver had kept of its worker.
fn kept(beats: &[(Beat, Timestamp)]) -> WorkerRow {
    let one = One::new();
    let receipts = beats
        .iter()
        .map(|(beat, at)| one.receipt(beat.clone(), *at));
    receipts.collect::<Vec<_>>().pop().unwrap().row.unwrap()
}

#[test]
fn what_became_due_while_the_receiver_was_down_has_its_exact_date() {
    let row = kept(&[(beat("a", 1), at(10))]);
    let one = One {
        roster: Roster::new(terms(), at(7200)),
        id: id("w"),
    };
    one.roster.merge(vec![row], at(7200));
    let found = changes(&one.roster.advance(at(7200)));
    assert_eq!(found, [(Online, Late, at(70)), (Late, Offline, at(310))]);
    one.beat(beat("a", 2), at(7201));
    assert_eq!(one.state(at(7201)), Some(Online));
}

#[test]
fn one_that_expired_meanwhile_is_forgotten_in_the_store_too() {
    let row = kept(&[(beat("a", 1), at(10))]);
    let end = at(3 * 86_400);
    let roster = Roster::new(terms(), end);
    roster.merge(vec![row], end);
    let found = roster.advance(end);
    assert_eq!(
        changes(&found).last(),
        Some(&(Offline, Expired, at(86_410)))
    );
    assert_eq!(found.changes, [Change::Forget(id("w"), Some(at(10)))]);
}

#[test]
fn a_row_that_is_older_changes_nothing_and_a_newer_one_all() {
    let one = One::new();
    one.beat(beat("a", 2), at(20));
    one.roster
        .merge(vec![kept(&[(beat("a", 1), at(25))])], at(30));
    assert_eq!(one.view(at(30)).unwrap().row.last_seen, Some(at(20)));
    one.roster
        .merge(vec![kept(&[(beat("a", 3), at(40))])], at(41));
    assert_eq!(one.view(at(41)).unwrap().row.last_seen, Some(at(40)));
    assert_eq!(one.state(at(100)), Some(Late));
}

#[test]
fn one_that_was_thought_offline_comes_back_when_another_receiver_has_heard_it() {
    let one = One::new();
    one.beat(beat("a", 1), at(0));
    one.roster.advance(at(301));
    one.roster
        .merge(vec![kept(&[(beat("a", 2), at(280))])], at(302));
    let found = changes(&one.roster.advance(at(302)));
    assert_eq!(
        found,
        [(Offline, Online, at(300))],
        "not before it was thought offline"
    );
    assert_eq!(one.state(at(580)), Some(Offline));
}

#[test]
fn a_row_from_a_clock_that_is_ahead_is_no_older_than_now() {
    let one = One::new();
    one.roster
        .merge(vec![kept(&[(beat("a", 1), at(5000))])], at(0));
    assert_eq!(one.state(at(300)), Some(Offline));
}

#[test]
fn what_a_store_remembers_is_learned_also_after_a_first_beat() {
    let one = One::new();
    one.beat(beat("b", 1), at(100));
    let old = kept(&[(beat("0", 1), at(0)), (beat("a", 1), at(10))]);
    one.roster.merge(vec![old], at(101));
    let row = one.view(at(101)).unwrap().row;
    assert_eq!(
        (row.restarts, row.previous_boot_id.as_deref()),
        (2, Some("a"))
    );
    assert_eq!(row.registered_at, at(0));
}

#[test]
fn rows_of_two_receivers_converge_in_either_order() {
    let rows = [
        kept(&[(beat("a", 1), at(10))]),
        kept(&[(beat("a", 3), at(12))]),
        // Heard by a receiver whose clock is behind.
        kept(&[(beat("a", 1), at(1)), (beat("b", 1), at(9))]),
        kept(&[(beat("c", 1), at(10))]),
        kept(&[(beat("d", 1), at(10))]),
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
    let roster = Roster::new(
        Terms {
            capacity: 1,
            ..terms()
        },
        start(),
    );
    let named = |name: &str| WorkerRow {
        id: id(name),
        ..kept(&[(beat("a", 1), at(0))])
    };
    assert_eq!(roster.merge(vec![named("a"), named("b")], at(1)), 1);
    assert_eq!(roster.tally().full, 1);
}
