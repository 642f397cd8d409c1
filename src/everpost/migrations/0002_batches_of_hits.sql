-- Opens and clicks wait in batches, one row per commit; events say what speaks against a person.

ALTER TABLE tracking_events
    ADD COLUMN sign text CHECK (sign IN ('honeypot', 'proxy', 'scanner'));

ALTER TABLE activity_counters
    ADD COLUMN opens_proxy integer NOT NULL DEFAULT 0,
    ADD COLUMN opens_scanner integer NOT NULL DEFAULT 0,
    ADD COLUMN opens_left_out integer NOT NULL DEFAULT 0,
    ADD COLUMN clicks_proxy integer NOT NULL DEFAULT 0,
    ADD COLUMN clicks_scanner integer NOT NULL DEFAULT 0,
    ADD COLUMN clicks_left_out integer NOT NULL DEFAULT 0;

UPDATE activity_counters AS counted
   SET opens_left_out = machine.opens, clicks_left_out = machine.clicks
  FROM (SELECT account_id, campaign_activity_id,
               count(*) FILTER (WHERE kind = 'open') AS opens, count(*) FILTER (WHERE kind = 'click') AS clicks
          FROM tracking_events
         WHERE is_machine
         GROUP BY account_id, campaign_activity_id) AS machine
 WHERE counted.account_id = machine.account_id AND counted.campaign_activity_id = machine.campaign_activity_id;

CREATE TABLE tracking_batches (
    account_id           uuid        NOT NULL,
    batch_id             uuid        NOT NULL,
    written_at           timestamptz NOT NULL,
    hits                 integer     NOT NULL,
    campaign_activity_ids uuid[]     NOT NULL,
    contact_ids          uuid[]      NOT NULL,
    created_ats          timestamptz[] NOT NULL,
    device_types         text[]      NOT NULL,
    url_ids              bigint[]    NOT NULL,
    signs                text[]      NOT NULL,
    PRIMARY KEY (account_id, batch_id)
);

-- What was acknowledged and not folded yet goes along.
INSERT INTO tracking_batches (account_id, batch_id, written_at, hits, campaign_activity_ids, contact_ids,
                              created_ats, device_types, url_ids, signs)
SELECT account_id, event_id, created_at, 1, ARRAY[campaign_activity_id], ARRAY[contact_id],
       ARRAY[created_at], ARRAY[device_type], ARRAY[url_id], ARRAY[CASE WHEN is_honeypot THEN 'honeypot' END]
  FROM tracking_journal;

DROP TABLE tracking_journal;
