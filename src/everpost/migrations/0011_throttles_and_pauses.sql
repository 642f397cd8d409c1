-- Sends that pause, that keep to limits, and that can say why somebody got nothing.

ALTER TABLE mailings DROP CONSTRAINT mailings_state_check;
ALTER TABLE mailings ADD CONSTRAINT mailings_state_check
    CHECK (state IN ('open', 'sending', 'paused', 'cancelled', 'finished'));
ALTER TABLE mailings ADD COLUMN pause_reason text;
ALTER TABLE mailings ADD COLUMN pauses_itself boolean NOT NULL DEFAULT true;
ALTER TABLE outbox ADD COLUMN suppressed_for text;

-- What the throttles have given out: one row per account, relay or receiving domain that has a limit.
CREATE TABLE send_budgets (
    name          text             NOT NULL PRIMARY KEY,   -- account:<id>, relay:<host:port> or domain:<domain>
    spent_until   double precision NOT NULL,    -- seconds since 1970: at the allowed rate, given out up to this moment
    planned_until double precision NOT NULL     -- and up to here, messages were told to come back
);
COMMENT ON TABLE send_budgets IS '@citus:local';

-- Receiving domains that asked for less.
CREATE TABLE slowed_domains (
    domain     text             NOT NULL PRIMARY KEY,
    per_minute double precision NOT NULL,       -- at that moment; it doubles every five minutes
    slowed_at  timestamptz      NOT NULL
);
COMMENT ON TABLE slowed_domains IS '@citus:local';

-- What each sending domain of an account sent on its last day of warming up.
CREATE TABLE warm_ups (
    account_id uuid    NOT NULL,
    domain     text    NOT NULL,
    began_on   date    NOT NULL,                -- in UTC, as the days are
    day        date    NOT NULL,
    sent       integer NOT NULL,                -- on that day
    PRIMARY KEY (account_id, domain)
);
