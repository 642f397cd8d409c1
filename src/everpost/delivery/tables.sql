-- Delivery: what goes to whom, how far each message came, and the number that bounces are addressed to.

-- One run of one campaign activity: what it says, frozen when the run started.
CREATE TABLE mailings (
    account_id           uuid        NOT NULL,
    mailing_id           uuid        NOT NULL,
    campaign_activity_id uuid        NOT NULL,
    campaign_id          uuid        NOT NULL,
    state                text        NOT NULL CHECK (state IN ('open', 'sending', 'paused', 'cancelled', 'finished')),  -- open: recipients are added
    letterhead           jsonb       NOT NULL,  -- senders and list headers: message.Letterhead
    template             bytea       NOT NULL,  -- the compiled content: templates.pack
    url_ids              bigint[]    NOT NULL,  -- of the template's links, in their order
    recipients           integer     NOT NULL DEFAULT 0,
    created_at           timestamptz NOT NULL,
    finished_at          timestamptz,
    pause_reason         text,                  -- while it is paused, in words that people read
    pauses_itself        boolean     NOT NULL DEFAULT true,     -- until a person resumes it in spite of the reason
    together_with        uuid,                  -- another mailing: what stops one of the two stops both
    paused_at            timestamptz,           -- while it is paused; an open one, which waits for a winner, can be too
    paused_seconds       double precision NOT NULL DEFAULT 0,   -- in all, until it was resumed last
    PRIMARY KEY (account_id, mailing_id)
);
CREATE INDEX mailings_together ON mailings (account_id, (coalesce(together_with, mailing_id)));
-- Across accounts on purpose: the Message-ID that a relay's notification quotes does not say whose it is.
CREATE INDEX mailings_of_activity ON mailings (campaign_activity_id);

-- One row per contact and activity, for ever: whoever is in here never gets the same activity again.
-- A claim changes neither key nor index, so it stays on its page; the fill factor leaves room for it.
CREATE TABLE outbox (
    account_id           uuid        NOT NULL,
    campaign_activity_id uuid        NOT NULL,
    contact_id           uuid        NOT NULL,
    mailing_id           uuid        NOT NULL,
    state                text        NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'bounced', 'suppressed', 'unknown')),
    attempts             smallint    NOT NULL DEFAULT 0,
    next_attempt_at      timestamptz,           -- NULL as soon as the outcome is final
    first_attempt_at     timestamptz,           -- temporary refusals are retried until 72 hours after it
    claim_id             uuid,                  -- of the last attempt: see outbox_claims
    reply_code           smallint,              -- of the last attempt; 0 where no server said anything
    reply_text           text,
    suppressed_for       text,                  -- why nothing was sent: suppressions.Reason
    PRIMARY KEY (account_id, campaign_activity_id, contact_id)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX outbox_pending ON outbox (account_id, mailing_id, next_attempt_at, contact_id) WHERE next_attempt_at IS NOT NULL;

-- Who is sending right now. A claim whose lease ran out belongs to a dead worker: what it held may have arrived or not.
CREATE TABLE outbox_claims (
    account_id  uuid        NOT NULL,
    claim_id    uuid        NOT NULL,
    mailing_id  uuid        NOT NULL,
    lease_until timestamptz NOT NULL,
    PRIMARY KEY (account_id, claim_id)
);

-- Which mailings there are, for whoever starts without an account: the sweep that looks for work, and what a bounce or
-- an unsubscribing mail is addressed to (an address has no room for three ids).
CREATE TABLE mailing_directory (
    mailing_number bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id     uuid        NOT NULL,
    mailing_id     uuid        NOT NULL UNIQUE,
    look_at        timestamptz                  -- when there is something to do next; NULL when it is finished
);
COMMENT ON TABLE mailing_directory IS '@citus:local';
CREATE INDEX mailing_directory_due ON mailing_directory (look_at) WHERE look_at IS NOT NULL;

-- Test sends on their way; a row goes when its message went.
CREATE TABLE test_messages (
    account_id uuid        NOT NULL,
    message_id uuid        NOT NULL,
    sender     bytea       NOT NULL,
    recipient  bytea       NOT NULL,
    content    bytea       NOT NULL,  -- the whole message
    attempts   smallint    NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, message_id)
);

-- Domains that an account sends from; what the last look at the DNS found wrong is told to people in these words.
CREATE TABLE sending_domains (
    account_id    uuid        NOT NULL,
    domain        text        NOT NULL,         -- lower case, in ASCII
    created_at    timestamptz NOT NULL,
    checked_at    timestamptz,
    spf_problem   text        NOT NULL DEFAULT '',
    dmarc_problem text        NOT NULL DEFAULT '',
    PRIMARY KEY (account_id, domain)
);

CREATE TABLE dkim_keys (
    account_id  uuid        NOT NULL,
    domain      text        NOT NULL,
    selector    text        NOT NULL,
    algorithm   text        NOT NULL CHECK (algorithm IN ('rsa-sha256', 'ed25519-sha256')),
    private_key bytea       NOT NULL,           -- PEM, sealed with the instance key
    public_key  text        NOT NULL,           -- as its record publishes it
    created_at  timestamptz NOT NULL,
    seen_at     timestamptz,                    -- in the DNS; nothing is signed with a key before
    PRIMARY KEY (account_id, domain, selector),
    FOREIGN KEY (account_id, domain) REFERENCES sending_domains (account_id, domain)
);

-- One row per address that some server called unknown, for all accounts alike; the row outlives its hold.
CREATE TABLE address_holds (
    address_hash bytea       NOT NULL PRIMARY KEY,     -- SHA-256 of the address in lower case
    held_until   timestamptz NOT NULL,                 -- infinity: until the operator lifts it
    noted_at     timestamptz NOT NULL
);
COMMENT ON TABLE address_holds IS '@citus:local';

-- Who called an account's mail spam is not mailed by it again, not even as a new contact.
CREATE TABLE complaint_suppressions (
    account_id    uuid        NOT NULL,
    address_hash  bytea       NOT NULL,                -- SHA-256 of the address in lower case
    complained_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, address_hash)
);

-- What an account's mails and their pages offer; an account without a row has the defaults.
CREATE TABLE mail_settings (
    account_id         uuid    NOT NULL PRIMARY KEY,
    has_comment_box    boolean NOT NULL DEFAULT false,     -- asks for a reason after unsubscribing
    has_forward_link   boolean NOT NULL DEFAULT false,
    has_profile_link   boolean NOT NULL DEFAULT true,
    privacy_policy_url text    NOT NULL DEFAULT '',
    data_notice_url    text    NOT NULL DEFAULT '',
    visible_list_ids   uuid[]  NOT NULL DEFAULT '{}'       -- lists that recipients see and may join or leave
);

-- What was written of an activity whose mails can be forwarded, for the copies that friends get.
CREATE TABLE forwardable_contents (
    account_id           uuid NOT NULL,
    campaign_activity_id uuid NOT NULL,
    html                 text NOT NULL,
    preheader            text NOT NULL,
    PRIMARY KEY (account_id, campaign_activity_id)
);

-- What the throttles have given out: one row per account, relay or receiving domain that has a limit.
CREATE TABLE send_budgets (
    name          text             NOT NULL PRIMARY KEY,   -- account:<id>, relay:<host:port> or domain:<domain>
    spent_until   double precision NOT NULL,    -- seconds since 1970: at the allowed rate, given out up to this moment
    planned_until double precision NOT NULL     -- and up to here, messages were told to come back
);
COMMENT ON TABLE send_budgets IS '@citus:local';

-- Receiving domains and relays that asked for less.
CREATE TABLE slowdowns (
    name       text             NOT NULL PRIMARY KEY,   -- as in send_budgets
    per_minute double precision NOT NULL,       -- at that moment; it doubles every five minutes
    slowed_at  timestamptz      NOT NULL
);
COMMENT ON TABLE slowdowns IS '@citus:local';

-- Connections that are busy right now, of whatever may only have so many at once, over all workers. A slot whose lease
-- ran out belonged to a dead worker and is anybody's.
CREATE TABLE send_slots (
    name        text        NOT NULL,           -- as in send_budgets
    number      integer     NOT NULL,           -- from 0; those from the limit on are not given out
    holder      uuid        NOT NULL,           -- a claim, see outbox_claims
    lease_until timestamptz NOT NULL,
    PRIMARY KEY (name, number)
);
COMMENT ON TABLE send_slots IS '@citus:local';
CREATE INDEX send_slots_holder ON send_slots (holder);

-- What the operator says about an account's sending; an account without a row may send.
CREATE TABLE send_permissions (
    account_id      uuid    NOT NULL PRIMARY KEY,
    is_under_review boolean NOT NULL DEFAULT false,
    is_staging      boolean NOT NULL DEFAULT false,
    most_recipients integer CHECK (most_recipients > 0)    -- of one run; NULL is no limit
);

-- What each sending domain of an account sent on its last day of warming up.
CREATE TABLE warm_ups (
    account_id uuid    NOT NULL,
    domain     text    NOT NULL,
    began_on   date    NOT NULL,                -- in UTC, as the days are
    day        date    NOT NULL,
    sent       integer NOT NULL,                -- on that day
    PRIMARY KEY (account_id, domain)
);
