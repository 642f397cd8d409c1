-- Reports: numbers that would take too long to count whenever somebody asks.

-- Contacts of a campaign's sends together, each counted once. What is counted stays true as long as the sums do.
CREATE TABLE counted_together (
    account_id           uuid      NOT NULL,
    campaign_activity_id uuid      NOT NULL,    -- the first of the campaign's activities, by id
    summed               integer[] NOT NULL,    -- the activities' own counters, added up when it was counted
    counted              integer[] NOT NULL,    -- sends, opens, clicks, bounces, optouts, forwards, abuse
    PRIMARY KEY (account_id, campaign_activity_id)
);

-- Of each sample of an A/B test, how many opened and clicked. It stays true as long as the activity's counters stand.
CREATE TABLE counted_variants (
    account_id           uuid      NOT NULL,
    campaign_activity_id uuid      NOT NULL,
    moved                integer[] NOT NULL,    -- the activity's own counters when it was counted
    counted              integer[] NOT NULL,    -- contacts who opened A, clicked A, opened B, clicked B
    PRIMARY KEY (account_id, campaign_activity_id)
);
