-- The 50 largest indexes and all others as one row, as it is done for tables.
WITH relations AS MATERIALIZED (
    SELECT c.oid, c.relname, c.relnamespace, i.indrelid,
        greatest(c.relpages, 0)::bigint AS pages, pg_stat_get_numscans(c.oid) AS scans
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relkind = 'i' AND c.relpersistence <> 't'
        AND c.relnamespace NOT IN (
            SELECT oid FROM pg_namespace
            WHERE nspname IN ('pg_catalog', 'information_schema', 'pg_toast')
        )
), ranked AS MATERIALIZED (
    SELECT r.*, row_number() OVER (ORDER BY pages DESC, oid) <= 50 AS shown FROM relations r
), locked AS MATERIALIZED (
    SELECT DISTINCT relation FROM pg_locks
    WHERE mode = 'AccessExclusiveLock' AND relation IS NOT NULL
)
SELECT r.oid,
    CASE n.nspname WHEN 'public' THEN t.relname::text ELSE n.nspname || '.' || t.relname END,
    r.relname::text,
    CASE WHEN l.relation IS NULL THEN pg_relation_size(r.oid)
        ELSE r.pages * current_setting('block_size')::bigint END,
    r.scans
FROM ranked r
JOIN pg_class t ON t.oid = r.indrelid
JOIN pg_namespace n ON n.oid = r.relnamespace
LEFT JOIN locked l ON l.relation = r.oid
WHERE r.shown
UNION ALL
SELECT NULL, '_other', '_other', sum(pages)::bigint * current_setting('block_size')::bigint, sum(scans)::bigint
FROM ranked WHERE NOT shown
