-- The condition at the end is WorkerRow::supersedes; a test holds the two together.
INSERT INTO vantage_obs.workers AS known (
    id, role, boot_id, previous_boot_id, sequence, registered_ns, last_seen_ns, progressed_ns,
    interval_ns, condition, version, in_flight, in_flight_overdue, processed_total, failed_total,
    last_progress_ns, oldest_in_flight_ns, queue_depth, restarts, clock_skew_ms, lost
)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
    $9::bigint[], $10::text[], $11::text[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[],
    $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::boolean[]
)
ON CONFLICT (id) DO UPDATE SET
    role = excluded.role,
    boot_id = excluded.boot_id,
    previous_boot_id = excluded.previous_boot_id,
    sequence = excluded.sequence,
    registered_ns = excluded.registered_ns,
    last_seen_ns = excluded.last_seen_ns,
    progressed_ns = excluded.progressed_ns,
    interval_ns = excluded.interval_ns,
    condition = excluded.condition,
    version = excluded.version,
    in_flight = excluded.in_flight,
    in_flight_overdue = excluded.in_flight_overdue,
    processed_total = excluded.processed_total,
    failed_total = excluded.failed_total,
    last_progress_ns = excluded.last_progress_ns,
    oldest_in_flight_ns = excluded.oldest_in_flight_ns,
    queue_depth = excluded.queue_depth,
    restarts = excluded.restarts,
    clock_skew_ms = excluded.clock_skew_ms,
    lost = excluded.lost,
    written = pg_current_xact_id()
WHERE CASE
    WHEN excluded.boot_id IS NOT DISTINCT FROM known.boot_id THEN
        excluded.sequence > known.sequence
        OR (excluded.lost AND NOT known.lost AND excluded.sequence = known.sequence)
    -- A boot that has followed another is newer than it, whatever two clocks say.
    WHEN excluded.boot_id IS NOT NULL
        AND (known.boot_id IS NULL OR excluded.previous_boot_id IS NOT DISTINCT FROM known.boot_id)
    THEN
        NOT (known.boot_id IS NOT NULL AND known.previous_boot_id IS NOT DISTINCT FROM excluded.boot_id)
        OR (COALESCE(excluded.last_seen_ns, '-9223372036854775808'::bigint), excluded.boot_id COLLATE "C")
        > (COALESCE(known.last_seen_ns, '-9223372036854775808'::bigint), known.boot_id COLLATE "C")
    WHEN known.boot_id IS NOT NULL
        AND (excluded.boot_id IS NULL OR known.previous_boot_id IS NOT DISTINCT FROM excluded.boot_id)
    THEN false
    ELSE
        -- What was never seen is older than anything.
        (COALESCE(excluded.last_seen_ns, '-9223372036854775808'::bigint), excluded.boot_id COLLATE "C")
        > (COALESCE(known.last_seen_ns, '-9223372036854775808'::bigint), known.boot_id COLLATE "C")
END
