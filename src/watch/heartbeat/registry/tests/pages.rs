use super::*;

fn crowd() -> Roster {
    let roster = Roster::new(terms(), start());
    for n in 0..10 {
        let last = if n % 2 == 0 {
            beat("a", 1)
        } else {
            goodbye("a", 1)
        };
        roster
            .beat(&id(&format!("w{n}")), last, at(n * 60))
            .unwrap();
    }
    roster
}

fn query(states: &[State], after: Option<&str>, limit: usize) -> Query {
    Query {
        role: Role::Worker,
        states: states.to_vec(),
        after: after.map(id),
        limit,
    }
}

fn ids(page: &Page) -> Vec<&str> {
    page.views.iter().map(|view| view.row.id.as_str()).collect()
}

#[test]
fn pages_follow_each_other_in_the_order_of_ids() {
    let (roster, mut after, mut seen) = (crowd(), None, Vec::new());
    loop {
        let page = roster.page(&query(&[], after.as_deref(), 4), at(600));
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        match page.next {
            Some(next) => after = Some(next.to_string()),
            None => break,
        }
    }
    let all: Vec<_> = (0..10).map(|n| format!("w{n}")).collect();
    assert_eq!(seen, all);
}

#[test]
fn counts_are_of_all_whatever_is_asked_for() {
    let page = crowd().page(&query(&[State::Late], None, 10), at(600));
    assert_eq!(ids(&page), ["w6", "w8"]);
    let counted = State::LISTED.map(|state| page.counts.of(state));
    assert_eq!(counted, [0, 0, 2, 0, 3, 5]);
    assert!(page.next.is_none());
}

#[test]
fn the_last_page_that_is_full_has_no_next() {
    let page = crowd().page(&query(&[State::Stopped], Some("w1"), 4), at(600));
    assert_eq!(ids(&page), ["w3", "w5", "w7", "w9"]);
    assert!(page.next.is_none());
}

#[test]
fn a_role_that_changes_takes_its_worker_along() {
    let one = One::new();
    one.beat(beat("a", 1), at(0));
    let scheduler = Beat {
        role: Role::Scheduler,
        ..beat("a", 2)
    };
    one.beat(scheduler, at(1));
    assert_eq!(one.roster.counts(Role::Worker, at(1)).total(), 0);
    assert_eq!(one.roster.counts(Role::Scheduler, at(1)).total(), 1);
}

#[test]
fn last_seen_is_told_of_those_who_speak_and_of_no_crowd() {
    let roster = crowd();
    let seen = roster.last_seen(Role::Worker, 10, at(600)).unwrap();
    assert_eq!(seen.len(), 5);
    assert!(roster.last_seen(Role::Worker, 9, at(600)).is_none());
}
