-- Resends to those who did not open, and tests of two subjects.

-- Resends are named by a number that is unique server-wide.
CREATE SEQUENCE resend_request_ids AS bigint START 1001;

-- A second go at those who did not open, some time after the first send; at most one per campaign.
CREATE TABLE campaign_resends (
    account_id           uuid    NOT NULL,
    campaign_id          uuid    NOT NULL,
    campaign_activity_id uuid    NOT NULL,     -- of the role resend
    request_id           bigint,               -- what the API names it by; NULL while the campaign is a draft
    subject              text    NOT NULL,
    delay_minutes        integer NOT NULL,
    status               text    NOT NULL CHECK (status IN ('DRAFT', 'SCHEDULED', 'EXECUTING', 'DONE', 'ERROR')),
    due_at               timestamptz(3),       -- NULL until the campaign was sent
    resent_at            timestamptz(3),
    PRIMARY KEY (account_id, campaign_id),
    UNIQUE (account_id, campaign_activity_id),
    FOREIGN KEY (account_id, campaign_activity_id)
        REFERENCES campaign_activities (account_id, campaign_activity_id),
    CONSTRAINT campaign_resends_numbered CHECK ((request_id IS NULL) = (status = 'DRAFT'))
);

-- Which of two subjects is opened more: a part of the audience gets one or the other, the rest gets the winner.
CREATE TABLE campaign_ab_tests (
    account_id          uuid     NOT NULL,
    campaign_id         uuid     NOT NULL,
    alternative_subject text     NOT NULL,
    test_size           smallint NOT NULL,     -- percent of the audience per subject
    winner_wait_hours   smallint NOT NULL,
    seed                text     NOT NULL,     -- shuffles the audience, the same way whenever it is asked
    mailing_a           uuid,                  -- to the first sample; the four are set when the test begins
    mailing_b           uuid,
    mailing_rest        uuid,                  -- to everybody else; not released before there is a winner
    decide_at           timestamptz(3),
    winner              text CHECK (winner IN ('A', 'B')),
    PRIMARY KEY (account_id, campaign_id),
    FOREIGN KEY (account_id, campaign_id) REFERENCES campaigns (account_id, campaign_id)
);
COMMENT ON COLUMN campaign_ab_tests.decide_at IS 'When the winner is found and the rest gets it; NULL when the audience was too small for a test.';
