-- A component in one state for a time, in whole seconds. Whoever sees the state goes on extending the
-- span, so that a time in which nobody looked is a gap and not the state before it.
CREATE TABLE vantage_obs.spans (
    component text NOT NULL,
    state text NOT NULL,
    start_s bigint NOT NULL,
    end_s bigint NOT NULL,
    PRIMARY KEY (component, start_s, state)
) WITH (fillfactor = 70);
CREATE INDEX spans_end ON vantage_obs.spans (end_s);

-- Incidents and maintenance. The body is the whole of one as JSON; the columns beside it are what is
-- searched for and what has to be unique.
CREATE TABLE vantage_obs.bulletins (
    id text PRIMARY KEY,
    version bigint NOT NULL,
    slot text,
    -- When it was or will be over; null where nobody knows.
    ends_ns bigint,
    updated_ns bigint NOT NULL,
    body text NOT NULL
);
-- Of any number of processes that open the same incident at once, one does.
CREATE UNIQUE INDEX bulletins_open_slot ON vantage_obs.bulletins (slot) WHERE ends_ns IS NULL;
CREATE INDEX bulletins_updated ON vantage_obs.bulletins (updated_ns);
