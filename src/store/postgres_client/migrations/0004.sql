-- The books: what one run of a process has counted of a business figure on one day of UTC. Each run has
-- rows of its own, whose values only grow, so that writing one twice or late changes nothing.
CREATE TABLE vantage_obs.daily_counts (
    day date NOT NULL,
    -- posts_published, ai_generations, revenue, refunds, engagement, active_organizations
    figure text NOT NULL,
    -- The kind of what was generated or of the engagement, the currency; otherwise empty.
    attribute text NOT NULL,
    -- Instance and run.
    source text NOT NULL,
    -- Money in minor units of its currency.
    value bigint NOT NULL,
    PRIMARY KEY (day, figure, attribute, source)
);

-- The same for all processes together: this is what dashboards read. Organisations don't add up: every
-- replica counts the same ones, and the day's largest is right.
CREATE VIEW vantage_obs.daily_totals AS
SELECT day, figure, attribute,
    CASE WHEN figure = 'active_organizations' THEN max(value) ELSE sum(value)::bigint END AS value
FROM vantage_obs.daily_counts
GROUP BY day, figure, attribute;
