//! The public status of the service, with a manual clock.

mod canary;
mod documented;
mod felt_outages;
mod write_routes;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use vantage_obs::config::Secret;
use vantage_obs::health::Finding;
use vantage_obs::incidents::{IncidentError, NewIncident, NewMaintenance, NewUpdate};
use vantage_obs::status::{
    Author, ComponentState, ComponentStatus, Impact, IncidentStatus, MaintenanceStatus,
    StatusSnapshot,
};
use vantage_obs::testing::TestTelemetry;
use vantage_obs::trace::Carrier;
use vantage_obs::{Config, Role};

const TOKEN: &str = "s3cr3t-token";

/// An API whose checks run exactly when they are due, without damping.
fn config() -> Config {
    let mut config = Config::new("test", Role::Api);
    config.health.jitter = 0.0;
    config.health.fail_after = 1;
    config.health.recover_after = 1;
    config.status.token = Some(Secret::new(TOKEN));
    config
}

fn with(config: Config) -> TestTelemetry {
    TestTelemetry::with_config(config, &[]).unwrap()
}

/// Advances second by second, as the threads do.
async fn advance(test: &TestTelemetry, seconds: u64) {
    for _ in 0..seconds {
        test.clock().advance(Duration::from_secs(1));
        test.tick();
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        test.tick();
    }
}

fn now(test: &TestTelemetry) -> jiff::Timestamp {
    test.clock().wall().try_into().unwrap()
}

fn status(test: &TestTelemetry) -> Arc<StatusSnapshot> {
    test.telemetry().incidents().status().unwrap()
}

fn component(test: &TestTelemetry, key: &str) -> ComponentStatus {
    let status = status(test);
    let found = status.components.iter().find(|one| &*one.key == key);
    found.unwrap_or_else(|| panic!("no {key}")).clone()
}

/// Registers a check that fails while the returned flag is set.
fn register_breakable_check(test: &TestTelemetry) -> Arc<AtomicBool> {
    let broken = Arc::new(AtomicBool::new(false));
    let is_broken = Arc::clone(&broken);
    test.telemetry().health_check("it").critical().run(move || {
        let broken = is_broken.load(Ordering::SeqCst);
        async move {
            if broken {
                Finding::fail("broken")
            } else {
                Finding::pass()
            }
        }
    });
    broken
}

#[tokio::test]
async fn an_outage_opens_an_incident_that_resolves_itself() {
    let test = with(config());
    let broken = register_breakable_check(&test);
    advance(&test, 30).await;
    assert_eq!(component(&test, "api").state, ComponentState::Operational);
    broken.store(true, Ordering::SeqCst);
    advance(&test, 80).await;
    let api = component(&test, "api");
    assert_eq!(api.state, ComponentState::MajorOutage);
    let incident = status(&test).incidents[0].clone();
    assert_eq!(&*incident.title, "Major outage of API");
    assert_eq!(incident.author, Author::System);
    assert_eq!(incident.impact, Impact::Critical);
    assert_eq!(incident.affected[0].id, api.id);
    assert_eq!(incident.started_at, api.since, "since it is down");
    assert!(incident.created_at > incident.started_at);
    broken.store(false, Ordering::SeqCst);
    advance(&test, 80).await;
    let monitoring = status(&test).incidents[0].clone();
    assert_eq!(monitoring.status, IncidentStatus::Monitoring);
    advance(&test, 300).await;
    let resolved = status(&test).incidents[0].clone();
    assert_eq!(resolved.id, incident.id);
    assert!(resolved.is_resolved());
    let statuses: Vec<_> = resolved.updates.iter().map(|one| one.status).collect();
    use IncidentStatus::{Investigating, Monitoring, Resolved};
    assert_eq!(
        statuses,
        [Resolved, Monitoring, Investigating],
        "newest first"
    );
    let api = component(&test, "api");
    assert!(api.seconds.major_outage > 60, "{:?}", api.seconds);
    assert_eq!(api.days.len(), StatusSnapshot::DAYS);
    let days: u64 = api.days.iter().map(|day| day.seconds.total()).sum();
    assert_eq!(days, 90 * 86_400);
    assert_eq!(status(&test).unresolved().count(), 0);
}

#[tokio::test]
async fn offline_workers_are_an_outage_of_workers_and_of_nothing_else() {
    let mut config = config().role(Role::Worker);
    config.heartbeat.expected = vec!["w1".into(), "w2".into(), "w3".into()];
    let test = with(config);
    let worker = test.telemetry().worker("w1");
    advance(&test, 10).await;
    assert_eq!(
        component(&test, "workers").state,
        ComponentState::Operational
    );
    advance(&test, 300).await;
    assert_eq!(
        component(&test, "workers").state,
        ComponentState::PartialOutage
    );
    assert_eq!(component(&test, "api").state, ComponentState::Operational);
    drop(worker);
    let text = format!("{:?}", status(&test));
    assert!(!text.contains("w1") && !text.contains("w2"), "{text}");
}

#[tokio::test]
async fn a_hanging_job_is_degraded_performance_and_opens_no_incident() {
    let test = with(config().role(Role::Worker));
    let workers: Vec<_> = ["a", "b", "c"].map(|id| test.telemetry().worker(id)).into();
    let _job = workers[0].start("publish_post", test.clock().wall(), &Carrier::EMPTY);
    advance(&test, 500).await;
    let state = component(&test, "workers").state;
    assert_eq!(state, ComponentState::DegradedPerformance);
    assert_eq!(status(&test).incidents, []);
}

#[tokio::test]
async fn a_manual_incident_raises_a_state_and_never_lowers_one() {
    let test = with(config());
    let broken = register_breakable_check(&test);
    advance(&test, 30).await;
    let incidents = test.telemetry().incidents();
    let slow = NewIncident::new("Posts are slow", "We look.")
        .component("api", ComponentState::PartialOutage)
        .started_at(now(&test) - Duration::from_secs(20));
    let id = incidents.open(slow).await.unwrap();
    let api = component(&test, "api");
    assert_eq!(api.state, ComponentState::PartialOutage, "at once");
    assert_eq!(status(&test).incidents[0].id, id);
    let update = NewUpdate::new("It is fine again.").status(IncidentStatus::Resolved);
    incidents.update(id, update).await.unwrap();
    advance(&test, 2).await;
    let api = component(&test, "api");
    assert_eq!(api.state, ComponentState::Operational);
    assert_eq!(api.seconds.partial_outage, 20, "also what was said later");
    broken.store(true, Ordering::SeqCst);
    advance(&test, 20).await;
    let fine =
        NewIncident::new("Nothing", "All is well.").component("api", ComponentState::Operational);
    incidents.open(fine).await.unwrap();
    advance(&test, 2).await;
    assert_eq!(component(&test, "api").state, ComponentState::MajorOutage);
}

#[tokio::test]
async fn a_manual_update_takes_an_automatic_incident_over() {
    let test = with(config());
    let broken = register_breakable_check(&test);
    advance(&test, 30).await;
    broken.store(true, Ordering::SeqCst);
    advance(&test, 80).await;
    let id = status(&test).incidents[0].id;
    let update = NewUpdate::new("A disk is full.")
        .status(IncidentStatus::Identified)
        .title("A full disk")
        .impact(Impact::Major);
    let incidents = test.telemetry().incidents();
    incidents.update(id, update).await.unwrap();
    broken.store(false, Ordering::SeqCst);
    advance(&test, 500).await;
    let incident = status(&test).incidents[0].clone();
    assert_eq!(&*incident.title, "A full disk");
    assert_eq!(incident.impact, Impact::Major);
    assert_eq!(incident.status, IncidentStatus::Identified);
    assert_eq!(incident.updates.len(), 2);
    assert_eq!(incident.updates[0].author, Author::Person);
    let done = NewUpdate::new("Done.").status(IncidentStatus::Resolved);
    incidents.update(id, done).await.unwrap();
    let incident = status(&test).incidents[0].clone();
    assert_eq!(incident.affected[0].state, ComponentState::Operational);
}

#[tokio::test]
async fn maintenance_begins_and_ends_by_the_clock_and_hides_no_outage() {
    let test = with(config());
    let broken = register_breakable_check(&test);
    advance(&test, 30).await;
    let now = now(&test);
    let at = |seconds| now + Duration::from_secs(seconds);
    let work = NewMaintenance::new("New disks", "The API may be slow.", at(20), at(80));
    let work = work.component("api");
    let incidents = test.telemetry().incidents();
    let id = incidents.announce(work).await.unwrap();
    let upcoming = status(&test).maintenances[0].clone();
    assert_eq!(
        (upcoming.id, upcoming.status),
        (id, MaintenanceStatus::Scheduled)
    );
    assert!(!component(&test, "api").in_maintenance);
    advance(&test, 25).await;
    let active = status(&test).maintenances[0].clone();
    assert_eq!(active.status, MaintenanceStatus::InProgress);
    assert_eq!(active.updates[0].at, at(20), "to the second");
    assert_eq!(
        component(&test, "api").state,
        ComponentState::UnderMaintenance
    );
    broken.store(true, Ordering::SeqCst);
    advance(&test, 25).await;
    let api = component(&test, "api");
    assert_eq!(api.state, ComponentState::MajorOutage);
    assert!(api.in_maintenance);
    broken.store(false, Ordering::SeqCst);
    advance(&test, 60).await;
    let over = status(&test).maintenances[0].clone();
    assert_eq!(over.status, MaintenanceStatus::Completed);
    assert_eq!(over.completed_at, Some(at(80)));
    let api = component(&test, "api");
    assert!(!api.in_maintenance);
    let seconds = api.seconds;
    assert_eq!(seconds.maintenance + seconds.outage_in_maintenance, 60);
    assert_eq!(seconds.outage_in_maintenance, seconds.down());
    let late = NewUpdate::new("More.").scheduled_until(at(10_000));
    let refused = incidents.update(id, late).await;
    assert!(
        matches!(refused, Err(IncidentError::Faults(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn maintenance_that_is_completed_early_ends() {
    let test = with(config());
    register_breakable_check(&test);
    advance(&test, 30).await;
    let now = now(&test);
    let at = |seconds| now + Duration::from_secs(seconds);
    let work = NewMaintenance::new("a", "b", at(10), at(1_000)).component("api");
    let incidents = test.telemetry().incidents();
    let id = incidents.announce(work).await.unwrap();
    advance(&test, 20).await;
    let done = NewUpdate::new("Done.").maintenance_status(MaintenanceStatus::Completed);
    incidents.update(id, done).await.unwrap();
    advance(&test, 10).await;
    let over = status(&test).maintenances[0].clone();
    assert_eq!(over.completed_at, Some(at(20)));
    let api = component(&test, "api");
    assert_eq!(api.state, ComponentState::Operational);
    assert_eq!(api.seconds.maintenance, 10);
}

#[tokio::test]
async fn a_process_that_is_neither_api_nor_web_shows_nothing() {
    let test = with(Config::new("test", Role::Worker));
    advance(&test, 5).await;
    let incidents = test.telemetry().incidents();
    assert_eq!(incidents.status(), None);
    let refused = incidents.open(NewIncident::new("a", "b")).await;
    assert!(
        matches!(refused, Err(IncidentError::Disabled)),
        "{refused:?}"
    );
    let test = with(Config::new("test", Role::Web));
    advance(&test, 5).await;
    let keys: Vec<_> = status(&test)
        .components
        .iter()
        .map(|one| one.key.to_string())
        .collect();
    assert_eq!(keys, ["web"], "the API's health is known to an API");
}
