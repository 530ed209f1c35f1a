-- The 50 largest tables by the catalog's sizes, which cost no lock and no look at a file, with their
-- exact sizes; then all others as one row. A table that a migration holds would be waited for: its size
-- is the catalog's.
WITH relations AS MATERIALIZED (
    SELECT c.oid, c.relname, c.relnamespace,
        (greatest(c.relpages, 0) + greatest(coalesce(t.relpages, 0), 0))::bigint AS pages,
        pg_stat_get_numscans(c.oid) AS sequential_scans
    FROM pg_class c
    LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
    WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
        AND c.relnamespace NOT IN (
            SELECT oid FROM pg_namespace WHERE nspname IN ('pg_catalog', 'information_schema')
        )
), scans AS MATERIALIZED (
    SELECT indrelid, sum(pg_stat_get_numscans(indexrelid))::bigint AS index_scans
    FROM pg_index GROUP BY indrelid
), ranked AS MATERIALIZED (
    SELECT r.*, coalesce(s.index_scans, 0) AS index_scans,
        row_number() OVER (ORDER BY pages DESC, oid) <= 50 AS shown
    FROM relations r LEFT JOIN scans s ON s.indrelid = r.oid
), locked AS MATERIALIZED (
    SELECT DISTINCT relation FROM pg_locks
    WHERE mode = 'AccessExclusiveLock' AND relation IS NOT NULL
)
SELECT r.oid,
    CASE n.nspname WHEN 'public' THEN r.relname::text ELSE n.nspname || '.' || r.relname END,
    CASE WHEN l.relation IS NULL THEN pg_table_size(r.oid)
        ELSE r.pages * current_setting('block_size')::bigint END,
    r.sequential_scans, r.index_scans
FROM ranked r
JOIN pg_namespace n ON n.oid = r.relnamespace
LEFT JOIN locked l ON l.relation = r.oid
WHERE r.shown
UNION ALL
SELECT NULL, '_other', sum(pages)::bigint * current_setting('block_size')::bigint,
    sum(sequential_scans)::bigint, sum(index_scans)::bigint
FROM ranked WHERE NOT shown
