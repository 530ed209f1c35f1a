//! The status of a service whose clock is set.

use super::*;

const HOUR: i64 = 3_600;
/// Seconds by which the clock is set, and set back again after a minute.
const STEPS: [i64; 6] = [
    30,
    HOUR,
    2 * 24 * HOUR,
    30 * 365 * 24 * HOUR,
    -HOUR,
    -50 * 365 * 24 * HOUR,
];

fn local_process(clock: &Clock) -> (StatusProcess, Arc<OutageStore>) {
    let store = Arc::new(OutageStore {
        is_local: true,
        ..OutageStore::default()
    });
    (process(clock, &store), store)
}

fn step(clock: &Clock, seconds: i64) {
    clock.step_wall(seconds * 1_000);
}

fn span_rows(process: &StatusProcess) -> usize {
    let rows = process.store_writer.spans(i64::MIN).wait();
    rows.unwrap().len()
}

#[test]
fn an_outage_that_has_ended_is_none_after_the_clock_was_set_back() {
    for by in STEPS {
        let clock = clock();
        let (it, _store) = local_process(&clock);
        advance(&clock, &[&it], 120);
        // An outage by a clock that is ahead or behind, which ends when that is right.
        step(&clock, by);
        it.set_check_status(HealthStatus::Fail);
        advance(&clock, &[&it], 30);
        assert_eq!(it.api_component().state, PartialOutage, "{by}");
        step(&clock, -by);
        it.set_check_status(HealthStatus::Pass);
        advance(&clock, &[&it], 2);
        assert_eq!(it.api_component().state, Operational, "{by}");
        // Also when the store is read anew.
        advance(&clock, &[&it], 130);
        assert_eq!(it.api_component().state, Operational, "{by}");
        assert!(span_rows(&it) < 8, "{by}");
    }
}

#[test]
fn incidents_open_and_resolve_after_a_clock_was_wrong() {
    for by in STEPS {
        let clock = clock();
        let (it, _store) = local_process(&clock);
        advance(&clock, &[&it], 120);
        step(&clock, by);
        it.set_check_status(HealthStatus::Fail);
        advance(&clock, &[&it], 400);
        let open = |it: &StatusProcess| {
            let status = it.incidents.status().unwrap();
            let open = status.incidents.iter();
            open.filter(|incident| !incident.is_resolved()).count()
        };
        assert_eq!(open(&it), 1, "{by}");
        step(&clock, -by);
        advance(&clock, &[&it], 30);
        assert_eq!(open(&it), 1, "{by}: it goes on");
        it.set_check_status(HealthStatus::Pass);
        advance(&clock, &[&it], 1_000);
        assert_eq!(open(&it), 0, "{by}");
        it.set_check_status(HealthStatus::Fail);
        advance(&clock, &[&it], 400);
        assert_eq!(open(&it), 1, "{by}: the next one");
    }
}

#[test]
fn an_incident_that_a_clock_ahead_has_resolved_keeps_none_from_opening() {
    for by in STEPS {
        let clock = clock();
        let (it, _store) = local_process(&clock);
        step(&clock, by);
        it.set_check_status(HealthStatus::Fail);
        advance(&clock, &[&it], 200);
        it.set_check_status(HealthStatus::Pass);
        advance(&clock, &[&it], 1_000);
        let incidents = |it: &StatusProcess| it.incidents.status().unwrap().incidents.clone();
        assert!(incidents(&it).iter().all(|one| one.is_resolved()), "{by}");
        step(&clock, -by);
        advance(&clock, &[&it], 10);
        it.set_check_status(HealthStatus::Fail);
        advance(&clock, &[&it], 200);
        let open = incidents(&it)
            .iter()
            .filter(|one| !one.is_resolved())
            .count();
        assert_eq!(open, 1, "{by}");
    }
}

#[test]
fn a_step_is_no_time_in_a_state() {
    for by in STEPS {
        let clock = clock();
        let (it, _store) = local_process(&clock);
        advance(&clock, &[&it], 120);
        it.set_check_status(HealthStatus::Fail);
        advance(&clock, &[&it], 5);
        step(&clock, by);
        advance(&clock, &[&it], 2);
        let status = it.incidents.status().unwrap();
        assert_eq!(status.incidents.len(), 0, "{by}: it is not yet stable");
    }
}

#[test]
fn history_is_back_with_the_clock_that_was_thirty_years_ahead() {
    let clock = clock();
    let (it, _store) = local_process(&clock);
    advance(&clock, &[&it], 600);
    let before = it.api_component();
    step(&clock, 30 * 365 * 24 * HOUR);
    advance(&clock, &[&it], 60);
    step(&clock, -30 * 365 * 24 * HOUR);
    advance(&clock, &[&it], 10);
    let after = it.api_component();
    assert_eq!(after.first_seen, before.first_seen);
    let seconds = |one: &ComponentStatus| one.seconds.operational;
    assert!(seconds(&after) >= seconds(&before));
}

/// The seconds of outages that the page shows, after one that was 40 min ago.
fn outage_40_minutes_ago(clock: &Clock) -> (StatusProcess, Arc<OutageStore>, u64) {
    let (it, store) = local_process(clock);
    advance(clock, &[&it], 60);
    it.set_check_status(HealthStatus::Fail);
    advance(clock, &[&it], 120);
    it.set_check_status(HealthStatus::Pass);
    advance(clock, &[&it], 40 * 60);
    let outage = it.api_component().seconds.partial_outage;
    assert!(outage > 100, "{outage}");
    (it, store, outage)
}

#[test]
fn history_is_back_with_the_clock_that_was_behind_for_a_minute() {
    for by in [-30 * 60, -HOUR, -50 * 365 * 24 * HOUR] {
        let clock = clock();
        let (it, _store, outage) = outage_40_minutes_ago(&clock);
        let operational = it.api_component().seconds.operational;
        step(&clock, by);
        advance(&clock, &[&it], 60);
        step(&clock, -by);
        advance(&clock, &[&it], 3);
        let seconds = it.api_component().seconds;
        assert_eq!(seconds.partial_outage, outage, "{by}");
        assert!(seconds.operational + 10 >= operational, "{by}: {seconds:?}");
        assert_eq!(it.api_component().state, Operational, "{by}");
        // Also in the hours after it, in which everything is read again.
        advance(&clock, &[&it], 3_700);
        assert_eq!(it.api_component().seconds.partial_outage, outage, "{by}");
    }
}

#[test]
fn history_is_there_once_a_clock_that_was_behind_at_the_start_is_right() {
    for by in [-30 * 60, -HOUR, -2 * 24 * HOUR] {
        let clock = clock();
        let (before, store, outage) = outage_40_minutes_ago(&clock);
        before.incidents.stop();
        before.store_writer.flush(Duration::ZERO).wait().unwrap();
        step(&clock, by);
        let it = process(&clock, &store);
        advance(&clock, &[&it], 60);
        // In two steps, the first of which leaves it behind.
        step(&clock, 5);
        advance(&clock, &[&it], 10);
        step(&clock, -by - 5);
        advance(&clock, &[&it], 3);
        assert_eq!(it.api_component().seconds.partial_outage, outage, "{by}");
    }
}
