//! A store in a real PostgreSQL; `.ci/backends` starts it.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{AUTH, DATABASE, SCHEMA, TLS, steps};
use crate::config::{Config, Environment, Role, Secret, StoreKind};
use crate::doctor::step::{DiagnosisStep, StepVerdict};
use crate::store::postgres_client::server::{TestPostgres, create_database, run_script};
use crate::store::postgres_client::{PostgresAddress, PostgresPool, migrate};

/// Diagnoses the store at this URL.
async fn diagnose(url: &str) -> Vec<DiagnosisStep> {
    let mut config = Config::new("test", Role::Api);
    config.store.kind = StoreKind::Postgres;
    config.store.url = Some(Secret::new(url));
    let effective = Arc::new(config.resolve(&Environment::empty()).unwrap());
    let deadline = Instant::now() + Duration::from_secs(15);
    let diagnosed = tokio::task::spawn_blocking(move || steps(&effective, deadline));
    diagnosed.await.unwrap()
}

/// The one failure is this step's, and its fix is this.
fn assert_fix(steps: &[DiagnosisStep], name: &str, fix: &str) {
    let failed: Vec<_> = steps
        .iter()
        .filter(|step| step.verdict == StepVerdict::Fail)
        .collect();
    assert_eq!(failed.len(), 1, "{steps:#?}");
    assert_eq!(failed[0].name, name, "{steps:#?}");
    let found = failed[0].fix.as_deref().unwrap();
    assert!(found.contains(fix), "{found}");
}

fn assert_all_well(steps: &[DiagnosisStep]) {
    let well = steps.iter().all(|step| step.verdict == StepVerdict::Ok);
    assert!(well, "{steps:#?}");
    let names: Vec<_> = steps.iter().map(|step| step.name).collect();
    assert_eq!(names, ["name", "tcp", TLS, AUTH, DATABASE, SCHEMA]);
}

async fn create_schema(url: &str) {
    let address = PostgresAddress::parse(&Secret::new(url)).unwrap();
    migrate(&PostgresPool::new(address, 1)).await.unwrap();
}

/// Returns the URL with another user and database.
fn with(url: &str, user: &str, database: &str) -> String {
    let (_, host) = url.rsplit_once('@').unwrap();
    let (host, _) = host.split_once('/').unwrap();
    format!("postgres://{user}@{host}/{database}")
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn the_rights_that_a_user_lacks_are_the_fix() {
    let url = create_database().await;
    let (_, database) = url.rsplit_once('/').unwrap();
    let user = format!("limited_{database}");
    let create = format!("CREATE ROLE {user} LOGIN PASSWORD 'canary'");
    run_script(&url, &create).await;
    let limited = with(&url, &format!("{user}:canary"), database);

    assert_all_well(&diagnose(&url).await);
    let fix = format!("GRANT CREATE ON DATABASE {database} TO {user}");
    assert_fix(&diagnose(&limited).await, SCHEMA, &fix);
    run_script(&url, &fix).await;
    assert_all_well(&diagnose(&limited).await);

    create_schema(&url).await;
    assert_all_well(&diagnose(&url).await);
    let fix = format!("GRANT USAGE ON SCHEMA vantage_obs TO {user}; GRANT SELECT,");
    let steps = diagnose(&limited).await;
    assert_fix(&steps, SCHEMA, &fix);
    let fix = steps.last().unwrap().fix.clone().unwrap();
    run_script(&url, &fix).await;
    assert_all_well(&diagnose(&limited).await);
    let revoke = format!("REVOKE DELETE ON vantage_obs.slices FROM {user}");
    run_script(&url, &revoke).await;
    let fix = format!("GRANT DELETE ON ALL TABLES IN SCHEMA vantage_obs TO {user}");
    assert_fix(&diagnose(&limited).await, SCHEMA, &fix);

    let newer = "INSERT INTO vantage_obs.migrations (version, compatible) VALUES (99, 99)";
    run_script(&url, newer).await;
    assert_fix(&diagnose(&url).await, SCHEMA, "install the release");
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_database_that_is_missing_or_takes_no_writes_is_named() {
    let url = create_database().await;
    let (_, database) = url.rsplit_once('/').unwrap();
    let missing = format!("{url}_none");
    let fix = format!("CREATE DATABASE {database}_none");
    assert_fix(&diagnose(&missing).await, DATABASE, &fix);
    let read_only = format!("ALTER DATABASE {database} SET default_transaction_read_only = on");
    run_script(&url, &read_only).await;
    assert_fix(
        &diagnose(&url).await,
        DATABASE,
        "target_session_attrs=read-write",
    );
    // The second host stands in for the first.
    let both = url.replacen("@", "@127.0.0.1:1,", 1);
    let steps = diagnose(&both).await;
    let tcp: Vec<_> = steps.iter().filter(|step| step.name == "tcp").collect();
    assert_eq!(tcp[0].verdict, StepVerdict::Warn, "{steps:#?}");
    assert_eq!(tcp[1].verdict, StepVerdict::Ok, "{steps:#?}");
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_wrong_password_is_told_from_a_missing_one_and_never_shown() {
    let server = tokio::task::spawn_blocking(TestPostgres::start)
        .await
        .unwrap();
    let url = server.url();
    let create = "CREATE ROLE app LOGIN PASSWORD 'right-canary'; CREATE DATABASE app OWNER app";
    let (role, database) = create.split_once("; ").unwrap();
    run_script(&url, role).await;
    run_script(&url, database).await;
    // Passwords are demanded, and every database but one is refused.
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("pg_hba.conf");
    std::fs::write(&rules, "host app all 127.0.0.1/32 scram-sha-256\n").unwrap();
    let readable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), readable).unwrap();
    let set = format!("ALTER SYSTEM SET hba_file = '{}'", rules.display());
    run_script(&url, &set).await;
    let server = tokio::task::spawn_blocking(move || {
        server.down();
        server.up();
        server
    });
    let server = server.await.unwrap();
    let url = |user: &str, database| with(&server.url(), user, database);

    assert_all_well(&diagnose(&url("app:right-canary", "app")).await);
    let encrypted = format!("{}?sslmode=require", url("app:right-canary", "app"));
    assert_fix(&diagnose(&encrypted).await, TLS, "sslmode=prefer");
    let wrong = diagnose(&url("app:wrong-canary", "app")).await;
    assert_fix(&wrong, AUTH, "correct the user and password in store.url");
    assert!(!format!("{wrong:?}").contains("canary"), "{wrong:#?}");
    let missing = diagnose(&url("app", "app")).await;
    assert_fix(&missing, AUTH, "the URL has none");
    let refused = diagnose(&url("app:right-canary", "postgres")).await;
    assert_fix(
        &refused,
        AUTH,
        "add a line for this host, user and database",
    );
    let plain = format!("{}?sslmode=disable", url("app:right-canary", "postgres"));
    assert_fix(&diagnose(&plain).await, AUTH, "set sslmode=require");
}
