-- Points in time and lengths of time are nanoseconds, as the roster counts them: what is offline since
-- when must come back exactly. The view at the end is for people.

-- One row a worker or scheduler.
CREATE TABLE vantage_obs.workers (
    id text PRIMARY KEY,
    role text NOT NULL,
    boot_id text,
    previous_boot_id text,
    sequence bigint NOT NULL,
    registered_ns bigint NOT NULL,
    last_seen_ns bigint,
    progressed_ns bigint,
    interval_ns bigint NOT NULL,
    condition text NOT NULL,
    version text,
    in_flight bigint NOT NULL,
    in_flight_overdue bigint NOT NULL,
    processed_total bigint NOT NULL,
    failed_total bigint NOT NULL,
    last_progress_ns bigint,
    oldest_in_flight_ns bigint,
    queue_depth bigint,
    restarts bigint NOT NULL,
    clock_skew_ms bigint,
    lost boolean NOT NULL,
    -- The transaction that wrote the row. A reader asks for what its last snapshot did not show, so that
    -- a row is not missed whose transaction began earlier and ended later.
    written xid8 NOT NULL DEFAULT pg_current_xact_id()
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX workers_written ON vantage_obs.workers (written);

-- Good and bad events of one objective in one slice of time, as one process counted them.
CREATE TABLE vantage_obs.slices (
    instance text NOT NULL,
    objective text NOT NULL,
    start_ns bigint NOT NULL,
    end_ns bigint NOT NULL,
    good bigint NOT NULL,
    bad bigint NOT NULL,
    PRIMARY KEY (instance, objective, start_ns)
);
CREATE INDEX slices_instance_end ON vantage_obs.slices (instance, end_ns);
CREATE INDEX slices_end ON vantage_obs.slices (end_ns);

-- Who has the lead in a matter, and until when by this server's clock.
CREATE TABLE vantage_obs.leases (
    matter text PRIMARY KEY,
    holder text NOT NULL,
    until timestamptz NOT NULL
);

CREATE VIEW vantage_obs.roster AS
SELECT id, role, condition, lost, restarts, version, in_flight, in_flight_overdue, processed_total,
    failed_total, queue_depth,
    to_timestamp(registered_ns / 1e9) AS registered_at,
    to_timestamp(last_seen_ns / 1e9) AS last_seen,
    to_timestamp(progressed_ns / 1e9) AS progressed_at,
    interval_ns / 1e9 AS interval_seconds,
    oldest_in_flight_ns / 1e9 AS oldest_in_flight_seconds,
    clock_skew_ms, boot_id, sequence
FROM vantage_obs.workers;
