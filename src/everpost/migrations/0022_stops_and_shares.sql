-- How many connections are busy at once, over all workers: a row per connection that is held.
CREATE TABLE send_slots (
    name        text        NOT NULL,
    number      integer     NOT NULL,
    holder      uuid        NOT NULL,
    lease_until timestamptz NOT NULL,
    PRIMARY KEY (name, number)
);
COMMENT ON TABLE send_slots IS '@citus:local';
CREATE INDEX send_slots_holder ON send_slots (holder);

-- Relays are slowed down like receiving domains are.
ALTER TABLE slowed_domains RENAME TO slowdowns;
ALTER TABLE slowdowns RENAME COLUMN domain TO name;
ALTER INDEX slowed_domains_pkey RENAME TO slowdowns_pkey;
UPDATE slowdowns SET name = 'domain:' || name;

-- The mailings of an A/B test stop together.
ALTER TABLE mailings ADD COLUMN together_with uuid;
ALTER TABLE mailings ADD COLUMN paused_at timestamptz;
ALTER TABLE mailings ADD COLUMN paused_seconds double precision NOT NULL DEFAULT 0;
CREATE INDEX mailings_together ON mailings (account_id, (coalesce(together_with, mailing_id)));
UPDATE mailings AS mailing
   SET together_with = test.mailing_a
  FROM campaign_ab_tests AS test
 WHERE mailing.account_id = test.account_id AND mailing.mailing_id IN (test.mailing_b, test.mailing_rest);
UPDATE mailings SET paused_at = created_at WHERE state = 'paused';

-- What the operator says about an account's sending.
CREATE TABLE send_permissions (
    account_id      uuid    NOT NULL PRIMARY KEY,
    is_under_review boolean NOT NULL DEFAULT false,
    is_staging      boolean NOT NULL DEFAULT false,
    most_recipients integer CHECK (most_recipients > 0)
);

-- What is due, or was when its worker died: the sweep asks every minute.
CREATE INDEX campaigns_due ON campaigns (scheduled_at) WHERE status IN ('SCHEDULED', 'EXECUTING');
CREATE INDEX campaign_resends_due ON campaign_resends (due_at) WHERE status IN ('SCHEDULED', 'EXECUTING');
CREATE INDEX campaign_ab_tests_due ON campaign_ab_tests (decide_at) WHERE winner IS NULL;
