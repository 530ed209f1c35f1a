//! The connection to PostgreSQL, and its tables.

use sqlx::Postgres;
use sqlx::postgres::PgPoolOptions;
use vantage_obs::Telemetry;
use vantage_obs::integrations::sqlx::{MeasuredPool, MeasuredTransaction};

use crate::AnyError;
use crate::settings::Settings;

/// Runs queries, of all processes.
pub type Db = MeasuredPool<Postgres>;
/// Runs the queries of a transaction.
pub type DbTransaction<'c> = MeasuredTransaction<'c, Postgres>;

const TABLES: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS products (
        sku text PRIMARY KEY, name text NOT NULL, price bigint NOT NULL, stock bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS orders (
        id bigserial PRIMARY KEY, sku text NOT NULL REFERENCES products, quantity bigint NOT NULL,
        total bigint NOT NULL, state text NOT NULL DEFAULT 'paid', placed_at timestamptz NOT NULL DEFAULT now())",
    "CREATE TABLE IF NOT EXISTS jobs (
        id bigserial PRIMARY KEY, kind text NOT NULL, order_id bigint NOT NULL,
        due timestamptz NOT NULL DEFAULT now(), taken_at timestamptz, attempts bigint NOT NULL DEFAULT 0,
        carrier jsonb NOT NULL DEFAULT '{}')",
    "INSERT INTO products VALUES
        ('mug', 'A mug', 1200, 1000), ('tee', 'A T-shirt', 2500, 1000), ('pin', 'A pin', 300, 5)
        ON CONFLICT DO NOTHING",
];

/// Connects, and creates the tables where they are missing.
pub async fn connect(settings: &Settings, telemetry: &Telemetry) -> Result<Db, AnyError> {
    let pool = PgPoolOptions::new()
        .max_connections(settings.connections)
        .acquire_timeout(settings.acquire_timeout)
        .connect(&settings.database_url)
        .await?;
    let mut setup = pool.begin().await?;
    // Two processes that start at once would both create a table that is not there.
    sqlx::query("SELECT pg_advisory_xact_lock(20261)")
        .execute(&mut *setup)
        .await?;
    for statement in TABLES {
        sqlx::query(statement).execute(&mut *setup).await?;
    }
    setup.commit().await?;
    Ok(telemetry.sqlx("shop", pool))
}
