-- Points in time are nanoseconds since the epoch. The views are for people and dashboards.

-- Rows of any kind but slices: the value is the whole of one as JSON; the columns beside it are what is
-- searched for and what has to be unique.
CREATE TABLE vantage_obs.records (
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    -- When it may be deleted; the largest number is never.
    relevant_until_ns bigint NOT NULL,
    -- Of any number of processes that insert a record with the same slot at once, one does.
    slot text COLLATE "C",
    value text NOT NULL,
    -- The transaction that wrote the row. A reader asks for what its last snapshot did not show, so that
    -- a row is not missed whose transaction began earlier and ended later.
    written xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (kind, key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE UNIQUE INDEX records_slot ON vantage_obs.records (kind, slot) WHERE slot IS NOT NULL;
CREATE INDEX records_relevant_until ON vantage_obs.records (kind, relevant_until_ns);
CREATE INDEX records_written ON vantage_obs.records (kind, written);

-- Good and bad events of one objective in one slice of time, as one process counted them.
CREATE TABLE vantage_obs.slices (
    instance text NOT NULL,
    objective text NOT NULL,
    start_ns bigint NOT NULL,
    end_ns bigint NOT NULL,
    good bigint NOT NULL,
    bad bigint NOT NULL,
    -- The part of it in which events were sampled.
    covered_ns bigint NOT NULL,
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

-- Workers and schedulers. JSON has room for a zero byte, and text has not.
CREATE VIEW vantage_obs.roster AS
SELECT key AS id, row->>'role' AS role, row->>'condition' AS condition, (row->>'lost')::boolean AS lost,
    (row->>'restarts')::numeric AS restarts, row->>'version' AS version,
    (row->'progress'->>'in_flight')::numeric AS in_flight,
    (row->'progress'->>'in_flight_overdue')::numeric AS in_flight_overdue,
    (row->'progress'->>'processed_total')::numeric AS processed_total,
    (row->'progress'->>'failed_total')::numeric AS failed_total,
    (row->'progress'->>'queue_depth')::numeric AS queue_depth,
    (row->>'registered_at')::timestamptz AS registered_at,
    (row->>'last_seen')::timestamptz AS last_seen,
    (row->>'progressed_at')::timestamptz AS progressed_at,
    (row->'interval'->>'secs')::numeric + (row->'interval'->>'nanos')::numeric / 1e9 AS interval_seconds,
    (row->'progress'->'oldest_in_flight'->>'secs')::numeric
        + (row->'progress'->'oldest_in_flight'->>'nanos')::numeric / 1e9 AS oldest_in_flight_seconds,
    (row->>'clock_skew_ms')::bigint AS clock_skew_ms, row->>'boot_id' AS boot_id,
    (row->>'sequence')::numeric AS sequence
FROM vantage_obs.records, CAST(replace(value, '\u0000', '\ufffd') AS json) AS row
WHERE kind = 'worker';

-- The daily totals of all processes together: this is what dashboards read. A record has what one run of
-- a process has counted of a figure on one day of UTC, money in minor units of its currency; the day stands at
-- the beginning of its key, where the index reads it. Peaks, those of gauges, don't add up: every replica has the
-- same organisations, and the day's largest is right.
CREATE INDEX records_total_day ON vantage_obs.records
    (make_date(substr(key, 3, 4)::int, substr(key, 8, 2)::int, substr(key, 11, 2)::int))
    WHERE kind = 'total';
CREATE VIEW vantage_obs.daily_totals AS
SELECT make_date(substr(key, 3, 4)::int, substr(key, 8, 2)::int, substr(key, 11, 2)::int) AS day,
    row->>'metric' AS figure, row->>'attribute' AS attribute,
    CASE WHEN bool_or((row->>'peak')::bool) THEN max(counted) ELSE sum(counted)::bigint END AS value
FROM vantage_obs.records,
    CAST(replace(value, '\u0000', '\ufffd') AS json) AS row,
    CAST(least((row->>'value')::numeric, 9223372036854775807) AS bigint) AS counted
WHERE kind = 'total'
GROUP BY day, figure, attribute;
