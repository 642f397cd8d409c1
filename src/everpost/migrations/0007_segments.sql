-- Segments, and what their rules look at: which campaign activities went out.

CREATE TABLE sent_activities (
    account_id           uuid        NOT NULL,
    campaign_activity_id uuid        NOT NULL,
    campaign_id          uuid        NOT NULL,
    sent_at              timestamptz NOT NULL,
    PRIMARY KEY (account_id, campaign_activity_id)
);
INSERT INTO sent_activities (account_id, campaign_activity_id, campaign_id, sent_at)
SELECT activity.account_id, activity.campaign_activity_id, activity.campaign_id, max(run.run_at)
  FROM campaign_activities AS activity
  JOIN campaigns AS campaign
    ON campaign.account_id = activity.account_id AND campaign.campaign_id = activity.campaign_id
  JOIN campaign_runs AS run
    ON run.account_id = activity.account_id AND run.campaign_activity_id = activity.campaign_activity_id
 WHERE run.sent_count > 0 AND campaign.status <> 'REMOVED'
 GROUP BY activity.account_id, activity.campaign_activity_id, activity.campaign_id;

CREATE TABLE segments (
    account_id       uuid           NOT NULL,
    segment_id       bigint         NOT NULL,
    name             text           NOT NULL,
    segment_criteria text           NOT NULL,
    created_at       timestamptz(3) NOT NULL,
    edited_at        timestamptz(3) NOT NULL,
    deleted_at       timestamptz(3),
    PRIMARY KEY (account_id, segment_id)
);
CREATE UNIQUE INDEX segments_name ON segments (account_id, lower(name)) WHERE deleted_at IS NULL;

CREATE TABLE segment_findings (
    account_id  uuid        NOT NULL,
    segment_id  bigint      NOT NULL,
    asked_at    timestamptz NOT NULL,
    found_at    timestamptz,
    contact_ids uuid[],
    PRIMARY KEY (account_id, segment_id)
);

CREATE INDEX contacts_custom_values ON contacts USING gin (custom_values jsonb_path_ops)
    WHERE custom_values::text LIKE '%[%';
CREATE INDEX engagement_opened ON engagement (account_id, campaign_activity_id, contact_id)
    WHERE first_opened_at IS NOT NULL;
CREATE INDEX engagement_clicked ON engagement (account_id, campaign_activity_id, contact_id)
    WHERE first_clicked_at IS NOT NULL;
