use super::*;

fn many_workers() -> WorkerRegistry {
    let mut registry = WorkerRegistry::new(timeouts(), start());
    for n in 0..10 {
        let last = if n % 2 == 0 {
            beat("a", 1)
        } else {
            goodbye("a", 1)
        };
        registry
            .ingest(&id(&format!("w{n}")), last, at(n * 60))
            .unwrap();
    }
    registry
}

fn query(states: &[WorkerState], after: Option<&str>, limit: usize) -> WorkerQuery {
    WorkerQuery {
        role: BeatRole::Worker,
        states: states.to_vec(),
        after: after.map(id),
        limit,
    }
}

fn ids(page: &WorkerPage) -> Vec<&str> {
    page.workers
        .iter()
        .map(|view| view.row.id.as_str())
        .collect()
}

#[test]
fn pages_follow_each_other_in_the_order_of_ids() {
    let (mut registry, mut after, mut seen) = (many_workers(), None, Vec::new());
    loop {
        let page = registry.page(&query(&[], after.as_deref(), 4), at(600));
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        match page.next_cursor {
            Some(next) => after = Some(next.to_string()),
            None => break,
        }
    }
    let all: Vec<_> = (0..10).map(|n| format!("w{n}")).collect();
    assert_eq!(seen, all);
}

#[test]
fn counts_are_of_all_whatever_is_asked_for() {
    let page = many_workers().page(&query(&[WorkerState::Late], None, 10), at(600));
    assert_eq!(ids(&page), ["w6", "w8"]);
    let counted = WorkerState::LISTED.map(|state| page.counts.count(state));
    assert_eq!(counted, [0, 0, 2, 0, 3, 5, 0]);
    assert!(page.next_cursor.is_none());
}

#[test]
fn the_last_page_that_is_full_has_no_next() {
    let page = many_workers().page(&query(&[WorkerState::Stopped], Some("w1"), 4), at(600));
    assert_eq!(ids(&page), ["w3", "w5", "w7", "w9"]);
    assert!(page.next_cursor.is_none());
}

#[test]
fn a_role_that_changes_takes_its_worker_along() {
    let worker = SingleWorker::new();
    worker.beat(beat("a", 1), at(0));
    let scheduler = Beat {
        role: BeatRole::Scheduler,
        ..beat("a", 2)
    };
    worker.beat(scheduler, at(1));
    assert_eq!(worker.registry().counts(BeatRole::Worker, at(1)).total(), 0);
    assert_eq!(
        worker.registry().counts(BeatRole::Scheduler, at(1)).total(),
        1
    );
}

#[test]
fn last_seen_is_told_of_those_who_speak_and_of_no_crowd() {
    let mut registry = many_workers();
    let seen = registry.last_seen(BeatRole::Worker, 5, at(600)).unwrap();
    assert_eq!(seen.len(), 5);
    assert!(registry.last_seen(BeatRole::Worker, 4, at(600)).is_none());
}
