-- The part of a slice in which somebody looked; where it is null, a release before this one wrote the row,
-- and all of the slice was.
ALTER TABLE vantage_obs.slices ADD COLUMN covered_ns bigint;

-- What one run of a process leaves to the next of its instance, such as what an alert raises.
CREATE TABLE vantage_obs.notes (
    instance text NOT NULL,
    subject text NOT NULL,
    written_ns bigint NOT NULL,
    note text NOT NULL,
    PRIMARY KEY (instance, subject)
);
