-- What came of the samples of A/B tests, counted once and not at every look.

-- Of each sample of an A/B test, how many opened and clicked. It stays true as long as the activity's counters stand.
CREATE TABLE counted_variants (
    account_id           uuid      NOT NULL,
    campaign_activity_id uuid      NOT NULL,
    moved                integer[] NOT NULL,    -- the activity's own counters when it was counted
    counted              integer[] NOT NULL,    -- contacts who opened A, clicked A, opened B, clicked B
    PRIMARY KEY (account_id, campaign_activity_id)
);
